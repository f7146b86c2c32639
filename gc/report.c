/* SPDX-License-Identifier: Apache-2.0
 *
 * report: a run in JSON.
 */
#include "gc/report.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *gc_phase_name(enum gc_phase p)
{
    switch (p) {
    case GC_SCAN:
        return "scan";
    case GC_SETTLE:
        return "settle";
    case GC_SWEEP:
        return "sweep";
    case GC_OVER:
        return "over";
    }
    return "over";
}

const char *gc_outcome_name(enum gc_outcome o)
{
    switch (o) {
    case GC_UNFINISHED:
        return "unfinished";
    case GC_DONE:
        return "done";
    case GC_STOPPED:
        return "stopped";
    case GC_FAILED:
        return "failed";
    }
    return "failed";
}

void report_add_number(struct buf *b, const char *name, uint64_t value)
{
    buf_printf(b, ",\"%s\":%" PRIu64, name, value);
}

void report_add_text(struct buf *b, const char *name, const char *value)
{
    buf_printf(b, "%s\"%s\":\"", b->n > 0 && b->p[b->n - 1] != '{' ? "," : "", name);
    buf_add_json(b, span_of(value));
    buf_add_char(b, '"');
}

void report_add_time(struct buf *b, const char *name, time_t t)
{
    char text[32];
    struct tm tm;
    if (t == 0) {
        buf_printf(b, ",\"%s\":null", name);
        return;
    }
    (void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&t, &tm));
    report_add_text(b, name, text);
}

static void add_counts(struct buf *b, const struct gc_report *r)
{
    report_add_number(b, "repositories", r->repositories);
    report_add_number(b, "manifests", r->manifests);
    report_add_number(b, "links", r->links);
    report_add_number(b, "uploads", r->uploads);
    report_add_number(b, "blobs", r->blobs);
    report_add_number(b, "bytes", r->bytes);
    report_add_number(b, "blobs_marked", r->blobs_marked);
    report_add_number(b, "blobs_eligible", r->blobs_eligible);
    report_add_number(b, "blobs_deleted", r->blobs_deleted);
    report_add_number(b, "bytes_freed", r->bytes_freed);
    report_add_number(b, "blobs_pinned", r->blobs_pinned);
    report_add_number(b, "bytes_reclaimable", r->bytes_reclaimable);
    report_add_number(b, "manifests_deleted", r->manifests_deleted);
    report_add_number(b, "links_deleted", r->links_deleted);
    report_add_number(b, "uploads_deleted", r->uploads_deleted);
    report_add_number(b, "repositories_deleted", r->repositories_deleted);
    report_add_number(b, "manifests_pinned", r->manifests_pinned);
    report_add_number(b, "links_pinned", r->links_pinned);
}

static void add_skipped(struct buf *b, const struct gc_report *r)
{
    report_add_number(b, "skipped_count", r->skipped_count);
    buf_add_str(b, ",\"skipped\":[");
    for (uint64_t i = 0; i < r->skipped_count && i < GC_SKIPPED_KEPT; i++) {
        buf_add_str(b, i > 0 ? ",{" : "{");
        report_add_text(b, "what", r->skipped[i].what);
        report_add_text(b, "reason", r->skipped[i].reason);
        buf_add_char(b, '}');
    }
    buf_add_char(b, ']');
}

void gc_report_print(const struct gc_report *r, struct buf *out)
{
    buf_add_char(out, '{');
    report_add_text(out, "outcome", gc_outcome_name(r->outcome));
    report_add_text(out, "phase", gc_phase_name(r->phase));
    if (r->outcome == GC_FAILED)
        report_add_text(out, "failure", r->failure);
    buf_printf(out, ",\"dry_run\":%s,\"delete_untagged\":%s", r->dry_run ? "true" : "false",
               r->delete_untagged ? "true" : "false");
    report_add_time(out, "started", r->started);
    report_add_time(out, "ended", r->ended);
    report_add_number(out, "duration_us", r->duration_us);
    report_add_number(out, "work_us", r->work_us);
    report_add_number(out, "slices", r->slices);
    report_add_number(out, "longest_slice_us", r->longest_slice_us);
    add_counts(out, r);
    add_skipped(out, r);
    buf_add_char(out, '}');
}

/* ---- And back. -------------------------------------------------------------------------- */

uint64_t report_number(const cJSON *in, const char *name)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(in, name);
    return cJSON_IsNumber(v) && v->valuedouble > 0 ? (uint64_t)v->valuedouble : 0;
}

void report_text(const cJSON *in, const char *name, char *to, size_t n)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(in, name);
    (void)snprintf(to, n, "%s", cJSON_IsString(v) ? v->valuestring : "");
}

enum gc_outcome report_outcome(const cJSON *in)
{
    char word[16];
    report_text(in, "outcome", word, sizeof(word));
    for (enum gc_outcome o = GC_UNFINISHED; o <= GC_FAILED; o++)
        if (strcmp(word, gc_outcome_name(o)) == 0)
            return o;
    return GC_UNFINISHED;
}

static void take_skipped(const cJSON *list, struct gc_report *r)
{
    const cJSON *item;
    size_t i = 0;
    cJSON_ArrayForEach(item, list)
    {
        if (i == GC_SKIPPED_KEPT)
            return;
        report_text(item, "what", r->skipped[i].what, sizeof(r->skipped[i].what));
        report_text(item, "reason", r->skipped[i].reason, sizeof(r->skipped[i].reason));
        i++;
    }
}

void gc_report_take(const cJSON *json, struct gc_report *out)
{
    char word[16];
    *out = (struct gc_report){.outcome = report_outcome(json)};
    report_text(json, "phase", word, sizeof(word));
    for (enum gc_phase p = GC_SCAN; p <= GC_OVER; p++)
        if (strcmp(word, gc_phase_name(p)) == 0)
            out->phase = p;
    report_text(json, "failure", out->failure, sizeof(out->failure));
    out->repositories = report_number(json, "repositories");
    out->blobs = report_number(json, "blobs");
    out->blobs_deleted = report_number(json, "blobs_deleted");
    out->bytes_freed = report_number(json, "bytes_freed");
    out->skipped_count = report_number(json, "skipped_count");
    take_skipped(cJSON_GetObjectItemCaseSensitive(json, "skipped"), out);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * gc_status: JSON for administrators, metrics for Prometheus.
 */
#include "server/gc_status.h"

#include <inttypes.h>

#include "server/metrics.h"

void gc_status_begin(struct gc_status *s, const struct gc_request *r, bool refuses)
{
    s->running = true;
    s->refuses = refuses;
    s->request = *r;
    s->run += r->scope == GC_EVERYTHING;
    s->current = (struct gc_report){.dry_run = r->dry_run, .delete_untagged = r->delete_untagged};
}

void gc_status_end(struct gc_status *s)
{
    s->running = s->refuses = false;
    if (s->request.scope != GC_EVERYTHING)
        return;
    s->last = s->current;
    s->runs++;
    if (s->last.dry_run)
        return;
    s->blobs_deleted += s->last.blobs_deleted;
    s->bytes_freed += s->last.bytes_freed;
}

static const char *word(bool b)
{
    return b ? "true" : "false";
}

/* What a person wants to see first; all of it is in the report. */
static void print_counts(const struct gc_report *r, struct buf *b)
{
    buf_printf(
        b,
        "\"counts\":{\"repositories\":%" PRIu64 ",\"manifests\":%" PRIu64 ",\"blobs\":%" PRIu64
        ",\"blobs_marked\":%" PRIu64 ",\"blobs_deleted\":%" PRIu64 ",\"bytes_freed\":%" PRIu64 "},",
        r->repositories, r->manifests, r->blobs, r->blobs_marked, r->blobs_deleted, r->bytes_freed);
}

static void print_report(const char *name, const struct gc_report *r, struct buf *b)
{
    buf_printf(b, "\"%s\":", name);
    if (r)
        gc_report_print(r, b);
    else
        buf_add_str(b, "null");
}

/* The mode flag: up while a run may remove something. What it does to writers is the option's. */
static bool is_read_only(const struct gc_status *s)
{
    return s->running && s->request.scope == GC_EVERYTHING && !s->request.dry_run;
}

void gc_status_print(const struct gc_status *s, const char *writes, struct buf *b)
{
    const struct gc_report *now = s->running ? &s->current : NULL;
    bool uploads = s->request.scope == GC_UPLOADS;
    buf_printf(b, "{\"running\":%s,\"run\":%" PRIu64 ",\"read_only\":%s,\"writes\":\"%s\",",
               word(s->running), s->run, word(is_read_only(s)), writes);
    buf_printf(b, "\"phase\":\"%s\",\"dry_run\":%s,", now ? gc_phase_name(now->phase) : "idle",
               word(now && now->dry_run));
    if (now)
        buf_printf(b, "\"scope\":\"%s\",", uploads ? "uploads" : "everything");
    if (now)
        print_counts(now, b);
    print_report("report", now, b);
    buf_add_char(b, ',');
    if (s->runs == 0 && s->before)
        buf_printf(b, "\"last\":%s", s->before);
    else
        print_report("last", s->runs > 0 ? &s->last : NULL, b);
    buf_add_str(b, "}\n");
}

static void add_metric(struct buf *b, const char *name, const char *type, const char *help,
                       double value)
{
    buf_printf(b, "# HELP registry_gc_%s %s\n# TYPE registry_gc_%s %s\nregistry_gc_%s %.15g\n",
               name, help, name, type, name, value);
}

/* What is there, as far as anybody has counted it. */
static void add_storage(struct buf *b, const struct gc_report *last)
{
    bool kept = last->dry_run;
    metrics_add(b, "registry_storage_blobs", "gauge", "Blobs, as of the last collection.",
                (double)(last->blobs - (kept ? 0 : last->blobs_deleted)));
    metrics_add(b, "registry_storage_bytes", "gauge", "Bytes of them.",
                (double)(last->bytes - (kept ? 0 : last->bytes_freed)));
}

void gc_status_metrics(const struct gc_status *s, struct buf *b)
{
    const struct gc_report *last = &s->last; /* zeros before the first */
    const double second_us = 1e6;
    if (s->runs > 0 && last->outcome == GC_DONE)
        add_storage(b, last);
    add_metric(b, "running", "gauge", "Is garbage being collected?", s->running);
    add_metric(b, "read_only", "gauge",
               "Is the mode flag up? Writers are held for an instant or refused (gc.writes).",
               is_read_only(s));
    add_metric(b, "runs_total", "counter", "Collections that are over.", (double)s->runs);
    add_metric(b, "blobs_deleted_total", "counter", "Blobs deleted.", (double)s->blobs_deleted);
    add_metric(b, "bytes_freed_total", "counter", "Bytes of them.", (double)s->bytes_freed);
    add_metric(b, "reclaimable_bytes", "gauge",
               "Bytes that the last collection kept only for its grace period.",
               (double)last->bytes_reclaimable);
    add_metric(b, "skipped", "gauge", "What the last collection could not read.",
               (double)last->skipped_count);
    add_metric(b, "duration_seconds", "gauge", "How long the last collection took.",
               (double)last->duration_us / second_us);
}

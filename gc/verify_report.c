/* SPDX-License-Identifier: Apache-2.0
 *
 * verify_report: a verification in JSON, both ways: the next process reads what this one wrote.
 */
#include "gc/verify_report.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(member)                                                                              \
    {                                                                                              \
#member, offsetof(struct verify_report, member)                                            \
    }

static const struct {
    const char *name;
    size_t at;
} counts[] = {
    COUNT(work_us), COUNT(blobs),     COUNT(bytes),         COUNT(repositories), COUNT(manifests),
    COUNT(tags),    COUNT(links),     COUNT(damaged),       COUNT(moved),        COUNT(unreadable),
    COUNT(missing), COUNT(leftovers), COUNT(finding_count),
};

static uint64_t *count_of(const struct verify_report *r, size_t i)
{
    return (uint64_t *)(void *)((char *)r + counts[i].at);
}

const char *verify_phase_name(enum verify_phase p)
{
    switch (p) {
    case VERIFY_DATA:
        return "data";
    case VERIFY_LINKS:
        return "links";
    case VERIFY_REST:
        return "rest";
    case VERIFY_OVER:
        return "over";
    }
    return "over";
}

/* ---- Out. ------------------------------------------------------------------------------- */

static uint64_t kept(const struct verify_report *r)
{
    return r->finding_count < VERIFY_FINDINGS_KEPT ? r->finding_count : VERIFY_FINDINGS_KEPT;
}

static void add_finding(struct buf *b, const struct verify_finding *f)
{
    buf_add_char(b, '{');
    report_add_text(b, "what", f->what);
    report_add_text(b, "reason", f->reason);
    if (f->data.s[0]) {
        report_add_text(b, "digest", f->data.s);
        report_add_number(b, "size", f->size);
    }
    if (f->place[0])
        report_add_text(b, "moved_to", f->place);
    buf_add_char(b, '}');
}

void verify_report_print(const struct verify_report *r, struct buf *out)
{
    buf_add_char(out, '{');
    report_add_text(out, "outcome", gc_outcome_name(r->outcome));
    report_add_text(out, "phase", verify_phase_name(r->phase));
    buf_printf(out, ",\"moves\":%s,\"progress\":%.4f", r->moves ? "true" : "false", r->progress);
    report_add_text(out, "position", r->position.s);
    report_add_time(out, "started", r->started);
    report_add_time(out, "ended", r->ended);
    for (size_t i = 0; i < array_len(counts); i++)
        report_add_number(out, counts[i].name, *count_of(r, i));
    buf_add_str(out, ",\"findings\":[");
    for (uint64_t i = 0; i < kept(r); i++) {
        if (i > 0)
            buf_add_char(out, ',');
        add_finding(out, &r->findings[i]);
    }
    buf_add_str(out, "]}");
}

void verify_finding_print(const struct verify_finding *f, struct buf *out)
{
    buf_printf(out, "%s: %s", f->what, f->reason);
    if (f->place[0])
        buf_printf(out, "; moved to %s", f->place);
}

/* ---- And back. -------------------------------------------------------------------------- */

static time_t moment(const cJSON *in, const char *name)
{
    struct tm tm = {0};
    char word[32];
    report_text(in, name, word, sizeof(word));
    return strptime(word, "%Y-%m-%dT%H:%M:%SZ", &tm) ? timegm(&tm) : 0;
}

static void take_findings(const cJSON *list, struct verify_report *out)
{
    const cJSON *item;
    size_t i = 0;
    cJSON_ArrayForEach(item, list)
    {
        struct verify_finding *f = &out->findings[i++];
        if (i > VERIFY_FINDINGS_KEPT)
            return;
        report_text(item, "what", f->what, sizeof(f->what));
        report_text(item, "reason", f->reason, sizeof(f->reason));
        report_text(item, "digest", f->data.s, sizeof(f->data.s));
        report_text(item, "moved_to", f->place, sizeof(f->place));
        f->size = report_number(item, "size");
    }
}

void verify_report_take(const struct cJSON *json, struct verify_report *out)
{
    char word[16];
    *out = (struct verify_report){.moves = cJSON_IsTrue(cJSON_GetObjectItem(json, "moves")),
                                  .outcome = report_outcome(json)};
    report_text(json, "phase", word, sizeof(word));
    for (enum verify_phase p = VERIFY_DATA; p <= VERIFY_OVER; p++)
        if (strcmp(word, verify_phase_name(p)) == 0)
            out->phase = p;
    const cJSON *progress = cJSON_GetObjectItemCaseSensitive(json, "progress");
    out->progress = cJSON_IsNumber(progress) ? progress->valuedouble : 0;
    report_text(json, "position", out->position.s, sizeof(out->position.s));
    out->started = moment(json, "started");
    out->ended = moment(json, "ended");
    for (size_t i = 0; i < array_len(counts); i++)
        *count_of(out, i) = report_number(json, counts[i].name);
    take_findings(cJSON_GetObjectItemCaseSensitive(json, "findings"), out);
}

bool verify_report_read(struct span json, struct verify_report *out)
{
    cJSON *root = cJSON_ParseWithLength(json.p, json.n);
    bool object = cJSON_IsObject(root);
    if (object)
        verify_report_take(root, out);
    cJSON_Delete(root);
    return object;
}

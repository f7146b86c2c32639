/* SPDX-License-Identifier: Apache-2.0
 *
 * collect_remote: start, poll, print.
 */
#include "server/collect_remote.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "server/admin_client.h"

enum { POLL_MS = 100 };

struct remote {
    const char *socket;
    const struct gc_request *request;
    struct progress *progress;
    struct fault *fault;
    uint64_t run;   /* ours */
    uint64_t lines; /* bytes of them that were printed */
};

/* What the server says of its runs. */
struct seen {
    bool running;
    uint64_t run;
    struct gc_report report, last;
};

static void wait_a_moment(void)
{
    struct timespec t = {.tv_nsec = POLL_MS * 1000L * 1000};
    (void)nanosleep(&t, NULL);
}

/* ---- JSON. ------------------------------------------------------------------------------ */

static uint64_t number(const cJSON *in, const char *name)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(in, name);
    return cJSON_IsNumber(v) && v->valuedouble > 0 ? (uint64_t)v->valuedouble : 0;
}

static void copy_text(const cJSON *in, const char *name, char *to, size_t n)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(in, name);
    (void)snprintf(to, n, "%s", cJSON_IsString(v) ? v->valuestring : "");
}

static void read_skipped(const cJSON *list, struct gc_report *r)
{
    const cJSON *item;
    size_t i = 0;
    cJSON_ArrayForEach(item, list)
    {
        if (i == GC_SKIPPED_KEPT)
            return;
        copy_text(item, "what", r->skipped[i].what, sizeof(r->skipped[i].what));
        copy_text(item, "reason", r->skipped[i].reason, sizeof(r->skipped[i].reason));
        i++;
    }
}

/* Only what is told to people here. */
static void read_report(const cJSON *in, struct gc_report *r)
{
    char word[16];
    copy_text(in, "outcome", word, sizeof(word));
    for (enum gc_outcome o = GC_UNFINISHED; o <= GC_FAILED; o++)
        if (strcmp(word, gc_outcome_name(o)) == 0)
            r->outcome = o;
    copy_text(in, "phase", word, sizeof(word));
    for (enum gc_phase p = GC_SCAN; p <= GC_OVER; p++)
        if (strcmp(word, gc_phase_name(p)) == 0)
            r->phase = p;
    copy_text(in, "failure", r->failure, sizeof(r->failure));
    r->repositories = number(in, "repositories");
    r->blobs = number(in, "blobs");
    r->blobs_deleted = number(in, "blobs_deleted");
    r->bytes_freed = number(in, "bytes_freed");
    r->skipped_count = number(in, "skipped_count");
    read_skipped(cJSON_GetObjectItemCaseSensitive(in, "skipped"), r);
}

static bool read_seen(struct span text, struct seen *out)
{
    cJSON *root = cJSON_ParseWithLength(text.p, text.n);
    if (!root)
        return false;
    *out = (struct seen){.running = cJSON_IsTrue(cJSON_GetObjectItem(root, "running")),
                         .run = number(root, "run")};
    read_report(cJSON_GetObjectItemCaseSensitive(root, "report"), &out->report);
    read_report(cJSON_GetObjectItemCaseSensitive(root, "last"), &out->last);
    cJSON_Delete(root);
    return true;
}

/* ---- Requests. -------------------------------------------------------------------------- */

static enum rc understand(const struct remote *r, const struct admin_answer *a, struct seen *out)
{
    if (a->rc == RC_GC_RUNNING)
        return a->rc;
    if (a->rc == RC_OK && read_seen(buf_span(&a->body), out))
        return RC_OK;
    return fault(r->fault, RC_INTERNAL, "the server at %s says: %.*s", r->socket, (int)a->body.n,
                 a->body.p);
}

static enum rc ask(const struct remote *r, enum http_method method, const char *body,
                   struct seen *out)
{
    struct admin_answer a;
    struct admin_request q = {method, "/admin/gc", "", body};
    enum rc rc = admin_ask(r->socket, &q, &a, r->fault);
    if (rc != RC_OK)
        return rc;
    rc = understand(r, &a, out);
    admin_answer_fini(&a);
    return rc;
}

static enum rc start(const struct remote *r, struct seen *out)
{
    char body[128];
    const struct gc_request *q = r->request;
    (void)snprintf(body, sizeof(body), "{\"dry_run\":%s,\"delete_untagged\":%s,\"lines\":%s}",
                   q->dry_run ? "true" : "false", q->delete_untagged ? "true" : "false",
                   q->lines ? "true" : "false");
    return ask(r, METHOD_POST, body, out);
}

/* The server was there: that it is not any more is no reason to do its work. */
static enum rc look(const struct remote *r, struct seen *out)
{
    enum rc rc = ask(r, METHOD_GET, "", out);
    if (rc == RC_NOT_FOUND)
        return fault(r->fault, RC_IO, "the server at %s has ended", r->socket);
    return rc;
}

static enum rc wait_for_other(const struct remote *r)
{
    struct seen seen = {.running = true};
    enum rc rc = RC_OK;
    while (rc == RC_OK && seen.running) {
        wait_a_moment();
        rc = look(r, &seen);
        if (seen.running)
            progress_draw(r->progress, &seen.report);
    }
    progress_erase(r->progress);
    return rc;
}

static enum rc start_ours(struct remote *r)
{
    struct seen seen;
    bool told = false;
    enum rc rc;
    while ((rc = start(r, &seen)) == RC_GC_RUNNING) {
        if (!told)
            (void)fputs("a garbage collection is running already: waiting for it\n", stderr);
        told = true;
        rc = wait_for_other(r);
        if (rc != RC_OK)
            return rc;
    }
    if (rc == RC_OK)
        r->run = seen.run;
    return rc;
}

/* How many bytes of it were whole lines. */
static size_t print_whole_lines(struct progress *p, struct span text)
{
    struct span line, rest = text;
    size_t whole = 0;
    while (span_cut(rest, '\n', &line, &rest)) {
        progress_line(p, line);
        whole += line.n + 1;
    }
    (void)fflush(stdout);
    return whole;
}

/* What the run has said since the last time. */
static enum rc print_lines(struct remote *r)
{
    char range[64];
    struct admin_answer a;
    struct admin_request q = {METHOD_GET, "/admin/gc/lines", range, ""};
    (void)snprintf(range, sizeof(range), "Range: bytes=%" PRIu64 "-\r\n", r->lines);
    enum rc rc = admin_ask(r->socket, &q, &a, r->fault);
    if (rc != RC_OK)
        return rc;
    if (a.rc == RC_OK && a.body.n > 0) {
        r->lines += print_whole_lines(r->progress, buf_span(&a.body));
    }
    admin_answer_fini(&a);
    return RC_OK;
}

static enum rc follow(struct remote *r, struct seen *seen)
{
    bool ours = true;
    while (ours) {
        wait_a_moment();
        enum rc rc = look(r, seen);
        /* Lines after the look: when that says the run is over, all of them are there. */
        if (rc == RC_OK && r->request->lines && seen->run == r->run)
            rc = print_lines(r);
        if (rc != RC_OK)
            return rc;
        ours = seen->running && seen->run == r->run;
        if (ours)
            progress_draw(r->progress, &seen->report);
    }
    return RC_OK;
}

enum rc collect_remote(const char *socket, const struct gc_request *q, struct progress *p,
                       struct gc_report *out, struct fault *f)
{
    struct remote r = {.socket = socket, .request = q, .progress = p, .fault = f};
    struct seen seen;
    enum rc rc = start_ours(&r);
    if (rc == RC_OK)
        rc = follow(&r, &seen);
    if (rc == RC_OK)
        *out = seen.last;
    return rc;
}

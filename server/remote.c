/* SPDX-License-Identifier: Apache-2.0
 *
 * remote: start, poll, print.
 */
#include "server/remote.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>

#include "server/admin_client.h"

enum { POLL_MS = 100 };

struct remote {
    const char *socket;
    const struct remote_task *task;
    struct progress *progress;
    struct fault *fault;
    uint64_t run;   /* ours */
    uint64_t lines; /* bytes of them that were printed */
};

/* What the server says of its runs. */
struct seen {
    bool running;
    uint64_t run;
};

/* ---- JSON. ------------------------------------------------------------------------------ */

/* Our own run's last report is that of its end. */
static void hand_on(const struct remote *r, const cJSON *root, const struct seen *seen)
{
    bool over = !seen->running || (r->run > 0 && seen->run != r->run);
    const cJSON *report = cJSON_GetObjectItemCaseSensitive(root, over ? "last" : "report");
    if (cJSON_IsObject(report))
        r->task->report(r->task->ctx, report);
}

static bool read_seen(const struct remote *r, struct span text, struct seen *out)
{
    cJSON *root = cJSON_ParseWithLength(text.p, text.n);
    if (!root)
        return false;
    const cJSON *run = cJSON_GetObjectItemCaseSensitive(root, "run");
    *out = (struct seen){.running = cJSON_IsTrue(cJSON_GetObjectItem(root, "running")),
                         .run = cJSON_IsNumber(run) ? (uint64_t)run->valuedouble : 0};
    hand_on(r, root, out);
    cJSON_Delete(root);
    return true;
}

/* ---- Requests. -------------------------------------------------------------------------- */

static enum rc understand(const struct remote *r, const struct admin_answer *a, struct seen *out)
{
    if (a->rc == RC_GC_RUNNING)
        return a->rc;
    if (a->rc == RC_OK && read_seen(r, buf_span(&a->body), out))
        return RC_OK;
    return fault(r->fault, RC_INTERNAL, "the server at %s says: %.*s", r->socket, (int)a->body.n,
                 a->body.p);
}

static enum rc ask(const struct remote *r, enum http_method method, const char *body,
                   struct seen *out)
{
    struct admin_answer a;
    struct admin_request q = {method, r->task->path, "", body};
    enum rc rc = admin_ask(r->socket, &q, &a, r->fault);
    if (rc != RC_OK)
        return rc;
    rc = understand(r, &a, out);
    admin_answer_fini(&a);
    return rc;
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
        progress_wait(POLL_MS);
        rc = look(r, &seen);
    }
    progress_erase(r->progress);
    return rc;
}

static enum rc start_ours(struct remote *r)
{
    struct seen seen;
    bool told = false;
    enum rc rc;
    while ((rc = ask(r, METHOD_POST, r->task->body, &seen)) == RC_GC_RUNNING) {
        if (!told)
            (void)fprintf(stderr, "%s is running already: waiting for it\n", r->task->name);
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
    char range[64], path[64];
    struct admin_answer a;
    struct admin_request q = {METHOD_GET, path, range, ""};
    (void)snprintf(path, sizeof(path), "%s/lines", r->task->path);
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

static enum rc follow(struct remote *r)
{
    struct seen seen = {.running = true, .run = r->run};
    while (seen.running && seen.run == r->run) {
        progress_wait(POLL_MS);
        enum rc rc = look(r, &seen);
        /* Lines after the look: when that says the run is over, all of them are there. */
        if (rc == RC_OK && r->task->lines && seen.run == r->run)
            rc = print_lines(r);
        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}

enum rc remote_run(const char *socket, const struct remote_task *t, struct progress *p,
                   struct fault *f)
{
    struct remote r = {.socket = socket, .task = t, .progress = p, .fault = f};
    enum rc rc = start_ours(&r);
    if (rc == RC_OK)
        rc = follow(&r);
    progress_erase(p);
    return rc;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * verify_command: by the server, or here.
 */
#include "server/verify_command.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gc/verify.h"
#include "server/progress.h"
#include "server/remote.h"

enum { SLICE_US = 100 * 1000 };

/* What there is to do, and how it goes. */
struct task {
    const struct config *config;
    bool dry_run, quiet;
    struct progress progress;
    struct verify_report report;
};

static void draw(struct task *t)
{
    const double percent = 100;
    const struct verify_report *r = &t->report;
    progress_draw(&t->progress, "%s: %.1f %%, %" PRIu64 " blobs, %s read, %" PRIu64 " findings",
                  verify_phase_name(r->phase), percent * r->progress, r->blobs,
                  progress_size(r->bytes).s, r->finding_count);
}

/* ---- By the server. --------------------------------------------------------------------- */

static void take_report(void *ctx, const struct cJSON *json)
{
    struct task *t = ctx;
    verify_report_take(json, &t->report);
    draw(t);
}

static enum rc verify_there(struct task *t, struct fault *f)
{
    char body[64];
    struct remote_task task = {.name = "a verification",
                               .path = "/admin/verify",
                               .body = body,
                               .lines = true,
                               .report = take_report,
                               .ctx = t};
    (void)snprintf(body, sizeof(body), "{\"dry_run\":%s,\"lines\":true}",
                   t->dry_run ? "true" : "false");
    return remote_run(t->config->admin_socket, &task, &t->progress, f);
}

/* ---- Here. ------------------------------------------------------------------------------ */

static void print_line(void *ctx, const char *text)
{
    struct task *t = ctx;
    progress_line(&t->progress, span_of(text));
    (void)fflush(stdout);
}

static void run_to_end(struct task *t, struct verify *v)
{
    enum gc_next next;
    do {
        next = verify_step(v, SLICE_US, UINT64_MAX);
        t->report = *verify_report(v);
        draw(t);
        if (next == GC_PAUSE)
            progress_wait(GC_PAUSE_MS);
    } while (next != GC_END);
}

static enum rc verify_here(struct task *t, struct fault *f)
{
    struct store *store = NULL;
    struct verify_options options = {
        .moves = !t->dry_run && !t->config->readonly, .line = print_line, .line_ctx = t};
    /* store_open makes what is missing, but where nothing is a path is more likely to be wrong. */
    if (access(t->config->root_directory, F_OK) != 0)
        return fault(f, RC_IO, "%s: %s", t->config->root_directory, strerror(errno));
    enum rc rc = store_open(t->config->root_directory, &store, f);
    if (rc == RC_OK) {
        struct verify *v = verify_begin(store, &options);
        run_to_end(t, v);
        verify_end(v);
    }
    store_close(store);
    return rc;
}

/* ---- The end. --------------------------------------------------------------------------- */

static int fail(const char *why)
{
    (void)fprintf(stderr, "failed to verify: %s\n", why);
    return CLI_NOT_VERIFIED;
}

static int tell_outcome(const struct task *t)
{
    const struct verify_report *r = &t->report;
    if (!t->quiet)
        (void)printf("%" PRIu64 " blobs (%s) and %" PRIu64 " manifests in %" PRIu64
                     " repositories verified: %" PRIu64 " damaged, %" PRIu64
                     " moved aside, %" PRIu64 " missing, %" PRIu64 " cannot be read\n",
                     r->blobs, progress_size(r->bytes).s, r->manifests, r->repositories, r->damaged,
                     r->moved, r->missing, r->unreadable);
    if (r->outcome != GC_DONE)
        return fail("it was stopped before the end");
    if (r->finding_count == 0)
        return EXIT_SUCCESS;
    (void)fprintf(stderr, "%" PRIu64 " findings\n", r->finding_count);
    return CLI_FINDINGS;
}

int verify_command(const struct cli *cli, const struct config *config)
{
    struct task *t = must_calloc(sizeof(*t));
    struct arena a;
    struct fault f;
    *t = (struct task){.config = config, .dry_run = cli->dry_run, .quiet = cli->quiet};
    arena_init(&a);
    fault_init(&f, &a);
    progress_init(&t->progress);
    enum rc rc = verify_there(t, &f);
    if (rc == RC_NOT_FOUND)
        rc = verify_here(t, &f);
    progress_erase(&t->progress);
    int status = rc == RC_OK ? tell_outcome(t)
                             : fail(f.first && f.first->detail ? f.first->detail : rc_name(rc));
    arena_fini(&a);
    free(t);
    return status;
}

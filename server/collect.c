/* SPDX-License-Identifier: Apache-2.0
 *
 * collect: by the server, or here.
 */
#include "server/collect.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gc/gc.h"
#include "server/gc_status.h"
#include "server/progress.h"
#include "server/remote.h"

enum { SLICE_US = 100 * 1000 };

static void print_line(void *ctx, const char *text)
{
    progress_line(ctx, span_of(text));
}

static struct gc_options options_of(const struct config *c, const struct gc_request *r,
                                    struct progress *p)
{
    return (struct gc_options){
        .scope = r->scope,
        .dry_run = r->dry_run,
        .delete_untagged = r->delete_untagged,
        .grace_ms = c->gc_grace,
        .upload_age_ms = c->purge_enabled && !c->purge_dry_run ? c->purge_age : 0,
        .line = r->lines ? print_line : NULL,
        .line_ctx = p,
    };
}

static void draw(struct progress *p, const struct gc_report *r)
{
    progress_draw(p,
                  "%s: %" PRIu64 " repositories, %" PRIu64 " blobs, %" PRIu64 " deleted, %s freed",
                  gc_phase_name(r->phase), r->repositories, r->blobs, r->blobs_deleted,
                  progress_size(r->bytes_freed).s);
}

static void run_to_end(struct gc *gc, struct progress *p)
{
    enum gc_next next;
    while ((next = gc_step(gc, SLICE_US)) != GC_END) {
        draw(p, gc_report(gc));
        if (next == GC_PAUSE)
            progress_wait(GC_PAUSE_MS);
    }
    progress_erase(p);
    (void)fflush(stdout);
}

static enum rc collect_here(const struct config *c, const struct gc_request *r, struct progress *p,
                            struct gc_report *out, struct fault *f)
{
    struct store *store = NULL;
    struct gc *gc = NULL;
    struct gc_options options = options_of(c, r, p);
    /* store_open makes what is missing, but where nothing is a path is more likely to be wrong. */
    if (access(c->root_directory, F_OK) != 0)
        return fault(f, RC_IO, "%s: %s", c->root_directory, strerror(errno));
    enum rc rc = store_open(c->root_directory, &store, f);
    if (rc == RC_OK)
        rc = gc_begin(store, &options, &gc, f);
    if (rc == RC_OK) {
        run_to_end(gc, p);
        *out = *gc_report(gc);
    }
    gc_end(gc);
    store_close(store);
    return rc;
}

/* By a server. */
struct asked {
    struct progress *progress;
    struct gc_report *report;
};

static void take_report(void *ctx, const struct cJSON *json)
{
    struct asked *a = ctx;
    gc_report_take(json, a->report);
    draw(a->progress, a->report);
}

static enum rc collect_there(const struct config *c, const struct gc_request *r, struct progress *p,
                             struct gc_report *out, struct fault *f)
{
    char body[128];
    struct asked asked = {.progress = p, .report = out};
    struct remote_task task = {.name = "a garbage collection",
                               .path = "/admin/gc",
                               .body = body,
                               .lines = r->lines,
                               .report = take_report,
                               .ctx = &asked};
    (void)snprintf(body, sizeof(body), "{\"dry_run\":%s,\"delete_untagged\":%s,\"lines\":%s}",
                   r->dry_run ? "true" : "false", r->delete_untagged ? "true" : "false",
                   r->lines ? "true" : "false");
    return remote_run(c->admin_socket, &task, p, f);
}

static int fail(const char *why)
{
    (void)fprintf(stderr, "failed to garbage collect: %s\n", why);
    return EXIT_FAILURE;
}

static int tell_outcome(const struct gc_report *r)
{
    char text[64];
    for (uint64_t i = 0; i < r->skipped_count && i < GC_SKIPPED_KEPT; i++)
        (void)fprintf(stderr, "skipped %s: %s\n", r->skipped[i].what, r->skipped[i].reason);
    switch (r->outcome) {
    case GC_DONE:
        break;
    case GC_FAILED:
        return fail(r->failure);
    case GC_UNFINISHED:
    case GC_STOPPED:
        return fail("it was stopped before the end");
    }
    if (r->skipped_count == 0)
        return EXIT_SUCCESS;
    (void)snprintf(text, sizeof(text), "%" PRIu64 " skipped", r->skipped_count);
    return fail(text);
}

static struct gc_request request_of(const struct cli *cli, const struct config *c)
{
    bool said = cli->delete_untagged != CLI_UNSAID;
    return (struct gc_request){
        .scope = GC_EVERYTHING,
        .dry_run = cli->dry_run,
        .delete_untagged = said ? cli->delete_untagged == CLI_YES : c->gc_delete_untagged,
        .lines = !cli->quiet,
    };
}

int collect_command(const struct cli *cli, const struct config *config)
{
    struct gc_request request = request_of(cli, config);
    struct gc_report *report = must_calloc(sizeof(*report));
    struct progress progress;
    struct arena a;
    struct fault f;
    arena_init(&a);
    fault_init(&f, &a);
    progress_init(&progress);
    enum rc rc = collect_there(config, &request, &progress, report, &f);
    if (rc == RC_NOT_FOUND)
        rc = collect_here(config, &request, &progress, report, &f);
    progress_erase(&progress);
    int status = rc == RC_OK ? tell_outcome(report)
                             : fail(f.first && f.first->detail ? f.first->detail : rc_name(rc));
    arena_fini(&a);
    free(report);
    return status;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * maint: runs, a slice after the other.
 */
#include "server/maint.h"

#include <inttypes.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "server/job.h"
#include "server/last.h"
#include "server/lines.h"
#include "server/scrub.h"

#define LAST MAINT_GC ".last"

enum { FIRST_MAX_MS = 3600 * 1000 }; /* servers that start together do not work together */

/* What the options say. Intervals of 0: never. */
struct plan {
    uint64_t grace_ms, slice_us, upload_age_ms;
    uint64_t collect_interval, purge_interval;
    bool purges;          /* abandoned uploads go with the garbage, too */
    bool delete_untagged; /* what is collected by itself */
    bool purge_dry_run;
    bool refuses_writes;
};

struct maint {
    struct store *store;
    char *root; /* the directory */

    struct scrub *scrub;

    /* The loop's. */
    struct job job;
    uv_timer_t collect, purge;
    bool collect_due, purge_due; /* it is time, and a run was in the way */

    /* The job's. */
    struct gc *gc;
    struct gc_options options; /* of the run */
    struct lines lines;

    /* Everybody's, under the lock. */
    pthread_mutex_t lock;
    struct plan plan; /* written by the loop, which reads it as it is */
    struct gc_status status;
    struct gc *stoppable; /* gc, while it may be stopped */
    bool stopped;
};

/* ---- Aside. ------------------------------------------------------------------------------ */

static void add_line(void *ctx, const char *text)
{
    struct maint *m = ctx;
    lines_add(&m->lines, text);
}

static struct gc_options options_of(struct maint *m, const struct gc_request *r)
{
    const struct plan *p = &m->plan;
    bool uploads = r->scope == GC_UPLOADS || p->purges;
    return (struct gc_options){
        .scope = r->scope,
        .dry_run = r->dry_run,
        .delete_untagged = r->delete_untagged,
        .grace_ms = p->grace_ms,
        .upload_age_ms = uploads ? p->upload_age_ms : 0,
        .line = r->lines ? add_line : NULL,
        .line_ctx = m,
    };
}

/* A run that could not begin has a report, too. */
static void report_failure(struct gc_report *r, enum rc rc, const struct fault *f)
{
    const char *why = f->first && f->first->detail ? f->first->detail : rc_name(rc);
    r->phase = GC_OVER;
    r->outcome = GC_FAILED;
    r->started = r->ended = time(NULL);
    (void)snprintf(r->failure, sizeof(r->failure), "%s", why);
}

static struct maint *of(struct job *j)
{
    return container_of(j, struct maint, job);
}

static bool begin(struct job *j)
{
    struct maint *m = of(j);
    struct arena a;
    struct fault f;
    arena_init(&a);
    fault_init(&f, &a);
    m->gc = NULL;
    enum rc rc = gc_begin(m->store, &m->options, &m->gc, &f);
    (void)pthread_mutex_lock(&m->lock);
    if (rc != RC_OK)
        report_failure(&m->status.current, rc, &f);
    else if (m->stopped)
        gc_stop(m->gc);
    m->stoppable = m->gc;
    (void)pthread_mutex_unlock(&m->lock);
    arena_fini(&a);
    return rc == RC_OK;
}

static enum gc_next slice(struct job *j)
{
    struct maint *m = of(j);
    (void)pthread_mutex_lock(&m->lock);
    uint64_t limit_us = m->plan.slice_us;
    (void)pthread_mutex_unlock(&m->lock);
    enum gc_next next = gc_step(m->gc, limit_us);
    lines_flush(&m->lines);
    (void)pthread_mutex_lock(&m->lock);
    m->status.current = *gc_report(m->gc);
    (void)pthread_mutex_unlock(&m->lock);
    return next;
}

static void keep_report(const struct maint *m)
{
    struct buf json;
    buf_init(&json);
    gc_report_print(&m->status.current, &json);
    last_write(m->root, LAST, buf_span(&json));
    buf_fini(&json);
}

static void end(struct job *j)
{
    struct maint *m = of(j);
    (void)pthread_mutex_lock(&m->lock);
    m->stoppable = NULL;
    (void)pthread_mutex_unlock(&m->lock);
    gc_end(m->gc);
    m->gc = NULL;
    lines_end(&m->lines);
    if (m->status.request.scope == GC_EVERYTHING)
        keep_report(m);
}

/* ---- The log. --------------------------------------------------------------------------- */

static const char *name_of(const struct gc_request *r)
{
    return r->scope == GC_UPLOADS ? "upload purging" : "garbage collection";
}

static void log_begin(const struct gc_request *r)
{
    log_info("%s: started%s%s", name_of(r), r->dry_run ? ", dry run" : "",
             r->delete_untagged ? ", untagged manifests go too" : "");
}

static void log_end(const struct gc_request *r, const struct gc_report *g)
{
    const double second_us = 1e6;
    for (size_t i = 0; i < g->skipped_count && i < GC_SKIPPED_KEPT; i++)
        log_warn("%s: skipped %s: %s", name_of(r), g->skipped[i].what, g->skipped[i].reason);
    if (g->outcome == GC_FAILED) {
        log_warn("%s: failed: %s", name_of(r), g->failure);
        return;
    }
    log_info("%s: %s in %.3f s: %" PRIu64 " blobs (%" PRIu64 " bytes), %" PRIu64
             " manifests, %" PRIu64 " links, %" PRIu64 " uploads and %" PRIu64
             " repositories %s, %" PRIu64 " blobs are needed, %" PRIu64 " skipped",
             name_of(r), gc_outcome_name(g->outcome), (double)g->duration_us / second_us,
             g->blobs_deleted, g->bytes_freed, g->manifests_deleted, g->links_deleted,
             g->uploads_deleted, g->repositories_deleted,
             g->dry_run ? "would be deleted" : "deleted", g->blobs_marked, g->skipped_count);
}

/* ---- On the loop. ----------------------------------------------------------------------- */

static void prepare(struct job *j)
{
    struct maint *m = of(j);
    log_begin(&m->status.request);
    m->options = options_of(m, &m->status.request); /* which does not change while it runs */
}

static void pump(struct maint *m);

static void ended(struct job *j)
{
    struct maint *m = of(j);
    /* Before others can begin a run, and fill these anew. */
    log_end(&m->status.request, &m->status.current);
    (void)pthread_mutex_lock(&m->lock);
    gc_status_end(&m->status);
    (void)pthread_mutex_unlock(&m->lock);
    pump(m);
}

static const struct job_kind collection = {
    .prepare = prepare, .begin = begin, .slice = slice, .end = end, .ended = ended};

/* ---- Times. ----------------------------------------------------------------------------- */

/* Begins what is due, unless a run is in the way: that one's end comes here again. */
static void pump(struct maint *m)
{
    const struct plan *p = &m->plan;
    struct gc_request collect = {.scope = GC_EVERYTHING, .delete_untagged = p->delete_untagged};
    struct gc_request purge = {.scope = GC_UPLOADS, .dry_run = p->purge_dry_run};
    if (m->collect_due && maint_gc_start(m, &collect, NULL) == RC_OK)
        m->collect_due = false;
    if (m->purge_due && maint_gc_start(m, &purge, NULL) == RC_OK)
        m->purge_due = false;
}

static void on_collect(uv_timer_t *t)
{
    struct maint *m = container_of(t, struct maint, collect);
    m->collect_due = true;
    pump(m);
}

static void on_purge(uv_timer_t *t)
{
    struct maint *m = container_of(t, struct maint, purge);
    m->purge_due = true;
    pump(m);
}

/* The first time comes within the hour, so that a server that is restarted every day has its turn
 * every day, too. */
static void start_timer(uv_timer_t *t, uv_timer_cb on_time, uint64_t interval)
{
    uint64_t most = interval < FIRST_MAX_MS ? interval : FIRST_MAX_MS;
    (void)uv_timer_stop(t);
    if (interval > 0)
        (void)uv_timer_start(t, on_time, 1 + randombytes_uniform((uint32_t)most), interval);
}

static struct plan plan_of(const struct config *c)
{
    const uint64_t ms_us = 1000;
    return (struct plan){
        .grace_ms = c->gc_grace,
        .slice_us = c->gc_slice * ms_us,
        .upload_age_ms = c->purge_age,
        .collect_interval = c->readonly ? 0 : c->gc_interval,
        .purge_interval = c->readonly || !c->purge_enabled ? 0 : c->purge_interval,
        .purges = c->purge_enabled && !c->purge_dry_run,
        .delete_untagged = c->gc_delete_untagged,
        .purge_dry_run = c->purge_dry_run,
        .refuses_writes = c->gc_writes == GC_WRITES_REFUSE,
    };
}

void maint_configure(struct maint *m, const struct config *config)
{
    struct plan before = m->plan;
    (void)pthread_mutex_lock(&m->lock);
    m->plan = plan_of(config);
    (void)pthread_mutex_unlock(&m->lock);
    scrub_configure(m->scrub, config);
    if (m->plan.collect_interval != before.collect_interval) {
        m->collect_due = false;
        start_timer(&m->collect, on_collect, m->plan.collect_interval);
    }
    if (m->plan.purge_interval != before.purge_interval) {
        m->purge_due = false;
        start_timer(&m->purge, on_purge, m->plan.purge_interval);
    }
}

/* ---- Life. ------------------------------------------------------------------------------ */

struct maint *maint_new(uv_loop_t *loop, struct pool *pool, struct store *s,
                        const struct config *config)
{
    struct maint *m = must_calloc(sizeof(*m));
    m->store = s;
    (void)pthread_mutex_init(&m->lock, NULL);
    m->root = must_alloc(strlen(config->root_directory) + 1);
    (void)strcpy(m->root, config->root_directory);
    m->status.before = last_read(m->root, LAST);
    lines_init(&m->lines, m->root, MAINT_GC);
    job_init(&m->job, &collection, pool);
    (void)uv_timer_init(loop, &m->collect);
    (void)uv_timer_init(loop, &m->purge);
    m->scrub = scrub_new(m, pool, s, config);
    maint_configure(m, config);
    return m;
}

struct scrub *maint_scrub(struct maint *m)
{
    return m->scrub;
}

void maint_tick(struct maint *m, bool readonly)
{
    scrub_set_readonly(m->scrub, readonly);
    scrub_tick(m->scrub);
}

void maint_close(struct maint *m)
{
    if (job_is_closing(&m->job))
        return;
    maint_gc_stop(m);
    uv_close((uv_handle_t *)&m->collect, NULL);
    uv_close((uv_handle_t *)&m->purge, NULL);
    scrub_close(m->scrub);
    job_close(&m->job);
}

void maint_free(struct maint *m)
{
    scrub_free(m->scrub);
    lines_fini(&m->lines);
    job_fini(&m->job);
    free(m->status.before);
    free(m->root);
    (void)pthread_mutex_destroy(&m->lock);
    free(m);
}

/* ---- For everybody. --------------------------------------------------------------------- */

static bool refuses(const struct maint *m, const struct gc_request *r)
{
    return m->plan.refuses_writes && r->scope == GC_EVERYTHING && !r->dry_run;
}

/* Is the run this one's to begin? */
static enum rc reserve(struct maint *m, const struct gc_request *r, struct fault *f)
{
    enum rc rc = RC_OK;
    if (job_is_closing(&m->job))
        return fault(f, RC_UNAVAILABLE, "the server is about to end");
    (void)pthread_mutex_lock(&m->lock);
    if (m->status.running)
        rc = fault(f, RC_GC_RUNNING, NULL);
    else
        gc_status_begin(&m->status, r, refuses(m, r));
    if (rc == RC_OK)
        m->stopped = false;
    (void)pthread_mutex_unlock(&m->lock);
    return rc;
}

enum rc maint_gc_start(struct maint *m, const struct gc_request *r, struct fault *f)
{
    enum rc rc = reserve(m, r, f);
    if (rc != RC_OK)
        return rc;
    /* Before the caller hears of it, so that the lines that it then reads are this run's. */
    if (r->lines)
        lines_begin(&m->lines);
    job_want(&m->job);
    return RC_OK;
}

void maint_gc_stop(struct maint *m)
{
    (void)pthread_mutex_lock(&m->lock);
    m->stopped = m->status.running;
    if (m->stoppable)
        gc_stop(m->stoppable);
    (void)pthread_mutex_unlock(&m->lock);
}

void maint_gc_status(struct maint *m, struct buf *json)
{
    (void)pthread_mutex_lock(&m->lock);
    gc_status_print(&m->status, m->plan.refuses_writes ? "refuse" : "hold", json);
    (void)pthread_mutex_unlock(&m->lock);
}

void maint_gc_metrics(struct maint *m, struct buf *text)
{
    (void)pthread_mutex_lock(&m->lock);
    gc_status_metrics(&m->status, text);
    (void)pthread_mutex_unlock(&m->lock);
}

bool maint_is_collecting(struct maint *m)
{
    (void)pthread_mutex_lock(&m->lock);
    bool running = m->status.running;
    (void)pthread_mutex_unlock(&m->lock);
    return running;
}

bool maint_refuses_writes(struct maint *m)
{
    if (!m)
        return false;
    (void)pthread_mutex_lock(&m->lock);
    bool refused = m->status.refuses;
    (void)pthread_mutex_unlock(&m->lock);
    return refused;
}

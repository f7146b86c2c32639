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
#include "server/gc_last.h"
#include "server/gc_lines.h"
#include "server/lane.h"

enum {
    WAIT_SLICES = 4, /* between two slices, while clients are served: a fifth is the run's */
    WAIT_MAX_MS = 50,
    FIRST_MAX_MS = 3600 * 1000 /* servers that start together do not work together */
};

enum maint_state {
    MAINT_IDLE,
    MAINT_BEGIN, /* lane */
    MAINT_SLICE, /* lane */
    MAINT_WAIT,  /* loop: for the timer */
    MAINT_END    /* lane */
};

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
    struct pool *pool;
    struct lane lane;
    struct store *store;
    char *root; /* the directory */

    /* The loop's. */
    enum maint_state state;
    uv_async_t wake; /* a run is wanted */
    uv_timer_t pause, collect, purge;
    bool collect_due, purge_due; /* it is time, and a run was in the way */

    /* The hop's: the lane's while it is there, else the loop's. */
    struct hop hop;
    struct gc *gc;
    struct gc_options options; /* of the run */
    uint64_t slice_limit_us;
    struct gc_lines lines;
    enum rc rc; /* of gc_begin; the words are in the report */
    enum gc_next next;
    uint64_t slice_us; /* what the last one took */

    /* Everybody's, under the lock. */
    pthread_mutex_t lock;
    struct plan plan; /* written by the loop, which reads it as it is */
    struct gc_status status;
    struct gc *stoppable; /* gc, while it may be stopped */
    bool stopped, closing;
    bool wanted; /* the loop has yet to begin the run */
};

/* ---- In the lane. ----------------------------------------------------------------------- */

static void add_line(void *ctx, const char *text)
{
    struct maint *m = ctx;
    gc_lines_add(&m->lines, text);
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

static void begin_hop(struct hop *h)
{
    struct maint *m = container_of(h, struct maint, hop);
    struct arena a;
    struct fault f;
    arena_init(&a);
    fault_init(&f, &a);
    m->gc = NULL;
    m->rc = gc_begin(m->store, &m->options, &m->gc, &f);
    (void)pthread_mutex_lock(&m->lock);
    if (m->rc != RC_OK)
        report_failure(&m->status.current, m->rc, &f);
    else if (m->stopped)
        gc_stop(m->gc);
    m->stoppable = m->gc;
    (void)pthread_mutex_unlock(&m->lock);
    arena_fini(&a);
}

static void slice_hop(struct hop *h)
{
    struct maint *m = container_of(h, struct maint, hop);
    const uint64_t us_ns = 1000;
    uint64_t began = uv_hrtime();
    m->next = gc_step(m->gc, m->slice_limit_us);
    gc_lines_flush(&m->lines);
    m->slice_us = (uv_hrtime() - began) / us_ns;
    (void)pthread_mutex_lock(&m->lock);
    m->status.current = *gc_report(m->gc);
    (void)pthread_mutex_unlock(&m->lock);
}

static void end_hop(struct hop *h)
{
    struct maint *m = container_of(h, struct maint, hop);
    (void)pthread_mutex_lock(&m->lock);
    m->stoppable = NULL;
    (void)pthread_mutex_unlock(&m->lock);
    gc_end(m->gc);
    m->gc = NULL;
    gc_lines_end(&m->lines);
    if (m->status.request.scope == GC_EVERYTHING)
        gc_last_write(m->root, &m->status.current);
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

static void submit(struct maint *m, enum maint_state state, void (*run)(struct hop *),
                   void (*done)(struct hop *))
{
    m->state = state;
    m->slice_limit_us = m->plan.slice_us;
    m->hop.run = run;
    m->hop.done = done;
    lane_submit(&m->lane, &m->hop);
}

static bool is_closing(struct maint *m)
{
    (void)pthread_mutex_lock(&m->lock);
    bool closing = m->closing;
    (void)pthread_mutex_unlock(&m->lock);
    return closing;
}

static void close_handles(struct maint *m)
{
    lane_close(&m->lane);
    uv_close((uv_handle_t *)&m->wake, NULL);
    uv_close((uv_handle_t *)&m->pause, NULL);
    uv_close((uv_handle_t *)&m->collect, NULL);
    uv_close((uv_handle_t *)&m->purge, NULL);
}

static void pump(struct maint *m);

static void after_end(struct hop *h)
{
    struct maint *m = container_of(h, struct maint, hop);
    /* Before others can begin a run, and fill these anew. */
    log_end(&m->status.request, &m->status.current);
    (void)pthread_mutex_lock(&m->lock);
    gc_status_end(&m->status);
    (void)pthread_mutex_unlock(&m->lock);
    m->state = MAINT_IDLE;
    if (is_closing(m))
        close_handles(m);
    else
        pump(m);
}

static void after_slice(struct hop *h);

static void on_pause_end(uv_timer_t *t)
{
    submit(container_of(t, struct maint, pause), MAINT_SLICE, slice_hop, after_slice);
}

/* How long the next slice waits, in milliseconds. A slice in the lane does not keep the loop from
 * its events, so that without other work the next one may follow at once. */
static uint64_t wait_of(const struct maint *m)
{
    const uint64_t ms_us = 1000;
    if (m->next == GC_PAUSE)
        return GC_PAUSE_MS;
    if (m->pool->in_flight == 0)
        return 0;
    uint64_t ms = 1 + WAIT_SLICES * m->slice_us / ms_us;
    return ms < WAIT_MAX_MS ? ms : WAIT_MAX_MS;
}

static void after_slice(struct hop *h)
{
    struct maint *m = container_of(h, struct maint, hop);
    if (m->next == GC_END) {
        submit(m, MAINT_END, end_hop, after_end);
        return;
    }
    uint64_t ms = is_closing(m) ? 0 : wait_of(m);
    if (ms == 0) {
        submit(m, MAINT_SLICE, slice_hop, after_slice);
        return;
    }
    m->state = MAINT_WAIT;
    (void)uv_timer_start(&m->pause, on_pause_end, ms, 0);
}

static void after_begin(struct hop *h)
{
    struct maint *m = container_of(h, struct maint, hop);
    if (m->rc == RC_OK)
        submit(m, MAINT_SLICE, slice_hop, after_slice);
    else
        submit(m, MAINT_END, end_hop, after_end);
}

static void on_wake(uv_async_t *a)
{
    struct maint *m = container_of(a, struct maint, wake);
    (void)pthread_mutex_lock(&m->lock);
    bool begins = m->wanted && !m->closing;
    m->wanted = false;
    (void)pthread_mutex_unlock(&m->lock);
    if (!begins)
        return;
    log_begin(&m->status.request);
    m->options = options_of(m, &m->status.request); /* which does not change while it runs */
    submit(m, MAINT_BEGIN, begin_hop, after_begin);
}

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
    m->pool = pool;
    m->store = s;
    (void)pthread_mutex_init(&m->lock, NULL);
    m->root = must_alloc(strlen(config->root_directory) + 1);
    (void)strcpy(m->root, config->root_directory);
    m->status.before = gc_last_read(m->root);
    gc_lines_init(&m->lines, m->root);
    lane_init(&m->lane, pool);
    (void)uv_async_init(loop, &m->wake, on_wake);
    (void)uv_timer_init(loop, &m->pause);
    (void)uv_timer_init(loop, &m->collect);
    (void)uv_timer_init(loop, &m->purge);
    maint_configure(m, config);
    return m;
}

void maint_close(struct maint *m)
{
    maint_gc_stop(m);
    (void)pthread_mutex_lock(&m->lock);
    bool before = m->closing;
    m->closing = true;
    (void)pthread_mutex_unlock(&m->lock);
    if (before)
        return;
    (void)uv_timer_stop(&m->pause);
    (void)uv_timer_stop(&m->collect);
    (void)uv_timer_stop(&m->purge);
    switch (m->state) {
    case MAINT_IDLE:
        close_handles(m);
        return;
    case MAINT_WAIT:
        submit(m, MAINT_SLICE, slice_hop, after_slice);
        return;
    case MAINT_BEGIN:
    case MAINT_SLICE:
    case MAINT_END:
        return; /* the hop's end goes on from here */
    }
}

void maint_free(struct maint *m)
{
    gc_lines_fini(&m->lines);
    lane_fini(&m->lane);
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
    (void)pthread_mutex_lock(&m->lock);
    if (m->closing)
        rc = fault(f, RC_UNAVAILABLE, "the server is about to end");
    else if (m->status.running)
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
        gc_lines_begin(&m->lines);
    (void)pthread_mutex_lock(&m->lock);
    m->wanted = true;
    if (!m->closing) /* else the handle may be closed already */
        (void)uv_async_send(&m->wake);
    (void)pthread_mutex_unlock(&m->lock);
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

/* SPDX-License-Identifier: Apache-2.0
 *
 * job: a slice after the other.
 */
#include "server/job.h"

#include "lib/base.h"

enum {
    WAIT_SLICES = 4, /* between two slices, while clients are served: a fifth is the job's */
    WAIT_MAX_MS = 50
};

/* ---- Aside. ------------------------------------------------------------------------------ */

static void begin_hop(struct hop *h)
{
    struct job *j = container_of(h, struct job, hop);
    j->begun = j->kind->begin(j);
}

static void slice_hop(struct hop *h)
{
    struct job *j = container_of(h, struct job, hop);
    const uint64_t us_ns = 1000;
    uint64_t began = uv_hrtime();
    j->next = j->kind->slice(j);
    j->slice_us = (uv_hrtime() - began) / us_ns;
}

static void end_hop(struct hop *h)
{
    struct job *j = container_of(h, struct job, hop);
    j->kind->end(j);
}

/* ---- On the loop. ----------------------------------------------------------------------- */

static void submit(struct job *j, enum job_state state, void (*run)(struct hop *),
                   void (*done)(struct hop *))
{
    j->state = state;
    j->hop.run = run;
    j->hop.done = done;
    pool_submit_aside(j->pool, &j->hop);
}

bool job_is_closing(struct job *j)
{
    (void)pthread_mutex_lock(&j->lock);
    bool closing = j->closing;
    (void)pthread_mutex_unlock(&j->lock);
    return closing;
}

static void close_handles(struct job *j)
{
    uv_close((uv_handle_t *)&j->wake, NULL);
    uv_close((uv_handle_t *)&j->timer, NULL);
}

static void after_end(struct hop *h)
{
    struct job *j = container_of(h, struct job, hop);
    j->state = JOB_IDLE;
    j->kind->ended(j);
    if (job_is_closing(j))
        close_handles(j);
}

static void after_slice(struct hop *h);

static void on_time(uv_timer_t *t)
{
    submit(container_of(t, struct job, timer), JOB_SLICE, slice_hop, after_slice);
}

/* How long the next slice waits, in milliseconds. A slice aside does not keep the loop from
 * its events, so that without other work the next one may follow at once. */
static uint64_t wait_of(struct job *j)
{
    const uint64_t ms_us = 1000;
    if (job_is_closing(j))
        return 0;
    uint64_t ms =
        atomic_load(&j->pool->in_flight) > 0 ? 1 + WAIT_SLICES * j->slice_us / ms_us : 0;
    uint64_t least = j->kind->least_wait ? j->kind->least_wait(j) : 0;
    if (ms > WAIT_MAX_MS)
        ms = WAIT_MAX_MS;
    if (j->next == GC_PAUSE)
        ms = GC_PAUSE_MS;
    return ms > least ? ms : least;
}

static void after_slice(struct hop *h)
{
    struct job *j = container_of(h, struct job, hop);
    if (j->next == GC_END) {
        submit(j, JOB_END, end_hop, after_end);
        return;
    }
    uint64_t ms = wait_of(j);
    if (ms == 0) {
        submit(j, JOB_SLICE, slice_hop, after_slice);
        return;
    }
    j->state = JOB_WAIT;
    (void)uv_timer_start(&j->timer, on_time, ms, 0);
}

static void after_begin(struct hop *h)
{
    struct job *j = container_of(h, struct job, hop);
    if (j->begun)
        submit(j, JOB_SLICE, slice_hop, after_slice);
    else
        submit(j, JOB_END, end_hop, after_end);
}

static void on_wake(uv_async_t *a)
{
    struct job *j = container_of(a, struct job, wake);
    (void)pthread_mutex_lock(&j->lock);
    bool begins = j->wanted && !j->closing;
    j->wanted = false;
    (void)pthread_mutex_unlock(&j->lock);
    if (!begins)
        return;
    j->kind->prepare(j);
    submit(j, JOB_BEGIN, begin_hop, after_begin);
}

/* ---- Life. ------------------------------------------------------------------------------ */

void job_init(struct job *j, const struct job_kind *kind, struct pool *pool)
{
    *j = (struct job){.kind = kind, .pool = pool};
    (void)pthread_mutex_init(&j->lock, NULL);
    (void)uv_async_init(pool->loop, &j->wake, on_wake);
    (void)uv_timer_init(pool->loop, &j->timer);
}

void job_want(struct job *j)
{
    (void)pthread_mutex_lock(&j->lock);
    j->wanted = true;
    if (!j->closing) /* else the handle may be closed already */
        (void)uv_async_send(&j->wake);
    (void)pthread_mutex_unlock(&j->lock);
}

void job_close(struct job *j)
{
    (void)pthread_mutex_lock(&j->lock);
    j->closing = true;
    (void)pthread_mutex_unlock(&j->lock);
    (void)uv_timer_stop(&j->timer);
    switch (j->state) {
    case JOB_IDLE:
        close_handles(j);
        return;
    case JOB_WAIT:
        submit(j, JOB_SLICE, slice_hop, after_slice);
        return;
    case JOB_BEGIN:
    case JOB_SLICE:
    case JOB_END:
        return; /* the hop's end goes on from here */
    }
}

void job_fini(struct job *j)
{
    (void)pthread_mutex_destroy(&j->lock);
}

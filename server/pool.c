/* SPDX-License-Identifier: Apache-2.0
 *
 * pool: hops to the threads and back.
 */
#include "server/pool.h"

#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/base.h"

/* ---- The way there. --------------------------------------------------------------------- */

static void add(struct lane *l, struct hop *h)
{
    h->next = NULL;
    (void)pthread_mutex_lock(&l->lock);
    *l->end = h;
    l->end = &h->next;
    (void)pthread_mutex_unlock(&l->lock);
    (void)sem_post(&l->wanted);
}

/* The next hop; NULL: the lane ends. */
static struct hop *take(struct lane *l)
{
    while (sem_wait(&l->wanted) != 0)
        ; /* a debugger, or a stopped process: no signal is for this thread */
    (void)pthread_mutex_lock(&l->lock);
    struct hop *h = l->first;
    if (h)
        l->first = h->next;
    if (!l->first)
        l->end = &l->first;
    (void)pthread_mutex_unlock(&l->lock);
    return h;
}

static void submit(struct lane *l, struct hop *h)
{
    struct pool *p = l->pool;
    pool_assert_loop(p);
    assert(!uv_is_closing((uv_handle_t *)&p->on_bell));
    h->pool = p;
    if (p->away++ == 0)
        uv_ref((uv_handle_t *)&p->on_bell);
    add(l, h);
}

void pool_submit(struct pool *p, struct hop *h)
{
    (void)atomic_fetch_add(&p->in_flight, 1);
    submit(&p->lane, h);
}

void pool_submit_aside(struct pool *p, struct hop *h)
{
    submit(&p->aside, h);
}

/* ---- The way back. ---------------------------------------------------------------------- */

/* The hop is the loop's from the moment it can be found there. */
static void hand_back(struct pool *p, struct hop *h)
{
    struct hop *before = atomic_load(&p->through);
    do
        h->next = before;
    while (!atomic_compare_exchange_weak(&p->through, &before, h));
    if (!before)
        (void)eventfd_write(p->bell, 1);
}

static void *work(void *arg)
{
    struct lane *l = arg;
    struct pool *p = l->pool;
    struct hop *h;
    if (l->niceness != 0)
        (void)setpriority(PRIO_PROCESS, (id_t)gettid(), l->niceness); /* of this thread alone */
    while ((h = take(l))) {
        pool_assert_worker(p);
        h->run(h);
        if (l == &p->lane)
            (void)atomic_fetch_sub(&p->in_flight, 1);
        hand_back(p, h);
    }
    return NULL;
}

/* What has come back, the first one first. */
static struct hop *fetch(struct pool *p)
{
    struct hop *first = NULL, *h = atomic_exchange(&p->through, NULL);
    while (h) {
        struct hop *before = h->next;
        h->next = first;
        first = h;
        h = before;
    }
    return first;
}

static void end_if_idle(struct pool *p);

static void on_bell(uv_poll_t *u, int status, int events)
{
    struct pool *p = container_of(u, struct pool, on_bell);
    eventfd_t rung;
    (void)status;
    (void)events;
    (void)eventfd_read(p->bell, &rung); /* before the look: who comes after it rings again */
    pool_end_moment(p);
    for (struct hop *next, *h = fetch(p); h; h = next) {
        next = h->next;
        if (--p->away == 0)
            uv_unref((uv_handle_t *)&p->on_bell);
        h->done(h);
    }
    end_if_idle(p);
}

/* ---- Life. ------------------------------------------------------------------------------ */

static bool lane_begin(struct lane *l, struct pool *p, unsigned threads, int niceness)
{
    sigset_t all, before;
    *l = (struct lane){.pool = p, .niceness = niceness};
    l->end = &l->first;
    (void)pthread_mutex_init(&l->lock, NULL);
    (void)sem_init(&l->wanted, 0, 0);
    l->ids = must_alloc(threads * sizeof(*l->ids));
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    while (l->threads < threads && pthread_create(&l->ids[l->threads], NULL, work, l) == 0)
        l->threads++;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return l->threads == threads;
}

static void lane_end(struct lane *l)
{
    for (unsigned i = 0; i < l->threads; i++)
        (void)sem_post(&l->wanted);
    while (l->threads > 0)
        (void)pthread_join(l->ids[--l->threads], NULL);
    (void)sem_destroy(&l->wanted);
    (void)pthread_mutex_destroy(&l->lock);
    free(l->ids);
}

static void close_bell(uv_handle_t *h)
{
    (void)close(container_of((uv_poll_t *)h, struct pool, on_bell)->bell);
}

static void end(struct pool *p)
{
    lane_end(&p->lane);
    lane_end(&p->aside);
    uv_close((uv_handle_t *)&p->on_bell, close_bell);
}

static void end_if_idle(struct pool *p)
{
    if (p->closing && p->away == 0 && !uv_is_closing((uv_handle_t *)&p->on_bell))
        end(p);
}

enum rc pool_init(struct pool *p, uv_loop_t *loop, unsigned threads, struct fault *f)
{
    *p = (struct pool){.loop = loop, .loop_thread = pthread_self(), .moment = 1};
    p->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (p->bell < 0)
        return fault(f, RC_INTERNAL, "there can be no more open files");
    (void)uv_poll_init(loop, &p->on_bell, p->bell);
    (void)uv_poll_start(&p->on_bell, UV_READABLE, on_bell);
    uv_unref((uv_handle_t *)&p->on_bell);
    bool whole = lane_begin(&p->lane, p, threads, 0);
    whole = lane_begin(&p->aside, p, 1, POOL_NICENESS) && whole;
    if (whole)
        return RC_OK;
    end(p);
    return fault(f, RC_INTERNAL, "%u threads cannot be started", threads + 1);
}

void pool_close(struct pool *p)
{
    pool_assert_loop(p);
    p->closing = true;
    end_if_idle(p);
}

/* ---- State. ----------------------------------------------------------------------------- */

bool pool_is_short(const struct pool *p)
{
    return atomic_load(&p->in_flight) > p->lane.threads;
}

void pool_end_moment(struct pool *p)
{
    pool_assert_loop(p);
    p->moment++;
}

void pool_assert_loop(const struct pool *p)
{
    assert(pthread_equal(p->loop_thread, pthread_self()));
    (void)p;
}

void pool_assert_worker(const struct pool *p)
{
    assert(!pthread_equal(p->loop_thread, pthread_self()));
    (void)p;
}

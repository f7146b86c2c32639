/* SPDX-License-Identifier: Apache-2.0
 *
 * pool: hops to libuv's threads and back.
 */
#include "server/pool.h"

#include <assert.h>
#include <stdio.h>

#include "lib/base.h"

void pool_init(struct pool *p, uv_loop_t *loop, unsigned threads)
{
    char text[16];
    p->loop = loop;
    p->loop_thread = pthread_self();
    p->threads = threads;
    atomic_init(&p->in_flight, 0);
    p->moment = 1;
    (void)snprintf(text, sizeof(text), "%u", threads);
    (void)uv_os_setenv("UV_THREADPOOL_SIZE", text);
}

static void work(uv_work_t *w)
{
    struct hop *h = container_of(w, struct hop, work);
    pool_assert_worker(h->pool);
    h->run(h);
}

static void after_work(uv_work_t *w, int status)
{
    struct hop *h = container_of(w, struct hop, work);
    (void)status; /* hops are never cancelled */
    pool_assert_loop(h->pool);
    (void)atomic_fetch_sub(&h->pool->in_flight, 1);
    pool_end_moment(h->pool);
    h->done(h);
}

void pool_submit(struct pool *p, struct hop *h)
{
    pool_assert_loop(p);
    h->pool = p;
    (void)atomic_fetch_add(&p->in_flight, 1);
    int failed = uv_queue_work(p->loop, &h->work, work, after_work);
    assert(!failed); /* it only fails without a work function */
    (void)failed;
}

bool pool_is_short(const struct pool *p)
{
    return atomic_load(&p->in_flight) > p->threads;
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

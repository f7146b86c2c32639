/* SPDX-License-Identifier: Apache-2.0
 *
 * lane: one thread, one hop.
 */
#include "server/lane.h"

#include <assert.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/base.h"

static void add(struct hop **queue, struct hop *h)
{
    h->next = NULL;
    while (*queue)
        queue = &(*queue)->next;
    *queue = h;
}

/* NULL: there is none. */
static struct hop *take(struct hop **queue)
{
    struct hop *h = *queue;
    if (h)
        *queue = h->next;
    return h;
}

/* The next hop; NULL: the lane ends. */
static struct hop *wait_for_hop(struct lane *l)
{
    (void)pthread_mutex_lock(&l->lock);
    while (!l->todo && !l->ends)
        (void)pthread_cond_wait(&l->wanted, &l->lock);
    struct hop *h = take(&l->todo);
    (void)pthread_mutex_unlock(&l->lock);
    return h;
}

static void *lane_main(void *arg)
{
    struct lane *l = arg;
    struct hop *h;
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), LANE_NICENESS); /* of this thread alone */
    while ((h = wait_for_hop(l))) {
        h->run(h);
        (void)pthread_mutex_lock(&l->lock);
        add(&l->through, h);
        (void)pthread_mutex_unlock(&l->lock);
        (void)uv_async_send(&l->back);
    }
    return NULL;
}

/* One call may be for several hops; those that they hand in are for the next one. */
static void on_back(uv_async_t *a)
{
    struct lane *l = container_of(a, struct lane, back);
    struct hop *h;
    (void)pthread_mutex_lock(&l->lock);
    struct hop *through = l->through;
    l->through = NULL;
    (void)pthread_mutex_unlock(&l->lock);
    pool_end_moment(l->pool);
    while ((h = take(&through)))
        h->done(h);
}

void lane_init(struct lane *l, struct pool *p)
{
    *l = (struct lane){.pool = p};
    (void)pthread_mutex_init(&l->lock, NULL);
    (void)pthread_cond_init(&l->wanted, NULL);
    (void)uv_async_init(p->loop, &l->back, on_back);
    int failed = pthread_create(&l->thread, NULL, lane_main, l);
    assert(!failed);
    (void)failed;
}

void lane_submit(struct lane *l, struct hop *h)
{
    pool_assert_loop(l->pool);
    h->pool = l->pool;
    (void)pthread_mutex_lock(&l->lock);
    add(&l->todo, h);
    (void)pthread_cond_signal(&l->wanted);
    (void)pthread_mutex_unlock(&l->lock);
}

void lane_close(struct lane *l)
{
    (void)pthread_mutex_lock(&l->lock);
    l->ends = true;
    (void)pthread_cond_signal(&l->wanted);
    (void)pthread_mutex_unlock(&l->lock);
    (void)pthread_join(l->thread, NULL);
    uv_close((uv_handle_t *)&l->back, NULL);
}

void lane_fini(struct lane *l)
{
    (void)pthread_cond_destroy(&l->wanted);
    (void)pthread_mutex_destroy(&l->lock);
}

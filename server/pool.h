/* SPDX-License-Identifier: Apache-2.0
 *
 * pool: blocking work off the loop. libuv's thread pool; work is handed over
 * here and nowhere else.
 *
 * A hop is one bounded piece of work. From pool_submit until done is called, it and what
 * it works on belong to the pool; before and after, to the loop.
 *
 * The loop has moments. One ends when it goes to wait for events, and when a hop has come back.
 * What was seen on the disk in a moment may be told to all who are answered in the same one,
 * without another look: they had asked before it was made, since the events that came with theirs
 * were waited for together, and no client was told meanwhile of a change that a hop has made, since
 * that would have ended the moment. Only if another process changes the tree is a look up to one
 * round of the loop too old, for who has asked behind another request without waiting for its
 * answer, or beside a thousand others.
 */
#ifndef SERVER_POOL_H
#define SERVER_POOL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <uv.h>

struct pool {
    uv_loop_t *loop;
    pthread_t loop_thread;
    unsigned threads;
    atomic_uint in_flight; /* hops that have not come back */
    uint64_t moment;       /* from 1; the loop's */
};

struct hop {
    uv_work_t work;
    struct hop *next; /* in a lane */
    struct pool *pool;
    void (*run)(struct hop *h);  /* pool */
    void (*done)(struct hop *h); /* loop */
};

/* Call on the loop's thread, before any other use of libuv's pool in the process. */
void pool_init(struct pool *p, uv_loop_t *loop, unsigned threads);
void pool_submit(struct pool *p, struct hop *h);
/* Does a hop wait for a thread? Any thread. */
bool pool_is_short(const struct pool *p);

/* The loop goes to wait, or a hop has come back. */
void pool_end_moment(struct pool *p);

/* Debug builds end the process if the caller is on the wrong side. */
void pool_assert_loop(const struct pool *p);
void pool_assert_worker(const struct pool *p);

#endif

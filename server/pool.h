/* SPDX-License-Identifier: Apache-2.0
 *
 * pool: blocking work off the loop. Work is handed over here and nowhere else.
 *
 * A hop is one bounded piece of work. From pool_submit until done is called, it and what
 * it works on belong to the pool; before and after, to the loop.
 *
 * There are two lanes. Most hops are in the first one, which has many threads. What can wait goes
 * aside: there is one thread, which the system runs when the others leave something over, and a
 * little when they do not. Each lane begins its hops in the order in which they came.
 *
 *   loop ── pool_submit ──► a lane's queue ──► run, in a thread ──► `through` ── bell ──► done
 *
 * A thread never holds anything that the loop waits for while the system may take its processor
 * away: it lets go of the queue before it runs, and rings after it has handed back. libuv's own
 * threads ring with a lock in their hands, and a busy machine then stops the loop until such a
 * thread has its turn again.
 *
 * The loop has moments. One ends when it goes to wait for events, and when hops have come back.
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
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <uv.h>

#include "lib/rc.h"

enum { POOL_NICENESS = 10 }; /* aside: about a tenth of the time, against one that always runs */

struct hop {
    struct hop *next; /* in a queue, or on the way back */
    struct pool *pool;
    void (*run)(struct hop *h);  /* pool */
    void (*done)(struct hop *h); /* loop */
};

struct lane {
    struct pool *pool;
    int niceness;
    unsigned threads;
    pthread_t *ids;
    sem_t wanted;         /* a thread, for each hop in the queue, and for the end */
    pthread_mutex_t lock; /* of the queue */
    struct hop *first, **end;
};

struct pool {
    uv_loop_t *loop;
    pthread_t loop_thread;
    struct lane lane, aside;
    atomic_uint in_flight;         /* hops, but for those aside, that have not come back */
    unsigned away;                 /* all of them; the loop's */
    _Atomic(struct hop *) through; /* the last one to come back, and behind it those before */
    int bell;                      /* rung when there is a first one */
    uv_poll_t on_bell;
    uint64_t moment; /* from 1; the loop's */
    bool closing;
};

/* The threads begin; they take no signals. RC_INTERNAL if there cannot be so many. */
enum rc pool_init(struct pool *p, uv_loop_t *loop, unsigned threads, struct fault *f) MUST_CHECK;
/* Once all hops have come back, the threads end, and the loop is let go. */
void pool_close(struct pool *p);

void pool_submit(struct pool *p, struct hop *h);
void pool_submit_aside(struct pool *p, struct hop *h);
/* Does a hop wait for a thread? Any thread. */
bool pool_is_short(const struct pool *p);

/* The loop goes to wait, or hops have come back. */
void pool_end_moment(struct pool *p);

/* Debug builds end the process if the caller is on the wrong side. */
void pool_assert_loop(const struct pool *p);
void pool_assert_worker(const struct pool *p);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * job: work that takes a while, in slices aside (pool.h), begun by any thread.
 *
 *   JOB_IDLE ──► JOB_BEGIN ──► JOB_SLICE ⇄ JOB_WAIT
 *      ▲                           │
 *      └───────── JOB_END ◄────────┘
 *
 * Slices make way for clients: while they want nothing, the next one follows at once; else after a
 * while, so that the job gets about a fifth of the time, and ends.
 */
#ifndef SERVER_JOB_H
#define SERVER_JOB_H

#include "gc/step.h"
#include "server/pool.h"

enum job_state {
    JOB_IDLE,
    JOB_BEGIN, /* aside */
    JOB_SLICE, /* aside */
    JOB_WAIT,  /* loop: for the timer */
    JOB_END    /* aside */
};

struct job;

/* What it does. */
struct job_kind {
    void (*prepare)(struct job *j);              /* loop */
    bool (*begin)(struct job *j);                /* aside; false: end follows */
    enum gc_next (*slice)(struct job *j);        /* aside */
    void (*end)(struct job *j);                  /* aside */
    void (*ended)(struct job *j);                /* loop: it may be wanted again */
    uint64_t (*least_wait)(const struct job *j); /* loop: ms between two slices; optional */
};

struct job {
    const struct job_kind *kind;
    struct pool *pool;
    enum job_state state;
    uv_async_t wake; /* it is wanted */
    uv_timer_t timer;
    struct hop hop;
    bool begun; /* the thread's aside, or the loop's, as the hop is */
    enum gc_next next;
    uint64_t slice_us; /* what the last one took */

    pthread_mutex_t lock;
    bool wanted, closing;
};

/* Loop thread. */
void job_init(struct job *j, const struct job_kind *kind, struct pool *pool);
/* It does not begin from now on; one that has begun goes on at once, and its owner has it end after
 * a slice. Then the loop has nothing of it any more. */
void job_close(struct job *j);
/* After the loop has ended. */
void job_fini(struct job *j);

/* Any thread. It begins soon. Not while it is wanted already, or at work. */
void job_want(struct job *j);
bool job_is_closing(struct job *j);

#endif

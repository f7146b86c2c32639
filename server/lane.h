/* SPDX-License-Identifier: Apache-2.0
 *
 * lane: a thread beside the pool for work that can wait. The system runs it when the others leave
 * something over, and a little when they do not: its niceness is LANE_NICENESS. One hop at a time,
 * in the order in which they came.
 */
#ifndef SERVER_LANE_H
#define SERVER_LANE_H

#include <stdbool.h>

#include "server/pool.h"

enum { LANE_NICENESS = 10 }; /* about a tenth of the time, against one that always wants to run */

struct lane {
    struct pool *pool;
    uv_async_t back; /* the hop is through */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wanted;
    struct hop *todo, *through; /* the first one of each */
    bool ends;
};

/* Loop thread, all of them. */
void lane_init(struct lane *l, struct pool *p);
/* As pool_submit. */
void lane_submit(struct lane *l, struct hop *h);
/* With no hop on its way: ends the thread, and lets go of the loop. */
void lane_close(struct lane *l);
/* After the loop has ended. */
void lane_fini(struct lane *l);

#endif

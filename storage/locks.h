/* SPDX-License-Identifier: Apache-2.0
 *
 * locks: one change at a time to one thing, without a lock for each thing there is. Names are
 * spread over a fixed number of mutexes; two that share one wait for each other, no more.
 *
 * Order, for whoever takes two: first a revision's, then a tag's.
 */
#ifndef STORAGE_LOCKS_H
#define STORAGE_LOCKS_H

#include <pthread.h>

#include "lib/span.h"

enum { LOCKS = 64 };

struct locks {
    pthread_mutex_t mutexes[LOCKS];
};

void locks_init(struct locks *l);
void locks_fini(struct locks *l);
/* Waits for the lock of what a repository and a name in it denote; unlock what it answers. */
pthread_mutex_t *locks_take(struct locks *l, struct span repo, struct span name);

#endif

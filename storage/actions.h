/* SPDX-License-Identifier: Apache-2.0
 *
 * actions: how often the store has worked on its files by their names, and how long that took.
 * Any thread.
 */
#ifndef STORAGE_ACTIONS_H
#define STORAGE_ACTIONS_H

#include <stdatomic.h>

#include "storage/storage.h"

enum action {
    ACTION_DELETE,
    ACTION_GET,
    ACTION_LIST,
    ACTION_MOVE,
    ACTION_PUT,
    ACTION_STAT,
};

struct actions {
    struct {
        atomic_uint_fast64_t
            buckets[STORE_ACTION_BUCKETS + 1]; /* the last one: beyond all bounds */
        atomic_uint_fast64_t ns;
    } of[STORE_ACTIONS];
};

/* The time at which an action begins. a may be NULL: nobody counts. */
uint64_t actions_begin(const struct actions *a);
void actions_end(struct actions *a, enum action action, uint64_t begun);
/* The same time later by what was done since `from`, which does not count. */
uint64_t actions_pause(const struct actions *a, uint64_t begun, uint64_t from);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * actions: two looks at the clock and two additions for each.
 */
#include "storage/actions.h"

#include <time.h>

#include "storage/store.h"

static const char *const names[STORE_ACTIONS] = {
    [ACTION_DELETE] = "Delete", [ACTION_GET] = "GetContent", [ACTION_LIST] = "List",
    [ACTION_MOVE] = "Move",     [ACTION_PUT] = "PutContent", [ACTION_STAT] = "Stat",
};

const double store_action_bounds[STORE_ACTION_BUCKETS] = {.005, .01, .025, .05, .1, .25,
                                                          .5,   1,   2.5,  5,   10};

static const double second_ns = 1e9;

uint64_t actions_begin(const struct actions *a)
{
    struct timespec t = {0};
    if (!a)
        return 0;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * (uint64_t)second_ns + (uint64_t)t.tv_nsec;
}

uint64_t actions_pause(const struct actions *a, uint64_t begun, uint64_t from)
{
    return begun + (actions_begin(a) - from);
}

void actions_end(struct actions *a, enum action action, uint64_t begun)
{
    size_t i = 0;
    if (!a)
        return;
    uint64_t ns = actions_begin(a) - begun;
    while (i < STORE_ACTION_BUCKETS && (double)ns > store_action_bounds[i] * second_ns)
        i++;
    (void)atomic_fetch_add_explicit(&a->of[action].buckets[i], 1, memory_order_relaxed);
    (void)atomic_fetch_add_explicit(&a->of[action].ns, ns, memory_order_relaxed);
}

void store_actions(struct store *s, struct store_action out[STORE_ACTIONS])
{
    for (size_t k = 0; k < STORE_ACTIONS; k++) {
        out[k] = (struct store_action){.name = names[k]};
        for (size_t i = 0; i <= STORE_ACTION_BUCKETS; i++) {
            uint64_t n = atomic_load_explicit(&s->actions.of[k].buckets[i], memory_order_relaxed);
            out[k].count += n;
            if (i < STORE_ACTION_BUCKETS)
                out[k].buckets[i] = n;
        }
        uint64_t ns = atomic_load_explicit(&s->actions.of[k].ns, memory_order_relaxed);
        out[k].seconds = (double)ns / second_ns;
    }
}

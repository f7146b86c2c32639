/* SPDX-License-Identifier: Apache-2.0
 *
 * slab: three sizes, one bounded store.
 */
#include "server/slab.h"

#include <stdlib.h>

static struct slab *make(size_t cap)
{
    struct slab *b = must_alloc(sizeof(*b) + cap);
    b->next = NULL;
    b->ready = b->raw = b->end = 0;
    b->cap = cap;
    return b;
}

void slabs_init(struct slabs *s)
{
    *s = (struct slabs){.made = 0};
    (void)pthread_mutex_init(&s->mutex, NULL);
}

struct slab *slab_take(size_t want)
{
    return make(want > SLAB_TINY ? SLAB_SMALL : SLAB_TINY);
}

struct slab *slab_take_large(struct slabs *s)
{
    (void)pthread_mutex_lock(&s->mutex);
    struct slab *b = s->free;
    bool makes = !b && s->made < SLAB_LARGE_MAX;
    if (b)
        s->free = b->next;
    s->made += makes;
    (void)pthread_mutex_unlock(&s->mutex);
    return makes ? make(SLAB_LARGE) : b;
}

void slab_give(struct slabs *s, struct slab *b)
{
    if (!b)
        return;
    if (b->cap != SLAB_LARGE) {
        free(b);
        return;
    }
    b->ready = b->raw = b->end = 0;
    (void)pthread_mutex_lock(&s->mutex);
    b->next = s->free;
    s->free = b;
    (void)pthread_mutex_unlock(&s->mutex);
}

void slabs_fini(struct slabs *s)
{
    while (s->free) {
        struct slab *b = s->free;
        s->free = b->next;
        free(b);
    }
    (void)pthread_mutex_destroy(&s->mutex);
}

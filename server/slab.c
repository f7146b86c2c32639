/* SPDX-License-Identifier: Apache-2.0
 *
 * slab: three sizes, one bounded store.
 */
#include "server/slab.h"

#include <stdlib.h>
#include <string.h>

static struct slab *make(size_t cap)
{
    struct slab *b = must_alloc(sizeof(*b) + cap);
    b->cap = cap;
    return b;
}

static struct slab *take_large(struct slabs *s)
{
    struct slab *b = s->free;
    if (b) {
        s->free = b->next;
        return b;
    }
    if (s->made == SLAB_LARGE_MAX)
        return NULL;
    s->made++;
    return make(SLAB_LARGE);
}

struct slab *slab_take(struct slabs *s, size_t want)
{
    struct slab *b = want > SLAB_SMALL ? take_large(s) : NULL;
    if (!b)
        b = make(want > SLAB_TINY ? SLAB_SMALL : SLAB_TINY);
    b->next = NULL;
    b->ready = b->raw = b->end = 0;
    return b;
}

struct slab *slab_of(struct span bytes)
{
    struct slab *b = make(bytes.n > SLAB_TINY ? bytes.n : SLAB_TINY);
    b->next = NULL;
    b->ready = b->raw = 0;
    b->end = bytes.n;
    memcpy(b->p, bytes.p, bytes.n);
    return b;
}

void slab_give(struct slabs *s, struct slab *b)
{
    if (!b)
        return;
    if (b->cap != SLAB_LARGE) {
        free(b);
        return;
    }
    b->next = s->free;
    s->free = b;
}

void slabs_fini(struct slabs *s)
{
    while (s->free) {
        struct slab *b = s->free;
        s->free = b->next;
        free(b);
    }
}

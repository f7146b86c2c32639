/* SPDX-License-Identifier: Apache-2.0
 *
 * marks: an open-addressed table, at most half full.
 */
#include "gc/marks.h"

#include <stdlib.h>
#include <string.h>

enum { SIZE_FIRST = 1024 };

struct mark {
    unsigned char bytes[16]; /* all zero: a free slot */
};

static const struct mark free_slot;

void marks_init(struct marks *m)
{
    *m = (struct marks){0};
    crypto_shorthash_keygen(m->key);
}

void marks_fini(struct marks *m)
{
    free(m->slots);
    m->slots = NULL;
    m->size = m->count = 0;
}

static struct mark mark_of(const struct digest *d)
{
    struct mark mark;
    memcpy(mark.bytes, d->bytes, sizeof(mark.bytes));
    mark.bytes[0] = (unsigned char)(mark.bytes[0] + d->alg);
    if (memcmp(&mark, &free_slot, sizeof(mark)) == 0)
        mark.bytes[15] = 1;
    return mark;
}

/* The slot where the mark is, or would be. */
static struct mark *slot_of(const struct marks *m, const struct mark *mark)
{
    uint64_t hash;
    (void)crypto_shorthash((unsigned char *)&hash, mark->bytes, sizeof(mark->bytes), m->key);
    size_t i = (size_t)hash & (m->size - 1);
    while (memcmp(&m->slots[i], &free_slot, sizeof(*mark)) != 0 &&
           memcmp(&m->slots[i], mark, sizeof(*mark)) != 0)
        i = (i + 1) & (m->size - 1);
    return &m->slots[i];
}

static void grow(struct marks *m)
{
    struct marks old = *m;
    m->size = old.size ? 2 * old.size : SIZE_FIRST;
    m->slots = must_calloc(m->size * sizeof(*m->slots));
    for (size_t i = 0; i < old.size; i++)
        if (memcmp(&old.slots[i], &free_slot, sizeof(free_slot)) != 0)
            *slot_of(m, &old.slots[i]) = old.slots[i];
    free(old.slots);
}

void marks_add(struct marks *m, const struct digest *d)
{
    struct mark mark = mark_of(d);
    if (2 * (m->count + 1) > m->size)
        grow(m);
    struct mark *slot = slot_of(m, &mark);
    m->count += memcmp(slot, &free_slot, sizeof(mark)) == 0;
    *slot = mark;
}

bool marks_has(const struct marks *m, const struct digest *d)
{
    struct mark mark = mark_of(d);
    return m->size > 0 && memcmp(slot_of(m, &mark), &mark, sizeof(mark)) == 0;
}

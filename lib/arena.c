/* SPDX-License-Identifier: Apache-2.0
 *
 * arena: blocks of growing size; what does not fit well gets a block of its own.
 */
#include "lib/arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_MIN = 2 * 1024, BLOCK_MAX = 64 * 1024, ALIGN = _Alignof(max_align_t) };

struct arena_block {
    struct arena_block *next;
    size_t size, used; /* of bytes */
    _Alignas(max_align_t) char bytes[];
};

void arena_init(struct arena *a)
{
    *a = (struct arena){NULL, 0};
}

void arena_fini(struct arena *a)
{
    while (a->blocks) {
        struct arena_block *b = a->blocks;
        a->blocks = b->next;
        free(b);
    }
    a->used = 0;
}

static struct arena_block *block_new(size_t size)
{
    struct arena_block *b = must_alloc(sizeof(*b) + size);
    b->size = size;
    b->used = 0;
    return b;
}

/* The size of the next shared block, its header included. */
static size_t next_size(const struct arena *a)
{
    if (!a->blocks)
        return BLOCK_MIN;
    size_t size = 2 * (a->blocks->size + sizeof(struct arena_block));
    return size < BLOCK_MIN ? BLOCK_MIN : size > BLOCK_MAX ? BLOCK_MAX : size;
}

/* A block with room for n. The newest block stays the newest while it has more to give
 * than the rest of one made for a large n. */
static struct arena_block *block_for(struct arena *a, size_t n)
{
    struct arena_block *newest = a->blocks;
    if (newest && newest->size - newest->used >= n)
        return newest;
    size_t size = next_size(a) - sizeof(struct arena_block);
    bool large = n > size / 4;
    struct arena_block *b = block_new(large ? n : size);
    if (large && newest) {
        b->next = newest->next;
        newest->next = b;
    } else {
        b->next = newest;
        a->blocks = b;
    }
    return b;
}

void *arena_alloc(struct arena *a, size_t n)
{
    size_t room;
    if (__builtin_add_overflow(n ? n : 1, ALIGN - 1, &room) || room > PTRDIFF_MAX / 2)
        return must_alloc(SIZE_MAX); /* ends the process in the one way there is */
    room -= room % ALIGN;
    struct arena_block *b = block_for(a, room);
    char *p = b->bytes + b->used;
    b->used += room;
    a->used += room;
    return memset(p, 0, room);
}

struct span arena_span(struct arena *a, struct span s)
{
    return (struct span){arena_str(a, s), s.n};
}

char *arena_str(struct arena *a, struct span s)
{
    char *p = arena_alloc(a, s.n + 1);
    if (s.n)
        memcpy(p, s.p, s.n);
    return p;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    char *p = arena_vprintf(a, fmt, args);
    va_end(args);
    return p;
}

char *arena_vprintf(struct arena *a, const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    size_t size = n > 0 ? (size_t)n + 1 : 1;
    char *p = arena_alloc(a, size);
    vsnprintf(p, size, fmt, again);
    va_end(again);
    return p;
}

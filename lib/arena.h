/* SPDX-License-Identifier: Apache-2.0
 *
 * arena: memory of one request, freed at once. Owned by one thread at a time,
 * together with the request it belongs to.
 */
#ifndef LIB_ARENA_H
#define LIB_ARENA_H

#include <stdarg.h>

#include "lib/span.h"

struct arena_block;

struct arena {
    struct arena_block *blocks; /* newest first */
    size_t used;                /* bytes handed out, for limits */
};

void arena_init(struct arena *a);
void arena_fini(struct arena *a);
void *arena_alloc(struct arena *a, size_t n); /* aligned, zeroed, never NULL */
/* Copies that end in NUL. */
struct span arena_span(struct arena *a, struct span s);
char *arena_str(struct arena *a, struct span s);
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);
char *arena_vprintf(struct arena *a, const char *fmt, va_list args) PRINTF_LIKE(2, 0);

#endif

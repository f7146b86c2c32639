/* SPDX-License-Identifier: Apache-2.0
 *
 * slab: the buffers that requests arrive in. Large ones come from a bounded store and are
 * for connections that fill them; everyone else, and everyone once the store is empty,
 * gets a small one, or a tiny one as long as that is enough. A connection holds a slab only
 * while there are bytes in it, so that a thousand slow ones cost next to nothing. Loop thread.
 */
#ifndef SERVER_SLAB_H
#define SERVER_SLAB_H

#include "lib/span.h"

enum { SLAB_TINY = 4 << 10, SLAB_SMALL = 16 << 10, SLAB_LARGE = 256 << 10, SLAB_LARGE_MAX = 32 };

/*   0        ready       raw        end        cap
 *   │ body ──►│   free    │ unparsed │   free   │      0 ≤ ready ≤ raw ≤ end ≤ cap
 */
struct slab {
    struct slab *next; /* in the store */
    size_t ready;      /* bytes of body, framing removed */
    size_t raw, end;   /* bytes as they came */
    size_t cap;
    char p[];
};

struct slabs {
    struct slab *free; /* large ones */
    unsigned made;     /* large ones in existence */
};

void slabs_fini(struct slabs *s);
/* The smallest that holds `want` bytes, but a small one where the store has no large one. */
struct slab *slab_take(struct slabs *s, size_t want);
/* A slab that holds these bytes, unparsed, outside the store. */
struct slab *slab_of(struct span bytes);
void slab_give(struct slabs *s, struct slab *b); /* NULL is fine */

#endif

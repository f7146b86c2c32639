/* SPDX-License-Identifier: Apache-2.0
 *
 * slab: the buffers that requests arrive in. On the loop they are small, or tiny as long as that is
 * enough, and a connection holds one only while there are bytes in it, so that a thousand slow ones
 * cost next to nothing. Large ones come from a bounded store, and are for the threads that read
 * bodies: one each, for a turn; who finds none goes on with a small one. Any thread.
 */
#ifndef SERVER_SLAB_H
#define SERVER_SLAB_H

#include <pthread.h>

#include "lib/span.h"

/* A large one is what a thread reads at a time: the fewer the calls, the less often the client is
 * woken to send more; but what it has read is still to be in the processor's cache. */
enum { SLAB_TINY = 4 << 10, SLAB_SMALL = 16 << 10, SLAB_LARGE = 1 << 20, SLAB_LARGE_MAX = 8 };

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
    pthread_mutex_t mutex;
    struct slab *free; /* large ones */
    unsigned made;     /* large ones in existence */
};

void slabs_init(struct slabs *s);
void slabs_fini(struct slabs *s);
/* A tiny one if that holds `want` bytes, else a small one. */
struct slab *slab_take(size_t want);
/* NULL if all are taken. */
struct slab *slab_take_large(struct slabs *s);
void slab_give(struct slabs *s, struct slab *b); /* NULL is fine */

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * marks: a set of digests, small enough for a store of millions: 16 bytes of each are kept.
 * Two digests that begin alike count as one; then too much is kept, never too little.
 * One thread at a time.
 */
#ifndef GC_MARKS_H
#define GC_MARKS_H

#include <sodium.h>

#include "lib/digest.h"

struct marks {
    struct mark *slots;                           /* open addressing */
    size_t size, count;                           /* size: a power of two, or 0 */
    unsigned char key[crypto_shorthash_KEYBYTES]; /* clients choose digests, not their places */
};

void marks_init(struct marks *m);
void marks_fini(struct marks *m);
void marks_add(struct marks *m, const struct digest *d);
bool marks_has(const struct marks *m, const struct digest *d);

#endif

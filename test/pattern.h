/* SPDX-License-Identifier: Apache-2.0
 *
 * pattern: bodies whose every byte depends on where it stands, so that a piece that is lost,
 * doubled or moved shows.
 */
#ifndef TEST_PATTERN_H
#define TEST_PATTERN_H

#include <stdlib.h>

#include "lib/span.h"

/* The caller frees p. */
static inline struct span pattern_bytes(size_t n, unsigned seed)
{
    unsigned char *p = must_alloc(n);
    uint64_t x = seed * 0x9e3779b97f4a7c15u + 1;
    for (size_t i = 0; i < n; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        p[i] = (unsigned char)(x + i);
    }
    return span_from(p, n);
}

#endif

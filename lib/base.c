/* SPDX-License-Identifier: Apache-2.0
 *
 * base: heap memory that is never NULL.
 */
#include "lib/base.h"

#include <stdio.h>
#include <stdlib.h>

static void *must(void *p, size_t n)
{
    if (p)
        return p;
    fprintf(stderr, "out of memory: %zu bytes\n", n);
    abort();
}

/* malloc(0) may be NULL, which would look like a failure. */
static size_t at_least_one(size_t n)
{
    return n ? n : 1;
}

void *must_alloc(size_t n)
{
    return must(malloc(at_least_one(n)), n);
}

void *must_calloc(size_t n)
{
    return must(calloc(1, at_least_one(n)), n);
}

void *must_realloc(void *p, size_t n)
{
    return must(realloc(p, at_least_one(n)), n);
}

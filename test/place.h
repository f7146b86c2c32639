/* SPDX-License-Identifier: Apache-2.0
 *
 * place: a directory of a test's own, where TMPDIR says or in /tmp.
 */
#ifndef TEST_PLACE_H
#define TEST_PLACE_H

#include <stdio.h>
#include <stdlib.h>

/* False if it cannot be made; what is in it, and itself, is the caller's to remove. */
static inline bool place_make(char *path, size_t size, const char *name)
{
    const char *folder = getenv("TMPDIR");
    int n =
        snprintf(path, size, "%s/registry-%s-XXXXXX", folder && *folder ? folder : "/tmp", name);
    return n > 0 && (size_t)n < size && mkdtemp(path) != NULL;
}

#endif

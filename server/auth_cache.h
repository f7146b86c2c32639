/* SPDX-License-Identifier: Apache-2.0
 *
 * auth_cache: credentials that were found good, so that a push of a hundred requests pays for one
 * check. What is kept is a keyed hash, with a key that nobody outside of this memory has: neither
 * a password nor what could be tried against one. One thread.
 */
#ifndef SERVER_AUTH_CACHE_H
#define SERVER_AUTH_CACHE_H

#include "lib/span.h"

enum { AUTH_MARK_BYTES = 32, AUTH_CACHE_MAX = 4096 };

/* What credentials are called in the cache. */
struct auth_mark {
    unsigned char bytes[AUTH_MARK_BYTES];
};

struct auth_cache;

struct auth_cache *auth_cache_new(void);
void auth_cache_free(struct auth_cache *c);

/* Of what they consist of: ("a", "bc") is not ("ab", "c"). */
struct auth_mark auth_cache_mark(const struct auth_cache *c, const struct span *parts,
                                 size_t count);
bool auth_mark_eq(const struct auth_mark *a, const struct auth_mark *b);

/* Good until then, seconds since 1970. When it is full, the oldest goes. */
void auth_cache_add(struct auth_cache *c, const struct auth_mark *mark, int64_t until);
bool auth_cache_has(const struct auth_cache *c, const struct auth_mark *mark, int64_t now);
void auth_cache_clear(struct auth_cache *c);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * auth_cache: a hash table in the order of insertion.
 */
#include "server/auth_cache.h"

#include <sodium.h>
#include <stdlib.h>
#include <uthash.h>

struct entry {
    struct auth_mark mark;
    int64_t until;
    UT_hash_handle hh;
};

struct auth_cache {
    unsigned char key[crypto_generichash_KEYBYTES];
    struct entry *entries;
};

struct auth_cache *auth_cache_new(void)
{
    struct auth_cache *c = must_calloc(sizeof(*c));
    crypto_generichash_keygen(c->key);
    return c;
}

void auth_cache_free(struct auth_cache *c)
{
    if (!c)
        return;
    auth_cache_clear(c);
    sodium_memzero(c, sizeof(*c));
    free(c);
}

struct auth_mark auth_cache_mark(const struct auth_cache *c, const struct span *parts, size_t count)
{
    struct auth_mark mark;
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, c->key, sizeof(c->key), sizeof(mark.bytes));
    for (size_t i = 0; i < count; i++) {
        uint64_t n = parts[i].n;
        (void)crypto_generichash_update(&state, (const unsigned char *)&n, sizeof(n));
        if (n > 0)
            (void)crypto_generichash_update(&state, (const unsigned char *)parts[i].p, n);
    }
    (void)crypto_generichash_final(&state, mark.bytes, sizeof(mark.bytes));
    sodium_memzero(&state, sizeof(state));
    return mark;
}

bool auth_mark_eq(const struct auth_mark *a, const struct auth_mark *b)
{
    return sodium_memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

/* NOLINTBEGIN(readability-function-size, clang-analyzer-unix.Malloc): uthash's macros are counted
 * as what they become, and the analyzer does not follow its lists */

static struct entry *find(const struct auth_cache *c, const struct auth_mark *mark)
{
    struct entry *e;
    HASH_FIND(hh, c->entries, mark, sizeof(*mark), e);
    return e;
}

static void drop(struct auth_cache *c, struct entry *e)
{
    HASH_DEL(c->entries, e);
    free(e);
}

void auth_cache_add(struct auth_cache *c, const struct auth_mark *mark, int64_t until)
{
    struct entry *e = find(c, mark);
    if (e)
        drop(c, e);
    if (HASH_COUNT(c->entries) >= AUTH_CACHE_MAX)
        drop(c, c->entries); /* uthash has the first that came at the head */
    e = must_calloc(sizeof(*e));
    e->mark = *mark;
    e->until = until;
    HASH_ADD(hh, c->entries, mark, sizeof(e->mark), e);
}

/* NOLINTEND(readability-function-size, clang-analyzer-unix.Malloc) */

bool auth_cache_has(const struct auth_cache *c, const struct auth_mark *mark, int64_t now)
{
    const struct entry *e = find(c, mark);
    return e && now <= e->until;
}

void auth_cache_clear(struct auth_cache *c)
{
    struct entry *next;
    struct entry *e = c->entries;
    HASH_CLEAR(hh, c->entries); /* the table alone: the entries still have each other */
    for (; e; e = next) {
        next = e->hh.next;
        free(e);
    }
}

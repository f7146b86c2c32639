/* SPDX-License-Identifier: Apache-2.0
 *
 * memory: a hash, and a list in the order of use.
 */
#include "storage/memory.h"

#include <utlist.h>

enum { SETTLED_S = 3 /* the coarsest clock of a file system, and a second */ };

bool file_has_settled(const struct file_times *t)
{
    time_t now = time(NULL);
    return now - t->modified.tv_sec > SETTLED_S && now - t->changed.tv_sec > SETTLED_S;
}

void memory_init(struct memory *m, size_t max, void (*free)(struct memo *m))
{
    *m = (struct memory){.max = max, .free = free};
    (void)pthread_mutex_init(&m->mutex, NULL);
}

/* These with the mutex held.
 * NOLINTBEGIN(readability-function-size): uthash's macros are counted as what they become */
static void forget(struct memory *m, struct memo *memo)
{
    HASH_DEL(m->memos, memo);
    DL_DELETE(m->used, memo);
    m->bytes -= memo->bytes;
    memo->kept = false;
    if (memo->users == 0)
        m->free(memo);
}

static struct memo *find(struct memory *m, const char *key, size_t key_len)
{
    struct memo *memo;
    HASH_FIND(hh, m->memos, key, key_len, memo);
    return memo;
}

static void keep(struct memory *m, struct memo *memo)
{
    struct memo *old = find(m, memo->key, memo->key_len);
    if (old)
        forget(m, old);
    while (m->used && m->bytes + memo->bytes > m->max)
        forget(m, m->used);
    HASH_ADD_KEYPTR(hh, m->memos, memo->key, memo->key_len, memo);
    DL_APPEND(m->used, memo);
    m->bytes += memo->bytes;
    memo->kept = true;
}
/* NOLINTEND(readability-function-size) */

void memory_fini(struct memory *m)
{
    while (m->used)
        forget(m, m->used);
    (void)pthread_mutex_destroy(&m->mutex);
}

struct memo *memory_find(struct memory *m, const char *key, size_t key_len)
{
    (void)pthread_mutex_lock(&m->mutex);
    struct memo *memo = find(m, key, key_len);
    if (memo) {
        memo->users++;
        DL_DELETE(m->used, memo);
        DL_APPEND(m->used, memo);
    }
    (void)pthread_mutex_unlock(&m->mutex);
    return memo;
}

void memory_use(struct memo *memo)
{
    memo->users = 1;
}

void memory_put(struct memory *m, struct memo *memo)
{
    memory_use(memo);
    if (memo->bytes > m->max / 4)
        return;
    (void)pthread_mutex_lock(&m->mutex);
    keep(m, memo);
    (void)pthread_mutex_unlock(&m->mutex);
}

void memory_give(struct memory *m, struct memo *memo)
{
    if (!memo)
        return;
    (void)pthread_mutex_lock(&m->mutex);
    bool last = --memo->users == 0 && !memo->kept;
    (void)pthread_mutex_unlock(&m->mutex);
    if (last)
        m->free(memo);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * locks: a hash picks the mutex.
 */
#include "storage/locks.h"

#include <sodium.h>

void locks_init(struct locks *l)
{
    for (int i = 0; i < LOCKS; i++)
        (void)pthread_mutex_init(&l->mutexes[i], NULL);
}

void locks_fini(struct locks *l)
{
    for (int i = 0; i < LOCKS; i++)
        (void)pthread_mutex_destroy(&l->mutexes[i]);
}

static unsigned pick(struct span s)
{
    static const unsigned char key[crypto_shorthash_KEYBYTES] = {0};
    unsigned char out[crypto_shorthash_BYTES];
    (void)crypto_shorthash(out, (const unsigned char *)s.p, s.n, key);
    return out[0];
}

pthread_mutex_t *locks_take(struct locks *l, struct span repo, struct span name)
{
    pthread_mutex_t *m = &l->mutexes[(pick(repo) + pick(name)) % LOCKS];
    (void)pthread_mutex_lock(m);
    return m;
}

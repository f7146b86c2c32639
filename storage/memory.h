/* SPDX-License-Identifier: Apache-2.0
 *
 * memory: things that were made out of files, to be used again as long as the files say that they
 * are the same. The disk is the truth: who finds something here compares the files' times with
 * those that they had before it was made.
 *
 * Whoever changes a file or the entries of a directory, this process or another, changes its times.
 * Only within the same tick of the file system's clock two changes may look like one: what was made
 * of something that has changed a moment ago is not remembered.
 *
 * Any thread; nobody waits here for a system call.
 */
#ifndef STORAGE_MEMORY_H
#define STORAGE_MEMORY_H

#include <uthash.h>

#include "storage/file.h"

/* The beginning of what is remembered. */
struct memo {
    const char *key; /* the memo's own */
    size_t key_len;
    size_t bytes; /* all of it */
    unsigned users;
    bool kept;
    struct memo *prev, *next;
    UT_hash_handle hh;
};

struct memory {
    pthread_mutex_t mutex;
    struct memo *memos; /* hash, by key */
    struct memo *used;  /* list; the one that was used last is its last */
    size_t bytes, max;
    void (*free)(struct memo *m);
};

void memory_init(struct memory *m, size_t max, void (*free)(struct memo *m));
void memory_fini(struct memory *m);
/* Borrowed until memory_give. NULL: there is none. */
struct memo *memory_find(struct memory *m, const char *key, size_t key_len);
/* A new one, whose one user is the caller; it takes the place of another with the same key. One
 * that would take much of the room is not kept. */
void memory_put(struct memory *m, struct memo *memo);
/* A new one that is not to be kept. */
void memory_use(struct memo *memo);
void memory_give(struct memory *m, struct memo *memo); /* memo may be NULL */

/* Has it not changed for so long that another change will be seen? */
bool file_has_settled(const struct file_times *t);

#endif

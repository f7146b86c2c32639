/* SPDX-License-Identifier: Apache-2.0
 *
 * names: which directories a directory has, in byte order, so that a page of a long list costs no
 * more than one of a short list. The disk is the truth: each call compares the directory's times
 * with those that it had when it was read, and reads it again if they differ.
 *
 * Whoever adds or removes an entry, this process or another, changes the directory's times. Only
 * within the same tick of its clock two changes may look like one: what has changed a moment ago is
 * not remembered.
 *
 * Any thread.
 */
#ifndef STORAGE_NAMES_H
#define STORAGE_NAMES_H

#include "storage/file.h"

struct names {
    pthread_mutex_t mutex; /* nobody holds it over a system call */
    struct name_set *sets; /* hash, by path */
    struct name_set *used; /* list; the one that was used last is its last */
    size_t bytes;
};

/* Which ones count, and what they are in the order. */
struct names_kind {
    bool (*takes)(const char *name);
    /* There may be more below a name: then "name/" is an item as well as "name", and all that is
     * below has its place in the order where that is. */
    bool nested;
    size_t most; /* so many will do, whichever they are; 0: all */
};

void names_init(struct names *n);
void names_fini(struct names *n);
/* RC_NOT_FOUND if there is no such directory. What a path is asked for is always the same kind. */
enum rc names_take(struct names *n, struct tree *t, const char *path, const struct names_kind *k,
                   struct name_set **out, struct fault *f) MUST_CHECK;
void names_give(struct names *n, struct name_set *set); /* set may be NULL */

size_t names_count(const struct name_set *set);
struct span names_item(const struct name_set *set, size_t i); /* NUL is behind it, or "/" */
/* The first item after last, or as many as there are. */
size_t names_after(const struct name_set *set, struct span last);

#endif

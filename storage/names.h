/* SPDX-License-Identifier: Apache-2.0
 *
 * names: which directories a directory has, in byte order, so that a page of a long list costs no
 * more than one of a short list. What was read is remembered (memory.h); each call asks the
 * directory whether it is still the same.
 *
 * Any thread.
 */
#ifndef STORAGE_NAMES_H
#define STORAGE_NAMES_H

#include "storage/memory.h"

/* Which ones count, and what they are in the order. */
struct names_kind {
    bool (*takes)(const char *name);
    /* There may be more below a name: then "name/" is an item as well as "name", and all that is
     * below has its place in the order where that is. */
    bool nested;
    size_t most; /* so many will do, whichever they are; 0: all */
};

struct name_set;

void names_init(struct memory *m);
/* RC_NOT_FOUND if there is no such directory. What a path is asked for is always the same kind. */
enum rc names_take(struct memory *m, struct tree *t, const char *path, const struct names_kind *k,
                   struct name_set **out, struct fault *f) MUST_CHECK;
/* The same for who must not wait: one that was read before, if it has not changed, and the system
 * can tell that without asking a disk. NULL says nothing. */
struct name_set *names_take_again(struct memory *m, struct tree *t, const char *path);
/* As they were when they were last read, to begin with: NULL if that is not remembered. */
struct name_set *names_remembered(struct memory *m, const char *path);
void names_give(struct memory *m, struct name_set *set); /* set may be NULL */

size_t names_count(const struct name_set *set);
struct span names_item(const struct name_set *set, size_t i); /* NUL is behind it, or "/" */
/* The first item after last, or as many as there are. */
size_t names_after(const struct name_set *set, struct span last);

#endif

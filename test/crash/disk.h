/* SPDX-License-Identifier: Apache-2.0
 *
 * disk: a file system in memory, and what a crash may leave of it.
 *
 * It keeps what POSIX promises, and nothing that a file system gives beyond that:
 *
 *   fsync of a file        its bytes, length and time are safe; its name is not
 *   fsync of a directory   its entries are safe; those of the directories above it are not
 *   syncfs                 everything is safe
 *
 * What is not safe may be there or not, each change on its own:
 *
 *   a file's bytes         none of the new ones, the first half, all; or the new length with zeros
 *                          instead of all new ones, or of the second half; what is cut off is
 *                          gone, though
 *   a directory's entries  of n changes every choice up to n = 3; then the first so many, all but
 *                          one, and one alone
 *   a file's time          the old one, the new one
 *
 * A rename within a directory is one change. One between two directories is a change in each, so
 * that a file may be found under both names, or under none.
 */
#ifndef TEST_CRASH_DISK_H
#define TEST_CRASH_DISK_H

#include "lib/arena.h"

enum { DISK_NONE = 0, DISK_TOP = 1 }; /* nodes: files and directories are numbers */
enum { DISK_TIME_NOW = -1 };          /* of this day; other times are told by the second */

enum change_kind {
    CHANGE_FILE,    /* a directory gets an entry: a new, empty file */
    CHANGE_DIR,     /* … a new directory */
    CHANGE_NAME,    /* … a node that is there, or loses one (DISK_NONE) */
    CHANGE_BYTES,   /* a file gets longer */
    CHANGE_CUT,     /* … shorter */
    CHANGE_TIME,    /* a file is given a time */
    CHANGE_SYNC,    /* fsync of a file or of a directory */
    CHANGE_SYNC_ALL /* syncfs */
};

/* The strings live as long as the disk. */
struct change {
    enum change_kind kind;
    int node;         /* the directory; BYTES, TIME, SYNC: the file or directory */
    int target;       /* FILE, DIR, NAME: what the entry is from now on */
    const char *name; /* FILE, DIR, NAME: the entry … */
    const char *from; /* NAME: … and one of the same directory that goes with it; or NULL */
    struct span bytes;
    size_t size; /* CUT: what is left */
    int64_t time;
};

struct disk;

struct disk *disk_new(void); /* with an empty directory, DISK_TOP */
void disk_free(struct disk *d);
void disk_apply(struct disk *d, const struct change *c);

/* ---- What a crash may leave now. -------------------------------------------------------- */

/* Something that is not safe. Option 0: nothing of it is left; the last one: all of it. */
struct choice {
    int node;
    enum { CHOICE_NAMES, CHOICE_BYTES, CHOICE_TIME } of;
    unsigned options;
};

/* Those that can be seen. Returns how many; *out is the disk's, until the next call. */
size_t disk_choices(struct disk *d, const struct choice **out);
/* Decides one of them; the others stay as they are. */
void disk_choose(struct disk *d, const struct choice *c, unsigned option);
/* In words. */
void disk_describe(const struct disk *d, const struct choice *c, unsigned option, struct arena *a,
                   const char **out);

struct found_node {
    const char *path; /* from the top */
    int node;
    bool is_dir;
    const char *bytes;  /* the first `valid` … */
    size_t valid, size; /* … and zeros up to `size` */
    int64_t time;
};
/* All that is left, directories before what is in them. */
typedef void disk_visit_fn(void *ctx, const struct found_node *n);
void disk_visit(struct disk *d, disk_visit_fn *visit, void *ctx);

#endif

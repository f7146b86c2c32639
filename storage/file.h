/* SPDX-License-Identifier: Apache-2.0
 *
 * file: every system call on files. Retries what was interrupted, turns errno
 * into outcomes, and knows the one way to put something on a disk for good:
 * write beside, fsync, rename, fsync the directory.
 *
 * Paths are relative to the tree. Any thread. A missing file or directory is
 * RC_NOT_FOUND; for the rest see fault_errno.
 */
#ifndef STORAGE_FILE_H
#define STORAGE_FILE_H

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "lib/arena.h"
#include "lib/rc.h"
#include "lib/span.h"

/* A directory can go away between any two calls: a delete empties it, a collection removes
 * it. Then the same is tried again. */
enum { FILE_TRIES = 20 };

/* Of a path, with what is behind the name of a temporary file. */
enum { FILE_PATH_BYTES = 1100 };

enum { LOCK_DIRECTORY, LOCK_FILE, TREE_LOCKS };

/* The directory that all paths are relative to. */
struct tree {
    int fd;
    size_t skip;               /* the length of the path that leads here (tree_enter) */
    int locks[TREE_LOCKS];     /* -1: none */
    const char *const *places; /* directories that may be on another file system; ends with NULL */
    pthread_mutex_t mutex;     /* of `making` */
    struct making *making;     /* directories that are being made, and not all synced … */
    atomic_uint makers;        /* … by so many threads */
    atomic_uint doubts;        /* how often there was one (tree_doubt) … */
    atomic_uint settled;       /* … of which so many are settled */
    pthread_mutex_t settling;
    struct actions *actions; /* who counts what is done; NULL: nobody */
};

/* What of a path is left from where the tree is held; "." there. */
static inline const char *tree_rest(const struct tree *t, const char *path)
{
    const char *rest = path + t->skip;
    rest += rest[0] == '/';
    return rest[0] ? rest : ".";
}

enum rc tree_open(struct tree *t, const char *root, const char *const *places,
                  struct fault *f) MUST_CHECK;
void tree_close(struct tree *t);

/* Says that this process works on the tree, for as long as it is open, by a lock on the tree itself
 * and one on this file, if that can be made; waits if another has it for itself just now. */
void tree_share(struct tree *t, const char *path);
/* For itself; false if another process works on it. For a short time: who comes, waits. */
bool tree_lock(struct tree *t) MUST_CHECK;
void tree_unlock(struct tree *t);
/* From now on something may look as if it were there, or gone, and not be so on the disk: whoever
 * has changed it was killed, or could not sync it. */
void tree_doubt(struct tree *t);
/* Everything that can be seen is on the disk, but for what other threads are at just now. Costs
 * nothing as long as there is no doubt. What is done below for good is done after it. */
enum rc tree_settle(struct tree *t, struct fault *f) MUST_CHECK;

/* The same tree, held at one of its directories: what is below that is found without the way from
 * the top. Paths stay what they are in the whole one, which outlives it; path is not "". For
 * looking and listing, not for changes. */
enum rc tree_enter(struct tree *t, const char *path, struct tree *below,
                   struct fault *f) MUST_CHECK;
void tree_leave(struct tree *below);

/* Room on the file system, without what is kept for the administrator. */
enum rc tree_room(struct tree *t, uint64_t *free_bytes, uint64_t *total,
                  struct fault *f) MUST_CHECK;

/* What changes when a file or a directory does, whoever changes it. */
struct file_times {
    uint64_t device, inode; /* another one may have taken its place */
    struct timespec modified, changed;
};

struct file_info {
    uint64_t size;
    uint64_t inode;
    bool is_dir;
    time_t mtime;
    struct file_times times;
};

bool file_times_eq(const struct file_times *a, const struct file_times *b);

enum file_mode { FILE_READ, FILE_APPEND, FILE_CREATE };

enum rc file_open(struct tree *t, const char *path, enum file_mode mode, int *fd,
                  struct fault *f) MUST_CHECK;
void file_close(int fd); /* -1 is fine */
enum rc file_stat(struct tree *t, const char *path, struct file_info *out,
                  struct fault *f) MUST_CHECK;
/* The same, if the system knows it without asking a disk; else, whatever the reason,
 * RC_NOT_FOUND. */
enum rc file_known(struct tree *t, const char *path, struct file_info *out) MUST_CHECK;
enum rc file_stat_fd(int fd, struct file_info *out, struct fault *f) MUST_CHECK;
/* A hint that may be lost: failures are not told. */
void file_set_time(struct tree *t, const char *path, time_t modified);
/* Takes the file for this handle alone, as long as it is open. RC_UPLOAD_BUSY if taken. */
enum rc file_lock(int fd, struct fault *f) MUST_CHECK;

enum rc file_write(int fd, struct span bytes, struct fault *f) MUST_CHECK;
/* Reads at most n bytes from an offset; *got is less only at the end of the file. */
enum rc file_read_at(int fd, uint64_t offset, char *p, size_t n, size_t *got,
                     struct fault *f) MUST_CHECK;
/* The same, for who reads what nobody else may want: of what was not in the system's memory before,
 * nothing stays there. offset is a multiple of the page's size, n at most 4 MiB. */
enum rc file_read_aside(int fd, uint64_t offset, char *p, size_t n, size_t *got,
                        struct fault *f) MUST_CHECK;
/* Has the system's memory keep nothing of the file. A hint. */
void file_forget(int fd);
/* Cuts it off behind so many bytes. */
enum rc file_cut(int fd, uint64_t size, struct fault *f) MUST_CHECK;
/* These three tell of each failure to write once: what they fail for may be nowhere any more. */
enum rc file_sync(int fd, struct fault *f) MUST_CHECK;
/* Has the kernel begin writing [from, from+n) to the disk, without waiting. */
enum rc file_write_back(int fd, uint64_t from, uint64_t n, struct fault *f) MUST_CHECK;
/* Waits until what file_write_back began for [from, from+n) is written. */
enum rc file_write_wait(int fd, uint64_t from, uint64_t n, struct fault *f) MUST_CHECK;

/* The first bytes of a file, at most n, and what is known of it. */
enum rc file_get_head(struct tree *t, const char *path, char *p, size_t n, size_t *got,
                      struct file_info *info, struct fault *f) MUST_CHECK;
/* A whole small file. RC_SIZE_INVALID, without words, if it is larger than max. */
enum rc file_get(struct tree *t, const char *path, size_t max, struct arena *a, struct span *out,
                 struct fault *f) MUST_CHECK;
/* Puts a whole file in its place, for good, making directories as needed. A reader
 * sees the old bytes or the new ones. */
enum rc file_put(struct tree *t, const char *path, struct span bytes, struct fault *f) MUST_CHECK;
/* The same without any fsync, in a directory that is there: for what may be lost or torn in a
 * crash. */
enum rc file_put_unsynced(struct tree *t, const char *path, struct span bytes,
                          struct fault *f) MUST_CHECK;
/* The same for a new file, where nobody reads it before it is whole. */
enum rc file_put_new(struct tree *t, const char *path, struct span bytes,
                     struct fault *f) MUST_CHECK;
/* Makes a directory that nobody else knows of, with those above it, not synced. */
enum rc file_mkdirs_aside(struct tree *t, const char *path, struct fault *f) MUST_CHECK;
/* file_put_new somewhere below such a directory, making those in between. */
enum rc file_put_aside(struct tree *t, const char *top, const char *path, struct span bytes,
                       struct fault *f) MUST_CHECK;
/* fsyncs that file and the directories between it and `top`. When all has been put, so that the
 * file system has to commit what was made only once. */
enum rc file_sync_aside(struct tree *t, const char *top, const char *path,
                        struct fault *f) MUST_CHECK;
/* Moves a synced file over `to`, for good, making directories as needed. */
enum rc file_move(struct tree *t, const char *from, const char *to, struct fault *f) MUST_CHECK;
/* Moves a directory to where nobody looks, making that as needed: here it is gone for good. */
enum rc file_take_out(struct tree *t, const char *path, const char *to, struct fault *f) MUST_CHECK;
/* fsyncs a directory, or it and all above it. One that is gone is fine. */
enum rc file_sync_dir(struct tree *t, const char *path, struct fault *f) MUST_CHECK;
enum rc file_sync_chain(struct tree *t, const char *path, struct fault *f) MUST_CHECK;
/* Makes a directory and those above it, for good. One that exists is fine. */
enum rc file_mkdirs(struct tree *t, const char *path, struct fault *f) MUST_CHECK;

/* The same in two steps, for the directory that a path is in, and what is put there: making_begin
 * makes what is missing, and making_end, after something has been put, and synced, has it all on
 * the disk. What a journal has to write is written once then. In between others see the
 * directories, and sync themselves what they rely on. */
struct making {
    char dir[FILE_PATH_BYTES];
    size_t top;    /* the length of the shortest part of it that may be new */
    unsigned made; /* so many of the deepest ones */
    bool listed;   /* in the tree, for others to see */
    struct making *next;
};
/* making_end is to be called only after RC_OK. */
enum rc making_begin(struct tree *t, const char *path, struct making *m,
                     struct fault *f) MUST_CHECK;
/* rc: how it went in between; the outcome, unless this fails, too. */
enum rc making_end(struct tree *t, struct making *m, enum rc rc, struct fault *f) MUST_CHECK;
/* Makes one directory, not synced. One that exists is fine. */
enum rc file_mkdir(struct tree *t, const char *path, struct fault *f) MUST_CHECK;
/* Can a directory be made at the one place, with those above it, and be moved to the other? Tries
 * it, and leaves none there. RC_UNSUPPORTED: not as long as things are as they are; anything else
 * says nothing. */
enum rc file_try_move(struct tree *t, const char *from, const char *to) MUST_CHECK;

/* Removes a file, for good. */
enum rc file_remove(struct tree *t, const char *path, struct fault *f) MUST_CHECK;
/* The same, not synced. */
enum rc file_drop(struct tree *t, const char *path, struct fault *f) MUST_CHECK;
/* fsyncs the directory that path is in; that it is gone is fine. */
enum rc file_sync_parent(struct tree *t, const char *path, struct fault *f) MUST_CHECK;
/* Removes a directory if it is empty; anything else is left alone. Is it gone? Not synced. */
bool file_remove_empty(struct tree *t, const char *path);
/* Is there nothing below but directories? One that is not there is hollow, too. */
bool file_is_hollow(struct tree *t, const char *path);
/* Removes what is empty below a directory, and then the directory if it is. Not synced. */
void file_prune(struct tree *t, const char *path);
/* Removes a directory and all below it. One that is not there is fine. */
enum rc file_remove_tree(struct tree *t, const char *path, struct fault *f) MUST_CHECK;

/* Called for each entry of a directory but "." and ".."; anything but RC_OK ends the
 * walk and is its outcome. */
typedef enum rc file_entry_fn(void *ctx, const char *name, bool is_dir);
enum rc file_list(struct tree *t, const char *path, file_entry_fn *entry, void *ctx,
                  struct fault *f) MUST_CHECK;

/* The same, entry by entry. */
struct dir;
enum dir_entry { DIR_ENTRY_FILE, DIR_ENTRY_DIR, DIR_ENTRY_LINK /* a symbolic one */ };
enum rc dir_open(struct tree *t, const char *path, struct dir **out, struct fault *f) MUST_CHECK;
/* RC_NOT_FOUND after the last one; name is valid until the next call. */
enum rc dir_next(struct dir *d, const char **name, enum dir_entry *kind,
                 struct fault *f) MUST_CHECK;
void dir_close(struct dir *d); /* d may be NULL */
/* The directory as a tree, for as long as it is open. Not to be closed. */
struct tree dir_tree(const struct dir *d);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * file: what a file goes through to be there for good.
 *
 *   file_put     temp file → write → fsync → rename → fsync directory
 *   file_move    (synced by its writer) → rename → fsync directory
 */
#include "storage/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "storage/actions.h"

enum rc tree_open(struct tree *t, const char *root, const char *const *places, struct fault *f)
{
    if (mkdir(root, 0777) != 0 && errno != EEXIST)
        return fault_errno(f, errno, "make the root directory", root);
    int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fault_errno(f, errno, "open the root directory", root);
    t->fd = fd;
    for (int i = 0; i < TREE_LOCKS; i++)
        t->locks[i] = -1;
    t->actions = NULL;
    t->places = places;
    t->making = NULL;
    atomic_init(&t->makers, 0);
    (void)pthread_mutex_init(&t->mutex, NULL);
    atomic_init(&t->doubts, 0);
    atomic_init(&t->settled, 0);
    (void)pthread_mutex_init(&t->settling, NULL);
    return RC_OK;
}

void tree_close(struct tree *t)
{
    (void)pthread_mutex_destroy(&t->mutex);
    (void)pthread_mutex_destroy(&t->settling);
    for (int i = 0; i < TREE_LOCKS; i++)
        file_close(t->locks[i]);
    file_close(t->fd);
    t->fd = -1;
}

static int flock_retry(int fd, int how)
{
    int failed;
    do
        failed = flock(fd, how);
    while (failed && errno == EINTR);
    return failed;
}

static int open_retry(struct tree *t, const char *path, int flags, mode_t mode)
{
    int fd;
    do
        fd = openat(t->fd, tree_rest(t, path), flags | O_CLOEXEC, mode);
    while (fd < 0 && errno == EINTR);
    return fd;
}

/* For reading: a file that is open for writing is in the way of whoever wants to make the file
 * system read-only. But file systems of other machines lock only what is open for writing. */
static int open_lock_file(struct tree *t, const char *path)
{
    int fd = open_retry(t, path, O_RDONLY | O_CREAT, 0600);
    if (fd < 0 || flock_retry(fd, LOCK_EX | LOCK_NB) == 0 || errno != EBADF)
        return fd;
    file_close(fd);
    return open_retry(t, path, O_RDWR | O_CREAT, 0600);
}

/* The directory can be locked also where no file can be made, on a volume that is full or
 * read-only; but other machines may not see that. A file system without locks is taken to be ours
 * alone. */
void tree_share(struct tree *t, const char *path)
{
    t->locks[LOCK_DIRECTORY] = open_retry(t, ".", O_RDONLY | O_DIRECTORY, 0);
    t->locks[LOCK_FILE] = open_lock_file(t, path);
    tree_unlock(t);
}

bool tree_lock(struct tree *t)
{
    for (int i = 0; i < TREE_LOCKS; i++)
        if (t->locks[i] >= 0 && flock_retry(t->locks[i], LOCK_EX | LOCK_NB) != 0 &&
            errno == EWOULDBLOCK) {
            tree_unlock(t); /* a failed change of a lock has let go of the old one */
            return false;
        }
    return true;
}

void tree_unlock(struct tree *t)
{
    for (int i = 0; i < TREE_LOCKS; i++)
        if (t->locks[i] >= 0)
            (void)flock_retry(t->locks[i], LOCK_SH);
}

void tree_doubt(struct tree *t)
{
    (void)atomic_fetch_add(&t->doubts, 1);
}

static bool has_doubts(struct tree *t)
{
    return atomic_load(&t->settled) != atomic_load(&t->doubts);
}

static int syncfs_retry(int fd)
{
    /* That others' data has found no room is told here, too; and once. */
    int failed = syncfs(fd);
    if (failed && (errno == ENOSPC || errno == EDQUOT))
        failed = syncfs(fd);
    return failed;
}

static enum rc sync_device(int fd, dev_t *last, struct fault *f)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || (st.st_dev != *last && syncfs_retry(fd) != 0))
        return fault_errno(f, errno, "sync", "the file system");
    *last = st.st_dev;
    return RC_OK;
}

static enum rc sync_devices(struct tree *t, struct fault *f)
{
    dev_t last = 0;
    enum rc rc = sync_device(t->fd, &last, f);
    for (const char *const *place = t->places; rc == RC_OK && *place; place++) {
        int fd = open_retry(t, *place, O_RDONLY | O_DIRECTORY, 0);
        if (fd >= 0)
            rc = sync_device(fd, &last, f);
        else if (errno != ENOENT)
            rc = fault_errno(f, errno, "open", *place);
        file_close(fd);
    }
    return rc;
}

enum rc tree_settle(struct tree *t, struct fault *f)
{
    if (!has_doubts(t))
        return RC_OK;
    enum rc rc = RC_OK;
    (void)pthread_mutex_lock(&t->settling);
    unsigned doubts = atomic_load(&t->doubts); /* one that comes while it syncs is not settled */
    if (has_doubts(t))
        rc = sync_devices(t, f);
    if (rc == RC_OK)
        atomic_store(&t->settled, doubts);
    (void)pthread_mutex_unlock(&t->settling);
    return rc;
}

enum rc tree_room(struct tree *t, uint64_t *free_bytes, uint64_t *total, struct fault *f)
{
    struct statvfs st;
    if (fstatvfs(t->fd, &st) != 0)
        return fault_errno(f, errno, "ask for the free space of", "the file system");
    *free_bytes = (uint64_t)st.f_bavail * st.f_frsize;
    *total = (uint64_t)st.f_blocks * st.f_frsize;
    return RC_OK;
}

static int open_flags(enum file_mode mode)
{
    switch (mode) {
    case FILE_READ:
        return O_RDONLY;
    case FILE_APPEND:
        return O_RDWR | O_APPEND;
    case FILE_CREATE:
        return O_WRONLY | O_CREAT | O_EXCL;
    }
    return O_RDONLY;
}

enum rc file_open(struct tree *t, const char *path, enum file_mode mode, int *fd, struct fault *f)
{
    int got = open_retry(t, path, open_flags(mode), 0666);
    if (got < 0)
        return fault_errno(f, errno, "open", path);
    *fd = got;
    return RC_OK;
}

void file_close(int fd)
{
    if (fd >= 0)
        (void)close(fd);
}

static struct file_info info_of(const struct stat *st)
{
    return (struct file_info){.size = (uint64_t)st->st_size,
                              .inode = st->st_ino,
                              .is_dir = S_ISDIR(st->st_mode),
                              .mtime = st->st_mtime,
                              .times = {.device = st->st_dev,
                                        .inode = st->st_ino,
                                        .modified = st->st_mtim,
                                        .changed = st->st_ctim}};
}

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

bool file_times_eq(const struct file_times *a, const struct file_times *b)
{
    return a->device == b->device && a->inode == b->inode && same_time(a->modified, b->modified) &&
           same_time(a->changed, b->changed);
}

enum rc file_stat(struct tree *t, const char *path, struct file_info *out, struct fault *f)
{
    struct stat st;
    uint64_t begun = actions_begin(t->actions);
    int failed = fstatat(t->fd, tree_rest(t, path), &st, 0);
    enum rc rc = failed ? fault_errno(f, errno, "stat", path) : RC_OK;
    if (rc == RC_OK)
        *out = info_of(&st);
    actions_end(t->actions, ACTION_STAT, begun);
    return rc;
}

enum rc file_known(struct tree *t, const char *path, struct file_info *out)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_CACHED};
    struct stat st;
    int fd = (int)syscall(SYS_openat2, t->fd, tree_rest(t, path), &how, sizeof(how));
    if (fd < 0)
        return RC_NOT_FOUND;
    bool known = fstat(fd, &st) == 0;
    file_close(fd);
    if (!known)
        return RC_NOT_FOUND;
    *out = info_of(&st);
    return RC_OK;
}

enum rc file_stat_fd(int fd, struct file_info *out, struct fault *f)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return fault_errno(f, errno, "stat", "an open file");
    *out = info_of(&st);
    return RC_OK;
}

void file_set_time(struct tree *t, const char *path, time_t modified)
{
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = modified}};
    (void)utimensat(t->fd, path, times, 0);
}

enum rc file_lock(int fd, struct fault *f)
{
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return RC_OK;
    if (errno == EWOULDBLOCK)
        return fault(f, RC_UPLOAD_BUSY, NULL);
    return fault_errno(f, errno, "lock", "an open file");
}

enum rc file_write(int fd, struct span bytes, struct fault *f)
{
    while (bytes.n > 0) {
        ssize_t n = write(fd, bytes.p, bytes.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fault_errno(f, errno, "write", "an open file");
        bytes = span_skip(bytes, (size_t)n);
    }
    return RC_OK;
}

enum rc file_read_at(int fd, uint64_t offset, char *p, size_t n, size_t *got, struct fault *f)
{
    size_t done = 0;
    while (done < n) {
        ssize_t r = pread(fd, p + done, n - done, (off_t)(offset + done));
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return fault_errno(f, errno, "read", "an open file");
        if (r == 0)
            break;
        done += (size_t)r;
    }
    *got = done;
    return RC_OK;
}

/* Is any of [from, from+n) in memory, for somebody else? */
static bool is_cached(int fd, uint64_t from, size_t n)
{
    enum { PAGE_MIN = 4096, PAGES = 1024 };
    unsigned char pages[PAGES] = {0};
    bool found = false;
    if (n == 0 || n / PAGE_MIN > PAGES)
        return false;
    void *p = mmap(NULL, n, PROT_READ, MAP_SHARED, fd, (off_t)from);
    if (p == MAP_FAILED)
        return false;
    size_t count = mincore(p, n, pages) == 0 ? (n + PAGE_MIN - 1) / PAGE_MIN : 0;
    for (size_t i = 0; i < count; i++)
        found = found || (pages[i] & 1);
    (void)munmap(p, n);
    return found;
}

enum rc file_read_aside(int fd, uint64_t offset, char *p, size_t n, size_t *got, struct fault *f)
{
    bool cached = is_cached(fd, offset, n);
    /* Nothing is read ahead: the next piece would seem to be somebody's. */
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
    enum rc rc = file_read_at(fd, offset, p, n, got, f);
    if (!cached)
        (void)posix_fadvise(fd, (off_t)offset, (off_t)n, POSIX_FADV_DONTNEED);
    return rc;
}

void file_forget(int fd)
{
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

enum rc file_cut(int fd, uint64_t size, struct fault *f)
{
    if (ftruncate(fd, (off_t)size) != 0)
        return fault_errno(f, errno, "shorten", "an open file");
    return RC_OK;
}

enum rc file_sync(int fd, struct fault *f)
{
    /* Not fdatasync: the length is part of what was promised, and a failure is final.
     * The kernel may drop the dirty pages it could not write, so a retry would lie. */
    int failed;
    do
        failed = fsync(fd);
    while (failed && errno == EINTR);
    if (failed)
        return fault_errno(f, errno, "fsync", "an open file");
    return RC_OK;
}

/* File systems that do not know it write at the fsync. But a failure that this tells of is not told
 * again by the fsync. */
static enum rc sync_range(int fd, uint64_t from, uint64_t n, unsigned how, struct fault *f)
{
    if (sync_file_range(fd, (off_t)from, (off_t)n, how) == 0 || errno == EINVAL ||
        errno == ENOSYS || errno == EOPNOTSUPP || errno == ESPIPE)
        return RC_OK;
    return fault_errno(f, errno, "write back", "an open file");
}

enum rc file_write_back(int fd, uint64_t from, uint64_t n, struct fault *f)
{
    return sync_range(fd, from, n, SYNC_FILE_RANGE_WRITE, f);
}

enum rc file_write_wait(int fd, uint64_t from, uint64_t n, struct fault *f)
{
    const unsigned all =
        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
    return sync_range(fd, from, n, all, f);
}

enum rc file_get_head(struct tree *t, const char *path, char *p, size_t n, size_t *got,
                      struct file_info *info, struct fault *f)
{
    int fd = -1;
    uint64_t begun = actions_begin(t->actions);
    enum rc rc = file_open(t, path, FILE_READ, &fd, f);
    if (rc == RC_OK)
        rc = file_stat_fd(fd, info, f);
    if (rc == RC_OK)
        rc = file_read_at(fd, 0, p, info->size < n ? info->size : n, got, f);
    file_close(fd);
    actions_end(t->actions, ACTION_GET, begun);
    return rc;
}

static enum rc get(struct tree *t, const char *path, size_t max, struct arena *a, struct span *out,
                   struct fault *f)
{
    int fd = -1;
    enum rc rc = file_open(t, path, FILE_READ, &fd, f);
    if (rc != RC_OK)
        return rc;
    struct file_info info;
    rc = file_stat_fd(fd, &info, f);
    if (rc == RC_OK && info.is_dir)
        rc = fault(f, RC_IO, "%s is a directory", path);
    if (rc == RC_OK && info.size > max)
        rc = RC_SIZE_INVALID;
    if (rc == RC_OK) {
        char *p = arena_alloc(a, info.size + 1);
        size_t got = 0;
        rc = file_read_at(fd, 0, p, info.size, &got, f);
        if (rc == RC_OK)
            *out = span_from(p, got);
    }
    file_close(fd);
    return rc;
}

enum rc file_get(struct tree *t, const char *path, size_t max, struct arena *a, struct span *out,
                 struct fault *f)
{
    uint64_t begun = actions_begin(t->actions);
    enum rc rc = get(t, path, max, a, out, f);
    actions_end(t->actions, ACTION_GET, begun);
    return rc;
}

/* ---- Putting things in their place. ----------------------------------------------------- */

static enum rc rename_once(struct tree *t, const char *from, const char *to, struct fault *f)
{
    if (renameat(t->fd, from, t->fd, to) != 0)
        return fault_errno(f, errno, "rename to", to);
    return RC_OK;
}

static enum rc move_once(struct tree *t, const char *from, const char *to, struct fault *f)
{
    struct making m;
    enum rc rc = making_begin(t, to, &m, f);
    if (rc != RC_OK)
        return rc;
    rc = rename_once(t, from, to, f);
    if (rc == RC_OK)
        rc = file_sync_parent(t, to, f);
    return making_end(t, &m, rc, f);
}

enum rc file_move(struct tree *t, const char *from, const char *to, struct fault *f)
{
    struct file_info info;
    uint64_t begun = actions_begin(t->actions);
    enum rc rc = RC_NOT_FOUND;
    for (int i = 0; i < FILE_TRIES && rc == RC_NOT_FOUND; i++) {
        rc = move_once(t, from, to, f);
        if (rc == RC_NOT_FOUND && file_stat(t, from, &info, NULL) == RC_NOT_FOUND)
            break;
    }
    actions_end(t->actions, ACTION_MOVE, begun);
    return rc;
}

enum rc file_take_out(struct tree *t, const char *path, const char *to, struct fault *f)
{
    uint64_t begun = actions_begin(t->actions);
    struct making m;
    enum rc rc = making_begin(t, to, &m, f);
    if (rc == RC_OK) {
        rc = rename_once(t, path, to, f);
        rc = making_end(t, &m, rc == RC_OK ? file_sync_parent(t, path, f) : rc, f);
    }
    actions_end(t->actions, ACTION_MOVE, begun);
    return rc;
}

enum durability { DURABLE, NOT_DURABLE };

static enum rc write_new(struct tree *t, const char *path, struct span bytes, enum durability d,
                         struct fault *f)
{
    int fd = -1;
    enum rc rc = file_open(t, path, FILE_CREATE, &fd, f);
    if (rc != RC_OK)
        return rc;
    rc = file_write(fd, bytes, f);
    if (rc == RC_OK && d == DURABLE)
        rc = file_sync(fd, f);
    file_close(fd);
    return rc;
}

/* The name beside path under which it is written. */
static void temp_name(const char *path, char out[FILE_PATH_BYTES])
{
    unsigned char id[8];
    char hex[2 * sizeof(id) + 1];
    randombytes_buf(id, sizeof(id));
    (void)snprintf(out, FILE_PATH_BYTES, "%s.%s.tmp", path,
                   sodium_bin2hex(hex, sizeof(hex), id, sizeof(id)));
}

static enum rc put_once(struct tree *t, const char *path, struct span bytes, enum durability d,
                        struct fault *f)
{
    char temp[FILE_PATH_BYTES];
    temp_name(path, temp);
    enum rc rc = write_new(t, temp, bytes, d, f);
    if (rc == RC_OK)
        rc = rename_once(t, temp, path, f);
    if (rc != RC_OK)
        (void)unlinkat(t->fd, temp, 0);
    else if (d == DURABLE)
        rc = file_sync_parent(t, path, f);
    return rc;
}

static enum rc put_for_good(struct tree *t, const char *path, struct span bytes, struct fault *f)
{
    struct making m;
    enum rc rc = making_begin(t, path, &m, f);
    return rc == RC_OK ? making_end(t, &m, put_once(t, path, bytes, DURABLE, f), f) : rc;
}

enum rc file_put(struct tree *t, const char *path, struct span bytes, struct fault *f)
{
    enum rc rc = RC_NOT_FOUND;
    uint64_t begun = actions_begin(t->actions);
    for (int i = 0; i < FILE_TRIES && rc == RC_NOT_FOUND; i++)
        rc = put_for_good(t, path, bytes, f);
    actions_end(t->actions, ACTION_PUT, begun);
    if (rc == RC_NOT_FOUND)
        return fault(f, RC_IO, "the directory of %s keeps going away", path);
    return rc;
}

enum rc file_put_unsynced(struct tree *t, const char *path, struct span bytes, struct fault *f)
{
    uint64_t begun = actions_begin(t->actions);
    enum rc rc = put_once(t, path, bytes, NOT_DURABLE, f);
    actions_end(t->actions, ACTION_PUT, begun);
    return rc;
}

enum rc file_put_new(struct tree *t, const char *path, struct span bytes, struct fault *f)
{
    uint64_t begun = actions_begin(t->actions);
    enum rc rc = write_new(t, path, bytes, NOT_DURABLE, f);
    actions_end(t->actions, ACTION_PUT, begun);
    return rc;
}

/* ---- Taking things away. ---------------------------------------------------------------- */

static enum rc unlink_file(struct tree *t, const char *path, struct fault *f)
{
    return unlinkat(t->fd, path, 0) == 0 ? RC_OK : fault_errno(f, errno, "remove", path);
}

enum rc file_drop(struct tree *t, const char *path, struct fault *f)
{
    uint64_t begun = actions_begin(t->actions);
    enum rc rc = unlink_file(t, path, f);
    actions_end(t->actions, ACTION_DELETE, begun);
    return rc;
}

enum rc file_remove(struct tree *t, const char *path, struct fault *f)
{
    uint64_t begun = actions_begin(t->actions);
    enum rc rc = tree_settle(t, f);
    if (rc == RC_OK)
        rc = unlink_file(t, path, f);
    if (rc == RC_OK)
        rc = file_sync_parent(t, path, f);
    actions_end(t->actions, ACTION_DELETE, begun);
    return rc;
}

bool file_remove_empty(struct tree *t, const char *path)
{
    return unlinkat(t->fd, path, AT_REMOVEDIR) == 0 || errno == ENOENT;
}

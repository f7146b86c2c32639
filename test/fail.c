/* SPDX-License-Identifier: Apache-2.0 */
#include "test/fail.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include "lib/base.h"

enum call {
    CALL_OPENAT,
    CALL_CREATE, /* openat that makes a file */
    CALL_OPEN,
    CALL_MKDIR,
    CALL_MKDIRAT,
    CALL_RENAMEAT,
    CALL_UNLINKAT,
    CALL_FSTATAT,
    CALL_FSTAT,
    CALL_FSTATVFS,
    CALL_UTIMENSAT,
    CALL_WRITE,
    CALL_PREAD,
    CALL_FTRUNCATE,
    CALL_FSYNC,
    CALL_SYNCFS,
    CALL_SYNC_FILE_RANGE,
    CALL_FLOCK,
    CALL_FDOPENDIR,
    CALL_READDIR,
    CALL_COUNT
};

static const char *const names[CALL_COUNT] = {
    "openat",    "openat(O_CREAT)", "open",    "mkdir",     "mkdirat",
    "renameat",  "unlinkat",        "fstatat", "fstat",     "fstatvfs",
    "utimensat", "write",           "pread",   "ftruncate", "fsync",
    "syncfs",    "sync_file_range", "flock",   "fdopendir", "readdir",
};

#define BIT(call) (1u << CALL_##call)
enum {
    OPENS = BIT(OPENAT) | BIT(CREATE) | BIT(OPEN),
    MAKES = BIT(CREATE) | BIT(MKDIR) | BIT(MKDIRAT) | BIT(RENAMEAT),
    SYNCS = BIT(FSYNC) | BIT(SYNCFS) | BIT(SYNC_FILE_RANGE),
    ALL = (1u << CALL_COUNT) - 1
};

/* Which calls have which error, by their manual pages. */
static const struct {
    int error;
    unsigned calls;
} rules[] = {
    {ENOSPC, MAKES | BIT(WRITE) | SYNCS},
    {EDQUOT, MAKES | BIT(WRITE)},
    {EMFILE, OPENS},
    {ENFILE, OPENS},
    {ENOMEM, OPENS | BIT(MKDIRAT) | BIT(RENAMEAT) | BIT(UNLINKAT) | BIT(FSTATAT) | BIT(FDOPENDIR)},
    {EACCES, OPENS | MAKES | BIT(UNLINKAT) | BIT(FSTATAT) | BIT(UTIMENSAT)},
    {EROFS, MAKES | BIT(UNLINKAT) | BIT(UTIMENSAT) | BIT(FTRUNCATE) | SYNCS},
    {EINTR, OPENS | BIT(WRITE) | BIT(PREAD) | BIT(FSYNC)},
    {EIO, ALL & ~(unsigned)BIT(FDOPENDIR)},
    {EINVAL, BIT(SYNC_FILE_RANGE)},
    {FAIL_SHORT, BIT(WRITE) | BIT(PREAD)},
};

/* What is known of a file: its bytes up to `safe` are on the disk; of those behind it some may be
 * lost. */
struct fate {
    ino_t inode;
    off_t safe;
    bool lost;
};
enum { FATES = 1 << 16 };

static struct {
    struct fail fail;
    unsigned calls; /* the bits of those that fail */
    unsigned count;
    bool active, hides_kinds, is_remote, has_lied;
    const char *failed;
    void (*meanwhile)(void *ctx);
    void *meanwhile_ctx;
    bool called[CALL_COUNT];
    struct fate fates[FATES]; /* by inode */
} t;

/* ---- Whose turn to fail it is. ---------------------------------------------------------- */

void fail_begin(const struct fail *f)
{
    t.fail = *f;
    t.calls = t.count = 0;
    for (size_t i = 0; i < array_len(rules); i++)
        if (rules[i].error == f->error)
            t.calls = rules[i].calls;
    t.failed = NULL;
    t.active = true;
}

const char *fail_end(void)
{
    t.active = false;
    return t.failed;
}

void fail_hide_kinds(bool hidden)
{
    t.hides_kinds = hidden;
}

void fail_meanwhile(void (*act)(void *ctx), void *ctx)
{
    t.meanwhile = act;
    t.meanwhile_ctx = ctx;
}

void fail_lock_as_remote(bool remote)
{
    t.is_remote = remote;
}

const char *fail_never_called(void)
{
    for (int i = 0; i < CALL_COUNT; i++)
        if (!t.called[i])
            return names[i];
    return NULL;
}

static bool is_hit(enum call call)
{
    t.called[call] = true;
    if (!t.active || !(t.calls & (1u << call)) ||
        (t.fail.call && strcmp(t.fail.call, names[call]) != 0))
        return false;
    unsigned n = t.count++;
    if (t.fail.how == FAIL_ONCE ? n != t.fail.at : n < t.fail.at)
        return false;
    if (!t.failed)
        t.failed = names[call];
    return true;
}

static bool fails(enum call call)
{
    if (!is_hit(call))
        return false;
    errno = t.fail.error;
    return true;
}

/* ---- What is on the disk. --------------------------------------------------------------- */

int __real_fstat(int fd, struct stat *out);
int __real_fstatat(int dir, const char *path, struct stat *out, int flags);

static struct fate *fate_of(ino_t inode)
{
    size_t at = inode % FATES;
    while (t.fates[at].inode != 0 && t.fates[at].inode != inode)
        at = (at + 1) % FATES;
    t.fates[at].inode = inode;
    return &t.fates[at];
}

static struct fate *fate_of_file(int fd, off_t *size)
{
    struct stat st;
    if (__real_fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return NULL;
    *size = st.st_size;
    return fate_of(st.st_ino);
}

static void note_new(int fd)
{
    off_t size;
    struct fate *f = fate_of_file(fd, &size);
    if (f && size == 0)
        *f = (struct fate){.inode = f->inode};
}

static void note_sync(int fd, bool done)
{
    off_t size;
    int err = errno;
    struct fate *f = fate_of_file(fd, &size);
    if (f && !done && size > f->safe)
        f->lost = true;
    if (f && done && !f->lost)
        f->safe = size;
    errno = err;
}

static void note_cut(int fd, off_t size)
{
    off_t now;
    struct fate *f = fate_of_file(fd, &now);
    if (!f)
        return;
    f->lost = f->lost && size > f->safe;
    f->safe = f->safe < size ? f->safe : size;
}

static void note_move(int dir, const char *from, const char *to)
{
    struct stat st;
    if (strstr(to, "/blobs/") && __real_fstatat(dir, from, &st, 0) == 0 && fate_of(st.st_ino)->lost)
        t.has_lied = true;
}

bool fail_has_lied(void)
{
    return t.has_lied;
}

void fail_forget(void)
{
    memset(t.fates, 0, sizeof(t.fates));
    t.has_lied = false;
}

/* ---- What the linker puts in the place of others. --------------------------------------- */

int __real_openat(int dir, const char *path, int flags, ...);
int __real_open(const char *path, int flags, ...);
int __real_mkdir(const char *path, mode_t mode);
int __real_mkdirat(int dir, const char *path, mode_t mode);
int __real_renameat(int from_dir, const char *from, int to_dir, const char *to);
int __real_unlinkat(int dir, const char *path, int flags);
int __real_fstatvfs(int fd, struct statvfs *out);
int __real_utimensat(int dir, const char *path, const struct timespec times[2], int flags);
ssize_t __real_write(int fd, const void *p, size_t n);
ssize_t __real_pread(int fd, void *p, size_t n, off_t offset);
int __real_ftruncate(int fd, off_t size);
int __real_fsync(int fd);
int __real_syncfs(int fd);
int __real_sync_file_range(int fd, off_t from, off_t n, unsigned how);
int __real_flock(int fd, int how);
DIR *__real_fdopendir(int fd);
struct dirent *__real_readdir(DIR *d);

int __wrap_openat(int dir, const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_mkdir(const char *path, mode_t mode);
int __wrap_mkdirat(int dir, const char *path, mode_t mode);
int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to);
int __wrap_unlinkat(int dir, const char *path, int flags);
int __wrap_fstatat(int dir, const char *path, struct stat *out, int flags);
int __wrap_fstat(int fd, struct stat *out);
int __wrap_fstatvfs(int fd, struct statvfs *out);
int __wrap_utimensat(int dir, const char *path, const struct timespec times[2], int flags);
ssize_t __wrap_write(int fd, const void *p, size_t n);
ssize_t __wrap_pread(int fd, void *p, size_t n, off_t offset);
int __wrap_ftruncate(int fd, off_t size);
int __wrap_fsync(int fd);
int __wrap_syncfs(int fd);
int __wrap_sync_file_range(int fd, off_t from, off_t n, unsigned how);
int __wrap_flock(int fd, int how);
DIR *__wrap_fdopendir(int fd);
struct dirent *__wrap_readdir(DIR *d);

int __wrap_openat(int dir, const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    if (fails(flags & O_CREAT ? CALL_CREATE : CALL_OPENAT))
        return -1;
    int fd = __real_openat(dir, path, flags, mode);
    if (fd >= 0 && (flags & O_CREAT))
        note_new(fd);
    return fd;
}

int __wrap_open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    return fails(CALL_OPEN) ? -1 : __real_open(path, flags, mode);
}

int __wrap_mkdir(const char *path, mode_t mode)
{
    return fails(CALL_MKDIR) ? -1 : __real_mkdir(path, mode);
}

int __wrap_mkdirat(int dir, const char *path, mode_t mode)
{
    return fails(CALL_MKDIRAT) ? -1 : __real_mkdirat(dir, path, mode);
}

int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    if (fails(CALL_RENAMEAT))
        return -1;
    note_move(from_dir, from, to);
    return __real_renameat(from_dir, from, to_dir, to);
}

int __wrap_unlinkat(int dir, const char *path, int flags)
{
    return fails(CALL_UNLINKAT) ? -1 : __real_unlinkat(dir, path, flags);
}

int __wrap_fstatat(int dir, const char *path, struct stat *out, int flags)
{
    return fails(CALL_FSTATAT) ? -1 : __real_fstatat(dir, path, out, flags);
}

int __wrap_fstat(int fd, struct stat *out)
{
    return fails(CALL_FSTAT) ? -1 : __real_fstat(fd, out);
}

int __wrap_fstatvfs(int fd, struct statvfs *out)
{
    return fails(CALL_FSTATVFS) ? -1 : __real_fstatvfs(fd, out);
}

int __wrap_utimensat(int dir, const char *path, const struct timespec times[2], int flags)
{
    return fails(CALL_UTIMENSAT) ? -1 : __real_utimensat(dir, path, times, flags);
}

/* What the harness and cmocka print is none of the disk's. */
static bool is_of_disk(int fd)
{
    return fd > STDERR_FILENO;
}

/* Half of what was asked for, rounded up; or -1. */
static ssize_t hit_transfer(size_t *n)
{
    if (t.fail.error == FAIL_SHORT) {
        *n = *n / 2 + *n % 2;
        return 0;
    }
    errno = t.fail.error;
    return -1;
}

ssize_t __wrap_write(int fd, const void *p, size_t n)
{
    if (is_of_disk(fd) && is_hit(CALL_WRITE)) {
        /* A disk is not full before it is: half of it still goes. */
        if (t.fail.error == ENOSPC && n > 1)
            (void)!__real_write(fd, p, n / 2);
        if (hit_transfer(&n) < 0)
            return -1;
    }
    return __real_write(fd, p, n);
}

ssize_t __wrap_pread(int fd, void *p, size_t n, off_t offset)
{
    if (is_hit(CALL_PREAD) && hit_transfer(&n) < 0)
        return -1;
    return __real_pread(fd, p, n, offset);
}

int __wrap_ftruncate(int fd, off_t size)
{
    if (fails(CALL_FTRUNCATE))
        return -1;
    note_cut(fd, size);
    return __real_ftruncate(fd, size);
}

int __wrap_fsync(int fd)
{
    bool failed = fails(CALL_FSYNC);
    if (!failed || errno != EINTR)
        note_sync(fd, !failed);
    return failed ? -1 : 0; /* the machine stays up */
}

int __wrap_syncfs(int fd)
{
    void (*act)(void *ctx) = t.meanwhile;
    (void)fd;
    t.meanwhile = NULL;
    if (act)
        act(t.meanwhile_ctx);
    return fails(CALL_SYNCFS) ? -1 : 0;
}

int __wrap_sync_file_range(int fd, off_t from, off_t n, unsigned how)
{
    (void)from;
    (void)n;
    (void)how;
    if (!fails(CALL_SYNC_FILE_RANGE))
        return 0;
    if (errno != EINVAL)
        note_sync(fd, false);
    return -1;
}

int __wrap_flock(int fd, int how)
{
    if (fails(CALL_FLOCK))
        return -1;
    if (t.is_remote && (how & LOCK_EX) && (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY) {
        errno = EBADF;
        return -1;
    }
    return __real_flock(fd, how);
}

DIR *__wrap_fdopendir(int fd)
{
    return fails(CALL_FDOPENDIR) ? NULL : __real_fdopendir(fd);
}

struct dirent *__wrap_readdir(DIR *d)
{
    if (fails(CALL_READDIR))
        return NULL;
    struct dirent *e = __real_readdir(d);
    if (e && t.hides_kinds)
        e->d_type = DT_UNKNOWN;
    return e;
}

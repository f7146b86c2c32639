/* SPDX-License-Identifier: Apache-2.0
 *
 * calls: what the linker puts in the place of system calls on files: before each, another thread
 * may have its turn.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>

#include "test/unit/gc/turns.h"

int __real_openat(int dir, const char *path, int flags, ...);
int __real_unlinkat(int dir, const char *path, int flags);
int __real_renameat(int from_dir, const char *from, int to_dir, const char *to);
int __real_fstatat(int dir, const char *path, struct stat *out, int flags);
int __real_mkdirat(int dir, const char *path, mode_t mode);

long __real_syscall(long number, ...);

int __wrap_openat(int dir, const char *path, int flags, ...);
int __wrap_unlinkat(int dir, const char *path, int flags);
int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to);
int __wrap_fstatat(int dir, const char *path, struct stat *out, int flags);
int __wrap_mkdirat(int dir, const char *path, mode_t mode);
long __wrap_syscall(long number, ...);

int __wrap_openat(int dir, const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    turns_point();
    return __real_openat(dir, path, flags, mode);
}

int __wrap_unlinkat(int dir, const char *path, int flags)
{
    turns_point();
    return __real_unlinkat(dir, path, flags);
}

int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    turns_point();
    return __real_renameat(from_dir, from, to_dir, to);
}

int __wrap_fstatat(int dir, const char *path, struct stat *out, int flags)
{
    turns_point();
    return __real_fstatat(dir, path, out, flags);
}

int __wrap_mkdirat(int dir, const char *path, mode_t mode)
{
    turns_point();
    return __real_mkdirat(dir, path, mode);
}

/* openat2, which the C library does not have. */
long __wrap_syscall(long number, ...)
{
    va_list args;
    va_start(args, number);
    int dir = va_arg(args, int);
    const char *path = va_arg(args, const char *);
    void *how = va_arg(args, void *);
    size_t size = va_arg(args, size_t);
    va_end(args);
    turns_point();
    return __real_syscall(number, dir, path, how, size);
}

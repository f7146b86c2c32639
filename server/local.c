/* SPDX-License-Identifier: Apache-2.0
 *
 * local: bind and connect by a path. One that is too long for an address is reached through its
 * directory's descriptor.
 */
#include "server/local.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/span.h"

enum { BACKLOG = 64, DIRECTORY_MODE = 0700, SOCKET_MODE = 0600 };

/* The directory of a path, as memory of the caller's. */
static char *directory_of(const char *path)
{
    struct span directory, name;
    if (!span_cut_last(span_of(path), '/', &directory, &name))
        directory = SPAN(".");
    else if (directory.n == 0)
        directory = SPAN("/");
    char *text = must_alloc(directory.n + 1);
    memcpy(text, directory.p, directory.n);
    text[directory.n] = '\0';
    return text;
}

enum rc local_make_directory(const char *path, struct fault *f)
{
    char *directory = directory_of(path);
    enum rc rc = RC_OK;
    if (mkdir(directory, DIRECTORY_MODE) != 0 && errno != EEXIST)
        rc = fault(f, RC_IO, "%s: cannot be made: %s", directory, strerror(errno));
    free(directory);
    return rc;
}

/* ---- Addresses. ------------------------------------------------------------------------- */

struct address {
    struct sockaddr_un un;
    int directory; /* open as long as the address is used; -1 */
};

static bool address_open(struct address *a, const char *path)
{
    struct span directory, name;
    *a = (struct address){.un = {.sun_family = AF_UNIX}, .directory = -1};
    int n = snprintf(a->un.sun_path, sizeof(a->un.sun_path), "%s", path);
    if (n < (int)sizeof(a->un.sun_path))
        return true;
    char *text = directory_of(path);
    a->directory = open(text, O_PATH | O_DIRECTORY | O_CLOEXEC);
    free(text);
    if (a->directory < 0)
        return false;
    span_cut_last(span_of(path), '/', &directory, &name);
    n = snprintf(a->un.sun_path, sizeof(a->un.sun_path), "/proc/self/fd/%d/%.*s", a->directory,
                 SPAN_ARG(name));
    if (n < (int)sizeof(a->un.sun_path))
        return true;
    (void)close(a->directory);
    errno = ENAMETOOLONG;
    return false;
}

/* call: bind or connect; errno is its. */
static bool reach(int (*call)(int, const struct sockaddr *, socklen_t), int fd, const char *path)
{
    struct address a;
    if (!address_open(&a, path))
        return false;
    bool done = call(fd, (const struct sockaddr *)&a.un, sizeof(a.un)) == 0;
    int err = errno;
    if (a.directory >= 0)
        (void)close(a.directory);
    errno = err;
    return done;
}

enum rc local_connect(const char *path, int *fd, struct fault *f)
{
    int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s >= 0 && reach(connect, s, path)) {
        *fd = s;
        return RC_OK;
    }
    int err = errno;
    if (s >= 0)
        (void)close(s);
    if (err == ENOENT || err == ENOTDIR || err == ECONNREFUSED)
        return RC_NOT_FOUND;
    return fault(f, RC_IO, "%s: %s", path, strerror(err));
}

/* ---- Listening. ------------------------------------------------------------------------- */

/* Removes what a process that is gone has left; anything else stays. */
static enum rc remove_stale(const char *path, struct fault *f)
{
    struct stat st;
    int fd = -1;
    if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
        return fault(f, RC_IO, "%s: there is something that is not a socket", path);
    enum rc rc = local_connect(path, &fd, f);
    if (rc == RC_OK) {
        (void)close(fd);
        return fault(f, RC_IO, "%s: another server listens there", path);
    }
    if (rc == RC_NOT_FOUND)
        (void)unlink(path);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc bind_socket(int fd, const char *path, struct fault *f)
{
    /* Linux gives the file the mode of the socket: there is no moment at which it is open. */
    (void)fchmod(fd, SOCKET_MODE);
    if (reach(bind, fd, path))
        return RC_OK;
    if (errno == EADDRINUSE) {
        enum rc rc = remove_stale(path, f);
        if (rc != RC_OK || reach(bind, fd, path))
            return rc;
    }
    return fault(f, RC_IO, "%s: %s", path, strerror(errno));
}

enum rc local_open(struct local *l, const char *path, struct fault *f)
{
    struct stat st = {0};
    *l = (struct local){.fd = -1};
    enum rc rc = local_make_directory(path, f);
    if (rc != RC_OK)
        return rc;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return fault(f, RC_IO, "%s: %s", path, strerror(errno));
    rc = bind_socket(fd, path, f);
    if (rc == RC_OK && listen(fd, BACKLOG) != 0)
        rc = fault(f, RC_IO, "%s: %s", path, strerror(errno));
    if (rc != RC_OK) {
        (void)close(fd);
        return rc;
    }
    (void)lstat(path, &st);
    size_t n = strlen(path) + 1;
    char *copy = memcpy(must_alloc(n), path, n);
    *l = (struct local){.fd = fd, .path = copy, .device = st.st_dev, .inode = st.st_ino};
    return RC_OK;
}

void local_close(struct local *l)
{
    struct stat st;
    if (l->path && lstat(l->path, &st) == 0 && st.st_dev == l->device && st.st_ino == l->inode)
        (void)unlink(l->path);
    if (l->fd >= 0)
        (void)close(l->fd);
    free(l->path);
    *l = (struct local){.fd = -1};
}

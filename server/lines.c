/* SPDX-License-Identifier: Apache-2.0
 *
 * lines: a buffer, and a file that it goes to.
 */
#include "server/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/local.h"

enum { PENDING_MAX = 64 << 10, LINES_MODE = 0600 };

/* The caller's memory. */
static char *path_below(const char *root, const char *name)
{
    struct buf b;
    buf_init(&b);
    buf_printf(&b, "%s/run/%s.lines", root, name);
    return b.p;
}

void lines_init(struct lines *l, const char *root, const char *name)
{
    *l = (struct lines){.path = path_below(root, name), .fd = -1};
    buf_init(&l->pending);
}

static void drop(struct lines *l)
{
    if (l->fd >= 0)
        (void)close(l->fd);
    l->fd = -1;
    buf_fini(&l->pending);
    buf_init(&l->pending);
}

void lines_fini(struct lines *l)
{
    drop(l);
    (void)unlink(l->path);
    free(l->path);
}

void lines_begin(struct lines *l)
{
    drop(l);
    (void)unlink(l->path);
    if (local_make_directory(l->path, NULL) == RC_OK)
        l->fd = open(l->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, LINES_MODE);
}

void lines_add(struct lines *l, const char *text)
{
    if (l->fd < 0)
        return;
    buf_add_str(&l->pending, text);
    buf_add_char(&l->pending, '\n');
    if (l->pending.n > PENDING_MAX)
        lines_flush(l);
}

/* After a failure no more is written, so that what is there has no gap. */
void lines_flush(struct lines *l)
{
    struct span left = buf_span(&l->pending);
    while (left.n > 0 && l->fd >= 0) {
        ssize_t n = write(l->fd, left.p, left.n);
        if (n < 0 && errno != EINTR) {
            (void)close(l->fd);
            l->fd = -1;
        }
        left = span_skip(left, n > 0 ? (size_t)n : 0);
    }
    buf_clear(&l->pending);
}

void lines_end(struct lines *l)
{
    lines_flush(l);
    drop(l);
}

enum rc lines_read(const char *root, const char *name, int *fd, uint64_t *size, struct fault *f)
{
    struct stat st;
    char *path = path_below(root, name);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    free(path);
    if (file < 0)
        return fault(f, RC_NO_ENDPOINT, "no run was asked for its lines");
    if (fstat(file, &st) != 0) {
        int err = errno;
        (void)close(file);
        return fault(f, RC_IO, "the lines of a run: %s", strerror(err));
    }
    *fd = file;
    *size = (uint64_t)st.st_size;
    return RC_OK;
}

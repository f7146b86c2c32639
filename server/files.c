/* SPDX-License-Identifier: Apache-2.0
 *
 * files: open, read, forget.
 */
#include "server/files.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/keeper.h"

enum { PIECE = 4096 };

/* Room is made once, as far as one can know: growing would leave copies behind. */
static bool read_all(int fd, size_t max, struct buf *out)
{
    struct stat st;
    size_t known = fstat(fd, &st) == 0 && st.st_size > 0 ? (size_t)st.st_size : 0;
    buf_reserve(out, (known < max ? known : max) + PIECE);
    for (;;) {
        buf_reserve(out, PIECE);
        ssize_t n = read(fd, out->p + out->n, PIECE - 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0;
        out->n += (size_t)n;
        out->p[out->n] = '\0';
        if (out->n > max)
            return true;
    }
}

enum rc files_read(const struct config_sources *from, const char *option, const char *path,
                   size_t max, struct buf *out, struct fault *f)
{
    const char *prefix = option ? option : "", *colon = option ? ": " : "";
    int fd = from->keeper ? keeper_open(from->keeper, path) : keeper_open_here(path);
    if (fd < 0)
        return fault(f, RC_INTERNAL, "%s%s%s: cannot open it: %s", prefix, colon, path,
                     strerror(errno));
    bool good = read_all(fd, max, out);
    int err = errno;
    (void)close(fd);
    if (!good)
        return fault(f, RC_INTERNAL, "%s%s%s: cannot read it: %s", prefix, colon, path,
                     strerror(err));
    if (out->n > max)
        return fault(f, RC_INTERNAL, "%s%s%s: larger than %zu KiB", prefix, colon, path, max >> 10);
    return RC_OK;
}

void files_forget(struct buf *b)
{
    if (b->p)
        sodium_memzero(b->p, b->n);
    buf_fini(b);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * wire: the plain one, a socket as it is.
 */
#include "server/wire.h"

#include <errno.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

static enum wire_result result_of(ssize_t n, size_t *moved)
{
    if (n > 0) {
        *moved = (size_t)n;
        return WIRE_OK;
    }
    if (n == 0)
        return WIRE_END;
    if (errno == EAGAIN || errno == EINTR)
        return WIRE_AGAIN;
    return WIRE_BROKEN;
}

static enum wire_result plain_read(struct wire *w, char *p, size_t n, size_t *moved)
{
    return result_of(recv(w->fd, p, n, 0), moved);
}

static enum wire_result plain_write(struct wire *w, const struct iovec *v, int count, bool more,
                                    size_t *moved)
{
    struct msghdr m = {.msg_iov = (struct iovec *)v, .msg_iovlen = (size_t)count};
    return result_of(sendmsg(w->fd, &m, MSG_NOSIGNAL | (more ? MSG_MORE : 0)), moved);
}

static enum wire_result plain_send_file(struct wire *w, int file, uint64_t from, size_t n,
                                        size_t *moved)
{
    off_t offset = (off_t)from;
    enum wire_result r = result_of(sendfile(w->fd, file, &offset, n), moved);
    /* The file is shorter than it was: what was announced cannot be kept. */
    return r == WIRE_END ? WIRE_BROKEN : r;
}

static void plain_end(struct wire *w)
{
    (void)shutdown(w->fd, SHUT_WR);
}

static void plain_fini(struct wire *w)
{
    (void)w;
}

static const struct wire_ops plain = {
    .read = plain_read,
    .write = plain_write,
    .send_file = plain_send_file,
    .end = plain_end,
    .fini = plain_fini,
};

void wire_init_plain(struct wire *w, int fd)
{
    *w = (struct wire){.ops = &plain, .fd = fd, .write_waits = WIRE_WRITABLE};
}

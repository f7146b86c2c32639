/* SPDX-License-Identifier: Apache-2.0
 *
 * wire: bytes to and from a client, never blocking. A small table of functions; the plain wire is
 * one, the encrypted one another.
 *
 * Called by whoever has the connection: the loop, and the pool for a turn that reads a body or
 * sends a piece of a file. The loop leaves the wire alone meanwhile.
 */
#ifndef SERVER_WIRE_H
#define SERVER_WIRE_H

#include <sys/uio.h>

#include "lib/span.h"

/* WIRE_AGAIN: nothing moved; wait for the socket, as the wire says. WIRE_END: the other side is
 * done sending. WIRE_BROKEN: reset, or an error that no retry helps. */
enum wire_result { WIRE_OK, WIRE_AGAIN, WIRE_END, WIRE_BROKEN };

/* What a socket is waited for. An encrypted wire may have to write before it can read, and the
 * other way round. */
enum wire_wait { WIRE_READABLE, WIRE_WRITABLE };

struct wire;
struct tls;

struct wire_ops {
    enum wire_result (*read)(struct wire *w, char *p, size_t n, size_t *moved);
    /* more: other bytes follow at once, so a packet may wait for them. After WIRE_AGAIN, the next
     * bytes to be written, here or by send_file, are the same ones. */
    enum wire_result (*write)(struct wire *w, const struct iovec *v, int count, bool more,
                              size_t *moved);
    enum wire_result (*send_file)(struct wire *w, int file, uint64_t from, size_t n, size_t *moved);
    /* No more will be sent. What follows a first call is of no effect. */
    void (*end)(struct wire *w);
    void (*fini)(struct wire *w);
};

struct wire {
    const struct wire_ops *ops;
    int fd; /* the connection's; non-blocking */
    /* What the next read and the next write wait for. */
    enum wire_wait read_waits, write_waits;
    bool held;          /* there is something to be read that the socket will not tell of */
    bool opening;       /* the handshake is not over: reading goes on with it */
    const char *why;    /* why it has failed, if it has; words for the log */
    struct ssl_st *ssl; /* owned; NULL: plain */
};

void wire_init_plain(struct wire *w, int fd);
/* tls is borrowed for the call. A client that speaks plain HTTP is told so, and the wire is broken.
 */
void wire_init_tls(struct wire *w, int fd, struct tls *tls);

#endif

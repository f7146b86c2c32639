/* SPDX-License-Identifier: Apache-2.0
 *
 * wire: bytes to and from a client, never blocking. A small table of functions, so that
 * an encrypted wire is another table.
 *
 * Called by whoever owns the connection's sending or receiving at the moment: reads and
 * writes on the loop, wire_send_file in the pool while the loop leaves the wire alone.
 */
#ifndef SERVER_WIRE_H
#define SERVER_WIRE_H

#include <sys/uio.h>

#include "lib/span.h"

/* WIRE_AGAIN: nothing moved; wait for the socket. WIRE_END: the other side is done sending.
 * WIRE_BROKEN: reset, or an error that no retry helps. */
enum wire_result { WIRE_OK, WIRE_AGAIN, WIRE_END, WIRE_BROKEN };

struct wire;

struct wire_ops {
    enum wire_result (*read)(struct wire *w, char *p, size_t n, size_t *moved);
    /* more: other bytes follow at once, so a packet may wait for them. */
    enum wire_result (*write)(struct wire *w, const struct iovec *v, int count, bool more,
                              size_t *moved);
    enum wire_result (*send_file)(struct wire *w, int file, uint64_t from, size_t n, size_t *moved);
    void (*end)(struct wire *w); /* no more will be sent */
};

struct wire {
    const struct wire_ops *ops;
    int fd; /* the connection's; non-blocking */
};

void wire_init_plain(struct wire *w, int fd);

#endif

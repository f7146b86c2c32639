/* SPDX-License-Identifier: Apache-2.0
 *
 * listen: the socket that connections come from. Loop thread.
 */
#ifndef SERVER_LISTEN_H
#define SERVER_LISTEN_H

#include "server/server.h"

/* addr is "host:port", ":port" for all addresses (IPv6 and IPv4), or empty for any free
 * port. RC_IO with what failed. */
enum rc listener_open(struct server *s, const char *addr, struct listener **out,
                      struct fault *f) MUST_CHECK;
/* Takes no more connections; frees itself. */
void listener_close(struct listener *l);
/* "127.0.0.1:5000", the address really bound; in the arena. */
const char *listener_address(const struct listener *l, struct arena *a);

#endif

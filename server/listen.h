/* SPDX-License-Identifier: Apache-2.0
 *
 * listen: the sockets that connections come from, in the server's list. Loop thread.
 */
#ifndef SERVER_LISTEN_H
#define SERVER_LISTEN_H

#include "server/endpoint.h"
#include "server/server.h"

/* addr is "host:port", ":port" for all addresses (IPv6 and IPv4), or empty for any free
 * port. RC_IO with what failed. */
enum rc listener_open(struct server *s, enum door door, const char *addr,
                      struct fault *f) MUST_CHECK;
/* The same for a socket in the file system (local.h). */
enum rc listener_open_local(struct server *s, enum door door, const char *path,
                            struct fault *f) MUST_CHECK;
/* They take no more connections, and free themselves. */
void listener_close_all(struct server *s);

/* In the order in which they were opened; NULL gives the first, and stands for the end. */
const struct listener *listener_next(const struct server *s, const struct listener *l);
enum door listener_door(const struct listener *l);
/* "127.0.0.1:5000", the address really bound, or a path; in the arena. */
const char *listener_address(const struct listener *l, struct arena *a);

#endif

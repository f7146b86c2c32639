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
/* The one that listener_open has opened first of those that are still there, or NULL. */
struct listener *listener_find(struct server *s, enum door door);
/* The one that was opened last, by either. */
struct listener *listener_last(struct server *s);
/* The same for a socket in the file system (local.h). */
enum rc listener_open_local(struct server *s, enum door door, const char *path,
                            struct fault *f) MUST_CHECK;
/* It takes those that have come already, but no more, and frees itself. */
void listener_close(struct server *s, struct listener *l);
void listener_close_all(struct server *s);

/* In the order in which they were opened; NULL gives the first, and stands for the end. */
const struct listener *listener_next(const struct server *s, const struct listener *l);
/* What it listens on, as a line in the log. */
void listener_log(const struct listener *l);
/* "127.0.0.1:5000", the address really bound, or a path; in the arena. */
const char *listener_address(const struct listener *l, struct arena *a);

#endif

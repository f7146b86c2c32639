/* SPDX-License-Identifier: Apache-2.0
 *
 * conn: one client's connection. Loop thread.
 *
 * A connection owns its socket and frees itself; from conn_open on it is in the
 * server's list, until it is gone.
 */
#ifndef SERVER_CONN_H
#define SERVER_CONN_H

#include <sys/socket.h>

#include "server/endpoint.h"
#include "server/server.h"

/* Takes over the socket, also on failure. */
void conn_open(struct server *s, int fd, const struct sockaddr *peer, enum door door);
/* May be called at any time: what the pool holds is closed when it comes back. */
void conn_close(struct conn *c);
/* Closes those whose time is over. */
void conn_tick_all(struct server *s);
/* The settings are others: the idle ones have them at once, the others for their next request. */
void conn_renew_all(struct server *s);
/* Closes the idle ones; the others after the answer they are working on. */
void conn_drain_all(struct server *s);
void conn_close_all(struct server *s);
/* How many this client has at the public door; one on a socket in the file system has none. */
size_t conn_count_of(const struct server *s, const struct sockaddr *peer);
/* How many there are at the public door in which state, in Prometheus' text format. */
void conn_metrics(const struct server *s, struct buf *text);

#endif

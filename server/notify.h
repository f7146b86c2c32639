/* SPDX-License-Identifier: Apache-2.0
 *
 * notify: events, from the request that told them to the endpoints that want them.
 *
 *   event_tell ──► notify_take ──► a thread: queue on the disk ──► POST, one endpoint each
 *    (pool)          (loop)
 *
 * The thread is the only one of the server's own. It waits for the disk and for endpoints, so that
 * neither the loop nor the pool ever does: a client gets its answer whatever becomes of its events.
 * There is none as long as there is no endpoint.
 *
 * An event arrives at least once: what was sent and not answered when the server ends is sent
 * again.
 */
#ifndef SERVER_NOTIFY_H
#define SERVER_NOTIFY_H

#include "server/access.h"
#include "server/event.h"

struct notify;

/* ---- Loop thread. ----------------------------------------------------------------------- */

struct notify *notify_new(const struct config *c);
/* Other endpoints from now on. */
void notify_follow(struct notify *n, const struct config *c);
/* No request begins from now on; what is told goes on to the disk. */
void notify_stop(struct notify *n);
/* What was told is on the disk. NULL is fine. */
void notify_free(struct notify *n);

/* For a request to tell its events to; the arena's. head: says who asks, where nobody has to prove
 * it; else NULL. addr: where it comes from. NULL if nobody wants to be told. */
struct events *notify_events(const struct notify *n, const struct http_head *head,
                             struct access *access, struct span addr, struct arena *a);
/* Takes a copy of what the request has told so far, and empties it. NULL is fine. */
void notify_take(struct notify *n, struct events *e);

/* ---- Any thread. ------------------------------------------------------------------------ */

/* Of every endpoint, for Prometheus. */
void notify_metrics(struct notify *n, struct buf *text);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * notify: events, from the request that told them to the endpoints that want them.
 *
 *   event_tell ──► notify_take ──► queues on the disk ──► a thread: POST, one endpoint each
 *           (pool)
 *
 * The thread is the only one of the server's own, and waits for endpoints, so that nobody else ever
 * does. There is none as long as there is no endpoint.
 *
 * The promise: who got an answer to a request that did something, did it where the event is in the
 * queue of each endpoint. It arrives there in the order of the queue, at least once, whenever the
 * endpoint can be reached again, whatever becomes of the server: a queue outlives a process that is
 * killed. A machine that loses its power may lose the events of its last seconds with what the
 * kernel had not written yet. What was sent and not answered when the server ends is sent again.
 * Lost are events that find their queue full (notifications.queue), which is counted, or that could
 * not be written to the disk when the server ends.
 */
#ifndef SERVER_NOTIFY_H
#define SERVER_NOTIFY_H

#include "server/access.h"
#include "server/event.h"

struct notify;

/* ---- Loop thread. ----------------------------------------------------------------------- */

struct notify *notify_new(const struct config *c);
/* Other endpoints from now on. Opens queues: may wait for the disk. */
void notify_follow(struct notify *n, const struct config *c);
/* No request begins from now on; what is told goes on to the disk. */
void notify_stop(struct notify *n);
/* NULL is fine. */
void notify_free(struct notify *n);

/* For a request to tell its events to; the arena's. head: says who asks, where nobody has to prove
 * it; else NULL. addr: where it comes from. NULL if nobody wants to be told. */
struct events *notify_events(const struct notify *n, const struct http_head *head,
                             struct access *access, struct span addr, struct arena *a);
/* ---- Pool. ------------------------------------------------------------------------------ */

/* Puts what the request has told so far into the queues, and empties it. NULL is fine. */
void notify_take(struct notify *n, struct events *e);

/* ---- Any thread. ------------------------------------------------------------------------ */

/* Of every endpoint, for Prometheus. */
void notify_metrics(struct notify *n, struct buf *text);

#endif

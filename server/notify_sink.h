/* SPDX-License-Identifier: Apache-2.0
 *
 * notify_sink: one endpoint: the events that wait for it, and the request that carries the oldest
 * of them. In order, each until it has arrived: an event goes once the endpoint has answered with
 * 2xx or 3xx. A failure is followed by the next try at once; after `threshold` of them in a row by
 * a wait of `backoff`, twice as long each time.
 *
 * One thread at a time. What waits for anything but the disk is the thread's that sends:
 * sinks_free.
 */
#ifndef SERVER_NOTIFY_SINK_H
#define SERVER_NOTIFY_SINK_H

#include "server/notify_config.h"
#include "server/notify_send.h"

enum { SINK_CODES = 16 };

/* As the registry image counts, and what was dropped. */
struct sink_counts {
    uint64_t events, successes, failures, errors; /* failures have a status, errors none */
    uint64_t dropped, pending;
    struct {
        long status;
        uint64_t count;
    } codes[SINK_CODES]; /* others than the first ones are not told apart */
};

struct sink;

/* The target is borrowed until sink_follow gives it another one. */
struct sink *sink_new(struct sender *s, const struct notify_config *c,
                      const struct notify_target *t);
/* It is used no more, and put in front of a list; the events stay on the disk. */
void sink_leave(struct sink *s, struct sink **gone);
/* All of such a list. May wait for the end of a request. */
void sinks_free(struct sink *gone);
void sink_follow(struct sink *s, const struct notify_config *c, const struct notify_target *t);

const char *sink_name(const struct sink *s);
void sink_counts(const struct sink *s, struct sink_counts *out);

/* If the endpoint wants it. The newest is dropped if the queue is full. */
void sink_add(struct sink *s, enum event_action action, const char *media_type, struct span json);
/* What was added survives the process. */
void sink_flush(struct sink *s);

#define SINK_FOREVER UINT64_MAX
/* Takes the answer, if there is one; begins the next request if it is time and `begin`. now is a
 * clock in ms. In how many it wants to be called again, or sooner if sender_work has news. */
uint64_t sink_work(struct sink *s, uint64_t now, bool begin);

/* The name of an endpoint's directory; the caller's. */
char *sink_directory(const struct notify_config *c, const char *name);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * notify_config: who is to be told of events, as the options say it. Never changed once it is made;
 * one thread at a time.
 */
#ifndef SERVER_NOTIFY_CONFIG_H
#define SERVER_NOTIFY_CONFIG_H

#include "server/config.h"
#include "server/event.h"

struct notify_word {
    const char *s;
    struct notify_word *next;
};

/* One endpoint that is not disabled. */
struct notify_target {
    const char *name;
    const char *url;             /* http or https; may hold a password: not for the log */
    struct notify_word *headers; /* "Name: value"; as secret */
    uint64_t timeout, backoff;   /* ms */
    uint64_t threshold;          /* failures in a row before it waits */
    struct notify_word *ignored_types;
    bool ignored_actions[EVENT_ACTIONS];
    struct notify_target *next;
};

struct notify_config {
    struct arena arena;
    const char *directory; /* of the queues */
    uint64_t queue_events, queue_bytes;
    struct notify_target *targets; /* as they were given; their names differ */
};

/* RC_INTERNAL with a line for a person, which tells no value. */
enum rc notify_config_make(const struct config *c, struct notify_config **out,
                           struct fault *f) MUST_CHECK;
void notify_config_free(struct notify_config *n); /* NULL is fine */
/* The same without a result; and is there what it takes to tell them? */
enum rc notify_config_check(const struct config *c, struct fault *f) MUST_CHECK;

/* media_type may be NULL. */
bool notify_target_wants(const struct notify_target *t, enum event_action action,
                         const char *media_type);

#endif

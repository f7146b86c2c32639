/* SPDX-License-Identifier: Apache-2.0
 *
 * notify_send: POST requests, many at a time, one after the other for each `post`. One thread, but
 * for those where something else is said.
 */
#ifndef SERVER_NOTIFY_SEND_H
#define SERVER_NOTIFY_SEND_H

#include "server/notify_config.h"

struct sender;
struct post;

/* Could any be sent? RC_INTERNAL with a line for a person. Any thread. */
enum rc sender_check(struct fault *f) MUST_CHECK;

/* Any thread. */
struct sender *sender_new(void);
/* After its posts and its thread. */
void sender_free(struct sender *s);

/* Moves the requests on, and waits for something to happen: at most ms, 0 not at all. */
void sender_work(struct sender *s, int ms);
/* sender_work comes back. Any thread. */
void sender_wake(struct sender *s);

enum post_state {
    POST_IDLE,
    POST_SENT,      /* on its way */
    POST_SUCCEEDED, /* 2xx, 3xx */
    POST_REFUSED,   /* another status */
    POST_FAILED     /* no answer */
};

/* Any thread. */
struct post *post_new(struct sender *s);
void post_free(struct post *p); /* gives up the request, if there is one */

/* Only if sender_check has said so. body is borrowed until the state is POST_IDLE again, the rest
 * is not. */
void post_begin(struct post *p, const struct notify_target *t, struct span body);
enum post_state post_state(const struct post *p);
/* After the answer: its status, or 0; and in words, static or the post's. */
long post_status(const struct post *p);
const char *post_words(const struct post *p);
/* Over: back to POST_IDLE. */
void post_end(struct post *p);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * event: what a client has done to the registry, in the words of the registry image's
 * notifications.
 *
 * A step of an operation tells it, as soon as it is true, with one call; what becomes of it is not
 * the operation's business. The text is made at once, where the step runs: the pool, as a rule.
 * Belongs to the request, and to the thread that has it.
 */
#ifndef SERVER_EVENT_H
#define SERVER_EVENT_H

#include "server/endpoint.h"

enum event_action { EVENT_PULL, EVENT_PUSH, EVENT_MOUNT, EVENT_DELETE };
enum { EVENT_ACTIONS = 4 };
const char *event_action_name(enum event_action a); /* "pull" */

#define EVENT_BLOB_TYPE "application/octet-stream"

/* What it was done to. What is zero is left out of the text. */
struct event {
    enum event_action action;
    struct name repo;
    const struct digest *digest;
    const char *media_type;  /* static; NULL for what is gone */
    uint64_t size;           /* in bytes, if there is a media_type */
    const struct name *from; /* EVENT_MOUNT: the repository that had it */
    struct span tag;         /* by which it was asked for */
    struct span manifest;    /* its bytes, for a list of what it refers to */
};

/* Tells it. Nothing happens if nobody listens. */
void event_tell(struct op *op, const struct event *e);

/* The text of one event, as it will be sent. */
struct event_text {
    enum event_action action;
    const char *media_type; /* static, or NULL */
    struct span json;
    struct event_text *next;
};

/* A request's events, and what all of them say of it. Spans and strings are the request's. */
struct events {
    bool references;      /* list what manifests refer to */
    const char *source;   /* "host:port" of this server */
    const char *instance; /* an id of this process */
    const char *request;  /* an id of the request */
    struct span addr;     /* the client's: with its port, or as a proxy says it */
    struct span host, method, agent;
    struct span claimed; /* the user's name, where nobody has to say it; may be empty */
    struct event_text *first, *last;
};

enum { EVENT_ID_SIZE = 37 };
/* A random id, as in RFC 9562, ending in NUL. */
void event_id(char out[EVENT_ID_SIZE]);

/* The name in "Authorization: Basic …", checked or not: what the registry image calls the actor
 * where nobody has to say who he is. Empty if there is none. */
struct span event_basic_user(const struct http_head *head, struct arena *a);

#endif

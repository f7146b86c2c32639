/* SPDX-License-Identifier: Apache-2.0
 *
 * endpoint: what an endpoint is. A row of the table (table.c) says where it is
 * and who may call it; its operation is a set of plain functions:
 *
 *   parse   loop  head → typed fields; pure
 *   quick   loop  all there is to do, if that takes no waiting; else false, and it goes the
 *                 long way as if it had not been asked; optional
 *   open    pool  before the body; optional
 *   chunk   pool  once per piece of the body; optional: without it a body is ignored
 *   finish  pool  after the whole body; optional
 *   close   pool  always if parse said RC_OK, once, after the others: releases what is
 *                 held; optional
 *   reply   loop  fields → response; only if all of the above said RC_OK
 *
 * An endpoint never sees the loop, a callback, a thread or a lock, and never writes
 * an error: it returns one. open runs in the pool even if there is nothing to read.
 */
#ifndef SERVER_ENDPOINT_H
#define SERVER_ENDPOINT_H

#include "lib/arena.h"
#include "lib/http.h"
#include "lib/rc.h"
#include "server/config.h"
#include "server/reply.h"
#include "storage/storage.h"

struct events;
struct maint;
struct vitals;
struct notify;
struct who;

/* What stands in braces in a row's path. */
enum var { VAR_NAME, VAR_REFERENCE, VAR_DIGEST, VAR_UPLOAD, VAR_COUNT };

/* Where requests come in; each row is behind one of them, and cannot be reached by another. */
enum door {
    DOOR_PUBLIC, /* the registry */
    DOOR_ADMIN,  /* who can connect to its socket is trusted */
    DOOR_DEBUG   /* health and metrics, which tell and change nothing */
};

/* A routed request, as parse sees it. */
struct request {
    enum door door;
    const struct http_head *head;
    struct span vars[VAR_COUNT]; /* decoded; p is NULL where the path has none */
};

/* The first member of every operation; the rest of it is the endpoint's own, zeroed.
 * It lives in the request's arena, and belongs to the loop or to the pool, never both. */
struct op {
    struct store *store;
    const struct config *config;
    struct maint *maint;   /* its thread-safe part */
    struct vitals *vitals; /* the same; parse and reply, all of it; NULL: nobody watches */
    struct notify *notify; /* the same */
    struct events *events; /* what is told with event_tell (event.h); NULL: nobody listens */
    const struct who *who; /* who asks, as auth.h has it */
    struct span user;      /* their name; p is NULL if nobody knows */
    struct arena *arena;
    struct fault *fault; /* why it fails, for the client and the log */
    uint64_t moment;     /* quick: of the loop (pool.h) */
    struct span base;    /* what Location begins with: "http://host" or empty (url.h) */
    int file;            /* open or finish may put a file to be sent here, whose owner is then the
                            connection; -1 */
    bool last_try;       /* open: what is busy now will not be waited for any longer */
    const char *error_headers; /* "Name: value\r\n" for the answer if it fails, or NULL */
};

struct operation {
    size_t size; /* of the struct that begins with struct op */
    enum rc (*parse)(struct op *op, const struct request *rq);
    bool (*quick)(struct op *op);
    enum rc (*open)(struct op *op);
    enum rc (*chunk)(struct op *op, struct span bytes);
    enum rc (*finish)(struct op *op);
    void (*close)(struct op *op);
    void (*reply)(struct op *op, struct reply *r);
};

/* The right that a caller needs in the repository. */
enum scope {
    SCOPE_NONE,
    SCOPE_BASE,
    SCOPE_CATALOG,
    SCOPE_PULL,
    SCOPE_PUSH,
    SCOPE_DELETE,
    SCOPE_CANCEL, /* of an upload: who may push or delete */
    SCOPE_ADMIN
};

/* A setting without which the endpoint is not there, or answers UNSUPPORTED. */
enum needs { NEEDS_NOTHING, NEEDS_DELETE_ENABLED, NEEDS_METRICS_ENABLED };

struct endpoint {
    const char *name; /* of the resource, in metrics and logs, as the registry image calls it */
    enum http_method method;
    const char *path;
    enum door door;
    enum scope scope;
    enum needs needs;
    const struct operation *operation;
};

extern const struct endpoint endpoints[];
extern const size_t endpoint_count;

#endif

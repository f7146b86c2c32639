/* SPDX-License-Identifier: Apache-2.0
 *
 * access: what is told of a request once it is over: a line on standard output, in the combined
 * format or as JSON; a line in the log, if it failed; and the metrics. Loop thread.
 */
#ifndef SERVER_ACCESS_H
#define SERVER_ACCESS_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "lib/http.h"
#include "server/endpoint.h"

struct metrics;

enum { ACCESS_ID_LEN = 36 };

/* What is known of a connection's current request. Spans are the request's arena's. */
struct access {
    const struct config *config; /* the request's settings */
    struct metrics *metrics;     /* NULL: nobody counts */
    enum door door;
    char peer[INET6_ADDRSTRLEN];
    char client[INET6_ADDRSTRLEN]; /* as proxies in front say; empty: the peer */
    char id[ACCESS_ID_LEN + 1];    /* empty until access_id is asked for it */
    struct span method, target, host, referer, agent;
    struct span user; /* who asks, once that is known; else empty */
    enum http_method verb;
    int minor; /* HTTP/1.minor */
    int code;
    uint64_t began_ns;          /* when the head was there; 0: it never was */
    const struct endpoint *row; /* NULL: none */
    bool broken_off;            /* by us, not by the client */
};

void access_init(struct access *a, const struct sockaddr *peer, enum door door,
                 struct metrics *metrics);
/* A new request on the connection, with its settings. */
void access_begin(struct access *a, const struct config *config);
void access_request(struct access *a, const struct http_head *head);
/* It has this row, which may be NULL. */
void access_row(struct access *a, const struct endpoint *row);
/* The request's own name, a random UUID, which the lines about it have in common. */
const char *access_id(struct access *a);
/* It is about to be answered with a->code, for this reason. */
void access_failure(struct access *a, enum rc rc, const struct fault *f);
/* The end of its answer will never come, for this reason. */
void access_broken_off(struct access *a, enum rc rc, const struct fault *f);
/* Bytes: of the request with its head, and of the answer's body. */
void access_end(struct access *a, uint64_t received, uint64_t sent);
/* The client went away before the end of its request or answer. */
void access_abandoned(struct access *a, uint64_t received, uint64_t sent);

#endif

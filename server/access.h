/* SPDX-License-Identifier: Apache-2.0
 *
 * access: one line per request on standard output, in the combined format, and a line
 * in the log for what failed. Loop thread.
 */
#ifndef SERVER_ACCESS_H
#define SERVER_ACCESS_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "lib/http.h"
#include "server/config.h"

/* What is known of a connection's current request. Spans are the request's arena's. */
struct access {
    const struct config *config;
    char peer[INET6_ADDRSTRLEN];
    struct span method, target, referer, agent;
    int minor; /* HTTP/1.minor */
    int code;
};

void access_init(struct access *a, const struct sockaddr *peer);
/* A new request on the connection; config is borrowed for as long as it lasts. */
void access_begin(struct access *a, const struct config *config);
void access_request(struct access *a, const struct http_head *head);
void access_failure(const struct access *a, enum rc rc, const struct fault *f);
void access_end(const struct access *a, uint64_t body_bytes);
/* The client went away before the end of its request or answer. */
void access_abandoned(struct access *a, uint64_t body_bytes);

#endif

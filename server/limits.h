/* SPDX-License-Identifier: Apache-2.0
 *
 * limits: how many clients, how large their requests.
 */
#ifndef SERVER_LIMITS_H
#define SERVER_LIMITS_H

#include <sys/socket.h>

#include "server/server.h"

/* Settles the options http.limits. RC_INTERNAL with a line for a person. */
enum rc limits_settle(struct config *c, struct fault *f) MUST_CHECK;

/* May this client have a connection at the public door? If not, it has its answer, as far as
 * that goes without waiting; the socket stays the caller's. Loop thread. */
bool limits_admit(struct server *s, int fd, const struct sockaddr *peer);

#endif

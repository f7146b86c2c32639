/* SPDX-License-Identifier: Apache-2.0
 *
 * error: what an outcome is to a client (distribution-spec, "Error Codes"), and
 * the only place that knows HTTP's numbers.
 */
#ifndef SERVER_ERROR_H
#define SERVER_ERROR_H

#include "lib/rc.h"
#include "server/reply.h"

struct status_line {
    int code;
    const char *phrase;
};

struct status_line error_status_line(enum status s);
/* The phrase of a status, another server's for all that matters; empty if it is not known. */
const char *error_phrase(int code);
/* What the access log says of a client that did not wait for its answer. */
int error_code_client_gone(void);

/* Turns r into the answer for a failed request: status, JSON body (in f's arena), and
 * headers that belong to the status. rc is the first failure if f has no item. */
void error_reply(struct reply *r, enum rc rc, const struct fault *f, struct arena *a);

/* Gives a well-formed answer this outcome's status: where a body of its own says more. */
void error_status(struct reply *r, enum rc rc);

/* A whole answer, ready-made, for a connection that is one too many. */
struct span error_overload(void);

/* What a status of this server's says to a client of ours: RC_OK, or the outcome that the commands
 * tell from others; else RC_INTERNAL. */
enum rc error_rc_of(int code);

/* What it is called to the client. */
const char *error_message(enum rc rc);
/* Is it the server's fault, so that it belongs into the log as an error? */
bool error_is_ours(enum rc rc);

#endif

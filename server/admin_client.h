/* SPDX-License-Identifier: Apache-2.0
 *
 * admin_client: asks the server behind a socket. One request, one connection; blocking, for
 * commands.
 */
#ifndef SERVER_ADMIN_CLIENT_H
#define SERVER_ADMIN_CLIENT_H

#include "lib/buf.h"
#include "lib/http.h"

struct admin_answer {
    enum rc rc; /* of the server (error_rc_of) */
    struct buf body;
};

void admin_answer_fini(struct admin_answer *a);

/* One to send; headers ("Name: value\r\n" each) and body may be empty. */
struct admin_request {
    enum http_method method;
    const char *path, *headers, *body;
};

/* RC_OK: there is an answer, the caller's, whatever it says. RC_NOT_FOUND: no server listens
 * there. RC_IO: it does not answer. */
enum rc admin_ask(const char *socket, const struct admin_request *q, struct admin_answer *out,
                  struct fault *f) MUST_CHECK;

#endif

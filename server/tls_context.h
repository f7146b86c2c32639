/* SPDX-License-Identifier: Apache-2.0
 *
 * tls_context: OpenSSL's context from the options http.tls and the files that they name. Pure but
 * for reading those.
 */
#ifndef SERVER_TLS_CONTEXT_H
#define SERVER_TLS_CONTEXT_H

#include <openssl/ssl.h>

#include "server/config.h"

/* RC_INTERNAL with a line for a person. */
enum rc tls_context_new(const struct config *c, SSL_CTX **out, struct fault *f) MUST_CHECK;
/* Why clients will not like the certificate's dates, or NULL. */
const char *tls_context_doubt(const SSL_CTX *ctx);
/* Words for what OpenSSL has just refused, in this thread; takes them off its list. */
const char *tls_error(void);

#endif

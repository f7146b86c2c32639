/* SPDX-License-Identifier: Apache-2.0
 *
 * tls: the certificate that the public address shows, and what it asks of clients. One for each
 * generation of settings. A connection keeps what it began with, whatever becomes of the files
 * and of this. Loop thread.
 */
#ifndef SERVER_TLS_H
#define SERVER_TLS_H

#include "server/config.h"

struct ssl_st;
struct tls;

/* NULL if the options ask for no TLS. The options are borrowed for as long as it lives. RC_INTERNAL
 * with a line for a person that names the option and the file. */
enum rc tls_open(const struct config *c, struct tls **out, struct fault *f) MUST_CHECK;
void tls_close(struct tls *t); /* NULL is fine */

/* Looks whether the files are others, and takes them if they are good; else the log says why,
 * once. Call it every second; NULL is fine. */
void tls_tick(struct tls *t);

/* The server's side of a new connection; the caller's (wire.c). */
struct ssl_st *tls_accept(struct tls *t, int fd);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * auth_internal: what auth is, for the files that are its code: auth.c makes it and keeps it
 * fresh, auth_ask.c finds out who asks, auth_allow.c what they may do.
 */
#ifndef SERVER_AUTH_INTERNAL_H
#define SERVER_AUTH_INTERNAL_H

#include <sys/stat.h>

#include "server/auth.h"
#include "server/auth_htpasswd.h"
#include "server/auth_jwt.h"

/* Passwords that are checked at the same time: more wait. They take a processor each, for long, and
 * others want to be served meanwhile. */
enum { FLIGHTS_MAX = 4 };

/* Files of one kind of auth: the users; the bundle and the JWK set. */
enum { FILES_MAX = 2 };

struct flight {
    bool taken;
    struct auth_mark mark;
};

/* How a file is told from what it was. */
struct file_state {
    struct timespec changed;
    off_t size;
    ino_t inode;
    bool there;
};

/* Constant once made, but for what the loop alone touches. */
struct auth {
    const struct config *config; /* outlives it: both are of one generation of settings */
    enum auth_type type;         /* never AUTH_NONE */
    struct rules *rules;         /* NULL: there are none */
    struct jwt_terms terms;      /* AUTH_TOKEN; without the trust, which changes */

    /* the loop's */
    struct htpasswd *users;            /* AUTH_HTPASSWD */
    struct trust *trust;               /* AUTH_TOKEN */
    struct file_state seen[FILES_MAX]; /* what these are from, or the last that was refused */
    struct auth_cache *good;
    struct flight flights[FLIGHTS_MAX];
    size_t flights_max;
};

/* auth_options.c: the options' words, made into what they mean. */
enum rc auth_make_rules(const struct config *c, struct rules **out, struct fault *f) MUST_CHECK;
enum rc auth_make_algs(const struct config *c, unsigned *out, struct fault *f) MUST_CHECK;

#endif

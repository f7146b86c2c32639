/* SPDX-License-Identifier: Apache-2.0
 *
 * settings: one generation of them: the options, and what is made of the options before anybody
 * asks. A reload makes the next generation; who still works with this one keeps it until it is
 * done, so that nothing is pulled from under a request. Never changed once it is loaded.
 *
 * Loop thread; what is in it may be read by any thread on behalf of one that holds it.
 */
#ifndef SERVER_SETTINGS_H
#define SERVER_SETTINGS_H

#include "server/config.h"

struct auth;
struct tls;

struct settings {
    struct config *config;             /* owned */
    struct auth *auth;                 /* owned; NULL: nobody is asked who they are */
    struct tls *tls;                   /* owned; NULL: there is no TLS */
    unsigned users;                    /* the last one to leave frees it */
    const struct config_sources *from; /* borrowed: what a reload reads again */
};

/* The caller is the first user. RC_INTERNAL with a line for a person. */
enum rc settings_load(const struct config_sources *from, struct settings **out,
                      struct fault *f) MUST_CHECK;
/* One more user. */
struct settings *settings_hold(struct settings *s);
/* One less; NULL is no settings. */
void settings_drop(struct settings *s);

#endif

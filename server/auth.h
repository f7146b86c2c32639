/* SPDX-License-Identifier: Apache-2.0
 *
 * auth: who asks, and what may they do? By auth.htpasswd with or without rules, or by auth.token.
 *
 * A request goes through three steps. auth_ask looks at what it says of itself; mostly that is
 * known, or nothing. If not, auth_prove finds out, which may take long. auth_allow holds who it is
 * against what the request wants. After that, who_may answers for further repositories.
 */
#ifndef SERVER_AUTH_H
#define SERVER_AUTH_H

#include "lib/http.h"
#include "lib/rc.h"
#include "server/auth_cache.h"
#include "server/auth_rules.h"
#include "server/config.h"

struct auth;
struct claims;
struct trust;

/* Reads the files that the options name. *out is NULL if everybody may do everything. RC_INTERNAL
 * with a line for a person. Loop thread, as all that does not say otherwise. */
enum rc auth_new(const struct config *config, struct auth **out, struct fault *f) MUST_CHECK;
/* a may be NULL. No request may be on its way that was asked with it. */
void auth_free(struct auth *a);
/* Once a second: files that have changed - users, certificates, keys - are read again. One that is
 * broken or gone changes nothing, and is a line in the log. a may be NULL. */
void auth_tick(struct auth *a);

/* Who asks. Its memory is the request's; it may be read by any thread that has the request. */
struct who {
    const struct auth *auth;     /* NULL: nobody is asked, everybody may do everything */
    struct span user;            /* p is NULL: nobody knows */
    const struct claims *claims; /* of a token; NULL: there is none */
};

/* May they do this in the repository? Any thread. */
bool who_may(const struct who *w, enum right right, struct span repository);
/* Is there no repository that they may not pull from? Any thread. */
bool who_may_pull_all(const struct who *w);
/* Do rules say which repositories they see in a list of all? Any thread. */
bool who_sees_some(const struct who *w);

enum credentials { CREDENTIALS_NONE, CREDENTIALS_GOOD, CREDENTIALS_BAD };

/* A request that is being asked; belongs to the loop or to the pool, with the request. */
struct proof {
    struct auth *auth;
    struct arena *arena; /* the request's */
    enum credentials credentials;
    struct who who;
    /* until it is decided; what the client sent is overwritten then */
    struct span user, secret, hash;
    struct auth_mark mark;
    bool in_flight; /* counts among those that are proved at the moment */
    bool matches;   /* what proving found */
    struct claims *claims;
    struct trust *trust; /* held while it is proved: whose signatures count */
};

enum auth_answer {
    AUTH_KNOWN, /* auth_allow is next */
    AUTH_PROVE, /* auth_prove in the pool, then auth_proved */
    AUTH_LATER  /* enough others are at it: ask again a little later */
};

/* What the head says. a NULL: everybody is welcome. */
enum auth_answer auth_ask(struct auth *a, const struct http_head *head, struct arena *arena,
                          struct proof *p);
/* Pool. */
void auth_prove(struct proof *p);
/* In any case after auth_prove, also if nobody waits for the answer any longer. */
void auth_proved(struct proof *p);

/* What a request wants of a repository, of the registry, or of nothing in particular. */
enum want {
    WANT_ENTRY, /* any user, or anybody at all if there is something for them */
    WANT_CATALOG,
    WANT_PULL,
    WANT_PUSH,
    WANT_DELETE,
    WANT_CANCEL, /* of an upload: who may push or delete */
    WANT_ADMIN
};

struct wish {
    enum want want;
    struct span repository; /* before its grammar was looked at; empty where there is none */
    struct span source;     /* of a mount: pull from there is asked for, but not insisted on */
};

/* RC_OK, RC_UNAUTHORIZED with a challenge in *headers ("Name: value\r\n"), or RC_DENIED. The
 * fault's detail is JSON: what was wanted, as the registry image tells it. */
enum rc auth_allow(const struct proof *p, const struct wish *wish, const struct http_head *head,
                   const char **headers, struct fault *f) MUST_CHECK;

#endif

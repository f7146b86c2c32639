/* SPDX-License-Identifier: Apache-2.0
 *
 * auth_jwt: tokens as the registry's token specification has them (RFC 7519, with an `access`
 * claim): is the signature good, and what does the token say? Pure; any thread.
 */
#ifndef SERVER_AUTH_JWT_H
#define SERVER_AUTH_JWT_H

#include "server/auth_trust.h"

enum { JWT_MAX = 16 * 1024, JWT_DEPTH_MAX = 8, JWT_LEEWAY_S = 60 };

/* One resource that a token speaks of. */
struct grant {
    struct span type, name; /* "repository", "team/app" */
    unsigned rights;        /* of enum right; "*" is all of them */
};

struct claims {
    struct span subject; /* the user's name; empty if it has none */
    struct grant *grants;
    size_t count;
    int64_t expires; /* seconds since 1970, the leeway not counted in */
};

/* What tokens have to be. */
struct jwt_terms {
    struct span issuer, service;
    unsigned algs; /* a bit for each enum jws_alg */
    const struct trust *trust;
};

/* Only the signature. why: static text, for the log. */
bool jwt_is_signed(const struct jwt_terms *t, struct span token, const char **why);
/* Only what it says; not what to ask first of somebody's bytes. now: seconds since 1970. */
bool jwt_read(const struct jwt_terms *t, struct span token, int64_t now, struct arena *a,
              struct claims *out, const char **why);

#endif

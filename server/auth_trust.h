/* SPDX-License-Identifier: Apache-2.0
 *
 * auth_trust: whose signatures count: the certificates of auth.token.rootcertbundle, which may
 * sign tokens or other certificates, and the keys of auth.token.jwks. Constant once made, but for
 * the number of its users: any thread, but for those who come and go.
 */
#ifndef SERVER_AUTH_TRUST_H
#define SERVER_AUTH_TRUST_H

#include "lib/rc.h"
#include "server/auth_key.h"

struct trust;

/* A file that was read, for messages by its path; text with p NULL: there is none. */
struct trust_file {
    const char *path;
    struct span text;
};

enum { TRUST_FILE_MAX = 1024 * 1024 };

/* bundle: certificates in PEM; jwks: a JWK set in JSON. RC_INTERNAL, "PATH: …", for a file that is
 * neither, or without a key of use; keys that are of no use here are passed over. */
enum rc trust_new(struct trust_file bundle, struct trust_file jwks, struct trust **out,
                  struct fault *f) MUST_CHECK;
/* One more user; the caller of trust_new is the first. Loop thread. */
struct trust *trust_hold(struct trust *t);
/* One less; the last one frees it. t may be NULL. Loop thread. */
void trust_drop(struct trust *t);

/* The trusted key of that name, number n from 0; NULL: there are no more. Two may have one name. */
const struct key *trust_find(const struct trust *t, struct span name, size_t n);
/* Is it one of the trusted keys? */
bool trust_has(const struct trust *t, const struct key *k);
/* The key of a chain of certificates, base64 of DER each, the signer's first (RFC 7515 §4.1.6),
 * that leads to a trusted one. NULL: it does not. The caller frees it. */
struct key *trust_chain(const struct trust *t, const struct cJSON *x5c);

#endif

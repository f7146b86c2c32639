/* SPDX-License-Identifier: Apache-2.0
 *
 * auth_key: one key that signs tokens: from a certificate or from a JWK (RFC 7517), its names,
 * and whether it made a signature (RFC 7518, RFC 8037). Constant once made; any thread.
 */
#ifndef SERVER_AUTH_KEY_H
#define SERVER_AUTH_KEY_H

#include <openssl/x509.h>

#include "lib/span.h"

struct cJSON;

/* In the order of the words of auth.token.signingalgorithms. */
enum jws_alg {
    JWS_EDDSA,
    JWS_HS256,
    JWS_HS384,
    JWS_HS512,
    JWS_RS256,
    JWS_RS384,
    JWS_RS512,
    JWS_ES256,
    JWS_ES384,
    JWS_ES512,
    JWS_PS256,
    JWS_PS384,
    JWS_PS512,
    JWS_COUNT
};
bool jws_alg_find(struct span name, enum jws_alg *out);

struct key;

/* NULL if it is none of RSA (2048 bits and more), P-256, P-384, P-521 and Ed25519. */
struct key *key_of_certificate(X509 *certificate);
/* The same, and oct; NULL also for one that is not meant for signatures. why: static text. */
struct key *key_of_jwk(const struct cJSON *jwk, const char **why);
void key_free(struct key *k); /* k may be NULL */

/* Is this one of its names: the `kid` of its JWK, its RFC 7638 thumbprint, or libtrust's
 * fingerprint, which servers for registry:2 use? */
bool key_is_named(const struct key *k, struct span name);
bool key_is_secret(const struct key *k);
bool key_eq(const struct key *a, const struct key *b);

/* False also if the key is not of the algorithm's type, or is for another algorithm. */
bool key_verifies(const struct key *k, enum jws_alg alg, struct span text, struct span signature);

#endif

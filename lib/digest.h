/* SPDX-License-Identifier: Apache-2.0
 *
 * digest: `sha256:…` as a value (OCI image-spec, descriptor.md, "Digests"),
 * and the incremental hash that makes one.
 *
 * The hash is a plain value: it can be copied, and its state saved beside an
 * upload and taken up again after a restart. That is why it uses OpenSSL's
 * SHA256_CTX and not its EVP handle, which cannot be saved; both run the same
 * assembly (the processor's SHA instructions where there are some).
 */
#ifndef LIB_DIGEST_H
#define LIB_DIGEST_H

#define OPENSSL_API_COMPAT 0x10100000L
#include <openssl/sha.h>

#include "lib/rc.h"
#include "lib/span.h"

enum digest_alg { DIGEST_SHA256, DIGEST_SHA384, DIGEST_SHA512 };
enum { DIGEST_ALGS = 3, DIGEST_BYTES_MAX = 64, DIGEST_HEX_MAX = 128, DIGEST_TEXT_MAX = 136 };

struct digest {
    enum digest_alg alg;
    unsigned char bytes[DIGEST_BYTES_MAX]; /* the first digest_bytes(alg) count, the rest is 0 */
};

/* The text of a digest, ending in NUL: 71 characters for sha256. */
struct digest_text {
    char s[DIGEST_TEXT_MAX];
};

const char *digest_alg_name(enum digest_alg alg); /* "sha256" */
bool digest_alg_find(struct span name, enum digest_alg *out);
size_t digest_bytes(enum digest_alg alg);

/* RC_DIGEST_INVALID with the registry image's words ("invalid checksum digest
 * format", "… length", "unsupported digest algorithm"). Hex is lower case. */
enum rc digest_parse(struct span s, struct digest *out, struct fault *f) MUST_CHECK;
/* The same from its two parts; false if they are none. */
bool digest_from_hex(enum digest_alg alg, struct span hex, struct digest *out);
struct digest_text digest_print(const struct digest *d);
/* The hex part alone. */
struct digest_text digest_hex(const struct digest *d);
bool digest_eq(const struct digest *a, const struct digest *b);

/* An incremental hash. */
struct hash {
    enum digest_alg alg;
    union {
        SHA256_CTX sha256;
        SHA512_CTX sha512; /* and sha384 */
    } u;
};

void hash_init(struct hash *h, enum digest_alg alg);
void hash_add(struct hash *h, struct span bytes);
uint64_t hash_count(const struct hash *h);                 /* bytes added so far */
void hash_end(const struct hash *h, struct digest *out);   /* h can go on */
struct digest digest_of(enum digest_alg alg, struct span bytes);

/* The saved state of a sha256 or sha512 hash, as Go's crypto/sha256 and sha512
 * marshal it, which is how the registry image keeps it beside an upload:
 * magic, chaining values, block buffer, byte count; big endian. */
enum { HASH_STATE_MAX = 204 };
size_t hash_save(const struct hash *h, unsigned char out[HASH_STATE_MAX]); /* its length */
bool hash_load(struct hash *h, enum digest_alg alg, struct span state);

#endif

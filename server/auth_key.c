/* SPDX-License-Identifier: Apache-2.0
 *
 * auth_key: OpenSSL's keys, by their names in JSON.
 */
#include "server/auth_key.h"

#include <cjson/cJSON.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base64.h"
#include "lib/buf.h"

enum { RSA_BITS_MIN = 2048, RSA_BYTES_MAX = 2048, SECRET_MIN = 16, SECRET_MAX = 1024 };
enum { FIELD_MAX = 66, ED25519_BYTES = 32 }; /* a coordinate of P-521 */
enum { NAME_SIZE = 64, KID_MAX = 512 };

enum kind { KIND_RSA, KIND_EC, KIND_ED25519, KIND_SECRET };

static const struct curve {
    const char *name, *group; /* RFC 7518's, OpenSSL's */
    enum jws_alg alg;
    size_t bytes;
} curves[] = {
    {"P-256", "prime256v1", JWS_ES256, 32},
    {"P-384", "secp384r1", JWS_ES384, 48},
    {"P-521", "secp521r1", JWS_ES512, 66},
};

static const struct alg {
    const char *name;
    enum kind kind;
    const char *digest;
    bool pss;
} algs[JWS_COUNT] = {
    [JWS_EDDSA] = {"EdDSA", KIND_ED25519, NULL, false},
    [JWS_HS256] = {"HS256", KIND_SECRET, "SHA256", false},
    [JWS_HS384] = {"HS384", KIND_SECRET, "SHA384", false},
    [JWS_HS512] = {"HS512", KIND_SECRET, "SHA512", false},
    [JWS_RS256] = {"RS256", KIND_RSA, "SHA256", false},
    [JWS_RS384] = {"RS384", KIND_RSA, "SHA384", false},
    [JWS_RS512] = {"RS512", KIND_RSA, "SHA512", false},
    [JWS_ES256] = {"ES256", KIND_EC, "SHA256", false},
    [JWS_ES384] = {"ES384", KIND_EC, "SHA384", false},
    [JWS_ES512] = {"ES512", KIND_EC, "SHA512", false},
    [JWS_PS256] = {"PS256", KIND_RSA, "SHA256", true},
    [JWS_PS384] = {"PS384", KIND_RSA, "SHA384", true},
    [JWS_PS512] = {"PS512", KIND_RSA, "SHA512", true},
};

struct key {
    enum kind kind;
    EVP_PKEY *pkey;            /* NULL: a secret */
    const struct curve *curve; /* KIND_EC */
    struct span secret;        /* KIND_SECRET; owned */
    char *kid;                 /* the JWK's own; NULL: it has none */
    int alg;                   /* the only one that the JWK is for; -1: any */
    char thumbprint[NAME_SIZE], fingerprint[NAME_SIZE]; /* empty: has none */
};

bool jws_alg_find(struct span name, enum jws_alg *out)
{
    for (size_t i = 0; i < JWS_COUNT; i++) {
        if (span_eq(name, span_of(algs[i].name))) {
            *out = (enum jws_alg)i;
            return true;
        }
    }
    return false;
}

/* ---- Names. ----------------------------------------------------------------------------- */

enum { URL64 = sodium_base64_VARIANT_URLSAFE_NO_PADDING };

static void add_url64(struct buf *b, const char *before, const unsigned char *p, size_t n)
{
    size_t size = sodium_base64_encoded_len(n, URL64);
    char *text = must_alloc(size);
    buf_add_str(b, before);
    buf_add_str(b, sodium_bin2base64(text, size, p, n, URL64));
    sodium_memzero(text, size);
    free(text);
}

/* A number of the key, as few bytes as hold it, or as many as asked for. */
static void add_number(struct buf *b, const char *before, const EVP_PKEY *pkey, const char *param,
                       size_t bytes)
{
    unsigned char text[RSA_BYTES_MAX];
    BIGNUM *n = NULL;
    if (EVP_PKEY_get_bn_param(pkey, param, &n) == 1) {
        size_t needed = bytes ? bytes : (size_t)BN_num_bytes(n);
        if (needed <= sizeof(text) && BN_bn2binpad(n, text, (int)needed) == (int)needed)
            add_url64(b, before, text, needed);
    }
    BN_free(n);
}

/* RFC 7638 §3: the required members, in the order of their names, without a blank. */
static void add_canonical(struct buf *b, const struct key *k)
{
    unsigned char raw[ED25519_BYTES];
    size_t n = sizeof(raw);
    switch (k->kind) {
    case KIND_RSA:
        add_number(b, "{\"e\":\"", k->pkey, OSSL_PKEY_PARAM_RSA_E, 0);
        add_number(b, "\",\"kty\":\"RSA\",\"n\":\"", k->pkey, OSSL_PKEY_PARAM_RSA_N, 0);
        break;
    case KIND_EC:
        buf_printf(b, "{\"crv\":\"%s\",\"kty\":\"EC\"", k->curve->name);
        add_number(b, ",\"x\":\"", k->pkey, OSSL_PKEY_PARAM_EC_PUB_X, k->curve->bytes);
        add_number(b, "\",\"y\":\"", k->pkey, OSSL_PKEY_PARAM_EC_PUB_Y, k->curve->bytes);
        break;
    case KIND_ED25519:
        if (EVP_PKEY_get_raw_public_key(k->pkey, raw, &n) == 1)
            add_url64(b, "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"", raw, n);
        break;
    case KIND_SECRET: /* a hash of a secret is not for everybody's eyes: it is called by its kid */
        return;
    }
    buf_add_str(b, "\"}");
}

static void name_thumbprint(struct key *k)
{
    unsigned char hash[SHA256_DIGEST_LENGTH];
    struct buf b;
    buf_init(&b);
    add_canonical(&b, k);
    if (b.n > 0 && SHA256((const unsigned char *)b.p, b.n, hash))
        (void)sodium_bin2base64(k->thumbprint, sizeof(k->thumbprint), hash, sizeof(hash), URL64);
    buf_fini(&b);
}

/* libtrust: 240 bits of the hash of the key as X.509 has it, in base32, four characters a group. */
static void name_fingerprint(struct key *k)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    enum { BYTES = 30, CHARACTERS = BYTES * 8 / 5, GROUP = 4 };
    unsigned char hash[SHA256_DIGEST_LENGTH], *der = NULL;
    int n = i2d_PUBKEY(k->pkey, &der);
    if (n <= 0)
        return;
    (void)SHA256(der, (size_t)n, hash);
    OPENSSL_free(der);
    char *to = k->fingerprint;
    for (size_t i = 0; i < CHARACTERS; i++) {
        size_t bit = i * 5, byte = bit / 8;
        unsigned pair = (unsigned)hash[byte] << 8 | (byte + 1 < BYTES ? hash[byte + 1] : 0U);
        if (i > 0 && i % GROUP == 0)
            *to++ = ':';
        *to++ = digits[pair >> (11 - bit % 8) & 31U];
    }
    *to = '\0';
}

bool key_is_named(const struct key *k, struct span name)
{
    return name.n > 0 && (span_eq(name, span_of(k->kid)) || span_eq(name, span_of(k->thumbprint)) ||
                          span_eq(name, span_of(k->fingerprint)));
}

bool key_is_secret(const struct key *k)
{
    return k->kind == KIND_SECRET;
}

bool key_eq(const struct key *a, const struct key *b)
{
    return a->pkey && b->pkey && EVP_PKEY_eq(a->pkey, b->pkey) == 1;
}

/* ---- Making them. ----------------------------------------------------------------------- */

void key_free(struct key *k)
{
    if (!k)
        return;
    EVP_PKEY_free(k->pkey);
    if (k->secret.p) {
        sodium_memzero((void *)k->secret.p, k->secret.n);
        free((void *)k->secret.p);
    }
    free(k->kid);
    free(k);
}

static const struct curve *curve_of(const EVP_PKEY *pkey)
{
    char group[32];
    size_t n;
    if (EVP_PKEY_get_group_name(pkey, group, sizeof(group), &n) != 1)
        return NULL;
    for (size_t i = 0; i < array_len(curves); i++)
        if (strcmp(group, curves[i].group) == 0)
            return &curves[i];
    return NULL;
}

static bool find_kind(struct key *k)
{
    switch (EVP_PKEY_get_base_id(k->pkey)) {
    case EVP_PKEY_RSA:
        k->kind = KIND_RSA;
        return EVP_PKEY_get_bits(k->pkey) >= RSA_BITS_MIN &&
               EVP_PKEY_get_bits(k->pkey) <= RSA_BYTES_MAX * 8;
    case EVP_PKEY_EC:
        k->kind = KIND_EC;
        k->curve = curve_of(k->pkey);
        return k->curve != NULL;
    case EVP_PKEY_ED25519:
        k->kind = KIND_ED25519;
        return true;
    default:
        return false;
    }
}

/* Takes pkey, which may be NULL. */
static struct key *key_take(EVP_PKEY *pkey)
{
    struct key *k = must_calloc(sizeof(*k));
    k->pkey = pkey;
    k->alg = -1;
    if (!pkey || !find_kind(k)) {
        key_free(k);
        return NULL;
    }
    name_thumbprint(k);
    name_fingerprint(k);
    return k;
}

struct key *key_of_certificate(X509 *certificate)
{
    return key_take(X509_get_pubkey(certificate));
}

static struct span member(const cJSON *object, const char *name)
{
    return span_of(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name)));
}

/* A member's bytes; 0 if it is none, or more than fit. */
static size_t bytes_of(const cJSON *jwk, const char *name, unsigned char *to, size_t size)
{
    struct span s = member(jwk, name);
    size_t n = 0;
    return s.n > 0 && base64_decode(BASE64_URL, s, to, size, &n) ? n : 0;
}

static EVP_PKEY *pkey_of(const char *type, OSSL_PARAM_BLD *built)
{
    EVP_PKEY *pkey = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(built);
    if (!ctx || !params || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
        pkey = NULL;
    OSSL_PARAM_free(params);
    EVP_PKEY_CTX_free(ctx);
    return pkey;
}

static EVP_PKEY *rsa_of(const cJSON *jwk)
{
    unsigned char n[RSA_BYTES_MAX], e[8];
    size_t n_size = bytes_of(jwk, "n", n, sizeof(n)), e_size = bytes_of(jwk, "e", e, sizeof(e));
    if (n_size == 0 || e_size == 0)
        return NULL;
    EVP_PKEY *pkey = NULL;
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    BIGNUM *n_number = BN_bin2bn(n, (int)n_size, NULL), *e_number = BN_bin2bn(e, (int)e_size, NULL);
    if (b && OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_N, n_number) == 1 &&
        OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_E, e_number) == 1)
        pkey = pkey_of("RSA", b);
    OSSL_PARAM_BLD_free(b);
    BN_free(n_number);
    BN_free(e_number);
    return pkey;
}

static EVP_PKEY *ec_of(const cJSON *jwk)
{
    unsigned char point[1 + 2 * FIELD_MAX] = {4}; /* uncompressed */
    const struct curve *c = curves;
    while (c < curves + array_len(curves) && !span_eq(member(jwk, "crv"), span_of(c->name)))
        c++;
    if (c == curves + array_len(curves) || bytes_of(jwk, "x", point + 1, c->bytes) != c->bytes ||
        bytes_of(jwk, "y", point + 1 + c->bytes, c->bytes) != c->bytes)
        return NULL;
    EVP_PKEY *pkey = NULL;
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    if (b && OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, c->group, 0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * c->bytes) == 1)
        pkey = pkey_of("EC", b);
    OSSL_PARAM_BLD_free(b);
    return pkey;
}

static EVP_PKEY *okp_of(const cJSON *jwk)
{
    unsigned char raw[ED25519_BYTES];
    if (!span_eq(member(jwk, "crv"), SPAN("Ed25519")) ||
        bytes_of(jwk, "x", raw, sizeof(raw)) != sizeof(raw))
        return NULL;
    return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, raw, sizeof(raw));
}

static struct key *secret_of(const cJSON *jwk)
{
    unsigned char secret[SECRET_MAX];
    size_t n = bytes_of(jwk, "k", secret, sizeof(secret));
    struct key *k = NULL;
    if (n >= SECRET_MIN) {
        k = must_calloc(sizeof(*k));
        char *copy = must_alloc(n);
        memcpy(copy, secret, n);
        *k = (struct key){.kind = KIND_SECRET, .secret = {copy, n}, .alg = -1};
    }
    sodium_memzero(secret, sizeof(secret));
    return k;
}

static struct key *by_type(const cJSON *jwk)
{
    struct span type = member(jwk, "kty");
    if (span_eq(type, SPAN("RSA")))
        return key_take(rsa_of(jwk));
    if (span_eq(type, SPAN("EC")))
        return key_take(ec_of(jwk));
    if (span_eq(type, SPAN("OKP")))
        return key_take(okp_of(jwk));
    return span_eq(type, SPAN("oct")) ? secret_of(jwk) : NULL;
}

struct key *key_of_jwk(const cJSON *jwk, const char **why)
{
    struct span use = member(jwk, "use"), alg = member(jwk, "alg"), kid = member(jwk, "kid");
    enum jws_alg only = JWS_COUNT;
    *why = "it is not for signatures";
    if (use.n > 0 && !span_eq(use, SPAN("sig")))
        return NULL;
    *why = "its algorithm or its name is not known here";
    if ((alg.n > 0 && !jws_alg_find(alg, &only)) || kid.n > KID_MAX)
        return NULL;
    struct key *k = by_type(jwk);
    *why = "expected RSA (2048 bits), P-256, P-384, P-521, Ed25519 or oct (16 bytes)";
    if (!k)
        return NULL;
    k->alg = alg.n > 0 ? (int)only : -1;
    if (kid.n > 0) {
        k->kid = must_calloc(kid.n + 1);
        memcpy(k->kid, kid.p, kid.n);
    }
    return k;
}

/* ---- Signatures. ------------------------------------------------------------------------ */

static bool verify_hmac(const struct key *k, const EVP_MD *md, struct span text,
                        struct span signature)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    bool made = HMAC(md, k->secret.p, (int)k->secret.n, (const unsigned char *)text.p, text.n, mac,
                     &n) != NULL;
    bool same = made && n == signature.n && sodium_memcmp(mac, signature.p, n) == 0;
    sodium_memzero(mac, sizeof(mac));
    return same;
}

static bool verify_evp(const struct key *k, const struct alg *alg, const EVP_MD *md,
                       struct span text, struct span signature)
{
    EVP_PKEY_CTX *pctx = NULL;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx && EVP_DigestVerifyInit(ctx, &pctx, md, NULL, k->pkey) == 1;
    if (ok && alg->pss)
        ok = EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) == 1 &&
             EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST) == 1;
    ok = ok && EVP_DigestVerify(ctx, (const unsigned char *)signature.p, signature.n,
                                (const unsigned char *)text.p, text.n) == 1;
    EVP_MD_CTX_free(ctx);
    return ok;
}

/* RFC 7518 §3.4: two numbers side by side; OpenSSL wants them in DER. */
static bool verify_ec(const struct key *k, const struct alg *alg, const EVP_MD *md,
                      struct span text, struct span signature)
{
    size_t half = k->curve->bytes;
    unsigned char *der = NULL;
    bool ok = false;
    if (signature.n != 2 * half)
        return false;
    const unsigned char *p = (const unsigned char *)signature.p;
    ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(p, (int)half, NULL), *s = BN_bin2bn(p + half, (int)half, NULL);
    if (pair && r && s && ECDSA_SIG_set0(pair, r, s) == 1) {
        int n = i2d_ECDSA_SIG(pair, &der);
        ok = n > 0 && verify_evp(k, alg, md, text, span_from(der, (size_t)n));
    } else {
        BN_free(r);
        BN_free(s);
    }
    OPENSSL_free(der);
    ECDSA_SIG_free(pair);
    return ok;
}

bool key_verifies(const struct key *k, enum jws_alg alg, struct span text, struct span signature)
{
    const struct alg *a = &algs[alg];
    const EVP_MD *md = a->digest ? EVP_get_digestbyname(a->digest) : NULL;
    if (a->kind != k->kind || (k->alg >= 0 && k->alg != (int)alg) || signature.n == 0)
        return false;
    switch (k->kind) {
    case KIND_SECRET:
        return verify_hmac(k, md, text, signature);
    case KIND_EC:
        return k->curve->alg == alg && verify_ec(k, a, md, text, signature);
    case KIND_RSA:
    case KIND_ED25519:
        return verify_evp(k, a, md, text, signature);
    }
    return false;
}

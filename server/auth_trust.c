/* SPDX-License-Identifier: Apache-2.0
 *
 * auth_trust: an array of keys, and a store of certificates.
 */
#include "server/auth_trust.h"

#include <cjson/cJSON.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "lib/base64.h"

enum { CHAIN_MAX = 10, CERTIFICATE_MAX = 16 * 1024 };

struct trust {
    struct key **keys;
    size_t count;
    X509_STORE *roots;
    unsigned users;
};

static void add_key(struct trust *t, struct key *k)
{
    if (!k)
        return;
    t->keys = must_realloc(t->keys, (t->count + 1) * sizeof(struct key *));
    t->keys[t->count++] = k;
}

static enum rc read_bundle(struct trust *t, struct trust_file file, struct fault *f)
{
    BIO *bio = BIO_new_mem_buf(file.text.p, (int)file.text.n);
    size_t count = 0;
    for (X509 *x; bio && (x = PEM_read_bio_X509(bio, NULL, NULL, NULL)); count++) {
        (void)X509_STORE_add_cert(t->roots, x);
        add_key(t, key_of_certificate(x));
        X509_free(x);
    }
    BIO_free(bio);
    unsigned long error = ERR_peek_last_error();
    bool at_end = ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    if (!at_end)
        return fault(f, RC_INTERNAL, "%s: certificate %zu cannot be read", file.path, count + 1);
    if (count == 0)
        return fault(f, RC_INTERNAL, "%s: expected certificates in PEM", file.path);
    return RC_OK;
}

static enum rc read_set(struct trust *t, const cJSON *keys, const char *path, struct fault *f)
{
    const cJSON *jwk;
    const char *why = "it is empty";
    size_t before = t->count;
    cJSON_ArrayForEach(jwk, keys)
    {
        add_key(t, key_of_jwk(jwk, &why));
    }
    if (t->count == before)
        return fault(f, RC_INTERNAL, "%s: no key of use in it: %s", path, why);
    return RC_OK;
}

static enum rc read_jwks(struct trust *t, struct trust_file file, struct fault *f)
{
    cJSON *root = cJSON_ParseWithLength(file.text.p, file.text.n);
    const cJSON *keys = cJSON_GetObjectItemCaseSensitive(root, "keys");
    enum rc rc = cJSON_IsArray(keys)
                     ? read_set(t, keys, file.path, f)
                     : fault(f, RC_INTERNAL, "%s: expected a JWK set, {\"keys\": […]}", file.path);
    cJSON_Delete(root);
    return rc;
}

enum rc trust_new(struct trust_file bundle, struct trust_file jwks, struct trust **out,
                  struct fault *f)
{
    struct trust *t = must_calloc(sizeof(*t));
    enum rc rc = RC_OK;
    t->users = 1;
    t->roots = X509_STORE_new();
    if (!t->roots)
        rc = fault(f, RC_INTERNAL, "no memory for certificates");
    if (rc == RC_OK && bundle.text.p)
        rc = read_bundle(t, bundle, f);
    if (rc == RC_OK && jwks.text.p)
        rc = read_jwks(t, jwks, f);
    if (rc != RC_OK) {
        trust_drop(t);
        return rc;
    }
    *out = t;
    return RC_OK;
}

struct trust *trust_hold(struct trust *t)
{
    t->users++;
    return t;
}

void trust_drop(struct trust *t)
{
    if (!t || --t->users > 0)
        return;
    for (size_t i = 0; i < t->count; i++)
        key_free(t->keys[i]);
    free(t->keys);
    X509_STORE_free(t->roots);
    free(t);
}

const struct key *trust_find(const struct trust *t, struct span name, size_t n)
{
    for (size_t i = 0; i < t->count; i++)
        if (key_is_named(t->keys[i], name) && n-- == 0)
            return t->keys[i];
    return NULL;
}

bool trust_has(const struct trust *t, const struct key *k)
{
    for (size_t i = 0; i < t->count; i++)
        if (key_eq(t->keys[i], k))
            return true;
    return false;
}

static X509 *certificate_of(const cJSON *item)
{
    struct span s = span_of(cJSON_GetStringValue(item));
    size_t n = 0;
    X509 *x = NULL;
    if (s.n == 0 || s.n > CERTIFICATE_MAX)
        return NULL;
    unsigned char *der = must_alloc(s.n);
    if (base64_decode(BASE64, s, der, s.n, &n)) {
        const unsigned char *p = der;
        x = d2i_X509(NULL, &p, (long)n);
    }
    free(der);
    return x;
}

/* What a certificate may be used for is not looked at, as in the registry image: it is the bundle
 * that says what counts. Each certificate in that is an end of chains, self-signed or not. */
static bool leads_to_root(const struct trust *t, X509 *leaf, STACK_OF(X509) * others)
{
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    bool ok = ctx && X509_STORE_CTX_init(ctx, t->roots, leaf, others) == 1;
    if (ok) {
        X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_PARTIAL_CHAIN);
        ok = X509_STORE_CTX_set_purpose(ctx, X509_PURPOSE_ANY) == 1 && X509_verify_cert(ctx) == 1;
    }
    X509_STORE_CTX_free(ctx);
    ERR_clear_error();
    return ok;
}

struct key *trust_chain(const struct trust *t, const cJSON *x5c)
{
    int count = cJSON_GetArraySize(x5c);
    struct key *k = NULL;
    STACK_OF(X509) *chain = sk_X509_new_null();
    bool ok = chain && cJSON_IsArray(x5c) && count > 0 && count <= CHAIN_MAX;
    for (int i = 0; ok && i < count; i++) {
        X509 *x = certificate_of(cJSON_GetArrayItem(x5c, i));
        ok = x && sk_X509_push(chain, x) > 0;
        if (!ok)
            X509_free(x);
    }
    if (ok && leads_to_root(t, sk_X509_value(chain, 0), chain))
        k = key_of_certificate(sk_X509_value(chain, 0));
    sk_X509_pop_free(chain, X509_free);
    ERR_clear_error();
    return k;
}

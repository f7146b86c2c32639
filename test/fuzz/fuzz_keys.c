/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys of token servers: bundles of certificates, sets of JSON Web Keys, and chains of certificates
 * in a token's head.
 */
#include <cjson/cJSON.h>
#include <openssl/err.h>
#include <sodium.h>
#include <string.h>

#include "server/auth_trust.h"
#include "test/fuzz/fuzz.h"

static void check_fault(enum rc rc, const struct fault *f)
{
    HOLDS(rc == RC_INTERNAL && f->count == 1);
    HOLDS(is_one_line(span_of(f->first->detail)) && strncmp(f->first->detail, "f: ", 3) == 0);
}

/* What a key cannot have signed, with each algorithm. */
static void check_key(const struct key *k, struct span text)
{
    static const char empty[132];
    for (int alg = 0; alg < JWS_COUNT; alg++)
        for (size_t n = 32; n <= sizeof(empty); n += 4)
            HOLDS(!key_verifies(k, (enum jws_alg)alg, text, span_from(empty, n)));
    HOLDS(!key_is_named(k, SPAN("")) && !key_verifies(k, JWS_RS256, text, SPAN("")));
    HOLDS(key_is_secret(k) || key_eq(k, k));
    HOLDS(!key_is_secret(k) || !key_eq(k, k));
}

/* Found by its kid, and the same when it is read again. */
static void check_jwk(const struct trust *t, const cJSON *jwk, struct span text)
{
    const char *why = NULL, *none = NULL;
    struct key *k = key_of_jwk(jwk, &why), *again = key_of_jwk(jwk, &none);
    HOLDS((k != NULL) == (again != NULL) && why);
    if (k) {
        struct span kid =
            span_of(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(jwk, "kid")));
        HOLDS(key_is_secret(k) || (key_eq(k, again) && trust_has(t, k)));
        HOLDS(kid.n == 0 || (key_is_named(k, kid) && trust_find(t, kid, 0)));
        check_key(k, text);
    }
    key_free(k);
    key_free(again);
}

static void check_set(struct span text)
{
    struct trust_file none = {"n", {NULL, 0}}, file = {"f", text};
    struct trust *t = NULL;
    struct arena a;
    struct fault f;
    arena_init(&a);
    fault_init(&f, &a);
    enum rc rc = trust_new(none, file, &t, &f);
    if (rc == RC_OK) {
        const cJSON *jwk;
        cJSON *root = cJSON_ParseWithLength(text.p, text.n);
        cJSON_ArrayForEach(jwk, cJSON_GetObjectItemCaseSensitive(root, "keys"))
        {
            check_jwk(t, jwk, text);
        }
        cJSON_Delete(root);
    } else {
        check_fault(rc, &f);
    }
    trust_drop(t);
    arena_fini(&a);
}

/* The chain of a token, held against the bundle: one part each. */
static void check_bundle(struct span in)
{
    struct span text = copy_new(take_part(&in)), chain = copy_new(in);
    struct trust_file none = {"n", {NULL, 0}}, file = {"f", text};
    struct trust *t = NULL;
    struct arena a;
    struct fault f;
    arena_init(&a);
    fault_init(&f, &a);
    enum rc rc = trust_new(file, none, &t, &f);
    if (rc == RC_OK) {
        cJSON *x5c = cJSON_ParseWithLength(chain.p, chain.n);
        struct key *k = trust_chain(t, x5c);
        if (k) {
            HOLDS(cJSON_IsArray(x5c) && memmem(text.p, text.n, "BEGIN", 5));
            check_key(k, text);
        }
        key_free(k);
        cJSON_Delete(x5c);
    } else {
        check_fault(rc, &f);
    }
    trust_drop(t);
    arena_fini(&a);
    copy_free(text);
    copy_free(chain);
}

/* A byte: 's', the rest is a set; else it is a bundle, "===", and a chain. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_from(data, size);
    HOLDS(sodium_init() >= 0);
    if (take_byte(&in) == 's') {
        struct span text = copy_new(in);
        check_set(text);
        copy_free(text);
    } else {
        check_bundle(in);
    }
    ERR_clear_error();
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * auth_jwt, auth_trust, auth_key: tokens and keys that were made elsewhere (jwt_vectors.py).
 */
#include "test/unit/lib/unit.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "lib/buf.h"
#include "server/auth_jwt.h"
#include "server/auth_rules.h"

#define VECTORS "test/unit/server/jwt_vectors.txt"

enum { ALL_ALGS = (1 << JWS_COUNT) - 1, NOW = 1000000 };

struct vectors {
    struct buf text, bundle;
    struct span jwks;
    struct trust *trust;
    struct jwt_terms terms;
};

/* The next line of that kind; false if there are no more. */
static bool next(struct span *rest, const char *kind, struct span *name, struct span *text)
{
    struct span line, word;
    while (rest->n > 0) {
        span_cut(*rest, '\n', &line, rest);
        span_cut(line, '|', &word, &line);
        span_cut(line, '|', name, text);
        if (span_eq(word, span_of(kind)))
            return true;
    }
    return false;
}

static void read_all(struct buf *b)
{
    FILE *file = fopen(VECTORS, "rbe");
    assert_non_null(file);
    buf_reserve(b, 1 << 20);
    b->n = fread(b->p, 1, (1 << 20) - 1, file);
    assert_true(b->n > 0);
    fclose(file);
}

static int setup(void **state)
{
    struct vectors *v = calloc(1, sizeof(*v));
    struct span name, line, rest;
    buf_init(&v->text);
    buf_init(&v->bundle);
    read_all(&v->text);
    rest = buf_span(&v->text);
    assert_true(next(&rest, "jwks", &name, &v->jwks));
    while (next(&rest, "bundle", &name, &line)) {
        buf_add_span(&v->bundle, line);
        buf_add_char(&v->bundle, '\n');
    }
    struct trust_file bundle = {"b", buf_span(&v->bundle)}, jwks = {"j", v->jwks};
    assert_int_equal(trust_new(bundle, jwks, &v->trust, NULL), RC_OK);
    v->terms = (struct jwt_terms){SPAN("issuer"), SPAN("service"), ALL_ALGS, v->trust};
    *state = v;
    return 0;
}

static int teardown(void **state)
{
    struct vectors *v = *state;
    trust_drop(v->trust);
    buf_fini(&v->bundle);
    buf_fini(&v->text);
    free(v);
    return 0;
}

static void test_good_tokens(void **state)
{
    struct vectors *v = *state;
    struct span name, token, rest = buf_span(&v->text);
    size_t count = 0;
    for (; next(&rest, "good", &name, &token); count++) {
        const char *why;
        struct claims c;
        struct arena a;
        arena_init(&a);
        bool good =
            jwt_is_signed(&v->terms, token, &why) && jwt_read(&v->terms, token, NOW, &a, &c, &why);
        if (!good)
            fail_msg("%.*s: %s", SPAN_ARG(name), why);
        assert_span(c.subject, "somebody");
        assert_int_equal(c.count, 3);
        assert_span(c.grants[0].type, "repository");
        assert_span(c.grants[0].name, "team/app");
        assert_int_equal(c.grants[0].rights, RIGHT_PULL | RIGHT_PUSH);
        assert_int_equal(c.grants[1].rights, RIGHT_PULL | RIGHT_PUSH | RIGHT_DELETE | RIGHT_ADMIN);
        assert_int_equal(c.grants[2].rights, 0);
        assert_int_equal(c.expires, 250000000000);
        arena_fini(&a);
    }
    assert_int_equal(count, 25);
}

static void test_bad_tokens(void **state)
{
    struct vectors *v = *state;
    struct span name, token, rest = buf_span(&v->text);
    size_t count = 0;
    for (; next(&rest, "bad", &name, &token); count++) {
        const char *why = NULL;
        if (jwt_is_signed(&v->terms, token, &why))
            fail_msg("%.*s", SPAN_ARG(name));
        assert_non_null(why);
    }
    assert_int_equal(count, 35);
}

/* Every byte of a token counts; what is cut off, too. */
static void test_changed_bytes(void **state)
{
    struct vectors *v = *state;
    struct span name, token, rest = buf_span(&v->text);
    const char *why;
    assert_true(next(&rest, "good", &name, &token)); /* EdDSA: every bit of its signature matters */
    char *copy = malloc(token.n);
    memcpy(copy, token.p, token.n);
    for (size_t i = 0; i + 1 < token.n; i++) {
        copy[i] = copy[i] == 'A' ? 'B' : 'A';
        assert_false(jwt_is_signed(&v->terms, span_from(copy, token.n), &why));
        copy[i] = token.p[i];
        assert_false(jwt_is_signed(&v->terms, span_from(copy, i), &why));
    }
    free(copy);
}

/* A byte over 0x7f may stand in a header, and is nobody's digit of base64. */
static void test_high_bytes(void **state)
{
    struct vectors *v = *state;
    struct span name, token, rest = buf_span(&v->text);
    size_t count = 0;
    while (next(&rest, "good", &name, &token)) {
        char *copy = malloc(token.n);
        memcpy(copy, token.p, token.n);
        for (size_t i = token.n; i-- > 0 && copy[i] != '.';) {
            const char *why;
            copy[i] = '\xff';
            if (jwt_is_signed(&v->terms, span_from(copy, token.n), &why))
                fail_msg("%.*s", SPAN_ARG(name));
            copy[i] = token.p[i];
            count += copy[i] == '_'; /* the digit that it was taken for */
        }
        free(copy);
    }
    assert_true(count > 0);
}

static void test_algorithms_can_be_left_out(void **state)
{
    struct vectors *v = *state;
    struct span name, token, rest = buf_span(&v->text);
    const char *why;
    enum jws_alg alg;
    while (next(&rest, "good", &name, &token) && jws_alg_find(name, &alg)) {
        struct jwt_terms terms = v->terms;
        terms.algs = 1U << alg;
        assert_true(jwt_is_signed(&terms, token, &why));
        terms.algs = ALL_ALGS & ~(1U << alg);
        assert_false(jwt_is_signed(&terms, token, &why));
    }
    assert_false(jws_alg_find(SPAN("none"), &alg));
    assert_false(jws_alg_find(SPAN("rs256"), &alg));
}

/* ---- Claims: unsigned, as jwt_read does not look. ---------------------------------------- */

static const struct {
    const char *json;
    bool want;
} claims_rows[] = {
    {"{\"iss\":\"issuer\",\"aud\":\"service\",\"exp\":2000}", true},
    {"{\"iss\":\"issuer\",\"aud\":[\"x\",\"service\"],\"exp\":2000,\"access\":null}", true},
    {"{\"iss\":\"issuer\",\"aud\":[\"x\",1],\"exp\":2000}", false},
    {"{\"iss\":\"issuer\",\"aud\":[],\"exp\":2000}", false},
    {"{\"iss\":\"issuer\",\"exp\":2000}", false},
    {"{\"iss\":\"issuer\",\"aud\":\"services\",\"exp\":2000}", false},
    {"{\"iss\":\"Issuer\",\"aud\":\"service\",\"exp\":2000}", false},
    {"{\"aud\":\"service\",\"exp\":2000}", false},
    {"{\"iss\":\"issuer\",\"aud\":\"service\"}", false},
    {"{\"iss\":\"issuer\",\"aud\":\"service\",\"exp\":\"2000\"}", false},
    {"{\"iss\":\"issuer\",\"aud\":\"service\",\"exp\":-1}", false},
    {"{\"iss\":\"issuer\",\"aud\":\"service\",\"exp\":1e300}", false},
    {"{\"iss\":\"issuer\",\"aud\":\"service\",\"exp\":940}", true}, /* now is 1000 */
    {"{\"iss\":\"issuer\",\"aud\":\"service\",\"exp\":939}", false},
    {"{\"iss\":\"issuer\",\"aud\":\"service\",\"exp\":2000,\"nbf\":1060}", true},
    {"{\"iss\":\"issuer\",\"aud\":\"service\",\"exp\":2000,\"nbf\":1061}", false},
    {"{\"iss\":\"issuer\",\"aud\":\"service\",\"exp\":2000,\"nbf\":true}", false},
    {"{\"iss\":\"issuer\",\"aud\":\"service\",\"exp\":2000,\"access\":{}}", false},
    {"{\"iss\":\"issuer\",\"aud\":\"service\",\"exp\":2000,\"access\":[1]}", false},
    {"{\"iss\":\"issuer\",\"aud\":\"service\",\"exp\":2000,\"access\":[{\"type\":\"a\"}]}", false},
    {"{\"iss\":\"issuer\",\"aud\":\"service\",\"exp\":2000,"
     "\"access\":[{\"type\":\"a\",\"name\":\"b\",\"actions\":\"*\"}]}",
     false},
    {"{\"iss\":\"issuer\",\"aud\":\"service\",\"exp\":2000,"
     "\"access\":[{\"type\":\"a\",\"name\":\"b\",\"actions\":[1]}]}",
     false},
    {"{\"iss\":\"issuer\",\"aud\":\"service\",\"exp\":2000,\"x\":[[[[[[[[]]]]]]]]}", false},
    {"{\"iss\":\"issuer\",\"aud\":\"service\",\"exp\":2000,\"x\":\"[[[[[[[[\\\"[[[\"}", true},
    {"{\"iss\":\"issuer\",\"aud\":\"service\",\"exp\":2000} x", false},
    {"[]", false},
    {"", false},
};

static void add_part(struct buf *b, const char *json)
{
    struct buf part;
    size_t size = (strlen(json) + 2) / 3 * 4 + 4;
    buf_init(&part);
    buf_reserve(&part, size);
    int n =
        EVP_EncodeBlock((unsigned char *)part.p, (const unsigned char *)json, (int)strlen(json));
    for (int i = 0; i < n && part.p[i] != '='; i++) {
        char c = part.p[i];
        buf_add_char(b, c == '+' ? '-' : c == '/' ? '_' : c);
    }
    buf_fini(&part);
}

static void test_claims(void **state)
{
    struct vectors *v = *state;
    for (size_t i = 0; i < array_len(claims_rows); i++) {
        struct buf b;
        struct arena a;
        struct claims c;
        const char *why = NULL;
        buf_init(&b);
        arena_init(&a);
        buf_add_str(&b, "e30.");
        add_part(&b, claims_rows[i].json);
        buf_add_str(&b, ".e30");
        bool got = jwt_read(&v->terms, buf_span(&b), 1000, &a, &c, &why);
        if (got != claims_rows[i].want)
            print_error("%s: %s\n", claims_rows[i].json, why);
        assert_int_equal(got, claims_rows[i].want);
        arena_fini(&a);
        buf_fini(&b);
    }
}

/* ---- Files. ------------------------------------------------------------------------------ */

static void assert_refused(const char *bundle, const char *jwks, const char *why)
{
    struct arena a;
    struct fault f;
    struct trust *t = NULL;
    struct trust_file b = {"certs.pem", span_of(bundle)}, j = {"keys.json", span_of(jwks)};
    arena_init(&a);
    fault_init(&f, &a);
    assert_int_equal(trust_new(b, j, &t, &f), RC_INTERNAL);
    assert_string_equal(f.first->detail, why);
    arena_fini(&a);
}

static void test_files_that_are_refused(void **state)
{
    struct vectors *v = *state;
    struct buf broken;
    assert_refused("", NULL, "certs.pem: expected certificates in PEM");
    assert_refused("words\n", NULL, "certs.pem: expected certificates in PEM");
    buf_init(&broken);
    buf_add_span(&broken, buf_span(&v->bundle));
    buf_add_str(&broken, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    assert_refused(broken.p, NULL, "certs.pem: certificate 2 cannot be read");
    buf_fini(&broken);
    assert_refused(NULL, "", "keys.json: expected a JWK set, {\"keys\": […]}");
    assert_refused(NULL, "{\"keys\":{}}", "keys.json: expected a JWK set, {\"keys\": […]}");
    assert_refused(NULL, "{\"keys\":[]}", "keys.json: no key of use in it: it is empty");
    assert_refused(NULL, "{\"keys\":[{\"kty\":\"oct\",\"use\":\"enc\"}]}",
                   "keys.json: no key of use in it: it is not for signatures");
    assert_refused(NULL, "{\"keys\":[{\"kty\":\"oct\",\"k\":\"c2hvcnQ\"}]}",
                   "keys.json: no key of use in it: expected RSA (2048 bits), P-256, P-384, P-521, "
                   "Ed25519 or oct (16 bytes)");
}

/* A point that is not on the curve, a short modulus, coordinates of another size. */
static void test_keys_that_are_none(void **state)
{
    static const char *const rows[] = {
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\","
        "\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAE\",\"y\":\"AAE\"}",
        "{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"AAE\",\"y\":\"AAE\"}",
        "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"AQABAQABAQABAQABAQABAQABAQAB\"}",
        "{\"kty\":\"RSA\",\"e\":\"AQAB\"}",
        "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":"
        "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\"}",
        "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAE\"}",
        "{\"kty\":\"oct\",\"k\":\"not base64url!\"}",
        "{}",
        "[]",
        "1",
    };
    (void)state;
    for (size_t i = 0; i < array_len(rows); i++) {
        struct trust *t = NULL;
        char set[512];
        (void)snprintf(set, sizeof(set), "{\"keys\":[%s]}", rows[i]);
        struct trust_file none = {"b", {0}}, jwks = {"j", span_of(set)};
        if (trust_new(none, jwks, &t, NULL) == RC_OK)
            fail_msg("%s", rows[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_tokens),
        cmocka_unit_test(test_bad_tokens),
        cmocka_unit_test(test_changed_bytes),
        cmocka_unit_test(test_high_bytes),
        cmocka_unit_test(test_algorithms_can_be_left_out),
        cmocka_unit_test(test_claims),
        cmocka_unit_test(test_files_that_are_refused),
        cmocka_unit_test(test_keys_that_are_none),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * digest: FIPS 180-4's examples, OpenSSL's one-shot digests as the oracle for longer input,
 * and the saved state byte by byte.
 */
#include "unit.h"

#include <openssl/evp.h>

#include "lib/digest.h"

#define ABC256 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define ABC384                                                                                     \
    "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"                             \
    "8086072ba1e7cc2358baeca134c825a7"
#define ABC512                                                                                     \
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"                             \
    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"

static const enum digest_alg every[] = {DIGEST_SHA256, DIGEST_SHA384, DIGEST_SHA512};

/* Position-dependent bytes. */
static void fill(unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (unsigned char)(i * 131 + (i >> 8) * 17 + 3);
}

static struct digest oracle(enum digest_alg alg, const void *p, size_t n)
{
    struct digest d = {.alg = alg};
    unsigned len = 0;
    const EVP_MD *md = EVP_get_digestbyname(digest_alg_name(alg));
    assert_int_equal(EVP_Digest(p, n, d.bytes, &len, md, NULL), 1);
    assert_int_equal(len, digest_bytes(alg));
    return d;
}

static void check_text(enum digest_alg alg, const char *input, const char *text)
{
    struct digest d = digest_of(alg, span_of(input)), parsed;
    assert_string_equal(digest_print(&d).s, text);
    assert_string_equal(digest_hex(&d).s, strchr(text, ':') + 1);
    assert_int_equal(digest_parse(span_of(text), &parsed, NULL), RC_OK);
    assert_true(digest_eq(&d, &parsed));
    assert_memory_equal(d.bytes, parsed.bytes, DIGEST_BYTES_MAX); /* the rest is 0 */
}

static void test_known(void **state)
{
    (void)state;
    check_text(DIGEST_SHA256, "abc", "sha256:" ABC256);
    check_text(DIGEST_SHA384, "abc", "sha384:" ABC384);
    check_text(DIGEST_SHA512, "abc", "sha512:" ABC512);
    check_text(DIGEST_SHA256, "",
               "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    check_text(DIGEST_SHA256, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
               "sha256:248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void test_a_million(void **state)
{
    (void)state;
    struct hash h;
    struct digest d;
    hash_init(&h, DIGEST_SHA256);
    for (int i = 0; i < 100000; i++)
        hash_add(&h, SPAN("aaaaaaaaaa"));
    hash_end(&h, &d);
    assert_int_equal(hash_count(&h), 1000000);
    assert_string_equal(digest_hex(&d).s,
                        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void test_algorithms(void **state)
{
    (void)state;
    enum digest_alg alg = DIGEST_SHA384;
    assert_true(digest_alg_find(SPAN("sha256"), &alg));
    assert_int_equal(alg, DIGEST_SHA256);
    assert_true(digest_alg_find(SPAN("sha384"), &alg));
    assert_int_equal(alg, DIGEST_SHA384);
    assert_true(digest_alg_find(SPAN("sha512"), &alg));
    assert_int_equal(alg, DIGEST_SHA512);
    assert_false(digest_alg_find(SPAN("SHA256"), &alg));
    assert_false(digest_alg_find(SPAN("sha25"), &alg));
    assert_false(digest_alg_find(SPAN(""), &alg));
    assert_int_equal(digest_bytes(DIGEST_SHA256), 32);
    assert_int_equal(digest_bytes(DIGEST_SHA384), 48);
    assert_int_equal(digest_bytes(DIGEST_SHA512), 64);
}

static const char form[] = "invalid checksum digest format";
static const char length[] = "invalid checksum digest length";
static const char algorithm[] = "unsupported digest algorithm";

static void test_bad_texts(void **state)
{
    (void)state;
    static const struct {
        struct span text;
        const char *why;
    } rows[] = {
        {SPAN(""), form},
        {SPAN(":"), form},
        {SPAN("sha256"), form},
        {SPAN("sha256:"), form},
        {SPAN(":" ABC256), form},
        {SPAN(ABC256), form},
        {SPAN("sha256:" ABC256 "\n"), form},
        {SPAN("sha256:" ABC256 "\0"), form},
        {SPAN(" sha256:" ABC256), form},
        {SPAN("SHA256:" ABC256), form},
        {SPAN("sha256::" ABC256), form},
        {SPAN("sha256+:" ABC256), form},
        {SPAN("a++b:" ABC256), form},
        {SPAN("sha256:../../etc/passwd"), form},
        {SPAN("sha256:abc"), length},
        {SPAN("sha256:" ABC256 "00"), length},
        {SPAN("sha512:" ABC256), length},
        {SPAN("sha256:" ABC384), length},
        {SPAN("sha256:BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"), form},
        {SPAN("sha256:xx7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"), form},
        {SPAN("sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015a="), form},
        {SPAN("md5:d41d8cd98f00b204e9800998ecf8427e"), algorithm},
        {SPAN("sha256+b64u:LCa0a2j_xo_5m0U8HTBBNBNCLXBkg7-g-YpeiGJm564"), algorithm},
        {SPAN("a.b-c_d+e:0"), algorithm},
    };
    for (size_t i = 0; i < array_len(rows); i++) {
        struct arena a;
        struct fault f;
        struct digest d = {.alg = DIGEST_SHA384};
        arena_init(&a);
        fault_init(&f, &a);
        assert_int_equal(digest_parse(rows[i].text, &d, &f), RC_DIGEST_INVALID);
        assert_int_equal(f.count, 1);
        assert_string_equal(f.first->detail, rows[i].why);
        assert_int_equal(d.alg, DIGEST_SHA384);
        arena_fini(&a);
    }
}

/* All of the hex, and nothing behind it that text would end before. */
static void test_from_hex(void **state)
{
    static const struct span bad[] = {SPAN(ABC256 "\0"), SPAN(ABC256 "\0b"), SPAN(ABC256 "0"),
                                      SPAN("ba78"),      SPAN(""),           SPAN(ABC384)};
    struct digest d, abc = digest_of(DIGEST_SHA256, SPAN("abc"));
    (void)state;
    assert_true(digest_from_hex(DIGEST_SHA256, SPAN(ABC256), &d));
    assert_true(digest_eq(&d, &abc));
    assert_true(digest_from_hex(DIGEST_SHA384, SPAN(ABC384), &d));
    for (size_t i = 0; i < array_len(bad); i++)
        assert_false(digest_from_hex(DIGEST_SHA256, bad[i], &d));
}

static void test_eq(void **state)
{
    (void)state;
    struct digest a = digest_of(DIGEST_SHA256, SPAN("a")), b = a;
    assert_true(digest_eq(&a, &b));
    b.bytes[31] ^= 1;
    assert_false(digest_eq(&a, &b));
    b = a;
    b.alg = DIGEST_SHA512;
    assert_false(digest_eq(&a, &b));
}

static void test_against_oracle(void **state)
{
    (void)state;
    static unsigned char data[1500];
    fill(data, sizeof(data));
    for (size_t k = 0; k < array_len(every); k++) {
        for (size_t n = 0; n < sizeof(data); n += 13) {
            struct digest want = oracle(every[k], data, n);
            struct digest got = digest_of(every[k], span_from(data, n));
            assert_true(digest_eq(&got, &want));
        }
    }
}

/* A hash goes on after hash_end. */
static void test_end_is_not_the_end(void **state)
{
    (void)state;
    unsigned char data[300];
    fill(data, sizeof(data));
    for (size_t k = 0; k < array_len(every); k++) {
        struct hash h;
        hash_init(&h, every[k]);
        for (size_t n = 0; n < sizeof(data); n++) {
            struct digest got, want = oracle(every[k], data, n);
            hash_end(&h, &got);
            assert_true(digest_eq(&got, &want));
            assert_int_equal(hash_count(&h), n);
            hash_add(&h, span_from(data + n, 1));
        }
    }
}

/* Saved at every offset, taken up again, and finished. */
static void test_save_everywhere(void **state)
{
    (void)state;
    unsigned char data[400], saved[HASH_STATE_MAX];
    fill(data, sizeof(data));
    for (size_t k = 0; k < array_len(every); k++) {
        struct digest want = oracle(every[k], data, sizeof(data));
        for (size_t cut = 0; cut <= sizeof(data); cut++) {
            struct hash h, again;
            struct digest got;
            hash_init(&h, every[k]);
            hash_add(&h, span_from(data, cut));
            size_t n = hash_save(&h, saved);
            assert_true(hash_load(&again, every[k], span_from(saved, n)));
            assert_int_equal(hash_count(&again), cut);
            hash_add(&again, span_from(data + cut, sizeof(data) - cut));
            hash_end(&again, &got);
            assert_true(digest_eq(&got, &want));
        }
    }
}

/* FIPS 180-4 §5.3: the initial hash values. */
#define IV256                                                                                      \
    "\x6a\x09\xe6\x67\xbb\x67\xae\x85\x3c\x6e\xf3\x72\xa5\x4f\xf5\x3a"                             \
    "\x51\x0e\x52\x7f\x9b\x05\x68\x8c\x1f\x83\xd9\xab\x5b\xe0\xcd\x19"
#define IV512                                                                                      \
    "\x6a\x09\xe6\x67\xf3\xbc\xc9\x08\xbb\x67\xae\x85\x84\xca\xa7\x3b"                             \
    "\x3c\x6e\xf3\x72\xfe\x94\xf8\x2b\xa5\x4f\xf5\x3a\x5f\x1d\x36\xf1"                             \
    "\x51\x0e\x52\x7f\xad\xe6\x82\xd1\x9b\x05\x68\x8c\x2b\x3e\x6c\x1f"                             \
    "\x1f\x83\xd9\xab\xfb\x41\xbd\x6b\x5b\xe0\xcd\x19\x13\x7e\x21\x79"

/* A state: magic, chaining values, "abc", zeros, the count 3. */
static void check_state(enum digest_alg alg, const char *magic, struct span iv, size_t block)
{
    unsigned char want[HASH_STATE_MAX] = {0}, got[HASH_STATE_MAX];
    struct hash h;
    size_t n = 4 + iv.n + block + 8;
    memcpy(want, magic, 4);
    memcpy(want + 4, iv.p, iv.n);
    memcpy(want + 4 + iv.n, "abc", 3);
    want[n - 1] = 3;
    memset(got, 0xee, sizeof(got));
    hash_init(&h, alg);
    hash_add(&h, SPAN("abc"));
    assert_int_equal(hash_save(&h, got), n);
    assert_memory_equal(got, want, n);
}

static void test_state_bytes(void **state)
{
    (void)state;
    check_state(DIGEST_SHA256, "sha\x03", SPAN(IV256), 64);
    check_state(DIGEST_SHA512, "sha\x07", SPAN(IV512), 128);
}

/* Old bytes of the block buffer must not leak into the padding. */
static void test_state_padding(void **state)
{
    (void)state;
    unsigned char data[64 + 5], saved[HASH_STATE_MAX];
    struct hash h;
    fill(data, sizeof(data));
    hash_init(&h, DIGEST_SHA256);
    hash_add(&h, span_from(data, 40));
    hash_add(&h, span_from(data + 40, sizeof(data) - 40));
    assert_int_equal(hash_save(&h, saved), 108);
    assert_memory_equal(saved + 36, data + 64, 5);
    for (size_t i = 36 + 5; i < 107; i++)
        assert_int_equal(saved[i], 0);
    assert_int_equal(saved[107], 69);
}

/* Counts whose bits do not fit in one of the context's words. */
static void test_big_count(void **state)
{
    (void)state;
    unsigned char saved[HASH_STATE_MAX];
    struct hash h;
    static const uint64_t counts[] = {1ull << 29, (1ull << 32) + 1, (1ull << 40) + 63,
                                      (1ull << 61) - 1};
    for (size_t i = 0; i < array_len(counts); i++) {
        hash_init(&h, DIGEST_SHA256);
        assert_int_equal(hash_save(&h, saved), 108);
        for (size_t k = 0; k < 8; k++)
            saved[100 + k] = (unsigned char)(counts[i] >> (56 - 8 * k));
        assert_true(hash_load(&h, DIGEST_SHA256, span_from(saved, 108)));
        assert_true(hash_count(&h) == counts[i]);
        unsigned char again[HASH_STATE_MAX];
        assert_int_equal(hash_save(&h, again), 108);
        assert_memory_equal(again, saved, 108);
    }
}

static void test_bad_states(void **state)
{
    (void)state;
    unsigned char saved[HASH_STATE_MAX + 1] = {0};
    struct hash h, untouched;
    hash_init(&h, DIGEST_SHA256);
    hash_add(&h, SPAN("hello"));
    size_t n = hash_save(&h, saved);
    memset(&h, 0x55, sizeof(h));
    untouched = h;
    for (size_t k = 0; k <= HASH_STATE_MAX; k++)
        if (k != n)
            assert_false(hash_load(&h, DIGEST_SHA256, span_from(saved, k)));
    assert_false(hash_load(&h, DIGEST_SHA256, span_of(NULL)));
    assert_false(hash_load(&h, DIGEST_SHA512, span_from(saved, n)));
    assert_false(hash_load(&h, DIGEST_SHA512, span_from(saved, HASH_STATE_MAX)));
    saved[3] = 2; /* sha224 */
    assert_false(hash_load(&h, DIGEST_SHA256, span_from(saved, n)));
    saved[3] = 3;
    saved[100] = 0x20; /* 2^61 bytes are 2^64 bits */
    assert_false(hash_load(&h, DIGEST_SHA256, span_from(saved, n)));
    assert_memory_equal(&h, &untouched, sizeof(h));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known),           cmocka_unit_test(test_a_million),
        cmocka_unit_test(test_algorithms),      cmocka_unit_test(test_bad_texts),
        cmocka_unit_test(test_from_hex),        cmocka_unit_test(test_eq),
        cmocka_unit_test(test_against_oracle),  cmocka_unit_test(test_end_is_not_the_end),
        cmocka_unit_test(test_save_everywhere), cmocka_unit_test(test_state_bytes),
        cmocka_unit_test(test_state_padding),   cmocka_unit_test(test_big_count),
        cmocka_unit_test(test_bad_states),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

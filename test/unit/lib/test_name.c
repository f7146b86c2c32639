/* SPDX-License-Identifier: Apache-2.0
 *
 * name: the distribution-spec's grammar, and the host that old volumes put before a name.
 */
#include "unit.h"

#include "lib/name.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void good_name(const char *text)
{
    struct name n = {{NULL, 0}};
    if (name_parse(span_of(text), &n, NULL) != RC_OK)
        fail_msg("refused: %s", text);
    assert_span(n.s, text);
}

static void bad_name(struct span s)
{
    struct name n = {SPAN("untouched")};
    if (name_parse(s, &n, NULL) != RC_NAME_INVALID)
        fail_msg("taken: %.*s", SPAN_ARG(s));
    assert_span(n.s, "untouched");
}

static void test_good_names(void **state)
{
    (void)state;
    static const char *const names[] = {
        "a",
        "0",
        "library/alpine",
        "a/b/c/d/e/f",
        "a.b",
        "a_b",
        "a__b",
        "a-b",
        "a--b",
        "a-----b",
        "a.b-c_d__e",
        "a0/0b",
        "blobs/uploads",
        "tags/list",
        "manifests",
        "Example.COM/app",
        "localhost/a",
        "A/b",
        "a-B/c",
        "1.2.3.4/x",
        "a--B.c/d/e",
        "X/a__b",
        "a--b.C/d",
    };
    for (size_t i = 0; i < array_len(names); i++)
        good_name(names[i]);
}

static void test_bad_names(void **state)
{
    (void)state;
    static const struct span names[] = {
        SPAN(""),
        SPAN("/"),
        SPAN("a/"),
        SPAN("/a"),
        SPAN("a//b"),
        SPAN("."),
        SPAN(".."),
        SPAN("a/.."),
        SPAN("../a"),
        SPAN("a/../b"),
        SPAN("a/."),
        SPAN("_a"),
        SPAN("a/_b"),
        SPAN("_catalog"),
        SPAN("a/_layers"),
        SPAN("a_"),
        SPAN("-a"),
        SPAN("a-"),
        SPAN(".a"),
        SPAN("a."),
        SPAN("a..b"),
        SPAN("a___b"),
        SPAN("a._b"),
        SPAN("a_.b"),
        SPAN("a-_b"),
        SPAN("a_-b"),
        SPAN("A"),
        SPAN("Example.COM"),
        SPAN("a/B"),
        SPAN("a/B/c"),
        SPAN("a b"),
        SPAN("a\n"),
        SPAN("a\0b"),
        SPAN("a\0"),
        SPAN("a%2fb"),
        SPAN("a:b"),
        SPAN("localhost:5000/a"),
        SPAN("a:5000"),
        SPAN("[::1]/a"),
        SPAN("[::1]:5000/a"),
        SPAN("a@b"),
        SPAN("a+b"),
        SPAN("\xc3\xa4"),
        SPAN("-A/b"),
        SPAN("A-/b"),
        SPAN("A..b/c"),
        SPAN(".A/b"),
        SPAN("A./b"),
        SPAN("A_b/c"),
        SPAN("A/"),
        SPAN("A//b"),
        SPAN("A/B/c"),
        SPAN("a\\b"),
        SPAN("*"),
    };
    for (size_t i = 0; i < array_len(names); i++)
        bad_name(names[i]);
}

static void test_name_length(void **state)
{
    (void)state;
    char text[300];
    memset(text, 'a', sizeof(text));
    for (size_t i = 1; i < sizeof(text); i += 2)
        text[i] = i % 4 == 1 ? '/' : 'b';
    struct name n;
    assert_int_equal(name_parse(span_from(text, 255), &n, NULL), RC_OK);
    assert_int_equal(name_parse(span_from(text, 257), &n, NULL), RC_NAME_INVALID);
    memset(text, 'a', sizeof(text));
    assert_int_equal(name_parse(span_from(text, 255), &n, NULL), RC_OK);
    bad_name(span_from(text, 256));
}

/* Every pair of bytes around a letter: only the separators between alphanumerics are good. */
static void test_every_byte(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        char text[] = {'a', (char)c, 'b'};
        struct name n;
        bool alnum = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        bool good = alnum || c == '.' || c == '_' || c == '-' || c == '/';
        assert_int_equal(name_parse(span_from(text, 3), &n, NULL), good ? RC_OK : RC_NAME_INVALID);
        assert_int_equal(name_parse(span_from(text + 1, 1), &n, NULL),
                         alnum ? RC_OK : RC_NAME_INVALID);
    }
}

static void test_tags(void **state)
{
    (void)state;
    static const struct span bad[] = {
        SPAN(""),    SPAN(".a"),       SPAN("-a"),  SPAN("."),   SPAN(".."),
        SPAN("a/b"), SPAN("a b"),      SPAN("a:b"), SPAN("a\0"), SPAN("a\n"),
        SPAN("a+b"), SPAN("\xc3\xa4"), SPAN("a%"),
    };
    static const char *const good[] = {
        "a", "A", "0", "_", "_a", "latest", "v1.2.3-rc_4", "a..", "a--", "sha256-" HEX64 ".sig"};
    char text[129];
    struct tag t = {SPAN("untouched")};
    memset(text, 'x', sizeof(text));
    for (size_t i = 0; i < array_len(bad); i++)
        assert_int_equal(tag_parse(bad[i], &t, NULL), RC_TAG_INVALID);
    assert_int_equal(tag_parse(span_from(text, 129), &t, NULL), RC_TAG_INVALID);
    assert_span(t.s, "untouched");
    assert_int_equal(tag_parse(span_from(text, 128), &t, NULL), RC_OK);
    for (size_t i = 0; i < array_len(good); i++) {
        assert_int_equal(tag_parse(span_of(good[i]), &t, NULL), RC_OK);
        assert_span(t.s, good[i]);
    }
}

static void test_references(void **state)
{
    (void)state;
    struct reference r;
    assert_int_equal(reference_parse(SPAN("latest"), &r, NULL), RC_OK);
    assert_int_equal(r.kind, REFERENCE_TAG);
    assert_span(r.tag.s, "latest");
    assert_int_equal(reference_parse(SPAN("sha256:" HEX64), &r, NULL), RC_OK);
    assert_int_equal(r.kind, REFERENCE_DIGEST);
    assert_string_equal(digest_print(&r.digest).s, "sha256:" HEX64);
    assert_int_equal(reference_parse(SPAN("sha256:abc"), &r, NULL), RC_DIGEST_INVALID);
    assert_int_equal(reference_parse(SPAN("a:b"), &r, NULL), RC_DIGEST_INVALID);
    assert_int_equal(reference_parse(SPAN(":"), &r, NULL), RC_DIGEST_INVALID);
    assert_int_equal(reference_parse(SPAN(""), &r, NULL), RC_TAG_INVALID);
    assert_int_equal(reference_parse(SPAN("-x"), &r, NULL), RC_TAG_INVALID);
    assert_int_equal(r.kind, REFERENCE_DIGEST);
}

static void test_upload_ids(void **state)
{
    (void)state;
    static const char good[] = "01234567-89ab-cdef-0123-456789abcdef";
    assert_true(upload_id_valid(span_of(good)));
    for (size_t i = 0; i < 36; i++) {
        static const char wrong[] = {'g', 'A', '/', '.', '_', 0};
        for (size_t k = 0; k < sizeof(wrong); k++) {
            char text[36];
            memcpy(text, good, 36);
            text[i] = wrong[k];
            assert_false(upload_id_valid(span_from(text, 36)));
        }
        assert_false(upload_id_valid(span_from(good, i)));
    }
    assert_false(upload_id_valid(SPAN("01234567-89ab-cdef-0123-456789abcdef0")));
    assert_false(upload_id_valid(SPAN("012345678-9ab-cdef-0123-456789abcdef")));
    assert_false(upload_id_valid(span_of(NULL)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_names),  cmocka_unit_test(test_bad_names),
        cmocka_unit_test(test_name_length), cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_tags),        cmocka_unit_test(test_references),
        cmocka_unit_test(test_upload_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * span: every function also with the empty span, whose p is NULL.
 */
#include "unit.h"

static const struct span none = {NULL, 0};

static void test_make(void **state)
{
    (void)state;
    assert_span(span_of("abc"), "abc");
    assert_int_equal(span_of(NULL).n, 0);
    assert_null(span_of(NULL).p);
    assert_span(span_from("abcd", 2), "ab");
    assert_int_equal(SPAN("a\0b").n, 3);
}

static void test_equality(void **state)
{
    (void)state;
    assert_true(span_eq(none, SPAN("")));
    assert_true(span_eq(SPAN("a\0b"), SPAN("a\0b")));
    assert_false(span_eq(SPAN("a\0b"), SPAN("a\0c")));
    assert_false(span_eq(SPAN("a"), SPAN("ab")));
    assert_true(span_eq_nocase(SPAN("Content-TYPE"), SPAN("cONTENT-type")));
    assert_false(span_eq_nocase(SPAN("a["), SPAN("A{"))); /* 32 apart, no letters */
    assert_false(span_eq_nocase(SPAN("\xc4"), SPAN("\xe4")));
    assert_true(span_eq_nocase(none, none));
}

static void test_order(void **state)
{
    (void)state;
    assert_true(span_cmp(SPAN("a"), SPAN("ab")) < 0);
    assert_true(span_cmp(SPAN("ab"), SPAN("a")) > 0);
    assert_true(span_cmp(SPAN("a-b"), SPAN("a/b")) < 0);
    assert_true(span_cmp(SPAN("\x7f"), SPAN("\x80")) < 0); /* bytes, not chars */
    assert_int_equal(span_cmp(none, SPAN("")), 0);
    assert_true(span_cmp(none, SPAN("a")) < 0);
}

static void test_ends(void **state)
{
    (void)state;
    assert_true(span_starts(SPAN("/v2/x"), SPAN("/v2/")));
    assert_false(span_starts(SPAN("/v2"), SPAN("/v2/")));
    assert_true(span_starts(none, none));
    assert_true(span_ends(SPAN("a.yml"), SPAN(".yml")));
    assert_false(span_ends(SPAN("yml"), SPAN(".yml")));
    assert_true(span_ends(SPAN("x"), none));
}

static void test_trim(void **state)
{
    (void)state;
    assert_span(span_trim(SPAN(" \t a b\t ")), "a b");
    assert_span(span_trim(SPAN(" \t ")), "");
    assert_span(span_trim(SPAN("\na\r")), "\na\r");
    assert_span(span_trim(none), "");
}

static void test_parts(void **state)
{
    (void)state;
    assert_span(span_skip(SPAN("abc"), 2), "c");
    assert_span(span_skip(SPAN("abc"), 9), "");
    assert_span(span_head(SPAN("abc"), 2), "ab");
    assert_span(span_head(SPAN("abc"), 9), "abc");
    assert_span(span_skip(none, 1), "");
    assert_span(span_head(none, 1), "");
}

static void check_cut(const char *text, bool found, const char *head, const char *tail)
{
    struct span h, t;
    assert_int_equal(span_cut(span_of(text), ',', &h, &t), found);
    assert_span(h, head);
    assert_span(t, tail);
}

static void check_cut_last(const char *text, bool found, const char *head, const char *tail)
{
    struct span h, t;
    assert_int_equal(span_cut_last(span_of(text), ',', &h, &t), found);
    assert_span(h, head);
    assert_span(t, tail);
}

static void test_cut(void **state)
{
    (void)state;
    check_cut("a,b,c", true, "a", "b,c");
    check_cut("abc", false, "abc", "");
    check_cut(",a", true, "", "a");
    check_cut("a,", true, "a", "");
    check_cut(NULL, false, "", "");
    check_cut_last("a,b,c", true, "a,b", "c");
    check_cut_last("abc", false, "", "abc");
    check_cut_last(",a", true, "", "a");
    check_cut_last("a,", true, "a", "");
    check_cut_last(NULL, false, "", "");
}

static void test_cut_in_place(void **state)
{
    (void)state;
    struct span s = SPAN("a,b"), head;
    assert_true(span_cut(s, ',', &head, &s));
    assert_span(s, "b");
}

static void test_numbers(void **state)
{
    (void)state;
    const char *bad[] = {"",
                         "-1",
                         "+1",
                         " 1",
                         "1 ",
                         "0x1",
                         "1e3",
                         "a",
                         "18446744073709551616",
                         "99999999999999999999",
                         "184467440737095516150"};
    uint64_t v = 7;
    for (size_t i = 0; i < array_len(bad); i++)
        assert_false(span_to_u64(span_of(bad[i]), &v));
    assert_false(span_to_u64(SPAN("1\0"), &v));
    assert_int_equal(v, 7);
    assert_true(span_to_u64(SPAN("0"), &v));
    assert_int_equal(v, 0);
    assert_true(span_to_u64(SPAN("0000000000000000000000042"), &v));
    assert_int_equal(v, 42);
    assert_true(span_to_u64(SPAN("18446744073709551615"), &v));
    assert_true(v == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_make),    cmocka_unit_test(test_equality),
        cmocka_unit_test(test_order),   cmocka_unit_test(test_ends),
        cmocka_unit_test(test_trim),    cmocka_unit_test(test_parts),
        cmocka_unit_test(test_cut),     cmocka_unit_test(test_cut_in_place),
        cmocka_unit_test(test_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

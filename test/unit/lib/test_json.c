/* SPDX-License-Identifier: Apache-2.0
 *
 * json: RFC 8259, production by production, and the limits.
 */
#include "unit.h"

#include "lib/json.h"

static void test_good(void **state)
{
    static const struct span rows[] = {
        SPAN("0"),
        SPAN("-0"),
        SPAN(" \t\r\n1 \t\r\n"),
        SPAN("-12.50e+10"),
        SPAN("1E5"),
        SPAN("0.0e-0"),
        SPAN("true"),
        SPAN("false"),
        SPAN("null"),
        SPAN("\"\""),
        SPAN("\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0001\\uD834\\udd1e \x7f\""),
        SPAN("\"\xc3\xa9 \xff\""),
        SPAN("\"\\\\u0000\""), /* a backslash, and a word */
        SPAN("[]"),
        SPAN("{}"),
        SPAN("[ ]"),
        SPAN("{ \n}"),
        SPAN("[1,2 , 3]"),
        SPAN("[[],{},[[]],\"\"]"),
        SPAN("[{}]"),
        SPAN("{\"a\":1}"),
        SPAN("{ \"a\" : [ { \"b\" : { } } , 1 ] , \"\" : null }"),
        SPAN("{\"a\":{},\"a\":[]}"),
    };
    (void)state;
    for (size_t i = 0; i < array_len(rows); i++)
        assert_true(json_is_sound(rows[i], 8, 100));
}

static void test_bad(void **state)
{
    static const struct span rows[] = {
        {NULL, 0},
        SPAN(""),
        SPAN(" "),
        SPAN("\0"),
        SPAN("1\0"),
        SPAN("\0001"),
        SPAN("\xef\xbb\xbf{}"),
        SPAN("00"),
        SPAN("01"),
        SPAN("-"),
        SPAN("+1"),
        SPAN(".5"),
        SPAN("1."),
        SPAN("1.e5"),
        SPAN("1e"),
        SPAN("1e+-1"),
        SPAN("0x1"),
        SPAN("NaN"),
        SPAN("tru"),
        SPAN("truee"),
        SPAN("True"),
        SPAN("\""),
        SPAN("\"\\"),
        SPAN("\"\\\""),
        SPAN("\"\\x\""),
        SPAN("\"\\u12g4\""),
        SPAN("\"\\u123"),
        SPAN("\"\\u0000\""),
        SPAN("\"a\nb\""),
        SPAN("\"a\0b\""),
        SPAN("\"\x1f\""),
        SPAN("'a'"),
        SPAN("["),
        SPAN("]"),
        SPAN("{"),
        SPAN("}"),
        SPAN("[}"),
        SPAN("{]"),
        SPAN("[[]"),
        SPAN("[]]"),
        SPAN("[,]"),
        SPAN("[1,]"),
        SPAN("[,1]"),
        SPAN("[1 2]"),
        SPAN("[1}"),
        SPAN("[[]1]"),
        SPAN("[[],]"),
        SPAN("{,}"),
        SPAN("{\"a\"}"),
        SPAN("{\"a\":}"),
        SPAN("{\"a\":1,}"),
        SPAN("{\"a\" 1}"),
        SPAN("{a:1}"),
        SPAN("{1:1}"),
        SPAN("{\"a\":1]"),
        SPAN("{\"a\":1 \"b\":2}"),
        SPAN("{\"a\"::1}"),
        SPAN("{\"\\u0000\":1}"),
        SPAN("1 2"),
        SPAN("{}{}"),
        SPAN("{},"),
        SPAN("[]/**/"),
    };
    (void)state;
    for (size_t i = 0; i < array_len(rows); i++)
        assert_false(json_is_sound(rows[i], 8, 100));
}

static bool nested(unsigned depth, unsigned depth_max)
{
    char text[256] = {0};
    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    return json_is_sound(span_from(text, (size_t)depth * 2), depth_max, 1000);
}

static void test_limits(void **state)
{
    (void)state;
    assert_true(json_is_sound(SPAN("[1,{\"a\":2},3]"), 2, 5));
    assert_false(json_is_sound(SPAN("[1,{\"a\":2},3]"), 1, 5));
    assert_false(json_is_sound(SPAN("[1,{\"a\":2},3]"), 2, 4));
    assert_true(json_is_sound(SPAN("1"), 0, 1));
    assert_false(json_is_sound(SPAN("1"), 0, 0));
    assert_false(json_is_sound(SPAN("[]"), 0, 1));
    assert_true(nested(8, 8));
    assert_false(nested(9, 8));
    assert_true(nested(JSON_DEPTH_MAX, JSON_DEPTH_MAX));
    assert_false(nested(JSON_DEPTH_MAX + 1, JSON_DEPTH_MAX + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

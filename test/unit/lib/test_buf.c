/* SPDX-License-Identifier: Apache-2.0
 *
 * buf: growth, and the escapings against RFC 8259 §7, RFC 3629 and RFC 3986 §2.
 */
#include "unit.h"

#include "lib/buf.h"

static void test_grows(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b);
    assert_int_equal(buf_span(&b).n, 0);
    for (unsigned i = 0; i < 100000; i++)
        buf_add_char(&b, (char)(i * 7 + i / 256));
    assert_int_equal(b.n, 100000);
    for (unsigned i = 0; i < 100000; i++)
        assert_int_equal(b.p[i], (char)(i * 7 + i / 256));
    assert_int_equal(b.p[b.n], 0);
    buf_fini(&b);
    assert_null(b.p);
}

static void test_adds(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b);
    buf_add(&b, NULL, 0);
    assert_string_equal(b.p, "");
    buf_add_str(&b, "a");
    buf_add_span(&b, SPAN("bc"));
    buf_add_char(&b, 'd');
    buf_printf(&b, "%d%s", 42, "");
    assert_string_equal(b.p, "abcd42");
    char *p = b.p;
    buf_clear(&b);
    assert_string_equal(b.p, "");
    assert_ptr_equal(b.p, p);
    buf_reserve(&b, 5000);
    p = b.p;
    for (int i = 0; i < 500; i++)
        buf_printf(&b, "%s", "0123456789");
    assert_ptr_equal(b.p, p);
    assert_int_equal(b.n, 5000);
    buf_fini(&b);
}

static void check_json(struct span s, const char *expected)
{
    struct buf b;
    buf_init(&b);
    buf_add_json(&b, s);
    assert_span(buf_span(&b), expected);
    buf_fini(&b);
}

#define FFFD "\xef\xbf\xbd"

static void test_json(void **state)
{
    (void)state;
    check_json(SPAN("plain /text"), "plain /text");
    check_json(SPAN("\"\\\n\r\t"), "\\\"\\\\\\n\\r\\t");
    check_json(SPAN("\x01\x1f\0"), "\\u0001\\u001f\\u0000");
    check_json(SPAN("\x7f"), "\x7f");
    check_json(SPAN("\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\xb3"),
               "\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\xb3");
    check_json(SPAN("\xf4\x8f\xbf\xbf"), "\xf4\x8f\xbf\xbf");
    check_json(SPAN(""), "");
}

static void test_json_not_utf8(void **state)
{
    (void)state;
    check_json(SPAN("a\xff"
                    "b"),
               "a" FFFD "b");
    check_json(SPAN("\xc0\xaf"), FFFD FFFD);          /* overlong "/" */
    check_json(SPAN("\xe0\x9f\xbf"), FFFD FFFD FFFD); /* overlong */
    check_json(SPAN("\xed\xa0\x80"), FFFD FFFD FFFD); /* a surrogate */
    check_json(SPAN("\xf0\x8f\xbf\xbf"), FFFD FFFD FFFD FFFD);
    check_json(SPAN("\xf4\x90\x80\x80"), FFFD FFFD FFFD FFFD); /* U+110000 */
    check_json(SPAN("\xe2\x82"), FFFD FFFD);                   /* cut */
    check_json(SPAN("\xe2\""), FFFD "\\\"");                   /* must not swallow the quote */
    check_json(SPAN("\x80"), FFFD);
}

static void test_url(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b);
    buf_add_url(&b, SPAN("AZaz09-._~"));
    assert_span(buf_span(&b), "AZaz09-._~");
    buf_clear(&b);
    buf_add_url(&b, SPAN("a/b c+%:\xff\0"));
    assert_span(buf_span(&b), "a%2Fb%20c%2B%25%3A%FF%00");
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grows), cmocka_unit_test(test_adds),
        cmocka_unit_test(test_json),  cmocka_unit_test(test_json_not_utf8),
        cmocka_unit_test(test_url),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

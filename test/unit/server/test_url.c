/* SPDX-License-Identifier: Apache-2.0
 *
 * url: what a Location begins with, whatever is in front of the server.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/url.h"

struct row {
    const char *host, *prefix; /* http.host, http.prefix */
    bool relative;             /* http.relativeurls */
    const char *headers;
    const char *want;
};

static const struct row rows[] = {
    {"", "", false, "", "http://reg.test:5000"},
    {"", "", true, "", ""},
    {"https://pub:444", "", false, "", "https://pub:444"},
    {"https://pub:444/sub/", "", false, "", "https://pub:444/sub"},
    {"https://pub", "", true, "", "https://pub"}, /* http.host wins */
    {"https://pub/sub", "", false, "", "https://pub"},
    {"https://pub/a/b", "", false, "", "https://pub/a"},
    {"https://[::1]:444/a/b/", "", false, "", "https://[::1]:444/a/b"},
    {"https://pub?a=/b/", "", false, "", "https://pub"},
    {"https://u:p@pub", "", false, "", "https://u:p@pub"},
    /* what is no URL is not used */
    {"pub", "", false, "", "http://reg.test:5000"},
    {"pub:443", "/x/", false, "", "http://reg.test:5000/x"},
    {"//pub", "", true, "", ""},
    {"https://", "", false, "", "http://reg.test:5000"},
    {"https:///x", "", false, "", "http://reg.test:5000"},
    {"://pub", "", false, "", "http://reg.test:5000"},
    {"", "/x/", false, "", "http://reg.test:5000/x"},
    {"", "/x/y/", true, "", "/x/y"},
    /* who says http.host says what path clients see: that of the prefix, another, or none */
    {"https://pub", "/x/", false, "", "https://pub"},
    {"https://pub/x", "/x/", false, "", "https://pub"},
    {"https://pub/x/", "/x/", false, "", "https://pub/x"},
    {"https://pub/x/", "/x/", true, "", "https://pub/x"},
    {"", "", false, "X-Forwarded-Proto: https\r\n", "https://reg.test:5000"},
    {"", "", false, "X-Forwarded-Proto: https\r\nX-Forwarded-Host: a.b:1, c\r\n", "https://a.b:1"},
    {"", "", false, "Forwarded: proto=https;host=\"a.b:1\", host=c\r\n", "https://a.b:1"},
    {"", "", false, "Forwarded: for=1.2.3.4; Proto=https\r\n", "https://reg.test:5000"},
    {"", "", false, "Forwarded: host=a\r\nX-Forwarded-Proto: https\r\n", "http://a"},
    /* what is no scheme or no host gives a relative Location, and nothing of it comes back */
    {"", "", false, "X-Forwarded-Proto: javascript\r\n", ""},
    {"", "", false, "X-Forwarded-Host: a/b\r\n", ""},
    {"", "", false, "X-Forwarded-Host: a\"b\r\n", ""},
    {"", "", false, "Forwarded: host=\"user@a\"\r\n", ""},
    {"", "", false, "Forwarded: host=\r\n", ""},
    {"", "", false, "Forwarded: ;;;,,,=\r\n", "http://reg.test:5000"},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < array_len(rows); i++) {
        struct arena a;
        struct http_head head;
        struct http_parser *p = http_parser_new();
        struct config config = {.http_host = rows[i].host,
                                .http_prefix = rows[i].prefix,
                                .relative_urls = rows[i].relative};
        arena_init(&a);
        http_parser_begin(p, &head, &a);
        struct span text = span_of(
            arena_printf(&a, "GET / HTTP/1.1\r\nHost: reg.test:5000\r\n%s\r\n", rows[i].headers));
        assert_int_equal(http_parser_step(p, text).event, HTTP_HEAD_DONE);
        assert_string_equal(arena_str(&a, url_base(&head, &config, false, &a)), rows[i].want);
        http_parser_free(p);
        arena_fini(&a);
    }
}

/* Over TLS; a proxy in front knows better. */
static void test_https(void **state)
{
    static const char *const rows_tls[][2] = {
        {"", "https://reg.test:5000"},
        {"X-Forwarded-Proto: http\r\n", "http://reg.test:5000"},
        {"Forwarded: host=other\r\n", "https://other"},
    };
    struct config config = {.http_host = "", .http_prefix = ""};
    (void)state;
    for (size_t i = 0; i < array_len(rows_tls); i++) {
        struct arena a;
        struct http_head head;
        struct http_parser *p = http_parser_new();
        arena_init(&a);
        http_parser_begin(p, &head, &a);
        struct span text = span_of(
            arena_printf(&a, "GET / HTTP/1.1\r\nHost: reg.test:5000\r\n%s\r\n", rows_tls[i][0]));
        assert_int_equal(http_parser_step(p, text).event, HTTP_HEAD_DONE);
        assert_string_equal(arena_str(&a, url_base(&head, &config, true, &a)), rows_tls[i][1]);
        http_parser_free(p);
        arena_fini(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows), cmocka_unit_test(test_https)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

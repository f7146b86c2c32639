/* SPDX-License-Identifier: Apache-2.0
 *
 * headers: what goes out, and what is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "test/unit/server/config_fixture.h"

static const struct {
    const char *suffix, *text, *want;
} good_rows[] = {
    {".ini", "[http]\naddr = :1\n", ""},
    {".ini", "[http.headers]\n", ""},
    {".ini", "[http.headers]\nX-Frame-Options = DENY\n", "X-Frame-Options: DENY\r\n"},
    {".ini", "[http.headers]\nx-frame-OPTIONS = a\nX-Frame-Options = b\n",
     "X-Frame-Options: a\r\nX-Frame-Options: b\r\n"},
    {".ini", "[http.headers]\nAllow-This = GET, HEAD\n", "Allow-This: GET, HEAD\r\n"},
    {".yml",
     "version: 0.1\nhttp:\n  headers:\n    X-Content-Type-Options: [nosniff]\n    A: [b, c]\n",
     "X-Content-Type-Options: nosniff\r\nA: b\r\nA: c\r\n"},
    {".yml", "version: 0.1\nhttp:\n  headers:\n    A: b\n", "A: b\r\n"},
};

static void test_what_goes_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < array_len(good_rows); i++) {
        struct fixture x;
        fixture_begin(&x);
        fixture_load(&x, good_rows[i].suffix, good_rows[i].text, no_env);
        struct span got = x.config->extra_headers;
        assert_int_equal(got.n, strlen(good_rows[i].want));
        assert_memory_equal(got.p ? got.p : "", good_rows[i].want, got.n);
        assert_null(conf_warning(x.config->conf, 0));
        fixture_end(&x);
    }
}

static const struct {
    const char *suffix, *text, *says;
} bad_rows[] = {
    {".ini", "[http]\nheaders = x\n", ":2: http.headers: expected names with values"},
    {".ini", "[http.headers]\nX Y = x\n", ":2: http.headers: no name of a header: \"X Y\""},
    {".ini", "[http.headers]\ncontent-length = 1\n",
     ":2: http.headers.content-length: the server sets this one itself"},
    {".ini", "[http.headers]\nTransfer-Encoding = chunked\n",
     ":2: http.headers.Transfer-Encoding: the server sets this one itself"},
    {".yml", "version: 0.1\nhttp:\n  headers:\n    A: [\"b\\r\\nC: d\"]\n",
     ":4: http.headers.A: expected one line of text"},
};

static void test_what_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < array_len(bad_rows); i++) {
        struct fixture x;
        fixture_begin(&x);
        fixture_write(&x, bad_rows[i].suffix, bad_rows[i].text, strlen(bad_rows[i].text));
        enum rc rc = fixture_try(&x, x.path, no_env);
        assert_int_equal(rc, RC_INTERNAL);
        assert_string_equal(fixture_detail(&x) + strlen(x.path), bad_rows[i].says);
        fixture_end(&x);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_goes_out),
        cmocka_unit_test(test_what_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

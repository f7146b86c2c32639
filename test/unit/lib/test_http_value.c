/* SPDX-License-Identifier: Apache-2.0
 *
 * http_value: RFC 3986 §2.1 (escapes), RFC 9110 §14.1.2 and §14.2 (ranges), §14.4
 * (Content-Range) and §13.1.2 (If-None-Match).
 */
#include "unit.h"

#include "lib/http.h"

static void test_decode(void **state)
{
    (void)state;
    static const struct {
        struct span in;
        const char *out; /* NULL: refused */
    } rows[] = {
        {SPAN(""), ""},
        {SPAN("/v2/a+b"), "/v2/a+b"},
        {SPAN("a%2Fb%3ac"), "a/b:c"},
        {SPAN("%41"), "A"},
        {SPAN("%25%32%35"), "%25"}, /* once only */
        {SPAN("%c3%A9"), "\xc3\xa9"},
        {SPAN("%"), NULL},
        {SPAN("%4"), NULL},
        {SPAN("a%4"), NULL},
        {SPAN("%4g"), NULL},
        {SPAN("%g4"), NULL},
        {SPAN("%%34"), NULL},
        {SPAN("% 1"), NULL},
        {SPAN("%-1"), NULL},
        {SPAN("%00"), NULL},
        {SPAN("a\0b"), NULL},
        {SPAN("%0a"), NULL},
        {SPAN("%0D"), NULL},
        {SPAN("%1f"), NULL},
        {SPAN("%7F"), NULL},
        {SPAN("a\nb"), NULL},
    };
    struct arena a;
    arena_init(&a);
    for (size_t i = 0; i < array_len(rows); i++) {
        struct span out = SPAN("untouched");
        assert_int_equal(http_decode(rows[i].in, &a, &out), rows[i].out != NULL);
        assert_span(out, rows[i].out ? rows[i].out : "untouched");
    }
    arena_fini(&a);
}

static void test_decode_copies_only_if_it_must(void **state)
{
    (void)state;
    struct arena a;
    struct span in = SPAN("/plain"), out;
    arena_init(&a);
    assert_true(http_decode(in, &a, &out));
    assert_ptr_equal(out.p, in.p);
    assert_int_equal(a.used, 0);
    arena_fini(&a);
}

static void test_query(void **state)
{
    (void)state;
    static const struct {
        const char *query, *key, *value; /* NULL: absent or bad */
    } rows[] = {
        {"n=1", "n", "1"},
        {"a=1&n=2&n=3", "n", "2"},
        {"nn=1&n=2", "n", "2"},
        {"n", "n", ""},
        {"n=", "n", ""},
        {"n=a=b", "n", "a=b"},
        {"&&n=1&", "n", "1"},
        {"mount=sha256%3Aab&from=a%2Fb", "mount", "sha256:ab"},
        {"mount=sha256%3Aab&from=a%2Fb", "from", "a/b"},
        {"mount=sha256:ab&from=a/b", "from", "a/b"},
        {"q=a+b%2Bc", "q", "a b+c"},
        {"%6e=1", "n", "1"},
        {"x=%zz&n=1", "n", "1"},
        {"%zz=1&n=1", "n", "1"},
        {"n=%zz", "n", NULL},
        {"n=%00", "n", NULL},
        {"n=%", "n", NULL},
        {"", "n", NULL},
        {"N=1", "n", NULL},
        {"m=1", "n", NULL},
        {"a;n=1", "n", NULL},
    };
    struct arena a;
    arena_init(&a);
    for (size_t i = 0; i < array_len(rows); i++) {
        struct span out = SPAN("untouched");
        bool found = http_query_find(span_of(rows[i].query), span_of(rows[i].key), &a, &out);
        if (found != (rows[i].value != NULL))
            fail_msg("%s", rows[i].query);
        assert_span(out, found ? rows[i].value : "untouched");
    }
    arena_fini(&a);
}

#define W HTTP_RANGE_WHOLE
#define P HTTP_RANGE_PART
#define U HTTP_RANGE_UNSATISFIABLE

static void test_ranges(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        uint64_t size;
        enum http_range_answer answer;
        uint64_t first, last;
    } rows[] = {
        {"bytes=0-0", 10, P, 0, 0},
        {"bytes=0-9", 10, P, 0, 9},
        {"bytes=2-4", 10, P, 2, 4},
        {"bytes=9-9", 10, P, 9, 9},
        {"bytes=5-", 10, P, 5, 9},
        {"bytes=0-", 10, P, 0, 9},
        {"bytes=-3", 10, P, 7, 9},
        {"bytes=-10", 10, P, 0, 9},
        {"bytes=-11", 10, P, 0, 9},
        {"bytes=5-10", 10, P, 5, 9},
        {"bytes=5-999999999999", 10, P, 5, 9},
        {"bytes=5-99999999999999999999999", 10, P, 5, 9},
        {"bytes=-99999999999999999999999", 10, P, 0, 9},
        {"Bytes=002-004", 10, P, 2, 4},
        {"bytes= 2-4 ", 10, P, 2, 4},
        {"bytes=0-18446744073709551615", UINT64_MAX, P, 0, UINT64_MAX - 1},
        {"bytes=10-", 10, U, 0, 0},
        {"bytes=10-12", 10, U, 0, 0},
        {"bytes=99999999999999999999999-", 10, U, 0, 0},
        {"bytes=99999999999999999999999-99999999999999999999999", 10, U, 0, 0},
        {"bytes=-0", 10, U, 0, 0},
        {"bytes=-0", 0, U, 0, 0},
        {"bytes=0-0", 0, U, 0, 0},
        {"bytes=0-", 0, U, 0, 0},
        {"bytes=-1", 0, U, 0, 0},
        {"", 10, W, 0, 0},
        {NULL, 10, W, 0, 0},
        {"bytes", 10, W, 0, 0},
        {"bytes=", 10, W, 0, 0},
        {"bytes=-", 10, W, 0, 0},
        {"bytes=5", 10, W, 0, 0},
        {"bytes=4-2", 10, W, 0, 0},
        {"bytes=a-b", 10, W, 0, 0},
        {"bytes=1-b", 10, W, 0, 0},
        {"bytes=a-2", 10, W, 0, 0},
        {"bytes=--2", 10, W, 0, 0},
        {"bytes=1--2", 10, W, 0, 0},
        {"bytes=1-2-3", 10, W, 0, 0},
        {"bytes=+1-2", 10, W, 0, 0},
        {"bytes=0x1-2", 10, W, 0, 0},
        {"bytes=1 - 2", 10, W, 0, 0},
        {"bytes=0-1,3-4", 10, W, 0, 0},
        {"bytes=20-30,3-4", 10, W, 0, 0},
        {"items=0-1", 10, W, 0, 0},
        {"bytes:0-1", 10, W, 0, 0},
        {"0-1", 10, W, 0, 0},
        {"bytes=a-b", 0, W, 0, 0},
    };
    for (size_t i = 0; i < array_len(rows); i++) {
        struct http_range r = {111, 222};
        enum http_range_answer answer = http_range_parse(span_of(rows[i].header), rows[i].size, &r);
        if (answer != rows[i].answer)
            fail_msg("%s of %zu: %d", rows[i].header, (size_t)rows[i].size, answer);
        assert_true(r.first == (answer == P ? rows[i].first : 111));
        assert_true(r.last == (answer == P ? rows[i].last : 222));
    }
}

static void test_content_ranges(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "-",
        "1-",
        "-1",
        "5-4",
        "a-b",
        "0-9-",
        "0-9/10/",
        "0-9/",
        "0-9/9",
        "0-9/x",
        "*/10",
        "bytes */10",
        "bytes",
        "bytes ",
        "bytes=0-9",
        "items 0-9/10",
        "0 - 9",
        "+0-9",
        "0-9,10-19",
        "0-18446744073709551616",
    };
    static const struct {
        const char *header;
        struct http_range range;
    } good[] = {
        {"0-9", {0, 9}},
        {"10-10", {10, 10}},
        {" 0-9 ", {0, 9}},
        {"bytes 0-9/10", {0, 9}},
        {"bytes 5-9/*", {5, 9}},
        {"Bytes 5-9/100", {5, 9}},
        {"0-18446744073709551615", {0, UINT64_MAX}},
    };
    struct http_range r = {111, 222};
    for (size_t i = 0; i < array_len(bad); i++)
        if (http_content_range_parse(span_of(bad[i]), &r))
            fail_msg("taken: %s", bad[i]);
    assert_false(http_content_range_parse(span_of(NULL), &r));
    assert_true(r.first == 111 && r.last == 222);
    for (size_t i = 0; i < array_len(good); i++) {
        if (!http_content_range_parse(span_of(good[i].header), &r))
            fail_msg("refused: %s", good[i].header);
        assert_true(r.first == good[i].range.first && r.last == good[i].range.last);
    }
}

static void test_etags(void **state)
{
    (void)state;
    static const char *const yes[] = {
        "sha256:ab", "\"sha256:ab\"",         "W/\"sha256:ab\"", " \"sha256:ab\" ",
        "*",         "\"x\", \"sha256:ab\"",  "x,sha256:ab",     ",,\"sha256:ab\",",
        " * ",       "\"sha256:ab\" , \"y\"",
    };
    static const char *const no[] = {
        "",
        "\"\"",
        "sha256:a",
        "\"sha256:abc\"",
        "SHA256:AB",
        "w/\"sha256:ab\"",
        "W/sha256:ab",
        "\"*\"",
        "\"sha256:ab",
        "sha256:ab\"",
        "x * y",
        "\"",
    };
    for (size_t i = 0; i < array_len(yes); i++)
        if (!http_etag_matches(span_of(yes[i]), SPAN("sha256:ab")))
            fail_msg("no match: %s", yes[i]);
    for (size_t i = 0; i < array_len(no); i++)
        if (http_etag_matches(span_of(no[i]), SPAN("sha256:ab")))
            fail_msg("match: %s", no[i]);
    assert_false(http_etag_matches(span_of(NULL), SPAN("sha256:ab")));
    assert_true(http_etag_matches(SPAN("\"sha256:ab\""), SPAN("\"sha256:ab\"")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode),         cmocka_unit_test(test_decode_copies_only_if_it_must),
        cmocka_unit_test(test_query),          cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_content_ranges), cmocka_unit_test(test_etags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

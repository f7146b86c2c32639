/* SPDX-License-Identifier: Apache-2.0
 *
 * http_refused: what two readers could take for different requests (RFC 9112 §11.2), in every
 * cut, and what is too large.
 */
#include "http_story.h"

#include "lib/http.h"

static void test_bad_request_lines(void **state)
{
    (void)state;
    static const struct span rows[] = {
        SPAN("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
        SPAN("GET /\r\n"),
        SPAN("GET /HTTP/1.1\r\n" HOST "\r\n"),
        SPAN("GET /a+HTTP/1.0\r\n" HOST "\r\n"),
        SPAN("GET / HTTP/0.9\r\n" HOST "\r\n"),
        SPAN("GET / HTTP/2.0\r\n" HOST "\r\n"),
        SPAN("GET / HTTP/1.2\r\n" HOST "\r\n"),
        SPAN("GET / HTTP/1\r\n" HOST "\r\n"),
        SPAN("GET / HTTP/1.10\r\n" HOST "\r\n"),
        SPAN("GET / http/1.1\r\n" HOST "\r\n"),
        SPAN("GET / HTTP/1.1 \r\n" HOST "\r\n"),
        SPAN("GET / HTTP/1.1x\r\n" HOST "\r\n"),
        SPAN("OPTIONS / RTSP/1.0\r\n" HOST "\r\n"),
        SPAN("SOURCE / ICE/1.0\r\n" HOST "\r\n"),
        SPAN(" GET / HTTP/1.1\r\n" HOST "\r\n"),
        SPAN("get / HTTP/1.1\r\n" HOST "\r\n"),
        SPAN("GET\t/ HTTP/1.1\r\n" HOST "\r\n"),
        SPAN("GET  / HTTP/1.1\r\n" HOST "\r\n"),
        SPAN("GET /  HTTP/1.1\r\n" HOST "\r\n"),
        SPAN("GET / HTTP/1.1\n" HOST "\r\n"),
        SPAN("GET / HTTP/1.1\r" HOST "\r\n"),
        SPAN("\nGET / HTTP/1.1\r\n" HOST "\r\n"),
        SPAN("\rGET / HTTP/1.1\r\n" HOST "\r\n"),
        SPAN("GET a HTTP/1.1\r\n" HOST "\r\n"),
        SPAN("GET * HTTP/1.1\r\n" HOST "\r\n"),
        SPAN("OPTIONS *a HTTP/1.1\r\n" HOST "\r\n"),
        SPAN("GET ftp://h/ HTTP/1.1\r\n" HOST "\r\n"),
        SPAN("GET http:///a HTTP/1.1\r\n" HOST "\r\n"),
        SPAN("GET http:/a HTTP/1.1\r\n" HOST "\r\n"),
        SPAN("GET /a#b HTTP/1.1\r\n" HOST "\r\n"),
        SPAN("GET /a b HTTP/1.1\r\n" HOST "\r\n"),
        SPAN("GET /a\tb HTTP/1.1\r\n" HOST "\r\n"),
        SPAN("GET /\x01 HTTP/1.1\r\n" HOST "\r\n"),
        SPAN("GET /\x7f HTTP/1.1\r\n" HOST "\r\n"),
        SPAN("GET /\0 HTTP/1.1\r\n" HOST "\r\n"),
        SPAN("GET /\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n"),
    };
    for (size_t i = 0; i < array_len(rows); i++)
        story_check(rows[i], BAD);
}

static void test_bad_headers(void **state)
{
    (void)state;
    static const struct span rows[] = {
        SPAN("GET / HTTP/1.1\r\n\r\n"),
        SPAN("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
        SPAN("GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n"),
        SPAN("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"),
        SPAN("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
        SPAN("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
        SPAN("GET / HTTP/1.1\r\nHost: a\"\r\n\r\n"),
        SPAN("GET / HTTP/1.1\r\nHost: \xc3\xa9\r\n\r\n"),
        SPAN("GET / HTTP/1.1\r\nHost : x\r\n\r\n"),
        SPAN("GET / HTTP/1.1\r\n Host: x\r\n\r\n"),
        SPAN("GET / HTTP/1.1\r\n\tHost: x\r\n\r\n"),
        SPAN(GET "A : b\r\n\r\n"),
        SPAN(GET "A\t: b\r\n\r\n"),
        SPAN(GET ": b\r\n\r\n"),
        SPAN(GET "A\r\n\r\n"),
        SPAN(GET "A(b): c\r\n\r\n"),
        SPAN(GET "A b: c\r\n\r\n"),
        SPAN(GET "A\0: c\r\n\r\n"),
        SPAN(GET "\xc3\xa9: c\r\n\r\n"),
        SPAN(GET "A: b\r\n c\r\n\r\n"),
        SPAN(GET "A: b\r\n\tc\r\n\r\n"),
        SPAN(GET "A:\r\n b\r\n\r\n"),
        SPAN(GET "A: b\r\n \r\n\r\n"),
        SPAN(GET "A: b\n\r\n"),
        SPAN(GET "A: b\n\n"),
        SPAN(GET "A: b\r\n\n"),
        SPAN(GET "A: b\rC: d\r\n\r\n"),
        SPAN(GET "A: \rb\r\n\r\n"),
        SPAN(GET "A:\rB: c\r\n\r\n"),
        SPAN(GET "A: b\r\r\n\r\n"),
        SPAN(GET "A: b\0c\r\n\r\n"),
        SPAN(GET "A: b\x01\r\n\r\n"),
        SPAN(GET "A: b\x7f\r\n\r\n"),
        SPAN(GET "A: b\x0c\r\n\r\n"),
        SPAN(GET "\r\r\n"),
        SPAN(GET "\rX"),
    };
    for (size_t i = 0; i < array_len(rows); i++)
        story_check(rows[i], BAD);
}

/* RFC 9112 §11.2: every head that two readers could frame differently. */
static void test_smuggling_heads(void **state)
{
    (void)state;
    static const struct span rows[] = {
        SPAN(PUT "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        SPAN(PUT "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n"),
        SPAN(PUT "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n"),
        SPAN(PUT "Transfer-Encoding: identity\r\nContent-Length: 3\r\n\r\nabc"),
        SPAN(PUT "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc"),
        SPAN(PUT "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"),
        SPAN(PUT "Content-Length: 0\r\nContent-Length: 3\r\n\r\nabc"),
        SPAN(PUT "Content-Length: 3, 3\r\n\r\nabc"),
        SPAN(PUT "Content-Length: 3 3\r\n\r\nabc"),
        SPAN(PUT "Content-Length: +3\r\n\r\nabc"),
        SPAN(PUT "Content-Length: -3\r\n\r\nabc"),
        SPAN(PUT "Content-Length: 0x3\r\n\r\nabc"),
        SPAN(PUT "Content-Length: 3.0\r\n\r\nabc"),
        SPAN(PUT "Content-Length: 3a\r\n\r\nabc"),
        SPAN(PUT "Content-Length:\r\n\r\nabc"),
        SPAN(PUT "Content-Length: \"3\"\r\n\r\nabc"),
        SPAN(PUT "Content-Length: 18446744073709551616\r\n\r\nabc"),
        SPAN(PUT "Content-Length: 18446744073709551619\r\n\r\nabc"),
        SPAN(PUT "Content-Length: 9223372036854775808\r\n\r\nabc"),
        SPAN(PUT "Content-Length : 3\r\n\r\nabc"),
        SPAN(PUT "Content-Length\t: 3\r\n\r\nabc"),
        SPAN(PUT "Content-Length: 1\r\n 0\r\n\r\nabcdefghij"),
        SPAN(PUT "Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n"),
        SPAN(PUT "Transfer-Encoding: identity\r\n\r\n0\r\n\r\n"),
        SPAN(PUT "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
        SPAN(PUT "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"),
        SPAN(PUT "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
        SPAN(PUT "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        SPAN(PUT "Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        SPAN(PUT "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n"),
        SPAN(PUT "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
        SPAN(PUT "Transfer-Encoding: chunkedx\r\n\r\n0\r\n\r\n"),
        SPAN(PUT "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"),
        SPAN(PUT "Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n"),
        SPAN(PUT "Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n"),
        SPAN(PUT "Transfer-Encoding:\r\n\r\n0\r\n\r\n"),
        SPAN(PUT "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"),
        SPAN(PUT "Transfer-Encoding: \x0b"
                 "chunked\r\n\r\n0\r\n\r\n"),
        SPAN(PUT "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
        SPAN(PUT "Transfer-Encoding: chunked\rX: y\r\n\r\n0\r\n\r\n"),
        SPAN(PUT "X: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        SPAN(PUT "X:\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        SPAN(PUT "X: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        SPAN("PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    };
    for (size_t i = 0; i < array_len(rows); i++)
        story_check(rows[i], BAD);
}

/* RFC 9112 §7.1: chunks that two readers could measure differently. */
static void test_smuggling_chunks(void **state)
{
    (void)state;
    static const struct span rows[] = {
        SPAN(CHUNKED "5\r\nhelloX\r\n0\r\n\r\n"),
        SPAN(CHUNKED "5\r\nhelloXX0\r\n\r\n"),
        SPAN(CHUNKED "5\r\nhello\n0\r\n\r\n"),
        SPAN(CHUNKED "5\r\nhello\r0\r\n\r\n"),
        SPAN(CHUNKED "5\r\nhello\r\r\n0\r\n\r\n"),
        SPAN(CHUNKED "5\r\nhello0\r\n\r\n"),
        SPAN(CHUNKED "5\nhello\r\n0\r\n\r\n"),
        SPAN(CHUNKED "5\rhello\r\n0\r\n\r\n"),
        SPAN(CHUNKED "5;a\nhello\r\n0\r\n\r\n"),
        SPAN(CHUNKED "5;a\rb\r\nhello\r\n0\r\n\r\n"),
        SPAN(CHUNKED "5;a=\"\n\"\r\nhello\r\n0\r\n\r\n"),
        SPAN(CHUNKED " 5\r\nhello\r\n0\r\n\r\n"),
        SPAN(CHUNKED "5 \r\nhello\r\n0\r\n\r\n"),
        SPAN(CHUNKED "5 x\r\nhello\r\n0\r\n\r\n"),
        SPAN(CHUNKED "0x5\r\nhello\r\n0\r\n\r\n"),
        SPAN(CHUNKED "+5\r\nhello\r\n0\r\n\r\n"),
        SPAN(CHUNKED "-5\r\nhello\r\n0\r\n\r\n"),
        SPAN(CHUNKED "5_0\r\nhello\r\n0\r\n\r\n"),
        SPAN(CHUNKED "g\r\nhello\r\n0\r\n\r\n"),
        SPAN(CHUNKED "\r\nhello\r\n0\r\n\r\n"),
        SPAN(CHUNKED ";a\r\nhello\r\n0\r\n\r\n"),
        SPAN(CHUNKED "5\0\r\nhello\r\n0\r\n\r\n"),
        SPAN(CHUNKED "10000000000000005\r\nhello\r\n0\r\n\r\n"),
        SPAN(CHUNKED "8000000000000000\r\nhello\r\n0\r\n\r\n"),
        SPAN(CHUNKED "ffffffffffffffff\r\nhello\r\n0\r\n\r\n"),
        SPAN(CHUNKED "0\r\nA : b\r\n\r\n"),
        SPAN(CHUNKED "0\r\nA: b\n\r\n"),
        SPAN(CHUNKED "0\r\nA: b\r\n c\r\n\r\n"),
        SPAN(CHUNKED "0\r\n A: b\r\n\r\n"),
        SPAN(CHUNKED "0\r\nA: b\rC: d\r\n\r\n"),
        SPAN(CHUNKED "0\r\nA: \0\r\n\r\n"),
        SPAN(CHUNKED "0\r\n\n"),
        SPAN(CHUNKED "0\r\n\rX"),
        SPAN(CHUNKED "0\n\r\n"),
    };
    for (size_t i = 0; i < array_len(rows); i++)
        story_check(rows[i], BAD);
}

/* Whole, and in pieces of a size that meets no limit exactly. */
static void check_long(struct buf *request, const char *story)
{
    story_check_cut(buf_span(request), request->n, story);
    story_check_cut(buf_span(request), 0, story);
    story_check_cut(buf_span(request), request->n / 3, story);
    buf_fini(request);
}

static void fill(struct buf *b, char c, size_t n)
{
    buf_reserve(b, n);
    memset(b->p + b->n, c, n);
    b->n += n;
}

/* A head of exactly n bytes. */
static struct buf head_of(size_t n)
{
    struct buf b;
    buf_init(&b);
    buf_add_str(&b, "GET / HTTP/1.1\r\nHost:");
    fill(&b, ' ', n - b.n - 4);
    buf_add_str(&b, "\r\n\r\n");
    return b;
}

static void test_head_limit(void **state)
{
    (void)state;
    struct buf b = head_of(HTTP_HEAD_MAX);
    check_long(&b, "GET / ? 1.1 - keep || 0 left");
    b = head_of(HTTP_HEAD_MAX + 1);
    check_long(&b, "request head too large");
    b = head_of(4 * HTTP_HEAD_MAX);
    check_long(&b, "request head too large");
}

static void test_target_limit(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b);
    buf_add_str(&b, "GET /");
    fill(&b, 'a', HTTP_HEAD_MAX);
    buf_add_str(&b, " HTTP/1.1\r\n" HOST "\r\n");
    check_long(&b, "request head too large");
}

static void test_empty_lines_are_limited(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b);
    for (int i = 0; i < HTTP_HEAD_MAX; i++)
        buf_add_str(&b, "\r\n");
    check_long(&b, "request head too large");
}

static void test_header_count(void **state)
{
    (void)state;
    for (int more = 0; more < 2; more++) {
        struct buf b;
        buf_init(&b);
        buf_add_str(&b, "GET / HTTP/1.0\r\n");
        for (int i = 0; i < HTTP_HEADERS_MAX + more; i++)
            buf_printf(&b, "%s: x\r\n", i ? "A" : "Host");
        buf_add_str(&b, "\r\n");
        struct arena a;
        struct http_head head;
        struct http_parser *p = http_parser_new();
        arena_init(&a);
        http_parser_begin(p, &head, &a);
        struct http_step step = http_parser_step(p, buf_span(&b));
        assert_int_equal(step.event, more ? HTTP_FAILED : HTTP_HEAD_DONE);
        assert_int_equal(step.rc, more ? RC_HEAD_TOO_LARGE : RC_OK);
        http_parser_free(p);
        arena_fini(&a);
        buf_fini(&b);
    }
}

static void test_trailers_are_limited(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b);
    buf_add_str(&b, CHUNKED "2\r\nhi\r\n0\r\n");
    while (b.n < 2 * HTTP_HEAD_MAX)
        buf_add_str(&b, "A: 0123456789012345678901234567890123456789\r\n");
    check_long(&b, "request head too large");
}

static void test_extensions_are_limited(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b);
    buf_add_str(&b, CHUNKED "2;");
    fill(&b, 'a', HTTP_HEAD_MAX);
    check_long(&b, BAD);
}

/* Many small chunks are no attack on the limit. */
static void test_many_chunks(void **state)
{
    (void)state;
    enum { CHUNKS = 50000 };
    struct buf b, story;
    buf_init(&b);
    buf_init(&story);
    buf_add_str(&b, CHUNKED);
    buf_add_str(&story, CHUNKED_STORY);
    for (int i = 0; i < CHUNKS; i++) {
        buf_printf(&b, "1;x\r\n%c\r\n", 'a' + i % 26);
        buf_add_char(&story, (char)('a' + i % 26));
    }
    buf_add_str(&b, "0\r\n\r\n");
    buf_add_str(&story, "| 0 left");
    check_long(&b, story.p);
    buf_fini(&story);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_request_lines),
        cmocka_unit_test(test_bad_headers),
        cmocka_unit_test(test_smuggling_heads),
        cmocka_unit_test(test_smuggling_chunks),
        cmocka_unit_test(test_head_limit),
        cmocka_unit_test(test_target_limit),
        cmocka_unit_test(test_empty_lines_are_limited),
        cmocka_unit_test(test_header_count),
        cmocka_unit_test(test_trailers_are_limited),
        cmocka_unit_test(test_extensions_are_limited),
        cmocka_unit_test(test_many_chunks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

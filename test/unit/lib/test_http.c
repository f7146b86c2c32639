/* SPDX-License-Identifier: Apache-2.0
 *
 * http: good requests of RFC 9112, and the parser's own manners. Each request comes in every
 * cut, and each way must tell the same story.
 */
#include "http_story.h"

#include "lib/http.h"

static void test_heads(void **state)
{
    (void)state;
    static const struct story_row rows[] = {
        {SPAN("GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n"), "GET /v2/ ? 1.1 - keep || 0 left"},
        {SPAN("HEAD /v2/ HTTP/1.1\r\nHost: x\r\n\r\n"), "HEAD /v2/ ? 1.1 - keep || 0 left"},
        {SPAN("POST / HTTP/1.1\r\nHost: x\r\n\r\n"), "POST / ? 1.1 - keep || 0 left"},
        {SPAN("PATCH / HTTP/1.1\r\nHost: x\r\n\r\n"), "PATCH / ? 1.1 - keep || 0 left"},
        {SPAN("DELETE / HTTP/1.1\r\nHost: x\r\n\r\n"), "DELETE / ? 1.1 - keep || 0 left"},
        {SPAN("TRACE / HTTP/1.1\r\nHost: x\r\n\r\n"), "OTHER / ? 1.1 - keep || 0 left"},
        {SPAN("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"), "OPTIONS * ? 1.1 - keep || 0 left"},
        {SPAN("GET /a?n=1&b=?c HTTP/1.1\r\nHost: x\r\n\r\n"),
         "GET /a ?n=1&b=?c 1.1 - keep || 0 left"},
        {SPAN("GET /a? HTTP/1.1\r\nHost: x\r\n\r\n"), "GET /a ? 1.1 - keep || 0 left"},
        {SPAN("GET //a/%2e%2E/b HTTP/1.1\r\nHost: x\r\n\r\n"),
         "GET //a/%2e%2E/b ? 1.1 - keep || 0 left"},
        {SPAN("GET http://h:5000/v2/?a=b HTTP/1.1\r\nHost: x\r\n\r\n"),
         "GET /v2/ ?a=b 1.1 - keep || 0 left"},
        {SPAN("GET HTTPS://h HTTP/1.1\r\nHost: x\r\n\r\n"), "GET / ? 1.1 - keep || 0 left"},
        {SPAN("GET http://h?q HTTP/1.1\r\nHost: x\r\n\r\n"), "GET / ?q 1.1 - keep || 0 left"},
        {SPAN("\r\n" GET "\r\n"), "GET / ? 1.1 - keep || 0 left"},
        {SPAN(GET "\r\nGET /next HTTP/1.1\r\n"), "GET / ? 1.1 - keep || 20 left"},
        {SPAN(GET "Accept: a\r\nACCEPT:b\r\n\r\n"),
         "GET / ? 1.1 - keep {Accept=a} {ACCEPT=b} || 0 left"},
        {SPAN(GET "A: \t b c \t\r\nB:\r\nC:   \r\n\r\n"),
         "GET / ? 1.1 - keep {A=b c} {B=} {C=} || 0 left"},
        {SPAN(GET "A: caf\xc3\xa9\r\n\r\n"), "GET / ? 1.1 - keep {A=caf\xc3\xa9} || 0 left"},
        {SPAN(GET "!#$%&'*+-.^_`|~09azAZ: x\r\n\r\n"),
         "GET / ? 1.1 - keep {!#$%&'*+-.^_`|~09azAZ=x} || 0 left"},
        {SPAN("GET / HTTP/1.1\r\nHost: [::1]:5000\r\n\r\n"), "GET / ? 1.1 - keep || 0 left"},
        {SPAN("GET / HTTP/1.1\r\nHost:\r\n\r\n"), "GET / ? 1.1 - keep || 0 left"},
        {SPAN("GET / HTTP/1.1\r\nHost: x\r\n"), " more"},
    };
    story_check_rows(rows, array_len(rows));
}

/* RFC 9112 §9.3 */
static void test_persistence(void **state)
{
    (void)state;
    static const struct story_row rows[] = {
        {SPAN(GET "Connection: close\r\n\r\n"), "GET / ? 1.1 - close {Connection=close} || 0 left"},
        {SPAN(GET "Connection: Keep-Alive, CLOSE\r\n\r\n"),
         "GET / ? 1.1 - close {Connection=Keep-Alive, CLOSE} || 0 left"},
        {SPAN(GET "Connection: a\r\nConnection: close\r\n\r\n"),
         "GET / ? 1.1 - close {Connection=a} {Connection=close} || 0 left"},
        {SPAN(GET "Connection: closed\r\n\r\n"),
         "GET / ? 1.1 - keep {Connection=closed} || 0 left"},
        {SPAN("GET / HTTP/1.0\r\n\r\n"), "GET / ? 1.0 - close || 0 left"},
        {SPAN("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
         "GET / ? 1.0 - keep {Connection=keep-alive} || 0 left"},
        {SPAN("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n"),
         "GET / ? 1.0 - close {Connection=keep-alive, close} || 0 left"},
        {SPAN("GET / HTTP/1.0\r\n" HOST "\r\n"), "GET / ? 1.0 - close || 0 left"},
        {SPAN(GET "Connection: close\r\n\r\nxyz"),
         "GET / ? 1.1 - close {Connection=close} || 3 left"},
    };
    story_check_rows(rows, array_len(rows));
}

static void test_bodies(void **state)
{
    (void)state;
    static const struct story_row rows[] = {
        {SPAN(PUT "Content-Length: 5\r\n\r\nhello"),
         "PUT /a ? 1.1 length keep {Content-Length=5} |hello| 0 left"},
        {SPAN(PUT "Content-Length: 5\r\n\r\nhel\r\nGET"),
         "PUT /a ? 1.1 length keep {Content-Length=5} |hel\r\n| 3 left"},
        {SPAN(PUT "Content-Length: 0\r\n\r\nGET"),
         "PUT /a ? 1.1 length keep {Content-Length=0} || 3 left"},
        {SPAN(PUT "content-length:  005 \r\n\r\nhello"),
         "PUT /a ? 1.1 length keep {content-length=005} |hello| 0 left"},
        {SPAN(PUT "Content-Length: 5\r\n\r\nhel"),
         "PUT /a ? 1.1 length keep {Content-Length=5} |hel more"},
        {SPAN("GET / HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nabX"),
         "GET / ? 1.1 length keep {Content-Length=2} |ab| 1 left"},
        {SPAN("PUT /a HTTP/1.0\r\nContent-Length: 2\r\n\r\nab"),
         "PUT /a ? 1.0 length close {Content-Length=2} |ab| 0 left"},
        {SPAN(CHUNKED "0\r\n\r\nGET"), CHUNKED_STORY "| 3 left"},
        {SPAN(CHUNKED "5\r\nhello\r\n0\r\n\r\n"), CHUNKED_STORY "hello| 0 left"},
        {SPAN(CHUNKED "5\r\nhello\r\n00C\r\n, big\r\nworld\r\n000\r\n\r\nx"),
         CHUNKED_STORY "hello, big\r\nworld| 1 left"},
        {SPAN(CHUNKED "a\r\n0123456789\r\nA\r\nabcdefghij\r\n0\r\n\r\n"),
         CHUNKED_STORY "0123456789abcdefghij| 0 left"},
        {SPAN(CHUNKED "2;a;bc;d=\"e\"\r\nhi\r\n0;x\r\n\r\n"), CHUNKED_STORY "hi| 0 left"},
        {SPAN(CHUNKED "2\r\nhi\r\n0\r\nDigest: x\r\nB:\r\n\r\nG"), CHUNKED_STORY "hi| 1 left"},
        {SPAN(PUT "transfer-encoding:\tCHUNKED \r\n\r\n2\r\nhi\r\n0\r\n\r\n"),
         "PUT /a ? 1.1 chunked keep {transfer-encoding=CHUNKED} |hi| 0 left"},
        {SPAN(CHUNKED "2\r\nhi"), CHUNKED_STORY "hi more"},
        {SPAN(CHUNKED "2\r\nhi\r\n0\r\n"), CHUNKED_STORY "hi more"},
    };
    story_check_rows(rows, array_len(rows));
}

/* Nothing that asks for another protocol gets one; the body stays a body. */
static void test_upgrades(void **state)
{
    (void)state;
    static const struct story_row rows[] = {
        {SPAN(GET "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\nGET"),
         "GET / ? 1.1 - keep {Connection=Upgrade} {Upgrade=websocket} || 3 left"},
        {SPAN(PUT "Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nabGET"),
         "PUT /a ? 1.1 length keep {Connection=Upgrade} {Upgrade=h2c} {Content-Length=2} |ab| 3 "
         "left"},
        {SPAN("CONNECT h:443 HTTP/1.1\r\n" HOST "\r\n"), BAD},
        {SPAN("CONNECT /a HTTP/1.1\r\n" HOST "\r\n"), BAD},
        {SPAN("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), BAD},
    };
    story_check_rows(rows, array_len(rows));
}

static void test_expectations(void **state)
{
    (void)state;
    static const struct story_row rows[] = {
        {SPAN(PUT "Expect: 100-Continue\r\nContent-Length: 2\r\n\r\nab"),
         "PUT /a ? 1.1 length keep expect {Expect=100-Continue} {Content-Length=2} |ab| 0 left"},
        {SPAN(PUT "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n0\r\n\r\n"),
         "PUT /a ? 1.1 chunked keep expect {Transfer-Encoding=chunked} {Expect=100-continue} "
         "|| 0 left"},
        {SPAN(PUT "Expect: 100-continue\r\nContent-Length: 0\r\n\r\n"),
         "PUT /a ? 1.1 length keep {Expect=100-continue} {Content-Length=0} || 0 left"},
        {SPAN(GET "Expect: 100-continue\r\n\r\n"),
         "GET / ? 1.1 - keep {Expect=100-continue} || 0 left"},
        {SPAN("PUT /a HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\na"),
         "PUT /a ? 1.0 length close {Expect=100-continue} {Content-Length=1} |a| 0 left"},
        {SPAN(GET "Expect: 200-ok\r\n\r\n"), "expectation failed"},
        {SPAN(GET "Expect: 100-continue, x\r\n\r\n"), "expectation failed"},
        {SPAN(GET "Expect: 100-continue\r\nExpect: y\r\n\r\n"), "expectation failed"},
        {SPAN(GET "Expect:\r\n\r\n"), "expectation failed"},
    };
    story_check_rows(rows, array_len(rows));
}

static void test_empty_steps(void **state)
{
    (void)state;
    static const struct span request = SPAN(CHUNKED "2\r\nhi\r\n0\r\n\r\n");
    struct span none = {NULL, 0};
    struct arena a;
    struct http_head head;
    struct http_step step = {0};
    struct http_parser *p = http_parser_new();
    arena_init(&a);
    assert_int_equal(http_parser_step(p, none).event, HTTP_END); /* nothing was begun */
    http_parser_begin(p, &head, &a);
    for (size_t i = 0; i < request.n; i++) {
        step = http_parser_step(p, none);
        assert_int_equal(step.event, HTTP_NEED_MORE);
        assert_int_equal(step.taken, 0);
        step = http_parser_step(p, span_from(request.p + i, 1));
        assert_true(step.event != HTTP_FAILED);
        assert_int_equal(step.taken, 1);
    }
    if (step.event != HTTP_END)
        step = http_parser_step(p, none);
    assert_int_equal(step.event, HTTP_END);
    assert_int_equal(http_parser_step(p, SPAN("GET")).event, HTTP_END);
    assert_int_equal(http_parser_step(p, SPAN("GET")).taken, 0);
    http_parser_free(p);
    arena_fini(&a);
}

/* Without a body the end needs no byte. */
static void test_end_needs_no_byte(void **state)
{
    (void)state;
    static const struct span heads[] = {SPAN(GET "\r\n"), SPAN(PUT "Content-Length: 0\r\n\r\n")};
    for (size_t i = 0; i < array_len(heads); i++) {
        struct arena a;
        struct http_head head;
        struct http_parser *p = http_parser_new();
        arena_init(&a);
        http_parser_begin(p, &head, &a);
        struct http_step step = http_parser_step(p, heads[i]);
        assert_int_equal(step.event, HTTP_HEAD_DONE);
        assert_int_equal(step.taken, heads[i].n);
        assert_int_equal(http_parser_step(p, SPAN("")).event, HTTP_END);
        http_parser_free(p);
        arena_fini(&a);
    }
}

/* One parser, several requests in one run of bytes. */
static void test_pipeline(void **state)
{
    (void)state;
    struct span rest =
        SPAN(PUT "Content-Length: 2\r\n\r\nab" GET "\r\n" CHUNKED "1\r\nx\r\n0\r\n\r\n"
                 "\r\n" GET "Connection: close\r\n\r\n");
    static const enum http_method methods[] = {METHOD_PUT, METHOD_GET, METHOD_PUT, METHOD_GET};
    struct http_parser *p = http_parser_new();
    for (size_t i = 0; i < array_len(methods); i++) {
        struct arena a;
        struct http_head head;
        struct http_step step = {0};
        arena_init(&a);
        http_parser_begin(p, &head, &a);
        while (step.event != HTTP_END) {
            step = http_parser_step(p, rest);
            assert_true(step.event != HTTP_FAILED && step.event != HTTP_NEED_MORE);
            rest = span_skip(rest, step.taken);
        }
        assert_int_equal(head.method, methods[i]);
        assert_int_equal(head.keep_alive, i != 3);
        arena_fini(&a);
    }
    assert_int_equal(rest.n, 0);
    http_parser_free(p);
}

/* Known behind the head of a body with a length, down to its end. */
static void test_body_left(void **state)
{
    (void)state;
    struct arena a;
    struct http_head head;
    struct http_parser *p = http_parser_new();
    arena_init(&a);
    http_parser_begin(p, &head, &a);
    assert_int_equal(http_parser_body_left(p), UINT64_MAX);
    assert_int_equal(http_parser_step(p, SPAN(PUT "Content-Length: 5\r\n\r\n")).event,
                     HTTP_HEAD_DONE);
    assert_int_equal(http_parser_body_left(p), 5);
    assert_int_equal(http_parser_step(p, SPAN("abc")).event, HTTP_BODY);
    assert_int_equal(http_parser_body_left(p), 2);
    assert_int_equal(http_parser_step(p, SPAN("de" GET)).event, HTTP_BODY);
    assert_int_equal(http_parser_body_left(p), 0);
    http_parser_begin(p, &head, &a);
    assert_int_equal(http_parser_step(p, SPAN(CHUNKED)).event, HTTP_HEAD_DONE);
    assert_int_equal(http_parser_step(p, SPAN("5\r\nabc")).event, HTTP_BODY);
    assert_int_equal(http_parser_body_left(p), UINT64_MAX);
    http_parser_free(p);
    arena_fini(&a);
}

static void test_failure_stays(void **state)
{
    (void)state;
    struct arena a;
    struct http_head head;
    struct http_parser *p = http_parser_new();
    arena_init(&a);
    http_parser_begin(p, &head, &a);
    struct http_step first = http_parser_step(p, SPAN("\x16"));
    assert_int_equal(first.event, HTTP_FAILED); /* a ClientHello: its first byte is enough */
    struct http_step again = http_parser_step(p, SPAN(GET "\r\n"));
    assert_int_equal(again.event, HTTP_FAILED);
    assert_int_equal(again.rc, RC_BAD_REQUEST);
    assert_string_equal(again.why, first.why);
    http_parser_begin(p, &head, &a);
    assert_int_equal(http_parser_step(p, SPAN(GET "\r\n")).event, HTTP_HEAD_DONE);
    http_parser_free(p);
    http_parser_free(NULL);
    arena_fini(&a);
}

static void test_head_outlives_the_bytes(void **state)
{
    (void)state;
    char bytes[] = "PUT /path?query HTTP/1.1\r\nHost: h\r\nX-A: one\r\nx-a: two\r\n\r\n";
    struct arena a;
    struct http_head head;
    struct http_parser *p = http_parser_new();
    arena_init(&a);
    http_parser_begin(p, &head, &a);
    assert_int_equal(http_parser_step(p, span_of(bytes)).event, HTTP_HEAD_DONE);
    memset(bytes, 'z', sizeof(bytes));
    assert_span(head.target, "/path?query");
    assert_span(head.path, "/path");
    assert_span(head.query, "query");
    assert_span(head.method_text, "PUT");
    assert_span(http_header_find(&head, SPAN("x-A")), "one");
    const struct http_header *h = http_header_next(&head, SPAN("X-a"), NULL);
    assert_span(h->value, "one");
    h = http_header_next(&head, SPAN("X-a"), h);
    assert_span(h->value, "two");
    assert_null(http_header_next(&head, SPAN("X-a"), h));
    assert_null(http_header_find(&head, SPAN("Accept")).p);
    http_parser_free(p);
    arena_fini(&a);
}

static void test_method_text(void **state)
{
    (void)state;
    struct arena a;
    struct http_head head;
    struct http_parser *p = http_parser_new();
    arena_init(&a);
    http_parser_begin(p, &head, &a);
    assert_int_equal(http_parser_step(p, SPAN("PROPFIND / HTTP/1.1\r\n" HOST "\r\n")).event,
                     HTTP_HEAD_DONE);
    assert_int_equal(head.method, METHOD_OTHER);
    assert_span(head.method_text, "PROPFIND");
    assert_string_equal(http_method_name(METHOD_OPTIONS), "OPTIONS");
    http_parser_free(p);
    arena_fini(&a);
}

/* After the head the arena is the operation's, and may be in use by another thread. */
static void test_arena_is_left_alone_after_the_head(void **state)
{
    (void)state;
    static const char text[] = "PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                               "3;x=y\r\nabc\r\n0\r\nX-Sum: 12\r\nX-Other: yes\r\n\r\n";
    struct http_parser *p = http_parser_new();
    struct http_head head;
    struct arena a;
    arena_init(&a);
    http_parser_begin(p, &head, &a);
    struct span left = span_of(text);
    struct http_step step = http_parser_step(p, left);
    assert_int_equal(step.event, HTTP_HEAD_DONE);
    size_t used = a.used;
    while (step.event != HTTP_END) {
        left = span_skip(left, step.taken);
        step = http_parser_step(p, left);
        assert_int_not_equal(step.event, HTTP_FAILED);
    }
    assert_int_equal(a.used, used);
    http_parser_free(p);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arena_is_left_alone_after_the_head),
        cmocka_unit_test(test_heads),
        cmocka_unit_test(test_persistence),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_upgrades),
        cmocka_unit_test(test_expectations),
        cmocka_unit_test(test_empty_steps),
        cmocka_unit_test(test_end_needs_no_byte),
        cmocka_unit_test(test_pipeline),
        cmocka_unit_test(test_body_left),
        cmocka_unit_test(test_failure_stays),
        cmocka_unit_test(test_head_outlives_the_bytes),
        cmocka_unit_test(test_method_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

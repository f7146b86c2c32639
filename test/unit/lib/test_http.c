/* SPDX-License-Identifier: Apache-2.0
 *
 * http: requests of RFC 9112 in every cut: whole, a byte at a time, and in two pieces at
 * every place. Each way must tell the same story, which is a row's second text.
 */
#include "unit.h"

#include "lib/buf.h"
#include "lib/http.h"

/* What happened, as text: the head, the body in bars, how much was taken; or the refusal. */
static void tell_head(struct buf *story, const struct http_head *h)
{
    static const char *const framings[] = {"-", "length", "chunked"};
    buf_printf(story, "%s %.*s ?%.*s 1.%d %s %s", http_method_name(h->method), SPAN_ARG(h->path),
               SPAN_ARG(h->query), h->minor, framings[h->framing],
               h->keep_alive ? "keep" : "close");
    if (h->expect_continue)
        buf_add_str(story, " expect");
    for (const struct http_header *at = h->headers; at; at = at->next)
        if (!span_eq(at->name, SPAN("Host")))
            buf_printf(story, " {%.*s=%.*s}", SPAN_ARG(at->name), SPAN_ARG(at->value));
}

struct feed {
    struct span all;
    size_t cut;   /* the first piece; 0: a byte at a time */
    size_t at;    /* taken so far */
    size_t given; /* on offer so far */
};

/* More on offer; false if there is nothing left. */
static bool feed_more(struct feed *f)
{
    if (f->given == f->all.n)
        return false;
    f->given = f->cut == 0 ? f->given + 1 : f->given < f->cut ? f->cut : f->all.n;
    return true;
}

/* One step told; false at the story's end. */
static bool tell_step(struct buf *story, struct http_step step, const struct http_head *head,
                      bool *in_body)
{
    if (*in_body && step.event != HTTP_BODY && step.event != HTTP_NEED_MORE) {
        buf_add_char(story, '|');
        *in_body = false;
    }
    switch (step.event) {
    case HTTP_NEED_MORE:
        return true;
    case HTTP_HEAD_DONE:
        tell_head(story, head);
        buf_add_str(story, " |");
        *in_body = true;
        return true;
    case HTTP_BODY:
        buf_add_span(story, step.body);
        return true;
    case HTTP_END:
        return false;
    case HTTP_FAILED:
        assert_non_null(step.why);
        buf_clear(story);
        buf_printf(story, "%s", rc_name(step.rc));
        return false;
    }
    return false;
}

static void run(struct feed f, struct buf *story)
{
    struct arena a;
    struct http_head head;
    struct http_parser *p = http_parser_new();
    bool in_body = false;
    arena_init(&a);
    http_parser_begin(p, &head, &a);
    for (;;) {
        struct span offer = span_from(f.all.p + f.at, f.given - f.at);
        struct http_step step = http_parser_step(p, offer);
        assert_true(step.taken <= offer.n);
        if (step.event == HTTP_BODY) {
            assert_true(step.body.n > 0 && step.body.p >= offer.p);
            assert_ptr_equal(step.body.p + step.body.n, offer.p + step.taken);
        }
        f.at += step.taken;
        if (!tell_step(story, step, &head, &in_body)) {
            if (step.event == HTTP_END)
                buf_printf(story, " %zu left", f.all.n - f.at);
            break;
        }
        if (step.event == HTTP_NEED_MORE) {
            assert_int_equal(step.taken, offer.n);
            if (!feed_more(&f)) {
                buf_add_str(story, " more");
                break;
            }
        }
    }
    http_parser_free(p);
    arena_fini(&a);
}

static void check_cut(struct span request, size_t cut, const char *expected)
{
    struct buf story;
    buf_init(&story);
    run((struct feed){.all = request, .cut = cut}, &story);
    if (!span_eq(buf_span(&story), span_of(expected)))
        fail_msg("\n%.*s\ncut at %zu: got\n  %s\nexpected\n  %s", SPAN_ARG(request), cut, story.p,
                 expected);
    buf_fini(&story);
}

static void check(struct span request, const char *expected)
{
    for (size_t cut = 0; cut <= request.n; cut++)
        check_cut(request, cut, expected);
}

struct row {
    struct span request;
    const char *story;
};

static void check_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        check(rows[i].request, rows[i].story);
}

#define BAD "bad request"
#define HOST "Host: x\r\n"
#define GET "GET / HTTP/1.1\r\n" HOST
#define PUT "PUT /a HTTP/1.1\r\n" HOST
#define CHUNKED PUT "Transfer-Encoding: chunked\r\n\r\n"
#define CHUNKED_STORY "PUT /a ? 1.1 chunked keep {Transfer-Encoding=chunked} |"

static void test_heads(void **state)
{
    (void)state;
    static const struct row rows[] = {
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
    check_rows(rows, array_len(rows));
}

/* RFC 9112 §9.3 */
static void test_persistence(void **state)
{
    (void)state;
    static const struct row rows[] = {
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
    check_rows(rows, array_len(rows));
}

static void test_bodies(void **state)
{
    (void)state;
    static const struct row rows[] = {
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
    check_rows(rows, array_len(rows));
}

/* Nothing that asks for another protocol gets one; the body stays a body. */
static void test_upgrades(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {SPAN(GET "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\nGET"),
         "GET / ? 1.1 - keep {Connection=Upgrade} {Upgrade=websocket} || 3 left"},
        {SPAN(PUT "Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nabGET"),
         "PUT /a ? 1.1 length keep {Connection=Upgrade} {Upgrade=h2c} {Content-Length=2} |ab| 3 "
         "left"},
        {SPAN("CONNECT h:443 HTTP/1.1\r\n" HOST "\r\n"), BAD},
        {SPAN("CONNECT /a HTTP/1.1\r\n" HOST "\r\n"), BAD},
        {SPAN("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), BAD},
    };
    check_rows(rows, array_len(rows));
}

static void test_expectations(void **state)
{
    (void)state;
    static const struct row rows[] = {
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
    check_rows(rows, array_len(rows));
}

static void test_bad_request_lines(void **state)
{
    (void)state;
    static const struct span rows[] = {
        SPAN("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
        SPAN("GET /\r\n"),
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
        check(rows[i], BAD);
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
        check(rows[i], BAD);
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
        check(rows[i], BAD);
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
        check(rows[i], BAD);
}

/* ---- Limits. ----------------------------------------------------------------------------------
 */

/* Whole, and in pieces of a size that meets no limit exactly. */
static void check_long(struct buf *request, const char *story)
{
    check_cut(buf_span(request), request->n, story);
    check_cut(buf_span(request), 0, story);
    check_cut(buf_span(request), request->n / 3, story);
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

/* ---- The parser's own manners. -----------------------------------------------------------------
 */

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
    static const enum http_method methods[] = {HTTP_PUT, HTTP_GET, HTTP_PUT, HTTP_GET};
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
    assert_int_equal(head.method, HTTP_OTHER);
    assert_span(head.method_text, "PROPFIND");
    assert_string_equal(http_method_name(HTTP_OPTIONS), "OPTIONS");
    http_parser_free(p);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heads),
        cmocka_unit_test(test_persistence),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_upgrades),
        cmocka_unit_test(test_expectations),
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
        cmocka_unit_test(test_empty_steps),
        cmocka_unit_test(test_end_needs_no_byte),
        cmocka_unit_test(test_pipeline),
        cmocka_unit_test(test_failure_stays),
        cmocka_unit_test(test_head_outlives_the_bytes),
        cmocka_unit_test(test_method_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

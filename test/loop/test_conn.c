/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections over socket pairs: slow, cut, half closed, pipelined, gone.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/digest.h"
#include "test/loop/client.h"
#include "test/loop/requests.h"
#include "test/pattern.h"

static const char get_base[] = "GET /v2/ HTTP/1.1\r\nHost: a\r\n\r\n";

static void test_one_request(void **state)
{
    struct client c;
    struct buf body = {0};
    client_open(&c, *state);
    client_send_str(&c, get_base);
    assert_int_equal(client_response(&c, &body), 200);
    assert_string_equal(body.p, "{}");
    assert_string_equal(client_header("Docker-Distribution-Api-Version"), "registry/2.0");
    buf_fini(&body);
    client_close(&c);
    rig_until_idle(*state);
}

static void test_byte_by_byte(void **state)
{
    struct client c;
    client_open(&c, *state);
    for (size_t i = 0; i < sizeof(get_base) - 1; i++)
        assert_true(client_send(&c, span_from(get_base + i, 1)));
    assert_int_equal(client_response(&c, NULL), 200);
    client_close(&c);
    rig_until_idle(*state);
}

/* Thousands at once: answered all, in order, without the stack growing. */
static void test_pipelined(void **state)
{
    enum { COUNT = 5000 };
    struct client c;
    struct buf all = {0};
    client_open(&c, *state);
    for (int i = 0; i < COUNT; i++)
        buf_printf(&all, "GET /v2/%s HTTP/1.1\r\nHost: a\r\n\r\n", i % 2 ? "" : "_none");
    /* Not client_send: nobody reads the answers meanwhile, and the server must not mind. */
    struct span left = buf_span(&all);
    int answered = 0;
    while (answered < COUNT) {
        assert_true(client_try(&c, &left));
        if (!memmem(c.got.p ? c.got.p : "", c.got.n, "\r\n\r\n", 4)) {
            rig_turn(*state);
            client_read(&c, 4096);
            continue;
        }
        assert_int_equal(client_response(&c, NULL), answered % 2 ? 200 : 404);
        answered++;
    }
    buf_fini(&all);
    client_close(&c);
    rig_until_idle(*state);
}

static void test_half_close(void **state)
{
    struct client c;
    client_open(&c, *state);
    client_send_str(&c, "GET /v2/_catalog HTTP/1.1\r\nHost: a\r\n\r\n");
    client_finish(&c);
    assert_int_equal(client_response(&c, NULL), 200);
    client_until_end(&c);
    client_close(&c);
    rig_until_idle(*state);
}

/* ---- Uploads. --------------------------------------------------------------------------- */

static void get_blob(struct client *c, const struct digest_text *d)
{
    send_text(c, "GET /v2/app/blobs/%s HTTP/1.1\r\nHost: a\r\n\r\n", d->s);
}

static void test_chunked_upload_and_slow_reader(void **state)
{
    struct client c;
    char path[512];
    struct span content = pattern_bytes(3000000, 11);
    struct digest_text d = text_of(content);
    client_open(&c, *state);
    begin_upload(&c, path);
    send_head(&c, path, "Transfer-Encoding: chunked\r\n");
    send_chunked(&c, content, 32768);
    assert_int_equal(client_response(&c, NULL), 202);
    finish_upload(&c, path, content);
    get_blob(&c, &d);
    while (c.got.n < content.n) {
        rig_turn(*state);
        client_read(&c, 20011);
        assert_false(c.ended);
    }
    struct buf body = {0};
    assert_int_equal(client_response(&c, &body), 200);
    assert_int_equal(body.n, content.n);
    assert_memory_equal(body.p, content.p, content.n);
    buf_fini(&body);
    client_close(&c);
    rig_until_idle(*state);
    free((char *)content.p);
}

/* Bodies of every small size, chunked in every way, on one connection. */
static void test_many_chunk_sizes(void **state)
{
    struct client c;
    char path[512];
    client_open(&c, *state);
    for (size_t size = 1; size < 40; size += 3) {
        for (size_t piece = 1; piece <= size; piece += 2) {
            struct span content = pattern_bytes(size, (unsigned)(100 * size + piece));
            begin_upload(&c, path);
            send_head(&c, path, "Transfer-Encoding: chunked\r\n");
            send_chunked(&c, content, piece);
            assert_int_equal(client_response(&c, NULL), 202);
            finish_upload(&c, path, content);
            free((char *)content.p);
        }
    }
    client_close(&c);
    rig_until_idle(*state);
}

/* Pieces of no round size, all on their way before the server reads: what did not fit into a slab
 * waits in the wire for the next one, the last of it too. */
static void test_bodies_that_fit_no_slab(void **state)
{
    struct client c;
    char path[512];
    client_open(&c, *state);
    for (size_t size = 9000; size < 400000; size += 9000) {
        struct span content = pattern_bytes(size, (unsigned)size);
        begin_upload(&c, path);
        send_text(&c, "PATCH %s HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", path, size);
        for (struct span left = content; left.n > 0;) {
            struct span piece = span_head(left, 9000);
            assert_true(client_try(&c, &piece));
            left = span_skip(left, 9000 - piece.n);
            if (piece.n > 0)
                rig_turn(*state);
        }
        assert_int_equal(client_response(&c, NULL), 202);
        finish_upload(&c, path, content);
        free((char *)content.p);
    }
    client_close(&c);
    rig_until_idle(*state);
}

/* Trailers come while the pool may be working with the request's memory. */
static void test_trailers(void **state)
{
    struct client c;
    char path[512];
    client_open(&c, *state);
    for (int i = 0; i < 50; i++) {
        struct span content = pattern_bytes(20000, (unsigned)i);
        begin_upload(&c, path);
        send_head(&c, path, "Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n");
        send_text(&c, "%zx\r\n", content.n);
        assert_true(client_send(&c, content));
        send_text(&c, "\r\n0\r\nX-Sum: %d\r\nX-Other: yes\r\n\r\n", i);
        assert_int_equal(client_response(&c, NULL), 202);
        finish_upload(&c, path, content);
        free((char *)content.p);
    }
    client_close(&c);
    rig_until_idle(*state);
}

/* The client goes away in the middle of a body, also while the pool works on it. Everything that
 * was received stays, and nothing is held. */
static void test_gone_mid_body(void **state)
{
    struct rig *r = *state;
    struct span content = pattern_bytes(400000, 12);
    for (size_t cut = 0; cut <= content.n; cut += 50000) {
        struct client c;
        char path[512];
        client_open(&c, r);
        begin_upload(&c, path);
        send_head(&c, path, "Content-Length: 400001\r\n");
        assert_true(client_send(&c, span_head(content, cut)));
        client_close(&c);
        rig_until_idle(r);
        assert_int_equal(upload_bytes(r, path), cut);
    }
    free((char *)content.p);
}

/* A client that was cut off and goes on at once: it is not told of bytes that are still on their
 * way, and not refused because the connection that was cut still holds the upload. */
static void test_cut_and_resumed_at_once(void **state)
{
    struct rig *r = *state;
    struct span content = pattern_bytes(400000, 15);
    for (int i = 0; i < 20; i++) {
        struct client cut, next;
        char path[512];
        client_open(&cut, r);
        client_open(&next, r);
        begin_upload(&cut, path);
        send_head(&cut, path, "Content-Length: 400000\r\n");
        assert_true(client_send(&cut, span_head(content, 300000)));
        client_close(&cut);
        send_text(&next, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path);
        assert_int_equal(client_response(&next, NULL), 204);
        assert_string_equal(client_header("Range"), "0-299999");
        send_head(&next, path, "Content-Length: 100000\r\nContent-Range: 300000-399999\r\n");
        assert_true(client_send(&next, span_skip(content, 300000)));
        assert_int_equal(client_response(&next, NULL), 202);
        finish_upload(&next, path, content);
        client_close(&next);
        rig_until_idle(r);
    }
    free((char *)content.p);
}

/* Waits while it is held, goes on when it is let go, and in the end says that it is busy. */
static void test_busy_upload(void **state)
{
    struct rig *r = *state;
    struct client c;
    char path[512];
    client_open(&c, r);
    begin_upload(&c, path);
    struct upload *held = hold_upload(r, path);
    send_head(&c, path, "Content-Length: 5\r\n");
    client_send_str(&c, "hello");
    for (int i = 0; i < 50; i++) {
        rig_turn(r);
        client_read(&c, 100);
    }
    assert_int_equal(c.got.n, 0);
    upload_close(held);
    assert_int_equal(client_response(&c, NULL), 202);
    held = hold_upload(r, path);
    send_head(&c, path, "Content-Length: 5\r\n");
    client_send_str(&c, "again");
    assert_int_equal(client_response(&c, NULL), 409);
    send_text(&c, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path);
    assert_int_equal(client_response(&c, NULL), 204);
    assert_string_equal(client_header("Range"), "0-4");
    upload_close(held);
    finish_upload(&c, path, SPAN("hello"));
    client_close(&c);
    rig_until_idle(r);
}

/* The client, or the server, ends it while it waits. */
static void test_gone_while_it_waits(void **state)
{
    struct rig *r = *state;
    for (int i = 0; i < 2; i++) {
        struct client c;
        char path[512];
        client_open(&c, r);
        begin_upload(&c, path);
        struct upload *held = hold_upload(r, path);
        send_head(&c, path, "Content-Length: 5\r\n");
        client_send_str(&c, "hel");
        for (int turns = 0; turns < 30; turns++)
            rig_turn(r);
        if (i == 0)
            conn_close_all(&r->server);
        client_close(&c);
        upload_close(held);
        rig_until_idle(r);
    }
}

/* Each time before the loop waits, a moment ends: what was seen on the disk is looked at again.
 * That hops end one is in test_pool.c; there are some at a start, and far fewer than
 * turns.
 */
static void test_moments(void **state)
{
    enum { TURNS = 100 };
    struct rig *r = *state;
    uint64_t before = r->server.pool.moment;
    for (int i = 0; i < TURNS; i++)
        rig_turn(r);
    assert_true(r->server.pool.moment >= before + TURNS);
}

/* The server closes connections at any moment of their lives. */
static void test_closed_by_the_server(void **state)
{
    struct rig *r = *state;
    struct span content = pattern_bytes(200000, 13);
    for (int turns = 0; turns < 60; turns++) {
        struct client c;
        char path[512];
        client_open(&c, r);
        begin_upload(&c, path);
        send_head(&c, path, "Content-Length: 200000\r\n");
        struct span rest = content;
        (void)client_try(&c, &rest);
        for (int i = 0; i < turns; i++)
            (void)uv_run(&r->server.loop, UV_RUN_NOWAIT);
        conn_close_all(&r->server);
        rig_until_idle(r);
        client_close(&c);
    }
    free((char *)content.p);
}

static void test_expect_continue(void **state)
{
    struct client c;
    char path[512];
    client_open(&c, *state);
    begin_upload(&c, path);
    send_head(&c, path, "Content-Length: 5\r\nExpect: 100-continue\r\n");
    assert_true(client_until(&c, "HTTP/1.1 100 Continue\r\n\r\n"));
    c.got.n = 0;
    client_send_str(&c, "hello");
    assert_int_equal(client_response(&c, NULL), 202);
    finish_upload(&c, path, SPAN("hello"));
    client_close(&c);
    rig_until_idle(*state);
}

/* A client that asks for the 100 and does not wait for it: all in one packet. */
static void test_expect_continue_and_go_on(void **state)
{
    struct client c;
    char path[512];
    client_open(&c, *state);
    for (int i = 0; i < 20; i++) {
        begin_upload(&c, path);
        send_text(&c,
                  "PATCH %s HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
                  "Expect: 100-continue\r\n\r\nhello",
                  path);
        assert_true(client_until(&c, "HTTP/1.1 100 Continue\r\n\r\n"));
        assert_true(client_until(&c, "HTTP/1.1 202"));
        assert_int_equal(client_response(&c, NULL), 100);
        assert_int_equal(client_response(&c, NULL), 202);
        finish_upload(&c, path, SPAN("hello"));
    }
    client_close(&c);
    rig_until_idle(*state);
}

static const char unknown[] = "/v2/app/blobs/uploads/11111111-2222-4333-8444-555555555555";

/* A refusal comes before the body, and instead of the 100. */
static void test_refused_before_the_body(void **state)
{
    struct client c;
    client_open(&c, *state);
    send_head(&c, unknown, "Content-Length: 1000000\r\nExpect: 100-continue\r\n");
    assert_int_equal(client_response(&c, NULL), 404);
    assert_string_equal(client_header("Connection"), "close");
    client_until_end(&c);
    client_close(&c);
    rig_until_idle(*state);
}

/* A client that sends all of its body before it reads gets the refusal too. */
static void test_refused_while_sending(void **state)
{
    struct client c;
    struct span content = pattern_bytes(2000000, 14);
    client_open(&c, *state);
    send_head(&c, unknown, "Content-Length: 2000000\r\n");
    assert_true(client_send(&c, content));
    assert_int_equal(client_response(&c, NULL), 404);
    client_close(&c);
    rig_until_idle(*state);
    free((char *)content.p);
}

/* A short unread body is no reason to give up the connection. */
static void test_refused_and_kept(void **state)
{
    struct client c;
    client_open(&c, *state);
    send_head(&c, unknown, "Content-Length: 10\r\n");
    client_send_str(&c, "0123456789");
    assert_int_equal(client_response(&c, NULL), 404);
    client_send_str(&c, get_base);
    assert_int_equal(client_response(&c, NULL), 200);
    client_close(&c);
    rig_until_idle(*state);
}

static void test_tls_hello(void **state)
{
    static const char hello[] = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 abcdefgh";
    struct client c;
    client_open(&c, *state);
    assert_true(client_send(&c, span_from(hello, sizeof(hello) - 1)));
    assert_int_equal(client_response(&c, NULL), 400);
    client_until_end(&c);
    client_close(&c);
    rig_until_idle(*state);
}

/* A chunk size that is none, in the middle of a body. */
static void test_broken_framing(void **state)
{
    struct client c;
    char path[512];
    client_open(&c, *state);
    begin_upload(&c, path);
    send_head(&c, path, "Transfer-Encoding: chunked\r\n");
    client_send_str(&c, "3\r\nabc\r\nzz\r\n");
    assert_int_equal(client_response(&c, NULL), 400);
    client_until_end(&c);
    client_close(&c);
    rig_until_idle(*state);
    assert_int_equal(upload_bytes(*state, path), 3);
}

static void test_time_is_over(void **state)
{
    struct rig *r = *state;
    struct client c;
    r->config.timeout_idle = r->config.timeout_head = 1;
    client_open(&c, r);
    client_send_str(&c, "GET /v2/ HT");
    while (r->server.conn_count > 0) {
        rig_turn(r);
        conn_tick_all(&r->server);
    }
    client_until_end(&c);
    client_close(&c);
}

/* A drain closes what is idle and lets the others finish. */
static void test_drain(void **state)
{
    struct rig *r = *state;
    struct client idle, busy;
    char path[512];
    client_open(&idle, r);
    client_open(&busy, r);
    begin_upload(&busy, path);
    send_head(&busy, path, "Content-Length: 6\r\n");
    client_send_str(&busy, "abc");
    (void)raise(SIGTERM);
    client_until_end(&idle);
    client_send_str(&busy, "def");
    assert_int_equal(client_response(&busy, NULL), 202);
    assert_string_equal(client_header("Connection"), "close");
    client_until_end(&busy);
    client_close(&idle);
    client_close(&busy);
}

/* Many at once, with as many threads as there are. */
static void test_side_by_side(void **state)
{
    enum { CLIENTS = 24 };
    struct rig *r = *state;
    struct client c[CLIENTS];
    char path[CLIENTS][512];
    struct span content[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) {
        content[i] = pattern_bytes(150000, (unsigned)(200 + i));
        client_open(&c[i], r);
        begin_upload(&c[i], path[i]);
        send_head(&c[i], path[i], "Content-Length: 150000\r\n");
    }
    for (size_t at = 0; at < 150000; at += 10000)
        for (int i = 0; i < CLIENTS; i++)
            assert_true(client_send(&c[i], span_head(span_skip(content[i], at), 10000)));
    for (int i = 0; i < CLIENTS; i++) {
        assert_int_equal(client_response(&c[i], NULL), 202);
        finish_upload(&c[i], path[i], content[i]);
        client_close(&c[i]);
        free((char *)content[i].p);
    }
    rig_until_idle(r);
}

/* Each test runs on a plain wire, and on TLS of both versions. */
static int run_all(const char *name, int version)
{
#define TEST(f) cmocka_unit_test_prestate_setup_teardown(f, rig_setup, rig_teardown, &version)
    const struct CMUnitTest tests[] = {
        TEST(test_one_request),
        TEST(test_byte_by_byte),
        TEST(test_pipelined),
        TEST(test_half_close),
        TEST(test_chunked_upload_and_slow_reader),
        TEST(test_many_chunk_sizes),
        TEST(test_bodies_that_fit_no_slab),
        TEST(test_trailers),
        TEST(test_gone_mid_body),
        TEST(test_cut_and_resumed_at_once),
        TEST(test_busy_upload),
        TEST(test_gone_while_it_waits),
        TEST(test_moments),
        TEST(test_closed_by_the_server),
        TEST(test_expect_continue),
        TEST(test_expect_continue_and_go_on),
        TEST(test_refused_before_the_body),
        TEST(test_refused_while_sending),
        TEST(test_refused_and_kept),
        TEST(test_tls_hello),
        TEST(test_broken_framing),
        TEST(test_time_is_over),
        TEST(test_drain),
        TEST(test_side_by_side),
    };
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void)
{
    return run_all("plain", 0) + run_all("TLS 1.2", 12) + run_all("TLS 1.3", 13);
}

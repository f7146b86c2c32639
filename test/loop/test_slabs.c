/* SPDX-License-Identifier: Apache-2.0
 *
 * Large slabs: who may have one, for how long, and what becomes of those who find none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server/conn_state.h"
#include "test/loop/requests.h"
#include "test/pattern.h"

struct taken {
    struct slab *slabs[SLAB_LARGE_MAX];
};

/* All there are. */
static struct taken take_large(struct rig *r)
{
    struct taken t;
    for (size_t i = 0; i < SLAB_LARGE_MAX; i++) {
        t.slabs[i] = slab_take_large(&r->server.slabs);
        assert_non_null(t.slabs[i]);
    }
    assert_null(slab_take_large(&r->server.slabs));
    return t;
}

static void give_large(struct rig *r, const struct taken *t)
{
    for (size_t i = 0; i < SLAB_LARGE_MAX; i++)
        slab_give(&r->server.slabs, t->slabs[i]);
}

/* A PATCH in one chunk, and so many requests behind it, are on their way before the server reads:
 * so its thread meets the end of the body in a large slab. */
static void send_with_requests(struct client *c, const char *path, struct span body,
                               const char *request, size_t count)
{
    struct buf all = {0};
    buf_printf(&all, "PATCH %s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n%zx\r\n",
               path, body.n);
    buf_add_span(&all, body);
    buf_add_str(&all, "\r\n0\r\n\r\n");
    for (size_t i = 0; i < count; i++)
        buf_add_str(&all, request);
    for (struct span left = buf_span(&all); left.n > 0;) {
        size_t before = left.n;
        assert_true(client_try(c, &left));
        assert_true(left.n < before);
    }
    buf_fini(&all);
}

/* Do all connections wait for their clients, in the middle of a file? */
static bool all_wait(const struct rig *r)
{
    for (const struct conn *c = r->server.conns; c; c = c->next)
        if (c->state != CONN_SEND || c->out.file_sent == 0)
            return false;
    return true;
}

static void push(struct client *c, struct span content)
{
    char path[512];
    begin_upload(c, path);
    send_head(c, path, "Transfer-Encoding: chunked\r\n");
    send_chunked(c, content, 100000);
    assert_int_equal(client_response(c, NULL), 202);
    finish_upload(c, path, content);
}

/* Clients that have sent requests behind a body, and do not read the answers, leave the large slabs
 * to others. */
static void test_slow_readers(void **state)
{
    enum { CLIENTS = SLAB_LARGE_MAX, REQUESTS = 3 };
    struct rig *r = *state;
    struct client c[CLIENTS];
    char path[512], request[256];
    struct span blob = pattern_bytes(2000000, 1), body = pattern_bytes(60000, 2);
    client_open(&c[0], r);
    push(&c[0], blob);
    (void)snprintf(request, sizeof(request), "GET /v2/app/blobs/%s HTTP/1.1\r\nHost: a\r\n\r\n",
                   text_of(blob).s);
    for (size_t i = 0; i < CLIENTS; i++) {
        if (i > 0)
            client_open(&c[i], r);
        begin_upload(&c[i], path);
        send_with_requests(&c[i], path, body, request, REQUESTS);
    }
    while (!all_wait(r))
        rig_turn(r);
    struct taken taken = take_large(r);
    give_large(r, &taken);
    for (size_t i = 0; i < CLIENTS; i++) {
        assert_int_equal(client_response(&c[i], NULL), 202);
        for (size_t n = 0; n < REQUESTS; n++) {
            struct buf got = {0};
            assert_int_equal(client_response(&c[i], &got), 200);
            assert_int_equal(got.n, blob.n);
            assert_memory_equal(got.p, blob.p, blob.n);
            buf_fini(&got);
        }
        client_close(&c[i]);
    }
    rig_until_idle(r);
    free((char *)blob.p);
    free((char *)body.p);
}

/* More than is kept: the client is told that it has to send those again. */
static void test_too_much_behind_chunks(void **state)
{
    struct client c;
    char path[512];
    struct span body = pattern_bytes(60000, 3);
    client_open(&c, *state);
    begin_upload(&c, path);
    send_with_requests(&c, path, body, "GET /v2/ HTTP/1.1\r\nHost: a\r\n\r\n", 600);
    assert_int_equal(client_response(&c, NULL), 202);
    assert_string_equal(client_header("Connection"), "close");
    client_until_end(&c);
    assert_int_equal(c.got.n, 0);
    client_close(&c);
    rig_until_idle(*state);
    client_open(&c, *state);
    finish_upload(&c, path, body);
    client_close(&c);
    rig_until_idle(*state);
    free((char *)body.p);
}

/* Who comes ninth gets a smaller one, and is received right. */
static void test_no_large_slab_is_left(void **state)
{
    struct rig *r = *state;
    struct client c;
    struct span content = pattern_bytes(3000000, 4);
    struct taken taken = take_large(r);
    client_open(&c, r);
    push(&c, content); /* finished with its digest */
    client_close(&c);
    rig_until_idle(r);
    give_large(r, &taken);
    free((char *)content.p);
}

static int run_all(const char *name, int version)
{
#define TEST(f) cmocka_unit_test_prestate_setup_teardown(f, rig_setup, rig_teardown, &version)
    const struct CMUnitTest tests[] = {
        TEST(test_slow_readers),
        TEST(test_too_much_behind_chunks),
        TEST(test_no_large_slab_is_left),
    };
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void)
{
    return run_all("plain", 0) + run_all("TLS 1.3", 13);
}

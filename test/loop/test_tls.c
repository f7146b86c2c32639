/* SPDX-License-Identifier: Apache-2.0
 *
 * The encrypted wire, byte by byte: what arrives in pieces, what is cut, what has to wait. All that
 * connections do otherwise is in test_conn.c, which runs over TLS too.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/ssl.h>

#include "server/conn_state.h"
#include "server/tls.h"
#include "test/loop/requests.h"

static const char get_base[] = "GET /v2/ HTTP/1.1\r\nHost: a\r\n\r\n";

/* ---- A client whose bytes pass through the test's hands. -------------------------------- */

struct hands {
    struct client client; /* its socket is ours */
    BIO *in, *out;
    size_t budget; /* how many bytes may still go out */
    size_t piece;  /* how many at a time */
    size_t sent;
};

static void hands_open(struct hands *h, struct rig *r, size_t budget, size_t piece)
{
    *h = (struct hands){.budget = budget, .piece = piece};
    client_open(&h->client, r);
    h->in = BIO_new(BIO_s_mem());
    h->out = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(h->in, -1);
    SSL_set_bio(h->client.ssl, h->in, h->out);
}

/* Carries what there is in both directions. */
static void carry(struct hands *h)
{
    char bytes[1 << 16];
    size_t most = h->piece < h->budget ? h->piece : h->budget;
    int n =
        most > 0 ? BIO_read(h->out, bytes, (int)(most < sizeof(bytes) ? most : sizeof(bytes))) : 0;
    if (n > 0) {
        assert_int_equal(send(h->client.fd, bytes, (size_t)n, MSG_NOSIGNAL), n);
        h->budget -= (size_t)n;
        h->sent += (size_t)n;
    }
    rig_turn(h->client.rig);
    ssize_t got = recv(h->client.fd, bytes, sizeof(bytes), 0);
    if (got > 0)
        assert_int_equal(BIO_write(h->in, bytes, (int)got), got);
}

/* Shakes hands, asks, and waits for the answer; false if the budget was used up before. */
static bool ask(struct hands *h, struct span request)
{
    struct client *c = &h->client;
    while (true) {
        assert_true(client_try(c, &request));
        client_read(c, 4096);
        if (c->got.n > 0 && strstr(c->got.p, "\r\n\r\n"))
            return true;
        if (h->budget == 0)
            return false;
        carry(h);
    }
}

static void test_byte_by_byte(void **state)
{
    struct hands h;
    hands_open(&h, *state, SIZE_MAX, 1);
    assert_true(ask(&h, SPAN("GET /v2/ HTTP/1.1\r\nHost: a\r\n\r\n")));
    assert_memory_equal(h.client.got.p, "HTTP/1.1 200 OK", 15);
    client_close(&h.client);
    rig_until_idle(*state);
}

/* Gone at each moment of the handshake, of the records, and between them. */
static void test_cut_everywhere(void **state)
{
    struct hands h;
    bool answered = false;
    for (size_t budget = 0; !answered; budget += 3) {
        hands_open(&h, *state, budget, SIZE_MAX);
        answered = ask(&h, span_of(get_base));
        client_close(&h.client);
        rig_until_idle(*state);
    }
}

/* One byte of each record in turn is another one: never an answer, never a hang. */
static void test_falsified(void **state)
{
    struct rig *r = *state;
    for (size_t at = 0; at < 600; at += 37) {
        struct hands h;
        char bytes[4096];
        hands_open(&h, r, SIZE_MAX, SIZE_MAX);
        struct span request = span_of(get_base);
        for (int turns = 0; turns < 100 && r->server.conn_count > 0; turns++) {
            bool alive = client_try(&h.client, &request);
            int n = BIO_read(h.out, bytes, sizeof(bytes));
            if (n > 0 && at >= h.sent && at < h.sent + (size_t)n)
                bytes[at - h.sent] ^= 0x55;
            if (n > 0) {
                (void)send(h.client.fd, bytes, (size_t)n, MSG_NOSIGNAL);
                h.sent += (size_t)n;
            }
            rig_turn(r);
            ssize_t got = recv(h.client.fd, bytes, sizeof(bytes), 0);
            if (got > 0)
                (void)BIO_write(h.in, bytes, (int)got);
            client_read(&h.client, sizeof(bytes));
            if (!alive || h.client.ended || h.client.got.n > 0)
                break;
        }
        client_close(&h.client);
        rig_until_idle(r);
    }
}

/* ---- Reading that has to wait until it can write. --------------------------------------- */

/* The same certificate many times over: a handshake that fills the socket. */
static void use_long_chain(struct rig *r)
{
    char path[256], text[2048];
    (void)snprintf(path, sizeof(path), "%s/tls/certificate", r->root);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    size_t n = fread(text, 1, sizeof(text), file);
    (void)fclose(file);
    file = fopen(path, "ae");
    assert_non_null(file);
    for (int i = 0; i < 100; i++)
        assert_int_equal(fwrite(text, 1, n, file), n);
    (void)fclose(file);
    tls_tick(r->settings.tls);
}

static void test_read_waits_for_room(void **state)
{
    struct rig *r = *state;
    struct client c;
    int least = 1;
    use_long_chain(r);
    client_open(&c, r);
    const struct wire *w = &r->server.conns->wire;
    assert_int_equal(setsockopt(w->fd, SOL_SOCKET, SO_SNDBUF, &least, sizeof(least)), 0);
    struct span request = span_of(get_base);
    assert_true(client_try(&c, &request));
    for (int i = 0; i < 20; i++)
        rig_turn(r);
    assert_true(w->opening);
    assert_int_equal(w->read_waits, WIRE_WRITABLE);
    assert_true(client_send(&c, request));
    assert_int_equal(client_response(&c, NULL), 200);
    client_close(&c);
    rig_until_idle(r);
}

/* ---- Time. ------------------------------------------------------------------------------ */

static void test_time_for_the_handshake(void **state)
{
    struct rig *r = *state;
    struct client c;
    r->config.timeout_head = 1;
    client_open(&c, r);
    while (r->server.conn_count > 0) {
        rig_turn(r);
        conn_tick_all(&r->server);
    }
    client_close(&c);
}

/* The settings of a reload do not give it more. */
static void test_no_more_time_by_a_reload(void **state)
{
    struct rig *r = *state;
    struct client c;
    r->config.timeout_head = 60000;
    r->config.timeout_idle = 1000000;
    client_open(&c, r);
    conn_renew_all(&r->server);
    assert_true(r->server.conns->deadline <= uv_now(&r->server.loop) + 60000);
    struct span request = span_of(get_base);
    for (int i = 0; i < 1000 && r->server.conns->wire.opening; i++) {
        assert_true(client_try(&c, &request));
        rig_turn(r);
    }
    assert_true(client_send(&c, request));
    assert_int_equal(client_response(&c, NULL), 200);
    assert_true(r->server.conns->deadline > uv_now(&r->server.loop) + 60000);
    client_close(&c);
    rig_until_idle(r);
}

static int run_all(const char *name, int version)
{
#define TEST(f) cmocka_unit_test_prestate_setup_teardown(f, rig_setup, rig_teardown, &version)
    const struct CMUnitTest tests[] = {
        TEST(test_byte_by_byte),
        TEST(test_cut_everywhere),
        TEST(test_falsified),
        TEST(test_read_waits_for_room),
        TEST(test_time_for_the_handshake),
        TEST(test_no_more_time_by_a_reload),
    };
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void)
{
    return run_all("TLS 1.2", 12) + run_all("TLS 1.3", 13);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * An upload that somebody has, and somebody else goes on with: on a disk that takes its time. The
 * linker puts a gate before fsync and write (--wrap, see CMakeLists.txt): one of them does not
 * return while it is closed.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/conn_state.h"
#include "test/loop/requests.h"
#include "test/pattern.h"

enum { SIZE = 400000, CUT = 300000, FEW = 200, MANY = 5000 };

enum call { NO_CALL, FSYNC, WRITE };

static struct gate {
    pthread_mutex_t lock;
    pthread_cond_t opened;
    enum call closed; /* to this one */
    unsigned waiting;
} gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, NO_CALL, 0};

int __real_fsync(int fd);
int __wrap_fsync(int fd);
ssize_t __real_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n);

static void gate_pass(enum call call)
{
    (void)pthread_mutex_lock(&gate.lock);
    while (gate.closed == call) {
        gate.waiting++;
        (void)pthread_cond_wait(&gate.opened, &gate.lock);
        gate.waiting--;
    }
    (void)pthread_mutex_unlock(&gate.lock);
}

int __wrap_fsync(int fd)
{
    gate_pass(FSYNC);
    return __real_fsync(fd);
}

ssize_t __wrap_write(int fd, const void *p, size_t n)
{
    gate_pass(WRITE);
    return __real_write(fd, p, n);
}

static void gate_close(enum call call)
{
    (void)pthread_mutex_lock(&gate.lock);
    gate.closed = call;
    (void)pthread_cond_broadcast(&gate.opened);
    (void)pthread_mutex_unlock(&gate.lock);
}

static void gate_open(void)
{
    gate_close(NO_CALL);
}

static void until_somebody_waits(struct rig *r)
{
    for (unsigned waiting = 0; waiting == 0;) {
        rig_turn(r);
        (void)pthread_mutex_lock(&gate.lock);
        waiting = gate.waiting;
        (void)pthread_mutex_unlock(&gate.lock);
    }
}

static int teardown(void **state)
{
    gate_open(); /* it is not, if the test has failed */
    return rig_teardown(state);
}

static struct conn *waiting_conn(const struct rig *r)
{
    struct conn *c = r->server.conns;
    while (c && c->state != CONN_WAIT)
        c = c->next;
    return c;
}

/* All that wait look again, so often, without the time between two looks. How often they did before
 * there was an answer for this client. */
static int look(struct client *c, int times)
{
    struct rig *r = c->rig;
    int looks = 0;
    while (!waiting_conn(r))
        rig_turn(r);
    while (looks < times && c->got.n == 0 && !c->ended) {
        for (struct conn *o = r->server.conns; o; o = o->next)
            conn_try_again(o);
        looks++;
        do {
            rig_turn(r);
            client_read(c, 1);
        } while (!waiting_conn(r) && c->got.n == 0 && !c->ended);
    }
    return looks;
}

/* A client that is cut off in the middle of a PATCH; what it had sent is on its way to the disk. */
static void cut_off(struct rig *r, struct span content, char path[512])
{
    struct client c;
    client_open(&c, r);
    begin_upload(&c, path);
    gate_close(FSYNC);
    send_head(&c, path, "Content-Length: 400000\r\n");
    assert_true(client_send(&c, span_head(content, CUT)));
    client_close(&c);
    until_somebody_waits(r);
}

static void send_status(struct client *c, const char *path)
{
    send_text(c, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path);
}

/* It is back before the disk is done, however long that takes. */
static void test_asked_while_it_is_synced(void **state)
{
    struct rig *r = *state;
    struct client c;
    char path[512];
    struct span content = pattern_bytes(SIZE, 1);
    client_open(&c, r);
    cut_off(r, content, path);
    send_status(&c, path);
    assert_int_equal(look(&c, FEW), FEW);
    gate_open();
    assert_int_equal(client_response(&c, NULL), 204);
    assert_string_equal(client_header("Range"), "0-299999");
    client_close(&c);
    rig_until_idle(r);
    free((char *)content.p);
}

static void test_resumed_while_it_is_synced(void **state)
{
    struct rig *r = *state;
    struct client c;
    char path[512];
    struct span content = pattern_bytes(SIZE, 2);
    client_open(&c, r);
    cut_off(r, content, path);
    send_head(&c, path, "Content-Length: 100000\r\nContent-Range: 300000-399999\r\n");
    assert_int_equal(look(&c, FEW), FEW);
    gate_open();
    assert_true(client_send(&c, span_skip(content, CUT)));
    assert_int_equal(client_response(&c, NULL), 202);
    finish_upload(&c, path, content);
    client_close(&c);
    rig_until_idle(r);
    free((char *)content.p);
}

/* Cut off when all was sent, with the answer to its PUT: there is no such upload any more, and not
 * one that somebody else is writing to. */
static void test_finished_twice(void **state)
{
    struct rig *r = *state;
    struct client first, second;
    char path[512];
    struct span content = pattern_bytes(SIZE, 3);
    struct digest_text d = text_of(content);
    client_open(&first, r);
    client_open(&second, r);
    begin_upload(&first, path);
    gate_close(FSYNC);
    send_text(&first, "PUT %s&digest=%s HTTP/1.1\r\nHost: a\r\nContent-Length: 400000\r\n\r\n",
              path, d.s);
    assert_true(client_send(&first, content));
    client_close(&first);
    until_somebody_waits(r);
    send_text(&second, "PUT %s&digest=%s HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", path,
              d.s);
    assert_int_equal(look(&second, FEW), FEW);
    gate_open();
    assert_int_equal(client_response(&second, NULL), 404);
    while (r->server.conn_count >
           1) /* the data has left the upload, the link may not be there yet */
        rig_turn(r);
    send_text(&second, "HEAD /v2/app/blobs/%s HTTP/1.1\r\nHost: a\r\n\r\n", d.s);
    assert_true(client_until(&second, "HTTP/1.1 200"));
    client_close(&second);
    rig_until_idle(r);
    free((char *)content.p);
}

/* A disk that never comes back keeps nobody for ever. */
static void test_never_synced(void **state)
{
    struct rig *r = *state;
    struct client c;
    char path[512];
    struct span content = pattern_bytes(SIZE, 4);
    client_open(&c, r);
    cut_off(r, content, path);
    send_status(&c, path);
    assert_in_range(look(&c, MANY), FEW, MANY - 1);
    assert_int_equal(client_response(&c, NULL), 204);
    assert_string_equal(client_header("Range"), "0-299999");
    send_head(&c, path, "Content-Length: 5\r\n");
    assert_in_range(look(&c, MANY), FEW, MANY - 1);
    assert_int_equal(client_response(&c, NULL), 409);
    client_send_str(&c, "bytes");
    gate_open();
    client_close(&c);
    rig_until_idle(r);
    free((char *)content.p);
}

static void check_refused(struct client *c, const char *path)
{
    send_head(c, path, "Content-Length: 5\r\n");
    assert_in_range(look(c, MANY), 1, FEW - 1);
    assert_int_equal(client_response(c, NULL), 409);
    client_send_str(c, "bytes");
}

/* The other one waits for its client, which may be slow and may be gone; or it is at work on what
 * that has sent. There is more to come: nobody waits for that. */
static void test_somebody_else_has_it(void **state)
{
    struct rig *r = *state;
    struct client holder, c;
    char path[512];
    client_open(&holder, r);
    client_open(&c, r);
    begin_upload(&holder, path);
    send_head(&holder, path, "Content-Length: 10\r\n");
    client_send_str(&holder, "hel");
    while (upload_bytes(r, path) < 3)
        rig_turn(r);
    check_refused(&c, path);
    gate_close(WRITE);
    client_send_str(&holder, "lo");
    until_somebody_waits(r);
    check_refused(&c, path);
    gate_open();
    client_send_str(&holder, "world");
    assert_int_equal(client_response(&holder, NULL), 202);
    finish_upload(&holder, path, SPAN("helloworld"));
    client_close(&holder);
    client_close(&c);
    rig_until_idle(r);
}

/* Two that wait for another process' upload do not take each other for the one that has it. */
static void test_two_wait(void **state)
{
    struct rig *r = *state;
    struct client c, other;
    char path[512];
    client_open(&c, r);
    client_open(&other, r);
    begin_upload(&c, path);
    struct upload *held = hold_upload(r, path);
    send_status(&c, path);
    send_status(&other, path);
    assert_in_range(look(&c, MANY), 1, FEW - 1);
    assert_int_equal(client_response(&c, NULL), 204);
    assert_int_equal(client_response(&other, NULL), 204);
    upload_close(held);
    client_close(&c);
    client_close(&other);
    rig_until_idle(r);
}

int main(void)
{
    int version = 0;
#define TEST(f) cmocka_unit_test_prestate_setup_teardown(f, rig_setup, teardown, &version)
    const struct CMUnitTest tests[] = {
        TEST(test_asked_while_it_is_synced), TEST(test_resumed_while_it_is_synced),
        TEST(test_finished_twice),           TEST(test_never_synced),
        TEST(test_somebody_else_has_it),     TEST(test_two_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

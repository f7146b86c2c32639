/* SPDX-License-Identifier: Apache-2.0
 *
 * input: who has which slab for how long, with a client whose bytes are all here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/arena.h"
#include "lib/buf.h"
#include "server/input.h"
#include "test/pattern.h"

struct sender {
    struct wire wire;
    struct buf bytes; /* all that it sends */
    size_t sent;
    struct slabs slabs;
    struct slab *taken[SLAB_LARGE_MAX]; /* by others */
    struct arena arena;
    struct input in;
};

static enum wire_result read_bytes(struct wire *w, char *p, size_t n, size_t *moved)
{
    struct sender *s = container_of(w, struct sender, wire);
    size_t left = s->bytes.n - s->sent;
    assert_true(n > 0);
    if (left == 0)
        return WIRE_AGAIN;
    *moved = n < left ? n : left;
    memcpy(p, s->bytes.p + s->sent, *moved);
    s->sent += *moved;
    return WIRE_OK;
}

static const struct wire_ops ops = {.read = read_bytes};

static int setup(void **state)
{
    struct sender *s = calloc(1, sizeof(*s));
    s->wire.ops = &ops;
    slabs_init(&s->slabs);
    arena_init(&s->arena);
    input_init(&s->in, &s->slabs);
    input_begin(&s->in, &s->arena, 0);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct sender *s = *state;
    input_fini(&s->in);
    arena_fini(&s->arena);
    buf_fini(&s->bytes);
    slabs_fini(&s->slabs);
    free(s);
    return 0;
}

static void take_large(struct sender *s)
{
    for (size_t i = 0; i < SLAB_LARGE_MAX; i++) {
        s->taken[i] = slab_take_large(&s->slabs);
        assert_non_null(s->taken[i]);
    }
    assert_null(slab_take_large(&s->slabs));
}

static void give_large(struct sender *s)
{
    for (size_t i = 0; i < SLAB_LARGE_MAX; i++)
        slab_give(&s->slabs, s->taken[i]);
}

static const char get[] = "GET /v2/ HTTP/1.1\r\nHost: a\r\n\r\n";

/* A body, and so many requests behind it. */
static struct span put_all(struct sender *s, enum http_framing framing, size_t size, size_t more)
{
    struct span body = pattern_bytes(size, (unsigned)size);
    buf_add_str(&s->bytes, "PATCH /x HTTP/1.1\r\nHost: a\r\n");
    if (framing == HTTP_LENGTH)
        buf_printf(&s->bytes, "Content-Length: %zu\r\n\r\n", size);
    else
        buf_add_str(&s->bytes, "Transfer-Encoding: chunked\r\n\r\n");
    for (struct span left = body; left.n > 0;) {
        struct span piece = framing == HTTP_LENGTH ? left : span_head(left, 32768);
        if (framing == HTTP_CHUNKED)
            buf_printf(&s->bytes, "%zx\r\n", piece.n);
        buf_add_span(&s->bytes, piece);
        if (framing == HTTP_CHUNKED)
            buf_add_str(&s->bytes, "\r\n");
        left = span_skip(left, piece.n);
    }
    if (framing == HTTP_CHUNKED)
        buf_add_str(&s->bytes, "0\r\n\r\n");
    for (size_t i = 0; i < more; i++)
        buf_add_str(&s->bytes, get);
    return body;
}

/* Takes the body as a connection does: what is here first, the rest in the pool. Returns how large
 * the largest piece was. */
static size_t take_body(struct sender *s, struct span body)
{
    struct buf got = {0};
    size_t largest = 0;
    assert_int_equal(input_read(&s->in, &s->wire), WIRE_OK);
    for (int i = 0; s->in.state != IN_BODY && i < 2; i++) /* one step for the head */
        input_parse(&s->in);
    input_parse(&s->in);
    do {
        struct span piece = input_body(&s->in);
        largest = piece.n > largest ? piece.n : largest;
        buf_add_span(&got, piece);
    } while (input_next_body(&s->in, &s->wire));
    assert_int_equal(got.n, body.n);
    assert_memory_equal(got.p, body.p, body.n);
    buf_fini(&got);
    input_drop_body(&s->in);
    return largest;
}

/* So many requests are here, one behind the other. */
static void check_gets(struct sender *s, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        input_begin(&s->in, &s->arena, 0);
        for (int turns = 0; s->in.state != IN_DONE && turns < 3; turns++) {
            input_parse(&s->in);
            if (s->in.state == IN_HEAD)
                assert_int_equal(input_read(&s->in, &s->wire), WIRE_OK);
        }
        assert_int_equal(s->in.state, IN_DONE);
        assert_int_equal(s->in.head.method, METHOD_GET);
    }
    assert_int_equal(s->sent, s->bytes.n);
    assert_null(s->in.slab);
}

/* A client that has sent requests behind a body, and waits, has no large slab any more; the
 * requests are not lost. */
static void check_requests_behind(struct sender *s, enum http_framing framing, size_t more)
{
    struct span body = put_all(s, framing, 300000, more);
    assert_true(take_body(s, body) > SLAB_SMALL);
    assert_int_equal(s->in.state, IN_DONE);
    take_large(s);
    check_gets(s, more);
    give_large(s);
    free((char *)body.p);
}

static void test_requests_behind_a_body(void **state)
{
    check_requests_behind(*state, HTTP_LENGTH, 20);
}

static void test_requests_behind_chunks(void **state)
{
    check_requests_behind(*state, HTTP_CHUNKED, 20);
}

static void test_much_behind_a_body(void **state)
{
    check_requests_behind(*state, HTTP_LENGTH, 5000);
}

/* As much as is kept. Nobody can read up to the end of chunks and no further. */
static void test_much_behind_chunks(void **state)
{
    size_t most = SLAB_SMALL / (sizeof(get) - 1);
    check_requests_behind(*state, HTTP_CHUNKED, most);
}

static void test_too_much_behind_chunks(void **state)
{
    struct sender *s = *state;
    struct span body = put_all(s, HTTP_CHUNKED, 300000, SLAB_SMALL / (sizeof(get) - 1) + 1);
    (void)take_body(s, body);
    assert_int_equal(s->in.state, IN_CUT);
    assert_null(s->in.slab);
    input_parse(&s->in);
    assert_int_equal(s->in.state, IN_CUT);
    take_large(s);
    give_large(s);
    free((char *)body.p);
}

/* The ninth body at once comes in smaller pieces. */
static void check_without_large(struct sender *s, enum http_framing framing)
{
    struct span body = put_all(s, framing, 3000000, 20);
    take_large(s);
    size_t largest = take_body(s, body);
    assert_in_range(largest, 1, SLAB_SMALL);
    assert_int_equal(s->in.state, IN_DONE);
    check_gets(s, 20);
    give_large(s);
    free((char *)body.p);
}

static void test_no_large_slab_is_left(void **state)
{
    check_without_large(*state, HTTP_LENGTH);
}

static void test_no_large_slab_is_left_for_chunks(void **state)
{
    check_without_large(*state, HTTP_CHUNKED);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_requests_behind_a_body),
        TEST(test_requests_behind_chunks),
        TEST(test_much_behind_a_body),
        TEST(test_much_behind_chunks),
        TEST(test_too_much_behind_chunks),
        TEST(test_no_large_slab_is_left),
        TEST(test_no_large_slab_is_left_for_chunks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

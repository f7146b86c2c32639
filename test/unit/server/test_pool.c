/* SPDX-License-Identifier: Apache-2.0
 *
 * pool, lane: a hop that has come back ends a moment before anybody is told of it. That the loop
 * does when it goes to wait is in loop/test_conn.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base.h"
#include "server/lane.h"

struct there_and_back {
    struct hop hop;
    pthread_t thread; /* in which it ran */
    uint64_t moment;  /* in which it was done; 0: it was not */
};

static void run(struct hop *h)
{
    container_of(h, struct there_and_back, hop)->thread = pthread_self();
}

static void done(struct hop *h)
{
    container_of(h, struct there_and_back, hop)->moment = h->pool->moment;
}

static void check(const struct there_and_back *t, uint64_t moment)
{
    assert_int_equal(t->moment, moment);
    assert_false(pthread_equal(t->thread, pthread_self()));
}

static void test_a_hop_ends_a_moment(void **state)
{
    uv_loop_t loop;
    struct pool pool;
    struct there_and_back t = {.hop = {.run = run, .done = done}};
    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    pool_init(&pool, &loop, 2);
    uint64_t before = pool.moment;
    pool_submit(&pool, &t.hop);
    assert_int_equal(pool.moment, before);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    check(&t, before + 1);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void test_a_hop_of_the_lane_ends_a_moment(void **state)
{
    uv_loop_t loop;
    struct pool pool;
    struct lane lane;
    struct there_and_back t = {.hop = {.run = run, .done = done}};
    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    pool_init(&pool, &loop, 2);
    lane_init(&lane, &pool);
    uint64_t before = pool.moment;
    lane_submit(&lane, &t.hop);
    assert_int_equal(pool.moment, before);
    while (t.moment == 0)
        (void)uv_run(&loop, UV_RUN_ONCE);
    check(&t, before + 1);
    lane_close(&lane);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    lane_fini(&lane);
    assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_hop_ends_a_moment),
        cmocka_unit_test(test_a_hop_of_the_lane_ends_a_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * pool: hops go there and come back, in order, each once, whatever the threads are at meanwhile;
 * and one that has come back ends a moment before anybody is told of it. That the loop does when it
 * goes to wait is in test_conn.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <semaphore.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/base.h"
#include "server/pool.h"

/* ---- The bell, with a hand on it. ------------------------------------------------------- */

static atomic_bool held; /* who rings next is held up behind it */
static sem_t let_go;

int eventfd_write(int fd, eventfd_t value)
{
    bool stays = atomic_exchange(&held, false);
    ssize_t n = write(fd, &value, sizeof(value));
    if (stays)
        (void)sem_wait(&let_go);
    return n == sizeof(value) ? 0 : -1;
}

/* ---- Hops. ------------------------------------------------------------------------------ */

typedef void submit_fn(struct pool *p, struct hop *h);

struct there_and_back {
    struct hop hop;
    pthread_t thread;               /* in which it ran */
    uint64_t moment;                /* in which it was done; 0: it was not */
    unsigned ran, came_back;        /* how many did before, and itself */
    sem_t *waits;                   /* before it ends */
    bool closes;                    /* the pool, when it is back */
    struct there_and_back *follows; /* is submitted when this one is back */
};

static atomic_uint all_ran;
static unsigned all_back;

static void run(struct hop *h)
{
    struct there_and_back *t = container_of(h, struct there_and_back, hop);
    t->thread = pthread_self();
    t->ran = atomic_fetch_add(&all_ran, 1) + 1;
    if (t->waits)
        (void)sem_wait(t->waits);
}

static void done(struct hop *h)
{
    struct there_and_back *t = container_of(h, struct there_and_back, hop);
    assert_int_equal(t->moment, 0);
    t->moment = h->pool->moment;
    t->came_back = ++all_back;
    if (t->follows)
        pool_submit(h->pool, &t->follows->hop);
    if (t->closes)
        pool_close(h->pool);
}

#define HOP                                                                                        \
    {                                                                                              \
        .hop = {.run = run, .done = done }                                                         \
    }

/* ---- A pool and its loop. --------------------------------------------------------------- */

enum { THREADS = 2 };

struct place {
    uv_loop_t loop;
    struct pool pool;
};

static void place_init(struct place *p)
{
    atomic_store(&all_ran, 0);
    all_back = 0;
    assert_int_equal(uv_loop_init(&p->loop), 0);
    assert_int_equal(pool_init(&p->pool, &p->loop, THREADS, NULL), RC_OK);
}

static void place_fini(struct place *p)
{
    pool_close(&p->pool);
    (void)uv_run(&p->loop, UV_RUN_DEFAULT);
    assert_int_equal(atomic_load(&p->pool.in_flight), 0);
    assert_int_equal(uv_loop_close(&p->loop), 0);
}

/* ---- Tests. ----------------------------------------------------------------------------- */

/* The loop runs for as long as a hop is away, and for no idle thread. */
static void check_there_and_back(submit_fn *submit)
{
    struct place p;
    struct there_and_back t = HOP;
    place_init(&p);
    (void)uv_run(&p.loop, UV_RUN_DEFAULT);
    uint64_t before = p.pool.moment;
    submit(&p.pool, &t.hop);
    assert_int_equal(p.pool.moment, before);
    (void)uv_run(&p.loop, UV_RUN_DEFAULT);
    assert_int_equal(t.moment, before + 1);
    assert_false(pthread_equal(t.thread, pthread_self()));
    place_fini(&p);
}

static void test_a_hop_ends_a_moment(void **state)
{
    (void)state;
    check_there_and_back(pool_submit);
}

static void test_a_hop_aside_ends_a_moment(void **state)
{
    (void)state;
    check_there_and_back(pool_submit_aside);
}

static void test_one_at_a_time_aside_in_order(void **state)
{
    enum { COUNT = 100 };
    struct place p;
    static struct there_and_back t[COUNT];
    (void)state;
    place_init(&p);
    for (unsigned i = 0; i < COUNT; i++) {
        t[i] = (struct there_and_back)HOP;
        pool_submit_aside(&p.pool, &t[i].hop);
    }
    (void)uv_run(&p.loop, UV_RUN_DEFAULT);
    for (unsigned i = 0; i < COUNT; i++) {
        assert_int_equal(t[i].ran, i + 1);
        assert_int_equal(t[i].came_back, i + 1);
        assert_true(pthread_equal(t[i].thread, t[0].thread));
    }
    place_fini(&p);
}

/* Each is done once (see done), and none is lost, with all threads handing back at the same time.
 */
static void test_none_is_lost(void **state)
{
    enum { COUNT = 5000 };
    struct place p;
    static struct there_and_back t[COUNT];
    (void)state;
    place_init(&p);
    for (unsigned i = 0; i < COUNT; i++)
        t[i] = (struct there_and_back)HOP;
    for (unsigned i = 0; i < COUNT; i += 2) {
        t[i].follows = &t[i + 1];
        pool_submit(&p.pool, &t[i].hop);
    }
    (void)uv_run(&p.loop, UV_RUN_DEFAULT);
    assert_int_equal(all_back, COUNT);
    place_fini(&p);
}

static void test_short_of_threads(void **state)
{
    struct place p;
    sem_t gate;
    struct there_and_back t[THREADS + 1] = {HOP, HOP, HOP};
    (void)state;
    (void)sem_init(&gate, 0, 0);
    place_init(&p);
    for (unsigned i = 0; i <= THREADS; i++) {
        assert_false(pool_is_short(&p.pool));
        t[i].waits = &gate;
        pool_submit(&p.pool, &t[i].hop);
    }
    assert_true(pool_is_short(&p.pool));
    for (unsigned i = 0; i <= THREADS; i++)
        (void)sem_post(&gate);
    (void)uv_run(&p.loop, UV_RUN_DEFAULT);
    assert_false(pool_is_short(&p.pool));
    place_fini(&p);
    (void)sem_destroy(&gate);
}

/* A thread that loses its processor the moment it has rung is in nobody's way. */
static void test_who_rings_holds_nothing(void **state)
{
    struct place p;
    struct there_and_back first = HOP, second = HOP, aside = HOP;
    (void)state;
    (void)sem_init(&let_go, 0, 0);
    place_init(&p);
    atomic_store(&held, true);
    pool_submit(&p.pool, &first.hop);
    (void)uv_run(&p.loop, UV_RUN_DEFAULT);
    assert_int_equal(first.came_back, 1);
    assert_false(atomic_load(&held)); /* somebody is */
    pool_submit(&p.pool, &second.hop);
    (void)uv_run(&p.loop, UV_RUN_DEFAULT);
    assert_int_equal(second.came_back, 2);
    assert_false(pthread_equal(first.thread, second.thread));
    pool_submit_aside(&p.pool, &aside.hop);
    (void)uv_run(&p.loop, UV_RUN_DEFAULT);
    assert_int_equal(aside.came_back, 3);
    (void)sem_post(&let_go);
    place_fini(&p);
    (void)sem_destroy(&let_go);
}

/* Those that are away come back first; and the last one of them may be the one that closes. */
static void test_closing_waits_for_hops(void **state)
{
    struct place p;
    sem_t gate;
    struct there_and_back t[3] = {HOP, HOP, HOP};
    (void)state;
    (void)sem_init(&gate, 0, 0);
    place_init(&p);
    t[0].waits = t[1].waits = &gate;
    t[0].follows = &t[2];
    t[2].closes = true;
    pool_submit(&p.pool, &t[0].hop);
    pool_submit_aside(&p.pool, &t[1].hop);
    pool_close(&p.pool);
    (void)sem_post(&gate);
    (void)sem_post(&gate);
    (void)uv_run(&p.loop, UV_RUN_DEFAULT);
    assert_int_equal(all_back, 3);
    assert_int_equal(uv_loop_close(&p.loop), 0);
    (void)sem_destroy(&gate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_hop_ends_a_moment),
        cmocka_unit_test(test_a_hop_aside_ends_a_moment),
        cmocka_unit_test(test_one_at_a_time_aside_in_order),
        cmocka_unit_test(test_none_is_lost),
        cmocka_unit_test(test_short_of_threads),
        cmocka_unit_test(test_who_rings_holds_nothing),
        cmocka_unit_test(test_closing_waits_for_hops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

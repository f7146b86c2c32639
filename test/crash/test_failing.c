/* SPDX-License-Identifier: Apache-2.0
 *
 * A server is killed at each of its system calls, and another one goes on where it was; or one call
 * fails, and the client tries again. What was half done is still in the kernel's memory and looks
 * like all the rest, but is not on the disk: when the machine crashes after that, what the second
 * try was answered holds all the same.
 *
 * TEST_SEED picks the calls and the outcomes; CRASH=all: each call, and more outcomes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "test/crash/scene.h"

enum { SAMPLE = 3, SAMPLE_ALL = 200, STRIDE = 7, EVERY = 4 };

struct trial {
    const char *what;
    void (*before)(struct scene *s);
    void (*act)(struct scene *s);
};

/* false: there are not so many calls. */
static bool try_at(const struct trial *t, enum failing how, unsigned n, struct crash_sum *sum)
{
    struct scene s;
    scene_init(&s);
    t->before(&s);
    scene_settle(&s);
    s.quiet = true;
    record_fail(how, n);
    t->act(&s);
    bool failed = record_failed();
    if (how == FAIL_ALL)
        scene_restart(&s);
    s.from = s.log.count;
    t->act(&s);
    scene_crash_like(&s, t->what, sum);
    return failed;
}

static void try_all(const struct trial *t, enum failing how)
{
    struct crash_sum sum = {.sample = crash_all() ? SAMPLE_ALL : SAMPLE, .every = EVERY};
    unsigned step = crash_all() ? 1 : STRIDE;
    unsigned n = crash_all() ? 0 : crash_seed() % STRIDE;
    while (try_at(t, how, n, &sum))
        n += step;
    crash_sum_tell(&sum, t->what);
}

static void nothing(struct scene *s)
{
    (void)s;
}

static void push(struct scene *s)
{
    act_image(s, "new/app", "1", IMAGE(1, 2));
}

static void two_images(struct scene *s)
{
    act_image(s, "app", "1", IMAGE(1, 2));
    act_image(s, "app", "2", IMAGE(1, 3));
}

static void move(struct scene *s)
{
    act_put(s, "app", "2", IMAGE(1, 2));
}

static void two_tags(struct scene *s)
{
    act_image(s, "app", "1", IMAGE(1, 2));
    act_put(s, "app", "2", IMAGE(1, 2));
}

static void delete (struct scene *s)
{
    s->quiet = true; /* the second time, when the first one has done it */
    act_delete(s, "app", IMAGE(1, 2), TAGS("1", "2"));
}

static void delete_tag_and_collect(struct scene *s)
{
    s->quiet = true; /* the second time, when the first one has done it */
    act_delete_tag(s, "app", "1");
    scene_doom(s, "app", IMAGE(1, 2), IMAGE(2));
    scene_pass(s);
    act_collect(s, true);
}

static const struct trial trials[] = {
    {"push", nothing, push},
    {"move", two_images, move},
    {"delete", two_tags, delete},
    {"delete and collect", two_images, delete_tag_and_collect},
};

static void test_killed(void **state)
{
    (void)state;
    for (size_t i = 0; i < array_len(trials); i++)
        try_all(&trials[i], FAIL_ALL);
}

static void test_failed(void **state)
{
    (void)state;
    for (size_t i = 0; i < array_len(trials); i++)
        try_all(&trials[i], FAIL_ONE);
}

/* So that what was half done cannot be settled, either. */
static void test_failed_twice(void **state)
{
    (void)state;
    for (size_t i = 0; i < array_len(trials); i++)
        try_all(&trials[i], FAIL_SYNC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_killed),
        cmocka_unit_test(test_failed),
        cmocka_unit_test(test_failed_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

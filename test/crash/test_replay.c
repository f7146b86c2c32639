/* SPDX-License-Identifier: Apache-2.0
 *
 * The machine crashes, after every system call that the storage makes while clients push, delete,
 * mount and upload and collections run; of what was not synced anything may be lost (disk.h). The
 * store that is left keeps every promise (judge.h).
 *
 * TEST_SEED picks the sample of outcomes; CRASH=all: many more of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "test/crash/scene.h"

static void test_first_push(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s);
    act_push(&s, "app", 1);
    act_push(&s, "app", 2);
    act_put(&s, "app", "1", IMAGE(1, 2));
    scene_crash(&s, "first push");
}

static void test_uploads(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s);
    act_push(&s, "app", 1);
    scene_settle(&s);
    int pieces = act_begin(&s, "app", 3);
    act_piece(&s, pieces, 10);
    act_piece(&s, pieces, 10);
    int other = act_begin(&s, "app/nested", 4);
    act_piece(&s, other, 5);
    act_commit(&s, pieces);
    act_cancel(&s, other);
    int bad = act_begin(&s, "app", 5);
    act_piece(&s, bad, 10);
    act_commit_wrongly(&s, bad);
    act_push(&s, "app", 1);
    act_mount(&s, "app", "other", 1);
    act_mount(&s, NULL, "another", 3);
    act_delete_blob(&s, "other", 1);
    act_push(&s, "other", 1);
    scene_crash(&s, "uploads");
}

static void test_manifests(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s);
    act_image(&s, "app", "1", IMAGE(1, 2));
    act_push(&s, "app", 3);
    act_push(&s, "app", 9);
    scene_settle(&s);
    act_put(&s, "app", "latest", IMAGE(1, 2));
    act_put(&s, "app", "latest", IMAGE(1, 3));
    act_put(&s, "app", "latest", IMAGE(1, 2));
    act_index(&s, "app", "multi", (const int *const[]){IMAGE(1, 2), IMAGE(1, 3), NULL});
    act_referrer(&s, "app", IMAGE(1, 2), 9);
    act_delete_tag(&s, "app", "multi");
    act_delete(&s, "app", IMAGE(1, 2), TAGS("1", "latest"));
    act_put(&s, "app", "latest", IMAGE(1, 2));
    scene_crash(&s, "manifests");
}

static void test_collections(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s);
    act_image(&s, "app", "1", IMAGE(1, 2));
    act_image(&s, "app", "2", IMAGE(1, 3));
    act_image(&s, "gone", "1", IMAGE(4, 5));
    act_push(&s, "app", 6);
    scene_settle(&s);
    act_delete(&s, "app", IMAGE(1, 2), TAGS("1"));
    act_delete_tag(&s, "gone", "1");
    scene_doom(&s, "app", NULL, IMAGE(2, 6));
    scene_doom(&s, "gone", IMAGE(4, 5), IMAGE(4, 5));
    scene_pass(&s);
    act_collect(&s, true);
    act_image(&s, "gone", "1", IMAGE(4, 5));
    act_push(&s, "app", 6);
    scene_crash(&s, "collections");
}

/* It does not come back, and what is pushed in its place stays. */
static void test_set_aside(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s);
    act_push(&s, "app", 1);
    act_damage(&s, 1);
    scene_settle(&s);
    act_set_aside(&s, "app", 1);
    s.from = s.log.count;
    act_push(&s, "app", 1);
    scene_crash(&s, "set aside");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_push), cmocka_unit_test(test_uploads),
        cmocka_unit_test(test_manifests),  cmocka_unit_test(test_collections),
        cmocka_unit_test(test_set_aside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

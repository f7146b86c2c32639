/* SPDX-License-Identifier: Apache-2.0
 *
 * What clients were told, and how long a collection heeds it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "test/unit/gc/shelf.h"

enum { HOUR_MS = 3600 * 1000 };

static void test_uploaded_blob_waits_for_its_manifest(void **state)
{
    struct shelf *s = *state;
    (void)push_blob(s, "app", 1);
    (void)push_blob(s, "app", 2);
    shelf_pass(s, HOUR_MS - 1000);
    struct gc_report r = shelf_collect(s);
    assert_int_equal(r.blobs_pinned, 2);
    assert_true(r.bytes_reclaimable > 0);
    assert_int_equal(put_image(s, "app", "1", IMAGE(1, 2)), RC_OK);
    assert_true(is_whole(s, "app", IMAGE(1, 2)));
}

static void test_and_not_for_ever(void **state)
{
    struct shelf *s = *state;
    (void)push_blob(s, "app", 1);
    shelf_pass(s, HOUR_MS + 1000);
    struct gc_report r = shelf_collect(s);
    assert_int_equal(r.blobs_deleted, 1);
    assert_false(has_blob(s, "app", 1));
    assert_false(has_path(s, "repositories/app"));
}

static void test_head_pins(void **state)
{
    struct shelf *s = *state;
    struct digest d = push_image(s, "app", "1", IMAGE(1, 2));
    shelf_pass(s, 2 * HOUR_MS);
    assert_int_equal(head_blob(s, "app", 2), RC_OK);
    delete_manifest(s, "app", &d);
    (void)shelf_collect(s);
    assert_true(has_blob(s, "app", 2));
    assert_false(has_blob(s, "app", 1));
    (void)push_blob(s, "app", 7);
    assert_int_equal(put_image(s, "app", "2", IMAGE(7, 2)), RC_OK);
}

static void test_mount_pins(void **state)
{
    struct shelf *s = *state;
    struct digest d = push_image(s, "a", "1", IMAGE(1, 2));
    assert_int_equal(mount_blob(s, "a", "b", 2), RC_OK);
    delete_manifest(s, "a", &d);
    (void)shelf_collect(s);
    assert_true(has_blob(s, "b", 2));
    assert_false(has_blob(s, "a", 2));
}

static void test_promised_manifest_waits_for_its_index(void **state)
{
    struct shelf *s = *state;
    s->options.delete_untagged = true;
    struct digest child = push_image(s, "app", "old", IMAGE(1, 2));
    shelf_pass(s, 2 * HOUR_MS);
    assert_int_equal(manifest_promise(s->store, repo_named("app"), &child, NULL), RC_OK);
    delete_tag(s, "app", "old");
    (void)shelf_collect(s);
    assert_true(is_whole(s, "app", IMAGE(1, 2)));
    (void)push_index(s, "app", "new", &child, 1);
    shelf_pass(s, 2 * HOUR_MS);
    (void)shelf_collect(s);
    assert_true(is_whole(s, "app", IMAGE(1, 2)));
}

/* Two pushes share a blob; the first one's image is deleted before the second's is there. */
static void test_another_push_keeps_what_it_was_told(void **state)
{
    struct shelf *s = *state;
    (void)push_blob(s, "app", 1);
    (void)push_blob(s, "app", 2);
    assert_int_equal(head_blob(s, "app", 2), RC_OK); /* the second push */
    (void)push_blob(s, "app", 9);                    /* its config */
    assert_int_equal(put_image(s, "app", "1", IMAGE(1, 2)), RC_OK);
    char json[4096];
    struct digest first = image_json(json, IMAGE(1, 2));
    delete_manifest(s, "app", &first);
    shelf_pass(s, 10000);
    (void)shelf_collect(s);
    assert_true(has_blob(s, "app", 2));
    assert_int_equal(put_image(s, "app", "2", IMAGE(9, 2)), RC_OK);
}

/* While a layer is arriving, what was pushed before it stays, however long that takes. */
static void test_long_upload_keeps_the_rest(void **state)
{
    struct shelf *s = *state;
    struct upload_id id;
    struct upload *u;
    struct name app = repo_named("app");
    (void)push_blob(s, "app", 1);
    assert_int_equal(upload_begin(s->store, app, DIGEST_SHA256, &id, NULL), RC_OK);
    assert_int_equal(upload_open(s->store, app, span_of(id.s), &u, NULL), RC_OK);
    shelf_pass(s, 5 * HOUR_MS);
    (void)shelf_collect(s);
    assert_true(has_blob(s, "app", 1));
    upload_close(u);
    (void)shelf_collect(s);
    assert_true(has_blob(s, "app", 1));
    shelf_pass(s, 2 * HOUR_MS);
    (void)shelf_collect(s);
    assert_false(has_blob(s, "app", 1));
}

static void test_restart_pins_what_is_young(void **state)
{
    struct shelf *s = *state;
    struct digest gone = push_image(s, "app", "1", IMAGE(3, 4));
    delete_manifest(s, "app", &gone);
    (void)push_blob(s, "app", 1);
    shelf_restart(s);
    (void)shelf_collect(s);
    assert_true(has_blob(s, "app", 1));
    assert_false(has_blob(s, "app", 4)); /* used, and so not waited for */
    shelf_pass(s, HOUR_MS + 1000);
    (void)shelf_collect(s);
    assert_false(has_blob(s, "app", 1));
}

static void test_used_blob_lingers_for_others(void **state)
{
    struct shelf *s = *state;
    struct digest d = push_image(s, "app", "1", IMAGE(1, 2));
    delete_manifest(s, "app", &d);
    s->options.dry_run = true;
    struct gc_report r = shelf_collect(s);
    assert_int_equal(r.blobs_deleted, 3);
    assert_int_equal(count_data(s), 3);
    s->options.dry_run = false;
    struct gc *gc;
    assert_int_equal(gc_begin(s->store, &s->options, &gc, NULL), RC_OK);
    while (gc_step(gc, 0) == GC_MORE)
        ;
    assert_int_equal(gc_report(gc)->phase, GC_SETTLE);
    assert_int_equal(head_blob(s, "app", 2), RC_OK); /* another push: do not wait any longer */
    while (gc_step(gc, 0) == GC_MORE)
        ;
    assert_int_equal(gc_report(gc)->outcome, GC_DONE);
    assert_true(has_blob(s, "app", 2));
    gc_end(gc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SHELF_TEST(test_uploaded_blob_waits_for_its_manifest),
        SHELF_TEST(test_and_not_for_ever),
        SHELF_TEST(test_head_pins),
        SHELF_TEST(test_mount_pins),
        SHELF_TEST(test_promised_manifest_waits_for_its_index),
        SHELF_TEST(test_another_push_keeps_what_it_was_told),
        SHELF_TEST(test_long_upload_keeps_the_rest),
        SHELF_TEST(test_restart_pins_what_is_young),
        SHELF_TEST(test_used_blob_lingers_for_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * What a collection keeps and what it removes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "test/unit/gc/shelf.h"

enum { HOUR_MS = 3600 * 1000 };

/* ---- Deleting an image frees what only it used, at once. -------------------------------- */

static void test_deleted_image_goes_at_once(void **state)
{
    struct shelf *s = *state;
    struct digest one = push_image(s, "app", "1", IMAGE(1, 2, 3));
    (void)push_image(s, "app", "2", IMAGE(4, 2));
    delete_manifest(s, "app", &one);
    struct gc_report r = shelf_collect(s);
    assert_int_equal(r.outcome, GC_DONE);
    assert_true(is_whole(s, "app", IMAGE(4, 2)));
    assert_false(has_blob(s, "app", 1));
    assert_false(has_blob(s, "app", 3));
    assert_int_equal(count_data(s), 3);
    assert_int_equal(r.blobs, 6);
    assert_int_equal(r.blobs_deleted, 3);
    assert_int_equal(r.links_deleted, 2);
    assert_int_equal(r.blobs_pinned, 0);
    assert_int_equal(r.skipped_count, 0);
}

static void test_push_again_after_it(void **state)
{
    struct shelf *s = *state;
    struct digest one = push_image(s, "app", "1", IMAGE(1, 2));
    delete_manifest(s, "app", &one);
    (void)shelf_collect(s);
    assert_int_equal(head_blob(s, "app", 2), RC_BLOB_UNKNOWN);
    (void)push_image(s, "app", "1", IMAGE(1, 2));
    assert_true(is_whole(s, "app", IMAGE(1, 2)));
}

static void test_nothing_to_do(void **state)
{
    struct shelf *s = *state;
    struct gc_report r = shelf_collect(s);
    assert_int_equal(r.outcome, GC_DONE);
    (void)push_image(s, "app", "1", IMAGE(1, 2));
    r = shelf_collect(s);
    assert_int_equal(r.blobs_deleted + r.links_deleted + r.manifests_deleted, 0);
    assert_int_equal(r.blobs_marked, 3);
    assert_true(is_whole(s, "app", IMAGE(1, 2)));
}

static void test_emptied_repository_goes(void **state)
{
    struct shelf *s = *state;
    struct digest one = push_image(s, "team/app", "1", IMAGE(1, 2));
    (void)push_image(s, "team", "1", IMAGE(3, 4));
    delete_manifest(s, "team/app", &one);
    s->options.dry_run = true;
    struct gc_report dry = shelf_collect(s);
    s->options.dry_run = false;
    struct gc_report r = shelf_collect(s);
    assert_int_equal(r.repositories_deleted, dry.repositories_deleted);
    assert_int_equal(r.repositories_deleted, 1);
    assert_false(has_path(s, "repositories/team/app"));
    assert_true(has_path(s, "repositories/team/_manifests/tags"));
    assert_true(is_whole(s, "team", IMAGE(3, 4)));
}

/* The registry image leaves the directories of what is deleted. */
static void test_empty_directories_go(void **state)
{
    struct shelf *s = *state;
    char command[512];
    (void)push_image(s, "app", "1", IMAGE(1, 2));
    static const char hex[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    (void)snprintf(command, sizeof(command),
                   "cd %s/docker/registry/v2 && mkdir -p blobs/sha256/01/%s "
                   "repositories/app/_layers/sha256/%s "
                   "repositories/app/_manifests/revisions/sha256/%s",
                   s->root, hex, hex, hex);
    assert_int_equal(system(command), 0);
    struct gc_report r = shelf_collect(s);
    assert_int_equal(r.skipped_count + r.links_deleted + r.manifests_deleted + r.blobs_deleted, 0);
    assert_false(has_path(s, "blobs/sha256/01"));
    (void)snprintf(command, sizeof(command), "test -z \"$(find %s/docker -name %s)\"", s->root,
                   hex);
    assert_int_equal(system(command), 0);
    assert_true(is_whole(s, "app", IMAGE(1, 2)));
}

static void test_shared_between_repositories(void **state)
{
    struct shelf *s = *state;
    struct digest a = push_image(s, "a", "1", IMAGE(1, 2));
    assert_int_equal(mount_blob(s, "a", "b", 1), RC_OK);
    assert_int_equal(mount_blob(s, "a", "b", 2), RC_OK);
    assert_int_equal(put_image(s, "b", "1", IMAGE(1, 2)), RC_OK);
    delete_manifest(s, "a", &a);
    struct gc_report r = shelf_collect(s);
    assert_int_equal(r.blobs_deleted, 0);
    assert_true(is_whole(s, "b", IMAGE(1, 2)));
    assert_false(has_blob(s, "a", 2));
}

/* ---- Manifests without a tag. ----------------------------------------------------------- */

static void test_untagged(void **state)
{
    struct shelf *s = *state;
    struct digest old = push_image(s, "app", "1", IMAGE(1, 2));
    (void)push_image(s, "app", "1", IMAGE(3, 2));
    struct gc_report r = shelf_collect(s);
    assert_int_equal(r.manifests_deleted, 0);
    assert_true(is_whole(s, "app", IMAGE(1, 2)));
    s->options.delete_untagged = true;
    r = shelf_collect(s);
    assert_int_equal(r.manifests_deleted, 1);
    assert_false(has_manifest(s, "app", &old));
    assert_false(has_blob(s, "app", 1));
    assert_true(is_whole(s, "app", IMAGE(3, 2)));
    char below[256];
    (void)snprintf(below, sizeof(below), "repositories/app/_manifests/tags/1/index/sha256/%s",
                   digest_hex(&old).s);
    assert_false(has_path(s, below));
}

static void test_index_keeps_its_children(void **state)
{
    struct shelf *s = *state;
    struct digest children[2], deep, index, other;
    s->options.delete_untagged = true;
    children[0] = push_image(s, "app", NULL, IMAGE(1, 2));
    children[1] = push_image(s, "app", NULL, IMAGE(3, 4));
    index = push_index(s, "app", NULL, children, 2);
    deep = push_index(s, "app", "multi", &index, 1);
    other = push_image(s, "app", "x", IMAGE(5, 6));
    struct gc_report r = shelf_collect(s);
    assert_int_equal(r.manifests_deleted, 0);
    delete_manifest(s, "app", &other);
    r = shelf_collect(s);
    assert_int_equal(r.manifests_deleted, 0);
    assert_true(is_whole(s, "app", IMAGE(1, 2)) && is_whole(s, "app", IMAGE(3, 4)));
    assert_false(has_blob(s, "app", 6));
    delete_tag(s, "app", "multi");
    r = shelf_collect(s);
    assert_int_equal(r.manifests_deleted, 4);
    assert_false(has_manifest(s, "app", &deep) || has_manifest(s, "app", &children[1]));
    assert_int_equal(count_data(s), 0);
}

static void test_referrers_follow_their_subject(void **state)
{
    struct shelf *s = *state;
    s->options.delete_untagged = true;
    struct digest image = push_image(s, "app", "1", IMAGE(1, 2));
    struct digest signature = push_referrer(s, "app", &image, 3);
    struct digest of_signature = push_referrer(s, "app", &signature, 4);
    struct gc_report r = shelf_collect(s);
    assert_int_equal(r.manifests_deleted, 0);
    assert_true(has_manifest(s, "app", &of_signature) && has_blob(s, "app", 4));
    delete_tag(s, "app", "1");
    r = shelf_collect(s);
    assert_int_equal(r.manifests_deleted, 3);
    assert_int_equal(count_data(s), 0);
}

/* Signed before it is there, as some tools do. */
static void test_referrer_waits_for_its_subject(void **state)
{
    struct shelf *s = *state;
    char json[4096];
    s->options.delete_untagged = true;
    struct digest image = image_json(json, IMAGE(1, 2));
    struct digest signature = push_referrer(s, "app", &image, 3);
    shelf_pass(s, 10000);
    struct gc_report r = shelf_collect(s);
    assert_int_equal(r.manifests_pinned, 1);
    (void)push_image(s, "app", "1", IMAGE(1, 2));
    shelf_pass(s, 2 * HOUR_MS);
    (void)shelf_collect(s);
    assert_true(has_manifest(s, "app", &signature) && has_blob(s, "app", 3));
}

/* ---- What cannot be read. --------------------------------------------------------------- */

static void overwrite(struct shelf *s, const char *below, const char *bytes)
{
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/docker/registry/v2/%s", s->root, below);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    (void)fputs(bytes, f);
    assert_int_equal(fclose(f), 0);
}

/* Below a directory, by its digest. */
static void damage(struct shelf *s, const char *dir, const struct digest *d, const char *bytes)
{
    char below[256];
    (void)snprintf(below, sizeof(below), "%s/sha256/%s/link", dir, digest_hex(d).s);
    overwrite(s, below, bytes);
}

/* Its blobs stay, also those that nothing else names; the rest is collected. */
static void check_fails_closed(struct shelf *s, const char *skipped)
{
    struct digest other = push_image(s, "other", "1", IMAGE(7, 8));
    delete_manifest(s, "other", &other);
    s->options.delete_untagged = true;
    shelf_pass(s, 2 * HOUR_MS);
    struct gc_report r = shelf_collect(s);
    assert_int_equal(r.outcome, GC_DONE);
    assert_true(r.skipped_count > 0);
    assert_non_null(strstr(r.skipped[0].what, skipped));
    assert_true(r.skipped[0].reason[0] != 0);
    assert_true(has_blob(s, "app", 1) && has_blob(s, "app", 2));
    assert_false(has_blob(s, "other", 8));
}

static void test_corrupt_manifest(void **state)
{
    struct shelf *s = *state;
    struct digest d = push_image(s, "app", "1", IMAGE(1, 2));
    char below[256];
    struct digest_text hex = digest_hex(&d);
    (void)snprintf(below, sizeof(below), "blobs/sha256/%.2s/%s/data", hex.s, hex.s);
    overwrite(s, below, "{\"torn\":");
    check_fails_closed(s, "app: sha256:");
}

static void test_missing_manifest(void **state)
{
    struct shelf *s = *state;
    char command[512];
    struct digest d = push_image(s, "app", "1", IMAGE(1, 2));
    struct digest_text hex = digest_hex(&d);
    (void)snprintf(command, sizeof(command), "rm -r %s/docker/registry/v2/blobs/sha256/%.2s/%s",
                   s->root, hex.s, hex.s);
    assert_int_equal(system(command), 0);
    check_fails_closed(s, "app: sha256:");
}

static void test_torn_revision_link(void **state)
{
    struct shelf *s = *state;
    struct digest d = push_image(s, "app", "1", IMAGE(1, 2));
    damage(s, "repositories/app/_manifests/revisions", &d, "");
    check_fails_closed(s, "app: sha256:");
    assert_true(has_data(s, &d));
}

static void test_torn_tag(void **state)
{
    struct shelf *s = *state;
    (void)push_image(s, "app", "1", IMAGE(1, 2));
    overwrite(s, "repositories/app/_manifests/tags/1/current/link", "sha256:12");
    check_fails_closed(s, "app: 1");
}

static void test_torn_layer_link(void **state)
{
    struct shelf *s = *state;
    (void)push_image(s, "app", "1", IMAGE(1, 2));
    struct digest d = push_blob(s, "app", 5);
    damage(s, "repositories/app/_layers", &d, "garbage");
    check_fails_closed(s, "app: sha256:");
    assert_true(has_data(s, &d));
}

static void test_strange_directories(void **state)
{
    struct shelf *s = *state;
    char command[512];
    (void)push_image(s, "app", "1", IMAGE(1, 2));
    (void)snprintf(
        command, sizeof(command),
        "cd %s/docker/registry/v2/repositories && cp -r app App~old && rm -r app/_layers "
        "&& mkdir -p app/_layers && mkdir Empty",
        s->root);
    assert_int_equal(system(command), 0);
    shelf_pass(s, 2 * HOUR_MS);
    struct gc_report r = shelf_collect(s);
    assert_int_equal(r.skipped_count, 1);
    assert_string_equal(r.skipped[0].what, "App~old");
    assert_int_equal(r.blobs_deleted, 0);
    assert_true(has_path(s, "repositories/App~old/_layers"));
}

/* ---- The rest. -------------------------------------------------------------------------- */

static void test_only_one_at_a_time(void **state)
{
    struct shelf *s = *state;
    struct gc *gc, *second;
    assert_int_equal(gc_begin(s->store, &s->options, &gc, NULL), RC_OK);
    assert_int_equal(gc_begin(s->store, &s->options, &second, NULL), RC_GC_RUNNING);
    gc_end(gc);
    assert_int_equal(gc_begin(s->store, &s->options, &gc, NULL), RC_OK);
    gc_end(gc);
}

static void test_another_process(void **state)
{
    struct shelf *s = *state;
    struct store *other;
    struct gc *gc;
    (void)push_blob(s, "app", 1);
    shelf_pass(s, 2 * HOUR_MS);
    assert_int_equal(store_open(s->root, &other, NULL), RC_OK);
    assert_int_equal(gc_begin(s->store, &s->options, &gc, NULL), RC_GC_RUNNING);
    store_close(other);
    assert_int_equal(gc_begin(s->store, &s->options, &gc, NULL), RC_OK);
    assert_int_equal(store_open(s->root, &other, NULL), RC_OK);
    while (gc_step(gc, 1000) != GC_END)
        ;
    assert_int_equal(gc_report(gc)->outcome, GC_FAILED);
    assert_true(has_blob(s, "app", 1));
    gc_end(gc);
    store_close(other);
}

static void test_stop(void **state)
{
    struct shelf *s = *state;
    struct gc *gc;
    (void)push_image(s, "app", "1", IMAGE(1, 2));
    assert_int_equal(gc_begin(s->store, &s->options, &gc, NULL), RC_OK);
    assert_int_equal(gc_step(gc, 0), GC_MORE);
    gc_stop(gc);
    assert_int_equal(gc_step(gc, 0), GC_END);
    assert_int_equal(gc_report(gc)->outcome, GC_STOPPED);
    assert_int_equal(gc_step(gc, 0), GC_END);
    gc_end(gc);
}

static void test_old_uploads(void **state)
{
    struct shelf *s = *state;
    struct upload_id old, held;
    struct upload *u;
    struct name app = repo_named("app");
    assert_int_equal(upload_begin(s->store, app, DIGEST_SHA256, &old, NULL), RC_OK);
    assert_int_equal(upload_begin(s->store, app, DIGEST_SHA256, &held, NULL), RC_OK);
    struct gc_report r = shelf_collect(s);
    assert_int_equal(r.uploads_deleted, 0);
    shelf_pass(s, 8ULL * 24 * HOUR_MS);
    assert_int_equal(upload_open(s->store, app, span_of(held.s), &u, NULL), RC_OK);
    s->options.scope = GC_UPLOADS;
    r = shelf_collect(s);
    assert_int_equal(r.uploads, 2);
    assert_int_equal(r.uploads_deleted, 1);
    upload_close(u);
    uint64_t size;
    assert_int_equal(upload_size(s->store, app, span_of(held.s), &size, NULL), RC_OK);
    assert_int_equal(upload_size(s->store, app, span_of(old.s), &size, NULL), RC_UPLOAD_UNKNOWN);
}

/* Without what it logs. */
static void add_line(void *ctx, const char *text)
{
    struct buf *b = ctx;
    if (text[0] != '\t')
        buf_printf(b, "%s\n", text);
}

static void count_log(void *ctx, const char *text)
{
    unsigned *n = ctx;
    *n += strncmp(text, "\tDeleting blob: /docker/registry/v2/blobs/sha256/", 49) == 0;
    *n += strncmp(text, "\tDeleting layer link path: /docker/registry/v2/repositories/app/_layers/",
                  72) == 0;
}

static void test_log_lines(void **state)
{
    struct shelf *s = *state;
    unsigned n = 0;
    (void)push_image(s, "app", "1", IMAGE(1, 2));
    (void)push_blob(s, "app", 3);
    shelf_pass(s, 2 * HOUR_MS);
    s->options.line = count_log;
    s->options.line_ctx = &n;
    s->options.dry_run = true;
    (void)shelf_collect(s);
    assert_int_equal(n, 0);
    s->options.dry_run = false;
    (void)shelf_collect(s);
    assert_int_equal(n, 2);
}

/* As the registry image prints them, to the blank at the end. */
static void test_lines(void **state)
{
    struct shelf *s = *state;
    struct buf lines;
    char json[4096], wanted[2048];
    buf_init(&lines);
    (void)push_image(s, "app", "1", IMAGE(1, 2));
    struct digest loose = push_blob(s, "app", 3), image = image_json(json, IMAGE(1, 2));
    struct digest config = blob_digest(1), layer = blob_digest(2);
    shelf_pass(s, 2 * HOUR_MS);
    s->options.line = add_line;
    s->options.line_ctx = &lines;
    (void)shelf_collect(s);
    (void)snprintf(wanted, sizeof(wanted),
                   "app\napp: marking manifest %s \napp: marking blob %s\napp: marking blob %s\n"
                   "app: layer link eligible for deletion: %s\n"
                   "\n3 blobs marked, 1 blobs and 0 manifests eligible for deletion\n"
                   "blob eligible for deletion: %s\n",
                   digest_print(&image).s, digest_print(&config).s, digest_print(&layer).s,
                   digest_print(&loose).s, digest_print(&loose).s);
    buf_add_char(&lines, 0);
    assert_string_equal(lines.p, wanted);
    buf_fini(&lines);
}

static void test_dry_run_changes_nothing(void **state)
{
    struct shelf *s = *state;
    struct digest d = push_image(s, "app", "1", IMAGE(1, 2));
    (void)push_image(s, "app", "1", IMAGE(3, 2));
    shelf_pass(s, 2 * HOUR_MS);
    s->options.dry_run = s->options.delete_untagged = true;
    struct gc_report dry = shelf_collect(s);
    assert_true(is_whole(s, "app", IMAGE(1, 2)));
    assert_true(has_manifest(s, "app", &d));
    s->options.dry_run = false;
    struct gc_report wet = shelf_collect(s);
    assert_int_equal(dry.blobs_deleted, wet.blobs_deleted);
    assert_int_equal(dry.bytes_freed, wet.bytes_freed);
    assert_int_equal(dry.manifests_deleted, wet.manifests_deleted);
    assert_int_equal(dry.links_deleted, wet.links_deleted);
    assert_int_equal(dry.blobs_marked, wet.blobs_marked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SHELF_TEST(test_deleted_image_goes_at_once),
        SHELF_TEST(test_push_again_after_it),
        SHELF_TEST(test_nothing_to_do),
        SHELF_TEST(test_emptied_repository_goes),
        SHELF_TEST(test_empty_directories_go),
        SHELF_TEST(test_shared_between_repositories),
        SHELF_TEST(test_untagged),
        SHELF_TEST(test_index_keeps_its_children),
        SHELF_TEST(test_referrers_follow_their_subject),
        SHELF_TEST(test_referrer_waits_for_its_subject),
        SHELF_TEST(test_corrupt_manifest),
        SHELF_TEST(test_missing_manifest),
        SHELF_TEST(test_torn_revision_link),
        SHELF_TEST(test_torn_tag),
        SHELF_TEST(test_torn_layer_link),
        SHELF_TEST(test_strange_directories),
        SHELF_TEST(test_only_one_at_a_time),
        SHELF_TEST(test_another_process),
        SHELF_TEST(test_stop),
        SHELF_TEST(test_old_uploads),
        SHELF_TEST(test_lines),
        SHELF_TEST(test_log_lines),
        SHELF_TEST(test_dry_run_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

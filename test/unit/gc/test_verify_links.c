/* SPDX-License-Identifier: Apache-2.0
 *
 * Links, tags and manifests that lead to what is not there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "test/unit/gc/inspect.h"

static void remove_data(struct shelf *s, const struct digest *d)
{
    assert_int_equal(unlink(data_of(s, d).s), 0);
}

static void test_missing_parts(void **state)
{
    struct shelf *s = *state;
    struct digest layer = blob_digest(2), config = blob_digest(1);
    struct digest child = push_image(s, "app", "1", IMAGE(1, 2)), other;
    struct digest index = push_index(s, "app", "multi", &child, 1);
    remove_data(s, &layer);
    struct verify_report r = verify(s);
    assert_int_equal(r.finding_count, 2);
    assert_int_equal(r.missing, 2);
    assert_found(&r, digest_print(&child).s, digest_print(&layer).s);
    assert_found(&r, "app: layer ", "its data is missing");
    (void)push_blob(s, "app", 2);
    assert_int_equal(blob_unlink(s->store, repo_named("app"), &config, NULL), RC_OK);
    r = verify(s);
    assert_int_equal(r.finding_count, 1);
    assert_found(&r, digest_print(&child).s, "its config sha256:");
    (void)push_blob(s, "app", 1);
    delete_manifest(s, "app", &child);
    r = verify(s);
    assert_int_equal(r.finding_count, 1);
    assert_found(&r, digest_print(&index).s, "its manifest sha256:");
    assert_int_equal(put_image(s, "app", NULL, IMAGE(1, 2)), RC_OK);
    r = verify(s);
    assert_clean(&r);
    other = push_index(s, "app", NULL, &layer, 1); /* a child that never was one */
    r = verify(s);
    assert_found(&r, digest_print(&other).s, "is missing");
}

static void test_tags(void **state)
{
    struct shelf *s = *state;
    struct digest d = push_image(s, "app", "1", IMAGE(1, 2));
    struct where link = path_of(s, place_of_manifest(repo_named("app"), &d).s);
    strcat(link.s, "/link");
    assert_int_equal(unlink(link.s), 0);
    struct verify_report r = verify(s);
    assert_int_equal(r.finding_count, 1);
    assert_found(&r, "app: tag 1", digest_print(&d).s);
    struct where tag = path_of(s, "/docker/registry/v2/repositories/app/_manifests/tags/1");
    strcat(tag.s, "/current/link");
    write_whole(tag.s, SPAN("sha256:torn"));
    r = verify(s);
    assert_int_equal(r.finding_count, 1);
    assert_int_equal(r.unreadable, 1);
    assert_found(&r, "app: 1", "");
}

/* What a disk does not tell now it may tell later. */
static void test_what_cannot_be_read_is_not_missing(void **state)
{
    struct shelf *s = *state;
    char command[5000];
    struct digest d = push_image(s, "app", "1", IMAGE(1, 2)), layer = blob_digest(2);
    struct where links[] = {path_of(s, place_of_layer(repo_named("app"), &layer).s),
                            path_of(s, place_of_manifest(repo_named("app"), &d).s)};
    struct verify_report r = verify(s);
    assert_clean(&r);
    for (size_t i = 0; i < array_len(links); i++) {
        (void)snprintf(command, sizeof(command), "rm %s/link && mkdir %s/link", links[i].s,
                       links[i].s); /* reading it is EISDIR */
        assert_int_equal(system(command), 0);
        r = verify(s);
        assert_found(&r, i == 0 ? "app: manifest" : "app: tag 1", "is not to be read");
    }
}

static void test_a_subject_need_not_be_there(void **state)
{
    struct shelf *s = *state;
    struct digest none = blob_digest(77);
    (void)push_referrer(s, "app", &none, 3);
    struct verify_report r = verify(s);
    assert_clean(&r);
}

static void test_not_a_manifest(void **state)
{
    struct shelf *s = *state;
    struct digest d = push_image(s, "app", "1", IMAGE(1, 2)), layer = blob_digest(2);
    struct where from = path_of(s, place_of_manifest(repo_named("app"), &d).s);
    struct where to = path_of(s, place_of_manifest(repo_named("app"), &layer).s);
    char command[5000];
    (void)snprintf(command, sizeof(command), "cp -r %s %s && printf %s > %s/link", from.s, to.s,
                   digest_print(&layer).s, to.s);
    assert_int_equal(system(command), 0);
    struct verify_report r = verify(s);
    assert_int_equal(r.finding_count, 1);
    assert_int_equal(r.unreadable, 1);
    assert_found(&r, digest_print(&layer).s, "");
    assert_true(has_data(s, &layer));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SHELF_TEST(test_missing_parts),
        SHELF_TEST(test_tags),
        SHELF_TEST(test_what_cannot_be_read_is_not_missing),
        SHELF_TEST(test_a_subject_need_not_be_there),
        SHELF_TEST(test_not_a_manifest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

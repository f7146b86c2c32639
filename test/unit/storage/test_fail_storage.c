/* SPDX-License-Identifier: Apache-2.0
 *
 * What only large uploads, and only some file systems do: write-back along with the upload that
 * fails, locks for what is open for writing alone, and a directory run/ that cannot be had.
 */
#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "storage/store.h"
#include "test/fail.h"
#include "test/pattern.h"
#include "test/place.h"

enum { PIECE = 4 << 20, PIECES = 19 }; /* beyond what may be behind */
enum { DESCRIPTORS = 16 };

struct place {
    char root[64];
    struct store *store;
    struct name repo;
    struct span piece;
};

static int setup(void **state)
{
    struct place *p = calloc(1, sizeof(*p));
    assert_true(place_make(p->root, sizeof(p->root), "fail"));
    assert_int_equal(store_open(p->root, &p->store, NULL), RC_OK);
    p->repo = (struct name){SPAN("app")};
    p->piece = pattern_bytes(PIECE, 1);
    *state = p;
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int teardown(void **state)
{
    struct place *p = *state;
    store_close(p->store);
    assert_int_equal(nftw(p->root, remove_one, DESCRIPTORS, FTW_DEPTH | FTW_PHYS), 0);
    free((char *)p->piece.p);
    free(p);
    return 0;
}

static struct upload *open_upload(struct place *p, const struct upload_id *id)
{
    struct upload *u = NULL;
    assert_int_equal(upload_open(p->store, p->repo, span_of(id->s), &u, NULL), RC_OK);
    return u;
}

/* The error is told by the call that begins or waits for the writing, and by no fsync any more.
 * What was synced before stays. */
static void fail_write_back(struct place *p, unsigned at)
{
    struct fail fail = {.error = EIO, .how = FAIL_ONCE, .at = at, .call = "sync_file_range"};
    struct digest d = digest_of(DIGEST_SHA256, p->piece);
    struct upload_id id;
    enum rc rc = RC_OK;
    int sent = 0;
    assert_int_equal(upload_begin(p->store, p->repo, DIGEST_SHA256, &id, NULL), RC_OK);
    struct upload *u = open_upload(p, &id);
    assert_int_equal(upload_append(u, p->piece, NULL), RC_OK);
    upload_close(u);
    u = open_upload(p, &id);
    fail_begin(&fail);
    while (rc == RC_OK && sent++ < PIECES)
        rc = upload_append(u, p->piece, NULL);
    assert_non_null(fail_end());
    assert_int_equal(rc, RC_IO);
    upload_close(u);
    u = open_upload(p, &id);
    assert_int_equal(upload_offset(u), PIECE);
    assert_int_equal(upload_commit(u, &d, NULL), RC_OK);
    upload_close(u);
    assert_false(fail_has_lied());
}

static void test_write_back_that_fails(void **state)
{
    enum { FIRST_BEGUN = 0, FIRST_WAITED_FOR = 9 };
    fail_write_back(*state, FIRST_BEGUN);
    fail_write_back(*state, FIRST_WAITED_FOR);
}

/* A file system that knows nothing of it writes at the fsync. */
static void test_no_write_back(void **state)
{
    struct place *p = *state;
    struct fail fail = {.error = EINVAL, .how = FAIL_FROM, .call = "sync_file_range"};
    struct upload_id id;
    assert_int_equal(upload_begin(p->store, p->repo, DIGEST_SHA256, &id, NULL), RC_OK);
    struct upload *u = open_upload(p, &id);
    fail_begin(&fail);
    for (int i = 0; i < 3; i++)
        assert_int_equal(upload_append(u, p->piece, NULL), RC_OK);
    assert_non_null(fail_end());
    upload_close(u);
}

/* That others' data has found no room is told to whoever syncs next, and once. */
static void test_others_found_no_room(void **state)
{
    struct place *p = *state;
    struct fail fail = {.error = ENOSPC, .how = FAIL_ONCE, .call = "syncfs"};
    struct upload_id id;
    tree_doubt(&p->store->tree);
    fail_begin(&fail);
    assert_int_equal(upload_begin(p->store, p->repo, DIGEST_SHA256, &id, NULL), RC_OK);
    assert_non_null(fail_end());
}

static void doubt(void *tree)
{
    tree_doubt(tree);
}

static void test_a_doubt_that_comes_while_one_is_settled(void **state)
{
    struct place *p = *state;
    struct tree *t = &p->store->tree;
    struct fail fail = {.error = EIO, .how = FAIL_ONCE, .call = "syncfs"};
    tree_doubt(t);
    fail_meanwhile(doubt, t);
    assert_int_equal(tree_settle(t, NULL), RC_OK);
    fail_begin(&fail);
    assert_int_equal(tree_settle(t, NULL), RC_IO);
    assert_non_null(fail_end());
    assert_int_equal(tree_settle(t, NULL), RC_OK);
}

/* Whoever collects sees that another process is there. */
static void check_locks(struct place *p)
{
    struct store *other = NULL;
    const struct collection c = {.grace_ms = 1000};
    assert_int_equal(store_open(p->root, &other, NULL), RC_OK);
    assert_int_equal(collection_begin(other, &c, NULL), RC_GC_RUNNING);
    store_close(p->store);
    assert_int_equal(collection_begin(other, &c, NULL), RC_OK);
    collection_end(other);
    p->store = other;
}

static void test_locks_of_remote_file_systems(void **state)
{
    fail_lock_as_remote(true);
    check_locks(*state);
    fail_lock_as_remote(false);
}

/* When there is room again, a collection by another process takes nothing that this one is about to
 * promise. */
static void test_locks_where_no_file_can_be_made(void **state)
{
    struct place *p = *state;
    struct fail fail = {.error = ENOSPC, .how = FAIL_FROM, .call = "openat(O_CREAT)"};
    store_close(p->store);
    fail_begin(&fail);
    assert_int_equal(store_open(p->root, &p->store, NULL), RC_OK);
    assert_non_null(fail_end());
    check_locks(p);
}

static void check_tag(struct place *p, const struct digest *want)
{
    const struct page all = {.limit = UINT64_MAX};
    struct tag tag = {SPAN("latest")};
    struct digest d;
    struct list tags;
    struct arena a;
    arena_init(&a);
    assert_int_equal(tag_get(p->store, p->repo, tag, &d, NULL), want ? RC_OK : RC_MANIFEST_UNKNOWN);
    assert_true(!want || digest_eq(&d, want));
    assert_int_equal(tag_list(p->store, p->repo, &all, &a, &tags, NULL), RC_OK);
    assert_int_equal(tags.count, want ? 1 : 0);
    arena_fini(&a);
}

/* Tags cannot be made there and be moved: they are made in their place. */
static void test_tags_without_run(void **state)
{
    struct place *p = *state;
    char run[128];
    struct tag tag = {SPAN("latest")};
    struct digest first = digest_of(DIGEST_SHA256, SPAN("first"));
    struct digest second = digest_of(DIGEST_SHA256, SPAN("second"));
    struct upload_id id;
    (void)snprintf(run, sizeof(run), "%s/run", p->root);
    store_close(p->store);
    assert_int_equal(nftw(run, remove_one, DESCRIPTORS, FTW_DEPTH | FTW_PHYS), 0);
    FILE *in_the_way = fopen(run, "w");
    assert_non_null(in_the_way);
    (void)fclose(in_the_way);
    assert_int_equal(store_open(p->root, &p->store, NULL), RC_OK);
    assert_int_equal(upload_begin(p->store, p->repo, DIGEST_SHA256, &id, NULL), RC_OK);
    assert_int_equal(tag_put(p->store, p->repo, tag, &first, NULL), RC_OK);
    check_tag(p, &first);
    assert_int_equal(tag_put(p->store, p->repo, tag, &second, NULL), RC_OK);
    check_tag(p, &second);
    assert_int_equal(tag_delete(p->store, p->repo, tag, NULL), RC_OK);
    check_tag(p, NULL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_write_back_that_fails),
        TEST(test_no_write_back),
        TEST(test_others_found_no_room),
        TEST(test_a_doubt_that_comes_while_one_is_settled),
        TEST(test_locks_of_remote_file_systems),
        TEST(test_locks_where_no_file_can_be_made),
        TEST(test_tags_without_run),
    };
    if (access("/dev/shm", W_OK) == 0)
        (void)setenv("TMPDIR", "/dev/shm", false);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

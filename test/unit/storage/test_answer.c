/* SPDX-License-Identifier: Apache-2.0
 *
 * Manifests that are answered again are those that are on the disk, whoever changes that.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "storage/store.h"
#include "test/place.h"

enum { HOUR = 3600, LARGE = 100 << 10 };

/* The server's clock: what has changed a moment ago is not remembered. */
struct clock {
    time_t ahead;
    time_t at; /* it stands; 0: it goes */
};
static struct clock the_clock;

time_t __wrap_time(time_t *out);
time_t __wrap_time(time_t *out)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    time_t t = the_clock.at != 0 ? the_clock.at : now.tv_sec + the_clock.ahead;
    if (out)
        *out = t;
    return t;
}

/* Coarse file systems give what changes now the time of what has changed before. In these tests,
 * unlike for the server, that would not be long ago. */
static void next_tick(void)
{
    struct timespec then, now;
    (void)clock_gettime(CLOCK_REALTIME_COARSE, &then);
    do
        (void)clock_gettime(CLOCK_REALTIME_COARSE, &now);
    while (now.tv_sec == then.tv_sec && now.tv_nsec == then.tv_nsec);
}

struct place {
    char root[200];
    struct store *store;
    struct name repo;
    struct reference tag;
    struct arena arena;
    uint64_t moment;
};

static int setup(void **state)
{
    struct place *p = calloc(1, sizeof(*p));
    the_clock = (struct clock){.ahead = HOUR};
    assert_true(place_make(p->root, sizeof(p->root), "answer"));
    assert_int_equal(store_open(p->root, &p->store, NULL), RC_OK);
    assert_int_equal(name_parse(SPAN("a/b"), &p->repo, NULL), RC_OK);
    assert_int_equal(reference_parse(SPAN("latest"), &p->tag, NULL), RC_OK);
    arena_init(&p->arena);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    char command[300];
    struct place *p = *state;
    store_close(p->store);
    arena_fini(&p->arena);
    (void)snprintf(command, sizeof(command), "rm -r %s", p->root);
    assert_int_equal(system(command), 0);
    free(p);
    return 0;
}

/* ---- What is on the disk. --------------------------------------------------------------- */

static struct span document(struct place *p, const char *what)
{
    return span_of(arena_printf(&p->arena,
                                "{\"schemaVersion\":2,\"mediaType\":"
                                "\"application/vnd.oci.image.index.v1+json\",\"manifests\":[],"
                                "\"annotations\":{\"what\":\"%s\"}}",
                                what));
}

static void put_file(struct place *p, struct path path, struct span bytes)
{
    next_tick();
    assert_int_equal(file_put(&p->store->tree, path.s, bytes, NULL), RC_OK);
}

static void put_link(struct place *p, struct path path, const struct digest *d)
{
    put_file(p, path, span_of(digest_print(d).s));
}

static struct digest push(struct place *p, struct span bytes)
{
    struct digest d = digest_of(DIGEST_SHA256, bytes);
    put_file(p, layout_blob(&d), bytes);
    put_link(p, layout_revision_link(p->repo, &d), &d);
    put_link(p, layout_tag_current(p->repo, p->tag.tag), &d);
    return d;
}

static void remove_file(struct place *p, struct path path)
{
    next_tick();
    assert_int_equal(file_remove(&p->store->tree, path.s, NULL), RC_OK);
}

/* ---- Asking. ---------------------------------------------------------------------------- */

static struct reference by_digest(const struct digest *d)
{
    return (struct reference){.kind = REFERENCE_DIGEST, .digest = *d};
}

static bool is_known(struct place *p, const struct reference *ref)
{
    struct manifest m;
    return manifest_get_again(p->store, p->repo, ref, ++p->moment, &p->arena, &m) == RC_OK;
}

/* What a client gets: both ways must agree, where there are both. */
static void expect(struct place *p, const struct reference *ref, struct span bytes)
{
    struct manifest again, read;
    bool known =
        manifest_get_again(p->store, p->repo, ref, ++p->moment, &p->arena, &again) == RC_OK;
    assert_int_equal(manifest_get(p->store, p->repo, ref, &p->arena, &read, NULL), RC_OK);
    assert_true(span_eq(read.bytes, bytes));
    if (known) {
        assert_true(span_eq(again.bytes, bytes));
        assert_true(digest_eq(&again.digest, &read.digest));
        assert_ptr_equal(again.media_type, read.media_type);
    }
}

static void expect_unknown(struct place *p, const struct reference *ref)
{
    struct manifest m;
    assert_false(is_known(p, ref));
    assert_int_equal(manifest_get(p->store, p->repo, ref, &p->arena, &m, NULL),
                     RC_MANIFEST_UNKNOWN);
}

static void test_again(void **state)
{
    struct place *p = *state;
    struct digest one = push(p, document(p, "one"));
    struct reference digest = by_digest(&one), other = digest;
    assert_false(is_known(p, &p->tag));
    expect(p, &p->tag, document(p, "one"));
    assert_true(is_known(p, &p->tag));
    assert_false(is_known(p, &digest)); /* it was not asked for by that */
    expect(p, &digest, document(p, "one"));
    assert_true(is_known(p, &digest));
    expect(p, &p->tag, document(p, "one"));
    other.digest.bytes[0] ^= 1;
    assert_false(is_known(p, &other));
    assert_int_equal(name_parse(SPAN("a"), &p->repo, NULL), RC_OK);
    assert_false(is_known(p, &p->tag));
}

static void test_tag_moves(void **state)
{
    struct place *p = *state;
    struct digest one = push(p, document(p, "one"));
    expect(p, &p->tag, document(p, "one"));
    (void)push(p, document(p, "two"));
    expect(p, &p->tag, document(p, "two"));
    expect(p, &p->tag, document(p, "two"));
    put_link(p, layout_tag_current(p->repo, p->tag.tag), &one);
    expect(p, &p->tag, document(p, "one"));
    expect(p, &p->tag, document(p, "one"));
    remove_file(p, layout_tag_current(p->repo, p->tag.tag));
    expect_unknown(p, &p->tag);
}

static void test_manifest_goes(void **state)
{
    struct place *p = *state;
    struct digest one = push(p, document(p, "one"));
    struct reference digest = by_digest(&one);
    expect(p, &p->tag, document(p, "one"));
    expect(p, &digest, document(p, "one"));
    remove_file(p, layout_revision_link(p->repo, &one));
    expect_unknown(p, &p->tag);
    expect_unknown(p, &digest);
    put_link(p, layout_revision_link(p->repo, &one), &one);
    expect(p, &digest, document(p, "one"));
    assert_true(is_known(p, &digest));
    remove_file(p, layout_blob(&one));
    expect_unknown(p, &digest);
}

/* What was found is not looked for again before the moment is over. */
static void test_moments(void **state)
{
    struct place *p = *state;
    struct digest one = push(p, document(p, "one"));
    struct manifest m;
    expect(p, &p->tag, document(p, "one"));
    assert_true(is_known(p, &p->tag));
    remove_file(p, layout_revision_link(p->repo, &one));
    uint64_t same = p->moment;
    assert_int_equal(manifest_get_again(p->store, p->repo, &p->tag, same, &p->arena, &m), RC_OK);
    assert_int_equal(manifest_get_again(p->store, p->repo, &p->tag, same + 1, &p->arena, &m),
                     RC_NOT_FOUND);
    assert_int_equal(manifest_get_again(p->store, p->repo, &p->tag, same + 1, &p->arena, &m),
                     RC_NOT_FOUND);
}

static bool is_promised_again(struct place *p, const struct digest *d)
{
    struct blob b;
    bool again = blob_promise_again(p->store, p->repo, d, &b) == RC_OK;
    assert_true(!again || (digest_eq(&b.digest, d) && b.size == strlen("one") && b.fd == -1));
    return again;
}

/* Only the second time there is nothing to note. */
static void promise_twice(struct place *p, const struct digest *d)
{
    struct blob b;
    for (int i = 0; i < 2; i++) {
        assert_false(is_promised_again(p, d));
        assert_int_equal(blob_promise(p->store, p->repo, d, &b, NULL), RC_OK);
    }
    assert_true(is_promised_again(p, d));
}

static void test_promise_again(void **state)
{
    struct place *p = *state;
    struct digest d = digest_of(DIGEST_SHA256, SPAN("one"));
    struct path link = layout_layer_link(p->repo, &d);
    put_file(p, layout_blob(&d), SPAN("one"));
    put_link(p, link, &d);
    the_clock.at = time(NULL);
    promise_twice(p, &d);
    the_clock.at++;
    promise_twice(p, &d);

    put_link(p, link, &d);
    promise_twice(p, &d);
    remove_file(p, link);
    assert_false(is_promised_again(p, &d));
    put_link(p, link, &d);
    promise_twice(p, &d);
    remove_file(p, layout_blob(&d));
    assert_false(is_promised_again(p, &d));
}

/* Its content is pinned under a name of its own. */
static void test_alias_is_not_promised_again(void **state)
{
    struct place *p = *state;
    struct blob b;
    struct digest d = digest_of(DIGEST_SHA256, SPAN("one"));
    struct digest alias = digest_of(DIGEST_SHA512, SPAN("one"));
    put_file(p, layout_blob(&d), SPAN("one"));
    put_link(p, layout_layer_link(p->repo, &d), &d);
    put_link(p, layout_layer_link(p->repo, &alias), &d);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(blob_promise(p->store, p->repo, &alias, &b, NULL), RC_OK);
        assert_false(is_promised_again(p, &alias));
    }
}

/* In place, and of the same length: by a disk's repair, or by hand. */
static void test_data_is_damaged(void **state)
{
    struct place *p = *state;
    struct digest one = push(p, document(p, "one"));
    expect(p, &p->tag, document(p, "one"));
    assert_true(is_known(p, &p->tag));
    next_tick();
    FILE *f = fopen(arena_printf(&p->arena, "%s/%s", p->root, layout_blob(&one).s), "r+");
    assert_non_null(f);
    assert_int_equal(fputs("[", f), 1);
    assert_int_equal(fclose(f), 0);
    expect_unknown(p, &p->tag);
    put_file(p, layout_blob(&one), document(p, "one"));
    expect(p, &p->tag, document(p, "one"));
}

static void test_what_is_not_remembered(void **state)
{
    struct place *p = *state;
    the_clock.ahead = 0;
    (void)push(p, document(p, "one"));
    expect(p, &p->tag, document(p, "one"));
    assert_false(is_known(p, &p->tag)); /* it may change within the same tick */
    the_clock.ahead = HOUR;
    char *large = arena_alloc(&p->arena, LARGE + 1);
    memset(large, 'x', LARGE);
    (void)push(p, document(p, large));
    expect(p, &p->tag, document(p, large));
    assert_false(is_known(p, &p->tag)); /* copying it takes its time */
}

int main(void)
{
    const struct CMUnitTest unit_tests[] = {
        cmocka_unit_test_setup_teardown(test_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tag_moves, setup, teardown),
        cmocka_unit_test_setup_teardown(test_manifest_goes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_moments, setup, teardown),
        cmocka_unit_test_setup_teardown(test_promise_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_alias_is_not_promised_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_data_is_damaged, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_not_remembered, setup, teardown),
    };
    return cmocka_run_group_tests(unit_tests, NULL, NULL);
}

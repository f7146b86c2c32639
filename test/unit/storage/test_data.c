/* SPDX-License-Identifier: Apache-2.0
 *
 * What is stored under a digest: listed, read, suspected, and moved aside if it is still the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "storage/store.h"
#include "test/pattern.h"

struct place {
    char root[64];
    struct store *store;
    struct name repo;
    struct arena arena;
};

static int setup(void **state)
{
    struct place *p = calloc(1, sizeof(*p));
    const char *memory = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    (void)snprintf(p->root, sizeof(p->root), "%s/registry-unit-XXXXXX", memory);
    assert_non_null(mkdtemp(p->root));
    assert_int_equal(store_open(p->root, &p->store, NULL), RC_OK);
    assert_int_equal(name_parse(SPAN("a/b"), &p->repo, NULL), RC_OK);
    arena_init(&p->arena);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    char command[128];
    struct place *p = *state;
    store_close(p->store);
    arena_fini(&p->arena);
    (void)snprintf(command, sizeof(command), "rm -r %s", p->root);
    assert_int_equal(system(command), 0);
    free(p);
    return 0;
}

static struct digest push(struct place *p, enum digest_alg alg, struct span bytes)
{
    struct upload_id id;
    struct upload *u;
    struct digest d = digest_of(alg, bytes);
    assert_int_equal(upload_begin(p->store, p->repo, alg, &id, NULL), RC_OK);
    assert_int_equal(upload_open(p->store, p->repo, span_of(id.s), &u, NULL), RC_OK);
    assert_int_equal(upload_append(u, bytes, NULL), RC_OK);
    assert_int_equal(upload_commit(u, &d, NULL), RC_OK);
    upload_close(u);
    return d;
}

static const char *path_of(struct place *p, const char *below)
{
    return arena_printf(&p->arena, "%s%s", p->root, below);
}

static const char *path_of_data(struct place *p, const struct digest *d)
{
    return path_of(p, arena_printf(&p->arena, "%s/data", place_of_blob(d).s));
}

static void overwrite(struct place *p, const struct digest *d, struct span bytes)
{
    FILE *f = fopen(path_of_data(p, d), "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes.p, 1, bytes.n, f), bytes.n);
    assert_int_equal(fclose(f), 0);
}

static bool is_at(struct place *p, const struct digest *d, unsigned n)
{
    return access(path_of(p, place_of_quarantine(d, n).s), F_OK) == 0;
}

static enum rc stat_blob(struct place *p, const struct digest *d)
{
    struct blob b;
    return blob_stat(p->store, p->repo, d, &b, NULL);
}

/* ---- Lists. ----------------------------------------------------------------------------- */

static void test_all_that_begin_alike_in_order(void **state)
{
    enum { BLOBS = 600, BYTES = 256 };
    struct place *p = *state;
    struct digests list;
    size_t seen = 0, others;
    for (int i = 0; i < BLOBS; i++)
        (void)push(p, DIGEST_SHA256, span_of(arena_printf(&p->arena, "blob %d", i)));
    (void)push(p, DIGEST_SHA512, SPAN("of another kind"));
    for (int first = 0; first < BYTES; first++) {
        assert_int_equal(
            data_list(p->store, DIGEST_SHA256, (unsigned char)first, &p->arena, &list, NULL),
            RC_OK);
        for (size_t i = 0; i < list.count; i++) {
            assert_int_equal(list.items[i].bytes[0], first);
            assert_true(i == 0 || memcmp(list.items[i - 1].bytes, list.items[i].bytes,
                                         sizeof(list.items[i].bytes)) < 0);
        }
        seen += list.count;
    }
    assert_int_equal(seen, BLOBS);
    others = 0;
    for (int first = 0; first < BYTES; first++) {
        assert_int_equal(
            data_list(p->store, DIGEST_SHA512, (unsigned char)first, &p->arena, &list, NULL),
            RC_OK);
        others += list.count;
    }
    assert_int_equal(others, 1);
}

/* ---- An empty file is nothing but the empty content. ------------------------------------ */

static void test_an_emptied_blob_is_unknown(void **state)
{
    struct place *p = *state;
    struct blob b;
    struct name other;
    struct digest d = push(p, DIGEST_SHA256, SPAN("some bytes")), suspect;
    assert_int_equal(name_parse(SPAN("other"), &other, NULL), RC_OK);
    overwrite(p, &d, SPAN(""));
    assert_int_equal(blob_stat(p->store, p->repo, &d, &b, NULL), RC_BLOB_UNKNOWN);
    assert_int_equal(blob_promise(p->store, p->repo, &d, &b, NULL), RC_BLOB_UNKNOWN);
    assert_int_equal(blob_open(p->store, p->repo, &d, &b, NULL), RC_BLOB_UNKNOWN);
    assert_int_equal(blob_mount(p->store, &p->repo, other, &d, NULL), RC_BLOB_UNKNOWN);
    assert_int_equal(blob_mount(p->store, NULL, other, &d, NULL), RC_BLOB_UNKNOWN);
    assert_true(data_next_suspect(p->store, &suspect));
    assert_true(digest_eq(&suspect, &d));
    assert_false(data_next_suspect(p->store, &suspect)); /* once is enough */
    (void)push(p, DIGEST_SHA256, SPAN("some bytes"));
    assert_int_equal(stat_blob(p, &d), RC_OK);
}

static void test_the_empty_blob_is_empty(void **state)
{
    struct place *p = *state;
    struct digest d = push(p, DIGEST_SHA256, SPAN("")), e = push(p, DIGEST_SHA512, SPAN(""));
    assert_int_equal(stat_blob(p, &d), RC_OK);
    assert_int_equal(stat_blob(p, &e), RC_OK);
    assert_false(data_has_suspects(p->store));
}

/* ---- Suspects. -------------------------------------------------------------------------- */

static struct digest numbered(int i)
{
    return digest_of(DIGEST_SHA256, span_from(&i, sizeof(i)));
}

static void suspect(struct place *p, int i)
{
    struct digest d = numbered(i);
    data_suspect(p->store, &d);
}

static void assert_next(struct place *p, int i)
{
    struct digest d = numbered(i), got;
    assert_true(data_next_suspect(p->store, &got));
    assert_true(digest_eq(&got, &d));
}

static void settle(struct place *p, int i)
{
    struct digest d = numbered(i);
    data_settle_suspect(p->store, &d);
}

static void test_suspects_come_once(void **state)
{
    struct place *p = *state;
    struct digest d;
    suspect(p, 1);
    suspect(p, 2);
    suspect(p, 1);
    assert_next(p, 1);
    suspect(p, 1); /* it could not be helped: not again */
    assert_next(p, 2);
    assert_false(data_next_suspect(p->store, &d));
    settle(p, 1);
    suspect(p, 1);
    suspect(p, 2);
    assert_next(p, 1);
    assert_false(data_has_suspects(p->store));
    suspect(p, 3);
    settle(p, 3); /* of one that nobody has taken it is not known why */
    assert_next(p, 3);
    settle(p, 1);
    data_renew_suspects(p->store);
    assert_next(p, 2);
    assert_next(p, 3);
    assert_false(data_has_suspects(p->store));
}

static void test_not_more_suspects_than_fit(void **state)
{
    struct place *p = *state;
    struct digest d;
    for (int i = 0; i < SUSPECTS_MAX; i++)
        suspect(p, i);
    suspect(p, SUSPECTS_MAX); /* comes again when it is asked for again */
    for (int i = 0; i < SUSPECTS_MAX; i++)
        assert_next(p, i);
    assert_false(data_next_suspect(p->store, &d));
    suspect(p, SUSPECTS_MAX); /* the oldest has made room */
    assert_next(p, SUSPECTS_MAX);
    suspect(p, 0);
    assert_next(p, 0);
}

/* ---- Moving aside. ---------------------------------------------------------------------- */

static enum verdict set_aside(struct place *p, const struct data *d, unsigned *nth)
{
    enum verdict v = VERDICT_PINNED;
    assert_int_equal(data_set_aside(p->store, d, &v, nth, NULL), RC_OK);
    return v;
}

static void test_moved_aside_and_healed(void **state)
{
    struct place *p = *state;
    struct data data;
    unsigned nth = 99;
    struct digest d = push(p, DIGEST_SHA256, SPAN("right"));
    for (unsigned round = 0; round < 3; round++) {
        overwrite(p, &d, SPAN("wrong"));
        assert_int_equal(data_open(p->store, &d, &data, NULL), RC_OK);
        assert_int_equal(set_aside(p, &data, &nth), VERDICT_REMOVED);
        assert_int_equal(nth, round); /* never over what was moved before */
        for (unsigned n = 0; n <= round; n++)
            assert_true(is_at(p, &d, n));
        assert_int_equal(stat_blob(p, &d), RC_BLOB_UNKNOWN);
        assert_int_not_equal(access(path_of(p, place_of_blob(&d).s), F_OK), 0);
        assert_int_equal(set_aside(p, &data, &nth), VERDICT_GONE);
        data_close(&data);
        (void)push(p, DIGEST_SHA256, SPAN("right"));
        assert_int_equal(stat_blob(p, &d), RC_OK);
    }
}

static void test_what_was_replaced_stays(void **state)
{
    struct place *p = *state;
    struct data data;
    unsigned nth;
    struct digest d = push(p, DIGEST_SHA256, SPAN("right"));
    overwrite(p, &d, SPAN("wrong"));
    assert_int_equal(data_open(p->store, &d, &data, NULL), RC_OK);
    (void)push(p, DIGEST_SHA256, SPAN("right"));
    assert_int_equal(set_aside(p, &data, &nth), VERDICT_GONE);
    data_close(&data);
    assert_int_equal(stat_blob(p, &d), RC_OK);
    assert_false(is_at(p, &d, 0));
}

/* A promise does not hold it: it was damaged before. Somebody at work on it does. */
static void test_only_who_is_at_work_holds_it(void **state)
{
    struct place *p = *state;
    struct data data;
    struct blob b;
    unsigned nth;
    struct digest d = push(p, DIGEST_SHA256, SPAN("right"));
    assert_int_equal(blob_promise(p->store, p->repo, &d, &b, NULL), RC_OK);
    assert_int_equal(data_open(p->store, &d, &data, NULL), RC_OK);
    pins_begin(&p->store->pins, SPAN("another"), PIN_BLOB, &d);
    assert_int_equal(set_aside(p, &data, &nth), VERDICT_PINNED);
    assert_int_equal(stat_blob(p, &d), RC_OK);
    pins_end(&p->store->pins, SPAN("another"), &d, PIN_DROPPED);
    assert_int_equal(set_aside(p, &data, &nth), VERDICT_REMOVED);
    assert_int_equal(stat_blob(p, &d), RC_BLOB_UNKNOWN);
    data_close(&data);
}

static void test_not_while_another_process_is_here(void **state)
{
    struct place *p = *state;
    struct store *other = NULL;
    struct data data;
    enum verdict v;
    unsigned nth;
    struct digest d = push(p, DIGEST_SHA256, SPAN("right"));
    assert_int_equal(data_open(p->store, &d, &data, NULL), RC_OK);
    assert_int_equal(store_open(p->root, &other, NULL), RC_OK);
    assert_int_equal(data_set_aside(p->store, &data, &v, &nth, NULL), RC_GC_RUNNING);
    store_close(other);
    assert_int_equal(stat_blob(p, &d), RC_OK);
    assert_int_equal(set_aside(p, &data, &nth), VERDICT_REMOVED);
    data_close(&data);
}

/* ---- Manifests are compared each time. -------------------------------------------------- */

static struct digest put_manifest(struct place *p, struct span json)
{
    struct oci_manifest m;
    assert_int_equal(oci_parse(json, SPAN(""), &p->arena, &m, NULL), RC_OK);
    struct manifest_new n = {.bytes = json, .digest = digest_of(DIGEST_SHA256, json), .parsed = &m};
    assert_int_equal(manifest_put(p->store, p->repo, &n, NULL), RC_OK);
    return n.digest;
}

static enum rc get_manifest(struct place *p, const struct digest *d)
{
    struct manifest m;
    struct reference r = {.kind = REFERENCE_DIGEST, .digest = *d};
    return manifest_get(p->store, p->repo, &r, &p->arena, &m, NULL);
}

static void test_a_damaged_manifest_is_unknown(void **state)
{
    enum { MUCH = OCI_MANIFEST_MAX + 1 };
    struct place *p = *state;
    struct span json = SPAN("{\"schemaVersion\":2,\"manifests\":[]}");
    struct span much = pattern_bytes(MUCH, 1);
    struct span rows[] = {SPAN(""), SPAN("{\"schemaVersion\":2,\"mani"),
                          SPAN("{\"schemaVersion\":3,\"manifests\":[]}"),
                          SPAN("{\"schemaVersion\":2,\"manifests\":[]}\n"), much};
    for (size_t i = 0; i < array_len(rows); i++) {
        struct digest d = put_manifest(p, json), got;
        assert_int_equal(get_manifest(p, &d), RC_OK);
        assert_false(data_has_suspects(p->store));
        overwrite(p, &d, rows[i]);
        assert_int_equal(get_manifest(p, &d), RC_MANIFEST_UNKNOWN);
        assert_true(data_next_suspect(p->store, &got));
        assert_true(digest_eq(&got, &d));
        data_settle_suspect(p->store, &d);
    }
    free((char *)much.p);
}

/* ---- Links. ----------------------------------------------------------------------------- */

static void write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void test_links(void **state)
{
    struct place *p = *state;
    struct digest d = push(p, DIGEST_SHA256, SPAN("bytes"));
    const char *link =
        path_of(p, arena_printf(&p->arena, "%s/link", place_of_layer(p->repo, &d).s));
    assert_int_equal(layer_check(p->store, p->repo, &d, NULL), RC_OK);
    assert_int_equal(manifest_check(p->store, p->repo, &d, NULL), RC_NOT_FOUND);
    overwrite(p, &d, SPAN(""));
    assert_int_equal(layer_check(p->store, p->repo, &d, NULL), RC_BLOB_UNKNOWN);
    assert_int_equal(unlink(path_of_data(p, &d)), 0);
    assert_int_equal(layer_check(p->store, p->repo, &d, NULL), RC_BLOB_UNKNOWN);
    write_text(link, "sha256:torn");
    assert_int_equal(layer_check(p->store, p->repo, &d, NULL), RC_DIGEST_INVALID);
    assert_int_equal(unlink(link), 0);
    assert_int_equal(layer_check(p->store, p->repo, &d, NULL), RC_NOT_FOUND);
}

#define DATA_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DATA_TEST(test_all_that_begin_alike_in_order),
        DATA_TEST(test_an_emptied_blob_is_unknown),
        DATA_TEST(test_the_empty_blob_is_empty),
        DATA_TEST(test_suspects_come_once),
        DATA_TEST(test_not_more_suspects_than_fit),
        DATA_TEST(test_moved_aside_and_healed),
        DATA_TEST(test_what_was_replaced_stays),
        DATA_TEST(test_only_who_is_at_work_holds_it),
        DATA_TEST(test_not_while_another_process_is_here),
        DATA_TEST(test_a_damaged_manifest_is_unknown),
        DATA_TEST(test_links),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

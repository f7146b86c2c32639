/* SPDX-License-Identifier: Apache-2.0
 *
 * What a verification finds, what it moves aside, and what it leaves alone.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "test/unit/gc/inspect.h"

/* ---- Data. ------------------------------------------------------------------------------ */

static void test_nothing_there(void **state)
{
    struct verify_report r = verify(*state);
    assert_clean(&r);
    assert_int_equal(r.blobs, 0);
    assert_int_equal(r.phase, VERIFY_OVER);
    assert_true(r.started > 0 && r.ended >= r.started);
}

static void test_all_is_well(void **state)
{
    struct shelf *s = *state;
    struct digest child = push_image(s, "app", "1", IMAGE(1, 2, 3));
    (void)push_image(s, "team/other", "1", IMAGE(4, 2));
    (void)push_index(s, "app", "multi", &child, 1);
    (void)push_referrer(s, "app", &child, 9);
    struct verify_report r = verify(s);
    assert_clean(&r);
    assert_int_equal(r.blobs, 9);
    assert_int_equal(r.manifests, 4);
    assert_int_equal(r.repositories, 2);
    assert_int_equal(r.tags, 3);
    assert_int_equal(r.links, 6);
    assert_true(r.bytes > 9);
    assert_true(r.progress == 1);
    assert_false(has_path(s, "quarantine"));
}

static void test_damaged_layers_are_moved_aside_and_healed(void **state)
{
    struct shelf *s = *state;
    struct digest d = blob_digest(2);
    struct digest image = push_image(s, "app", "1", IMAGE(1, 2));
    for (int how = 0; how < DAMAGES; how++) {
        damage(s, &d, (enum damage)how);
        struct span bytes = read_whole(data_of(s, &d).s);
        struct digest is = digest_of(DIGEST_SHA256, bytes);
        struct verify_report r = verify(s);
        assert_int_equal(r.outcome, GC_DONE);
        assert_int_equal(r.damaged, 1);
        assert_int_equal(r.moved, 1);
        assert_int_equal(r.missing, 2); /* the manifest's layer, the link's data */
        assert_int_equal(r.finding_count, 3);
        const struct verify_finding *f = &r.findings[0];
        assert_string_equal(f->what, digest_print(&d).s);
        assert_string_equal(f->data.s, digest_print(&is).s);
        assert_int_equal(f->size, bytes.n);
        assert_string_equal(f->place, place_of_quarantine(&d, (unsigned)how).s);
        assert_found(&r, digest_print(&image).s, digest_print(&d).s);
        struct span moved = read_whole(path_of(s, f->place).s);
        assert_true(span_eq(moved, bytes));
        free((char *)moved.p);
        free((char *)bytes.p);
        assert_int_equal(head_blob(s, "app", 2), RC_BLOB_UNKNOWN);
        assert_int_equal(put_image(s, "app", "2", IMAGE(1, 2)), RC_MANIFEST_BLOB_UNKNOWN);
        (void)push_blob(s, "app", 2);
        assert_true(is_whole(s, "app", IMAGE(1, 2)));
        r = verify(s);
        assert_clean(&r);
    }
}

static void test_damaged_manifests(void **state)
{
    struct shelf *s = *state;
    for (int how = 0; how < DAMAGES; how++) {
        struct digest d = push_image(s, "app", "1", IMAGE(1, 2));
        damage(s, &d, (enum damage)how);
        assert_false(has_manifest(s, "app", &d));
        struct verify_report r = verify(s);
        assert_int_equal(r.damaged, 1);
        assert_int_equal(r.moved, 1);
        assert_found(&r, digest_print(&d).s, "damaged");
        assert_found(&r, "app: manifest ", "missing");
        assert_found(&r, "app: tag 1", "missing");
        assert_false(has_manifest(s, "app", &d));
        assert_false(has_data(s, &d));
        (void)put_image(s, "app", "1", IMAGE(1, 2));
        r = verify(s);
        assert_clean(&r);
    }
}

static void test_other_kinds_of_digest(void **state)
{
    struct shelf *s = *state;
    static const enum digest_alg algs[] = {DIGEST_SHA384, DIGEST_SHA512};
    for (size_t i = 0; i < array_len(algs); i++) {
        struct upload_id id;
        struct upload *u;
        struct name repo = repo_named("app");
        struct digest d = digest_of(algs[i], SPAN("bytes"));
        assert_int_equal(upload_begin(s->store, repo, algs[i], &id, NULL), RC_OK);
        assert_int_equal(upload_open(s->store, repo, span_of(id.s), &u, NULL), RC_OK);
        assert_int_equal(upload_append(u, SPAN("bytes"), NULL), RC_OK);
        assert_int_equal(upload_commit(u, &d, NULL), RC_OK);
        upload_close(u);
        struct verify_report r = verify(s);
        assert_clean(&r);
        write_whole(data_of(s, &d).s, SPAN("bits"));
        r = verify(s);
        assert_int_equal(r.moved, 1);
        assert_string_equal(r.findings[0].what, digest_print(&d).s);
        assert_int_equal(blob_unlink(s->store, repo, &d, NULL), RC_OK);
    }
}

/* Larger than what is read at once, and just as large. */
static void test_large_data(void **state)
{
    enum { PIECE = 256 << 10 };
    static const size_t sizes[] = {PIECE - 1, PIECE, PIECE + 1, 3 * PIECE};
    struct shelf *s = *state;
    for (size_t i = 0; i < array_len(sizes); i++) {
        char *p = malloc(sizes[i]);
        for (size_t k = 0; k < sizes[i]; k++)
            p[k] = (char)(k * k >> 7);
        struct digest d = digest_of(DIGEST_SHA256, span_from(p, sizes[i]));
        struct digest other = blob_digest((int)i);
        (void)push_blob(s, "app", (int)i);
        struct where from = data_of(s, &other), to = data_of(s, &d);
        char command[5000];
        (void)snprintf(command, sizeof(command), "mkdir -p %s%s", s->root, place_of_blob(&d).s);
        assert_int_equal(system(command), 0);
        write_whole(to.s, span_from(p, sizes[i]));
        struct verify_report r = verify(s);
        assert_clean(&r);
        p[sizes[i] - 1] ^= 1;
        write_whole(to.s, span_from(p, sizes[i]));
        r = verify(s);
        assert_int_equal(r.moved, 1);
        assert_int_equal(access(from.s, F_OK), 0);
        free(p);
    }
}

static void test_nothing_is_moved_unless_wanted(void **state)
{
    struct shelf *s = *state;
    struct digest d = blob_digest(2);
    (void)push_image(s, "app", "1", IMAGE(1, 2));
    damage(s, &d, FLIPPED);
    struct verify_report r = verify_with(s, &(struct verify_options){.moves = false});
    assert_int_equal(r.damaged, 1);
    assert_int_equal(r.moved, 0);
    assert_string_equal(r.findings[0].place, "");
    assert_found(&r, "app: manifest ", "is damaged");
    assert_true(has_data(s, &d));
    assert_false(has_path(s, "quarantine"));
    r = verify(s);
    assert_int_equal(r.moved, 1);
}

/* ---- What is to be moved, and cannot be. ------------------------------------------------ */

static void test_it_waits_for_who_is_at_work(void **state)
{
    struct shelf *s = *state;
    struct digest d = push_blob(s, "app", 2);
    enum gc_next next = GC_MORE;
    damage(s, &d, FLIPPED);
    struct verify *v = verify_begin(s->store, &plain);
    pins_begin(&s->store->pins, SPAN("app"), PIN_BLOB, &d);
    while (next == GC_MORE)
        next = verify_step(v, UINT64_MAX, UINT64_MAX);
    assert_int_equal(next, GC_PAUSE);
    assert_int_equal(verify_step(v, UINT64_MAX, UINT64_MAX), GC_PAUSE);
    assert_true(has_data(s, &d));
    pins_end(&s->store->pins, SPAN("app"), &d, PIN_DROPPED);
    assert_int_equal(verify_step(v, UINT64_MAX, UINT64_MAX), GC_END);
    assert_int_equal(verify_report(v)->moved, 1);
    verify_end(v);
}

static void test_what_was_pushed_meanwhile_is_no_finding(void **state)
{
    struct shelf *s = *state;
    struct digest d = push_blob(s, "app", 2);
    enum gc_next next = GC_MORE;
    damage(s, &d, FLIPPED);
    struct verify *v = verify_begin(s->store, &plain);
    pins_begin(&s->store->pins, SPAN("app"), PIN_BLOB, &d);
    while (next == GC_MORE)
        next = verify_step(v, UINT64_MAX, UINT64_MAX);
    assert_int_equal(next, GC_PAUSE);
    (void)push_blob(s, "app", 2);
    pins_end(&s->store->pins, SPAN("app"), &d, PIN_DROPPED);
    assert_int_equal(verify_step(v, UINT64_MAX, UINT64_MAX), GC_END);
    assert_clean(verify_report(v));
    assert_true(has_blob(s, "app", 2));
    verify_end(v);
}

static void test_what_cannot_be_moved_is_named(void **state)
{
    struct shelf *s = *state;
    struct digest d = push_blob(s, "app", 2);
    struct store *other = NULL;
    damage(s, &d, SHORT);
    assert_int_equal(store_open(s->root, &other, NULL), RC_OK);
    struct verify_report r = verify(s);
    store_close(other);
    assert_int_equal(r.damaged, 1);
    assert_int_equal(r.moved, 0);
    assert_found(&r, digest_print(&d).s, "another process");
    assert_true(has_data(s, &d));
}

static void test_what_cannot_be_read_is_named_and_stays(void **state)
{
    struct shelf *s = *state;
    struct digest d = push_blob(s, "app", 2);
    struct where path = data_of(s, &d);
    assert_int_equal(unlink(path.s), 0);
    char command[1300];
    (void)snprintf(command, sizeof(command), "mkdir %s", path.s); /* reading it is EISDIR */
    assert_int_equal(system(command), 0);
    struct verify_report r = verify(s);
    assert_int_equal(r.unreadable, 1);
    assert_int_equal(r.damaged, 0);
    assert_found(&r, digest_print(&d).s, "");
    assert_int_equal(access(path.s, F_OK), 0);
}

/* ---- What goes while it is read. -------------------------------------------------------- */

static void test_what_vanishes_is_no_finding(void **state)
{
    struct shelf *s = *state;
    (void)push_image(s, "app", "1", IMAGE(1, 2, 3, 4, 5, 6));
    struct digest d = push_image(s, "gone", "1", IMAGE(7, 8, 9));
    struct verify *v = verify_begin(s->store, &plain);
    while (verify_report(v)->blobs < 3)
        assert_int_equal(verify_step(v, 0, 0), GC_MORE);
    delete_manifest(s, "gone", &d);
    (void)shelf_collect(s);
    assert_int_equal(count_data(s), 7);
    while (verify_step(v, 0, 0) != GC_END)
        ;
    assert_clean(verify_report(v));
    verify_end(v);
}

/* ---- Beside a collection. --------------------------------------------------------------- */

static void test_a_collection_keeps_what_is_missing(void **state)
{
    struct shelf *s = *state;
    struct digest d = push_image(s, "app", "1", IMAGE(1, 2)), layer = blob_digest(2);
    damage(s, &layer, FLIPPED);
    struct verify_report r = verify(s);
    assert_int_equal(r.moved, 1);
    struct gc_report g = shelf_collect(s);
    assert_int_equal(g.outcome, GC_DONE);
    assert_int_equal(g.skipped_count, 0);
    assert_int_equal(g.blobs, 2);
    assert_true(has_path(s, "quarantine/sha256"));
    (void)push_blob(s, "app", 2);
    assert_true(is_whole(s, "app", IMAGE(1, 2)));
    damage(s, &d, EMPTY);
    r = verify(s);
    assert_int_equal(r.moved, 1);
    s->options.delete_untagged = true;
    g = shelf_collect(s);
    assert_int_equal(g.blobs_deleted, 0); /* nobody knows what the manifest needs */
    assert_int_equal(put_image(s, "app", "1", IMAGE(1, 2)), RC_OK);
    assert_true(is_whole(s, "app", IMAGE(1, 2)));
}

/* ---- Going on. -------------------------------------------------------------------------- */

/* Stops after so many blobs, and another process goes on. */
static struct verify_report stop_after(struct shelf *s, const struct verify_report *before,
                                       uint64_t blobs)
{
    struct verify_options o = {.moves = true, .before = before};
    struct verify *v = verify_begin(s->store, &o);
    while (verify_report(v)->blobs < blobs)
        assert_int_equal(verify_step(v, 0, 0), GC_MORE);
    verify_stop(v);
    assert_int_equal(verify_step(v, UINT64_MAX, UINT64_MAX), GC_END);
    struct verify_report r = *verify_report(v);
    verify_end(v);
    assert_int_equal(r.outcome, GC_STOPPED);
    return r;
}

/* As it is kept in a file. */
static struct verify_report through_json(const struct verify_report *r)
{
    struct buf json;
    struct verify_report out;
    buf_init(&json);
    verify_report_print(r, &json);
    assert_true(verify_report_read(buf_span(&json), &out));
    buf_fini(&json);
    return out;
}

static void test_it_goes_on_where_it_was(void **state)
{
    enum { BLOBS = 40 };
    struct shelf *s = *state;
    struct digest lowest = blob_digest(0);
    for (int i = 0; i < BLOBS; i++) {
        struct digest d = push_blob(s, "app", i);
        if (memcmp(d.bytes, lowest.bytes, sizeof(d.bytes)) < 0)
            lowest = d;
    }
    damage(s, &lowest, FLIPPED);
    struct verify_report r = stop_after(s, NULL, 1);
    assert_int_equal(r.moved, 0); /* in the middle of it: it is read again */
    r = stop_after(s, &r, 3);
    assert_int_equal(r.moved, 1);
    for (uint64_t blobs = 8; blobs < BLOBS; blobs += 5) {
        struct verify_report kept = through_json(&r);
        shelf_restart(s);
        r = stop_after(s, &kept, blobs);
    }
    time_t started = r.started;
    struct verify_options rest = {.moves = true, .before = &r};
    r = verify_with(s, &rest);
    assert_int_equal(r.outcome, GC_DONE);
    assert_int_equal(r.started, started);
    assert_int_equal(r.blobs, BLOBS + 1); /* the first one twice */
    assert_int_equal(r.damaged, 1);
    assert_int_equal(r.finding_count, 2);
    assert_string_equal(r.findings[0].what, digest_print(&lowest).s);
}

static void test_a_report_comes_back(void **state)
{
    struct shelf *s = *state;
    struct digest d = push_image(s, "app", "1", IMAGE(1, 2)), layer = blob_digest(2);
    damage(s, &layer, LONG);
    damage(s, &d, EMPTY);
    struct verify_report r = verify(s), back = through_json(&r);
    struct buf one, two;
    buf_init(&one);
    buf_init(&two);
    verify_report_print(&r, &one);
    verify_report_print(&back, &two);
    assert_string_equal(one.p, two.p);
    assert_false(verify_report_read(SPAN("[]"), &back));
    assert_false(verify_report_read(SPAN("{"), &back));
    assert_true(verify_report_read(SPAN("{\"findings\":[1,{}],\"blobs\":\"x\"}"), &back));
    buf_fini(&one);
    buf_fini(&two);
}

/* ---- Suspects. -------------------------------------------------------------------------- */

static void test_suspects_alone(void **state)
{
    struct shelf *s = *state;
    struct digest d = push_image(s, "app", "1", IMAGE(1, 2));
    struct digest layer = blob_digest(2);
    struct verify_options suspects = {.scope = VERIFY_SUSPECTS, .moves = true};
    struct verify_report r = verify_with(s, &suspects);
    assert_int_equal(r.bytes, 0);
    damage(s, &layer, FLIPPED); /* nobody has seen it */
    damage(s, &d, SHORT);
    assert_false(has_manifest(s, "app", &d));
    r = verify_with(s, &suspects);
    assert_int_equal(r.outcome, GC_DONE);
    assert_int_equal(r.finding_count, 1);
    assert_int_equal(r.moved, 1);
    assert_false(has_data(s, &d));
    assert_true(has_data(s, &layer));
    assert_false(data_has_suspects(s->store));
}

static void test_a_suspect_is_told_once(void **state)
{
    struct shelf *s = *state;
    struct digest d = push_blob(s, "app", 1);
    struct verify_options told = {.suspects = true}; /* and nothing is moved */
    damage(s, &d, EMPTY);
    assert_int_equal(head_blob(s, "app", 1), RC_BLOB_UNKNOWN);
    struct verify_report r = verify_with(s, &told);
    assert_int_equal(r.damaged, 1);
    assert_int_equal(r.finding_count, 2); /* and its link */
    assert_int_equal(head_blob(s, "app", 1), RC_BLOB_UNKNOWN);
    assert_false(data_has_suspects(s->store));
    data_renew_suspects(s->store);
    r = verify_with(s, &(struct verify_options){.suspects = true, .moves = true});
    assert_int_equal(r.moved, 1);
}

static void test_a_suspect_may_be_innocent(void **state)
{
    struct shelf *s = *state;
    struct digest d = push_blob(s, "app", 1);
    struct verify_options suspects = {.scope = VERIFY_SUSPECTS, .moves = true};
    data_suspect(s->store, &d);
    struct verify_report r = verify_with(s, &suspects);
    assert_clean(&r);
    data_suspect(s->store, &d); /* again, if there is a reason again */
    assert_true(data_has_suspects(s->store));
}

static void test_budgets(void **state)
{
    struct shelf *s = *state;
    for (int i = 0; i < 20; i++)
        (void)push_blob(s, "app", i);
    struct verify *v = verify_begin(s->store, &plain);
    assert_int_equal(verify_step(v, UINT64_MAX, 3 * VERIFY_SEEK_BYTES), GC_MORE);
    assert_in_range(verify_cost(v), 3 * VERIFY_SEEK_BYTES, 4 * VERIFY_SEEK_BYTES);
    assert_in_range(verify_report(v)->blobs, 2, 3);
    assert_int_equal(verify_step(v, UINT64_MAX, UINT64_MAX), GC_END);
    assert_int_equal(verify_step(v, UINT64_MAX, UINT64_MAX), GC_END);
    assert_int_equal(verify_report(v)->blobs, 20);
    verify_end(v);
}

/* ---- Leftovers. ------------------------------------------------------------------------- */

/* A file that was written to so long ago. */
static struct where put_aged(struct shelf *s, const char *dir, const char *name, time_t age)
{
    struct where w = path_of(s, dir);
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = time(NULL) - age}};
    strcat(w.s, name);
    write_whole(w.s, SPAN("cut off"));
    assert_int_equal(utimensat(AT_FDCWD, w.s, times, 0), 0);
    return w;
}

#define OLD "/link.0123456789abcdef.tmp"
#define THEIRS "/data.01234567-89ab-cdef-0123-456789abcdef.tmp"
#define REPO "/docker/registry/v2/repositories/app"

/* Beside what is in use no collection looks: whatever a process leaves there that is killed, this
 * removes, and nothing that may still be written. */
static void test_leftovers(void **state)
{
    enum { MINUTES = 3000, HOURS = 4000 };
    struct shelf *s = *state;
    const struct verify_options looks = {.scope = VERIFY_EVERYTHING, .moves = false};
    struct digest d = push_image(s, "app", "1", IMAGE(1, 2)), layer = blob_digest(2);
    struct where gone[] = {
        put_aged(s, place_of_layer(repo_named("app"), &layer).s, OLD, HOURS),
        put_aged(s, place_of_manifest(repo_named("app"), &d).s, OLD, HOURS),
        put_aged(s, place_of_blob(&d).s, THEIRS, HOURS),
        put_aged(s, REPO "/_manifests/tags/1/current", OLD, HOURS),
        put_aged(s, "/run", "/probe.0123456789abcdef.tmp", -HOURS),
    };
    struct where stays[] = {
        put_aged(s, place_of_layer(repo_named("app"), &layer).s, "/link.0123456789abcde0.tmp",
                 MINUTES),
        put_aged(s, REPO, "/notes.tmp", HOURS),
        put_aged(s, REPO, "/0123456789abcdef.tmp", HOURS),
        put_aged(s, REPO, "/a.0123456789abcdeg.tmp", HOURS),
        put_aged(s, REPO, "/a.0123456789abcdef.temp", HOURS),
        put_aged(s, "", "/beside.0123456789abcdef.tmp", HOURS),
        path_of(s, "/run/lock"),
        path_of(s, REPO "/_manifests/tags/a.0123456789abcdef.tmp/current/link"),
    };
    (void)push_image(s, "app", "a.0123456789abcdef.tmp", IMAGE(1, 2));
    struct verify_report r = verify_with(s, &looks);
    assert_int_equal(r.leftovers, 0);
    assert_int_equal(access(gone[0].s, F_OK), 0);
    r = verify(s);
    assert_clean(&r);
    assert_int_equal(r.leftovers, array_len(gone));
    for (size_t i = 0; i < array_len(gone); i++)
        assert_int_equal(access(gone[i].s, F_OK), -1);
    for (size_t i = 0; i < array_len(stays); i++)
        assert_int_equal(access(stays[i].s, F_OK), 0);
    assert_true(is_whole(s, "app", IMAGE(1, 2)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SHELF_TEST(test_nothing_there),
        SHELF_TEST(test_all_is_well),
        SHELF_TEST(test_damaged_layers_are_moved_aside_and_healed),
        SHELF_TEST(test_damaged_manifests),
        SHELF_TEST(test_other_kinds_of_digest),
        SHELF_TEST(test_large_data),
        SHELF_TEST(test_nothing_is_moved_unless_wanted),
        SHELF_TEST(test_it_waits_for_who_is_at_work),
        SHELF_TEST(test_what_was_pushed_meanwhile_is_no_finding),
        SHELF_TEST(test_what_cannot_be_moved_is_named),
        SHELF_TEST(test_what_cannot_be_read_is_named_and_stays),
        SHELF_TEST(test_what_vanishes_is_no_finding),
        SHELF_TEST(test_a_collection_keeps_what_is_missing),
        SHELF_TEST(test_it_goes_on_where_it_was),
        SHELF_TEST(test_a_report_comes_back),
        SHELF_TEST(test_suspects_alone),
        SHELF_TEST(test_a_suspect_is_told_once),
        SHELF_TEST(test_a_suspect_may_be_innocent),
        SHELF_TEST(test_budgets),
        SHELF_TEST(test_leftovers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Collections on a disk that fails: for each error, each call that can have it fails once, or all
 * from that one on; on file systems that say what an entry of a directory is, and on others. What
 * is needed stays, what could not be done is told, and the next collection does it.
 */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "test/fail.h"
#include "test/unit/gc/shelf.h"

enum { HOUR_MS = 3600 * 1000 };

struct scene {
    struct shelf shelf;
    struct digest child, index, referrer;
    unsigned data; /* how much of it is needed */
};

/* A name for what is sha256, as the registry image leaves one beside it. */
static void push_sha512(struct scene *s, const char *repo)
{
    struct upload *u = NULL;
    struct upload_id id;
    struct digest d = digest_of(DIGEST_SHA512, SPAN("under another name"));
    assert_int_equal(upload_begin(s->shelf.store, repo_named(repo), DIGEST_SHA512, &id, NULL),
                     RC_OK);
    assert_int_equal(upload_open(s->shelf.store, repo_named(repo), span_of(id.s), &u, NULL), RC_OK);
    assert_int_equal(upload_append(u, SPAN("under another name"), NULL), RC_OK);
    assert_int_equal(upload_commit(u, &d, NULL), RC_OK);
    upload_close(u);
}

/* A repository that somebody has moved elsewhere, and linked. */
static void move_away(struct scene *s, const char *repo)
{
    char from[256], to[256];
    (void)snprintf(from, sizeof(from), "%s/docker/registry/v2/repositories/%s", s->shelf.root,
                   repo);
    (void)snprintf(to, sizeof(to), "%s/elsewhere", s->shelf.root);
    assert_int_equal(rename(from, to), 0);
    assert_int_equal(symlink(to, from), 0);
}

static void make_needed(struct scene *s)
{
    struct shelf *f = &s->shelf;
    s->child = push_image(f, "app", NULL, IMAGE(1, 2));
    s->index = push_index(f, "app", "all", &s->child, 1);
    s->referrer = push_referrer(f, "app", &s->child, 3);
    (void)push_image(f, "linked", "one", IMAGE(4, 4));
    move_away(s, "linked");
    s->data = count_data(f);
}

static void make_garbage(struct scene *s)
{
    struct shelf *f = &s->shelf;
    struct upload_id id;
    struct digest d = push_image(f, "app", "gone", IMAGE(20, 2));
    delete_manifest(f, "app", &d);
    (void)push_image(f, "other", "gone", IMAGE(21, 21));
    delete_tag(f, "other", "gone");
    push_sha512(s, "app");
    assert_int_equal(upload_begin(f->store, repo_named("other"), DIGEST_SHA256, &id, NULL), RC_OK);
    shelf_pass(f, 2 * HOUR_MS);
}

static bool is_all_there(struct scene *s)
{
    struct shelf *f = &s->shelf;
    return is_whole(f, "app", IMAGE(1, 2)) && has_manifest(f, "app", &s->index) &&
           has_manifest(f, "app", &s->referrer) && has_blob(f, "app", 3) &&
           is_whole(f, "linked", IMAGE(4, 4));
}

/* Without delete_untagged, the image of which only the tag was deleted is needed, too. */
static bool has_no_garbage(struct scene *s)
{
    enum { UNTAGGED = 2 };
    return count_data(&s->shelf) == s->data + (s->shelf.options.delete_untagged ? 0 : UNTAGGED);
}

static void scene_init(struct scene *s, bool delete_untagged)
{
    shelf_init(&s->shelf);
    s->shelf.options.delete_untagged = delete_untagged;
    s->shelf.options.upload_age_ms = HOUR_MS;
    make_needed(s);
}

/* ---- One after the other. --------------------------------------------------------------- */

struct trouble {
    int error;
    enum fail_how how;
    unsigned step;
};

struct attempt {
    const struct trouble *trouble;
    unsigned at;
    const char *call;
};

static void must(const struct attempt *t, bool holds, const char *what)
{
    if (!holds)
        fail_msg("%s %s call %u (%s): %s", strerrorname_np(t->trouble->error),
                 t->trouble->how == FAIL_ONCE ? "at" : "from", t->at, t->call ? t->call : "none",
                 what);
}

static unsigned descriptors(void)
{
    unsigned n = 0;
    DIR *d = opendir("/proc/self/fd");
    while (readdir(d))
        n++;
    (void)closedir(d);
    return n;
}

static bool is_done(const struct gc_report *r)
{
    return r->outcome == GC_DONE && r->skipped_count == 0;
}

/* false: there was no such call any more. */
static bool attempt(struct attempt *t, struct scene *s)
{
    struct fail fail = {.error = t->trouble->error, .how = t->trouble->how, .at = t->at};
    unsigned before = descriptors();
    make_garbage(s);
    fail_begin(&fail);
    struct gc_report r = shelf_collect(&s->shelf);
    t->call = fail_end();
    must(t, descriptors() == before, "a descriptor is held");
    must(t, is_all_there(s), "something is gone that is needed");
    must(t, r.outcome == GC_DONE || r.failure[0] != '\0', "it does not say why it failed");
    if (is_done(&r))
        must(t, has_no_garbage(s), "it does not say that something is left");
    if (t->call)
        r = shelf_collect(&s->shelf);
    must(t, is_done(&r), "the next one fails");
    must(t, has_no_garbage(s), "the next one leaves something");
    must(t, is_all_there(s), "the next one has taken something that is needed");
    return t->call != NULL;
}

static void try_all(const struct trouble *trouble, bool delete_untagged)
{
    struct scene s;
    struct attempt t = {.trouble = trouble};
    scene_init(&s, delete_untagged);
    while (attempt(&t, &s))
        t.at += trouble->step;
    shelf_fini(&s.shelf);
}

static const struct trouble each_call = {EIO, FAIL_ONCE, 1};

/* Of what each_call has gone through call by call, every third one or so. */
static const struct trouble troubles[] = {
    {EIO, FAIL_FROM, 3},    {EMFILE, FAIL_ONCE, 1}, {ENFILE, FAIL_FROM, 3}, {EACCES, FAIL_FROM, 5},
    {ENOSPC, FAIL_ONCE, 1}, {EDQUOT, FAIL_FROM, 1}, {EROFS, FAIL_FROM, 3},
};

static void test_each_call(void **state)
{
    (void)state;
    try_all(&each_call, false);
}

static void test_each_call_where_kinds_are_not_told(void **state)
{
    (void)state;
    fail_hide_kinds(true);
    try_all(&each_call, true);
    fail_hide_kinds(false);
}

static void test_all_errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < array_len(troubles); i++) {
        try_all(&troubles[i], true);
        try_all(&troubles[i], false);
    }
}

/* A full disk is what they are for. */
static void test_full_disk(void **state)
{
    static const struct fail full = {.error = EDQUOT, .how = FAIL_FROM, .at = 0};
    struct scene s;
    (void)state;
    scene_init(&s, true);
    make_garbage(&s);
    fail_begin(&full);
    struct gc_report r = shelf_collect(&s.shelf);
    (void)fail_end();
    assert_true(is_done(&r));
    assert_true(has_no_garbage(&s));
    assert_true(is_all_there(&s));
    shelf_fini(&s.shelf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_call),
        cmocka_unit_test(test_each_call_where_kinds_are_not_told),
        cmocka_unit_test(test_all_errors),
        cmocka_unit_test(test_full_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Clients and a collection on one store, in every order of their system calls and locks with one
 * switch between them, and in a part of those with two; INTERLEAVE=all: in all of those.
 * TEST_SEED picks the part. What a client was told stays, whatever the order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gc/verify.h"
#include "test/unit/gc/shelf.h"
#include "test/unit/gc/turns.h"

enum { SWITCHES = 2, RARITY = 16, HOUR_MS = 3600 * 1000 };

/* What the actors work on, and what the client was told. */
struct scene {
    struct shelf shelf;
    struct digest child, middle, index;
    enum rc told, accepted;
};

static void must(struct scene *s, bool holds, const char *what)
{
    (void)s;
    if (!holds)
        fail_msg("schedule %u: %s", turns_schedule(), what);
}

static void age(struct scene *s)
{
    pins_pass_time(&s->shelf.store->pins, 2 * HOUR_MS);
}

static void take_away(void *ctx)
{
    struct scene *s = ctx;
    shelf_fini(&s->shelf);
}

static void collect(void *ctx)
{
    struct scene *s = ctx;
    struct gc_report r = shelf_collect(&s->shelf);
    must(s, r.outcome == GC_DONE && r.skipped_count == 0, "the collection failed");
}

static void explore(const char *what, struct turns *t)
{
    struct scene scene;
    const char *extent = getenv("INTERLEAVE"), *seed = getenv("TEST_SEED");
    t->ctx = &scene;
    t->switches = SWITCHES;
    t->rarity = extent && strcmp(extent, "all") == 0 ? 1 : RARITY;
    t->seed = seed ? (unsigned)strtoul(seed, NULL, 10) : (unsigned)getpid();
    print_message("%s: seed %u\n", what, t->seed);
    unsigned n = turns_explore(t);
    print_message("%s: %u schedules\n", what, n);
    assert_true(n > 100);
}

/* An image that was deleted an hour ago: 1 and 2 are about to go. */
static void deleted_image(void *ctx)
{
    struct scene *s = ctx;
    shelf_init(&s->shelf);
    struct digest d = push_image(&s->shelf, "app", "1", IMAGE(1, 2));
    delete_manifest(&s->shelf, "app", &d);
    age(s);
}

static void check_new_image(void *ctx)
{
    struct scene *s = ctx;
    must(s, s->accepted == RC_OK, "the manifest was refused");
    must(s, is_whole(&s->shelf, "app", IMAGE(7, 2)), "the image is not whole");
    (void)shelf_collect(&s->shelf);
    must(s, is_whole(&s->shelf, "app", IMAGE(7, 2)), "the image is not whole a run later");
    take_away(s);
}

/* As docker pushes: what is reported present is not uploaded. */
static void head_then_push(void *ctx)
{
    struct scene *s = ctx;
    s->told = head_blob(&s->shelf, "app", 2);
    if (s->told != RC_OK)
        (void)push_blob(&s->shelf, "app", 2);
    s->accepted = put_image(&s->shelf, "app", "2", IMAGE(7, 2));
}

static void with_config(void *ctx)
{
    struct scene *s = ctx;
    deleted_image(ctx);
    (void)push_blob(&s->shelf, "app", 7);
}

static void test_head_of_a_blob_that_goes(void **state)
{
    (void)state;
    explore("head", &(struct turns){.before = with_config,
                                    .actors = {head_then_push, collect},
                                    .actor_count = 2,
                                    .after = check_new_image});
}

/* ---- As before, where a promise is made again on the loop. ------------------------------- */

/* The second stands still, and what was stored has stood still before. */
static struct {
    time_t at; /* 0: the clock goes */
    unsigned answered_again;
} standing;

time_t __wrap_time(time_t *out);
time_t __real_time(time_t *out);

time_t __wrap_time(time_t *out)
{
    time_t now = standing.at != 0 ? standing.at : __real_time(NULL);
    if (out)
        *out = now;
    return now;
}

static void promised_before(void *ctx)
{
    struct scene *s = ctx;
    deleted_image(ctx);
    standing.at = __real_time(NULL) + 10;
    must(s, head_blob(&s->shelf, "app", 2) == RC_OK, "it is not there");
    must(s, head_blob(&s->shelf, "app", 2) == RC_OK, "it is not there");
    age(s);
    (void)push_blob(&s->shelf, "app", 7);
}

static void head_again_then_push(void *ctx)
{
    struct scene *s = ctx;
    struct blob b;
    struct digest d = blob_digest(2);
    s->told = blob_promise_again(s->shelf.store, repo_named("app"), &d, &b);
    standing.answered_again += s->told == RC_OK;
    if (s->told == RC_OK)
        s->accepted = put_image(&s->shelf, "app", "2", IMAGE(7, 2));
    else
        head_then_push(ctx);
}

static void check_and_let_time_go(void *ctx)
{
    check_new_image(ctx);
    standing.at = 0;
}

static void test_promise_again_of_a_blob_that_goes(void **state)
{
    (void)state;
    explore("head again", &(struct turns){.before = promised_before,
                                          .actors = {head_again_then_push, collect},
                                          .actor_count = 2,
                                          .after = check_and_let_time_go});
    assert_true(standing.answered_again > 0);
}

/* The push is over, and the run goes on for hours. */
static void head_then_push_then_time(void *ctx)
{
    head_then_push(ctx);
    age(ctx);
}

static void test_run_that_takes_long(void **state)
{
    (void)state;
    explore("long run", &(struct turns){.before = with_config,
                                        .actors = {head_then_push_then_time, collect},
                                        .actor_count = 2,
                                        .after = check_new_image});
}

/* The final PUT of the same content just before the sweep, its manifest just after. */
static void upload_then_push(void *ctx)
{
    struct scene *s = ctx;
    (void)push_blob(&s->shelf, "app", 2);
    s->accepted = put_image(&s->shelf, "app", "2", IMAGE(7, 2));
}

static void test_upload_of_a_blob_that_goes(void **state)
{
    (void)state;
    explore("upload", &(struct turns){.before = with_config,
                                      .actors = {upload_then_push, collect},
                                      .actor_count = 2,
                                      .after = check_new_image});
}

static void mount_then_push(void *ctx)
{
    struct scene *s = ctx;
    s->told = mount_blob(&s->shelf, "app", "other", 2);
    if (s->told != RC_OK)
        (void)push_blob(&s->shelf, "other", 2);
    s->accepted = put_image(&s->shelf, "other", "1", IMAGE(7, 2));
}

static void with_other_config(void *ctx)
{
    struct scene *s = ctx;
    deleted_image(ctx);
    (void)push_blob(&s->shelf, "other", 7);
}

static void check_mounted(void *ctx)
{
    struct scene *s = ctx;
    must(s, s->accepted == RC_OK, "the manifest was refused");
    must(s, is_whole(&s->shelf, "other", IMAGE(7, 2)), "the image is not whole");
    take_away(s);
}

static void test_mount_of_a_blob_that_goes(void **state)
{
    (void)state;
    explore("mount", &(struct turns){.before = with_other_config,
                                     .actors = {mount_then_push, collect},
                                     .actor_count = 2,
                                     .after = check_mounted});
}

/* ---- The same manifest again, while its data goes. -------------------------------------- */

static void push_the_same(void *ctx)
{
    struct scene *s = ctx;
    if (head_blob(&s->shelf, "app", 1) != RC_OK)
        (void)push_blob(&s->shelf, "app", 1);
    if (head_blob(&s->shelf, "app", 2) != RC_OK)
        (void)push_blob(&s->shelf, "app", 2);
    s->accepted = put_image(&s->shelf, "app", "1", IMAGE(1, 2));
}

static void check_the_same(void *ctx)
{
    struct scene *s = ctx;
    must(s, s->accepted == RC_OK, "the manifest was refused");
    must(s, is_whole(&s->shelf, "app", IMAGE(1, 2)), "the image is not whole");
    take_away(s);
}

static void test_the_same_image_again(void **state)
{
    (void)state;
    explore("again", &(struct turns){.before = deleted_image,
                                     .actors = {push_the_same, collect},
                                     .actor_count = 2,
                                     .after = check_the_same});
}

/* ---- An index over a child that has lost its tag. --------------------------------------- */

static void untagged_child(void *ctx)
{
    struct scene *s = ctx;
    shelf_init(&s->shelf);
    s->shelf.options.delete_untagged = true;
    s->child = push_image(&s->shelf, "app", "1", IMAGE(1, 2));
    delete_tag(&s->shelf, "app", "1");
    age(s);
}

static void ask_then_push_index(void *ctx)
{
    struct scene *s = ctx;
    s->told = manifest_promise(s->shelf.store, repo_named("app"), &s->child, NULL);
    s->accepted = put_index(&s->shelf, "app", "multi", &s->child, 1, &s->index);
}

static void push_index_blindly(void *ctx)
{
    struct scene *s = ctx;
    s->told = RC_NOT_FOUND;
    s->accepted = put_index(&s->shelf, "app", "multi", &s->child, 1, &s->index);
}

/* Promised, it is whole. Else it is whole or gone, and never half of it. */
static void check_index(void *ctx)
{
    struct scene *s = ctx;
    must(s, s->accepted == RC_OK, "the index was refused");
    must(s, has_manifest(&s->shelf, "app", &s->index), "the index is gone");
    bool there = has_manifest(&s->shelf, "app", &s->child);
    must(s, there || s->told != RC_OK, "the promised child is gone");
    must(s, !there || is_whole(&s->shelf, "app", IMAGE(1, 2)), "the child is not whole");
    take_away(s);
}

static void test_index_over_a_child_that_goes(void **state)
{
    (void)state;
    explore("index", &(struct turns){.before = untagged_child,
                                     .actors = {ask_then_push_index, collect},
                                     .actor_count = 2,
                                     .after = check_index});
    explore("index, not asked", &(struct turns){.before = untagged_child,
                                                .actors = {push_index_blindly, collect},
                                                .actor_count = 2,
                                                .after = check_index});
}

static void untagged_tree(void *ctx)
{
    struct scene *s = ctx;
    shelf_init(&s->shelf);
    s->shelf.options.delete_untagged = true;
    s->child = push_image(&s->shelf, "app", NULL, IMAGE(1, 2));
    s->middle = push_index(&s->shelf, "app", "old", &s->child, 1);
    delete_tag(&s->shelf, "app", "old");
    age(s);
}

static void push_index_over_middle(void *ctx)
{
    struct scene *s = ctx;
    s->accepted = put_index(&s->shelf, "app", "multi", &s->middle, 1, &s->index);
}

static void check_tree(void *ctx)
{
    struct scene *s = ctx;
    must(s, s->accepted == RC_OK, "the index was refused");
    bool there = has_manifest(&s->shelf, "app", &s->middle);
    must(s, !there || is_whole(&s->shelf, "app", IMAGE(1, 2)), "what the child reaches is gone");
    take_away(s);
}

static void test_index_over_an_index_that_goes(void **state)
{
    (void)state;
    explore("nested", &(struct turns){.before = untagged_tree,
                                      .actors = {push_index_over_middle, collect},
                                      .actor_count = 2,
                                      .after = check_tree});
}

/* ---- Someone deletes the last manifest while another relies on its blob. ---------------- */

static void live_image(void *ctx)
{
    struct scene *s = ctx;
    shelf_init(&s->shelf);
    s->child = push_image(&s->shelf, "app", "1", IMAGE(1, 2));
    age(s);
    (void)push_blob(&s->shelf, "app", 7);
}

/* It loses its tags before it goes, and a collection takes it in between. */
static void tagged_image(void *ctx)
{
    struct scene *s = ctx;
    live_image(ctx);
    s->shelf.options.delete_untagged = true;
}

static void delete_it(void *ctx)
{
    struct scene *s = ctx;
    struct reference r = by_digest(&s->child);
    struct arena a;
    struct list tags;
    arena_init(&a);
    s->accepted = manifest_delete(s->shelf.store, repo_named("app"), &r, &a, &tags, NULL);
    arena_fini(&a);
}

static void check_deleted(void *ctx)
{
    struct scene *s = ctx;
    must(s, s->accepted == RC_OK, "the delete was refused");
    must(s, !has_manifest(&s->shelf, "app", &s->child), "the manifest is still there");
    take_away(s);
}

static void test_delete_of_what_is_collected(void **state)
{
    (void)state;
    explore("deleted", &(struct turns){.before = tagged_image,
                                       .actors = {delete_it, collect},
                                       .actor_count = 2,
                                       .after = check_deleted});
}

static void delete_and_collect(void *ctx)
{
    struct scene *s = ctx;
    delete_manifest(&s->shelf, "app", &s->child);
    collect(ctx);
}

static void test_head_while_the_last_manifest_goes(void **state)
{
    (void)state;
    explore("delete", &(struct turns){.before = live_image,
                                      .actors = {head_then_push, delete_and_collect},
                                      .actor_count = 2,
                                      .after = check_new_image});
}

/* ---- Damage is moved aside while somebody pushes the same. ------------------------------- */

static void damage(struct scene *s, const struct digest *d)
{
    char path[1200];
    (void)snprintf(path, sizeof(path), "%s%s/data", s->shelf.root, place_of_blob(d).s);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs("what a broken disk says", f) >= 0);
    assert_int_equal(fclose(f), 0);
    data_suspect(s->shelf.store, d);
}

static void damaged_image(void *ctx)
{
    struct scene *s = ctx;
    struct digest layer = blob_digest(2);
    shelf_init(&s->shelf);
    s->child = push_image(&s->shelf, "app", "1", IMAGE(1, 2));
    damage(s, &layer);
    damage(s, &s->child);
}

/* Who is at work on something is not waited for here. */
static struct verify_report verify_suspects(struct scene *s)
{
    struct verify_options o = {.scope = VERIFY_SUSPECTS, .moves = true};
    struct verify *v = verify_begin(s->shelf.store, &o);
    while (verify_step(v, UINT64_MAX, UINT64_MAX) == GC_MORE)
        ;
    struct verify_report r = *verify_report(v);
    verify_end(v);
    return r;
}

static void verify(void *ctx)
{
    struct verify_report r = verify_suspects(ctx);
    must(ctx, r.unreadable == 0 && r.damaged == r.moved, "the verification failed");
}

static void push_all_again(void *ctx)
{
    struct scene *s = ctx;
    (void)push_blob(&s->shelf, "app", 1);
    (void)push_blob(&s->shelf, "app", 2);
    s->accepted = put_image(&s->shelf, "app", "1", IMAGE(1, 2));
}

/* What was pushed is there, and is what was pushed. */
static void check_healed(void *ctx)
{
    struct scene *s = ctx;
    struct digest layer = blob_digest(2);
    must(s, s->accepted == RC_OK, "the manifest was refused");
    must(s, is_whole(&s->shelf, "app", IMAGE(1, 2)), "what was pushed is gone");
    data_settle_suspect(s->shelf.store, &layer);
    data_settle_suspect(s->shelf.store, &s->child);
    data_suspect(s->shelf.store, &layer);
    must(s, verify_suspects(s).damaged == 0, "what was pushed is not healed");
    take_away(s);
}

static void test_push_of_what_is_moved_aside(void **state)
{
    (void)state;
    explore("heal", &(struct turns){.before = damaged_image,
                                    .actors = {push_all_again, verify},
                                    .actor_count = 2,
                                    .after = check_healed});
}

/* Who was told that the layer is there does not push it, unless the manifest is refused for it. */
static void push_what_is_not_there(void *ctx)
{
    struct scene *s = ctx;
    s->told = head_blob(&s->shelf, "app", 2);
    if (s->told != RC_OK)
        (void)push_blob(&s->shelf, "app", 2);
    s->accepted = put_image(&s->shelf, "app", "1", IMAGE(1, 2));
}

static void check_told(void *ctx)
{
    struct scene *s = ctx;
    must(s, s->accepted == RC_OK || (s->told == RC_OK && s->accepted == RC_MANIFEST_BLOB_UNKNOWN),
         "refused without a reason");
    must(s, has_blob(&s->shelf, "app", 2) || s->told == RC_OK, "what was pushed is gone");
    push_all_again(ctx);
    check_healed(ctx);
}

static void test_promise_of_what_is_moved_aside(void **state)
{
    (void)state;
    explore("promise", &(struct turns){.before = damaged_image,
                                       .actors = {push_what_is_not_there, verify},
                                       .actor_count = 2,
                                       .after = check_told});
}

/* ---- What is deleted while links are looked at is not missing. --------------------------- */

static void look_at_links(void *ctx)
{
    struct verify_report behind_all_data = {.started = 1};
    struct verify_options o = {.before = &behind_all_data};
    struct scene *s = ctx;
    struct digest last = {.alg = DIGEST_SHA512};
    memset(last.bytes, -1, sizeof(last.bytes));
    behind_all_data.position = digest_print(&last);
    struct verify *v = verify_begin(s->shelf.store, &o);
    while (verify_step(v, UINT64_MAX, UINT64_MAX) == GC_MORE)
        ;
    struct verify_report r = *verify_report(v);
    verify_end(v);
    if (r.finding_count > 0)
        print_error("%s: %s\n", r.findings[0].what, r.findings[0].reason);
    must(s, r.outcome == GC_DONE && r.repositories <= 1, "the verification failed");
    must(s, r.finding_count == 0, "something is missing that was deleted");
}

static void tagged_tree(void *ctx)
{
    struct scene *s = ctx;
    shelf_init(&s->shelf);
    s->shelf.options.delete_untagged = true;
    s->child = push_image(&s->shelf, "app", NULL, IMAGE(1, 2));
    s->index = push_index(&s->shelf, "app", "1", &s->child, 1);
    age(s);
}

/* Parents first, as clients have to. */
static void delete_tree_and_collect(void *ctx)
{
    struct scene *s = ctx;
    delete_manifest(&s->shelf, "app", &s->index);
    delete_manifest(&s->shelf, "app", &s->child);
    collect(ctx);
}

static void test_delete_while_links_are_looked_at(void **state)
{
    (void)state;
    explore("links", &(struct turns){.before = tagged_tree,
                                     .actors = {look_at_links, delete_tree_and_collect},
                                     .actor_count = 2,
                                     .after = take_away});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_head_of_a_blob_that_goes),
        cmocka_unit_test(test_promise_again_of_a_blob_that_goes),
        cmocka_unit_test(test_run_that_takes_long),
        cmocka_unit_test(test_upload_of_a_blob_that_goes),
        cmocka_unit_test(test_mount_of_a_blob_that_goes),
        cmocka_unit_test(test_the_same_image_again),
        cmocka_unit_test(test_index_over_a_child_that_goes),
        cmocka_unit_test(test_index_over_an_index_that_goes),
        cmocka_unit_test(test_head_while_the_last_manifest_goes),
        cmocka_unit_test(test_delete_of_what_is_collected),
        cmocka_unit_test(test_push_of_what_is_moved_aside),
        cmocka_unit_test(test_promise_of_what_is_moved_aside),
        cmocka_unit_test(test_delete_while_links_are_looked_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

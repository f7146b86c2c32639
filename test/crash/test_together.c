/* SPDX-License-Identifier: Apache-2.0
 *
 * Clients and a collection at the same time: between two of the system calls of one, the others do
 * all they have to, or a part of it; and then the machine crashes. What one has seen of another's
 * work may be lost then, as long as nobody was told what rests on it.
 *
 * TEST_SEED picks the schedules and the outcomes; CRASH=all: more of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "test/crash/scene.h"
#include "test/unit/gc/turns.h"

enum { SWITCHES = 2, RARITY = 512, RARITY_ALL = 8, SAMPLE = 3, SAMPLE_ALL = 24, EVERY = 8 };

struct pair {
    struct scene scene;
    const char *what;
    void (*set_up)(struct scene *s);
    void (*actors[2])(struct scene *s);
    int failing; /* which call fails, of all that the two make; -1: none */
    struct crash_sum sum;
};

static void before(void *ctx)
{
    struct pair *p = ctx;
    scene_init(&p->scene);
    p->set_up(&p->scene);
    scene_settle(&p->scene);
    if (p->failing >= 0) {
        p->scene.quiet = true;
        record_fail(FAIL_ONE, (unsigned)p->failing);
    }
}

static void first(void *ctx)
{
    struct pair *p = ctx;
    p->actors[0](&p->scene);
}

static void second(void *ctx)
{
    struct pair *p = ctx;
    p->actors[1](&p->scene);
}

static void after(void *ctx)
{
    struct pair *p = ctx;
    scene_crash_like(&p->scene, p->what, &p->sum);
}

static void explore_failing(const char *what, int failing, void (*set_up)(struct scene *s),
                            void (*a)(struct scene *s), void (*b)(struct scene *s))
{
    struct pair *p = must_calloc(sizeof(*p));
    *p = (struct pair){.what = what, .failing = failing, .set_up = set_up, .actors = {a, b}};
    p->sum.sample = crash_all() ? SAMPLE_ALL : SAMPLE;
    p->sum.every = EVERY;
    const struct turns t = {.ctx = p,
                            .before = before,
                            .actors = {first, second},
                            .actor_count = 2,
                            .after = after,
                            .switches = SWITCHES,
                            .rarity = crash_all() ? RARITY_ALL : RARITY,
                            .seed = crash_seed()};
    (void)turns_explore(&t);
    crash_sum_tell(&p->sum, what);
    free(p);
}

static void explore(const char *what, void (*set_up)(struct scene *s), void (*a)(struct scene *s),
                    void (*b)(struct scene *s))
{
    explore_failing(what, -1, set_up, a, b);
}

/* ---- Two clients. ----------------------------------------------------------------------- */

static void config_only(struct scene *s)
{
    act_push(s, "app", 1);
}

static void push_layer(struct scene *s)
{
    act_push(s, "app", 2);
}

/* As docker does: what is there is not sent. */
static void push_on_top(struct scene *s)
{
    if (act_head(s, "app", 2) != RC_OK)
        act_push(s, "app", 2);
    act_put(s, "app", "1", IMAGE(1, 2));
}

static void mount_if_there(struct scene *s)
{
    s->quiet = true;
    act_mount(s, NULL, "other", 2);
}

static void nothing(struct scene *s)
{
    (void)s;
}

static void push_first(struct scene *s)
{
    act_push(s, "new/a", 3);
}

static void push_second(struct scene *s)
{
    act_push(s, "new/b", 3);
}

static void layers_only(struct scene *s)
{
    act_push(s, "app", 1);
    act_push(s, "app", 2);
}

static void push_child(struct scene *s)
{
    act_put(s, "app", NULL, IMAGE(1, 2));
}

/* As docker does with what others have pushed by digest. */
static void push_index_if_there(struct scene *s)
{
    if (act_head_manifest(s, "app", IMAGE(1, 2)) == RC_OK)
        act_index(s, "app", "multi", (const int *const[]){IMAGE(1, 2), NULL});
}

static void layers_and_signature(struct scene *s)
{
    layers_only(s);
    act_push(s, "app", 4);
    scene_keep_referrer(s, "app", IMAGE(1, 2), 4);
}

/* As what signs images does: whether the image is there already or not. */
static void push_signature(struct scene *s)
{
    act_referrer(s, "app", IMAGE(1, 2), 4);
}

static void push_whole(struct scene *s)
{
    act_image(s, "app", "1", IMAGE(1, 2));
}

static void push_to_another_tag(struct scene *s)
{
    act_image(s, "app", "2", IMAGE(1, 2));
}

static void two_tags(struct scene *s)
{
    act_image(s, "app", "1", IMAGE(1, 2));
    act_put(s, "app", "2", IMAGE(1, 2));
}

static void delete_one_tag(struct scene *s)
{
    s->quiet = true; /* the other one may be faster */
    act_delete_tag(s, "app", "1");
}

static void delete_image(struct scene *s)
{
    act_delete(s, "app", IMAGE(1, 2), TAGS("1", "2"));
}

static void test_clients(void **state)
{
    (void)state;
    explore("on top of another's layer", config_only, push_layer, push_on_top);
    explore("another's layer, mounted", config_only, push_layer, mount_if_there);
    explore("another's child in an index", layers_only, push_child, push_index_if_there);
    explore("a signature of another's image", layers_and_signature, push_child, push_signature);
    explore("in the same new directories", nothing, push_first, push_second);
    explore("the same image", config_only, push_whole, push_to_another_tag);
    explore("a tag goes, and its image", two_tags, delete_one_tag, delete_image);
}

/* ---- A client and a collection. --------------------------------------------------------- */

static void tagged(struct scene *s)
{
    act_image(s, "app", "1", IMAGE(1, 2));
    act_image(s, "app", "2", IMAGE(1, 3));
    scene_pass(s);
}

static void collect(struct scene *s)
{
    act_collect(s, false);
}

static void collect_untagged(struct scene *s)
{
    act_collect(s, true);
}

/* The image that has lost its tag may go, once the tag has moved. */
static void move_tag(struct scene *s)
{
    scene_doom(s, "app", IMAGE(1, 2), IMAGE(2));
    act_put(s, "app", "1", IMAGE(1, 3));
}

static void lose_tag(struct scene *s)
{
    scene_doom(s, "app", IMAGE(1, 2), IMAGE(2));
    act_delete_tag(s, "app", "1");
}

static void lose_image(struct scene *s)
{
    scene_doom(s, "app", NULL, IMAGE(2));
    act_delete(s, "app", IMAGE(1, 2), TAGS("1"));
}

/* What nobody needs any more, and a collection is about to take, is pushed again. */
static void deleted(struct scene *s)
{
    tagged(s);
    act_delete(s, "app", IMAGE(1, 2), TAGS("1"));
    scene_doom(s, "app", NULL, IMAGE(2));
    scene_pass(s);
}

static void push_on_top_of_the_rest(struct scene *s)
{
    if (act_head(s, "app", 2) != RC_OK)
        act_push(s, "app", 2);
    act_put(s, "app", "3", IMAGE(1, 2));
}

static void test_collections(void **state)
{
    (void)state;
    explore("a push in a collection", deleted, push_on_top_of_the_rest, collect);
    explore("a tag moves in a collection", tagged, move_tag, collect_untagged);
    explore("a tag goes in a collection", tagged, lose_tag, collect_untagged);
    explore("an image goes in a collection", tagged, lose_image, collect);
}

/* ---- One of two fails. ------------------------------------------------------------------ */

static void two_images(struct scene *s)
{
    act_image(s, "app", "1", IMAGE(1, 2));
    act_put(s, "app", "2", IMAGE(1, 2));
    act_image(s, "app", "3", IMAGE(1, 3));
}

static void move_one_tag(struct scene *s)
{
    act_put(s, "app", "1", IMAGE(1, 3));
}

/* And the tag, if it has not moved yet. */
static void delete_its_image(struct scene *s)
{
    const struct word tag = {ledger_tag(&s->ledger, "app", "1"), 0};
    record_doom("the tag may go with its image", &tag, 1);
    act_delete(s, "app", IMAGE(1, 2), TAGS("2"));
}

/* What one could not do for good, the other has seen. */
static void test_one_fails(void **state)
{
    enum { CALLS = 40, STRIDE = 16 };
    (void)state;
    int step = crash_all() ? 1 : STRIDE;
    int n = crash_all() ? 0 : (int)(crash_seed() % STRIDE);
    for (; n < CALLS; n += step) {
        explore_failing("in the same new directories, and a call fails", n, nothing, push_first,
                        push_second);
        explore_failing("a tag moves, its image goes, and a call fails", n, two_images,
                        move_one_tag, delete_its_image);
        explore_failing("a signature of another's image, and a call fails", n, layers_and_signature,
                        push_child, push_signature);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clients),
        cmocka_unit_test(test_collections),
        cmocka_unit_test(test_one_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Can the checker fail? Each kind of fsync that the storage does is left out in turn, as if the
 * call were not there: a promise is broken then, and that is found.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "test/crash/scene.h"

enum { SAMPLE = 256, SAMPLE_ALL = 1024, RARELY = 1000, SORTS_MAX = 64 };

/* What no promise needs: directories that are there before the first change, which syncs all; and
 * what a tag remembers, which only the registry image reads. */
static const char *const needless[] = {
    "root",
    "root/docker",
    "root/docker/registry",
    "root/docker/registry/v2",
    "root/run",
    "root/run/tags",
    "root/run/tags/*/index",
    "root/run/tags/*/index/sha256",
    "root/run/tags/*/index/sha256/*",
    "root/run/tags/*/index/sha256/*/link",
    "root/docker/registry/v2/repositories/app/_manifests/tags/1/index/sha256",
    "root/docker/registry/v2/repositories/app/_manifests/tags/1/index/sha256/*",
    "root/docker/registry/v2/repositories/app/_manifests/tags/1/index/sha256/*/link.*.tmp",
};

static void play(struct scene *s)
{
    act_push(s, "app", 1);
    int pieces = act_begin(s, "app", 2);
    act_piece(s, pieces, 10);
    act_commit(s, pieces);
    act_put(s, "app", "1", IMAGE(1, 2));
    act_push(s, "app", 3);
    act_put(s, "app", "1", IMAGE(1, 3));
    act_put(s, "app", "1", IMAGE(1, 2));
    int cancelled = act_begin(s, "app", 4);
    act_piece(s, cancelled, 10);
    act_cancel(s, cancelled);
    act_delete(s, "app", IMAGE(1, 3), TAGS(NULL));
    act_delete_tag(s, "app", "1");
    act_delete_blob(s, "app", 3);
    scene_doom(s, "app", IMAGE(1, 2), IMAGE(2));
    scene_pass(s);
    act_collect(s, true);
}

static bool is_found(struct scene *s, const char *sort)
{
    struct judged judged = {0};
    struct replay r = {.log = &s->log,
                       .ledger = &s->ledger,
                       .judged = &judged,
                       .every = crash_all() ? 1 : RARELY,
                       .sample = crash_all() ? SAMPLE_ALL : SAMPLE,
                       .rarity = RARELY,
                       .without = sort,
                       .seed = crash_seed()};
    bool good = replay_all(&r);
    print_message("%s %s: after %u outcomes: %s\n", sort ? "without fsync of" : "with", sort,
                  r.outcomes, good ? "nothing is wrong" : r.judgement.why);
    judged_fini(&judged);
    replay_fini(&r);
    return !good;
}

static bool is_needless(const char *sort)
{
    for (size_t i = 0; i < array_len(needless); i++)
        if (strcmp(needless[i], sort) == 0)
            return true;
    return false;
}

/* The sorts of all fsyncs, each once. */
static int find_sorts(const struct log *l, const char *out[SORTS_MAX])
{
    int count = 0;
    for (int i = 0; i < l->count; i++) {
        const char *sort = l->steps[i].sort;
        int known = 0;
        while (sort && known < count && strcmp(out[known], sort) != 0)
            known++;
        if (!sort || known < count)
            continue;
        assert_true(count < SORTS_MAX);
        out[count++] = sort;
    }
    return count;
}

static void test_each_sync_counts(void **state)
{
    (void)state;
    const char *sorts[SORTS_MAX];
    struct scene s;
    int missed = 0;
    scene_init(&s);
    scene_settle(&s); /* once; after that, each directory that is made has its own fsync */
    play(&s);
    record_end();
    int count = find_sorts(&s.log, sorts);
    for (int i = 0; i < count; i++)
        missed += !is_needless(sorts[i]) && !is_found(&s, sorts[i]);
    scene_fini(&s);
    print_message("%d sorts of fsyncs, TEST_SEED=%u\n", count, crash_seed());
    assert_int_equal(missed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_sync_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

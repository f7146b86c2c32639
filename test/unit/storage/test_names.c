/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists that are remembered: in the order of their bytes, cut into pages anywhere, and never other
 * than what is on the disk, whoever changes that.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "storage/store.h"
#include "test/place.h"

enum { HOUR = 3600, PATH_BYTES = 700, NAMES = 150 };

/* The clock of names.c: a directory has to stand still for a while before it is remembered. */
struct clock {
    time_t ahead;
};
static struct clock the_clock;

time_t __wrap_time(time_t *out);
time_t __wrap_time(time_t *out)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    time_t t = now.tv_sec + the_clock.ahead;
    if (out)
        *out = t;
    return t;
}

struct place {
    char root[200];
    struct store *store;
    struct arena arena;
    unsigned seed;
};

static int setup(void **state)
{
    struct place *p = calloc(1, sizeof(*p));
    const char *seed = getenv("TEST_SEED");
    the_clock.ahead = HOUR;
    p->seed = seed ? (unsigned)strtoul(seed, NULL, 16) : (unsigned)getpid();
    print_message("TEST_SEED=%x\n", p->seed);
    assert_true(place_make(p->root, sizeof(p->root), "names"));
    assert_int_equal(store_open(p->root, &p->store, NULL), RC_OK);
    arena_init(&p->arena);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    char command[PATH_BYTES];
    struct place *p = *state;
    store_close(p->store);
    arena_fini(&p->arena);
    (void)snprintf(command, sizeof(command), "rm -r %s", p->root);
    assert_int_equal(system(command), 0);
    free(p);
    return 0;
}

static unsigned dice(struct place *p, unsigned sides)
{
    p->seed = p->seed * 1664525u + 1013904223u;
    return (p->seed >> 8) % sides;
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

/* ---- What is on the disk. --------------------------------------------------------------- */

PRINTF_LIKE(1, 2) static void shell(const char *fmt, ...)
{
    char command[3 * PATH_BYTES];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(command, sizeof(command), fmt, args);
    va_end(args);
    next_tick();
    assert_int_equal(system(command), 0);
}

static const char *in_repositories(struct place *p, const char *name)
{
    return arena_printf(&p->arena, "%s/%s/%s", p->root, layout_repositories().s, name);
}

static const char *const hex = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static void make_repo(struct place *p, const char *name)
{
    struct digest d;
    next_tick();
    assert_true(digest_from_hex(DIGEST_SHA256, span_of(hex), &d));
    struct name repo = {span_of(name)};
    assert_int_equal(file_put(&p->store->tree, layout_revision_link(repo, &d).s, SPAN("x"), NULL),
                     RC_OK);
}

static void make_tag_at_once(struct place *p, const char *repo, const char *tag)
{
    struct path dir = layout_tag((struct name){span_of(repo)}, (struct tag){span_of(tag)});
    assert_int_equal(file_mkdirs(&p->store->tree, dir.s, NULL), RC_OK);
}

static void make_tag(struct place *p, const char *repo, const char *tag)
{
    next_tick();
    make_tag_at_once(p, repo, tag);
}

/* ---- Asking. ---------------------------------------------------------------------------- */

/* A list as text: "a b c", and "+" behind it if there is more. */
static const char *text_of(struct place *p, const struct list *l)
{
    const char *text = "";
    for (size_t i = 0; i < l->count; i++)
        text = arena_printf(&p->arena, "%s%s%.*s", text, i ? " " : "", SPAN_ARG(l->items[i]));
    return arena_printf(&p->arena, "%s%s", text, l->more ? "+" : "");
}

static const char *repos(struct place *p, const char *last, uint64_t limit)
{
    struct list l;
    struct page page = {span_of(last), limit};
    assert_int_equal(repo_list(p->store, &page, &p->arena, &l, NULL), RC_OK);
    return text_of(p, &l);
}

/* What is told without waiting, which need not be anything: NULL. */
static const char *tags_again(struct place *p, const char *last, uint64_t limit)
{
    struct list l;
    struct page page = {span_of(last), limit};
    struct name repo = {SPAN("a")};
    enum rc rc = tag_list_again(p->store, repo, &page, &p->arena, &l);
    assert_true(rc == RC_OK || rc == RC_NOT_FOUND);
    return rc == RC_OK ? text_of(p, &l) : NULL;
}

/* Whatever has happened before, what is told without waiting is the same. */
static const char *tags(struct place *p, const char *last, uint64_t limit)
{
    struct list l;
    struct page page = {span_of(last), limit};
    struct name repo = {SPAN("a")};
    const char *again = tags_again(p, last, limit);
    assert_int_equal(tag_list(p->store, repo, &page, &p->arena, &l, NULL), RC_OK);
    const char *text = text_of(p, &l);
    if (again)
        assert_string_equal(again, text);
    return text;
}

/* ---- The order of repositories. --------------------------------------------------------- */

/* "a-b" stands between "a" and "a/b". */
static void test_order(void **state)
{
    struct place *p = *state;
    const char *const names[] = {"a", "a-b", "a/b", "a-b/c", "a.b", "a0", "a/b/c"};
    for (size_t i = 0; i < array_len(names); i++)
        make_repo(p, names[i]);
    assert_string_equal(repos(p, "", 100), "a a-b a-b/c a.b a/b a/b/c a0");
    assert_string_equal(repos(p, "a-b", 2), "a-b/c a.b+");
    assert_string_equal(repos(p, "a-b/b", 1), "a-b/c+");
    assert_string_equal(repos(p, "a.b", 2), "a/b a/b/c+");
    assert_string_equal(repos(p, "a/", 1), "a/b+");
    assert_string_equal(repos(p, "a/b", 5), "a/b/c a0");
    assert_string_equal(repos(p, "a/b/c", 1), "a0");
    assert_string_equal(repos(p, "a0", 1), "");
    assert_string_equal(repos(p, "", 0), "+");
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const char *random_name(struct place *p)
{
    static const char *const parts[] = {"a", "b", "a-b", "a.b", "a_b", "a0", "aa", "b-a", "0"};
    const char *name = parts[dice(p, array_len(parts))];
    for (unsigned more = dice(p, 4); more > 0; more--)
        name = arena_printf(&p->arena, "%s/%s", name, parts[dice(p, array_len(parts))]);
    return name;
}

/* Pages of any size from any place are what sorting all of them gives. */
static void test_pages(void **state)
{
    struct place *p = *state;
    const char *all[NAMES];
    size_t count = 0;
    for (int i = 0; i < NAMES; i++) {
        const char *name = random_name(p);
        size_t known = 0;
        while (known < count && strcmp(all[known], name) != 0)
            known++;
        if (known == count)
            all[count++] = name;
        make_repo(p, name);
    }
    qsort(all, count, sizeof(*all), compare);
    for (int i = 0; i < NAMES; i++) {
        const char *last = dice(p, 8) ? random_name(p) : "";
        uint64_t limit = dice(p, 6);
        struct list expected = {.items = arena_alloc(&p->arena, NAMES * sizeof(struct span))};
        for (size_t j = 0; j < count; j++) {
            if (strcmp(all[j], last) <= 0)
                continue;
            expected.more = expected.count == limit;
            if (expected.more)
                break;
            expected.items[expected.count++] = span_of(all[j]);
        }
        assert_string_equal(repos(p, last, limit), text_of(p, &expected));
    }
}

/* ---- What is remembered. ---------------------------------------------------------------- */

static void test_changes_are_seen(void **state)
{
    struct place *p = *state;
    make_repo(p, "a");
    make_tag(p, "a", "one");
    assert_string_equal(tags(p, "", 9), "one");
    assert_true(p->store->names.bytes > 0); /* it is remembered */
    make_tag(p, "a", "two");
    assert_string_equal(tags(p, "", 9), "one two");
    shell("rm -r %s", in_repositories(p, "a/_manifests/tags/one"));
    assert_string_equal(tags(p, "", 9), "two");
    shell("mv %s %s", in_repositories(p, "a/_manifests/tags/two"),
          in_repositories(p, "a/_manifests/tags/three"));
    assert_string_equal(tags(p, "", 9), "three");
    assert_string_equal(repos(p, "", 9), "a");
    make_repo(p, "a/b");
    make_repo(p, "c");
    assert_string_equal(repos(p, "", 9), "a a/b c");
    shell("rm -r %s", in_repositories(p, "a"));
    assert_string_equal(repos(p, "", 9), "c");
}

/* As long as nothing has changed, a list is told again without waiting. */
static void test_again(void **state)
{
    struct file_info ignored;
    struct place *p = *state;
    if (file_known(&p->store->tree, ".", &ignored) != RC_OK)
        skip(); /* a kernel that cannot tell what it knows */
    make_repo(p, "a");
    make_tag(p, "a", "one");
    make_tag(p, "a", "two");
    assert_null(tags_again(p, "", 9));
    assert_string_equal(tags(p, "", 9), "one two");
    assert_string_equal(tags_again(p, "", 9), "one two");
    assert_string_equal(tags_again(p, "", 1), "one+");
    assert_string_equal(tags_again(p, "one", 1), "two");
    assert_null(tags_again(p, "", 1 << 20)); /* too much at once */
    make_tag(p, "a", "three");
    assert_null(tags_again(p, "", 9));
    assert_string_equal(tags(p, "", 9), "one three two");
    shell("rm %s/_manifests/revisions/sha256/%s/link", in_repositories(p, "a"), hex);
    assert_null(tags_again(p, "", 9));
}

/* The manifest goes, and its directory stays: as the registry image leaves it. */
static void test_emptied(void **state)
{
    struct place *p = *state;
    make_repo(p, "a");
    make_repo(p, "b");
    assert_string_equal(repos(p, "", 9), "a b");
    shell("rm %s/_manifests/revisions/sha256/%s/link", in_repositories(p, "a"), hex);
    assert_string_equal(repos(p, "", 9), "b");
    shell("echo > %s/_manifests/revisions/sha256/%s/link", in_repositories(p, "a"), hex);
    assert_string_equal(repos(p, "", 9), "a b");
}

/* Another directory takes the place of one that was read. */
static void test_replaced(void **state)
{
    struct place *p = *state;
    make_repo(p, "a");
    make_tag(p, "a", "one");
    make_repo(p, "b");
    make_tag(p, "b", "two");
    assert_string_equal(tags(p, "", 9), "one");
    const char *ours = in_repositories(p, "a/_manifests/tags");
    shell("rm -r %s && mv %s %s", ours, in_repositories(p, "b/_manifests/tags"), ours);
    assert_string_equal(tags(p, "", 9), "two");
}

/* What has changed a moment ago may change again within the same tick of the file system's clock.
 */
static void test_what_is_new_is_not_remembered(void **state)
{
    struct place *p = *state;
    the_clock.ahead = 0;
    make_repo(p, "a");
    for (int i = 0; i < NAMES; i++) {
        const char *tag = arena_printf(&p->arena, "tag-%03d", i);
        make_tag_at_once(p, "a", tag);
        assert_string_equal(tags(p, "", NAMES) + strlen("tag-000 ") * (size_t)i, tag);
    }
    assert_int_equal(p->store->names.bytes, 0);
    the_clock.ahead = -HOUR; /* nor what seems to be of tomorrow */
    assert_string_equal(tags(p, "tag-148", 9), "tag-149");
    assert_int_equal(p->store->names.bytes, 0);
}

int main(void)
{
    const struct CMUnitTest unit_tests[] = {
        cmocka_unit_test_setup_teardown(test_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pages, setup, teardown),
        cmocka_unit_test_setup_teardown(test_changes_are_seen, setup, teardown),
        cmocka_unit_test_setup_teardown(test_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_emptied, setup, teardown),
        cmocka_unit_test_setup_teardown(test_replaced, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_new_is_not_remembered, setup, teardown),
    };
    return cmocka_run_group_tests(unit_tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * auth_rules: tables of rules, and what each gives to whom.
 */
#include "test/unit/lib/unit.h"

#include "server/auth_rules.h"

enum { PULL = RIGHT_PULL, PUSH = RIGHT_PUSH, DELETE = RIGHT_DELETE, ADMIN = RIGHT_ADMIN };

static const struct group_text groups[] = {
    {"f:1: group.ci", "ci", "robot, builder,,"},
    {"f:2: group.none", "none", NULL},
};

static struct rules *make(const struct rule_text *texts, size_t n)
{
    struct rules *r = NULL;
    struct arena a;
    struct fault f;
    arena_init(&a);
    fault_init(&f, &a);
    if (rules_new(texts, n, groups, array_len(groups), &r, &f) != RC_OK)
        fail_msg("%s", f.first->detail);
    arena_fini(&a);
    return r;
}

static const struct rule_text office[] = {
    {"f:1: rule.1", "user:mallory", NULL, NULL},
    {"f:2: rule.2", "user:root", "**", "pull, push, delete, admin"},
    {"f:3: rule.3", "user:alice, group:ci", "team/*, lib/**", "pull,push"},
    {"f:4: rule.4", "*", "team/*", "pull"},
    {"f:5: rule.5", "anonymous", "public/**, pub-*/x", "pull"},
    {"f:6: rule.6", "group:none", "**", "delete"},
};

static void test_the_first_match_wins(void **state)
{
    static const struct {
        const char *user, *repository;
        unsigned want;
    } rows[] = {
        {"root", "any/thing", PULL | PUSH | DELETE | ADMIN},
        {"alice", "team/a", PULL | PUSH},
        {"alice", "team/a/b", 0},
        {"alice", "team", 0},
        {"alice", "lib", 0},
        {"alice", "lib/a", PULL | PUSH},
        {"alice", "lib/a/b/c", PULL | PUSH},
        {"alice", "library", 0},
        {"alice", "public/a", PULL},
        {"robot", "team/a", PULL | PUSH},
        {"builder", "lib/x", PULL | PUSH},
        {"bob", "team/a", PULL},
        {"bob", "lib/a", 0},
        {"bob", "public/a/b", PULL},
        {"mallory", "public/a", 0}, /* the first rule refuses before the fifth allows */
        {"ci", "team/a", PULL},     /* a group's name is no user's */
        {NULL, "team/a", 0},
        {NULL, "public/a/b", PULL},
        {NULL, "public", 0},
        {NULL, "pub-1/x", PULL},
        {NULL, "pub-1/y/x", 0},
        {"", "team/a", PULL}, /* a user with an empty name is somebody */
    };
    struct rules *r = make(office, array_len(office));
    (void)state;
    for (size_t i = 0; i < array_len(rows); i++) {
        unsigned got = rules_rights(r, span_of(rows[i].user), span_of(rows[i].repository));
        if (got != rows[i].want)
            print_error("%s in %s\n", rows[i].user, rows[i].repository);
        assert_int_equal(got, rows[i].want);
    }
    rules_free(r);
}

static void test_globs(void **state)
{
    static const struct {
        const char *pattern, *name;
        bool want;
    } rows[] = {
        {"a", "a", true},
        {"a", "ab", false},
        {"ab", "a", false},
        {"*", "a", true},
        {"*", "a/b", false},
        {"**", "a/b/c", true},
        {"**", "", true},
        {"*", "", true},
        {"a/*", "a/", true},
        {"*/*", "a/b", true},
        {"*/*", "a/b/c", false},
        {"**/x", "a/b/x", true},
        {"**/x", "x", false},
        {"**/x", "a/x/y", false},
        {"a**", "abc/d", true},
        {"**/a*b/c*d", "q/axb/cx/axxb/cxd", true},
        {"**/a*b/c*d", "q/axb/cx/axx/cxd", false},
        {"*a*b*c*", "xxaxxbxxcxx", true},
        {"*a*b*c*", "xxaxxb/xxcxx", false},
        {"***", "a/b", true},
        {"a/**/b", "a/x/b", true},
        {"a/**/b", "a/b", false},
        {"t*-*-x", "t-1-2-x", true},
        {"?", "a", false},
    };
    (void)state;
    for (size_t i = 0; i < array_len(rows); i++) {
        struct rule_text text = {"w", "anonymous", rows[i].pattern, "pull"};
        struct rules *r = make(&text, 1);
        bool got = rules_rights(r, (struct span){0}, span_of(rows[i].name)) == RIGHT_PULL;
        if (got != rows[i].want)
            print_error("%s and %s\n", rows[i].pattern, rows[i].name);
        assert_int_equal(got, rows[i].want);
        rules_free(r);
    }
}

/* Many stars over a long name: as many steps as their product at most. */
static void test_stars_do_not_explode(void **state)
{
    char name[256];
    struct rule_text text = {"w", "anonymous", "**a*a*a*a*a*a*a**a*a*a*a*a*a*a*a*b", "pull"};
    struct rules *r = make(&text, 1);
    (void)state;
    memset(name, 'a', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    for (int i = 0; i < 1000; i++)
        assert_int_equal(rules_rights(r, (struct span){0}, span_of(name)), 0);
    rules_free(r);
}

static void test_admin_and_open(void **state)
{
    struct rules *r = make(office, array_len(office));
    (void)state;
    assert_true(rules_admin(r, SPAN("root")));
    assert_false(rules_admin(r, SPAN("alice")));
    assert_false(rules_admin(r, SPAN("mallory")));
    assert_false(rules_admin(r, (struct span){0}));
    assert_true(rules_open(r));
    rules_free(r);
    r = make(office, 4);
    assert_false(rules_open(r));
    rules_free(r);
}

static void test_what_is_refused(void **state)
{
    static const struct {
        struct rule_text text;
        const char *why;
    } rows[] = {
        {{"f:9: rule.a", NULL, "**", "pull"}, "f:9: rule.a: who: expected somebody"},
        {{"w", " , ", "**", "pull"}, "w: who: expected somebody"},
        {{"w", "alice", "**", "pull"},
         "w: who: expected user:NAME, group:NAME, * or anonymous, got \"alice\""},
        {{"w", "user:", "**", "pull"},
         "w: who: expected user:NAME, group:NAME, * or anonymous, got \"user:\""},
        {{"w", "group:it", "**", "pull"}, "w: who: there is no [group.it]"},
        {{"w", "*", "", "pull"}, "w: repositories: expected at least one"},
        {{"w", "*", "**", "pull, write"},
         "w: allow: expected pull, push, delete or admin, got \"write\""},
        {{"w", "*", "a/**", "admin"}, "w: allow: admin is for rules about all repositories (**)"},
    };
    (void)state;
    for (size_t i = 0; i < array_len(rows); i++) {
        struct arena a;
        struct fault f;
        struct rules *r = NULL;
        arena_init(&a);
        fault_init(&f, &a);
        enum rc rc = rules_new(&rows[i].text, 1, groups, array_len(groups), &r, &f);
        assert_int_equal(rc, RC_INTERNAL);
        assert_string_equal(f.first->detail, rows[i].why);
        arena_fini(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_first_match_wins), cmocka_unit_test(test_globs),
        cmocka_unit_test(test_stars_do_not_explode), cmocka_unit_test(test_admin_and_open),
        cmocka_unit_test(test_what_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

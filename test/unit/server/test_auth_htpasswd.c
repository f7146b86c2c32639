/* SPDX-License-Identifier: Apache-2.0
 *
 * auth_htpasswd: what lines are read, and what matches them. The hashes are glibc's libcrypt's,
 * through Python.
 */
#include "test/unit/lib/unit.h"

#include <crypt.h>

#include "server/auth_htpasswd.h"

#define SALT04 "$2b$04$abcdefghijklmnopqrstuu"
#define TAIL "2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW" /* "secret" with that salt */

static const char sample[] = "# people\n"
                             "\n"
                             "  alice:" SALT04 TAIL "  \r\n"
                             "bob:$2y$04$abcdefghijklmnopqrstuu" TAIL "\n"
                             "old:$2a$04$abcdefghijklmnopqrstuu" TAIL "\n"
                             "odd:$2b$04$abcdefghijklmnopqrstuVgd9ZC9pBe2pcjhIxOTGGzNxZ6IMd.Ju\n"
                             "empty:$2b$04$abcdefghijklmnopqrstuubyCG3zY1GIXMyxfivm.ClDiInHzxjiq\n"
                             "md5:$apr1$abcdefgh$0123456789012345678901\n"
                             "sha:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n"
                             "plain:secret\n"
                             "years:$2b$31$abcdefghijklmnopqrstuu" TAIL "\n"
                             "colon:a:b\n"
                             "twice:$2b$04$abcdefghijklmnopqrstuu" TAIL "\n"
                             "twice:$2b$04$abcdefghijklmnopqrstuubyCG3zY1GIXMyxfivm.ClDiInHzxjiq\n"
                             "last:" SALT04 TAIL;

static bool matches(const struct htpasswd *h, const char *user, struct span password)
{
    return htpasswd_matches(htpasswd_hash(h, span_of(user)), password);
}

static void test_who_matches(void **state)
{
    struct htpasswd *h = NULL;
    (void)state;
    assert_int_equal(htpasswd_parse("f", span_of(sample), &h, NULL), RC_OK);
    assert_true(matches(h, "alice", SPAN("secret")));
    assert_true(matches(h, "bob", SPAN("secret")));
    assert_true(matches(h, "old", SPAN("secret")));
    assert_true(matches(h, "last", SPAN("secret")));
    assert_false(matches(h, "alice", SPAN("Secret")));
    assert_false(matches(h, "alice", SPAN("")));
    assert_false(matches(h, "alice", SPAN("secret\0x")));
    assert_false(matches(h, "Alice", SPAN("secret")));
    assert_false(matches(h, "# people", SPAN("secret")));
    assert_true(matches(h, "empty", SPAN("")));
    assert_false(matches(h, "empty", SPAN("\0")));
    assert_true(matches(h, "odd", SPAN("x"))); /* bits to spare in its salt */
    assert_false(matches(h, "twice", SPAN("secret")));
    assert_true(matches(h, "twice", SPAN("")));
    htpasswd_free(h);
}

/* Nothing matches these, the text of the hash least of all; each costs a check all the same. */
static void test_nobody(void **state)
{
    static const char *const users[] = {"md5", "sha", "plain", "years", "colon", "nobody", ""};
    struct htpasswd *h = NULL;
    (void)state;
    assert_int_equal(htpasswd_parse("f", span_of(sample), &h, NULL), RC_OK);
    for (size_t i = 0; i < array_len(users); i++) {
        struct span hash = htpasswd_hash(h, span_of(users[i]));
        assert_int_equal(hash.n, 60);
        assert_span(span_head(hash, 7), "$2b$04$"); /* the cost of the others */
        assert_false(htpasswd_matches(hash, SPAN("secret")));
        assert_false(htpasswd_matches(hash, SPAN("")));
        assert_false(htpasswd_matches(hash, hash));
        assert_memory_equal(crypt("secret", hash.p), "$2b$04$", 7); /* libcrypt does its work */
    }
    htpasswd_free(h);
}

static void test_long_passwords_match_nothing(void **state)
{
    char password[600];
    struct htpasswd *h = NULL;
    (void)state;
    memset(password, 'a', sizeof(password));
    assert_int_equal(htpasswd_parse("f", span_of(sample), &h, NULL), RC_OK);
    assert_false(matches(h, "empty", span_from(password, sizeof(password))));
    assert_false(htpasswd_matches(SPAN("$2b$04$short"), SPAN("secret")));
    htpasswd_free(h);
}

static void assert_refused(const char *text, const char *why)
{
    struct arena a;
    struct fault f;
    struct htpasswd *h = NULL;
    arena_init(&a);
    fault_init(&f, &a);
    assert_int_equal(htpasswd_parse("dir/users", span_of(text), &h, &f), RC_INTERNAL);
    assert_string_equal(f.first->detail, why);
    assert_null(h);
    arena_fini(&a);
}

static void test_what_is_refused(void **state)
{
    char line[2000];
    (void)state;
    assert_refused("alice:x\n\nsecret words\n", "dir/users:3: expected name:hash");
    assert_refused("alice:\n", "dir/users:1: expected name:hash");
    memset(line, 'a', sizeof(line) - 1);
    line[sizeof(line) - 1] = '\0';
    assert_refused(line, "dir/users:1: expected a line of at most 1024 bytes");
}

static void test_an_empty_file_has_nobody(void **state)
{
    static const char *const texts[] = {"", "\n", "# only words\n\n", "a:b\n"};
    (void)state;
    for (size_t i = 0; i < array_len(texts); i++) {
        struct htpasswd *h = NULL;
        assert_int_equal(htpasswd_parse("f", span_of(texts[i]), &h, NULL), RC_OK);
        assert_span(span_head(htpasswd_hash(h, SPAN("a")), 7), "$2b$10$");
        assert_false(matches(h, "a", SPAN("b")));
        htpasswd_free(h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_matches),
        cmocka_unit_test(test_nobody),
        cmocka_unit_test(test_long_passwords_match_nothing),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_an_empty_file_has_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

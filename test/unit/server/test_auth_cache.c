/* SPDX-License-Identifier: Apache-2.0
 *
 * auth_cache: what is remembered, for how long, and how much of it.
 */
#include "test/unit/lib/unit.h"

#include <sodium.h>

#include "server/auth_cache.h"

static struct auth_mark mark_of(const struct auth_cache *c, const char *a, const char *b)
{
    const struct span parts[] = {span_of(a), span_of(b)};
    return auth_cache_mark(c, parts, array_len(parts));
}

static void test_marks(void **state)
{
    struct auth_cache *c = auth_cache_new(), *other = auth_cache_new();
    struct auth_mark one = mark_of(c, "a", "bc"), same = mark_of(c, "a", "bc");
    struct auth_mark shifted = mark_of(c, "ab", "c"), elsewhere = mark_of(other, "a", "bc");
    (void)state;
    assert_true(auth_mark_eq(&one, &same));
    assert_false(auth_mark_eq(&one, &shifted));
    assert_false(auth_mark_eq(&one, &elsewhere)); /* each cache has a key of its own */
    auth_cache_free(c);
    auth_cache_free(other);
}

static void test_until_then(void **state)
{
    struct auth_cache *c = auth_cache_new();
    struct auth_mark one = mark_of(c, "a", "b"), two = mark_of(c, "a", "c");
    (void)state;
    assert_false(auth_cache_has(c, &one, 0));
    auth_cache_add(c, &one, 100);
    assert_true(auth_cache_has(c, &one, 100));
    assert_false(auth_cache_has(c, &one, 101));
    assert_false(auth_cache_has(c, &two, 0));
    auth_cache_add(c, &one, 200); /* the later one counts */
    assert_true(auth_cache_has(c, &one, 200));
    auth_cache_clear(c);
    assert_false(auth_cache_has(c, &one, 0));
    auth_cache_add(c, &two, 1);
    assert_true(auth_cache_has(c, &two, 0));
    auth_cache_free(c);
}

static void test_the_oldest_goes(void **state)
{
    struct auth_cache *c = auth_cache_new();
    char text[16];
    (void)state;
    for (int i = 0; i < AUTH_CACHE_MAX + 10; i++) {
        (void)snprintf(text, sizeof(text), "%d", i);
        struct auth_mark m = mark_of(c, text, "");
        auth_cache_add(c, &m, 1);
    }
    for (int i = 0; i < AUTH_CACHE_MAX + 10; i++) {
        (void)snprintf(text, sizeof(text), "%d", i);
        struct auth_mark m = mark_of(c, text, "");
        assert_int_equal(auth_cache_has(c, &m, 0), i >= 10);
    }
    auth_cache_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_marks),
        cmocka_unit_test(test_until_then),
        cmocka_unit_test(test_the_oldest_goes),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}

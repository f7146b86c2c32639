/* SPDX-License-Identifier: Apache-2.0
 *
 * settings: generations, and who keeps them. That the last user frees one and nobody before,
 * the address sanitizer tells.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/settings.h"
#include "test/unit/server/config_fixture.h"

static struct settings *load(struct fixture *x, const char *text)
{
    struct settings *s = NULL;
    fixture_write(x, ".ini", text, strlen(text));
    struct config_sources from = {.path = x->path, .env = (char *const *)no_env};
    assert_int_equal(settings_load(&from, &s, &x->fault), RC_OK);
    return s;
}

static void test_the_last_user_frees(void **state)
{
    struct fixture x;
    (void)state;
    fixture_begin(&x);
    struct settings *s = load(&x, "[http]\naddr = 127.0.0.1:1\n");
    assert_int_equal(s->users, 1);
    assert_ptr_equal(settings_hold(s), s);
    assert_int_equal(s->users, 2);
    settings_drop(s);
    assert_int_equal(s->users, 1);
    assert_string_equal(s->config->http_addr, "127.0.0.1:1");
    settings_drop(s);
    settings_drop(NULL);
    fixture_end(&x);
}

static void test_two_generations(void **state)
{
    struct fixture x, y;
    (void)state;
    fixture_begin(&x);
    fixture_begin(&y);
    struct settings *old = load(&x, "[tags]\nmaxtags = 3\n");
    struct settings *now = load(&y, "[tags]\nmaxtags = 4\n");
    assert_int_equal(old->config->tags_max, 3);
    settings_drop(old);
    assert_int_equal(now->config->tags_max, 4);
    settings_drop(now);
    fixture_end(&x);
    fixture_end(&y);
}

static void test_a_bad_file_makes_none(void **state)
{
    struct fixture x;
    struct settings *s = NULL;
    const char *text = "[tags]\nmaxtags = many\n";
    (void)state;
    fixture_begin(&x);
    fixture_write(&x, ".ini", text, strlen(text));
    struct config_sources from = {.path = x.path, .env = (char *const *)no_env};
    assert_int_equal(settings_load(&from, &s, &x.fault), RC_INTERNAL);
    assert_null(s);
    assert_non_null(strstr(fixture_detail(&x), ".ini:2: tags.maxtags: expected"));
    fixture_end(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_last_user_frees),
        cmocka_unit_test(test_two_generations),
        cmocka_unit_test(test_a_bad_file_makes_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

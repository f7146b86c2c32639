/* SPDX-License-Identifier: Apache-2.0
 *
 * conf fed with bytes that mean harm: it may refuse them, and must do no more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "lib/buf.h"
#include "test/unit/lib/conf_fixture.h"

static void load_anything(const char *name, struct span text)
{
    struct fixture x = {.target = {.flag = true}};
    char *copy = malloc(text.n ? text.n : 1); /* so that a read past the end is seen */

    memcpy(copy, text.p, text.n);
    fixture_begin(&x);
    enum rc rc = conf_load_file(x.conf, name, span_from(copy, text.n), &x.fault);
    assert_true(rc == RC_OK || rc == RC_INTERNAL);
    assert_int_equal(rc != RC_OK, x.fault.count);
    free(copy);
    fixture_end(&x);
}

static const char sample_yaml[] = "version: 0.1\n"
                                  "a:\n"
                                  "  text: \"x\\u00e9\\x41\"\n"
                                  "  flag: yes # so\n"
                                  "  b: {count: 4, size: 4MiB, time: !!str 1h}\n"
                                  "old:\n"
                                  "  - {x: [1, 2, 'it''s']}\n"
                                  "  - |\n"
                                  "    block\n"
                                  "driver: disk\n"
                                  "guard: {key: ''}\n";
static const char sample_ini[] = "\xef\xbb\xbf; head\n"
                                 "word = lime\n"
                                 "[a]\n"
                                 "text = \"x\" ; so\r\n"
                                 "  flag = yes\n"
                                 "[a.b]\n"
                                 "count: 4\n"
                                 "size = 4MiB\n"
                                 "time = 1h\n";

static void test_samples_are_good(void **state)
{
    struct fixture x = {.target = {.flag = false}};

    (void)state;
    for (int ini = 0; ini < 2; ini++) {
        fixture_begin(&x);
        fixture_load(&x, ini ? "f.ini" : "f.yml", ini ? sample_ini : sample_yaml);
        assert_true(x.target.flag);
        assert_int_equal(x.target.count, 4);
        assert_int_equal(x.target.size, 4 * 1024 * 1024);
        assert_int_equal(x.target.time, 3600000);
        fixture_end(&x);
    }
}

static void test_every_cut(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof(sample_yaml); n++)
        load_anything("f.yml", span_from(sample_yaml, n));
    for (size_t n = 0; n < sizeof(sample_ini); n++)
        load_anything("f.ini", span_from(sample_ini, n));
}

static void test_random_damage(void **state)
{
    unsigned seed = (unsigned)time(NULL);
    const char *text = getenv("SEED");

    (void)state;
    if (text != NULL)
        seed = (unsigned)strtoul(text, NULL, 10);
    print_message("SEED=%u\n", seed);
    srand(seed);
    for (int round = 0; round < 4000; round++) {
        char copy[sizeof(sample_yaml) + sizeof(sample_ini)];
        bool ini = round % 2;
        size_t n = (ini ? sizeof(sample_ini) : sizeof(sample_yaml)) - 1;
        memcpy(copy, ini ? sample_ini : sample_yaml, n);
        for (int k = rand() % 6; k >= 0; k--)
            copy[(size_t)rand() % n] =
                rand() % 2 ? (char)rand() : "[]{}:,-?&*#!|>'\"%@=\n \t"[rand() % 22];
        load_anything(ini ? "f.ini" : "f.yml", span_from(copy, n));
        load_anything("f", span_from(copy, n));
    }
}

static void test_deep_nesting(void **state)
{
    static const char *const pieces[] = {"[",    "{",    "{a: ", "- ", "? ",
                                         "a:\n", "[a, ", "!x ",  "\"", "---\n"};
    static const char *const heads[] = {
        "", "version: 0.1\nold: ", "version: 0.1\na: ", "version: 0.1\nnew: "};

    (void)state;
    for (size_t i = 0; i < array_len(pieces) * array_len(heads); i++) {
        struct buf b;
        buf_init(&b);
        buf_add_str(&b, heads[i % array_len(heads)]);
        for (int n = 0; n < 20000; n++)
            buf_add_str(&b, pieces[i / array_len(heads)]);
        load_anything("f.yml", buf_span(&b));
        load_anything("f.ini", buf_span(&b));
        buf_fini(&b);
    }
}

static void test_depth_has_a_bound(void **state)
{
    struct fixture x = {.target = {.flag = true}};
    struct buf b;

    (void)state;
    for (int list = 0; list < 2; list++) {
        fixture_begin(&x);
        buf_init(&b);
        buf_add_str(&b, "version: 0.1\nold: ");
        for (int n = 0; n < 100; n++)
            buf_add_str(&b, list ? "[" : "{a: ");
        assert_int_equal(conf_load_file(x.conf, "f.yml", buf_span(&b), &x.fault), RC_INTERNAL);
        assert_string_equal(fixture_detail(&x), "f.yml:2: nested too deeply");
        buf_fini(&b);
        fixture_end(&x);
    }
}

static void test_alias_bomb(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b);
    buf_add_str(&b, "version: 0.1\nold:\n  a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 30; i++) {
        buf_printf(&b, "  a%d: &a%d [", i, i);
        for (int n = 0; n < 9; n++)
            buf_printf(&b, "*a%d, ", i - 1);
        buf_add_str(&b, "]\n");
    }
    load_anything("f.yml", buf_span(&b));
    buf_fini(&b);
}

static void test_binary(void **state)
{
    char bytes[512];

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i * 7 + i / 256);
    for (size_t i = 0; i < 256; i++) {
        load_anything("f.yml", span_from(bytes + i, 256));
        load_anything("f.ini", span_from(bytes + i, 256));
    }
    /* UTF-16, both ways round, and cut */
    load_anything("f.yml", SPAN("\xff\xfev\0:\0 \0"));
    load_anything("f.yml", SPAN("\xfe\xff\0v\0:\0"));
    load_anything("f.yml", SPAN("\xff\xfev"));
    load_anything("f.yml", SPAN("\xff\xfe\x00\xd8"));
}

/* A file without a byte has no memory. */
static void test_nothing(void **state)
{
    static const char *const names[] = {"f", "f.yml", "f.ini"};

    (void)state;
    for (size_t i = 0; i < array_len(names); i++) {
        struct fixture x = {.target = {.flag = true}};
        fixture_begin(&x);
        enum rc rc = conf_load_file(x.conf, names[i], (struct span){NULL, 0}, &x.fault);
        assert_int_equal(rc, i == 2 ? RC_OK : RC_INTERNAL); /* a yaml file has a version */
        fixture_end(&x);
    }
}

/* A name is told in messages, and ends where its text does. */
static void test_hostile_keys(void **state)
{
    static const char *const keys[] = {"\\n", "\\0", "\\e", "\\x7f"};

    (void)state;
    for (size_t i = 0; i < array_len(keys); i++) {
        struct fixture x = {.target = {.flag = true}};
        fixture_begin(&x);
        const char *text = arena_printf(&x.arena, "version: 0.1\nfree: {\"x%sy\": 1}\n", keys[i]);
        assert_int_equal(conf_load_file(x.conf, "f.yml", span_of(text), &x.fault), RC_INTERNAL);
        assert_string_equal(fixture_detail(&x),
                            "f.yml:2: free.x?y: expected a key without control characters");
        fixture_end(&x);
    }
}

static void test_hostile_variables(void **state)
{
    static const char *const rows[] = {
        "REGISTRY_A=[[[[[[[[[[[[",
        "REGISTRY_A={a: {a: {a: ",
        "REGISTRY_A=&x {text: *x}",
        "REGISTRY_A=\x01",
        "REGISTRY_A=\xff\xfe",
        "REGISTRY_A=---\n---\n",
        "REGISTRY_A_TEXT=!<",
        "REGISTRY_A_TEXT=|",
        "REGISTRY_A_TEXT=- - - -",
        "REGISTRY_A\n\x1b[1m=x",
        "REGISTRY_",
        "REGISTRY_A_FLAG",
    };

    (void)state;
    for (size_t i = 0; i < array_len(rows); i++) {
        const char *env[] = {rows[i], NULL};
        struct fixture x = {.target = {.flag = true}};
        fixture_begin(&x);
        enum rc rc = conf_load_env(x.conf, (char *const *)env, &x.fault);
        assert_true(rc == RC_OK || rc == RC_INTERNAL);
        assert_null(strchr(fixture_warning(&x, 0), '\x1b'));
        assert_null(strchr(fixture_warning(&x, 0), '\n'));
        assert_null(strchr(fixture_detail(&x), '\n'));
        fixture_end(&x);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples_are_good),
        cmocka_unit_test(test_every_cut),
        cmocka_unit_test(test_random_damage),
        cmocka_unit_test(test_deep_nesting),
        cmocka_unit_test(test_depth_has_a_bound),
        cmocka_unit_test(test_alias_bomb),
        cmocka_unit_test(test_binary),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_hostile_keys),
        cmocka_unit_test(test_hostile_variables),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

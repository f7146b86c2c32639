/* SPDX-License-Identifier: Apache-2.0
 *
 * conf's variables: values as yaml, the order, and names that others have made.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "test/unit/lib/conf_fixture.h"

static void test_env_values(void **state)
{
    static const char *const rows[][2] = {
        {"REGISTRY_A_TEXT=plain", "plain"},
        {"REGISTRY_A_TEXT='quoted'", "quoted"},
        {"REGISTRY_A_TEXT=\"a\\tb\"", "a\tb"},
        {"REGISTRY_A_TEXT= padded ", "padded"},
        {"REGISTRY_A_TEXT=:5000", ":5000"},
        {"REGISTRY_A_TEXT=127.0.0.1:5000", "127.0.0.1:5000"},
        {"REGISTRY_A_TEXT=[::1]:5000", "[::1]:5000"},
        {"REGISTRY_A_TEXT=https://h:1/x", "https://h:1/x"},
        {"REGISTRY_A_TEXT=a=b=c", "a=b=c"},
        {"REGISTRY_A_TEXT=a: b", "a: b"},
        {"REGISTRY_A_TEXT=&anchored x", "&anchored x"},
        {"REGISTRY_A_TEXT=*x", "*x"},
        {"REGISTRY_A_TEXT=%x", "%x"},
        {"REGISTRY_A_TEXT=@x", "@x"},
        {"REGISTRY_A_TEXT=#x", "#x"},
        {"REGISTRY_A_TEXT=\"unterminated", "\"unterminated"},
        {"REGISTRY_A_TEXT={a: b}", "{a: b}"},
        {"REGISTRY_A_TEXT=\xff", "\xff"},
        {"REGISTRY_A={text: there}", "there"},
        {"REGISTRY_A=text: there", "there"},
        {"REGISTRY_A={\"text\": \"there\", \"b\": {\"count\": 4}}", "there"},
    };

    (void)state;
    for (size_t i = 0; i < array_len(rows); i++) {
        const char *env[] = {"HOME=/", rows[i][0], "PATH", "", NULL};
        struct fixture x = {.target = {.flag = true}};
        fixture_begin(&x);
        fixture_env(&x, env);
        assert_string_equal(x.target.text, rows[i][1]);
        assert_null(conf_warning(x.conf, 0));
        fixture_end(&x);
    }
}

static void test_env_goes_by_name(void **state)
{
    struct fixture x = {.target = {.flag = false}};
    const char *env[] = {"REGISTRY_A_TEXT=leaf", "REGISTRY_A_FLAG=on",
                         "REGISTRY_A={text: section, flag: off, b: {count: 3}}",
                         "REGISTRY_A_B={count: 4}", NULL};

    (void)state;
    fixture_begin(&x);
    fixture_env(&x, env);
    assert_string_equal(x.target.text, "leaf");
    assert_true(x.target.flag);
    assert_int_equal(x.target.count, 4);
    assert_null(conf_warning(x.conf, 0));
    fixture_end(&x);
}

/* As the registry image has it: what the section does not say is as by default. */
static void test_a_section_replaces_the_file_s(void **state)
{
    static const char text[] =
        "version: 0.1\na: {text: file, flag: on, b: {count: 7}}\nword: blue\n"
        "free: {x: 1}\n";
    const char *env[] = {"REGISTRY_A={b: {size: 2k}}", "REGISTRY_A_FLAG=on", NULL};
    struct fixture x = {.target = {.flag = false}};
    struct buf source;

    (void)state;
    fixture_begin(&x);
    fixture_load(&x, "f.yml", text);
    fixture_env(&x, env);
    assert_string_equal(x.target.text, "start");
    assert_true(x.target.flag);
    assert_int_equal(x.target.count, 1);
    assert_int_equal(x.target.size, 2048);
    assert_int_equal(x.target.word, 2);
    assert_non_null(x.target.map.first);
    buf_init(&source);
    conf_add_source(&source, x.conf, "a.text");
    assert_string_equal(source.p, "default");
    buf_fini(&source);
    assert_int_equal(
        conf_set(x.conf, CONF_FROM_FLAG, "--a.b.count", SPAN("a.b.count"), SPAN("9"), NULL), RC_OK);
    assert_int_equal(x.target.count, 9);
    fixture_end(&x);
}

static void test_env_errors(void **state)
{
    static const char *const rows[][2] = {
        {"REGISTRY_A_FLAG=maybe", "REGISTRY_A_FLAG: " BOOL_WANTED ", got \"maybe\""},
        {"REGISTRY_A_FLAG=[yes]", "REGISTRY_A_FLAG: " BOOL_WANTED ", got \"[yes]\""},
        {"REGISTRY_A={flag: maybe}", "REGISTRY_A: a.flag: " BOOL_WANTED ", got \"maybe\""},
        {"REGISTRY_A={flog: maybe}", "REGISTRY_A: a.flog: unknown option"},
        {"REGISTRY_A=on", "REGISTRY_A: expected a section, got a value"},
        {"REGISTRY_A=[1]", "REGISTRY_A: expected a section, got a value"},
        {"REGISTRY_DRIVER=tape", "REGISTRY_DRIVER: expected disk, got \"tape\""},
        {"REGISTRY_DRIVER=cloud", "REGISTRY_DRIVER: driver.cloud: there is only disk"},
        {"REGISTRY_DRIVER_CLOUD_KEY=x", "REGISTRY_DRIVER_CLOUD_KEY: there is only disk"},
        {"REGISTRY_GUARD=dog", "REGISTRY_GUARD: not without a guard"},
        {"REGISTRY_GUARD_DOG_NAME=", "REGISTRY_GUARD_DOG_NAME: not without a guard"},
        {"REGISTRY_GUARD={dog: }", "REGISTRY_GUARD: guard.dog: not without a guard"},
        {"REGISTRY_DRIVER_DISC_ROOT=x", "REGISTRY_DRIVER_DISC_ROOT: unknown option"},
        {"REGISTRY_DRIVER_DISC=", "REGISTRY_DRIVER_DISC: unknown option"},
    };

    (void)state;
    for (size_t i = 0; i < array_len(rows); i++) {
        const char *env[] = {rows[i][0], NULL};
        struct fixture x = {.target = {.flag = true}};
        fixture_begin(&x);
        assert_int_equal(conf_load_env(x.conf, (char *const *)env, &x.fault), RC_INTERNAL);
        assert_string_equal(fixture_detail(&x), rows[i][1]);
        fixture_end(&x);
    }
}

static void test_unknown_variables_are_not_fatal(void **state)
{
    static const char *const rows[] = {
        "REGISTRY_PORT=tcp://10.0.0.1:5000",
        "REGISTRY_PORT_5000_TCP=tcp://10.0.0.1:5000",
        "REGISTRY_PORT_5000_TCP_ADDR=10.0.0.1",
        "REGISTRY_SERVICE_HOST=10.0.0.1",
        "REGISTRY_SERVICE_PORT=5000",
        "REGISTRY_SERVICE_PORT_HTTP=5000",
        "REGISTRY_GUARD_SERVICE_HOST=10.0.0.1",
        "REGISTRY_GUARD_PORT=tcp://10.0.0.1:5001",
        "REGISTRY_GUARD_PORT_5001_TCP_PROTO=tcp",
        "REGISTRY_A_PORT=tcp://10.0.0.1:5001",
        "REGISTRY_DRIVER_PORT=tcp://10.0.0.1:5001",
        "REGISTRY_DRIVER_SERVICE_HOST=10.0.0.1",
        "REGISTRY_VERSION=2",
        "REGISTRY_NEW=[",
        "REGISTRY_A_FLOG=1",
        "REGISTRY_A_B_COUNT_X=1",
        "REGISTRY_=1",
        "REGISTRY__A=1",
    };

    (void)state;
    for (size_t i = 0; i < array_len(rows); i++) {
        const char *env[] = {rows[i], NULL};
        char wanted[200];
        struct fixture x = {.target = {.flag = true}};
        fixture_begin(&x);
        fixture_env(&x, env);
        snprintf(wanted, sizeof(wanted), "%.*s: unknown variable, ignored",
                 (int)strcspn(rows[i], "="), rows[i]);
        assert_string_equal(fixture_warning(&x, 0), wanted);
        assert_null(conf_warning(x.conf, 1));
        fixture_end(&x);
    }
}

static void test_variables_that_are_nobodys_business(void **state)
{
    const char *env[] = {"HOME=/",
                         "registry_a_flag=x",
                         "XREGISTRY_A_FLAG=x",
                         "REGISTRYA_FLAG=x",
                         "REGISTRY=x",
                         "REGISTRY_CONFIGURATION_PATH=/x",
                         "OTEL_TRACES=x",
                         NULL};
    struct fixture x = {.target = {.flag = true}};

    (void)state;
    fixture_begin(&x);
    fixture_env(&x, env);
    assert_null(conf_warning(x.conf, 0));
    fixture_end(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_env_values),
        cmocka_unit_test(test_env_goes_by_name),
        cmocka_unit_test(test_a_section_replaces_the_file_s),
        cmocka_unit_test(test_env_errors),
        cmocka_unit_test(test_unknown_variables_are_not_fatal),
        cmocka_unit_test(test_variables_that_are_nobodys_business),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

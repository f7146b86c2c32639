/* SPDX-License-Identifier: Apache-2.0
 *
 * conf: each type, who wins, what is said, and what is kept quiet.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "test/unit/lib/conf_fixture.h"

#define AT(member) offsetof(struct target, member)

static uint64_t number_of(const struct target *t, const char *key)
{
    if (strcmp(key, "a.flag") == 0)
        return t->flag;
    if (strcmp(key, "word") == 0)
        return (uint64_t)t->word;
    if (strcmp(key, "a.b.count") == 0)
        return t->count;
    return strcmp(key, "a.b.size") == 0 ? t->size : t->time;
}

static const struct {
    const char *key, *text;
    uint64_t value;
} good_rows[] = {
    {"a.flag", "true", 1},
    {"a.flag", "True", 1},
    {"a.flag", "TRUE", 1},
    {"a.flag", "yes", 1},
    {"a.flag", "Yes", 1},
    {"a.flag", "on", 1},
    {"a.flag", "ON", 1},
    {"a.flag", "y", 1},
    {"a.flag", "Y", 1},
    {"a.flag", "false", 0},
    {"a.flag", "False", 0},
    {"a.flag", "no", 0},
    {"a.flag", "NO", 0},
    {"a.flag", "off", 0},
    {"a.flag", "Off", 0},
    {"a.flag", "n", 0},
    {"a.flag", "N", 0},
    {"a.b.count", "0", 0},
    {"a.b.count", "007", 7},
    {"a.b.count", "18446744073709551615", UINT64_MAX},
    {"a.b.size", "0", 0},
    {"a.b.size", "4096", 4096},
    {"a.b.size", "512b", 512},
    {"a.b.size", "64KiB", 64 * 1024},
    {"a.b.size", "64k", 64 * 1024},
    {"a.b.size", "64K", 64 * 1024},
    {"a.b.size", "4MiB", 4 * 1024 * 1024},
    {"a.b.size", "4 MiB", 4 * 1024 * 1024},
    {"a.b.size", "4m", 4 * 1024 * 1024},
    {"a.b.size", "2GiB", 2147483648},
    {"a.b.size", "2g", 2147483648},
    {"a.b.size", "17179869183g", 18446744072635809792u},
    {"a.b.time", "0", 0},
    {"a.b.time", "0s", 0},
    {"a.b.time", "10s", 10000},
    {"a.b.time", "1h30m", 5400000},
    {"a.b.time", "500ms", 500},
    {"a.b.time", "1.5h", 5400000},
    {"a.b.time", ".5s", 500},
    {"a.b.time", "1.s", 1000},
    {"a.b.time", "1m0.25s", 60250},
    {"a.b.time", "100us", 1},
    {"a.b.time", "100\xc2\xb5s", 1},
    {"a.b.time", "100\xce\xbcs", 1},
    {"a.b.time", "1ns", 1},
    {"a.b.time", "1000001ns", 2},
    {"a.b.time", "2562047h", 9223369200000},
    {"a.b.time", "9223372036854775806ns", 9223372036854}, /* one more would be no duration */
    {"a.b.time", "9223372036854000000ns", 9223372036854},
    {"word", "red", 0},
    {"word", "green", 1},
    {"word", "lime", 1},
    {"word", "olive", 1},
    {"word", "Blue", 2},
};

static void test_good_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < array_len(good_rows); i++) {
        struct fixture x = {.target = {.flag = false}};
        fixture_begin(&x);
        enum rc rc = conf_set(x.conf, CONF_FROM_FLAG, "--x", span_of(good_rows[i].key),
                              span_of(good_rows[i].text), &x.fault);
        if (rc != RC_OK || number_of(&x.target, good_rows[i].key) != good_rows[i].value)
            print_error("row %zu: %s\n", i, good_rows[i].text);
        assert_int_equal(rc, RC_OK);
        assert_int_equal(number_of(&x.target, good_rows[i].key), good_rows[i].value);
        fixture_end(&x);
    }
}

static const struct {
    const char *key, *text, *wanted;
} bad_rows[] = {
    {"a.flag", "maybe", BOOL_WANTED},
    {"a.flag", "1", BOOL_WANTED},
    {"a.flag", "tru", BOOL_WANTED},
    {"a.flag", "", BOOL_WANTED},
    {"a.b.count", "-1", COUNT_WANTED},
    {"a.b.count", "+1", COUNT_WANTED},
    {"a.b.count", "1.5", COUNT_WANTED},
    {"a.b.count", "0x10", COUNT_WANTED},
    {"a.b.count", "18446744073709551616", COUNT_WANTED},
    {"a.b.count", "", COUNT_WANTED},
    {"a.b.size", "k", SIZE_WANTED},
    {"a.b.size", "4KB", SIZE_WANTED},
    {"a.b.size", "4kk", SIZE_WANTED},
    {"a.b.size", "-4k", SIZE_WANTED},
    {"a.b.size", "1.5k", SIZE_WANTED},
    {"a.b.size", "17179869184g", SIZE_WANTED},
    {"a.b.size", "", SIZE_WANTED},
    {"a.b.time", "10", TIME_WANTED},
    {"a.b.time", "s", TIME_WANTED},
    {"a.b.time", ".s", TIME_WANTED},
    {"a.b.time", "-1s", TIME_WANTED},
    {"a.b.time", "1d", TIME_WANTED},
    {"a.b.time", "1h 30m", TIME_WANTED},
    {"a.b.time", "1h30", TIME_WANTED},
    {"a.b.time", "1..5h", TIME_WANTED},
    {"a.b.time", "2562048h", TIME_WANTED},
    {"a.b.time", "2562047h59m", TIME_WANTED},
    {"a.b.time", "99999999999999999999s", TIME_WANTED},
    {"a.b.time", "", TIME_WANTED},
    {"word", "pink", "expected red, green or blue"},
    {"word", "green=lime", "expected red, green or blue"},
    {"word", "red|green", "expected red, green or blue"},
    {"word", "", "expected red, green or blue"},
    {"driver", "tape", "expected disk"},
};

static void test_bad_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < array_len(bad_rows); i++) {
        struct fixture x = {.target = {.flag = false}};
        fixture_begin(&x);
        struct target before = x.target;
        enum rc rc = conf_set(x.conf, CONF_FROM_FLAG, "--x", span_of(bad_rows[i].key),
                              span_of(bad_rows[i].text), &x.fault);
        assert_int_equal(rc, RC_INTERNAL);
        char wanted[200];
        snprintf(wanted, sizeof(wanted), "--x: %s, got \"%s\"", bad_rows[i].wanted,
                 bad_rows[i].text);
        assert_string_equal(fixture_detail(&x), wanted);
        assert_memory_equal(&before, &x.target, sizeof(before));
        fixture_end(&x);
    }
}

static void test_strings(void **state)
{
    struct fixture x = {.target = {.flag = false}};

    (void)state;
    fixture_begin(&x);
    assert_string_equal(x.target.text, "start");
    assert_string_equal(x.target.password, "");
    fixture_load(&x, "f.yml",
                 "version: 0.1\na:\n  text: \"a \\u00e9 \\\"b\\\"\"\n  password: 'it''s'\n");
    assert_string_equal(x.target.text, "a \xc3\xa9 \"b\"");
    assert_string_equal(x.target.password, "it's");
    assert_int_equal(
        conf_load_file(x.conf, "f.yml", SPAN("version: 0.1\na: {text: \"a\\0b\"}"), &x.fault),
        RC_INTERNAL);
    assert_string_equal(fixture_detail(&x),
                        "f.yml:2: a.text: expected text without NUL bytes, got \"a?b\"");
    fixture_end(&x);
}

/* Sources */

static void test_precedence(void **state)
{
    struct fixture x = {.target = {.flag = false}};
    const char *env[] = {"REGISTRY_A_TEXT=env", NULL};

    (void)state;
    fixture_begin(&x);
    assert_string_equal(x.target.text, "start");
    assert_int_equal(conf_source_of(x.conf, "a.text"), CONF_FROM_DEFAULT);
    fixture_load(&x, "f.ini", "[a]\ntext = file\n");
    assert_string_equal(x.target.text, "file");
    assert_int_equal(conf_source_of(x.conf, "a.text"), CONF_FROM_FILE);
    fixture_env(&x, env);
    assert_string_equal(x.target.text, "env");
    assert_int_equal(conf_source_of(x.conf, "a.text"), CONF_FROM_ENV);
    assert_int_equal(
        conf_set(x.conf, CONF_FROM_FLAG, "--text", SPAN("a.text"), SPAN("flag"), &x.fault), RC_OK);
    assert_string_equal(x.target.text, "flag");
    assert_int_equal(conf_source_of(x.conf, "a.text"), CONF_FROM_FLAG);

    /* whatever the order of the calls */
    fixture_env(&x, env);
    fixture_load(&x, "f.ini", "[a]\ntext = file\n");
    assert_string_equal(x.target.text, "flag");
    assert_int_equal(conf_source_of(x.conf, "a.text"), CONF_FROM_FLAG);
    assert_int_equal(conf_source_of(x.conf, "word"), CONF_FROM_DEFAULT);
    assert_int_equal(conf_source_of(x.conf, "no.such"), CONF_FROM_DEFAULT);
    fixture_end(&x);
}

static void test_null_is_the_default(void **state)
{
    static const char *const files[][2] = {
        {"f.ini", "[a.b]\ncount =\n[a]\nflag =\ntext ="},
        {"f.yml", "version: 0.1\na: {b: {count: }, flag: ~, text: null}"},
        {"f.yml", "version: 0.1\na: {b: , flag: Null, text: NULL}\nold:\nguard:\nword:\n"},
    };
    const char *env[] = {"REGISTRY_A_TEXT=",     "REGISTRY_A_FLAG=~", "REGISTRY_A_B=",
                         "REGISTRY_A_B_COUNT= ", "REGISTRY_GUARD=",   NULL};

    (void)state;
    for (size_t i = 0; i < array_len(files); i++) {
        struct fixture x = {.target = {.flag = true}};
        fixture_begin(&x);
        fixture_load(&x, files[i][0], files[i][1]);
        fixture_env(&x, env);
        assert_string_equal(x.target.text, "start");
        assert_false(x.target.flag);
        assert_int_equal(x.target.count, 1);
        assert_null(conf_warning(x.conf, 0));
        fixture_end(&x);
    }
}

static void test_an_empty_string_is_no_null(void **state)
{
    static const char *const files[][2] = {
        {"f.ini", "[a]\ntext = \"\"\n"},
        {"f.yml", "version: 0.1\na: {text: ''}"},
    };
    const char *env[] = {"REGISTRY_A_TEXT=\"\"", NULL};

    (void)state;
    for (size_t i = 0; i <= array_len(files); i++) {
        struct fixture x = {.target = {.flag = true}};
        fixture_begin(&x);
        if (i < array_len(files))
            fixture_load(&x, files[i][0], files[i][1]);
        else
            fixture_env(&x, env);
        assert_string_equal(x.target.text, "");
        fixture_end(&x);
    }
}

static void test_kind_of_file(void **state)
{
    static const char *const files[][2] = {
        {"f.ini", "a.text: there\n"},
        {"f.conf", "[a]\ntext = there"},
        {"f.conf", "; a comment\n[a]\ntext = there"},
        {"f.conf", "# a comment\r\n\r\n  a.text = there"},
        {"f.conf", "a.text = there: here"},
        {"f.conf", "# a comment\n\nversion: 0.1\na: {text: there}"},
        {"f.conf", "---\nversion: 0.1\na: {text: there}"},
        {"f.conf", "version: 0.1 # =\na: {text: there}"},
        {"f.yaml", "version: '0.1'\na: {text: there}\n...\n"},
        {"config", "{version: 0.1, a: {text: there}}"},
        {"f.yml", "%YAML 1.1\n---\nversion: \"0.1\"\na:\n  text: there\n"},
        {"f.yml", "\xef\xbb\xbfversion: 0.1\na:\n  text: there\n"},
        {"f.ini", "\xef\xbb\xbf[a]\ntext = there\n"},
    };

    (void)state;
    for (size_t i = 0; i < array_len(files); i++) {
        struct fixture x = {.target = {.flag = true}};
        fixture_begin(&x);
        fixture_load(&x, files[i][0], files[i][1]);
        assert_memory_equal(x.target.text, "there", 5);
        assert_null(conf_warning(x.conf, 0));
        fixture_end(&x);
    }
}

static void test_the_later_line_counts(void **state)
{
    static const char *const files[][3] = {
        {"f.ini", "[a]\ntext = one\n\ntext = two\n",
         "f.ini:4: a.text: given on line 2 too, this one counts"},
        {"f.yml", "version: 0.1\na:\n  text: one\n  text: two\n",
         "f.yml:4: a.text: given on line 3 too, this one counts"},
    };

    (void)state;
    for (size_t i = 0; i < array_len(files); i++) {
        struct fixture x = {.target = {.flag = true}};
        fixture_begin(&x);
        fixture_load(&x, files[i][0], files[i][1]);
        assert_string_equal(x.target.text, "two");
        assert_string_equal(fixture_warning(&x, 0), files[i][2]);
        assert_null(conf_warning(x.conf, 1));
        fixture_end(&x);
    }
}

static void test_one_warning_for_a_section(void **state)
{
    struct fixture x = {.target = {.flag = true}};
    const char *env[] = {"REGISTRY_OLD_X=[", "REGISTRY_OLD_Y_0_Z=%", NULL};

    (void)state;
    fixture_begin(&x);
    fixture_load(
        &x, "f.yml",
        "version: 0.1\nold:\n  x: 1\n  y:\n    - {z: 1}\n    - [1, [2]]\n  w: {v: {u: no}}\n");
    assert_string_equal(fixture_warning(&x, 0), "f.yml:2: old: not supported yet, ignored");
    assert_null(conf_warning(x.conf, 1));
    fixture_env(&x, env);
    assert_string_equal(fixture_warning(&x, 1), "REGISTRY_OLD_X: old: not supported yet, ignored");
    assert_null(conf_warning(x.conf, 2));
    conf_warn(x.conf, "and %d", 1);
    assert_string_equal(fixture_warning(&x, 2), "and 1");
    assert_null(conf_warning(x.conf, 3));
    fixture_end(&x);
}

static void test_what_is_refused_may_say_nothing(void **state)
{
    struct fixture x = {.target = {.flag = true}};
    const char *env[] = {"REGISTRY_GUARD=none", "REGISTRY_GUARD_KEY=", NULL};

    (void)state;
    fixture_begin(&x);
    fixture_load(&x, "f.yml", "version: 0.1\nguard: none\n");
    fixture_load(&x, "f.yml", "version: 0.1\nguard: {key: ''}\n");
    fixture_load(&x, "f.yml", "version: 0.1\nguard: {}\n");
    fixture_load(&x, "f.ini", "[guard]\nkey =\n");
    fixture_load(&x, "f.yml", "version: 0.1\ndriver: {}\n");
    fixture_env(&x, env);
    assert_null(conf_warning(x.conf, 0));
    fixture_end(&x);
}

static void test_secrets_are_not_told(void **state)
{
    static const struct conf_option secrets[] = {
        {"a.secret", CONF_BOOL, AT(flag), "false", CONF_RELOAD, NULL, ""},
        {"smtppassword", CONF_COUNT, AT(count), "0", CONF_RELOAD, NULL, ""},
        {"guard", CONF_REFUSED, 0, NULL, CONF_RELOAD, NULL, "not here"},
        {"old", CONF_LATER, 0, NULL, CONF_RELOAD, NULL, ""},
    };
    static const char *const rows[][2] = {
        {"REGISTRY_A_SECRET=hunter2", "REGISTRY_A_SECRET: " BOOL_WANTED},
        {"REGISTRY_A={secret: hunter2}", "REGISTRY_A: a.secret: " BOOL_WANTED},
        {"REGISTRY_SMTPPASSWORD=hunter2", "REGISTRY_SMTPPASSWORD: " COUNT_WANTED},
        {"REGISTRY_GUARD=hunter2", "REGISTRY_GUARD: not here"},
        {"REGISTRY_OLD=hunter2", ""},
        {"REGISTRY_NEW_PASSWORD=hunter2", ""},
    };

    (void)state;
    for (size_t i = 0; i < array_len(rows); i++) {
        const char *env[] = {rows[i][0], NULL};
        struct fixture x = {.target = {.flag = true}};
        fixture_begin(&x);
        conf_free(x.conf);
        x.conf = conf_new(secrets, array_len(secrets), &x.target);
        enum rc rc = conf_load_env(x.conf, (char *const *)env, &x.fault);
        assert_int_equal(rc, rows[i][1][0] ? RC_INTERNAL : RC_OK);
        assert_string_equal(fixture_detail(&x), rows[i][1]);
        assert_null(strstr(fixture_warning(&x, 0), "hunter2"));
        fixture_end(&x);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_values),
        cmocka_unit_test(test_bad_values),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_precedence),
        cmocka_unit_test(test_null_is_the_default),
        cmocka_unit_test(test_an_empty_string_is_no_null),
        cmocka_unit_test(test_kind_of_file),
        cmocka_unit_test(test_the_later_line_counts),
        cmocka_unit_test(test_one_warning_for_a_section),
        cmocka_unit_test(test_what_is_refused_may_say_nothing),
        cmocka_unit_test(test_secrets_are_not_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * conf on a small table of its own: each type, each source, who wins, what is said about
 * errors, and that no bytes whatever bring it down.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "lib/buf.h"
#include "lib/conf.h"

struct target {
    const char *text, *password;
    bool flag;
    uint64_t count, size, time;
    int word, driver;
};

#define AT(member) offsetof(struct target, member)

static const struct conf_option table[] = {
    {"a.text", CONF_STRING, AT(text), "start", CONF_RELOAD, NULL, ""},
    {"a.password", CONF_STRING, AT(password), "", CONF_RELOAD, NULL, ""},
    {"a.flag", CONF_BOOL, AT(flag), "false", CONF_RELOAD, NULL, ""},
    {"a.b.count", CONF_COUNT, AT(count), "1", CONF_RELOAD, NULL, ""},
    {"a.b.size", CONF_SIZE, AT(size), "1k", CONF_RELOAD, NULL, ""},
    {"a.b.time", CONF_DURATION, AT(time), "1s", CONF_RELOAD, NULL, ""},
    {"word", CONF_ENUM, AT(word), "red", CONF_RELOAD, "red|green=lime=olive|blue", ""},
    {"driver", CONF_ENUM, AT(driver), "disk", CONF_RELOAD, "disk", ""},
    {"driver.cloud", CONF_REFUSED, 0, NULL, CONF_RELOAD, NULL, "there is only disk"},
    {"old", CONF_LATER, 0, NULL, CONF_RELOAD, NULL, ""},
    {"guard", CONF_REFUSED, 0, "none", CONF_RELOAD, NULL, "not without a guard"},
    {"guard.key", CONF_REFUSED, 0, "", CONF_RELOAD, NULL, "not without a key"},
};

struct fixture {
    struct target target;
    struct conf *conf;
    struct arena arena;
    struct fault fault;
};

static void begin(struct fixture *x)
{
    arena_init(&x->arena);
    fault_init(&x->fault, &x->arena);
    x->conf = conf_new(table, array_len(table), &x->target);
}

static void end(struct fixture *x)
{
    conf_free(x->conf);
    arena_fini(&x->arena);
}

static const char *detail(const struct fixture *x)
{
    return x->fault.first != NULL ? x->fault.first->detail : "";
}

static const char *warning(const struct fixture *x, size_t i)
{
    const char *w = conf_warning(x->conf, i);
    return w != NULL ? w : "";
}

static void load_ok(struct fixture *x, const char *name, const char *text)
{
    enum rc rc = conf_load_file(x->conf, name, span_of(text), &x->fault);
    if (rc != RC_OK)
        print_error("%s\n", detail(x));
    assert_int_equal(rc, RC_OK);
}

static void env_ok(struct fixture *x, const char *const *env)
{
    enum rc rc = conf_load_env(x->conf, (char *const *)env, &x->fault);
    if (rc != RC_OK)
        print_error("%s\n", detail(x));
    assert_int_equal(rc, RC_OK);
}

/* Values */

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

static void test_good_values(void **state)
{
    static const struct {
        const char *key, *text;
        uint64_t value;
    } rows[] = {
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
        {"word", "red", 0},
        {"word", "green", 1},
        {"word", "lime", 1},
        {"word", "olive", 1},
        {"word", "Blue", 2},
    };

    (void)state;
    for (size_t i = 0; i < array_len(rows); i++) {
        struct fixture x = {.target = {.flag = false}};
        begin(&x);
        enum rc rc = conf_set(x.conf, CONF_FROM_FLAG, "--x", span_of(rows[i].key),
                              span_of(rows[i].text), &x.fault);
        if (rc != RC_OK || number_of(&x.target, rows[i].key) != rows[i].value)
            print_error("row %zu: %s\n", i, rows[i].text);
        assert_int_equal(rc, RC_OK);
        assert_int_equal(number_of(&x.target, rows[i].key), rows[i].value);
        end(&x);
    }
}

#define BOOL_WANTED "expected true or false"
#define COUNT_WANTED "expected a whole number"
#define SIZE_WANTED "expected a size such as 4096, 64KiB or 4MiB"
#define TIME_WANTED "expected a duration such as 10s, 1h30m or 500ms"

static void test_bad_values(void **state)
{
    static const struct {
        const char *key, *text, *wanted;
    } rows[] = {
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

    (void)state;
    for (size_t i = 0; i < array_len(rows); i++) {
        struct fixture x = {.target = {.flag = false}};
        begin(&x);
        struct target before = x.target;
        enum rc rc = conf_set(x.conf, CONF_FROM_FLAG, "--x", span_of(rows[i].key),
                              span_of(rows[i].text), &x.fault);
        assert_int_equal(rc, RC_INTERNAL);
        char wanted[200];
        snprintf(wanted, sizeof(wanted), "--x: %s: %s, got \"%s\"", rows[i].key, rows[i].wanted,
                 rows[i].text);
        assert_string_equal(detail(&x), wanted);
        assert_memory_equal(&before, &x.target, sizeof(before));
        end(&x);
    }
}

static void test_strings(void **state)
{
    struct fixture x = {.target = {.flag = false}};

    (void)state;
    begin(&x);
    assert_string_equal(x.target.text, "start");
    assert_string_equal(x.target.password, "");
    load_ok(&x, "f.yml",
            "version: 0.1\na:\n  text: \"a \\u00e9 \\\"b\\\"\"\n  password: 'it''s'\n");
    assert_string_equal(x.target.text, "a \xc3\xa9 \"b\"");
    assert_string_equal(x.target.password, "it's");
    assert_int_equal(
        conf_load_file(x.conf, "f.yml", SPAN("version: 0.1\na: {text: \"a\\0b\"}"), &x.fault),
        RC_INTERNAL);
    assert_string_equal(detail(&x),
                        "f.yml:2: a.text: expected text without NUL bytes, got \"a?b\"");
    end(&x);
}

/* Sources */

static void test_precedence(void **state)
{
    struct fixture x = {.target = {.flag = false}};
    const char *env[] = {"REGISTRY_A_TEXT=env", NULL};

    (void)state;
    begin(&x);
    assert_string_equal(x.target.text, "start");
    assert_int_equal(conf_source_of(x.conf, "a.text"), CONF_FROM_DEFAULT);
    load_ok(&x, "f.ini", "[a]\ntext = file\n");
    assert_string_equal(x.target.text, "file");
    assert_int_equal(conf_source_of(x.conf, "a.text"), CONF_FROM_FILE);
    env_ok(&x, env);
    assert_string_equal(x.target.text, "env");
    assert_int_equal(conf_source_of(x.conf, "a.text"), CONF_FROM_ENV);
    assert_int_equal(
        conf_set(x.conf, CONF_FROM_FLAG, "--text", SPAN("a.text"), SPAN("flag"), &x.fault), RC_OK);
    assert_string_equal(x.target.text, "flag");
    assert_int_equal(conf_source_of(x.conf, "a.text"), CONF_FROM_FLAG);

    /* whatever the order of the calls */
    env_ok(&x, env);
    load_ok(&x, "f.ini", "[a]\ntext = file\n");
    assert_string_equal(x.target.text, "flag");
    assert_int_equal(conf_source_of(x.conf, "a.text"), CONF_FROM_FLAG);
    assert_int_equal(conf_source_of(x.conf, "word"), CONF_FROM_DEFAULT);
    assert_int_equal(conf_source_of(x.conf, "no.such"), CONF_FROM_DEFAULT);
    end(&x);
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
        begin(&x);
        load_ok(&x, files[i][0], files[i][1]);
        env_ok(&x, env);
        assert_string_equal(x.target.text, "start");
        assert_false(x.target.flag);
        assert_int_equal(x.target.count, 1);
        assert_null(conf_warning(x.conf, 0));
        end(&x);
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
        begin(&x);
        if (i < array_len(files))
            load_ok(&x, files[i][0], files[i][1]);
        else
            env_ok(&x, env);
        assert_string_equal(x.target.text, "");
        end(&x);
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
        begin(&x);
        load_ok(&x, files[i][0], files[i][1]);
        assert_memory_equal(x.target.text, "there", 5);
        assert_null(conf_warning(x.conf, 0));
        end(&x);
    }
}

static void test_ini_forms(void **state)
{
    static const char *const texts[] = {
        "[a]\ntext=there\nflag=yes\n",
        "[a]\r\ntext = there\r\nflag = yes\r\n",
        "[a]\n   text = there\n\tflag = yes",
        "[a]\ntext = \"there\"\nflag = \"yes\"\n",
        "a.text = there\na.flag = yes\n",
        "[a] ; a section\ntext = there ; a comment\n; text = other\n#flag = no\nflag: yes\n",
        "version = 0.1\n[a]\ntext = there\n\n\n[a]\nflag = yes\n",
    };

    (void)state;
    for (size_t i = 0; i < array_len(texts); i++) {
        struct fixture x = {.target = {.flag = true}};
        begin(&x);
        load_ok(&x, "f.ini", texts[i]);
        assert_string_equal(x.target.text, "there");
        assert_true(x.target.flag);
        assert_null(conf_warning(x.conf, 0));
        end(&x);
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
        begin(&x);
        load_ok(&x, files[i][0], files[i][1]);
        assert_string_equal(x.target.text, "two");
        assert_string_equal(warning(&x, 0), files[i][2]);
        assert_null(conf_warning(x.conf, 1));
        end(&x);
    }
}

/* Errors of files, each with its line. */
static void test_file_errors(void **state)
{
    static const struct {
        const char *name, *text, *wanted;
    } rows[] = {
        {"f.ini", "\n[a]\n; x\nflag = 2\n", "f.ini:4: a.flag: " BOOL_WANTED ", got \"2\""},
        {"f.ini", "[a]\r\nflag = 2", "f.ini:2: a.flag: " BOOL_WANTED ", got \"2\""},
        {"f.ini", "[a]\nflag = tr\x01 \"u", "f.ini:2: a.flag: " BOOL_WANTED ", got \"tr? ?u\""},
        {"f.ini", "[a]\nflog = 2\n", "f.ini:2: a.flog: unknown option"},
        {"f.ini", "[c]\nflag = no\n", "f.ini:2: c.flag: unknown option"},
        {"f.ini", "flag = no\n", "f.ini:1: flag: unknown option"},
        {"f.ini", "Word = red\n", "f.ini:1: Word: unknown option"},
        {"f.ini", "a = no\n", "f.ini:1: a: expected a section, got a value"},
        {"f.ini", "[a]\n\nflag\n", "f.ini:3: expected [section] or key = value"},
        {"f.ini", "\n[a\nflag = no\n", "f.ini:2: expected [section] or key = value"},
        {"f.ini", "[a]\n = 4\n", "f.ini:2: a.: unknown option"},
        {"f.ini", "version = 0.2\n", "f.ini:1: version: unknown option"},
        {"f.ini", "driver = cloud\n", "f.ini:1: driver.cloud: there is only disk"},
        {"f.ini", "[driver.cloud]\nkey = x\n", "f.ini:2: driver.cloud.key: there is only disk"},
        {"f.ini", "[a]\npassword = ok\nflag = 2\n", "f.ini:3: a.flag: " BOOL_WANTED ", got \"2\""},

        {"f.yml", "version: 0.1\n\na:\n  flag: 2\n", "f.yml:4: a.flag: " BOOL_WANTED ", got \"2\""},
        {"f.yml", "version: 0.1\na: {b: {time: 5}}",
         "f.yml:2: a.b.time: " TIME_WANTED ", got \"5\""},
        {"f.yml", "version: 0.1\nA: {flag: no}", "f.yml:2: A: unknown option"},
        {"f.yml", "version: 0.1\na: {flog: no}", "f.yml:2: a.flog: unknown option"},
        {"f.yml", "version: 0.1\nnew:\n  - 1\n", "f.yml:3: new: unknown option"},
        {"f.yml", "version: 0.1\na: yes\n", "f.yml:2: a: expected a section, got a value"},
        {"f.yml", "version: 0.1\na: [1]\n", "f.yml:2: a: expected a section, got a value"},
        {"f.yml", "version: 0.1\nword: {x: 1}\n",
         "f.yml:2: word: expected red, green or blue, got a mapping"},
        {"f.yml", "version: 0.1\nword: [red]\n",
         "f.yml:2: word: expected red, green or blue, got a list"},
        {"f.yml", "version: 0.1\ndriver: tape\n", "f.yml:2: driver: expected disk, got \"tape\""},
        {"f.yml", "version: 0.1\ndriver: cloud\n", "f.yml:2: driver.cloud: there is only disk"},
        {"f.yml", "version: 0.1\ndriver:\n  cloud:\n", "f.yml:3: driver.cloud: there is only disk"},
        {"f.yml", "version: 0.1\ndriver:\n  cloud: {}\n",
         "f.yml:3: driver.cloud: there is only disk"},
        {"f.yml", "version: 0.1\nguard: dog\n", "f.yml:2: guard: not without a guard"},
        {"f.yml", "version: 0.1\nguard: [dog]\n", "f.yml:2: guard: not without a guard"},
        {"f.yml", "version: 0.1\nguard:\n  dog:\n", "f.yml:3: guard.dog: not without a guard"},
        {"f.yml", "version: 0.1\nguard:\n  dog: {name: }\n",
         "f.yml:3: guard.dog: not without a guard"},
        {"f.yml", "version: 0.1\nguard: {key: x}", "f.yml:2: guard.key: not without a key"},

        {"f.yml", "", "f.yml: unsupported version: \"\""},
        {"f.yml", "# nothing\n", "f.yml: unsupported version: \"\""},
        {"f.yml", "a: {flag: yes}\n", "f.yml: unsupported version: \"\""},
        {"f.yml", "a:\n  flag: yes\nversion: 0.2\n", "f.yml:3: unsupported version: \"0.2\""},
        {"f.yml", "version: [0.1]\n", "f.yml:1: unsupported version: \"\""},
        {"f.yml", "version:\n", "f.yml:1: unsupported version: \"\""},
        {"f.yml", "version", "f.yml:1: expected a mapping of options"},
        {"f.yml", "\n- version: 0.1\n", "f.yml:2: expected a mapping of options"},
        {"f.yml", "version: 0.1\n---\na: {flag: yes}\n",
         "f.yml:2: expected one yaml document, got another one"},
        {"f.yml", "version: 0.1\n? [a]\n: b\n", "f.yml:2: expected a word as key"},
        {"f.yml", "version: 0.1\na: &x {flag: yes}\n",
         "f.yml:2: a: anchors and aliases are not supported"},
        {"f.yml", "version: 0.1\na: {text: &x hello}\n",
         "f.yml:2: a.text: anchors and aliases are not supported"},
        {"f.yml", "version: 0.1\nold:\n  - &x hello\n",
         "f.yml:3: old: anchors and aliases are not supported"},
        {"f.yml", "version: 0.1\na: *x\n", "f.yml:2: a: anchors and aliases are not supported"},
        {"f.yml", "version: 0.1\n&x a: 1\n", "f.yml:2: anchors and aliases are not supported"},
    };

    (void)state;
    for (size_t i = 0; i < array_len(rows); i++) {
        struct fixture x = {.target = {.flag = true}};
        begin(&x);
        enum rc rc = conf_load_file(x.conf, rows[i].name, span_of(rows[i].text), &x.fault);
        if (rc != RC_INTERNAL)
            print_error("row %zu: taken: %s\n", i, rows[i].text);
        assert_int_equal(rc, RC_INTERNAL);
        assert_string_equal(detail(&x), rows[i].wanted);
        assert_int_equal(x.fault.count, 1);
        end(&x);
    }
}

static void test_yaml_syntax_errors_have_a_line(void **state)
{
    static const struct {
        const char *text, *wanted;
    } rows[] = {
        {"version: 0.1\na: {text: x\n", "f.yml:3: not yaml: "},
        {"version: 0.1\n\ta: 1\n", "f.yml:2: not yaml: "},
        {"version: 0.1\na: \"x\n", "f.yml:3: not yaml: "},
        {"version: 0.1\nold: b: c\n", "f.yml:2: not yaml: "},
        {"version: 0.1\n\na: \x01\n", "f.yml:3: not yaml: "},
        {"version: 0.1\n\na: \xff\n", "f.yml:3: not yaml: "},
        {"version: 0.1\n%", "f.yml:2: not yaml: "},
    };

    (void)state;
    for (size_t i = 0; i < array_len(rows); i++) {
        struct fixture x = {.target = {.flag = true}};
        begin(&x);
        assert_int_equal(conf_load_file(x.conf, "f.yml", span_of(rows[i].text), &x.fault),
                         RC_INTERNAL);
        if (strncmp(detail(&x), rows[i].wanted, strlen(rows[i].wanted)) != 0)
            print_error("row %zu: %s\n", i, detail(&x));
        assert_memory_equal(detail(&x), rows[i].wanted, strlen(rows[i].wanted));
        end(&x);
    }
}

static void test_ini_lines_that_are_too_much(void **state)
{
    struct fixture x = {.target = {.flag = true}};
    struct buf b;

    (void)state;
    begin(&x);
    buf_init(&b);
    buf_add_str(&b, "; ");
    for (int i = 0; i < 5000; i++)
        buf_add_char(&b, 'x');
    buf_add_str(&b, "\n[a]\ntext = ");
    for (int i = 0; i < 180; i++)
        buf_add_char(&b, 'x');
    load_ok(&x, "f.ini", b.p);
    assert_int_equal(strlen(x.target.text), 180);

    for (int i = 0; i < 5000; i++)
        buf_add_char(&b, 'x');
    assert_int_equal(conf_load_file(x.conf, "f.ini", buf_span(&b), &x.fault), RC_INTERNAL);
    assert_string_equal(detail(&x), "f.ini:3: expected a line of at most 198 bytes");
    buf_fini(&b);
    end(&x);

    begin(&x);
    assert_int_equal(conf_load_file(x.conf, "f.ini", SPAN("[a]\ntext = x\0y\n"), &x.fault),
                     RC_INTERNAL);
    assert_string_equal(detail(&x), "f.ini:2: expected text, got a NUL byte");
    end(&x);
}

static void test_one_warning_for_a_section(void **state)
{
    struct fixture x = {.target = {.flag = true}};
    const char *env[] = {"REGISTRY_OLD_X=[", "REGISTRY_OLD_Y_0_Z=%", NULL};

    (void)state;
    begin(&x);
    load_ok(&x, "f.yml",
            "version: 0.1\nold:\n  x: 1\n  y:\n    - {z: 1}\n    - [1, [2]]\n  w: {v: {u: no}}\n");
    assert_string_equal(warning(&x, 0), "f.yml:3: old: not supported yet, ignored");
    assert_null(conf_warning(x.conf, 1));
    env_ok(&x, env);
    assert_string_equal(warning(&x, 1), "REGISTRY_OLD_X: old: not supported yet, ignored");
    assert_null(conf_warning(x.conf, 2));
    conf_warn(x.conf, "and %d", 1);
    assert_string_equal(warning(&x, 2), "and 1");
    assert_null(conf_warning(x.conf, 3));
    end(&x);
}

static void test_what_is_refused_may_say_nothing(void **state)
{
    struct fixture x = {.target = {.flag = true}};
    const char *env[] = {"REGISTRY_GUARD=none", "REGISTRY_GUARD_KEY=", NULL};

    (void)state;
    begin(&x);
    load_ok(&x, "f.yml", "version: 0.1\nguard: none\n");
    load_ok(&x, "f.yml", "version: 0.1\nguard: {key: ''}\n");
    load_ok(&x, "f.yml", "version: 0.1\nguard: {}\n");
    load_ok(&x, "f.ini", "[guard]\nkey =\n");
    load_ok(&x, "f.yml", "version: 0.1\ndriver: {}\n");
    env_ok(&x, env);
    assert_null(conf_warning(x.conf, 0));
    end(&x);
}

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
        begin(&x);
        env_ok(&x, env);
        assert_string_equal(x.target.text, rows[i][1]);
        assert_null(conf_warning(x.conf, 0));
        end(&x);
    }
}

static void test_env_goes_by_name(void **state)
{
    struct fixture x = {.target = {.flag = false}};
    const char *env[] = {"REGISTRY_A_TEXT=leaf", "REGISTRY_A_FLAG=on",
                         "REGISTRY_A={text: section, flag: off, b: {count: 3}}",
                         "REGISTRY_A_B={count: 4}", NULL};

    (void)state;
    begin(&x);
    env_ok(&x, env);
    assert_string_equal(x.target.text, "leaf");
    assert_true(x.target.flag);
    assert_int_equal(x.target.count, 4);
    assert_null(conf_warning(x.conf, 0));
    end(&x);
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
    };

    (void)state;
    for (size_t i = 0; i < array_len(rows); i++) {
        const char *env[] = {rows[i][0], NULL};
        struct fixture x = {.target = {.flag = true}};
        begin(&x);
        assert_int_equal(conf_load_env(x.conf, (char *const *)env, &x.fault), RC_INTERNAL);
        assert_string_equal(detail(&x), rows[i][1]);
        end(&x);
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
        begin(&x);
        env_ok(&x, env);
        snprintf(wanted, sizeof(wanted), "%.*s: unknown variable, ignored",
                 (int)strcspn(rows[i], "="), rows[i]);
        assert_string_equal(warning(&x, 0), wanted);
        assert_null(conf_warning(x.conf, 1));
        end(&x);
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
    begin(&x);
    env_ok(&x, env);
    assert_null(conf_warning(x.conf, 0));
    end(&x);
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
        begin(&x);
        conf_free(x.conf);
        x.conf = conf_new(secrets, array_len(secrets), &x.target);
        enum rc rc = conf_load_env(x.conf, (char *const *)env, &x.fault);
        assert_int_equal(rc, rows[i][1][0] ? RC_INTERNAL : RC_OK);
        assert_string_equal(detail(&x), rows[i][1]);
        assert_null(strstr(warning(&x, 0), "hunter2"));
        end(&x);
    }
}

/* Bytes that mean harm */

static void load_anything(const char *name, struct span text)
{
    struct fixture x = {.target = {.flag = true}};
    char *copy = malloc(text.n ? text.n : 1); /* so that a read past the end is seen */

    memcpy(copy, text.p, text.n);
    begin(&x);
    enum rc rc = conf_load_file(x.conf, name, span_from(copy, text.n), &x.fault);
    assert_true(rc == RC_OK || rc == RC_INTERNAL);
    assert_int_equal(rc != RC_OK, x.fault.count);
    free(copy);
    end(&x);
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
        begin(&x);
        buf_init(&b);
        buf_add_str(&b, "version: 0.1\nold: ");
        for (int n = 0; n < 100; n++)
            buf_add_str(&b, list ? "[" : "{a: ");
        assert_int_equal(conf_load_file(x.conf, "f.yml", buf_span(&b), &x.fault), RC_INTERNAL);
        assert_string_equal(detail(&x), "f.yml:2: nested too deeply");
        buf_fini(&b);
        end(&x);
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
        begin(&x);
        load_ok(&x, ini ? "f.ini" : "f.yml", ini ? sample_ini : sample_yaml);
        assert_true(x.target.flag);
        assert_int_equal(x.target.count, 4);
        assert_int_equal(x.target.size, 4 * 1024 * 1024);
        assert_int_equal(x.target.time, 3600000);
        end(&x);
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
        begin(&x);
        enum rc rc = conf_load_env(x.conf, (char *const *)env, &x.fault);
        assert_true(rc == RC_OK || rc == RC_INTERNAL);
        assert_null(strchr(warning(&x, 0), '\x1b'));
        assert_null(strchr(warning(&x, 0), '\n'));
        assert_null(strchr(detail(&x), '\n'));
        end(&x);
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
        cmocka_unit_test(test_ini_forms),
        cmocka_unit_test(test_the_later_line_counts),
        cmocka_unit_test(test_file_errors),
        cmocka_unit_test(test_yaml_syntax_errors_have_a_line),
        cmocka_unit_test(test_ini_lines_that_are_too_much),
        cmocka_unit_test(test_one_warning_for_a_section),
        cmocka_unit_test(test_what_is_refused_may_say_nothing),
        cmocka_unit_test(test_env_values),
        cmocka_unit_test(test_env_goes_by_name),
        cmocka_unit_test(test_env_errors),
        cmocka_unit_test(test_unknown_variables_are_not_fatal),
        cmocka_unit_test(test_variables_that_are_nobodys_business),
        cmocka_unit_test(test_secrets_are_not_told),
        cmocka_unit_test(test_samples_are_good),
        cmocka_unit_test(test_deep_nesting),
        cmocka_unit_test(test_depth_has_a_bound),
        cmocka_unit_test(test_alias_bomb),
        cmocka_unit_test(test_every_cut),
        cmocka_unit_test(test_random_damage),
        cmocka_unit_test(test_binary),
        cmocka_unit_test(test_hostile_variables),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * conf's files: the forms of ini, and the words and lines of errors in ini and yaml.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/buf.h"
#include "test/unit/lib/conf_fixture.h"

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
        fixture_begin(&x);
        fixture_load(&x, "f.ini", texts[i]);
        assert_string_equal(x.target.text, "there");
        assert_true(x.target.flag);
        assert_null(conf_warning(x.conf, 0));
        fixture_end(&x);
    }
}

/* Each with its line. */
static const struct {
    const char *name, *text, *wanted;
} error_rows[] = {
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
    {"f.yml", "version: 0.1\na: {b: {time: 5}}", "f.yml:2: a.b.time: " TIME_WANTED ", got \"5\""},
    {"f.yml", "version: 0.1\nA: {flag: no}", "f.yml:2: A: unknown option"},
    {"f.yml", "version: 0.1\na: {flog: no}", "f.yml:2: a.flog: unknown option"},
    {"f.yml", "version: 0.1\nnew:\n  - 1\n", "f.yml:2: new: unknown option"},
    {"f.yml", "version: 0.1\na: yes\n", "f.yml:2: a: expected a section, got a value"},
    {"f.yml", "version: 0.1\na: [1]\n", "f.yml:2: a: expected a section, got a value"},
    {"f.yml", "version: 0.1\nword: {x: 1}\n",
     "f.yml:2: word: expected red, green or blue, got a mapping"},
    {"f.yml", "version: 0.1\nword: [red]\n",
     "f.yml:2: word: expected red, green or blue, got a list"},
    {"f.yml", "version: 0.1\ndriver: tape\n", "f.yml:2: driver: expected disk, got \"tape\""},
    {"f.yml", "version: 0.1\ndriver: cloud\n", "f.yml:2: driver.cloud: there is only disk"},
    {"f.yml", "version: 0.1\ndriver:\n  cloud:\n", "f.yml:3: driver.cloud: there is only disk"},
    {"f.yml", "version: 0.1\ndriver:\n  cloud: {}\n", "f.yml:3: driver.cloud: there is only disk"},
    {"f.yml", "version: 0.1\nguard: dog\n", "f.yml:2: guard: not without a guard"},
    {"f.yml", "version: 0.1\nguard: [dog]\n", "f.yml:2: guard: not without a guard"},
    {"f.yml", "version: 0.1\nguard:\n  dog:\n", "f.yml:3: guard.dog: not without a guard"},
    {"f.yml", "version: 0.1\nguard:\n  dog: {name: }\n", "f.yml:3: guard.dog: not without a guard"},
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

static void test_file_errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < array_len(error_rows); i++) {
        struct fixture x = {.target = {.flag = true}};
        fixture_begin(&x);
        enum rc rc =
            conf_load_file(x.conf, error_rows[i].name, span_of(error_rows[i].text), &x.fault);
        if (rc != RC_INTERNAL)
            print_error("row %zu: taken: %s\n", i, error_rows[i].text);
        assert_int_equal(rc, RC_INTERNAL);
        assert_string_equal(fixture_detail(&x), error_rows[i].wanted);
        assert_int_equal(x.fault.count, 1);
        fixture_end(&x);
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
        fixture_begin(&x);
        assert_int_equal(conf_load_file(x.conf, "f.yml", span_of(rows[i].text), &x.fault),
                         RC_INTERNAL);
        if (strncmp(fixture_detail(&x), rows[i].wanted, strlen(rows[i].wanted)) != 0)
            print_error("row %zu: %s\n", i, fixture_detail(&x));
        assert_memory_equal(fixture_detail(&x), rows[i].wanted, strlen(rows[i].wanted));
        fixture_end(&x);
    }
}

static void test_ini_lines_that_are_too_much(void **state)
{
    struct fixture x = {.target = {.flag = true}};
    struct buf b;

    (void)state;
    fixture_begin(&x);
    buf_init(&b);
    buf_add_str(&b, "; ");
    for (int i = 0; i < 5000; i++)
        buf_add_char(&b, 'x');
    buf_add_str(&b, "\n[a]\ntext = ");
    for (int i = 0; i < 180; i++)
        buf_add_char(&b, 'x');
    fixture_load(&x, "f.ini", b.p);
    assert_int_equal(strlen(x.target.text), 180);

    for (int i = 0; i < 5000; i++)
        buf_add_char(&b, 'x');
    assert_int_equal(conf_load_file(x.conf, "f.ini", buf_span(&b), &x.fault), RC_INTERNAL);
    /* how many is inih's to say: 198 as Debian builds it */
    assert_non_null(strstr(fixture_detail(&x), "f.ini:3: expected a line of at most "));
    buf_fini(&b);
    fixture_end(&x);

    fixture_begin(&x);
    assert_int_equal(conf_load_file(x.conf, "f.ini", SPAN("[a]\ntext = x\0y\n"), &x.fault),
                     RC_INTERNAL);
    assert_string_equal(fixture_detail(&x), "f.ini:2: expected text, got a NUL byte");
    fixture_end(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ini_forms),
        cmocka_unit_test(test_file_errors),
        cmocka_unit_test(test_yaml_syntax_errors_have_a_line),
        cmocka_unit_test(test_ini_lines_that_are_too_much),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

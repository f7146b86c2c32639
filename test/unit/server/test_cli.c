/* SPDX-License-Identifier: Apache-2.0
 *
 * cli: command lines, and what becomes of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/cli.h"

enum { ARGS_MAX = 6 };

static enum rc parse(const char *const *args, struct cli *out, struct fault *f)
{
    char *argv[ARGS_MAX + 2] = {(char *)(uintptr_t) "registry"};
    int argc = 1;

    for (; args[argc - 1] != NULL; argc++)
        argv[argc] = (char *)(uintptr_t)args[argc - 1];
    return cli_parse(argc, argv, out, f);
}

static void test_good_lines(void **state)
{
    static const struct {
        const char *args[ARGS_MAX];
        struct cli wanted;
    } rows[] = {
        {{NULL}, {.command = CLI_HELP}},
        {{"serve"}, {.command = CLI_SERVE}},
        {{"serve", "/etc/x.yml"}, {.command = CLI_SERVE, .operand = "/etc/x.yml"}},
        {{"serve", "-"}, {.command = CLI_SERVE, .operand = "-"}},
        {{"serve", "--help"}, {.command = CLI_HELP}},
        {{"serve", "x.ini", "-h"}, {.command = CLI_HELP}},
        {{"garbage-collect"}, {.command = CLI_COLLECT}},
        {{"garbage-collect", "x.yml"}, {.command = CLI_COLLECT, .operand = "x.yml"}},
        {{"garbage-collect", "-d", "x"}, {.command = CLI_COLLECT, .operand = "x", .dry_run = true}},
        {{"garbage-collect", "x", "--dry-run", "-q"},
         {.command = CLI_COLLECT, .operand = "x", .dry_run = true, .quiet = true}},
        {{"garbage-collect", "-dm", "x"},
         {.command = CLI_COLLECT, .operand = "x", .dry_run = true, .delete_untagged = CLI_YES}},
        {{"garbage-collect", "-dm=false"},
         {.command = CLI_COLLECT, .dry_run = true, .delete_untagged = CLI_NO}},
        {{"garbage-collect", "--delete-untagged=true", "--quiet=false", "--dry-run=0"},
         {.command = CLI_COLLECT, .delete_untagged = CLI_YES}},
        {{"garbage-collect", "--delete-untagged", "--delete-untagged=false", "-"},
         {.command = CLI_COLLECT, .operand = "-", .delete_untagged = CLI_NO}},
        {{"garbage-collect", "-d", "--help"}, {.command = CLI_HELP}},
        {{"verify"}, {.command = CLI_VERIFY}},
        {{"verify", "-d", "x", "-q"},
         {.command = CLI_VERIFY, .operand = "x", .dry_run = true, .quiet = true}},
        {{"verify", "--dry-run", "--quiet"},
         {.command = CLI_VERIFY, .dry_run = true, .quiet = true}},
        {{"--version"}, {.command = CLI_VERSION}},
        {{"-v"}, {.command = CLI_VERSION}},
        {{"help"}, {.command = CLI_HELP}},
        {{"help", "serve"}, {.command = CLI_HELP, .operand = "serve"}},
        {{"help", "options"}, {.command = CLI_REFERENCE, .operand = "options"}},
        {{"check-config"}, {.command = CLI_CHECK}},
        {{"check-config", "x.yml"}, {.command = CLI_CHECK, .operand = "x.yml"}},
        {{"healthcheck", "x.yml"}, {.command = CLI_HEALTH, .operand = "x.yml"}},
        {{"htpasswd", "joe"}, {.command = CLI_HTPASSWD, .operand = "joe", .cost = 10}},
        {{"htpasswd", "--cost", "4", "joe"},
         {.command = CLI_HTPASSWD, .operand = "joe", .cost = 4}},
        {{"htpasswd", "joe", "--cost=17"}, {.command = CLI_HTPASSWD, .operand = "joe", .cost = 17}},
        {{"--help"}, {.command = CLI_HELP}},
        {{"-h"}, {.command = CLI_HELP}},
    };

    (void)state;
    for (size_t i = 0; i < array_len(rows); i++) {
        struct cli cli = {.command = CLI_VERSION, .operand = "left"};
        assert_int_equal(parse(rows[i].args, &cli, NULL), RC_OK);
        assert_int_equal(cli.command, rows[i].wanted.command);
        assert_int_equal(cli.dry_run, rows[i].wanted.dry_run);
        assert_int_equal(cli.quiet, rows[i].wanted.quiet);
        assert_int_equal(cli.flag_count, 0);
        if (rows[i].wanted.cost > 0)
            assert_int_equal(cli.cost, rows[i].wanted.cost);
        assert_int_equal(cli.delete_untagged, rows[i].wanted.delete_untagged);
        if (rows[i].wanted.operand == NULL)
            assert_null(cli.operand);
        else
            assert_string_equal(cli.operand, rows[i].wanted.operand);
    }
}

static void test_options_as_flags(void **state)
{
    static const struct {
        const char *args[ARGS_MAX];
        const char *file, *key, *value;
    } rows[] = {
        {{"serve", "--http.addr=:1"}, NULL, "http.addr", ":1"},
        {{"serve", "--http.addr", ":1", "x.yml"}, "x.yml", "http.addr", ":1"},
        {{"serve", "x.yml", "--http.addr", "-h"}, "x.yml", "http.addr", "-h"},
        {{"serve", "--http.host=https://x/?a=b"}, NULL, "http.host", "https://x/?a=b"},
        {{"serve", "--http.host="}, NULL, "http.host", ""},
        {{"serve", "--storage=filesystem"}, NULL, "storage", "filesystem"},
        {{"serve", "--no.such=1"}, NULL, "no.such", "1"},
        {{"check-config", "--log.level=debug", "x"}, "x", "log.level", "debug"},
        {{"healthcheck", "--http.addr=:1"}, NULL, "http.addr", ":1"},
        {{"garbage-collect", "-d", "--gc.grace", "1h", "x"}, "x", "gc.grace", "1h"},
    };

    (void)state;
    for (size_t i = 0; i < array_len(rows); i++) {
        struct cli cli;
        assert_int_equal(parse(rows[i].args, &cli, NULL), RC_OK);
        assert_int_equal(cli.flag_count, 1);
        assert_true(span_eq(cli.flags[0].key, span_of(rows[i].key)));
        assert_true(span_eq(cli.flags[0].value, span_of(rows[i].value)));
        assert_int_equal(cli.operand == NULL, rows[i].file == NULL);
    }
}

static void test_too_many_flags(void **state)
{
    char *argv[CLI_FLAGS_MAX + 4] = {(char *)(uintptr_t) "registry", (char *)(uintptr_t) "serve"};
    struct cli cli;
    int argc = 2;

    (void)state;
    for (; argc < CLI_FLAGS_MAX + 2; argc++)
        argv[argc] = (char *)(uintptr_t) "--tags.maxtags=1";
    assert_int_equal(cli_parse(argc, argv, &cli, NULL), RC_OK);
    assert_int_equal(cli.flag_count, CLI_FLAGS_MAX);
    argv[argc++] = (char *)(uintptr_t) "--tags.maxtags=1";
    assert_int_equal(cli_parse(argc, argv, &cli, NULL), RC_UNSUPPORTED);
}

static void test_bad_lines(void **state)
{
    static const struct {
        const char *args[ARGS_MAX];
        const char *wanted;
    } rows[] = {
        {{"server"}, "unknown command: server"},
        {{"Serve"}, "unknown command: Serve"},
        {{""}, "unknown command: "},
        {{"x.yml"}, "unknown command: x.yml"},
        {{"--verbose"}, "unknown flag: --verbose"},
        {{"-x", "serve"}, "unknown flag: -x"},
        {{"serve", "--port=1"}, "serve: unknown flag: --port=1"},
        {{"serve", "--http.addr"}, "serve: a value is missing behind: --http.addr"},
        {{"serve", "--=1"}, "serve: unknown flag: --=1"},
        {{"help", "--http.addr=1"}, "help: unknown flag: --http.addr=1"},
        {{"htpasswd"}, "htpasswd: the name of a user is missing"},
        {{"htpasswd", "--cost", "4"}, "htpasswd: the name of a user is missing"},
        {{"htpasswd", "joe", "--cost"}, "htpasswd: a value is missing behind: --cost"},
        {{"htpasswd", "joe", "--cost=3"}, "htpasswd: a number from 4 to 17 is expected: --cost=3"},
        {{"htpasswd", "joe", "--cost=x"}, "htpasswd: a number from 4 to 17 is expected: --cost=x"},
        {{"htpasswd", "joe", "jim"}, "htpasswd: one argument too many: jim"},
        {{"htpasswd", "--http.addr=1", "x"}, "htpasswd: unknown flag: --http.addr=1"},
        {{"serve", "a", "b"}, "serve: one argument too many: b"},
        {{"serve", "-d"}, "serve: unknown flag: -d"},
        {{"garbage-collect", "-x"}, "garbage-collect: unknown flag: -x"},
        {{"garbage-collect", "-dx"}, "garbage-collect: unknown flag: -dx"},
        {{"garbage-collect", "-m=maybe"}, "garbage-collect: unknown flag: -m=maybe"},
        {{"garbage-collect", "--dry"}, "garbage-collect: unknown flag: --dry"},
        {{"garbage-collect", "--"}, "garbage-collect: unknown flag: --"},
        {{"garbage-collect", "a", "-d", "b"}, "garbage-collect: one argument too many: b"},
        {{"verify", "-m"}, "verify: unknown flag: -m"},
        {{"verify", "--delete-untagged=false"}, "verify: unknown flag: --delete-untagged=false"},
        {{"verify", "a", "b"}, "verify: one argument too many: b"},
        {{"--version", "x"}, "--version: one argument too many: x"},
        {{"help", "me"}, "unknown command: me"},
        {{"help", "serve", "x"}, "help: one argument too many: x"},
    };

    (void)state;
    for (size_t i = 0; i < array_len(rows); i++) {
        struct cli cli = {.command = CLI_VERSION, .operand = "left"};
        struct arena a;
        struct fault f;
        arena_init(&a);
        fault_init(&f, &a);
        assert_int_equal(parse(rows[i].args, &cli, &f), RC_UNSUPPORTED);
        assert_int_equal(f.count, 1);
        assert_string_equal(f.first->detail, rows[i].wanted);
        assert_int_equal(cli.command, CLI_VERSION);
        assert_string_equal(cli.operand, "left");
        arena_fini(&a);
    }
    assert_int_equal(cli_failure("verify"), CLI_NOT_VERIFIED);
    assert_int_equal(cli_failure("garbage-collect"), EXIT_FAILURE);
    assert_int_equal(cli_failure("x"), EXIT_FAILURE);
    assert_int_equal(cli_failure(NULL), EXIT_FAILURE);
}

static void test_usage_names_the_commands(void **state)
{
    static const char *const words[] = {"Usage:", "registry serve", "[CONFIG]", "registry help",
                                        "registry --version"};
    struct buf b;

    (void)state;
    buf_init(&b);
    cli_add_usage(&b);
    for (size_t i = 0; i < array_len(words); i++)
        assert_non_null(strstr(b.p, words[i]));
    buf_fini(&b);
}

static void test_version_text(void **state)
{
    (void)state;
    assert_string_equal(CLI_VERSION_TEXT, "registry " REGISTRY_VERSION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_lines),
        cmocka_unit_test(test_options_as_flags),
        cmocka_unit_test(test_too_many_flags),
        cmocka_unit_test(test_bad_lines),
        cmocka_unit_test(test_usage_names_the_commands),
        cmocka_unit_test(test_version_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * cli: command lines, and what becomes of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
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
        {{NULL}, {CLI_HELP, NULL}},
        {{"serve"}, {CLI_SERVE, NULL}},
        {{"serve", "/etc/x.yml"}, {CLI_SERVE, "/etc/x.yml"}},
        {{"serve", "-"}, {CLI_SERVE, "-"}},
        {{"serve", "--help"}, {CLI_HELP, NULL}},
        {{"serve", "x.ini", "-h"}, {CLI_HELP, NULL}},
        {{"--version"}, {CLI_VERSION, NULL}},
        {{"-v"}, {CLI_VERSION, NULL}},
        {{"help"}, {CLI_HELP, NULL}},
        {{"help", "serve"}, {CLI_HELP, NULL}},
        {{"--help"}, {CLI_HELP, NULL}},
        {{"-h"}, {CLI_HELP, NULL}},
    };

    (void)state;
    for (size_t i = 0; i < array_len(rows); i++) {
        struct cli cli = {.command = CLI_VERSION, .config_path = "left"};
        assert_int_equal(parse(rows[i].args, &cli, NULL), RC_OK);
        assert_int_equal(cli.command, rows[i].wanted.command);
        if (rows[i].wanted.config_path == NULL)
            assert_null(cli.config_path);
        else
            assert_string_equal(cli.config_path, rows[i].wanted.config_path);
    }
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
        {{"serve", "a", "b"}, "serve: one argument too many: b"},
        {{"--version", "x"}, "--version: one argument too many: x"},
        {{"help", "me"}, "unknown command: me"},
        {{"help", "serve", "x"}, "help: one argument too many: x"},
    };

    (void)state;
    for (size_t i = 0; i < array_len(rows); i++) {
        struct cli cli = {.command = CLI_VERSION, .config_path = "left"};
        struct arena a;
        struct fault f;
        arena_init(&a);
        fault_init(&f, &a);
        assert_int_equal(parse(rows[i].args, &cli, &f), RC_UNSUPPORTED);
        assert_int_equal(f.count, 1);
        assert_string_equal(f.first->detail, rows[i].wanted);
        assert_int_equal(cli.command, CLI_VERSION);
        assert_string_equal(cli.config_path, "left");
        arena_fini(&a);
    }
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
        cmocka_unit_test(test_bad_lines),
        cmocka_unit_test(test_usage_names_the_commands),
        cmocka_unit_test(test_version_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

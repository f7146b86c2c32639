/* SPDX-License-Identifier: Apache-2.0
 *
 * config: what check-config prints, what the README tells, and what becomes of a second
 * configuration that follows the first.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "test/unit/server/config_fixture.h"

enum { TEXT_MAX = 256 * 1024 };

static const char *effective(struct fixture *x)
{
    struct buf b;
    buf_init(&b);
    config_add_effective(&b, x->config);
    const char *text = arena_str(&x->arena, buf_span(&b));
    buf_fini(&b);
    return text;
}

static void assert_line(struct fixture *x, const char *before, const char *place, const char *after)
{
    const char *line = arena_printf(&x->arena, "%s%s%s\n", before, place, after);
    if (strstr(effective(x), line) == NULL)
        print_error("not there: %s", line);
    assert_non_null(strstr(effective(x), line));
}

static void test_each_value_with_its_source(void **state)
{
    static const char *const env[] = {"REGISTRY_TAGS_MAXTAGS=7",
                                      "REGISTRY_STORAGE_DELETE={enabled: true}", NULL};
    struct fixture x;

    (void)state;
    fixture_begin(&x);
    x.flag = (struct config_flag){SPAN("log.level"), SPAN("debug")};
    fixture_load(&x, ".yml",
                 "version: 0.1\n"
                 "log: {level: error}\n"
                 "http:\n"
                 "  timeout: {idle: 90s}\n"
                 "  secret: hush\n"
                 "gc: {interval: 36h1s}\n",
                 env);
    assert_line(&x, "http.addr = :5000  ; default", "", "");
    assert_line(&x, "http.host =   ; default", "", "");
    assert_line(&x, "http.timeout.idle = 1m30s  ; ", x.path, ":4");
    assert_line(&x, "http.secret = ***  ; ", x.path, ":5");
    assert_line(&x, "gc.interval = 36h1s  ; ", x.path, ":6");
    assert_line(&x, "gc.slice = 10ms  ; default", "", "");
    assert_line(&x, "log.level = debug  ; flag", "", "");
    assert_line(&x, "tags.maxtags = 7  ; REGISTRY_TAGS_MAXTAGS", "", "");
    assert_line(&x, "storage.delete.enabled = true  ; REGISTRY_STORAGE_DELETE", "", "");
    assert_null(strstr(effective(&x), "hush"));
    fixture_end(&x);
}

/* However long or odd a value is, it is one line. */
static void test_a_line_each(void **state)
{
    static const char bad[] = "version: 0.1\nhttp: {prefix: \"a\\nb\"}\n";
    struct fixture x;

    (void)state;
    fixture_begin(&x);
    fixture_load(
        &x, ".yml",
        "version: 0.1\n"
        "http: {host: \"http://a:b@c/\\nhttp.addr = x\\e\", headers: {X-A: [\"b\\tc\"]}}\n",
        no_env);
    assert_line(&x, "http.host = http://***@c/?http.addr = x?  ; ", x.path, ":2");
    assert_line(&x, "http.headers.X-A = b?c  ; ", x.path, ":2");
    fixture_end(&x);
    fixture_begin(&x);
    fixture_write(&x, ".yml", bad, strlen(bad));
    assert_int_equal(fixture_try(&x, x.path, no_env), RC_INTERNAL);
    assert_string_equal(fixture_detail(&x),
                        "http.prefix: a path that begins and ends with a slash, got \"a?b\"");
    fixture_end(&x);
}

/* What is printed can be a file again. */
static void test_it_reads_what_it_prints(void **state)
{
    struct fixture x, y;

    (void)state;
    fixture_begin(&x);
    fixture_begin(&y);
    fixture_load(&x, ".ini",
                 "[http]\naddr = 127.0.0.1:1\n[gc]\ninterval = 1h1m1s\nwrites = refuse\n", no_env);
    fixture_load(&y, ".ini", effective(&x), no_env);
    assert_string_equal(config_follow(y.config, x.config), "");
    assert_null(conf_warning(y.config->conf, 0));
    fixture_end(&x);
    fixture_end(&y);
}

static void test_secrets(void **state)
{
    static const struct conf_option plain = {"a.name", CONF_STRING, 0, "", CONF_RELOAD, NULL, ""},
                                    row = {"a.b", CONF_STRING, 0, "", CONF_SECRET, NULL, ""};

    (void)state;
    assert_false(conf_is_secret(&plain, "a.name"));
    assert_false(conf_is_secret(&plain, "a.passwordfile"));
    assert_true(conf_is_secret(&plain, "http.secret"));
    assert_true(conf_is_secret(&plain, "smtppassword"));
    assert_true(conf_is_secret(&plain, "0.headers.Authorization"));
    assert_true(conf_is_secret(&plain, "name.headers.X-Key"));
    assert_true(conf_is_secret(&row, "a.b"));
}

static void test_endpoints_without_secrets(void **state)
{
    struct fixture x;
    struct buf b;

    (void)state;
    fixture_begin(&x);
    fixture_load(&x, ".ini",
                 "[notifications.endpoints]\n"
                 "a.url = http://me:hunter2@host/a@b\n"
                 "a.headers.X-Key = hunter3\n"
                 "b.url = https://host/x@y://z\n",
                 no_env);
    buf_init(&b);
    config_add_effective(&b, x.config);
    assert_non_null(strstr(b.p, "notifications.endpoints.a.url = http://***@host/a@b  ; "));
    assert_non_null(strstr(b.p, "notifications.endpoints.a.headers.X-Key = ***  ; "));
    assert_non_null(strstr(b.p, "notifications.endpoints.b.url = https://host/x@y://z  ; "));
    assert_null(strstr(b.p, "hunter"));
    buf_fini(&b);
    fixture_end(&x);
}

static void test_credentials_in_addresses(void **state)
{
    static const char *const rows[][2] = {
        {"https://joe:hunter2@h.test/a@b", "https://***@h.test/a@b"},
        {"https://joe:a@b@h.test", "https://***@h.test"},
        {"https://h.test/a@b", "https://h.test/a@b"},
        {"https:joe@h", "https:joe@h"},
        {"joe@h", "joe@h"},
    };

    (void)state;
    for (size_t i = 0; i < array_len(rows); i++) {
        struct fixture x;
        fixture_begin(&x);
        x.flag = (struct config_flag){SPAN("http.host"), span_of(rows[i][0])};
        fixture_load(&x, NULL, NULL, no_env);
        assert_line(&x, "http.host = ", rows[i][1], "  ; flag");
        fixture_end(&x);
    }
}

/* Maps: the same pairs in the same order; what follows has copies of its own. */
static void test_maps(void **state)
{
    static const char *const texts[] = {"[http.headers]\nX-A = 1\nX-A = 2\n",
                                        "[http.headers]\nX-A = 2\nX-A = 1\n",
                                        "[http.headers]\nX-A = 1\n", ""};
    const struct conf_option *o = config_table;

    (void)state;
    while (strcmp(o->key, "http.headers") != 0)
        o++;
    for (size_t i = 0; i < array_len(texts); i++) {
        for (size_t k = 0; k < array_len(texts); k++) {
            struct fixture x, y;
            fixture_begin(&x);
            fixture_begin(&y);
            fixture_load(&x, ".ini", texts[i], no_env);
            fixture_load(&y, ".ini", texts[k], no_env);
            assert_int_equal(conf_same(o, x.config, y.config), i == k);
            conf_copy(o, y.config, x.config, &y.config->arena);
            const char *wanted = arena_str(&y.arena, span_of(effective(&x)));
            assert_true(conf_same(o, x.config, y.config));
            fixture_end(&x);
            assert_string_equal(effective(&y), wanted);
            fixture_end(&y);
        }
    }
}

static void test_following(void **state)
{
    struct fixture x, y;

    (void)state;
    fixture_begin(&x);
    fixture_begin(&y);
    fixture_load(&x, ".ini", "[storage.filesystem]\nrootdirectory = /a\n[http]\nprefix = /p/\n",
                 no_env);
    fixture_load(
        &y, ".ini",
        "[storage.filesystem]\nrootdirectory = /b\n[http]\naddr = :1\n[tags]\nmaxtags = 3\n",
        no_env);
    assert_string_equal(config_follow(y.config, x.config), "http.addr, tags.maxtags");
    assert_string_equal(y.config->root_directory, "/a");
    assert_string_equal(y.config->admin_socket, "/a/run/admin.sock");
    assert_string_equal(y.config->http_prefix, "/p/");
    assert_int_equal(y.config->tags_max, 3);
    assert_string_equal(conf_warning(y.config->conf, 0),
                        "http.prefix: has changed, but that takes a restart: it stays as it is");
    assert_string_equal(conf_warning(y.config->conf, 1),
                        "storage.filesystem.rootdirectory: has changed, but that takes a restart: "
                        "it stays as it is");
    assert_null(conf_warning(y.config->conf, 2));
    fixture_end(&x);
    assert_string_equal(y.config->root_directory, "/a"); /* a copy */
    fixture_end(&y);
}

/* Beside this file's own folders, or in the current one. */
static char *read_readme(void)
{
    char path[4096];
    const char *up = strstr(__FILE__, "test/unit/server/");
    int n = up != NULL ? (int)(up - __FILE__) : 0;
    char *text = calloc(1, TEXT_MAX);

    snprintf(path, sizeof(path), "%.*sREADME.md", n, __FILE__);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        file = fopen("README.md", "r");
    assert_non_null(file);
    assert_true(fread(text, 1, TEXT_MAX - 1, file) > 0);
    fclose(file);
    return text;
}

static void test_the_readme_has_the_reference(void **state)
{
    char *text = read_readme();
    struct buf b;

    (void)state;
    buf_init(&b);
    config_add_reference(&b);
    const char *at = strstr(text, "| option | default |");
    assert_non_null(at);
    if (strncmp(at, b.p, b.n) != 0)
        print_error("README.md and the table of options differ: ./dev reference\n");
    assert_memory_equal(at, b.p, b.n);
    assert_int_not_equal(at[b.n], '|');
    buf_fini(&b);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_value_with_its_source),
        cmocka_unit_test(test_a_line_each),
        cmocka_unit_test(test_it_reads_what_it_prints),
        cmocka_unit_test(test_secrets),
        cmocka_unit_test(test_endpoints_without_secrets),
        cmocka_unit_test(test_credentials_in_addresses),
        cmocka_unit_test(test_maps),
        cmocka_unit_test(test_following),
        cmocka_unit_test(test_the_readme_has_the_reference),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

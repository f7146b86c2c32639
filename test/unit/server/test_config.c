/* SPDX-License-Identifier: Apache-2.0
 *
 * config: defaults, values that are settled, and which file is read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/log.h"
#include "test/unit/server/config_fixture.h"

static void test_defaults(void **state)
{
    struct fixture x;

    (void)state;
    fixture_begin(&x);
    fixture_load(&x, NULL, NULL, no_env);
    const struct config *c = x.config;
    assert_string_equal(c->http_addr, ":5000");
    assert_int_equal(c->http_net, 0);
    assert_string_equal(c->http_host, "");
    assert_string_equal(c->http_prefix, "");
    assert_false(c->relative_urls);
    assert_int_equal(c->drain_timeout, 8000);
    assert_string_equal(c->http_secret, "");
    assert_int_equal(c->timeout_head, 30000);
    assert_int_equal(c->timeout_idle, 120000);
    assert_int_equal(c->timeout_stall, 300000);
    assert_int_equal(c->storage_driver, 0);
    assert_string_equal(c->root_directory, "/var/lib/registry");
    assert_int_equal(c->max_threads, 8);
    assert_false(c->delete_enabled);
    assert_false(c->readonly);
    assert_int_equal(c->log_level, LOG_INFO);
    assert_int_equal(c->log_format, LOG_TEXT);
    assert_false(c->accesslog_disabled);
    assert_int_equal(c->catalog_max, 1000);
    assert_int_equal(c->tags_max, 1000);
    assert_string_equal(c->debug_addr, "");
    assert_false(c->metrics_enabled);
    assert_string_equal(c->metrics_path, "/metrics");
    assert_string_equal(c->admin_addr, "");
    assert_string_equal(c->admin_socket, "/var/lib/registry/run/admin.sock");
    assert_true(c->purge_enabled);
    assert_false(c->purge_dry_run);
    assert_int_equal(c->purge_age, 7 * 24 * 3600 * 1000);
    assert_int_equal(c->purge_interval, 24 * 3600 * 1000);
    assert_int_equal(c->gc_grace, 3600 * 1000);
    assert_int_equal(c->gc_interval, 0);
    assert_int_equal(c->gc_slice, 10);
    assert_false(c->gc_delete_untagged);
    assert_int_equal(c->gc_writes, GC_WRITES_HOLD);
    assert_null(conf_warning(c->conf, 0));
    fixture_end(&x);
}

static void test_values_that_are_settled(void **state)
{
    static const struct {
        const char *text;
        uint64_t threads, catalog, tags;
    } rows[] = {
        {"", 8, 1000, 1000},
        {"[storage.filesystem]\nmaxthreads = 0", 8, 1000, 1000},
        {"[storage.filesystem]\nmaxthreads = 1", 4, 1000, 1000},
        {"[storage.filesystem]\nmaxthreads = 4", 4, 1000, 1000},
        {"[storage.filesystem]\nmaxthreads = 64", 64, 1000, 1000},
        {"[storage.filesystem]\nmaxthreads = 100", 64, 1000, 1000},
        {"[catalog]\nmaxentries = 0\n[tags]\nmaxtags = 0", 8, 1000, 1000},
        {"[catalog]\nmaxentries = 5\n[tags]\nmaxtags = 6", 8, 5, 6},
    };

    (void)state;
    for (size_t i = 0; i < array_len(rows); i++) {
        struct fixture x;
        fixture_begin(&x);
        fixture_load(&x, ".ini", rows[i].text, no_env);
        assert_int_equal(x.config->max_threads, rows[i].threads);
        assert_int_equal(x.config->catalog_max, rows[i].catalog);
        assert_int_equal(x.config->tags_max, rows[i].tags);
        fixture_end(&x);
    }
}

static void test_settings_of_the_collection(void **state)
{
    static const struct {
        const char *text;
        uint64_t grace, slice;
        const char *warning;
    } rows[] = {
        {"[gc]\ngrace = 1s\nslice = 1ms", 1000, 1, ""},
        {"[gc]\ngrace = 999ms", 1000, 10, "gc.grace: less than 1s is not safe, 1s is used"},
        {"[gc]\ngrace = 0", 1000, 10, "gc.grace: less than 1s is not safe, 1s is used"},
        {"[gc]\nslice = 0", 3600 * 1000, 1, ""},
        {"[gc]\nslice = 2s", 3600 * 1000, 1000, ""},
    };

    (void)state;
    for (size_t i = 0; i < array_len(rows); i++) {
        struct fixture x;
        fixture_begin(&x);
        fixture_load(&x, ".ini", rows[i].text, no_env);
        assert_int_equal(x.config->gc_grace, rows[i].grace);
        assert_int_equal(x.config->gc_slice, rows[i].slice);
        const char *w = conf_warning(x.config->conf, 0);
        assert_string_equal(w != NULL ? w : "", rows[i].warning);
        fixture_end(&x);
    }
}

static void test_words_of_the_log(void **state)
{
    static const struct {
        const char *text;
        int level, format;
        const char *warning;
    } rows[] = {
        {"[log]\nlevel = error", LOG_ERROR, LOG_TEXT, NULL},
        {"[log]\nlevel = warn", LOG_WARN, LOG_TEXT, NULL},
        {"[log]\nlevel = warning", LOG_WARN, LOG_TEXT, NULL},
        {"[log]\nlevel = INFO\nformatter = text", LOG_INFO, LOG_TEXT, NULL},
        {"[log]\nlevel = debug\nformatter = json", LOG_DEBUG, LOG_JSON, NULL},
        {"[log]\nformatter = logstash", LOG_INFO, LOG_LOGSTASH, NULL},
        {"loglevel = debug", LOG_DEBUG, LOG_TEXT, "loglevel: deprecated, the option is log.level"},
        {"loglevel = debug\n[log]\nlevel = warn", LOG_WARN, LOG_TEXT, NULL},
    };

    (void)state;
    for (size_t i = 0; i < array_len(rows); i++) {
        struct fixture x;
        fixture_begin(&x);
        fixture_load(&x, ".ini", rows[i].text, no_env);
        assert_int_equal(x.config->log_level, rows[i].level);
        assert_int_equal(x.config->log_format, rows[i].format);
        const char *w = conf_warning(x.config->conf, 0);
        assert_string_equal(w != NULL ? w : "", rows[i].warning != NULL ? rows[i].warning : "");
        fixture_end(&x);
    }
}

static void test_which_file(void **state)
{
    struct fixture x, y;
    char variable[128];
    const char *env[] = {variable, "REGISTRY_HTTP_HOST=https://env", NULL};

    (void)state;
    fixture_begin(&x);
    fixture_write(&x, ".ini", "[http]\naddr = :1\nhost = x\n", 25);
    snprintf(variable, sizeof(variable), "REGISTRY_CONFIGURATION_PATH=%s", x.path);
    fixture_load(&x, NULL, NULL, env);
    assert_string_equal(x.config->http_addr, ":1");
    assert_string_equal(x.config->http_host, "https://env");
    assert_null(conf_warning(x.config->conf, 0));

    /* the argument wins */
    fixture_begin(&y);
    fixture_load(&y, ".ini", "[http]\naddr = :2\n", env);
    assert_string_equal(y.config->http_addr, ":2");
    fixture_end(&y);

    /* an empty one names no file */
    fixture_begin(&y);
    snprintf(variable, sizeof(variable), "REGISTRY_CONFIGURATION_PATH=");
    fixture_load(&y, NULL, NULL, env);
    assert_string_equal(y.config->http_addr, ":5000");
    fixture_end(&y);
    fixture_end(&x);
}

static void test_files_that_cannot_be_read(void **state)
{
    struct fixture x;
    const char *env[] = {"REGISTRY_CONFIGURATION_PATH=/no/such", NULL};
    char *big = calloc(1, CONFIG_FILE_MAX + 1);

    (void)state;
    fixture_begin(&x);
    assert_int_equal(fixture_try(&x, "/no/such.yml", no_env), RC_INTERNAL);
    assert_string_equal(fixture_detail(&x),
                        "/no/such.yml: cannot open it: No such file or directory");
    fixture_end(&x);
    fixture_begin(&x);
    assert_int_equal(fixture_try(&x, NULL, env), RC_INTERNAL);
    assert_string_equal(fixture_detail(&x), "/no/such: cannot open it: No such file or directory");
    fixture_end(&x);
    fixture_begin(&x);
    assert_int_equal(fixture_try(&x, "/", no_env), RC_INTERNAL);
    assert_string_equal(fixture_detail(&x), "/: cannot read it: Is a directory");
    fixture_end(&x);
    fixture_begin(&x);
    memset(big, '\n', CONFIG_FILE_MAX + 1);
    fixture_write(&x, ".ini", big, CONFIG_FILE_MAX + 1);
    assert_int_equal(fixture_try(&x, x.path, no_env), RC_INTERNAL);
    assert_string_equal(fixture_detail(&x) + strlen(x.path), ": larger than 1024 KiB");
    assert_int_equal(truncate(x.path, CONFIG_FILE_MAX), 0);
    assert_int_equal(fixture_try(&x, x.path, no_env), RC_OK);
    fixture_end(&x);
    free(big);
}

/* One that is being written anew is empty for a moment. */
static void test_an_empty_file(void **state)
{
    struct fixture x;

    (void)state;
    fixture_begin(&x);
    fixture_write(&x, ".yml", "", 0);
    assert_int_equal(fixture_try(&x, x.path, no_env), RC_INTERNAL);
    assert_string_equal(fixture_detail(&x) + strlen(x.path), ": unsupported version: \"\"");
    fixture_end(&x);
    fixture_begin(&x);
    fixture_load(&x, ".ini", "", no_env);
    assert_string_equal(x.config->http_addr, ":5000");
    fixture_end(&x);
}

static void test_addresses(void **state)
{
    static const char *const good[] = {"",       ":",        ":0",      ":65535",
                                       "h:80",   "h:http",   "h.i:x-1", "1.2.3.4:80",
                                       "[::]:1", "[::1]:80", "[]:1",    "[fe80::1%lo]:1"};
    static const char *const bad[] = {
        "5000", "h",        "1.2.3.4", ":65536", ":99999",      ":5 000", ":-1",
        "::1",  "::1:5000", "[::1]",   "h:80/",  "http://h:80", "h:+80",  ":18446744073709551616"};
    static const char *const keys[] = {"http.addr", "http.debug.addr", "admin.addr"};
    struct fixture x;

    (void)state;
    for (size_t k = 0; k < array_len(keys); k++) {
        for (size_t i = 0; i < array_len(good); i++) {
            fixture_begin(&x);
            x.flag = (struct config_flag){span_of(keys[k]), span_of(good[i])};
            assert_int_equal(fixture_try(&x, NULL, no_env), RC_OK);
            fixture_end(&x);
        }
        for (size_t i = 0; i < array_len(bad); i++) {
            char wanted[128];
            fixture_begin(&x);
            x.flag = (struct config_flag){span_of(keys[k]), span_of(bad[i])};
            assert_int_equal(fixture_try(&x, NULL, no_env), RC_INTERNAL);
            snprintf(wanted, sizeof(wanted), "%s: expected host:port or :port, got \"%s\"", keys[k],
                     bad[i]);
            assert_string_equal(fixture_detail(&x), wanted);
            fixture_end(&x);
        }
    }
}

static void test_a_host_that_is_no_url(void **state)
{
    struct fixture x;

    (void)state;
    fixture_begin(&x);
    fixture_load(&x, ".ini", "[http]\nhost = hub.test\n", no_env);
    assert_string_equal(conf_warning(x.config->conf, 0),
                        "http.host: expected a URL such as https://hub.example.org, got "
                        "\"hub.test\": it is not used");
    assert_null(conf_warning(x.config->conf, 1));
    fixture_end(&x);
}

static void test_a_warning_is_one_line(void **state)
{
    struct fixture x;

    (void)state;
    fixture_begin(&x);
    fixture_load(&x, ".yml", "version: 0.1\nhttp: {host: \"a\\n\\x02b\\x7f\"}\n", no_env);
    assert_string_equal(conf_warning(x.config->conf, 0),
                        "http.host: expected a URL such as https://hub.example.org, got "
                        "\"a??b?\": it is not used");
    fixture_end(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_values_that_are_settled),
        cmocka_unit_test(test_settings_of_the_collection),
        cmocka_unit_test(test_words_of_the_log),
        cmocka_unit_test(test_which_file),
        cmocka_unit_test(test_files_that_cannot_be_read),
        cmocka_unit_test(test_an_empty_file),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_a_host_that_is_no_url),
        cmocka_unit_test(test_a_warning_is_one_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

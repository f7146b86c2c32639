/* SPDX-License-Identifier: Apache-2.0
 *
 * notify_config: endpoints in the three forms that people write them in.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/notify_config.h"
#include "test/unit/server/config_fixture.h"

static struct notify_config *make(struct fixture *x)
{
    struct notify_config *n = NULL;
    enum rc rc = notify_config_make(x->config, &n, &x->fault);
    if (rc != RC_OK)
        print_error("%s\n", fixture_detail(x));
    assert_int_equal(rc, RC_OK);
    return n;
}

/* All of the example in the registry image's documentation. */
static const char yaml[] = "version: 0.1\n"
                           "notifications:\n"
                           "  events:\n"
                           "    includereferences: true\n"
                           "  endpoints:\n"
                           "    - name: alistener\n"
                           "      disabled: false\n"
                           "      url: https://my.listener.com/event\n"
                           "      headers:\n"
                           "        Authorization: [Bearer one, Bearer two]\n"
                           "        X-Plain: text\n"
                           "      timeout: 500ms\n"
                           "      threshold: 5\n"
                           "      backoff: 2s\n"
                           "      ignoredmediatypes:\n"
                           "        - application/octet-stream\n"
                           "      ignore:\n"
                           "        mediatypes:\n"
                           "           - text/x\n"
                           "        actions:\n"
                           "           - pull\n"
                           "    - name: off\n"
                           "      disabled: true\n"
                           "    - url: http://second/\n";
static const char ini[] = "[notifications.events]\n"
                          "includereferences = true\n"
                          "[notifications.endpoints.alistener]\n"
                          "url = https://my.listener.com/event\n"
                          "headers.Authorization = Bearer one\n"
                          "headers.Authorization = Bearer two\n"
                          "headers.X-Plain = text\n"
                          "timeout = 500ms\n"
                          "threshold = 5\n"
                          "backoff = 2s\n"
                          "ignoredmediatypes = application/octet-stream\n"
                          "ignore.mediatypes = text/x\n"
                          "ignore.actions = pull\n"
                          "[notifications.endpoints]\n"
                          "off.disabled = true\n"
                          "2.url = http://second/\n";

static void expect_listener(const struct notify_target *t)
{
    assert_string_equal(t->name, "alistener");
    assert_string_equal(t->url, "https://my.listener.com/event");
    assert_string_equal(t->headers->s, "Authorization: Bearer one");
    assert_string_equal(t->headers->next->s, "Authorization: Bearer two");
    assert_string_equal(t->headers->next->next->s, "X-Plain: text");
    assert_null(t->headers->next->next->next);
    assert_int_equal(t->timeout, 500);
    assert_int_equal(t->threshold, 5);
    assert_int_equal(t->backoff, 2000);
    assert_false(notify_target_wants(t, EVENT_PUSH, "application/octet-stream"));
    assert_false(notify_target_wants(t, EVENT_PUSH, "text/x"));
    assert_true(notify_target_wants(t, EVENT_PUSH, "text/y"));
    assert_false(notify_target_wants(t, EVENT_PULL, "text/y"));
    assert_true(notify_target_wants(t, EVENT_DELETE, NULL));
}

static void test_all_of_it(void **state)
{
    static const char *const forms[][2] = {{".yml", yaml}, {".ini", ini}};
    (void)state;
    for (size_t i = 0; i < array_len(forms); i++) {
        struct fixture x;
        fixture_begin(&x);
        fixture_load(&x, forms[i][0], forms[i][1], no_env);
        assert_true(x.config->notify_references);
        struct notify_config *n = make(&x);
        const struct notify_target *second = n->targets->next;
        expect_listener(n->targets);
        assert_string_equal(second->name, "2");
        assert_string_equal(second->url, "http://second/");
        assert_int_equal(second->timeout, 1000);
        assert_int_equal(second->threshold, 10);
        assert_int_equal(second->backoff, 1000);
        assert_true(notify_target_wants(second, EVENT_PULL, "text/x"));
        assert_null(second->next);
        assert_int_equal(n->queue_events, 10000);
        assert_int_equal(n->queue_bytes, 64 << 20);
        notify_config_free(n);
        fixture_end(&x);
    }
}

static void test_from_the_environment(void **state)
{
    static const char *const env[] = {
        "REGISTRY_NOTIFICATIONS_ENDPOINTS_0_NAME=a",
        "REGISTRY_NOTIFICATIONS_ENDPOINTS_0_URL=http://a/",
        "REGISTRY_NOTIFICATIONS_ENDPOINTS_0_HEADERS_X-Key=[one]",
        "REGISTRY_NOTIFICATIONS_ENDPOINTS_0_IGNORE_ACTIONS=[pull, push]",
        "REGISTRY_NOTIFICATIONS_EVENTCONFIG_INCLUDEREFERENCES=true",
        NULL,
    };
    struct fixture x;
    (void)state;
    fixture_begin(&x);
    fixture_load(&x, NULL, NULL, env);
    assert_true(x.config->notify_references);
    assert_null(conf_warning(x.config->conf, 0));
    struct notify_config *n = make(&x);
    assert_string_equal(n->targets->name, "a");
    assert_string_equal(n->targets->url, "http://a/");
    assert_string_equal(n->targets->headers->s, "x-key: one");
    assert_false(notify_target_wants(n->targets, EVENT_PUSH, NULL));
    assert_true(notify_target_wants(n->targets, EVENT_MOUNT, NULL));
    assert_null(n->targets->next);
    notify_config_free(n);
    fixture_end(&x);
}

static void test_what_is_refused(void **state)
{
    static const char *const rows[][2] = {
        {"a.url = ftp://x/", ":2: notifications.endpoints.a.url: expected an http or https URL"},
        {"a.url = http://x/ y", ":2: notifications.endpoints.a.url: expected an http or https URL"},
        {"a.timeout = 5", ":2: notifications.endpoints.a.timeout: expected a duration such as 10s, "
                          "1h30m or 500ms"},
        {"a.threshold = some", ":2: notifications.endpoints.a.threshold: expected a whole number"},
        {"a.disabled = perhaps", ":2: notifications.endpoints.a.disabled: expected true or false"},
        {"a.ignore.actions = fetch",
         ":2: notifications.endpoints.a.ignore.actions: expected pull, push, mount or delete"},
        {"a.uri = http://x/",
         ":2: notifications.endpoints.a.uri: expected nothing: it is no option"},
        {"a = http://x/",
         ":2: notifications.endpoints.a: expected a list of endpoints, or a section for each"},
        {"a.timeout = 5s", ":2: notifications.endpoints.a: has no url"},
        {"a.url = http://x/\nb.url = http://y/\nb.name = a",
         ":3: notifications.endpoints.b: there are two of this name"},
    };
    (void)state;
    for (size_t i = 0; i < array_len(rows); i++) {
        struct fixture x;
        struct buf text;
        fixture_begin(&x);
        buf_init(&text);
        buf_printf(&text, "[notifications.endpoints]\n%s\n", rows[i][0]);
        fixture_load(&x, ".ini", text.p, no_env);
        assert_int_equal(notify_config_check(x.config, &x.fault), RC_INTERNAL);
        assert_memory_equal(fixture_detail(&x), x.path, strlen(x.path));
        assert_string_equal(fixture_detail(&x) + strlen(x.path), rows[i][1]);
        buf_fini(&text);
        fixture_end(&x);
    }
}

/* A header with a line break would be two. */
static void test_no_forged_headers(void **state)
{
    struct fixture x;
    (void)state;
    fixture_begin(&x);
    fixture_load(&x, ".yml",
                 "version: 0.1\nnotifications: {endpoints: [{url: 'http://x/', headers: "
                 "{X-Secret: [\"hidden\\nX-Other: 1\"]}}]}\n",
                 no_env);
    assert_int_equal(notify_config_check(x.config, &x.fault), RC_INTERNAL);
    assert_non_null(strstr(fixture_detail(&x), "0.headers.X-Secret: expected a header"));
    assert_null(strstr(fixture_detail(&x), "hidden"));
    fixture_end(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_of_it),
        cmocka_unit_test(test_from_the_environment),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_no_forged_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of the admin and the debug door: what they take, what they refuse, and what they say.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "test/row/harness.h"

#define GC "/admin/gc"

static void test_a_row_is_behind_one_door(void **state)
{
    static const struct {
        enum door door;
        const char *target;
        enum http_method method;
    } rows[] = {
        {DOOR_PUBLIC, "/v2/", METHOD_GET},         {DOOR_PUBLIC, "/", METHOD_GET},
        {DOOR_PUBLIC, "/v2/_catalog", METHOD_GET}, {DOOR_ADMIN, GC, METHOD_GET},
        {DOOR_ADMIN, GC, METHOD_DELETE},           {DOOR_DEBUG, "/debug/health", METHOD_GET},
        {DOOR_DEBUG, "/metrics", METHOD_GET},
    };
    struct bench *b = *state;
    b->config.metrics_enabled = true;
    for (size_t i = 0; i < array_len(rows); i++) {
        for (b->door = DOOR_PUBLIC; b->door <= DOOR_DEBUG; b->door++) {
            int got = bench_code(b, rows[i].method, rows[i].target, SPAN(""));
            assert_int_equal(got == 404, b->door != rows[i].door);
        }
    }
}

static void test_a_prefix_is_for_the_public_door(void **state)
{
    struct bench *b = *state;
    b->config.http_prefix = "/x/";
    assert_int_equal(bench_code_admin(b, METHOD_GET, GC, ""), 200);
    assert_int_equal(bench_code_admin(b, METHOD_GET, "/x" GC, ""), 404);
}

static void test_before_the_first_run(void **state)
{
    struct bench *b = *state;
    struct answer a = bench_ask_admin(b, METHOD_GET, GC, "");
    assert_int_equal(a.code, 200);
    assert_string_equal(answer_header(&a, "Content-Type"), "application/json");
    assert_string_equal(a.body.p,
                        "{\"running\":false,\"run\":0,\"read_only\":false,\"writes\":\"hold\","
                        "\"phase\":\"idle\",\"dry_run\":false,\"report\":null,\"last\":null}\n");
    answer_fini(&a);
    assert_int_equal(bench_code_admin(b, METHOD_HEAD, GC, ""), 200);
    assert_int_equal(bench_code_admin(b, METHOD_DELETE, GC, ""), 202);
    assert_int_equal(bench_code_admin(b, METHOD_GET, GC "/lines", ""), 404);
}

static void test_one_run_at_a_time(void **state)
{
    struct bench *b = *state;
    struct answer a = bench_ask_admin(b, METHOD_POST, GC, "");
    assert_int_equal(a.code, 202);
    assert_string_equal(answer_header(&a, "Location"), GC);
    assert_non_null(strstr(a.body.p, "{\"running\":true,\"run\":1,"));
    answer_fini(&a);
    a = bench_ask_admin(b, METHOD_POST, GC, "");
    assert_int_equal(a.code, 409);
    assert_non_null(strstr(a.body.p, "{\"errors\":[{\"code\":\"UNAVAILABLE\""));
    answer_fini(&a);
    bench_turn_until_idle(b);
    bench_assert_admin_says(b, GC, "\"last\":{\"outcome\":\"done\"");
    assert_int_equal(bench_code_admin(b, METHOD_POST, GC, ""), 202);
    bench_turn_until_idle(b);
    bench_assert_admin_says(b, GC, "{\"running\":false,\"run\":2,");
}

static void test_options_of_a_run(void **state)
{
    static const struct {
        const char *body;
        bool option; /* gc.delete_untagged */
        const char *dry_run, *delete_untagged;
    } rows[] = {
        {"", false, "false", "false"},
        {"", true, "false", "true"},
        {"{}", true, "false", "true"},
        {" { \"dry_run\" : true } \r\n", false, "true", "false"},
        {"{\"delete_untagged\":true}", false, "false", "true"},
        {"{\"delete_untagged\":false,\"dry_run\":true,\"lines\":false}", true, "true", "false"},
    };
    struct bench *b = *state;
    for (size_t i = 0; i < array_len(rows); i++) {
        char words[128];
        b->config.gc_delete_untagged = rows[i].option;
        assert_int_equal(bench_code_admin(b, METHOD_POST, GC, rows[i].body), 202);
        bench_turn_until_idle(b);
        (void)snprintf(words, sizeof(words), "\"dry_run\":%s,\"delete_untagged\":%s",
                       rows[i].dry_run, rows[i].delete_untagged);
        bench_assert_admin_says(b, GC, words);
    }
}

static void test_bodies_that_are_refused(void **state)
{
    static const char *const rows[] = {
        "{",
        "[]",
        "null",
        "true",
        "\"dry_run\"",
        "{\"dry_run\":1}",
        "{\"dry_run\":\"true\"}",
        "{}x",
        "{} {}",
        "{\"dry-run\":true}",
        "{\"lines\":null}",
        "{\"dry_run\":true,\"x\":{}}",
    };
    struct bench *b = *state;
    for (size_t i = 0; i < array_len(rows); i++) {
        struct answer a = bench_ask_admin(b, METHOD_POST, GC, rows[i]);
        assert_int_equal(a.code, 400);
        assert_non_null(strstr(a.body.p, "{\"errors\":["));
        answer_fini(&a);
    }
    bench_assert_admin_says(b, GC, "{\"running\":false,\"run\":0,");
}

static void test_a_body_has_a_limit(void **state)
{
    enum { LIMIT = 64 << 10 };
    struct bench *b = *state;
    char *body = malloc(LIMIT + 2);
    memset(body, ' ', LIMIT + 1);
    body[0] = '{';
    body[LIMIT] = '\0';
    body[LIMIT - 1] = '}';
    assert_int_equal(bench_code_admin(b, METHOD_POST, GC, body), 202);
    bench_turn_until_idle(b);
    body[LIMIT] = ' ';
    body[LIMIT + 1] = '\0';
    assert_int_equal(bench_code_admin(b, METHOD_POST, GC, body), 400);
    free(body);
}

static void test_a_body_in_pieces_and_cut(void **state)
{
    struct bench *b = *state;
    struct span body = SPAN("{\"dry_run\":true,\"delete_untagged\":true}");
    b->door = DOOR_ADMIN;
    for (size_t gone = 0; gone < body.n; gone++) {
        struct call c = {.method = METHOD_POST, .target = GC, .body = body, .gone = gone};
        struct answer a = bench_call(b, &c);
        assert_int_equal(a.code, 0);
        answer_fini(&a);
        assert_false(maint_is_collecting(b->maint));
    }
    for (size_t piece = 1; piece < body.n; piece++) {
        struct call c = {.method = METHOD_POST, .target = GC, .body = body, .piece = piece};
        c.gone = SIZE_MAX;
        struct answer a = bench_call(b, &c);
        assert_int_equal(a.code, 202);
        answer_fini(&a);
        bench_turn_until_idle(b);
    }
}

static void test_lines(void **state)
{
    struct bench *b = *state;
    (void)push_blob(b, "some/repo", SPAN("a blob"));
    assert_int_equal(bench_code_admin(b, METHOD_POST, GC, "{\"lines\":true}"), 202);
    struct answer a = bench_ask_admin(b, METHOD_GET, GC "/lines", "");
    assert_int_equal(a.code, 200); /* none yet, and not those of another run */
    assert_int_equal(a.body.n, 0);
    answer_fini(&a);
    bench_turn_until_idle(b);
    a = bench_ask_admin(b, METHOD_GET, GC "/lines", "");
    assert_int_equal(a.code, 200);
    assert_memory_equal(a.body.p, "some/repo\n", 10);
    size_t size = a.body.n;
    answer_fini(&a);

    struct call c = {.method = METHOD_GET, .target = GC "/lines", .gone = SIZE_MAX};
    b->door = DOOR_ADMIN;
    c.headers = "Range: bytes=5-8\r\n";
    a = bench_call(b, &c);
    assert_int_equal(a.code, 206);
    assert_int_equal(a.body.n, 4);
    assert_memory_equal(a.body.p, "repo", 4);
    answer_fini(&a);
    char range[64];
    (void)snprintf(range, sizeof(range), "Range: bytes=%zu-\r\n", size);
    c.headers = range;
    a = bench_call(b, &c);
    assert_int_equal(a.code, 416);
    (void)snprintf(range, sizeof(range), "bytes */%zu", size);
    assert_string_equal(answer_header(&a, "Content-Range"), range);
    answer_fini(&a);
}

static void test_writes_are_refused_only_if_that_is_wanted(void **state)
{
    static const struct {
        int writes;
        const char *body;
        int code;
    } rows[] = {
        {GC_WRITES_HOLD, "", 202},
        {GC_WRITES_REFUSE, "", 503},
        {GC_WRITES_REFUSE, "{\"dry_run\":true}", 202},
    };
    struct bench *b = *state;
    for (size_t i = 0; i < array_len(rows); i++) {
        b->config.gc_writes = rows[i].writes;
        maint_configure(b->maint, &b->config);
        assert_int_equal(bench_code_admin(b, METHOD_POST, GC, rows[i].body), 202);
        struct answer a = bench_ask(b, METHOD_POST, "/v2/a/blobs/uploads/", SPAN(""));
        assert_int_equal(a.code, rows[i].code);
        bench_assert_admin_says(b, GC,
                                rows[i].body[0] ? "\"read_only\":false" : "\"read_only\":true");
        if (a.code == 503) {
            assert_string_equal(answer_header(&a, "Retry-After"), "10");
            assert_non_null(strstr(a.body.p, "\"UNAVAILABLE\""));
            bench_assert_admin_says(b, GC, "\"writes\":\"refuse\"");
        }
        answer_fini(&a);
        assert_int_equal(bench_code(b, METHOD_GET, "/v2/", SPAN("")), 200);
        bench_turn_until_idle(b);
        a = bench_ask(b, METHOD_POST, "/v2/a/blobs/uploads/", SPAN(""));
        assert_int_equal(a.code, 202);
        answer_fini(&a);
    }
}

static void test_health_and_metrics(void **state)
{
    struct bench *b = *state;
    b->door = DOOR_DEBUG;
    assert_int_equal(bench_code(b, METHOD_GET, "/metrics", SPAN("")), 404);
    b->config.metrics_enabled = true;
    struct answer a = bench_ask(b, METHOD_GET, "/debug/health", SPAN(""));
    assert_string_equal(a.body.p, "{}\n");
    answer_fini(&a);
    assert_int_equal(bench_code_admin(b, METHOD_POST, GC, ""), 202);
    b->door = DOOR_DEBUG;
    a = bench_ask(b, METHOD_GET, "/debug/health", SPAN(""));
    assert_int_equal(a.code, 200);
    assert_string_equal(a.body.p, "{\"gc\":\"running\"}\n");
    answer_fini(&a);
    a = bench_ask(b, METHOD_GET, "/metrics", SPAN(""));
    assert_non_null(strstr(a.body.p, "\nregistry_gc_running 1\n"));
    answer_fini(&a);
    bench_turn_until_idle(b);
    a = bench_ask(b, METHOD_GET, "/metrics", SPAN(""));
    assert_non_null(strstr(a.body.p, "# TYPE registry_gc_runs_total counter\n"));
    assert_non_null(strstr(a.body.p, "\nregistry_gc_runs_total 1\n"));
    assert_non_null(strstr(a.body.p, "\nregistry_gc_running 0\n"));
    answer_fini(&a);
}

static void test_an_end_in_the_middle(void **state)
{
    struct bench *b = *state;
    assert_int_equal(bench_code_admin(b, METHOD_POST, GC, "{\"lines\":true}"), 202);
    (void)uv_run(&b->loop, UV_RUN_ONCE); /* the rest is for bench_fini */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW_TEST(test_a_row_is_behind_one_door),
        ROW_TEST(test_a_prefix_is_for_the_public_door),
        ROW_TEST(test_before_the_first_run),
        ROW_TEST(test_one_run_at_a_time),
        ROW_TEST(test_options_of_a_run),
        ROW_TEST(test_bodies_that_are_refused),
        ROW_TEST(test_a_body_has_a_limit),
        ROW_TEST(test_a_body_in_pieces_and_cut),
        ROW_TEST(test_lines),
        ROW_TEST(test_writes_are_refused_only_if_that_is_wanted),
        ROW_TEST(test_health_and_metrics),
        ROW_TEST(test_an_end_in_the_middle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

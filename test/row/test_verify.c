/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows that speak of verifications, and what becomes of damage that clients come across.
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

#include "server/scrub.h"
#include "test/row/harness.h"

#define VERIFY "/admin/verify"
#define INDEX "{\"schemaVersion\":2,\"manifests\":[]}"

/* ---- Content, and damage to it. --------------------------------------------------------- */

struct text {
    char s[1400];
};

static struct text text(const char *fmt, ...)
{
    struct text t;
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(t.s, sizeof(t.s), fmt, args);
    va_end(args);
    return t;
}

static struct digest parse(const char *digest)
{
    struct digest d;
    assert_int_equal(digest_parse(span_of(digest), &d, NULL), RC_OK);
    return d;
}

static void overwrite(struct bench *b, const char *digest, const char *bytes)
{
    struct digest d = parse(digest);
    struct text path = text("%s%s/data", b->root, place_of_blob(&d).s);
    FILE *f = fopen(path.s, "w");
    assert_non_null(f);
    assert_true(fputs(bytes, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static bool is_aside(struct bench *b, const char *digest)
{
    struct digest d = parse(digest);
    return access(text("%s%s", b->root, place_of_quarantine(&d, 0).s).s, F_OK) == 0;
}

static int look(struct bench *b, enum http_method m, const char *kind, const char *reference)
{
    return bench_code(b, m, text("/v2/a/%s/%s", kind, reference).s, SPAN(""));
}

static int put_index(struct bench *b, const char *tag)
{
    struct text target = text("/v2/a/manifests/%s", tag);
    struct call c = {.method = METHOD_PUT,
                     .target = target.s,
                     .headers = "Content-Type: " OCI_MEDIA_INDEX "\r\n",
                     .body = SPAN(INDEX),
                     .gone = SIZE_MAX};
    struct answer a = bench_call(b, &c);
    answer_fini(&a);
    return a.code;
}

static struct digest_text index_digest(void)
{
    struct digest d = digest_of(DIGEST_SHA256, SPAN(INDEX));
    return digest_print(&d);
}

static void tick(struct bench *b, bool readonly)
{
    maint_tick(b->maint, readonly);
    bench_turn_until_idle(b);
}

/* ---- The rows. -------------------------------------------------------------------------- */

static void test_before_the_first_run(void **state)
{
    struct bench *b = *state;
    struct answer a = bench_ask_admin(b, METHOD_GET, VERIFY, "");
    assert_int_equal(a.code, 200);
    assert_string_equal(answer_header(&a, "Content-Type"), "application/json");
    assert_string_equal(a.body.p, "{\"run\":0,\"running\":false,\"report\":null,\"last\":null,"
                                  "\"by_itself\":{\"interval_s\":0,\"rate\":0,\"running\":false,"
                                  "\"report\":null,\"last\":null,\"suspects\":null}}\n");
    answer_fini(&a);
    assert_int_equal(bench_code_admin(b, METHOD_HEAD, VERIFY, ""), 200);
    assert_int_equal(bench_code_admin(b, METHOD_DELETE, VERIFY, ""), 202);
    assert_int_equal(bench_code_admin(b, METHOD_GET, VERIFY "/lines", ""), 404);
    assert_int_equal(bench_code(b, METHOD_GET, VERIFY, SPAN("")), 404); /* the public door */
}

static void test_one_run_at_a_time(void **state)
{
    struct bench *b = *state;
    struct answer a = bench_ask_admin(b, METHOD_POST, VERIFY, "");
    assert_int_equal(a.code, 202);
    assert_string_equal(answer_header(&a, "Location"), VERIFY);
    assert_non_null(strstr(a.body.p, "{\"run\":1,\"running\":true,"));
    answer_fini(&a);
    a = bench_ask_admin(b, METHOD_POST, VERIFY, "{}");
    assert_int_equal(a.code, 409);
    assert_non_null(strstr(a.body.p, "a verification is running already"));
    answer_fini(&a);
    bench_turn_until_idle(b);
    bench_assert_admin_says(b, VERIFY, "\"last\":{\"outcome\":\"done\"");
    assert_int_equal(bench_code_admin(b, METHOD_POST, VERIFY, ""), 202);
    bench_turn_until_idle(b);
    bench_assert_admin_says(b, VERIFY, "{\"run\":2,\"running\":false,");
}

static void test_bodies(void **state)
{
    static const struct {
        const char *body;
        int code;
        const char *moves;
    } rows[] = {
        {"", 202, "\"moves\":true"},
        {"{\"dry_run\":true}", 202, "\"moves\":false"},
        {" {\"dry_run\":false,\"lines\":false}\r\n", 202, "\"moves\":true"},
        {"{", 400, NULL},
        {"[]", 400, NULL},
        {"{\"dry_run\":1}", 400, NULL},
        {"{\"delete_untagged\":true}", 400, NULL},
    };
    struct bench *b = *state;
    for (size_t i = 0; i < array_len(rows); i++) {
        assert_int_equal(bench_code_admin(b, METHOD_POST, VERIFY, rows[i].body), rows[i].code);
        bench_turn_until_idle(b);
        if (rows[i].moves)
            bench_assert_admin_says(b, VERIFY, rows[i].moves);
    }
}

static void test_stopped(void **state)
{
    struct bench *b = *state;
    assert_int_equal(bench_code_admin(b, METHOD_POST, VERIFY, ""), 202);
    assert_int_equal(bench_code_admin(b, METHOD_DELETE, VERIFY, ""), 202);
    bench_turn_until_idle(b);
    bench_assert_admin_says(b, VERIFY, "\"last\":{\"outcome\":\"stopped\"");
}

static void test_what_it_finds_and_says(void **state)
{
    struct bench *b = *state;
    struct digest_text good = push_blob(b, "a", SPAN("a blob"));
    struct digest_text bad = push_blob(b, "a", SPAN("another one"));
    overwrite(b, bad.s, "something else");
    assert_int_equal(look(b, METHOD_GET, "blobs", bad.s), 200); /* nobody has looked */
    assert_int_equal(bench_code_admin(b, METHOD_POST, VERIFY, "{\"lines\":true}"), 202);
    bench_turn_until_idle(b);
    bench_assert_admin_says(b, VERIFY, text("\"findings\":[{\"what\":\"%s\",", bad.s).s);
    bench_assert_admin_says(b, VERIFY, "\"damaged\":1,\"moved\":1,\"unreadable\":0,\"missing\":1,");
    assert_true(is_aside(b, bad.s));
    assert_int_equal(look(b, METHOD_GET, "blobs", bad.s), 404);
    assert_int_equal(look(b, METHOD_HEAD, "blobs", bad.s), 404);
    assert_int_equal(look(b, METHOD_GET, "blobs", good.s), 200);
    struct answer a = bench_ask_admin(b, METHOD_GET, VERIFY "/lines", "");
    assert_int_equal(a.code, 200);
    assert_memory_equal(a.body.p, bad.s, strlen(bad.s));
    answer_fini(&a);
    (void)push_blob(b, "a", SPAN("another one"));
    assert_int_equal(look(b, METHOD_GET, "blobs", bad.s), 200);
}

static void test_metrics(void **state)
{
    static const char *const words[] = {
        "\nregistry_verify_damaged_total 1\n", "\nregistry_verify_moved_total 1\n",
        "\nregistry_verify_blobs_total 2\n",   "\nregistry_verify_findings 2\n",
        "\nregistry_verify_running 0\n",       "\n# TYPE registry_verify_bytes_total counter\n",
    };
    struct bench *b = *state;
    (void)push_blob(b, "a", SPAN("a blob"));
    struct digest_text bad = push_blob(b, "a", SPAN("another one"));
    overwrite(b, bad.s, "something else");
    assert_int_equal(bench_code_admin(b, METHOD_POST, VERIFY, ""), 202);
    bench_turn_until_idle(b);
    b->config.metrics_enabled = true;
    b->door = DOOR_DEBUG;
    struct answer a = bench_ask(b, METHOD_GET, "/metrics", SPAN(""));
    for (size_t i = 0; i < array_len(words); i++)
        if (!strstr(a.body.p, words[i]))
            fail_msg("%s is not in %s", words[i], a.body.p);
    answer_fini(&a);
}

/* ---- What clients come across. ---------------------------------------------------------- */

static void test_a_torn_manifest(void **state)
{
    struct bench *b = *state;
    struct digest_text d = index_digest();
    assert_int_equal(put_index(b, "tag"), 201);
    tick(b, false);
    assert_int_equal(look(b, METHOD_GET, "manifests", "tag"), 200);
    overwrite(b, d.s, "{\"schemaVersion\":2,\"mani");
    assert_int_equal(look(b, METHOD_GET, "manifests", "tag"), 404);
    assert_int_equal(look(b, METHOD_HEAD, "manifests", d.s), 404);
    assert_false(is_aside(b, d.s));
    tick(b, false);
    assert_true(is_aside(b, d.s));
    bench_assert_admin_says(b, VERIFY, "\"suspects\":{\"outcome\":\"done\"");
    bench_assert_admin_says(b, VERIFY, text("\"findings\":[{\"what\":\"%s\",", d.s).s);
    assert_int_equal(look(b, METHOD_GET, "manifests", "tag"), 404);
    assert_int_equal(put_index(b, "tag"), 201);
    assert_int_equal(look(b, METHOD_GET, "manifests", "tag"), 200);
}

static void test_an_emptied_blob(void **state)
{
    struct bench *b = *state;
    struct digest_text d = push_blob(b, "a", SPAN("a blob"));
    overwrite(b, d.s, "");
    assert_int_equal(look(b, METHOD_HEAD, "blobs", d.s), 404);
    assert_int_equal(look(b, METHOD_GET, "blobs", d.s), 404);
    struct text mount = text("/v2/other/blobs/uploads/?mount=%s&from=a", d.s);
    assert_int_equal(bench_code(b, METHOD_POST, mount.s, SPAN("")), 202); /* an upload instead */
    tick(b, false);
    assert_true(is_aside(b, d.s));
    (void)push_blob(b, "a", SPAN("a blob"));
    assert_int_equal(look(b, METHOD_GET, "blobs", d.s), 200);
}

/* What is not moved is not looked at again and again. */
static void test_nothing_moves_while_it_is_read_only(void **state)
{
    struct bench *b = *state;
    struct digest_text d = push_blob(b, "a", SPAN("a blob"));
    overwrite(b, d.s, "");
    assert_int_equal(look(b, METHOD_HEAD, "blobs", d.s), 404);
    tick(b, true);
    assert_false(is_aside(b, d.s));
    bench_assert_admin_says(b, VERIFY, text("\"findings\":[{\"what\":\"%s\",", d.s).s);
    assert_int_equal(look(b, METHOD_HEAD, "blobs", d.s), 404);
    assert_false(data_has_suspects(b->store)); /* it has been told */
    assert_int_equal(bench_code_admin(b, METHOD_POST, VERIFY, ""), 202);
    bench_turn_until_idle(b);
    bench_assert_admin_says(b, VERIFY, "\"damaged\":1,\"moved\":0,");
    assert_false(is_aside(b, d.s));
    assert_int_equal(look(b, METHOD_HEAD, "blobs", d.s), 404);
    tick(b, false);
    assert_true(is_aside(b, d.s));
}

/* ---- By itself, and beside others. ------------------------------------------------------ */

static void test_by_itself(void **state)
{
    struct bench *b = *state;
    struct digest_text d = push_blob(b, "a", SPAN("a blob"));
    overwrite(b, d.s, "something else");
    tick(b, false);
    assert_false(is_aside(b, d.s));
    b->config.verify_interval = 1;
    maint_configure(b->maint, &b->config);
    while (!is_aside(b, d.s)) /* about a second */
        tick(b, false);
    bench_assert_admin_says(b, VERIFY, "\"by_itself\":{\"interval_s\":1,");
    bench_assert_admin_says(b, VERIFY, "\"report\":null,\"last\":{\"outcome\":\"done\"");
}

static void test_beside_a_collection(void **state)
{
    struct bench *b = *state;
    for (int i = 0; i < 20; i++)
        (void)push_blob(b, "a", span_of(text("blob %d", i).s));
    assert_int_equal(bench_code_admin(b, METHOD_POST, VERIFY, ""), 202);
    assert_int_equal(bench_code_admin(b, METHOD_POST, "/admin/gc", ""), 202);
    bench_turn_until_idle(b);
    bench_assert_admin_says(b, VERIFY, "\"last\":{\"outcome\":\"done\"");
    assert_int_equal(count_files(b, "data"), 20);
}

static void test_an_end_in_the_middle(void **state)
{
    struct bench *b = *state;
    (void)push_blob(b, "a", SPAN("a blob"));
    assert_int_equal(bench_code_admin(b, METHOD_POST, VERIFY, "{\"lines\":true}"), 202);
    assert_int_equal(bench_code_admin(b, METHOD_POST, "/admin/gc", "{\"lines\":true}"), 202);
    (void)uv_run(&b->loop, UV_RUN_ONCE); /* the rest is for bench_fini */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW_TEST(test_before_the_first_run),
        ROW_TEST(test_one_run_at_a_time),
        ROW_TEST(test_bodies),
        ROW_TEST(test_stopped),
        ROW_TEST(test_what_it_finds_and_says),
        ROW_TEST(test_metrics),
        ROW_TEST(test_a_torn_manifest),
        ROW_TEST(test_an_emptied_blob),
        ROW_TEST(test_nothing_moves_while_it_is_read_only),
        ROW_TEST(test_by_itself),
        ROW_TEST(test_beside_a_collection),
        ROW_TEST(test_an_end_in_the_middle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

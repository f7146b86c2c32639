/* SPDX-License-Identifier: Apache-2.0
 *
 * Uploads as rows: every outcome, and the body cut at every size.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "test/row/harness.h"

/* "/v2/app/blobs/uploads/<id>?_state=…", in the caller's memory. */
static void begin(struct bench *b, char location[512])
{
    struct answer a = bench_ask(b, METHOD_POST, "/v2/app/blobs/uploads/", SPAN(""));
    assert_int_equal(a.code, 202);
    assert_string_equal(answer_header(&a, "Range"), "0-0");
    const char *at = answer_header(&a, "Location");
    assert_non_null(at);
    assert_int_equal(strncmp(at, "http://reg.test/v2/app/blobs/uploads/", 37), 0);
    assert_non_null(strchr(at, '?'));
    (void)snprintf(location, 512, "%s", at + strlen("http://reg.test"));
    answer_fini(&a);
}

static struct digest_text digest_text_of(struct span bytes)
{
    struct digest d = digest_of(DIGEST_SHA256, bytes);
    return digest_print(&d);
}

static void finish_url(const char *location, const char *digest, char out[1024])
{
    (void)snprintf(out, 1024, "%s&digest=%s", location, digest);
}

static void assert_blob(struct bench *b, const char *digest, struct span want)
{
    char target[512];
    (void)snprintf(target, sizeof(target), "/v2/app/blobs/%s", digest);
    struct answer a = bench_ask(b, METHOD_GET, target, SPAN(""));
    assert_int_equal(a.code, 200);
    assert_int_equal(a.body.n, want.n);
    assert_memory_equal(a.body.p ? a.body.p : "", want.p, want.n);
    answer_fini(&a);
}

static void test_patch_then_put(void **state)
{
    struct bench *b = *state;
    char location[512], url[1024];
    struct span body = pattern_bytes(100000, 1);
    struct digest_text d = digest_text_of(body);
    begin(b, location);
    struct answer a = bench_ask(b, METHOD_PATCH, location, body);
    assert_int_equal(a.code, 202);
    assert_string_equal(answer_header(&a, "Range"), "0-99999");
    answer_fini(&a);
    finish_url(location, d.s, url);
    a = bench_ask(b, METHOD_PUT, url, SPAN(""));
    assert_int_equal(a.code, 201);
    assert_string_equal(answer_header(&a, "Docker-Content-Digest"), d.s);
    answer_fini(&a);
    assert_blob(b, d.s, body);
    assert_int_equal(bench_code(b, METHOD_GET, location, SPAN("")), 404);
    free((char *)body.p);
}

/* Whatever the sizes in which a body arrives, the blob is the same. */
static void test_every_piece_size(void **state)
{
    struct bench *b = *state;
    struct span body = pattern_bytes(300, 2);
    struct digest_text d = digest_text_of(body);
    for (size_t piece = 1; piece <= body.n; piece++) {
        char location[512], url[1024];
        begin(b, location);
        struct call c = {METHOD_PATCH, location, NULL, body, piece, SIZE_MAX};
        struct answer a = bench_call(b, &c);
        assert_int_equal(a.code, 202);
        answer_fini(&a);
        finish_url(location, d.s, url);
        assert_int_equal(bench_code(b, METHOD_PUT, url, SPAN("")), 201);
        assert_blob(b, d.s, body);
    }
    free((char *)body.p);
}

/* A client that goes away after any number of bytes can go on from there. */
static void test_every_cut(void **state)
{
    struct bench *b = *state;
    struct span body = pattern_bytes(130, 3);
    struct digest_text d = digest_text_of(body);
    unsigned descriptors = count_descriptors();
    for (size_t cut = 0; cut <= body.n; cut++) {
        char location[512], url[1024], range[64];
        begin(b, location);
        struct call gone = {METHOD_PATCH, location, NULL, body, 7, cut};
        struct answer a = bench_call(b, &gone);
        assert_int_equal(a.code, 0);
        answer_fini(&a);
        a = bench_ask(b, METHOD_GET, location, SPAN(""));
        assert_int_equal(a.code, 204);
        (void)snprintf(range, sizeof(range), "0-%zu", cut > 0 ? cut - 1 : 0);
        assert_string_equal(answer_header(&a, "Range"), range);
        answer_fini(&a);
        finish_url(location, d.s, url);
        assert_int_equal(bench_code(b, METHOD_PUT, url, span_skip(body, cut)), 201);
        assert_blob(b, d.s, body);
    }
    assert_int_equal(count_descriptors(), descriptors);
    free((char *)body.p);
}

static void test_put_with_the_whole_body(void **state)
{
    struct bench *b = *state;
    char location[512], url[1024];
    struct span body = pattern_bytes(70000, 4);
    struct digest_text d = digest_text_of(body);
    begin(b, location);
    finish_url(location, d.s, url);
    assert_int_equal(bench_code(b, METHOD_PUT, url, body), 201);
    assert_blob(b, d.s, body);
    free((char *)body.p);
}

static void test_single_post(void **state)
{
    struct bench *b = *state;
    struct span body = pattern_bytes(5000, 5);
    struct digest_text d = push_blob(b, "app", body);
    assert_blob(b, d.s, body);
    d = push_blob(b, "app", SPAN(""));
    assert_blob(b, d.s, SPAN(""));
    free((char *)body.p);
}

/* A POST that names a digest and brings nothing begins an upload. */
static void test_post_with_digest_and_no_body(void **state)
{
    struct bench *b = *state;
    char target[512];
    struct digest_text d = digest_text_of(SPAN("not sent yet"));
    (void)snprintf(target, sizeof(target), "/v2/app/blobs/uploads/?digest=%s", d.s);
    assert_int_equal(bench_code(b, METHOD_POST, target, SPAN("")), 202);
    assert_int_equal(bench_code(b, METHOD_POST, target, SPAN("something else")), 400);
}

static void test_wrong_digest_leaves_nothing(void **state)
{
    struct bench *b = *state;
    char location[512], url[1024];
    struct digest_text d = digest_text_of(SPAN("one thing"));
    begin(b, location);
    finish_url(location, d.s, url);
    struct answer a = bench_ask(b, METHOD_PUT, url, SPAN("another"));
    assert_int_equal(a.code, 400);
    assert_non_null(strstr(a.body.p, "\"DIGEST_INVALID\""));
    answer_fini(&a);
    assert_int_equal(bench_code(b, METHOD_GET, location, SPAN("")), 404);
    assert_int_equal(count_files(b, "data"), 0);
}

static void test_bad_digests(void **state)
{
    struct bench *b = *state;
    static const char *const bad[] = {"", "&digest=", "&digest=sha256:abc", "&digest=md5:00",
                                      "&digest=sha256"};
    for (size_t i = 0; i < array_len(bad); i++) {
        char location[512], url[1024];
        begin(b, location);
        (void)snprintf(url, sizeof(url), "%s%s", location, bad[i]);
        struct answer a = bench_ask(b, METHOD_PUT, url, SPAN("x"));
        assert_int_equal(a.code, 400);
        assert_non_null(strstr(a.body.p, "\"DIGEST_INVALID\""));
        answer_fini(&a);
        assert_int_equal(bench_code(b, METHOD_GET, location, SPAN("")), 204);
    }
}

static void test_out_of_order(void **state)
{
    struct bench *b = *state;
    char location[512], url[1024];
    struct digest_text d = digest_text_of(SPAN("0123456789"));
    begin(b, location);
    struct call first = {METHOD_PATCH,  location, "Content-Range: 0-4\r\n",
                         SPAN("01234"), 0,        SIZE_MAX};
    struct answer a = bench_call(b, &first);
    assert_int_equal(a.code, 202);
    answer_fini(&a);
    a = bench_call(b, &first);
    assert_int_equal(a.code, 416);
    answer_fini(&a);
    struct call gap = {METHOD_PATCH, location, "Content-Range: 6-9\r\n", SPAN("6789"), 0, SIZE_MAX};
    a = bench_call(b, &gap);
    assert_int_equal(a.code, 416);
    answer_fini(&a);
    struct call wrong = {METHOD_PATCH,  location, "Content-Range: 5-8\r\n",
                         SPAN("56789"), 0,        SIZE_MAX};
    a = bench_call(b, &wrong);
    assert_int_equal(a.code, 400);
    assert_non_null(strstr(a.body.p, "SIZE_INVALID"));
    answer_fini(&a);
    finish_url(location, d.s, url);
    struct call last = {METHOD_PUT, url, "Content-Range: 5-9\r\n", SPAN("56789"), 0, SIZE_MAX};
    a = bench_call(b, &last);
    assert_int_equal(a.code, 201);
    answer_fini(&a);
    assert_blob(b, d.s, SPAN("0123456789"));
}

static void test_cancel(void **state)
{
    struct bench *b = *state;
    char location[512];
    begin(b, location);
    assert_int_equal(bench_code(b, METHOD_PATCH, location, SPAN("some bytes")), 202);
    assert_int_equal(bench_code(b, METHOD_DELETE, location, SPAN("")), 204);
    assert_int_equal(bench_code(b, METHOD_DELETE, location, SPAN("")), 404);
    assert_int_equal(bench_code(b, METHOD_PATCH, location, SPAN("x")), 404);
    assert_int_equal(count_files(b, ""), 0);
}

static void test_unknown_upload(void **state)
{
    struct bench *b = *state;
    static const char *const ids[] = {
        "11111111-2222-4333-8444-555555555555", "x", "..", ".", "..%2F..%2Fx", "a=b"};
    for (size_t i = 0; i < array_len(ids); i++) {
        char target[256];
        (void)snprintf(target, sizeof(target), "/v2/app/blobs/uploads/%s", ids[i]);
        int got = bench_code(b, METHOD_PATCH, target, SPAN("x"));
        assert_true(got == 404 || got == 405);
    }
}

/* An upload belongs to its repository. */
static void test_other_repository(void **state)
{
    struct bench *b = *state;
    char location[512], other[600];
    begin(b, location);
    (void)snprintf(other, sizeof(other), "/v2/other%s", location + strlen("/v2/app"));
    assert_int_equal(bench_code(b, METHOD_PATCH, other, SPAN("x")), 404);
    assert_int_equal(bench_code(b, METHOD_GET, other, SPAN("")), 404);
}

static void test_mount(void **state)
{
    struct bench *b = *state;
    char target[512];
    struct span body = pattern_bytes(999, 6);
    struct digest_text d = push_blob(b, "source/one", body);
    (void)snprintf(target, sizeof(target), "/v2/app/blobs/uploads/?mount=%s&from=source%%2Fone",
                   d.s);
    struct answer a = bench_ask(b, METHOD_POST, target, SPAN(""));
    assert_int_equal(a.code, 201);
    assert_string_equal(answer_header(&a, "Docker-Content-Digest"), d.s);
    answer_fini(&a);
    assert_blob(b, d.s, body);
    (void)snprintf(target, sizeof(target), "/v2/third/blobs/uploads/?mount=%s&from=nowhere", d.s);
    assert_int_equal(bench_code(b, METHOD_POST, target, SPAN("")), 202);
    assert_int_equal(
        bench_code(b, METHOD_POST, "/v2/third/blobs/uploads/?mount=bad&from=source/one", SPAN("")),
        202);
    free((char *)body.p);
}

/* Without a repository to mount from, any will do. */
static void test_anonymous_mount(void **state)
{
    struct bench *b = *state;
    char target[512];
    struct digest_text d = push_blob(b, "source", SPAN("content"));
    (void)snprintf(target, sizeof(target), "/v2/app/blobs/uploads/?mount=%s", d.s);
    assert_int_equal(bench_code(b, METHOD_POST, target, SPAN("")), 201);
    assert_blob(b, d.s, SPAN("content"));
    d = digest_text_of(SPAN("nowhere"));
    (void)snprintf(target, sizeof(target), "/v2/app/blobs/uploads/?mount=%s", d.s);
    assert_int_equal(bench_code(b, METHOD_POST, target, SPAN("")), 202);
}

/* Announced or not, cut or not: what is finished as sha512 is stored and named so. */
static void test_sha512(void **state)
{
    struct bench *b = *state;
    static const char *const starts[] = {"", "?digest-algorithm=sha512",
                                         "?digest-algorithm=sha384"};
    struct span body = pattern_bytes(1000, 8);
    struct digest d = digest_of(DIGEST_SHA512, body);
    struct digest_text text = digest_print(&d);
    for (size_t i = 0; i < array_len(starts); i++) {
        char target[256], url[1024];
        (void)snprintf(target, sizeof(target), "/v2/app/blobs/uploads/%s", starts[i]);
        struct answer a = bench_ask(b, METHOD_POST, target, SPAN(""));
        assert_int_equal(a.code, 202);
        (void)snprintf(target, sizeof(target), "%s",
                       answer_header(&a, "Location") + strlen("http://reg.test"));
        answer_fini(&a);
        assert_int_equal(bench_code(b, METHOD_PATCH, target, span_head(body, 700)), 202);
        finish_url(target, text.s, url);
        a = bench_ask(b, METHOD_PUT, url, span_skip(body, 700));
        assert_int_equal(a.code, 201);
        assert_string_equal(answer_header(&a, "Docker-Content-Digest"), text.s);
        answer_fini(&a);
        assert_blob(b, text.s, body);
    }
    assert_int_equal(
        bench_code(b, METHOD_POST, "/v2/app/blobs/uploads/?digest-algorithm=md5", SPAN("")), 400);
    free((char *)body.p);
}

static void test_read_only(void **state)
{
    struct bench *b = *state;
    b->config.readonly = true;
    struct answer a = bench_ask(b, METHOD_POST, "/v2/app/blobs/uploads/", SPAN(""));
    assert_int_equal(a.code, 405);
    assert_non_null(strstr(a.body.p, "\"UNSUPPORTED\""));
    answer_fini(&a);
}

static void test_bad_names(void **state)
{
    struct bench *b = *state;
    static const char *const bad[] = {"UPPER", "-a", "a-", "a//b", "a/..", "_a", "a__b_", "a b"};
    for (size_t i = 0; i < array_len(bad); i++) {
        char target[256];
        (void)snprintf(target, sizeof(target), "/v2/%s/blobs/uploads/", bad[i]);
        for (char *p = target; *p; p++)
            *p = *p == ' ' ? '+' : *p;
        struct answer a = bench_ask(b, METHOD_POST, target, SPAN(""));
        assert_int_equal(a.code, 400);
        assert_non_null(strstr(a.body.p, "\"NAME_INVALID\""));
        answer_fini(&a);
    }
    assert_int_equal(count_files(b, ""), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW_TEST(test_patch_then_put),
        ROW_TEST(test_every_piece_size),
        ROW_TEST(test_every_cut),
        ROW_TEST(test_put_with_the_whole_body),
        ROW_TEST(test_single_post),
        ROW_TEST(test_post_with_digest_and_no_body),
        ROW_TEST(test_wrong_digest_leaves_nothing),
        ROW_TEST(test_bad_digests),
        ROW_TEST(test_out_of_order),
        ROW_TEST(test_cancel),
        ROW_TEST(test_unknown_upload),
        ROW_TEST(test_other_repository),
        ROW_TEST(test_mount),
        ROW_TEST(test_anonymous_mount),
        ROW_TEST(test_sha512),
        ROW_TEST(test_read_only),
        ROW_TEST(test_bad_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Manifests, tags and lists as rows: every outcome.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "test/row/harness.h"

static void assert_body(struct bench *b, const char *target, const char *want)
{
    struct answer a = bench_ask(b, METHOD_GET, target, SPAN(""));
    assert_int_equal(a.code, 200);
    assert_string_equal(a.body.p, want);
    answer_fini(&a);
}

static struct answer put(struct bench *b, const char *target, const char *type, struct span body)
{
    char header[256];
    (void)snprintf(header, sizeof(header), "Content-Type: %s\r\n", type);
    struct call c = {METHOD_PUT, target, header, body, 0, SIZE_MAX};
    return bench_call(b, &c);
}

/* An image of one layer; its text is the caller's to free. The config and the layer are
 * pushed if `repo` is not NULL. */
static char *image(struct bench *b, const char *repo, unsigned seed)
{
    char *text = NULL;
    struct span layer = pattern_bytes(1000, seed);
    struct digest l = digest_of(DIGEST_SHA256, layer);
    struct digest c = digest_of(DIGEST_SHA256, SPAN("{\"config\":1}"));
    if (repo) {
        (void)push_blob(b, repo, layer);
        (void)push_blob(b, repo, SPAN("{\"config\":1}"));
    }
    assert_true(
        asprintf(&text,
                 "{\"schemaVersion\":2,\"mediaType\":\"%s\",\"config\":{\"mediaType\":"
                 "\"application/vnd.oci.image.config.v1+json\",\"digest\":\"%s\",\"size\":12},"
                 "\"layers\":[{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\","
                 "\"digest\":\"%s\",\"size\":1000}],\n  \"custom\" : [1.50, \"\\u00e9\"]}",
                 OCI_MEDIA_MANIFEST, digest_print(&c).s, digest_print(&l).s) > 0);
    free((char *)layer.p);
    return text;
}

static struct digest_text push_image(struct bench *b, const char *repo, const char *tag,
                                     unsigned seed)
{
    char target[512];
    char *text = image(b, repo, seed);
    (void)snprintf(target, sizeof(target), "/v2/%s/manifests/%s", repo, tag);
    struct answer a = put(b, target, OCI_MEDIA_MANIFEST, span_of(text));
    assert_int_equal(a.code, 201);
    struct digest d = digest_of(DIGEST_SHA256, span_of(text));
    struct digest_text dt = digest_print(&d);
    assert_string_equal(answer_header(&a, "Docker-Content-Digest"), dt.s);
    answer_fini(&a);
    free(text);
    return dt;
}

/* Byte for byte, by tag and by digest, with the headers that clients read. */
static void test_put_and_get(void **state)
{
    struct bench *b = *state;
    char target[512], etag[256];
    struct digest_text d = push_image(b, "app", "v1", 1);
    char *text = image(b, NULL, 1);
    (void)snprintf(target, sizeof(target), "/v2/app/manifests/%s", d.s);
    (void)snprintf(etag, sizeof(etag), "\"%s\"", d.s);
    const char *targets[] = {"/v2/app/manifests/v1", target};
    for (size_t i = 0; i < 2; i++) {
        struct answer a = bench_ask(b, METHOD_GET, targets[i], SPAN(""));
        assert_int_equal(a.code, 200);
        assert_string_equal(a.body.p, text);
        assert_string_equal(answer_header(&a, "Content-Type"), OCI_MEDIA_MANIFEST);
        assert_string_equal(answer_header(&a, "Docker-Content-Digest"), d.s);
        assert_string_equal(answer_header(&a, "Etag"), etag);
        answer_fini(&a);
        a = bench_ask(b, METHOD_HEAD, targets[i], SPAN(""));
        assert_int_equal(a.code, 200);
        assert_int_equal(a.body.n, 0);
        answer_fini(&a);
    }
    free(text);
}

static void test_not_modified(void **state)
{
    struct bench *b = *state;
    static const char *const quotes[] = {"\"", ""};
    struct digest_text d = push_image(b, "app", "v1", 2);
    for (size_t i = 0; i < array_len(quotes); i++) {
        char header[256];
        (void)snprintf(header, sizeof(header), "If-None-Match: %s%s%s\r\n", quotes[i], d.s,
                       quotes[i]);
        struct call c = {METHOD_GET, "/v2/app/manifests/v1", header, SPAN(""), 0, SIZE_MAX};
        struct answer a = bench_call(b, &c);
        assert_int_equal(a.code, 304);
        assert_int_equal(a.body.n, 0);
        answer_fini(&a);
    }
}

static void test_missing_blobs_are_all_named(void **state)
{
    struct bench *b = *state;
    char *text = image(b, NULL, 3);
    struct answer a = put(b, "/v2/app/manifests/v1", OCI_MEDIA_MANIFEST, span_of(text));
    assert_int_equal(a.code, 400);
    char *first = strstr(a.body.p, "MANIFEST_BLOB_UNKNOWN");
    assert_non_null(first);
    assert_non_null(strstr(first + 1, "MANIFEST_BLOB_UNKNOWN"));
    answer_fini(&a);
    assert_int_equal(bench_code(b, METHOD_GET, "/v2/app/manifests/v1", SPAN("")), 404);
    /* In another repository they do not count either. */
    free(image(b, "other", 3));
    a = put(b, "/v2/app/manifests/v1", OCI_MEDIA_MANIFEST, span_of(text));
    assert_int_equal(a.code, 400);
    answer_fini(&a);
    free(text);
}

static void test_refused_bodies(void **state)
{
    struct bench *b = *state;
    static const struct {
        const char *type, *body;
    } bad[] = {
        {OCI_MEDIA_MANIFEST, ""},
        {OCI_MEDIA_MANIFEST, "not json"},
        {OCI_MEDIA_MANIFEST, "[]"},
        {OCI_MEDIA_MANIFEST, "{}"},
        {OCI_MEDIA_MANIFEST, "{\"schemaVersion\":1}"},
        {OCI_MEDIA_MANIFEST, "{\"schemaVersion\":2,\"layers\":[]}"},
        {OCI_MEDIA_INDEX, "{\"schemaVersion\":2,\"config\":{}}"},
        {OCI_MEDIA_DOCKER_MANIFEST, "{\"schemaVersion\":2}"},
        {"text/plain", "{\"schemaVersion\":2}"},
        {"", "{\"schemaVersion\":2}"},
    };
    for (size_t i = 0; i < array_len(bad); i++) {
        struct answer a = put(b, "/v2/app/manifests/v1", bad[i].type, span_of(bad[i].body));
        assert_int_equal(a.code, 400);
        answer_fini(&a);
    }
    assert_int_equal(count_files(b, ""), 0);
}

/* 4 MiB exactly is accepted, one more byte is not, however it comes. */
static void test_size_limit(void **state)
{
    struct bench *b = *state;
    static const char head[] = "{\"schemaVersion\":2,\"manifests\":[]";
    char *body = malloc(OCI_MANIFEST_MAX + 2);
    memset(body, ' ', OCI_MANIFEST_MAX + 2);
    memcpy(body, head, sizeof(head) - 1);
    body[OCI_MANIFEST_MAX - 1] = '}';
    struct answer a =
        put(b, "/v2/app/manifests/big", OCI_MEDIA_INDEX, span_from(body, OCI_MANIFEST_MAX));
    assert_int_equal(a.code, 201);
    answer_fini(&a);
    body[OCI_MANIFEST_MAX - 1] = ' ';
    body[OCI_MANIFEST_MAX] = '}';
    a = put(b, "/v2/app/manifests/big2", OCI_MEDIA_INDEX, span_from(body, OCI_MANIFEST_MAX + 1));
    assert_int_equal(a.code, 413);
    answer_fini(&a);
    free(body);
}

/* All but the tag is done, and nobody is told that more is: the client does it again. */
static void test_tag_that_cannot_be_written(void **state)
{
    struct bench *b = *state;
    char path[512], by_digest[256], with_tags[512];
    char *text = image(b, "app", 7);
    struct digest d = digest_of(DIGEST_SHA256, span_of(text));
    (void)push_image(b, "app", "first", 8);
    (void)snprintf(by_digest, sizeof(by_digest), "/v2/app/manifests/%s", digest_print(&d).s);
    (void)snprintf(path, sizeof(path),
                   "%s/docker/registry/v2/repositories/app/_manifests/tags/second", b->root);
    FILE *in_the_way = fopen(path, "w");
    assert_non_null(in_the_way);
    (void)fclose(in_the_way);
    (void)snprintf(with_tags, sizeof(with_tags), "%s?tag=third&tag=second", by_digest);
    struct answer a = put(b, with_tags, OCI_MEDIA_MANIFEST, span_of(text));
    assert_int_equal(a.code, 500);
    assert_string_equal(a.body.p,
                        "{\"errors\":[{\"code\":\"UNKNOWN\",\"message\":\"unknown error\"}]}\n");
    assert_null(answer_header(&a, "Location"));
    answer_fini(&a);
    assert_body(b, by_digest, text);
    assert_body(b, "/v2/app/manifests/third", text);
    assert_int_equal(bench_code(b, METHOD_GET, "/v2/app/manifests/second", SPAN("")), 404);
    assert_body(b, "/v2/app/tags/list", "{\"name\":\"app\",\"tags\":[\"first\",\"third\"]}\n");
    assert_int_equal(remove(path), 0);
    a = put(b, with_tags, OCI_MEDIA_MANIFEST, span_of(text));
    assert_int_equal(a.code, 201);
    answer_fini(&a);
    assert_body(b, "/v2/app/manifests/second", text);
    free(text);
}

static void test_put_by_digest(void **state)
{
    struct bench *b = *state;
    char target[512];
    static const char body[] = "{\"schemaVersion\":2,\"manifests\":[]}";
    struct digest d = digest_of(DIGEST_SHA256, span_of(body));
    (void)snprintf(target, sizeof(target), "/v2/app/manifests/%s", digest_print(&d).s);
    struct answer a = put(b, target, OCI_MEDIA_INDEX, span_of(body));
    assert_int_equal(a.code, 201);
    answer_fini(&a);
    assert_body(b, target, body);
    assert_body(b, "/v2/app/tags/list", "{\"name\":\"app\",\"tags\":[]}\n");
    a = put(b, target, OCI_MEDIA_INDEX, SPAN("{\"schemaVersion\":2,\"manifests\":[] }"));
    assert_int_equal(a.code, 400);
    assert_non_null(strstr(a.body.p, "DIGEST_INVALID"));
    answer_fini(&a);
}

/* The body cut at every size: no manifest, no tag, no file. */
static void test_every_cut(void **state)
{
    struct bench *b = *state;
    static const char body[] = "{\"schemaVersion\":2,\"manifests\":[]}";
    for (size_t cut = 0; cut < sizeof(body) - 1; cut++) {
        struct call c = {METHOD_PUT,
                         "/v2/app/manifests/v1",
                         "Content-Type: " OCI_MEDIA_INDEX "\r\n",
                         SPAN("{\"schemaVersion\":2,\"manifests\":[]}"),
                         5,
                         cut};
        struct answer a = bench_call(b, &c);
        assert_int_equal(a.code, 0);
        answer_fini(&a);
    }
    assert_int_equal(count_files(b, ""), 0);
}

static void test_delete_a_tag(void **state)
{
    struct bench *b = *state;
    struct digest_text d = push_image(b, "app", "v1", 4);
    (void)push_image(b, "app", "v2", 4);
    assert_int_equal(bench_code(b, METHOD_DELETE, "/v2/app/manifests/v1", SPAN("")), 202);
    assert_int_equal(bench_code(b, METHOD_DELETE, "/v2/app/manifests/v1", SPAN("")), 404);
    assert_int_equal(bench_code(b, METHOD_GET, "/v2/app/manifests/v1", SPAN("")), 404);
    assert_int_equal(bench_code(b, METHOD_GET, "/v2/app/manifests/v2", SPAN("")), 200);
    char target[512];
    (void)snprintf(target, sizeof(target), "/v2/app/manifests/%s", d.s);
    assert_int_equal(bench_code(b, METHOD_GET, target, SPAN("")), 200);
}

static void test_delete_a_manifest(void **state)
{
    struct bench *b = *state;
    char target[512];
    struct digest_text d = push_image(b, "app", "v1", 5);
    (void)push_image(b, "app", "v2", 5);
    (void)push_image(b, "app", "other", 6);
    (void)snprintf(target, sizeof(target), "/v2/app/manifests/%s", d.s);
    assert_int_equal(bench_code(b, METHOD_DELETE, target, SPAN("")), 202);
    assert_int_equal(bench_code(b, METHOD_DELETE, target, SPAN("")), 404);
    assert_int_equal(bench_code(b, METHOD_GET, target, SPAN("")), 404);
    assert_body(b, "/v2/app/tags/list", "{\"name\":\"app\",\"tags\":[\"other\"]}\n");
    assert_int_equal(bench_code(b, METHOD_DELETE, "/v2/app/manifests/other", SPAN("")), 202);
}

static void test_delete_switched_off(void **state)
{
    struct bench *b = *state;
    (void)push_image(b, "app", "v1", 7);
    b->config.delete_enabled = false;
    assert_int_equal(bench_code(b, METHOD_DELETE, "/v2/app/manifests/v1", SPAN("")), 405);
    assert_int_equal(bench_code(b, METHOD_DELETE, "/v2/app/manifests/none", SPAN("")), 405);
    assert_int_equal(bench_code(b, METHOD_GET, "/v2/app/manifests/v1", SPAN("")), 200);
}

static void test_unknown(void **state)
{
    struct bench *b = *state;
    (void)push_image(b, "app", "v1", 8);
    static const char *const gone[] = {
        "/v2/app/manifests/none", "/v2/none/manifests/v1", "/v2/app/manifests/-x",
        ("/v2/app/manifests/sha256:"
         "0000000000000000000000000000000000000000000000000000000000000000")};
    for (size_t i = 0; i < array_len(gone); i++) {
        struct answer a = bench_ask(b, METHOD_GET, gone[i], SPAN(""));
        assert_int_equal(a.code, 404);
        assert_non_null(strstr(a.body.p, "\"MANIFEST_UNKNOWN\""));
        answer_fini(&a);
    }
    assert_int_equal(bench_code(b, METHOD_GET, "/v2/app/manifests/sha256:abc", SPAN("")), 400);
    assert_int_equal(bench_code(b, METHOD_GET, "/v2/none/tags/list", SPAN("")), 404);
}

/* ---- Lists. ----------------------------------------------------------------------------- */

static void test_tags_in_pages(void **state)
{
    struct bench *b = *state;
    static const char *const tags[] = {"b", "a", "B", "0", "_x", "a-b", "a.b"};
    for (size_t i = 0; i < array_len(tags); i++)
        (void)push_image(b, "app", tags[i], 9);
    assert_body(b, "/v2/app/tags/list",
                "{\"name\":\"app\",\"tags\":[\"0\",\"B\",\"_x\",\"a\",\"a-b\",\"a.b\",\"b\"]}\n");
    struct answer a = bench_ask(b, METHOD_GET, "/v2/app/tags/list?n=3", SPAN(""));
    assert_string_equal(a.body.p, "{\"name\":\"app\",\"tags\":[\"0\",\"B\",\"_x\"]}\n");
    assert_string_equal(answer_header(&a, "Link"), "</v2/app/tags/list?last=_x&n=3>; rel=\"next\"");
    answer_fini(&a);
    a = bench_ask(b, METHOD_GET, "/v2/app/tags/list?last=_x&n=4", SPAN(""));
    assert_string_equal(a.body.p, "{\"name\":\"app\",\"tags\":[\"a\",\"a-b\",\"a.b\",\"b\"]}\n");
    assert_null(answer_header(&a, "Link"));
    answer_fini(&a);
    assert_body(b, "/v2/app/tags/list?n=0", "{\"name\":\"app\",\"tags\":[]}\n");
    assert_body(b, "/v2/app/tags/list?last=a-a&n=1", "{\"name\":\"app\",\"tags\":[\"a-b\"]}\n");
    assert_body(b, "/v2/app/tags/list?last=zzz", "{\"name\":\"app\",\"tags\":[]}\n");
    assert_int_equal(bench_code(b, METHOD_GET, "/v2/app/tags/list?n=-1", SPAN("")), 400);
    assert_int_equal(bench_code(b, METHOD_GET, "/v2/app/tags/list?n=x", SPAN("")), 400);
}

static void test_catalog_in_pages(void **state)
{
    struct bench *b = *state;
    static const char *const repos[] = {"a", "a/x", "a-b", "a/0x", "z/y/x", "blobs/tags"};
    assert_body(b, "/v2/_catalog", "{\"repositories\":[]}\n");
    for (size_t i = 0; i < array_len(repos); i++)
        (void)push_image(b, repos[i], "v1", 10);
    assert_body(b, "/v2/_catalog",
                "{\"repositories\":[\"a\",\"a-b\",\"a/0x\",\"a/x\",\"blobs/tags\",\"z/y/x\"]}\n");
    struct answer a = bench_ask(b, METHOD_GET, "/v2/_catalog?n=3", SPAN(""));
    assert_string_equal(answer_header(&a, "Link"), "</v2/_catalog?last=a%2F0x&n=3>; rel=\"next\"");
    answer_fini(&a);
    assert_body(b, "/v2/_catalog?last=a%2F0x&n=3",
                "{\"repositories\":[\"a/x\",\"blobs/tags\",\"z/y/x\"]}\n");
    assert_int_equal(bench_code(b, METHOD_GET, "/v2/_catalog?n=1001", SPAN("")), 400);
    assert_body(b, "/v2/blobs/tags/tags/list", "{\"name\":\"blobs/tags\",\"tags\":[\"v1\"]}\n");
}

/* With its last manifest a repository goes. */
static void test_repository_ends(void **state)
{
    struct bench *b = *state;
    char target[512];
    struct digest_text d = push_image(b, "app", "v1", 11);
    (void)snprintf(target, sizeof(target), "/v2/app/manifests/%s", d.s);
    assert_body(b, "/v2/_catalog", "{\"repositories\":[\"app\"]}\n");
    assert_int_equal(bench_code(b, METHOD_DELETE, target, SPAN("")), 202);
    assert_body(b, "/v2/_catalog", "{\"repositories\":[]}\n");
    assert_int_equal(bench_code(b, METHOD_GET, "/v2/app/tags/list", SPAN("")), 404);
}

/* ---- Blobs, base and routing. ----------------------------------------------------------- */

static void test_ranges(void **state)
{
    struct bench *b = *state;
    static const struct {
        const char *range;
        int code;
        const char *content_range;
        size_t from, n;
    } cases[] = {
        {"bytes=0-0", 206, "bytes 0-0/1000", 0, 1},
        {"bytes=10-19", 206, "bytes 10-19/1000", 10, 10},
        {"bytes=990-2000", 206, "bytes 990-999/1000", 990, 10},
        {"bytes=-10", 206, "bytes 990-999/1000", 990, 10},
        {"bytes=500-", 206, "bytes 500-999/1000", 500, 500},
        {"bytes=0-1,3-4", 200, NULL, 0, 1000},
        {"items=0-1", 200, NULL, 0, 1000},
        {"bytes=1000-", 416, "bytes */1000", 0, 0},
    };
    char target[512];
    struct span body = pattern_bytes(1000, 12);
    struct digest_text d = push_blob(b, "app", body);
    (void)snprintf(target, sizeof(target), "/v2/app/blobs/%s", d.s);
    for (size_t i = 0; i < array_len(cases); i++) {
        char header[128];
        (void)snprintf(header, sizeof(header), "Range: %s\r\n", cases[i].range);
        struct call c = {METHOD_GET, target, header, SPAN(""), 0, SIZE_MAX};
        struct answer a = bench_call(b, &c);
        assert_int_equal(a.code, cases[i].code);
        if (cases[i].content_range)
            assert_string_equal(answer_header(&a, "Content-Range"), cases[i].content_range);
        if (cases[i].n > 0) {
            assert_int_equal(a.body.n, cases[i].n);
            assert_memory_equal(a.body.p, body.p + cases[i].from, cases[i].n);
        }
        answer_fini(&a);
    }
    free((char *)body.p);
}

static void test_conditions(void **state)
{
    struct bench *b = *state;
    struct digest_text d = push_blob(b, "app", SPAN("content"));
    static const struct {
        const char *before, *after;
        int code;
    } cases[] = {
        {"If-None-Match: \"", "\"", 304},
        {"If-None-Match: \"x\", \"", "\"", 304},
        {"If-None-Match: *;", "", 200},
        {"If-Match: \"", "\"", 200},
        {"If-Match: \"x", "\"", 412},
        {"If-Match: W/\"", "\"", 412},
        {"If-None-Match: W/\"", "\"", 304},
        {"If-None-Match: \"x\"\r\nIf-None-Match: \"", "\"", 304},
        {"Range: bytes=1-2\r\nIf-Range: W/\"", "\"", 200},
        {"Range: bytes=1-2\r\nIf-Range: \"", "\"", 206},
        {"Range: bytes=1-2\r\nIf-Range: \"x", "\"", 200},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        char target[512], headers[512];
        (void)snprintf(target, sizeof(target), "/v2/app/blobs/%s", d.s);
        (void)snprintf(headers, sizeof(headers), "%s%s%s\r\n", cases[i].before, d.s,
                       cases[i].after);
        struct call c = {METHOD_GET, target, headers, SPAN(""), 0, SIZE_MAX};
        struct answer a = bench_call(b, &c);
        assert_int_equal(a.code, cases[i].code);
        answer_fini(&a);
    }
}

static void test_blob_delete(void **state)
{
    struct bench *b = *state;
    char target[512];
    struct digest_text d = push_blob(b, "app", SPAN("content"));
    (void)snprintf(target, sizeof(target), "/v2/app/blobs/%s", d.s);
    assert_int_equal(bench_code(b, METHOD_HEAD, target, SPAN("")), 200);
    assert_int_equal(bench_code(b, METHOD_DELETE, target, SPAN("")), 202);
    assert_int_equal(bench_code(b, METHOD_HEAD, target, SPAN("")), 404);
    assert_int_equal(bench_code(b, METHOD_DELETE, target, SPAN("")), 404);
}

/* A blob is seen through the repositories that link it, and no other. */
static void test_blob_of_another_repository(void **state)
{
    struct bench *b = *state;
    char target[512];
    struct digest_text d = push_blob(b, "secret", SPAN("content"));
    (void)snprintf(target, sizeof(target), "/v2/app/blobs/%s", d.s);
    assert_int_equal(bench_code(b, METHOD_GET, target, SPAN("")), 404);
}

static void test_routes(void **state)
{
    struct bench *b = *state;
    assert_body(b, "/v2/", "{}");
    assert_body(b, "/v2", "{}");
    assert_int_equal(bench_code(b, METHOD_GET, "/", SPAN("")), 200);
    assert_int_equal(bench_code(b, METHOD_GET, "/v1/_ping", SPAN("")), 404);
    assert_int_equal(bench_code(b, METHOD_GET, "/v2/app", SPAN("")), 404);
    assert_int_equal(bench_code(b, METHOD_GET, "/v2//tags/list", SPAN("")), 404);
    assert_int_equal(bench_code(b, METHOD_GET, "/v2/%zz/tags/list", SPAN("")), 400);
    assert_int_equal(bench_code(b, METHOD_GET, "/v2/a%00b/tags/list", SPAN("")), 400);
    assert_int_equal(bench_code(b, METHOD_GET, "/v2/../../etc/tags/list", SPAN("")), 400);
    struct answer a = bench_ask(b, METHOD_PATCH, "/v2/app/manifests/v1", SPAN(""));
    assert_int_equal(a.code, 405);
    assert_string_equal(answer_header(&a, "Allow"), "DELETE, GET, HEAD, PUT");
    answer_fini(&a);
}

/* http.prefix moves everything but the bare root, in paths and in what the answers point to. */
static void test_prefix(void **state)
{
    struct bench *b = *state;
    b->config.http_prefix = "/reg/istry/";
    assert_body(b, "/reg/istry/v2/", "{}");
    assert_int_equal(bench_code(b, METHOD_GET, "/", SPAN("")), 200);
    assert_int_equal(bench_code(b, METHOD_GET, "/v2/", SPAN("")), 404);
    assert_int_equal(bench_code(b, METHOD_GET, "/reg/istry/", SPAN("")), 404);
    struct answer a = put(b, "/reg/istry/v2/app/manifests/v1", OCI_MEDIA_INDEX,
                          SPAN("{\"schemaVersion\":2,\"manifests\":[]}"));
    assert_int_equal(a.code, 201);
    assert_int_equal(
        strncmp(answer_header(&a, "Location"), "http://reg.test/reg/istry/v2/app/manifests/", 43),
        0);
    answer_fini(&a);
    a = put(b, "/reg/istry/v2/app/manifests/v2", OCI_MEDIA_INDEX,
            SPAN("{\"schemaVersion\":2,\"manifests\":[]}"));
    answer_fini(&a);
    a = bench_ask(b, METHOD_GET, "/reg/istry/v2/app/tags/list?n=1", SPAN(""));
    assert_string_equal(answer_header(&a, "Link"),
                        "</reg/istry/v2/app/tags/list?last=v1&n=1>; rel=\"next\"");
    answer_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW_TEST(test_put_and_get),
        ROW_TEST(test_not_modified),
        ROW_TEST(test_missing_blobs_are_all_named),
        ROW_TEST(test_refused_bodies),
        ROW_TEST(test_size_limit),
        ROW_TEST(test_put_by_digest),
        ROW_TEST(test_tag_that_cannot_be_written),
        ROW_TEST(test_every_cut),
        ROW_TEST(test_delete_a_tag),
        ROW_TEST(test_delete_a_manifest),
        ROW_TEST(test_delete_switched_off),
        ROW_TEST(test_unknown),
        ROW_TEST(test_tags_in_pages),
        ROW_TEST(test_catalog_in_pages),
        ROW_TEST(test_repository_ends),
        ROW_TEST(test_ranges),
        ROW_TEST(test_conditions),
        ROW_TEST(test_blob_delete),
        ROW_TEST(test_blob_of_another_repository),
        ROW_TEST(test_routes),
        ROW_TEST(test_prefix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

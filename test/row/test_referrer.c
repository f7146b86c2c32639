/* SPDX-License-Identifier: Apache-2.0
 *
 * Referrers, and what a manifest's PUT says of its subject and its tags.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "test/row/harness.h"

#define INDEX_HEAD "{\"schemaVersion\":2,\"mediaType\":\"" OCI_MEDIA_INDEX "\",\"manifests\":["

static struct digest_text digest_text_of(struct span bytes)
{
    struct digest d = digest_of(DIGEST_SHA256, bytes);
    return digest_print(&d);
}

/* PUT by digest, with a query. */
static struct answer put(struct bench *b, const char *type, struct span body, const char *query)
{
    char target[512], header[128];
    (void)snprintf(target, sizeof(target), "/v2/app/manifests/%s%s", digest_text_of(body).s, query);
    (void)snprintf(header, sizeof(header), "Content-Type: %s\r\n", type);
    struct call c = {METHOD_PUT, target, header, body, 0, SIZE_MAX};
    return bench_call(b, &c);
}

static void assert_referrers(struct bench *b, const char *repo, const char *subject,
                             const char *query, const char *want)
{
    char target[512];
    (void)snprintf(target, sizeof(target), "/v2/%s/referrers/%s%s", repo, subject, query);
    struct call c = {.method = METHOD_GET, .target = target, .gone = SIZE_MAX};
    struct answer a = bench_call(b, &c);
    assert_int_equal(a.code, 200);
    assert_string_equal(answer_header(&a, "Content-Type"), OCI_MEDIA_INDEX);
    assert_string_equal(a.body.p, want);
    const char *filters = answer_header(&a, "OCI-Filters-Applied");
    assert_int_equal(filters != NULL, query[0] == '?');
    answer_fini(&a);
}

static const char subject[] =
    "sha256:1111111111111111111111111111111111111111111111111111111111111111";

static void test_none(void **state)
{
    assert_referrers(*state, "nowhere", subject, "", INDEX_HEAD "]}\n");
    assert_referrers(*state, "nowhere", subject, "?artifactType=x", INDEX_HEAD "]}\n");
}

static void test_bad_digest(void **state)
{
    struct call c = {
        .method = METHOD_GET, .target = "/v2/app/referrers/sha256:11", .gone = SIZE_MAX};
    struct answer a = bench_call(*state, &c);
    assert_int_equal(a.code, 400);
    answer_fini(&a);
}

/* An index with its own type and annotations, an index without a type, an image whose type is its
 * config's: the subject itself is not there, and need not be. */
static void test_descriptors(void **state)
{
    struct bench *b = *state;
    char text[3][1024], want[4096];
    struct digest_text config = push_blob(b, "app", SPAN("{}"));
    (void)snprintf(text[0], sizeof(text[0]),
                   "{\"schemaVersion\":2,\"artifactType\":\"a/type\",\"manifests\":[],"
                   "\"subject\":{\"digest\":\"%s\",\"size\":3},\"annotations\":{\"k\":\"v \\\"\"}}",
                   subject);
    (void)snprintf(text[1], sizeof(text[1]),
                   "{\"schemaVersion\":2,\"manifests\":[],\"subject\":{\"digest\":\"%s\"}}",
                   subject);
    (void)snprintf(text[2], sizeof(text[2]),
                   "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"c/type\",\"digest\":\"%s\","
                   "\"size\":2},\"layers\":[],\"subject\":{\"digest\":\"%s\",\"size\":3}}",
                   config.s, subject);
    const char *extra[] = {",\"artifactType\":\"a/type\",\"annotations\":{\"k\":\"v \\\"\"}", "",
                           ",\"artifactType\":\"c/type\""};
    char descriptors[3][1024];
    for (int i = 0; i < 3; i++) {
        const char *type = i == 2 ? OCI_MEDIA_MANIFEST : OCI_MEDIA_INDEX;
        struct answer a = put(b, type, span_of(text[i]), "");
        assert_int_equal(a.code, 201);
        assert_string_equal(answer_header(&a, "OCI-Subject"), subject);
        answer_fini(&a);
        (void)snprintf(descriptors[i], sizeof(descriptors[i]),
                       "{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu%s}", type,
                       digest_text_of(span_of(text[i])).s, strlen(text[i]), extra[i]);
    }
    struct answer a = put(b, OCI_MEDIA_INDEX, SPAN("{\"schemaVersion\":2,\"manifests\":[]}"), "");
    assert_null(answer_header(&a, "OCI-Subject"));
    answer_fini(&a);
    (void)snprintf(want, sizeof(want), INDEX_HEAD "%s]}\n", descriptors[2]);
    assert_referrers(b, "app", subject, "?artifactType=c%2Ftype", want);
    assert_referrers(b, "app", subject, "?artifactType=none", INDEX_HEAD "]}\n");
    (void)snprintf(want, sizeof(want), "/v2/app/referrers/%s", subject);
    struct call c = {.method = METHOD_GET, .target = want, .gone = SIZE_MAX};
    a = bench_call(b, &c);
    for (int i = 0; i < 3; i++)
        assert_non_null(strstr(a.body.p, descriptors[i]));
    answer_fini(&a);
}

/* A referrer that is deleted is no longer listed. */
static void test_deleted(void **state)
{
    struct bench *b = *state;
    char text[512], target[512];
    (void)snprintf(text, sizeof(text),
                   "{\"schemaVersion\":2,\"manifests\":[],\"subject\":{\"digest\":\"%s\"}}",
                   subject);
    struct answer a = put(b, OCI_MEDIA_INDEX, span_of(text), "");
    answer_fini(&a);
    (void)snprintf(target, sizeof(target), "/v2/app/manifests/%s", digest_text_of(span_of(text)).s);
    struct call c = {.method = METHOD_DELETE, .target = target, .gone = SIZE_MAX};
    a = bench_call(b, &c);
    assert_int_equal(a.code, 202);
    answer_fini(&a);
    assert_referrers(b, "app", subject, "", INDEX_HEAD "]}\n");
}

/* Tags beside a digest: each is made, and named in the answer. */
static void test_tags_in_the_query(void **state)
{
    struct bench *b = *state;
    struct span body = SPAN("{\"schemaVersion\":2,\"manifests\":[]}");
    struct answer a = put(b, OCI_MEDIA_INDEX, body, "?tag=1.2.3&tag=1.2&x=y&tag=latest");
    assert_int_equal(a.code, 201);
    assert_non_null(strstr(a.headers.p, "OCI-Tag: 1.2.3\r\nOCI-Tag: 1.2\r\nOCI-Tag: latest\r\n"));
    answer_fini(&a);
    struct call list = {.method = METHOD_GET, .target = "/v2/app/tags/list", .gone = SIZE_MAX};
    a = bench_call(b, &list);
    assert_string_equal(a.body.p, "{\"name\":\"app\",\"tags\":[\"1.2\",\"1.2.3\",\"latest\"]}\n");
    answer_fini(&a);
    a = put(b, OCI_MEDIA_INDEX, body, "?tag=ok&tag=-bad");
    assert_int_equal(a.code, 400);
    answer_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW_TEST(test_none),    ROW_TEST(test_bad_digest),        ROW_TEST(test_descriptors),
        ROW_TEST(test_deleted), ROW_TEST(test_tags_in_the_query),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

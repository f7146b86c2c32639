/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows from many threads at once, on the same few tags and manifests: never an error that is the
 * server's, never a tag without its manifest.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "test/row/harness.h"

enum { WORKERS = 8, ROUNDS = 80, TAGS = 2, MANIFESTS = 2 };

static const char *const bodies[MANIFESTS] = {
    "{\"schemaVersion\":2,\"manifests\":[]}",
    "{\"schemaVersion\":2,\"manifests\":[],\"annotations\":{\"other\":\"one\"}}",
};

struct worker {
    struct bench *bench;
    unsigned seed;
    int worst; /* the highest code seen */
};

static struct call make_call(unsigned *seed, char target[256])
{
    unsigned r = (unsigned)rand_r(seed);
    const char *body = bodies[r / 8 % MANIFESTS];
    struct digest d = digest_of(DIGEST_SHA256, span_of(body));
    struct call c = {.target = target, .gone = SIZE_MAX};
    (void)snprintf(target, 256, "/v2/app/manifests/v%u", r / 64 % TAGS);
    switch (r % 8) {
    case 0:
    case 1:
    case 2:
        c.method = METHOD_PUT;
        c.headers = "Content-Type: " OCI_MEDIA_INDEX "\r\n";
        c.body = span_of(body);
        break;
    case 3:
        c.method = METHOD_DELETE;
        break;
    case 4:
    case 5:
        c.method = METHOD_DELETE;
        (void)snprintf(target, 256, "/v2/app/manifests/%s", digest_print(&d).s);
        break;
    case 6:
        c.method = METHOD_GET;
        (void)snprintf(target, 256, "/v2/app/tags/list");
        break;
    default:
        c.method = METHOD_GET;
        break;
    }
    return c;
}

static void *work(void *ctx)
{
    struct worker *w = ctx;
    for (int i = 0; i < ROUNDS; i++) {
        char target[256];
        struct call c = make_call(&w->seed, target);
        struct answer a = bench_call(w->bench, &c);
        w->worst = a.code > w->worst ? a.code : w->worst;
        answer_fini(&a);
    }
    return NULL;
}

/* Every tag that is listed has its manifest. */
static void assert_whole(struct bench *b)
{
    struct answer list = bench_ask(b, METHOD_GET, "/v2/app/tags/list", SPAN(""));
    for (int i = 0; i < TAGS; i++) {
        char target[64], entry[16];
        (void)snprintf(entry, sizeof(entry), "\"v%d\"", i);
        (void)snprintf(target, sizeof(target), "/v2/app/manifests/v%d", i);
        int want = list.code == 200 && strstr(list.body.p, entry) ? 200 : 404;
        assert_int_equal(bench_code(b, METHOD_GET, target, SPAN("")), want);
    }
    answer_fini(&list);
}

static void test_tags_and_manifests(void **state)
{
    for (unsigned round = 0; round < 5; round++) {
        pthread_t threads[WORKERS];
        struct worker workers[WORKERS];
        for (unsigned i = 0; i < WORKERS; i++) {
            workers[i] = (struct worker){*state, 1 + round * WORKERS + i, 0};
            assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
        }
        for (int i = 0; i < WORKERS; i++) {
            (void)pthread_join(threads[i], NULL);
            assert_in_range(workers[i].worst, 200, 404);
        }
        assert_whole(*state);
    }
}

/* ---- The same blob from all sides. ------------------------------------------------------------
 */

static void *push_same(void *ctx)
{
    struct worker *w = ctx;
    struct span body = pattern_bytes(50000, 77);
    struct digest_text d = push_blob(w->bench, "app", body);
    char target[256];
    (void)snprintf(target, sizeof(target), "/v2/app/blobs/%s", d.s);
    struct answer a = bench_ask(w->bench, METHOD_GET, target, SPAN(""));
    w->worst = a.code == 200 && span_eq(buf_span(&a.body), body) ? 200 : 999;
    answer_fini(&a);
    free((char *)body.p);
    return NULL;
}

static void test_same_blob(void **state)
{
    pthread_t threads[WORKERS];
    struct worker workers[WORKERS];
    for (int i = 0; i < WORKERS; i++) {
        workers[i] = (struct worker){*state, 0, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, push_same, &workers[i]), 0);
    }
    for (int i = 0; i < WORKERS; i++) {
        (void)pthread_join(threads[i], NULL);
        assert_int_equal(workers[i].worst, 200);
    }
    assert_int_equal(count_files(*state, "data"), 1);
}

/* ---- Lists while others come and go. ----------------------------------------------------------
 */

enum { STEADY = 60, PAGES = 40 };

static void put_tag(struct bench *b, const char *tag, int want)
{
    char target[128];
    (void)snprintf(target, sizeof(target), "/v2/app/manifests/%s", tag);
    struct call c = {METHOD_PUT,         target, "Content-Type: " OCI_MEDIA_INDEX "\r\n",
                     span_of(bodies[0]), 0,      SIZE_MAX};
    struct answer a = bench_call(b, &c);
    assert_int_equal(a.code, want);
    answer_fini(&a);
}

static void *come_and_go(void *ctx)
{
    struct worker *w = ctx;
    for (int i = 0; i < ROUNDS; i++) {
        char tag[32], target[64];
        (void)snprintf(tag, sizeof(tag), "passing-%d-%u", i % 7, w->seed);
        (void)snprintf(target, sizeof(target), "/v2/app/manifests/%s", tag);
        put_tag(w->bench, tag, 201);
        w->worst = bench_code(w->bench, METHOD_DELETE, target, SPAN(""));
    }
    return NULL;
}

/* Walks the whole list, seven at a time; how many of the steady tags it saw, in order. */
static unsigned walk_pages(struct bench *b)
{
    char target[128] = "/v2/app/tags/list?n=7";
    unsigned seen = 0;
    for (bool more = true; more;) {
        struct answer a = bench_ask(b, METHOD_GET, target, SPAN(""));
        assert_int_equal(a.code, 200);
        for (char *at = a.body.p; (at = strstr(at, "\"steady-")); at++)
            seen += (unsigned)atoi(at + strlen("\"steady-")) == seen;
        const char *link = answer_header(&a, "Link");
        more = link != NULL;
        if (more)
            (void)snprintf(target, sizeof(target), "%.*s", (int)strcspn(link + 1, ">"), link + 1);
        answer_fini(&a);
    }
    return seen;
}

static void test_lists_have_no_gaps(void **state)
{
    pthread_t threads[2];
    struct worker workers[2];
    for (int i = 0; i < STEADY; i++) {
        char tag[32];
        (void)snprintf(tag, sizeof(tag), "steady-%03d", i);
        put_tag(*state, tag, 201);
    }
    for (unsigned i = 0; i < 2; i++) {
        workers[i] = (struct worker){*state, i, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, &workers[i]), 0);
    }
    for (int i = 0; i < PAGES; i++)
        assert_int_equal(walk_pages(*state), STEADY);
    for (int i = 0; i < 2; i++) {
        (void)pthread_join(threads[i], NULL);
        assert_int_equal(workers[i].worst, 202);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {ROW_TEST(test_tags_and_manifests), ROW_TEST(test_same_blob),
                                       ROW_TEST(test_lists_have_no_gaps)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * event: the text, byte by byte but for what is different each time. What Debian's docker-registry
 * sends has the same shape.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/event.h"

struct scene {
    struct arena arena;
    struct events events;
    struct op op;
    struct digest digest;
    struct name repo;
};

static int setup(void **state)
{
    struct scene *s = calloc(1, sizeof(*s));
    arena_init(&s->arena);
    s->events = (struct events){
        .source = "here:5000",
        .instance = "i",
        .request = "r",
        .addr = SPAN("192.0.2.1:7"),
        .host = SPAN("reg.test"),
        .method = SPAN("PUT"),
        .agent = SPAN("a \"b\"\\\n"),
    };
    s->op = (struct op){.arena = &s->arena, .events = &s->events, .base = SPAN("https://reg.test")};
    s->digest = digest_of(DIGEST_SHA256, SPAN(""));
    s->repo = (struct name){SPAN("a/b")};
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct scene *s = *state;
    arena_fini(&s->arena);
    free(s);
    return 0;
}

/* Copies it without the values of "id" and "timestamp" of the event itself. */
static char *steady(struct scene *s, struct span json)
{
    char *text = arena_str(&s->arena, json);
    static const char *const keys[] = {"         \"id\": \"", "\"timestamp\": \""};
    for (size_t i = 0; i < array_len(keys); i++) {
        char *from = strstr(text, keys[i]);
        assert_non_null(from);
        from += strlen(keys[i]);
        char *to = strchr(from, '"');
        assert_true(to > from);
        memmove(from, to, strlen(to) + 1);
    }
    return text;
}

#define SHA "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define HEAD(action)                                                                               \
    "{\n   \"events\": [\n      {\n         \"id\": \"\",\n         \"timestamp\": \"\",\n"        \
    "         \"action\": \"" action "\",\n         \"target\": {\n"
#define TAIL(actor)                                                                                \
    "         },\n         \"request\": {\n            \"id\": \"r\",\n"                           \
    "            \"addr\": \"192.0.2.1:7\",\n            \"host\": \"reg.test\",\n"                \
    "            \"method\": \"PUT\",\n            \"useragent\": \"a \\\"b\\\"\\\\\\n\"\n"        \
    "         },\n         \"actor\": {" actor "},\n"                                              \
    "         \"source\": {\n            \"addr\": \"here:5000\",\n"                               \
    "            \"instanceID\": \"i\"\n         }\n      }\n   ]\n}"

static void test_a_blob(void **state)
{
    struct scene *s = *state;
    struct name from = {SPAN("c")};
    s->events.claimed = SPAN("eve");
    s->op.user = SPAN("maria");
    event_tell(&s->op, &(struct event){
                           .action = EVENT_MOUNT,
                           .repo = s->repo,
                           .digest = &s->digest,
                           .media_type = EVENT_BLOB_TYPE,
                           .size = 5,
                           .from = &from,
                       });
    assert_ptr_equal(s->events.first, s->events.last);
    assert_int_equal(s->events.first->action, EVENT_MOUNT);
    assert_string_equal(s->events.first->media_type, EVENT_BLOB_TYPE);
    assert_string_equal(
        steady(s, s->events.first->json),
        HEAD("mount") "            \"mediaType\": \"application/octet-stream\",\n"
                      "            \"size\": 5,\n            \"digest\": \"" SHA "\",\n"
                      "            \"length\": 5,\n            \"repository\": \"a/b\",\n"
                      "            \"fromRepository\": \"c\",\n"
                      "            \"url\": \"https://reg.test/v2/a/b/blobs/" SHA
                      "\"\n" TAIL("\n            \"name\": \"maria\"\n         "));
}

static void test_a_deletion(void **state)
{
    struct scene *s = *state;
    event_tell(&s->op,
               &(struct event){.action = EVENT_DELETE, .repo = s->repo, .digest = &s->digest});
    event_tell(&s->op,
               &(struct event){.action = EVENT_DELETE, .repo = s->repo, .tag = SPAN("latest")});
    assert_ptr_equal(s->events.first->next, s->events.last);
    assert_string_equal(steady(s, s->events.first->json),
                        HEAD("delete") "            \"digest\": \"" SHA "\",\n"
                                       "            \"repository\": \"a/b\"\n" TAIL(""));
    assert_string_equal(steady(s, s->events.last->json),
                        HEAD("delete") "            \"repository\": \"a/b\",\n"
                                       "            \"tag\": \"latest\"\n" TAIL(""));
}

static void test_references(void **state)
{
    static const char manifest[] =
        "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\","
        "\"manifests\":[{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\","
        "\"size\":7,\"digest\":\"" SHA "\"}]}";
    struct scene *s = *state;
    struct event e = {.action = EVENT_PUSH,
                      .repo = s->repo,
                      .digest = &s->digest,
                      .media_type = "application/vnd.oci.image.index.v1+json",
                      .size = sizeof(manifest) - 1,
                      .manifest = span_of(manifest)};
    event_tell(&s->op, &e);
    assert_null(strstr(s->events.last->json.p, "references"));
    assert_non_null(strstr(s->events.last->json.p, "/v2/a/b/manifests/" SHA));
    s->events.references = true;
    event_tell(&s->op, &e);
    assert_non_null(strstr(s->events.last->json.p,
                           "            \"references\": [\n               {\n"
                           "                  \"mediaType\": "
                           "\"application/vnd.oci.image.manifest.v1+json\",\n"
                           "                  \"size\": 7,\n"
                           "                  \"digest\": \"" SHA "\"\n"
                           "               }\n            ]\n"));
}

static void test_nobody_listens(void **state)
{
    struct scene *s = *state;
    s->op.events = NULL;
    event_tell(&s->op, &(struct event){.action = EVENT_PULL, .repo = s->repo});
    assert_null(s->events.first);
}

static void test_who_is_basic(void **state)
{
    static const char *const rows[][2] = {
        {"Basic bWFyaWE6c2VjcmV0", "maria"},
        {"basic  bWFyaWE6", "maria"},
        {"Basic bWFyaWE=", ""}, /* no colon */
        {"Basic ***", ""},
        {"Bearer bWFyaWE6c2VjcmV0", ""},
        {"Basic", ""},
        {"", ""},
    };
    struct scene *s = *state;
    for (size_t i = 0; i < array_len(rows); i++) {
        struct http_header header = {SPAN("Authorization"), span_of(rows[i][0]), NULL};
        struct http_head head = {.headers = &header};
        struct span user = event_basic_user(&head, &s->arena);
        assert_true(span_eq(user, span_of(rows[i][1])));
    }
}

static void test_an_id(void **state)
{
    char a[EVENT_ID_SIZE], b[EVENT_ID_SIZE];
    (void)state;
    event_id(a);
    event_id(b);
    assert_string_not_equal(a, b);
    assert_int_equal(strlen(a), EVENT_ID_SIZE - 1);
    assert_true(upload_id_valid(span_of(a)));
    assert_int_equal(a[14], '4');
    assert_non_null(strchr("89ab", a[19]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_blob, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_deletion, setup, teardown),
        cmocka_unit_test_setup_teardown(test_references, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nobody_listens, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_is_basic, setup, teardown),
        cmocka_unit_test(test_an_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists, a page at a time: who follows the Link headers from anywhere gets exactly what is behind
 * that place, in order; and what a proxy says of hosts makes URLs and nothing else.
 */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "server/url.h"
#include "test/fuzz/fuzz.h"
#include "test/row/harness.h"

/* In byte order, and odd for who encodes or compares them. */
static const char *const tags[] = {"0",  "1.0", "A",  "Z_", "_",   "_.-", "a",   "a-",
                                   "a.", "aa",  "ab", "b",  "n.n", "x",   "z--z"};
static const char *const repositories[] = {"a",   "a-b", "a.b", "a/b", "a/b/c",
                                           "a_b", "ab",  "b/a", "z"};
static const char *const prefixes[] = {"", "/x/", "/a/b/"};

static struct bench bench;

static void stop(void)
{
    bench_fini(&bench);
}

static void put(const char *repository, const char *tag, struct span manifest)
{
    struct arena a;
    arena_init(&a);
    struct call c = {
        .method = METHOD_PUT,
        .target = arena_printf(&a, "/v2/%s/manifests/%s", repository, tag),
        .headers = "Content-Type: application/vnd.oci.image.manifest.v1+json\r\n",
        .body = manifest,
        .gone = SIZE_MAX,
    };
    struct answer answer = bench_call(&bench, &c);
    HOLDS(answer.code == 201);
    answer_fini(&answer);
    arena_fini(&a);
}

static void start(void)
{
    struct arena a;
    arena_init(&a);
    bench_init(&bench);
    for (size_t r = 0; r < array_len(repositories); r++) {
        const char *json = arena_printf(
            &a,
            "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"a/b\",\"size\":2,\"digest\":\"%s\"}}",
            push_blob(&bench, repositories[r], SPAN("{}")).s);
        put(repositories[r], "latest", span_of(json));
        for (size_t t = 0; t < array_len(tags) && strcmp(repositories[r], "a/b") == 0; t++)
            put("a/b", tags[t], span_of(json));
    }
    HOLDS(bench_code(&bench, METHOD_DELETE, "/v2/a/b/manifests/latest", SPAN("")) == 202);
    HOLDS(atexit(stop) == 0);
    arena_fini(&a);
}

/* A list that is asked for. */
struct asked {
    const char *prefix, *path, *key;
    const char *const *items;
    size_t count;
    uint64_t max; /* of n */
};

/* Holds a page against the items from *at on, and goes on behind them. */
static void check_items(const struct asked *q, struct span json, size_t *at, uint64_t limit)
{
    const cJSON *item;
    uint64_t n = 0;
    HOLDS(span_ends(json, SPAN("\n")) && json_is_sound(json, 2, 1000));
    cJSON *root = cJSON_ParseWithLength(json.p, json.n);
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(root, q->key))
    {
        HOLDS(n++ < limit && *at < q->count);
        HOLDS(strcmp(cJSON_GetStringValue(item), q->items[(*at)++]) == 0);
    }
    HOLDS(n == limit || *at == q->count);
    cJSON_Delete(root);
}

static struct pattern next_query = {"last=([A-Za-z0-9._~-]|%[0-9A-F]{2})+&n=[0-9]+", NULL};

/* "</x/v2/a/b/tags/list?last=a&n=2>; rel="next"" → the target. */
static const char *next_of(const struct asked *q, const char *link, struct arena *a)
{
    struct span s = span_of(link), end = SPAN(">; rel=\"next\""), target;
    HOLDS(is_one_line(s) && span_starts(s, SPAN("<")) && span_ends(s, end));
    target = span_skip(span_head(s, s.n - end.n), 1);
    const char *path = arena_printf(a, "%.*s%s?", (int)strlen(q->prefix) - (*q->prefix ? 1 : 0),
                                    q->prefix, q->path);
    HOLDS(span_starts(target, span_of(path)));
    HOLDS(is_match(&next_query, span_skip(target, strlen(path))));
    return arena_str(a, target);
}

static bool is_target(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~' || s.p[i] == '#')
            return false;
    return true;
}

static void follow(const struct asked *q, struct span query, struct arena *a)
{
    struct span last = {NULL, 0}, n, decoded;
    uint64_t limit = strcmp(q->key, "tags") == 0 ? UINT64_MAX : 100;
    size_t at = 0, pages = 0;
    const char *target =
        arena_printf(a, "%.*s%s?%.*s", (int)strlen(q->prefix) - (*q->prefix ? 1 : 0), q->prefix,
                     q->path, SPAN_ARG(query));
    bool sound = http_decode(query, a, &decoded), refused = false;
    (void)http_query_find(query, SPAN("last"), a, &last);
    if (http_query_find(query, SPAN("n"), a, &n))
        refused = !span_to_u64(n, &limit) || (limit > q->max && strcmp(q->key, "tags") != 0);
    limit = limit < q->max || !n.p ? limit : q->max;
    while (at < q->count && span_cmp(span_of(q->items[at]), last) <= 0)
        at++;
    for (; target; pages++) {
        struct answer answer = bench_ask(&bench, METHOD_GET, target, SPAN(""));
        const char *link = answer_header(&answer, "Link");
        HOLDS(answer.code == (sound && !refused ? 200 : 400) && pages <= q->count);
        if (answer.code == 200)
            check_items(q, buf_span(&answer.body), &at, limit);
        HOLDS((link != NULL) == (answer.code == 200 && at < q->count && limit > 0));
        target = link ? next_of(q, link, a) : NULL;
        answer_fini(&answer);
    }
    HOLDS(!sound || refused || at == q->count || limit == 0);
}

static struct pattern base = {"(https?://[A-Za-z0-9._:-]+|https?://[][A-Za-z0-9._:-]+)?", NULL};

static void check_urls(struct span headers, struct config *config, struct arena *a)
{
    struct http_head head;
    struct http_parser *p = http_parser_new();
    struct buf text;
    buf_init(&text);
    buf_add_str(&text, "GET / HTTP/1.1\r\nHost: a\r\n");
    buf_add_span(&text, headers);
    buf_add_str(&text, "\r\n\r\n");
    http_parser_begin(p, &head, a);
    if (http_parser_step(p, buf_span(&text)).event == HTTP_HEAD_DONE) {
        for (int https = 0; https < 2; https++) {
            struct span url = url_base(&head, config, https, a), prefix = url_prefix(config);
            HOLDS(span_ends(url, prefix) && is_match(&base, span_head(url, url.n - prefix.n)));
        }
        struct span token = url_of_token_server(&head, config, a), path = SPAN("/auth/token");
        HOLDS(token.n == 0 || span_ends(token, path));
        HOLDS(token.n == 0 || is_match(&base, span_head(token, token.n - path.n)));
    }
    http_parser_free(p);
    buf_fini(&text);
}

/* Two bytes: which list, which prefix. A line for the query; the rest is headers. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_from(data, size);
    struct asked q = {.path = "/v2/a/b/tags/list",
                      .key = "tags",
                      .items = tags,
                      .count = array_len(tags),
                      .max = 1000};
    struct arena a;
    if (!bench.store)
        start();
    if (take_byte(&in) & 1)
        q = (struct asked){.path = "/v2/_catalog",
                           .key = "repositories",
                           .items = repositories,
                           .count = array_len(repositories),
                           .max = 1000};
    q.prefix = prefixes[take_byte(&in) % array_len(prefixes)];
    bench.config.http_prefix = q.prefix;
    bench.config.token_autoredirect_path = "/auth/token";
    struct span query = copy_new(take_line(&in));
    arena_init(&a);
    check_urls(in, &bench.config, &a);
    if (is_target(query))
        follow(&q, query, &a);
    arena_fini(&a);
    copy_free(query);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * What stands in targets and headers: escapes, queries, ranges, entity tags.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/http.h"
#include "test/fuzz/fuzz.h"

/* What is decoded is one line, and is found again from what it is encoded as. */
static void check_escapes(struct span s, struct arena *a)
{
    struct span decoded, again;
    struct buf b;
    buf_init(&b);
    if (http_decode(s, a, &decoded)) {
        HOLDS(is_one_line(decoded) && decoded.n <= s.n);
        buf_add_url(&b, decoded);
        HOLDS(http_decode(buf_span(&b), a, &again) && span_eq(again, decoded));
    }
    buf_clear(&b);
    buf_add_url(&b, s);
    HOLDS(http_decode(buf_span(&b), a, &again) == is_one_line(s));
    if (is_one_line(s))
        HOLDS(span_eq(again, s));
    buf_fini(&b);
}

/* A value that is encoded into a query is found in it, whatever stands around it. */
static void check_query(struct span query, struct span value, struct arena *a)
{
    struct span found, rest = query;
    struct buf b;
    bool has = http_query_find(query, SPAN("last"), a, &found);
    if (has)
        HOLDS(is_one_line(found) && found.n <= query.n);
    while (http_query_next(&rest, SPAN("last"), a, &found))
        HOLDS(is_one_line(found));
    HOLDS(rest.n == 0);
    if (has || !is_one_line(value))
        return;
    buf_init(&b);
    buf_add_span(&b, query);
    buf_add_str(&b, "&last=");
    buf_add_url(&b, value);
    buf_add_str(&b, "&n=1");
    HOLDS(http_query_find(buf_span(&b), SPAN("last"), a, &found) && span_eq(found, value));
    buf_fini(&b);
}

static struct pattern range_pattern = {"[ \t]*[Bb][Yy][Tt][Ee][Ss][ \t]*=[ \t]*[0-9]*-[0-9]*[ \t]*",
                                       NULL};
static struct pattern content_range_pattern = {
    "[ \t]*([Bb][Yy][Tt][Ee][Ss] [ \t]*)?[0-9]+-[0-9]+(/(\\*|[0-9]+))?[ \t]*", NULL};

static void check_range(struct span s, uint64_t size, struct arena *a)
{
    struct http_range r, again;
    enum http_range_answer answer = http_range_parse(s, size, &r);
    if (answer != HTTP_RANGE_WHOLE)
        HOLDS(is_match(&range_pattern, s));
    if (answer == HTTP_RANGE_UNSATISFIABLE)
        return;
    if (answer == HTTP_RANGE_PART)
        HOLDS(r.first <= r.last && r.last < size);
    else
        r = (struct http_range){size / 3, size / 2};
    const char *text = arena_printf(a, "bytes=%" PRIu64 "-%" PRIu64, r.first, r.last);
    if (r.last < size) {
        HOLDS(http_range_parse(span_of(text), size, &again) == HTTP_RANGE_PART);
        HOLDS(again.first == r.first && again.last == r.last);
    }
}

static void check_content_range(struct span s, struct arena *a)
{
    struct http_range r, again;
    if (!http_content_range_parse(s, &r))
        return;
    HOLDS(is_match(&content_range_pattern, s) && r.first <= r.last);
    const char *text = arena_printf(a, "%" PRIu64 "-%" PRIu64, r.first, r.last);
    HOLDS(http_content_range_parse(span_of(text), &again));
    HOLDS(again.first == r.first && again.last == r.last);
}

/* A tag is found in a list that it is put into; what matches strongly matches weakly, too. */
static void check_tags(struct span list, struct span tag, struct arena *a)
{
    if (http_etag_matches_strongly(list, tag))
        HOLDS(http_etag_matches(list, tag));
    if (!is_one_line(tag) || memchr(tag.n ? tag.p : "", ',', tag.n) ||
        memchr(tag.n ? tag.p : "", '"', tag.n))
        return;
    const char *quoted = arena_printf(a, "\"%.*s\"", SPAN_ARG(tag));
    const char *more = arena_printf(a, "%.*s,%s", SPAN_ARG(list), quoted);
    const char *weak = arena_printf(a, "\"other\", W/%s", quoted);
    bool has_nul = list.n > 0 && memchr(list.p, '\0', list.n);
    HOLDS(has_nul || http_etag_matches(span_of(more), span_of(quoted)));
    HOLDS(has_nul || http_etag_matches_strongly(span_of(more), span_of(quoted)));
    HOLDS(http_etag_matches(span_of(weak), span_of(quoted)));
    HOLDS(!http_etag_matches_strongly(span_of(weak), span_of(quoted)) ||
          span_eq(tag, SPAN("other")));
}

/* A line each: a size, text for all of them, a value to be found in it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_from(data, size);
    struct span number = take_line(&in);
    struct span text = copy_new(take_line(&in)), value = copy_new(take_line(&in));
    struct arena a;
    uint64_t length = 1000;
    (void)span_to_u64(number, &length);
    arena_init(&a);
    check_escapes(text, &a);
    check_escapes(value, &a);
    check_query(text, value, &a);
    check_range(text, length, &a);
    check_content_range(text, &a);
    check_tags(text, value, &a);
    arena_fini(&a);
    copy_free(text);
    copy_free(value);
    return 0;
}

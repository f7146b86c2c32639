/* SPDX-License-Identifier: Apache-2.0
 *
 * http: what stands in targets and headers: escapes, queries, ranges, tags.
 */
#include <string.h>

#include "lib/http.h"

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The byte at the head of s; how many bytes it takes; 0 if the escape is broken. */
static size_t decode_byte(struct span s, char *out)
{
    *out = s.p[0];
    if (s.p[0] != '%')
        return 1;
    if (s.n < 3 || hex_value(s.p[1]) < 0 || hex_value(s.p[2]) < 0)
        return 0;
    *out = (char)(hex_value(s.p[1]) << 4 | hex_value(s.p[2]));
    return 3;
}

static bool is_control(char c)
{
    return (unsigned char)c < ' ' || c == 0x7f;
}

bool http_decode(struct span s, struct arena *a, struct span *out)
{
    char c, *copy = NULL;
    size_t n = 0, len;
    if (s.n && memchr(s.p, '%', s.n))
        copy = arena_alloc(a, s.n + 1);
    for (struct span rest = s; rest.n; rest = span_skip(rest, len), n++) {
        len = decode_byte(rest, &c);
        if (len == 0 || is_control(c))
            return false;
        if (copy)
            copy[n] = c;
    }
    *out = copy ? span_from(copy, n) : s;
    return true;
}

/* As HTML forms encode it. */
static bool form_decode(struct span s, struct arena *a, struct span *out)
{
    if (s.n && memchr(s.p, '+', s.n)) {
        char *copy = arena_str(a, s);
        for (size_t i = 0; i < s.n; i++)
            copy[i] = copy[i] == '+' ? ' ' : copy[i];
        s.p = copy;
    }
    return http_decode(s, a, out);
}

bool http_query_next(struct span *query, struct span key, struct arena *a, struct span *out)
{
    struct span pair, name, value;
    while (query->n) {
        span_cut(*query, '&', &pair, query);
        span_cut(pair, '=', &name, &value);
        if (form_decode(name, a, &name) && span_eq(name, key) && form_decode(value, a, out))
            return true;
    }
    return false;
}

bool http_query_find(struct span query, struct span key, struct arena *a, struct span *out)
{
    return http_query_next(&query, key, a, out);
}

/* Like span_to_u64, but a number that is too big is the biggest: RFC 9110 §14.1.1 asks
 * readers to expect numbers of any length. */
static bool digits(struct span s, uint64_t *out)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    if (s.n && !span_to_u64(s, out))
        *out = UINT64_MAX;
    return s.n > 0;
}

static enum http_range_answer range_suffix(uint64_t n, uint64_t size, struct http_range *out)
{
    if (n == 0 || size == 0)
        return HTTP_RANGE_UNSATISFIABLE;
    *out = (struct http_range){n < size ? size - n : 0, size - 1};
    return HTTP_RANGE_PART;
}

enum http_range_answer http_range_parse(struct span header, uint64_t size, struct http_range *out)
{
    struct span unit, set, from, to;
    struct http_range r = {0, UINT64_MAX};
    span_cut(header, '=', &unit, &set);
    if (!span_eq_nocase(span_trim(unit), SPAN("bytes")) ||
        !span_cut(span_trim(set), '-', &from, &to) || (to.n && !digits(to, &r.last)))
        return HTTP_RANGE_WHOLE;
    if (from.n == 0)
        return to.n ? range_suffix(r.last, size, out) : HTTP_RANGE_WHOLE;
    if (!digits(from, &r.first) || r.first > r.last)
        return HTTP_RANGE_WHOLE; /* §14.2: an invalid one is ignored */
    if (r.first >= size)
        return HTTP_RANGE_UNSATISFIABLE;
    *out = (struct http_range){r.first, r.last < size ? r.last : size - 1};
    return HTTP_RANGE_PART;
}

/* The "/…" of RFC 9110 §14.4: a complete length that the range fits in, or "*". */
static bool is_complete_length(struct span s, uint64_t last)
{
    uint64_t length;
    return span_eq(s, SPAN("*")) || (span_to_u64(s, &length) && length > last);
}

bool http_content_range_parse(struct span header, struct http_range *out)
{
    struct span range, length, from, to;
    struct http_range r;
    header = span_trim(header);
    if (span_eq_nocase(span_head(header, 6), SPAN("bytes ")))
        header = span_trim(span_skip(header, 6));
    bool has_length = span_cut(header, '/', &range, &length);
    if (!span_cut(range, '-', &from, &to) || !span_to_u64(from, &r.first) ||
        !span_to_u64(to, &r.last) || r.first > r.last)
        return false;
    if (has_length && !is_complete_length(length, r.last))
        return false;
    *out = r;
    return true;
}

/* RFC 9110 §8.8.3.2 */
enum comparison { WEAK, STRONG };

/* Without quotes, and without W/ if that does not count. */
static struct span bare_tag(struct span s, enum comparison c)
{
    if (c == WEAK && span_starts(s, SPAN("W/\"")))
        s = span_skip(s, 2);
    if (s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"')
        s = (struct span){s.p + 1, s.n - 2};
    return s;
}

static bool etag_in_list(struct span header, struct span tag, enum comparison c)
{
    struct span item;
    tag = bare_tag(tag, c);
    if (span_eq(span_trim(header), SPAN("*")))
        return true;
    while (header.n) {
        span_cut(header, ',', &item, &header);
        if (span_eq(bare_tag(span_trim(item), c), tag))
            return true;
    }
    return false;
}

bool http_etag_matches(struct span header, struct span tag)
{
    return etag_in_list(header, tag, WEAK);
}

bool http_etag_matches_strongly(struct span header, struct span tag)
{
    return etag_in_list(header, tag, STRONG);
}

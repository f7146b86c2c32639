/* SPDX-License-Identifier: Apache-2.0
 *
 * span: comparing and cutting somebody else's bytes.
 */
#include "lib/span.h"

#include <string.h>

struct span span_of(const char *cstr)
{
    return cstr ? (struct span){cstr, strlen(cstr)} : (struct span){NULL, 0};
}

static bool same(const char *a, const char *b, size_t n)
{
    return n == 0 || memcmp(a, b, n) == 0; /* memcmp must not see NULL, even with 0 bytes */
}

bool span_eq(struct span a, struct span b)
{
    return a.n == b.n && same(a.p, b.p, a.n);
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool span_eq_nocase(struct span a, struct span b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (lower(a.p[i]) != lower(b.p[i]))
            return false;
    return true;
}

bool span_starts(struct span s, struct span prefix)
{
    return s.n >= prefix.n && same(s.p, prefix.p, prefix.n);
}

bool span_ends(struct span s, struct span suffix)
{
    return s.n >= suffix.n && same(span_skip(s, s.n - suffix.n).p, suffix.p, suffix.n);
}

int span_cmp(struct span a, struct span b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n ? memcmp(a.p, b.p, n) : 0;
    return order ? order : (a.n > b.n) - (a.n < b.n);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct span span_trim(struct span s)
{
    while (s.n && is_blank(s.p[0]))
        s = span_skip(s, 1);
    while (s.n && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

bool span_cut(struct span s, char c, struct span *head, struct span *tail)
{
    const char *at = s.n ? memchr(s.p, c, s.n) : NULL;
    size_t n = at ? (size_t)(at - s.p) : s.n;
    *head = span_head(s, n);
    *tail = span_skip(s, n + 1);
    return at;
}

bool span_cut_last(struct span s, char c, struct span *head, struct span *tail)
{
    const char *at = s.n ? memrchr(s.p, c, s.n) : NULL;
    size_t n = at ? (size_t)(at - s.p) : 0;
    *head = span_head(s, n);
    *tail = span_skip(s, at ? n + 1 : 0);
    return at;
}

bool span_to_u64(struct span s, uint64_t *out)
{
    uint64_t value = 0;
    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(s.p[i] - '0'), &value))
            return false;
    }
    *out = value;
    return true;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * buf: bytes that grow, and the two escapings of an answer: JSON and URL.
 */
#include "lib/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_init(struct buf *b)
{
    *b = (struct buf){NULL, 0, 0};
}

void buf_fini(struct buf *b)
{
    free(b->p);
    buf_init(b);
}

void buf_reserve(struct buf *b, size_t more)
{
    size_t need, twice;
    if (__builtin_add_overflow(b->n, more, &need) || __builtin_add_overflow(need, 1, &need))
        need = SIZE_MAX; /* which no allocator has */
    if (need <= b->cap)
        return;
    if (__builtin_mul_overflow(b->cap, 2, &twice))
        twice = need;
    size_t cap = twice > 64 ? twice : 64;
    cap = cap > need ? cap : need;
    b->p = must_realloc(b->p, cap);
    b->cap = cap;
    b->p[b->n] = 0;
}

void buf_add(struct buf *b, const void *p, size_t n)
{
    buf_reserve(b, n);
    if (n)
        memcpy(b->p + b->n, p, n);
    b->n += n;
    b->p[b->n] = 0;
}

void buf_add_span(struct buf *b, struct span s)
{
    buf_add(b, s.p, s.n);
}

void buf_add_str(struct buf *b, const char *cstr)
{
    buf_add_span(b, span_of(cstr));
}

void buf_add_char(struct buf *b, char c)
{
    buf_add(b, &c, 1);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    buf_vprintf(b, fmt, args);
    va_end(args);
}

void buf_vprintf(struct buf *b, const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    size_t room = b->cap - b->n;
    int n = vsnprintf(room > 0 ? b->p + b->n : NULL, room, fmt, args);
    if (n > 0 && (size_t)n >= room) {
        buf_reserve(b, (size_t)n);
        (void)vsnprintf(b->p + b->n, (size_t)n + 1, fmt, again);
    }
    b->n += n > 0 ? (size_t)n : 0;
    va_end(again);
}

/* How many bytes the UTF-8 sequence at s takes; 0 if it is none (RFC 3629 §4: no overlong
 * forms, no surrogates, nothing over U+10FFFF). */
static size_t utf8_len(struct span s)
{
    const unsigned char *u = (const unsigned char *)s.p;
    if (u[0] < 0x80)
        return 1;
    size_t len = u[0] >= 0xf0 ? 4 : u[0] >= 0xe0 ? 3 : 2;
    if (u[0] < 0xc2 || u[0] > 0xf4 || s.n < len)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((u[i] & 0xc0) != 0x80)
            return 0;
    if ((u[0] == 0xe0 && u[1] < 0xa0) || (u[0] == 0xed && u[1] > 0x9f) ||
        (u[0] == 0xf0 && u[1] < 0x90) || (u[0] == 0xf4 && u[1] > 0x8f))
        return 0;
    return len;
}

static const char *json_escape(char c)
{
    switch (c) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    }
    return NULL;
}

void buf_add_json(struct buf *b, struct span s)
{
    for (size_t len; s.n; s = span_skip(s, len ? len : 1)) {
        len = utf8_len(s);
        const char *escape = json_escape(s.p[0]);
        if (len == 0)
            buf_add_str(b, "\xef\xbf\xbd");
        else if (escape)
            buf_add_str(b, escape);
        else if ((unsigned char)s.p[0] < 0x20)
            buf_printf(b, "\\u%04x", (unsigned)s.p[0]);
        else
            buf_add(b, s.p, len);
    }
}

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

void buf_add_url(struct buf *b, struct span s)
{
    static const char hex[] = "0123456789ABCDEF"; /* RFC 3986 §2.1: upper case */
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        char escape[3] = {'%', hex[c >> 4], hex[c & 15]};
        if (is_unreserved(s.p[i]))
            buf_add_char(b, s.p[i]);
        else
            buf_add(b, escape, sizeof(escape));
    }
}

void buf_clear(struct buf *b)
{
    b->n = 0;
    if (b->p)
        b->p[0] = 0;
}

struct span buf_span(const struct buf *b)
{
    return (struct span){b->p, b->n};
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * json: RFC 8259's grammar, without a tree.
 */
#include "lib/json.h"

struct reader {
    struct span rest;
    uint64_t objects; /* a bit for each depth: is it an object, or an array? */
    unsigned depth, depth_max;
    size_t values_left;
};

static char peek(const struct reader *r)
{
    return r->rest.n > 0 ? r->rest.p[0] : '\0'; /* NUL stands nowhere in the grammar */
}

static bool take(struct reader *r, char c)
{
    if (r->rest.n == 0 || r->rest.p[0] != c)
        return false;
    r->rest = span_skip(r->rest, 1);
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_blanks(struct reader *r)
{
    size_t n = 0;
    while (n < r->rest.n && is_blank(r->rest.p[n]))
        n++;
    r->rest = span_skip(r->rest, n);
}

/* 0 to 15; -1 for anything else. */
static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* What follows "\u". */
static bool take_code(struct reader *r)
{
    enum { DIGITS = 4 };
    int code = 0;
    for (size_t i = 0; i < DIGITS; i++) {
        int digit = hex_value(peek(r));
        if (digit < 0)
            return false;
        code = code << 4 | digit;
        r->rest = span_skip(r->rest, 1);
    }
    return code != 0;
}

static bool take_escape(struct reader *r)
{
    static const char letters[] = {'"', '\\', '/', 'b', 'f', 'n', 'r', 't'};
    for (size_t i = 0; i < array_len(letters); i++)
        if (take(r, letters[i]))
            return true;
    return take(r, 'u') && take_code(r);
}

/* Stands for itself in a string. */
static bool is_plain(char c)
{
    return (unsigned char)c >= ' ' && c != '"' && c != '\\';
}

static bool take_string(struct reader *r)
{
    if (!take(r, '"'))
        return false;
    for (;;) {
        size_t n = 0;
        while (n < r->rest.n && is_plain(r->rest.p[n]))
            n++;
        r->rest = span_skip(r->rest, n);
        if (take(r, '"'))
            return true;
        if (!take(r, '\\') || !take_escape(r))
            return false;
    }
}

static bool take_digits(struct reader *r)
{
    size_t n = 0;
    while (n < r->rest.n && r->rest.p[n] >= '0' && r->rest.p[n] <= '9')
        n++;
    r->rest = span_skip(r->rest, n);
    return n > 0;
}

static bool take_number(struct reader *r)
{
    (void)take(r, '-');
    if (!take(r, '0') && !take_digits(r))
        return false;
    if (take(r, '.') && !take_digits(r))
        return false;
    if (!take(r, 'e') && !take(r, 'E'))
        return true;
    if (!take(r, '+'))
        (void)take(r, '-');
    return take_digits(r);
}

static bool take_word(struct reader *r)
{
    static const struct span words[] = {{"true", 4}, {"false", 5}, {"null", 4}};
    for (size_t i = 0; i < array_len(words); i++) {
        if (span_starts(r->rest, words[i])) {
            r->rest = span_skip(r->rest, words[i].n);
            return true;
        }
    }
    return false;
}

static bool in_object(const struct reader *r)
{
    return r->objects >> (r->depth - 1) & 1;
}

static bool take_open(struct reader *r)
{
    bool object = peek(r) == '{';
    if (r->depth == r->depth_max)
        return false;
    r->rest = span_skip(r->rest, 1);
    r->depth++;
    uint64_t bit = (uint64_t)1 << (r->depth - 1);
    r->objects = object ? r->objects | bit : r->objects & ~bit;
    skip_blanks(r);
    return true;
}

/* The end of as many objects and arrays as there end here. */
static void take_ends(struct reader *r)
{
    while (r->depth > 0 && take(r, in_object(r) ? '}' : ']')) {
        r->depth--;
        skip_blanks(r);
    }
}

/* A member's name with its colon; nothing in an array. */
static bool take_name(struct reader *r)
{
    skip_blanks(r);
    if (r->depth == 0 || !in_object(r))
        return true;
    if (!take_string(r))
        return false;
    skip_blanks(r);
    bool colon = take(r, ':');
    skip_blanks(r);
    return colon;
}

static bool take_scalar(struct reader *r)
{
    if (peek(r) == '"')
        return take_string(r);
    return peek(r) == '-' || (peek(r) >= '0' && peek(r) <= '9') ? take_number(r) : take_word(r);
}

/* A scalar, or what opens something; then all that ends behind it. *more: another one follows. */
static bool take_value(struct reader *r, bool *more)
{
    bool opens = peek(r) == '{' || peek(r) == '[';
    if (r->values_left-- == 0 || !(opens ? take_open(r) : take_scalar(r)))
        return false;
    unsigned depth = r->depth;
    if (!opens)
        skip_blanks(r);
    take_ends(r);
    bool empty = r->depth < depth; /* what has just been opened */
    *more = r->depth > 0;
    return !*more || (opens && !empty) || take(r, ',');
}

bool json_is_sound(struct span text, unsigned depth_max, size_t values_max)
{
    struct reader r = {.rest = text, .depth_max = depth_max, .values_left = values_max};
    bool more = true;
    if (r.depth_max > JSON_DEPTH_MAX)
        r.depth_max = JSON_DEPTH_MAX;
    while (more)
        if (!take_name(&r) || !take_value(&r, &more))
            return false;
    return r.rest.n == 0;
}

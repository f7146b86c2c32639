/* SPDX-License-Identifier: Apache-2.0
 *
 * strict: requests, line by line.
 */
#include "test/fuzz/strict.h"

#include <string.h>

static bool is_token(struct span s)
{
    static const char others[] = "!#$%&'*+-.^_`|~0123456789"
                                 "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    for (size_t i = 0; i < s.n; i++)
        if (!memchr(others, s.p[i], sizeof(others) - 1))
            return false;
    return s.n > 0;
}

static bool is_text(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (((unsigned char)s.p[i] < ' ' && s.p[i] != '\t') || s.p[i] == 0x7f)
            return false;
    return true;
}

static bool is_visible(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~')
            return false;
    return s.n > 0;
}

/* A line ends with CRLF; neither of the two stands anywhere else. */
static enum strict_result next_line(struct span *in, struct span *line)
{
    size_t n = 0;
    while (n < in->n && in->p[n] != '\r' && in->p[n] != '\n')
        n++;
    if (n == in->n || (in->p[n] == '\r' && n + 1 == in->n))
        return STRICT_SHORT;
    if (in->p[n] != '\r' || in->p[n + 1] != '\n')
        return STRICT_BAD;
    *line = span_head(*in, n);
    *in = span_skip(*in, n + 2);
    return STRICT_OK;
}

/* §3: method SP request-target SP HTTP-version */
static bool read_request_line(struct span line, struct strict_request *r)
{
    struct span rest, version;
    if (!span_cut(line, ' ', &r->method, &rest) || !span_cut(rest, ' ', &r->target, &version))
        return false;
    r->minor = span_eq(version, SPAN("HTTP/1.1"));
    return is_token(r->method) && is_visible(r->target) &&
           (r->minor == 1 || span_eq(version, SPAN("HTTP/1.0")));
}

/* §5: field-name ":" OWS field-value OWS, until an empty line. r NULL: of no interest. */
static enum strict_result read_fields(struct span *in, struct strict_request *r)
{
    for (;;) {
        struct span line, name, value;
        enum strict_result result = next_line(in, &line);
        if (result != STRICT_OK || line.n == 0)
            return result;
        if (!span_cut(line, ':', &name, &value) || !is_token(name) || !is_text(value))
            return STRICT_BAD;
        if (r && r->count == STRICT_FIELDS_MAX)
            return STRICT_BAD;
        if (r)
            r->fields[r->count++] = (struct strict_field){name, span_trim(value)};
    }
}

/* The value of the only field of that name; *many if there is not just one. */
static struct span only(const struct strict_request *r, struct span name, bool *many)
{
    struct span value = {NULL, 0};
    for (size_t i = 0; i < r->count; i++) {
        if (!span_eq_nocase(r->fields[i].name, name))
            continue;
        *many = *many || value.p;
        value = r->fields[i].value.n > 0 ? r->fields[i].value : SPAN("");
    }
    return value;
}

static int digit_of(char c)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)((at - digits) % 16) : -1;
}

/* All of s as a number; false if it is none, or one of more than 63 bits. */
static bool to_number(struct span s, unsigned base, uint64_t *out)
{
    uint64_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        int digit = digit_of(s.p[i]);
        if (digit < 0 || (unsigned)digit >= base || n > (INT64_MAX - (uint64_t)digit) / base)
            return false;
        n = n * base + (uint64_t)digit;
    }
    *out = n;
    return s.n > 0;
}

/* What is there of n bytes. */
static enum strict_result take(struct span *in, uint64_t n, struct buf *body)
{
    bool is_all = n <= in->n;
    struct span bytes = is_all ? span_head(*in, (size_t)n) : *in;
    buf_add_span(body, bytes);
    *in = span_skip(*in, bytes.n);
    return is_all ? STRICT_OK : STRICT_SHORT;
}

/* §7.1: chunk-size [ ";" … ] CRLF data CRLF, until a size of 0; then fields. */
static enum strict_result read_chunks(struct span *in, struct buf *body)
{
    for (;;) {
        struct span line, size, extension;
        uint64_t n;
        enum strict_result result = next_line(in, &line);
        if (result != STRICT_OK)
            return result;
        span_cut(line, ';', &size, &extension);
        if (!to_number(size, 16, &n) || !is_text(extension))
            return STRICT_BAD;
        if (n == 0)
            return read_fields(in, NULL);
        result = take(in, n, body);
        if (result == STRICT_OK)
            result = next_line(in, &line);
        if (result == STRICT_OK && line.n > 0)
            result = STRICT_BAD;
        if (result != STRICT_OK)
            return result;
    }
}

/* §6, and nothing that two readers could understand in two ways. */
static enum strict_result read_body(struct span *in, struct strict_request *r)
{
    bool many = false;
    uint64_t n = 0;
    struct span length = only(r, SPAN("Content-Length"), &many);
    struct span coding = only(r, SPAN("Transfer-Encoding"), &many);
    struct span host = only(r, SPAN("Host"), &many);
    if (many || (length.p && coding.p) || (!host.p && r->minor > 0))
        return STRICT_BAD;
    if (coding.p && (r->minor == 0 || !span_eq_nocase(coding, SPAN("chunked"))))
        return STRICT_BAD;
    if (length.p && !to_number(length, 10, &n))
        return STRICT_BAD;
    r->has_head = true;
    return coding.p ? read_chunks(in, &r->body) : take(in, n, &r->body);
}

enum strict_result strict_read(struct span *in, struct strict_request *r)
{
    struct span line = {NULL, 0};
    enum strict_result result;
    do { /* §2.2: empty lines before it */
        result = next_line(in, &line);
    } while (result == STRICT_OK && line.n == 0);
    if (result == STRICT_OK && !read_request_line(line, r))
        return STRICT_BAD;
    if (result == STRICT_OK)
        result = read_fields(in, r);
    return result == STRICT_OK ? read_body(in, r) : result;
}

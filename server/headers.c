/* SPDX-License-Identifier: Apache-2.0
 *
 * headers: names and values that HTTP allows (RFC 9110 §5.1, §5.5).
 */
#include "server/headers.h"

#include <string.h>

#include "lib/buf.h"

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_name(struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        bool digit = s.p[i] >= '0' && s.p[i] <= '9';
        if (!is_letter(s.p[i]) && !digit && (!s.p[i] || !strchr("!#$%&'*+-.^_`|~", s.p[i])))
            return false;
    }
    return s.n > 0;
}

static bool is_value(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (((unsigned char)s.p[i] < ' ' && s.p[i] != '\t') || s.p[i] == 0x7f)
            return false;
    return true;
}

/* These say where an answer ends. */
static bool is_framing(struct span name)
{
    static const char *const names[] = {"Connection", "Content-Length", "Transfer-Encoding"};
    for (size_t i = 0; i < array_len(names); i++)
        if (span_eq_nocase(name, span_of(names[i])))
            return true;
    return false;
}

static void add_name(struct buf *b, struct span name)
{
    bool begins = true;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if (is_letter(c))
            c = (char)(begins ? c & ~0x20 : c | 0x20);
        buf_add_char(b, c);
        begins = c == '-';
    }
}

static enum rc add(struct buf *b, const struct conf_pair *p, struct fault *f)
{
    struct span name = span_of(p->key), value = span_trim(span_of(p->value));
    if (name.n == 0)
        return fault(f, RC_INTERNAL, "%s: http.headers: expected names with values", p->where);
    if (!is_name(name))
        return fault(f, RC_INTERNAL, "%s: http.headers: no name of a header: \"%s\"", p->where,
                     p->key);
    if (is_framing(name))
        return fault(f, RC_INTERNAL, "%s: http.headers.%s: the server sets this one itself",
                     p->where, p->key);
    if (!is_value(value))
        return fault(f, RC_INTERNAL, "%s: http.headers.%s: expected one line of text", p->where,
                     p->key);
    add_name(b, name);
    buf_printf(b, ": %.*s\r\n", SPAN_ARG(value));
    return RC_OK;
}

enum rc headers_build(const struct conf_map *headers, struct arena *a, struct span *out,
                      struct fault *f)
{
    struct buf b;
    enum rc rc = RC_OK;
    buf_init(&b);
    for (const struct conf_pair *p = headers->first; p && rc == RC_OK; p = p->next)
        rc = add(&b, p, f);
    if (rc == RC_OK)
        *out = arena_span(a, buf_span(&b));
    buf_fini(&b);
    return rc;
}

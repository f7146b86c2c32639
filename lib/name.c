/* SPDX-License-Identifier: Apache-2.0
 *
 * name: the grammar, by hand: a regular expression would not say what is wrong.
 */
#include "lib/name.h"

static bool is_lower_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_alnum(char c)
{
    return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z');
}

static size_t run_of(struct span s, char c)
{
    size_t n = 0;
    while (n < s.n && s.p[n] == c)
        n++;
    return n;
}

/* The separator at the head of s: "." | "_" | "__" | "-"+; 0 if there is none. */
static size_t separator_len(struct span s)
{
    size_t underscores = run_of(s, '_');
    if (underscores)
        return underscores <= 2 ? underscores : 0;
    return run_of(s, '.') == 1 ? 1 : run_of(s, '-');
}

static size_t alnum_len(struct span s)
{
    size_t n = 0;
    while (n < s.n && is_lower_or_digit(s.p[n]))
        n++;
    return n;
}

static bool is_component(struct span s)
{
    for (;;) {
        size_t n = alnum_len(s);
        if (n == 0)
            return false;
        s = span_skip(s, n);
        if (s.n == 0)
            return true;
        n = separator_len(s);
        if (n == 0)
            return false;
        s = span_skip(s, n);
    }
}

static bool is_label(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_alnum(s.p[i]) && s.p[i] != '-')
            return false;
    return s.n && s.p[0] != '-' && s.p[s.n - 1] != '-';
}

static bool is_domain(struct span s)
{
    struct span label;
    bool more;
    do {
        more = span_cut(s, '.', &label, &s);
        if (!is_label(label))
            return false;
    } while (more);
    return true;
}

enum rc name_parse(struct span s, struct name *out, struct fault *f)
{
    struct span component, rest;
    if (s.n > NAME_MAX_LEN)
        return fault(f, RC_NAME_INVALID, "repository name must not be more than %d characters",
                     NAME_MAX_LEN);
    bool more = span_cut(s, '/', &component, &rest);
    bool ok = is_component(component) || (more && is_domain(component));
    while (ok && more) {
        more = span_cut(rest, '/', &component, &rest);
        ok = is_component(component);
    }
    if (!ok)
        return fault(f, RC_NAME_INVALID, "invalid repository name");
    *out = (struct name){s};
    return RC_OK;
}

enum rc tag_parse(struct span s, struct tag *out, struct fault *f)
{
    bool ok = s.n > 0 && s.n <= TAG_MAX_LEN && s.p[0] != '.' && s.p[0] != '-';
    for (size_t i = 0; ok && i < s.n; i++)
        ok = is_alnum(s.p[i]) || s.p[i] == '_' || s.p[i] == '.' || s.p[i] == '-';
    if (!ok)
        return fault(f, RC_TAG_INVALID, "invalid tag format");
    *out = (struct tag){s};
    return RC_OK;
}

enum rc reference_parse(struct span s, struct reference *out, struct fault *f)
{
    struct reference r = {.kind = REFERENCE_TAG};
    struct span head, tail;
    enum rc rc;
    if (span_cut(s, ':', &head, &tail)) {
        r.kind = REFERENCE_DIGEST;
        rc = digest_parse(s, &r.digest, f);
    } else {
        rc = tag_parse(s, &r.tag, f);
    }
    if (rc == RC_OK)
        *out = r;
    return rc;
}

bool upload_id_valid(struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        bool hex = (s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'f');
        if (dash ? s.p[i] != '-' : !hex)
            return false;
    }
    return s.n == UPLOAD_ID_LEN;
}

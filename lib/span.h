/* SPDX-License-Identifier: Apache-2.0
 *
 * span: some bytes of somebody else's memory. Never owns, never ends in NUL
 * unless it says so. Pure functions, any thread; the smallest are inline, being everywhere.
 */
#ifndef LIB_SPAN_H
#define LIB_SPAN_H

#include "lib/base.h"

struct span {
    const char *p;
    size_t n;
};

#define SPAN(literal) ((struct span){"" literal, sizeof(literal) - 1})
#define SPAN_ARG(s) (int)(s).n, (s).p /* for printf's %.*s */

struct span span_of(const char *cstr); /* NULL gives the empty span */

static inline struct span span_from(const void *p, size_t n)
{
    return (struct span){p, n};
}

bool span_eq(struct span a, struct span b);
bool span_eq_nocase(struct span a, struct span b); /* ASCII only */
bool span_starts(struct span s, struct span prefix);
bool span_ends(struct span s, struct span suffix);
int span_cmp(struct span a, struct span b); /* byte order, shorter first */

struct span span_trim(struct span s); /* spaces and tabs, both ends */

static inline struct span span_skip(struct span s, size_t n)
{
    if (n > s.n)
        n = s.n;
    return n ? (struct span){s.p + n, s.n - n} : s;
}

static inline struct span span_head(struct span s, size_t n)
{
    return (struct span){s.p, n < s.n ? n : s.n};
}

/* Cuts at the first c: *head is what is before it, *tail what is after.
 * Without a c, *head is all, *tail is empty and the answer is false. */
bool span_cut(struct span s, char c, struct span *head, struct span *tail);
/* The same at the last c; without one, *tail is all and *head is empty. */
bool span_cut_last(struct span s, char c, struct span *head, struct span *tail);

/* Decimal digits only, the whole span, no sign; false on overflow. */
bool span_to_u64(struct span s, uint64_t *out);

#endif

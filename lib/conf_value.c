/* SPDX-License-Identifier: Apache-2.0
 *
 * conf_value: an option's text becomes a value. Pure.
 */
#include "lib/conf_internal.h"

bool conf_to_bool(struct span s, bool *out)
{
    static const struct {
        const char *word;
        bool value;
    } words[] = {
        {"true", true}, {"false", false}, {"yes", true}, {"no", false},
        {"on", true},   {"off", false},   {"y", true},   {"n", false},
    };

    for (size_t i = 0; i < array_len(words); i++) {
        if (span_eq_nocase(s, span_of(words[i].word))) {
            *out = words[i].value;
            return true;
        }
    }
    return false;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Takes the digits at the head of *s; false if there is none, or on overflow. */
static bool take_digits(struct span *s, uint64_t *out)
{
    size_t n = 0;

    while (n < s->n && is_digit(s->p[n]))
        n++;
    if (!span_to_u64(span_head(*s, n), out))
        return false;
    *s = span_skip(*s, n);
    return true;
}

bool conf_to_size(struct span s, uint64_t *out)
{
    static const struct {
        const char *unit;
        unsigned shift;
    } units[] = {
        {"", 0},     {"b", 0},  {"k", 10},   {"kib", 10}, {"m", 20},
        {"mib", 20}, {"g", 30}, {"gib", 30}, {"t", 40},   {"tib", 40},
    };
    uint64_t count;

    if (!take_digits(&s, &count))
        return false;
    s = span_trim(s);
    for (size_t i = 0; i < array_len(units); i++) {
        if (!span_eq_nocase(s, span_of(units[i].unit)))
            continue;
        if (count > UINT64_MAX >> units[i].shift)
            return false;
        *out = count << units[i].shift;
        return true;
    }
    return false;
}

/* Takes a unit of time at the head of *s: its nanoseconds, or 0. */
static uint64_t take_unit(struct span *s)
{
    static const struct {
        const char *unit;
        uint64_t ns;
    } units[] = {
        /* "ms" stands before "m" */
        {"ns", 1},       {"us", 1000},      {"\xc2\xb5s", 1000}, {"\xce\xbcs", 1000},
        {"ms", 1000000}, {"s", 1000000000}, {"m", 60000000000},  {"h", 3600000000000},
    };

    for (size_t i = 0; i < array_len(units); i++) {
        struct span unit = span_of(units[i].unit);
        if (span_starts(*s, unit)) {
            *s = span_skip(*s, unit.n);
            return units[i].ns;
        }
    }
    return 0;
}

/* Takes ".5" at the head of *s, if it is there. */
static struct span take_fraction(struct span *s)
{
    size_t n = 1;

    if (s->n == 0 || s->p[0] != '.')
        return span_head(*s, 0);
    while (n < s->n && is_digit(s->p[n]))
        n++;
    struct span digits = span_skip(span_head(*s, n), 1);
    *s = span_skip(*s, n);
    return digits;
}

/* Takes one "1.5h" at the head of *s and adds it to *ns. */
static bool take_part(struct span *s, uint64_t *ns)
{
    const uint64_t most = INT64_MAX; /* Go's limit, 292 years */
    uint64_t whole = 0;
    bool has_whole = s->n > 0 && is_digit(s->p[0]);

    if (has_whole && !take_digits(s, &whole))
        return false;
    struct span fraction = take_fraction(s);
    uint64_t unit = take_unit(s);
    if (unit == 0 || (!has_whole && fraction.n == 0) || whole > most / unit)
        return false;
    uint64_t part = whole * unit;
    for (size_t i = 0; i < fraction.n; i++) {
        unit /= 10;
        part += (uint64_t)(fraction.p[i] - '0') * unit;
    }
    if (part > most - *ns)
        return false;
    *ns += part;
    return true;
}

bool conf_to_duration(struct span s, uint64_t *out_ms)
{
    const uint64_t ms = 1000000;
    uint64_t ns = 0;

    if (span_eq(s, SPAN("0"))) {
        *out_ms = 0;
        return true;
    }
    if (s.n == 0)
        return false;
    while (s.n > 0) {
        if (!take_part(&s, &ns))
            return false;
    }
    /* the longest of all is rounded down: what it is shown as must be a duration, too */
    *out_ms = ns / ms + (ns % ms != 0 && ns / ms < INT64_MAX / ms);
    return true;
}

bool conf_to_word(struct span s, const char *words, int *out)
{
    struct span word, rest = span_of(words);

    for (int i = 0; rest.n > 0; i++) {
        span_cut(rest, '|', &word, &rest);
        while (word.n > 0) {
            struct span spelling;
            span_cut(word, '=', &spelling, &word);
            if (span_eq_nocase(s, spelling)) {
                *out = i;
                return true;
            }
        }
    }
    return false;
}

/* "error, warn, info or debug" */
static void add_words(struct buf *b, const char *words)
{
    struct span word, rest = span_of(words), other;

    for (bool first = true; rest.n > 0; first = false) {
        span_cut(rest, '|', &word, &rest);
        span_cut(word, '=', &word, &other);
        if (!first)
            buf_add_str(b, rest.n > 0 ? ", " : " or ");
        buf_add_span(b, word);
    }
}

void conf_add_expected(struct buf *b, const struct conf_option *o)
{
    buf_add_str(b, "expected ");
    switch (o->type) {
    case CONF_STRING:
        buf_add_str(b, "text without NUL bytes");
        return;
    case CONF_BOOL:
        buf_add_str(b, "true or false");
        return;
    case CONF_COUNT:
        buf_add_str(b, "a whole number");
        return;
    case CONF_SIZE:
        buf_add_str(b, "a size such as 4096, 64KiB or 4MiB");
        return;
    case CONF_DURATION:
        buf_add_str(b, "a duration such as 10s, 1h30m or 500ms");
        return;
    case CONF_ENUM:
        add_words(b, o->expects);
        return;
    case CONF_MAP:
        buf_add_str(b, "a mapping");
        return;
    case CONF_LATER:
    case CONF_REFUSED:
        buf_add_str(b, "nothing");
        return;
    }
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * conf_show: values that are in targets already: compared, copied, and written out again.
 */
#include "lib/conf_internal.h"

#include <inttypes.h>
#include <string.h>

static const void *at(const struct conf_option *o, const void *target)
{
    return (const char *)target + o->offset;
}

/* Of the C type; 0: the row has no value. */
static size_t size_of(const struct conf_option *o)
{
    switch (o->type) {
    case CONF_STRING:
        return sizeof(const char *);
    case CONF_BOOL:
        return sizeof(bool);
    case CONF_ENUM:
        return sizeof(int);
    case CONF_COUNT:
    case CONF_SIZE:
    case CONF_DURATION:
        return sizeof(uint64_t);
    case CONF_MAP:
    case CONF_LATER:
    case CONF_REFUSED:
        return 0;
    }
    return 0;
}

static bool same_pairs(const struct conf_map *a, const struct conf_map *b)
{
    const struct conf_pair *x = a->first, *y = b->first;

    for (; x != NULL && y != NULL; x = x->next, y = y->next)
        if (strcmp(x->key, y->key) != 0 || strcmp(x->value, y->value) != 0)
            return false;
    return x == y;
}

static void copy_pairs(struct conf_map *to, const struct conf_map *from, struct arena *a)
{
    struct conf_pair **end = &to->first;

    *end = NULL;
    for (const struct conf_pair *p = from->first; p != NULL; p = p->next) {
        *end = arena_alloc(a, sizeof(**end));
        **end = (struct conf_pair){.key = arena_str(a, span_of(p->key)),
                                   .value = arena_str(a, span_of(p->value)),
                                   .where = arena_str(a, span_of(p->where)),
                                   .source = p->source};
        end = &(*end)->next;
    }
}

bool conf_same(const struct conf_option *o, const void *a, const void *b)
{
    if (o->type == CONF_MAP)
        return same_pairs(at(o, a), at(o, b));
    if (o->type != CONF_STRING)
        return memcmp(at(o, a), at(o, b), size_of(o)) == 0;
    const char *const *x = at(o, a), *const *y = at(o, b);
    return strcmp(*x, *y) == 0;
}

void conf_copy(const struct conf_option *o, void *to, const void *from, struct arena *a)
{
    void *place = (char *)to + o->offset;
    const char *const *text = at(o, from);

    if (o->type == CONF_MAP)
        copy_pairs(place, at(o, from), a);
    else if (o->type == CONF_STRING)
        *(const char **)place = arena_str(a, span_of(*text));
    else
        memcpy(place, at(o, from), size_of(o));
}

/* As Go writes it, without parts that are 0: 1h30m, 500ms. */
static void add_duration(struct buf *b, uint64_t ms)
{
    static const struct {
        uint64_t ms;
        const char *unit;
    } units[] = {{3600000, "h"}, {60000, "m"}, {1000, "s"}, {1, "ms"}};

    if (ms == 0)
        buf_add_char(b, '0');
    for (size_t i = 0; i < array_len(units); i++) {
        if (ms >= units[i].ms)
            buf_printf(b, "%" PRIu64 "%s", ms / units[i].ms, units[i].unit);
        ms %= units[i].ms;
    }
}

/* The first spelling of a word of `expects`. */
static void add_word(struct buf *b, const char *words, int index)
{
    struct span word, rest = span_of(words), spelling, others;

    for (int i = 0; i <= index; i++)
        span_cut(rest, '|', &word, &rest);
    span_cut(word, '=', &spelling, &others);
    buf_add_span(b, spelling);
}

void conf_add_value(struct buf *b, const struct conf_option *o, const void *target)
{
    switch (o->type) {
    case CONF_STRING:
        buf_add_str(b, *(const char *const *)at(o, target));
        return;
    case CONF_BOOL:
        buf_add_str(b, *(const bool *)at(o, target) ? "true" : "false");
        return;
    case CONF_ENUM:
        add_word(b, o->expects, *(const int *)at(o, target));
        return;
    case CONF_COUNT:
    case CONF_SIZE:
        buf_printf(b, "%" PRIu64, *(const uint64_t *)at(o, target));
        return;
    case CONF_DURATION:
        add_duration(b, *(const uint64_t *)at(o, target));
        return;
    case CONF_MAP:
    case CONF_LATER:
    case CONF_REFUSED:
        return;
    }
}

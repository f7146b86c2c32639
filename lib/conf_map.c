/* SPDX-License-Identifier: Apache-2.0
 *
 * conf_map: the free keys below a row.
 */
#include "lib/conf_internal.h"

static bool is_at_or_below(struct span key, struct span top)
{
    if (top.n == 0 || span_eq_nocase(key, top))
        return true;
    return key.n > top.n && key.p[top.n] == '.' && span_eq_nocase(span_head(key, top.n), top);
}

void conf_map_drop(struct conf_map *m, enum conf_source below, struct span key)
{
    struct conf_pair **at = &m->first;

    while (*at != NULL) {
        if ((*at)->source < below && is_at_or_below(span_of((*at)->key), key))
            *at = (*at)->next;
        else
            at = &(*at)->next;
    }
}

static bool is_taken(const struct conf_map *m, enum conf_source above, struct span key)
{
    for (const struct conf_pair *p = m->first; p != NULL; p = p->next) {
        if (p->source > above && span_eq_nocase(span_of(p->key), key))
            return true;
    }
    return false;
}

static const char *place_text(const struct conf_place *at, struct arena *a)
{
    if (at->line == 0)
        return arena_str(a, span_of(at->name));
    return arena_printf(a, "%s:%zu", at->name, at->line);
}

void conf_map_add(struct conf_map *m, struct arena *a, const struct conf_place *at, struct span key,
                  struct conf_text text)
{
    struct conf_pair **end = &m->first;

    conf_map_drop(m, at->source, key);
    if (text.null || is_taken(m, at->source, key))
        return;
    while (*end != NULL)
        end = &(*end)->next;
    *end = arena_alloc(a, sizeof(**end));
    **end = (struct conf_pair){
        .key = arena_str(a, key),
        .value = arena_str(a, text.s),
        .where = place_text(at, a),
        .source = at->source,
    };
}

const struct conf_pair *conf_map_next(const struct conf_map *m, const char *key,
                                      const struct conf_pair *after)
{
    const struct conf_pair *p = after != NULL ? after->next : m->first;

    while (p != NULL && !span_eq_nocase(span_of(p->key), span_of(key)))
        p = p->next;
    return p;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * auth_options: [rule.NAME], [group.NAME] and the list of algorithms.
 */
#include <stdlib.h>

#include "server/auth_internal.h"

/* "ci.who" is `who` of "ci"; a name may have dots in it. */
static bool split(const char *key, struct span *name, struct span *field)
{
    return span_cut_last(span_of(key), '.', name, field) && name->n > 0;
}

static bool is_field(const struct conf_pair *p, struct span name, const char *field)
{
    struct span n, f;
    return split(p->key, &n, &f) && span_eq_nocase(n, name) && span_eq_nocase(f, span_of(field));
}

/* All values of a field, as one list; NULL: it is not given. */
static const char *field_of(const struct conf_map *m, struct span name, const char *field,
                            struct arena *a)
{
    const char *list = NULL;
    for (const struct conf_pair *p = m->first; p; p = p->next)
        if (is_field(p, name, field))
            list = list ? arena_printf(a, "%s,%s", list, p->value) : p->value;
    return list;
}

static bool is_first_of_its_name(const struct conf_map *m, const struct conf_pair *pair)
{
    struct span name, other, field;
    (void)split(pair->key, &name, &field);
    for (const struct conf_pair *p = m->first; p != pair; p = p->next)
        if (split(p->key, &other, &field) && span_eq_nocase(name, other))
            return false;
    return true;
}

/* Are there only fields of these names? */
static enum rc check_fields(const struct conf_map *m, const char *row, const char *const *fields,
                            struct fault *f)
{
    for (const struct conf_pair *p = m->first; p; p = p->next) {
        struct span name, field;
        bool known = false;
        if (!split(p->key, &name, &field))
            return fault(f, RC_INTERNAL, "%s: expected a section [%s.NAME]", p->where, row);
        for (const char *const *one = fields; *one; one++)
            known = known || span_eq_nocase(field, span_of(*one));
        if (!known)
            return fault(f, RC_INTERNAL, "%s: %s.%s: unknown option", p->where, row, p->key);
    }
    return RC_OK;
}

static size_t count_pairs(const struct conf_map *m)
{
    size_t n = 0;
    for (const struct conf_pair *p = m->first; p; p = p->next)
        n++;
    return n;
}

static size_t read_rules(const struct conf_map *m, struct rule_text *out, struct arena *a)
{
    size_t n = 0;
    for (const struct conf_pair *p = m->first; p; p = p->next) {
        struct span name, field;
        if (!split(p->key, &name, &field) || !is_first_of_its_name(m, p))
            continue;
        out[n++] = (struct rule_text){
            .where = arena_printf(a, "%s: rule.%.*s", p->where, SPAN_ARG(name)),
            .who = field_of(m, name, "who", a),
            .repositories = field_of(m, name, "repositories", a),
            .allow = field_of(m, name, "allow", a),
        };
    }
    return n;
}

static size_t read_groups(const struct conf_map *m, struct group_text *out, struct arena *a)
{
    size_t n = 0;
    for (const struct conf_pair *p = m->first; p; p = p->next) {
        struct span name, field;
        if (!split(p->key, &name, &field) || !is_first_of_its_name(m, p))
            continue;
        out[n++] = (struct group_text){
            .where = p->where,
            .name = arena_str(a, name),
            .members = field_of(m, name, "members", a),
        };
    }
    return n;
}

enum rc auth_make_rules(const struct config *c, struct rules **out, struct fault *f)
{
    static const char *const rule_fields[] = {"who", "repositories", "allow", NULL};
    static const char *const group_fields[] = {"members", NULL};
    struct arena a;
    enum rc rc = check_fields(&c->rules, "rule", rule_fields, f);
    if (rc == RC_OK)
        rc = check_fields(&c->groups, "group", group_fields, f);
    if (rc != RC_OK || !c->rules.first)
        return rc;
    arena_init(&a);
    struct rule_text *rules = arena_alloc(&a, count_pairs(&c->rules) * sizeof(*rules));
    struct group_text *groups = arena_alloc(&a, (count_pairs(&c->groups) + 1) * sizeof(*groups));
    size_t rule_count = read_rules(&c->rules, rules, &a);
    size_t group_count = read_groups(&c->groups, groups, &a);
    rc = rules_new(rules, rule_count, groups, group_count, out, f);
    arena_fini(&a);
    return rc;
}

enum rc auth_make_algs(const struct config *c, unsigned *out, struct fault *f)
{
    unsigned algs = 0;
    for (const struct conf_pair *p = c->token_algs.first; p; p = p->next) {
        struct span word, rest = span_of(p->value);
        while (rest.n > 0) {
            enum jws_alg alg;
            span_cut(rest, ',', &word, &rest);
            if (!jws_alg_find(span_trim(word), &alg))
                return fault(
                    f, RC_INTERNAL,
                    "%s: auth.token.signingalgorithms: expected EdDSA, or HS, RS, ES or PS "
                    "with 256, 384 or 512, got \"%.*s\"",
                    p->where, SPAN_ARG(span_trim(word)));
            algs |= 1U << alg;
        }
    }
    *out = algs ? algs : (1U << JWS_COUNT) - 1;
    return RC_OK;
}

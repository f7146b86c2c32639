/* SPDX-License-Identifier: Apache-2.0
 *
 * auth_rules: rules as lists of words, gone through from the first to the last.
 */
#include "server/auth_rules.h"

#include <stdlib.h>
#include <string.h>

#define EVERYTHING "**"

enum subject { SUBJECT_USER, SUBJECT_KNOWN, SUBJECT_EVERYBODY };

struct who {
    enum subject subject;
    struct span user; /* SUBJECT_USER */
    struct who *next;
};

struct glob {
    struct span pattern;
    struct glob *next;
};

struct rule {
    struct who *who;
    struct glob *repositories;
    unsigned rights;
};

struct rules {
    struct arena arena;
    struct rule *rules;
    size_t count;
};

/* ---- Making them. ----------------------------------------------------------------------- */

/* What making knows. */
struct maker {
    struct rules *out;
    const struct group_text *groups;
    size_t group_count;
    struct fault *fault;
};

/* The next of "a, b" without what is around it; false at the end. Empty ones are passed over. */
static bool next_word(struct span *list, struct span *out)
{
    while (list->n > 0) {
        span_cut(*list, ',', out, list);
        *out = span_trim(*out);
        if (out->n > 0)
            return true;
    }
    return false;
}

static void add_who(struct maker *m, struct rule *r, enum subject subject, struct span user)
{
    struct who *w = arena_alloc(&m->out->arena, sizeof(*w));
    *w = (struct who){subject, arena_span(&m->out->arena, user), r->who};
    r->who = w;
}

static enum rc add_group(struct maker *m, struct rule *r, const char *where, struct span name)
{
    for (size_t i = 0; i < m->group_count; i++) {
        struct span members = span_of(m->groups[i].members), user;
        if (!span_eq(span_of(m->groups[i].name), name))
            continue;
        while (next_word(&members, &user))
            add_who(m, r, SUBJECT_USER, user);
        return RC_OK;
    }
    return fault(m->fault, RC_INTERNAL, "%s: who: there is no [group.%.*s]", where, SPAN_ARG(name));
}

static enum rc add_one(struct maker *m, struct rule *r, const char *where, struct span word)
{
    const struct span user = SPAN("user:"), group = SPAN("group:");
    if (span_starts(word, user) && word.n > user.n)
        add_who(m, r, SUBJECT_USER, span_skip(word, user.n));
    else if (span_starts(word, group))
        return add_group(m, r, where, span_skip(word, group.n));
    else if (span_eq(word, SPAN("*")))
        add_who(m, r, SUBJECT_KNOWN, SPAN(""));
    else if (span_eq(word, SPAN("anonymous")))
        add_who(m, r, SUBJECT_EVERYBODY, SPAN(""));
    else
        return fault(m->fault, RC_INTERNAL,
                     "%s: who: expected user:NAME, group:NAME, * or anonymous, got \"%.*s\"", where,
                     SPAN_ARG(word));
    return RC_OK;
}

static enum rc read_who(struct maker *m, struct rule *r, const struct rule_text *t)
{
    struct span rest = span_of(t->who), word;
    size_t count = 0;
    for (; next_word(&rest, &word); count++) {
        enum rc rc = add_one(m, r, t->where, word);
        if (rc != RC_OK)
            return rc;
    }
    if (count == 0)
        return fault(m->fault, RC_INTERNAL, "%s: who: expected somebody", t->where);
    return RC_OK;
}

static void read_repositories(struct maker *m, struct rule *r, const struct rule_text *t)
{
    struct span rest = span_of(t->repositories ? t->repositories : EVERYTHING), word;
    while (next_word(&rest, &word)) {
        struct glob *g = arena_alloc(&m->out->arena, sizeof(*g));
        *g = (struct glob){arena_span(&m->out->arena, word), r->repositories};
        r->repositories = g;
    }
}

static enum rc read_allow(struct maker *m, struct rule *r, const struct rule_text *t)
{
    static const struct {
        const char *word;
        enum right right;
    } words[] = {{"pull", RIGHT_PULL},
                 {"push", RIGHT_PUSH},
                 {"delete", RIGHT_DELETE},
                 {"admin", RIGHT_ADMIN}};
    struct span rest = span_of(t->allow), word;
    while (next_word(&rest, &word)) {
        size_t i = 0;
        while (i < array_len(words) && !span_eq(word, span_of(words[i].word)))
            i++;
        if (i == array_len(words))
            return fault(m->fault, RC_INTERNAL,
                         "%s: allow: expected pull, push, delete or admin, got \"%.*s\"", t->where,
                         SPAN_ARG(word));
        r->rights |= words[i].right;
    }
    return RC_OK;
}

static bool is_about_everything(const struct rule *r)
{
    for (const struct glob *g = r->repositories; g; g = g->next)
        if (span_eq(g->pattern, SPAN(EVERYTHING)))
            return true;
    return false;
}

static enum rc read_rule(struct maker *m, struct rule *r, const struct rule_text *t)
{
    enum rc rc = read_who(m, r, t);
    if (rc != RC_OK)
        return rc;
    read_repositories(m, r, t);
    rc = read_allow(m, r, t);
    if (rc != RC_OK)
        return rc;
    if (!r->repositories)
        return fault(m->fault, RC_INTERNAL, "%s: repositories: expected at least one", t->where);
    if ((r->rights & RIGHT_ADMIN) && !is_about_everything(r))
        return fault(m->fault, RC_INTERNAL,
                     "%s: allow: admin is for rules about all repositories (" EVERYTHING ")",
                     t->where);
    return RC_OK;
}

enum rc rules_new(const struct rule_text *rules, size_t rule_count, const struct group_text *groups,
                  size_t group_count, struct rules **out, struct fault *f)
{
    struct rules *r = must_calloc(sizeof(*r));
    struct maker m = {r, groups, group_count, f};
    enum rc rc = RC_OK;
    arena_init(&r->arena);
    r->rules = arena_alloc(&r->arena, rule_count * sizeof(*r->rules));
    for (; r->count < rule_count && rc == RC_OK; r->count++)
        rc = read_rule(&m, &r->rules[r->count], &rules[r->count]);
    if (rc != RC_OK) {
        rules_free(r);
        return rc;
    }
    *out = r;
    return RC_OK;
}

void rules_free(struct rules *r)
{
    if (!r)
        return;
    arena_fini(&r->arena);
    free(r);
}

/* ---- Asking them. ----------------------------------------------------------------------- */

/* Where matching may go on from, when it has gone wrong. */
struct retry {
    size_t pattern, text;
    bool set;
};

/* One place to go back to for each kind of star is enough: what stands before the last "**" is
 * best matched as early as can be, and a "*" before the last one ends where its component does. */
static bool glob_matches(struct span p, struct span s)
{
    struct retry one = {0}, all = {0};
    size_t i = 0, k = 0;
    while (k < s.n || i < p.n) {
        if (i + 1 < p.n && p.p[i] == '*' && p.p[i + 1] == '*') {
            i += 2;
            all = (struct retry){i, k, true};
            one.set = false;
        } else if (i < p.n && p.p[i] == '*') {
            one = (struct retry){++i, k, true};
        } else if (i < p.n && k < s.n && p.p[i] == s.p[k]) {
            i++;
            k++;
        } else if (one.set && one.text < s.n && s.p[one.text] != '/') {
            i = one.pattern;
            k = ++one.text;
        } else if (all.set && all.text < s.n) {
            i = all.pattern;
            k = ++all.text;
            one.set = false;
        } else {
            return false;
        }
    }
    return true;
}

static bool speaks_of_user(const struct rule *r, struct span user)
{
    for (const struct who *w = r->who; w; w = w->next) {
        switch (w->subject) {
        case SUBJECT_EVERYBODY:
            return true;
        case SUBJECT_KNOWN:
            if (user.p)
                return true;
            break;
        case SUBJECT_USER:
            if (user.p && span_eq(w->user, user))
                return true;
            break;
        }
    }
    return false;
}

static bool speaks_of_repository(const struct rule *r, struct span repository)
{
    for (const struct glob *g = r->repositories; g; g = g->next)
        if (glob_matches(g->pattern, repository))
            return true;
    return false;
}

unsigned rules_rights(const struct rules *r, struct span user, struct span repository)
{
    for (const struct rule *rule = r->rules; rule < r->rules + r->count; rule++)
        if (speaks_of_user(rule, user) && speaks_of_repository(rule, repository))
            return rule->rights;
    return 0;
}

bool rules_admin(const struct rules *r, struct span user)
{
    for (const struct rule *rule = r->rules; rule < r->rules + r->count; rule++)
        if (speaks_of_user(rule, user) && is_about_everything(rule))
            return (rule->rights & RIGHT_ADMIN) != 0;
    return false;
}

bool rules_open(const struct rules *r)
{
    for (const struct rule *rule = r->rules; rule < r->rules + r->count; rule++)
        if (rule->rights != 0 && speaks_of_user(rule, (struct span){0}))
            return true;
    return false;
}

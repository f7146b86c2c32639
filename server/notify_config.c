/* SPDX-License-Identifier: Apache-2.0
 *
 * notify_config: free keys below notifications.endpoints, "NAME.url" in an ini file and "0.url" in
 * a yaml file, become endpoints.
 */
#include "server/notify_config.h"
#include "server/notify_send.h"

#include <stdlib.h>
#include <string.h>

enum { TIMEOUT_DEFAULT_MS = 1000, THRESHOLD_DEFAULT = 10, BACKOFF_DEFAULT_MS = 1000 };

/* An endpoint while it is read. */
struct draft {
    struct notify_target target; /* first */
    struct span id;              /* its key */
    const char *where;           /* its first line */
    bool disabled;
    struct draft *next;
};

struct reading {
    struct notify_config *to;
    struct draft *drafts;
    struct fault *fault;
};

static enum rc fail(const struct reading *r, const struct conf_pair *p, const char *expected)
{
    return fault(r->fault, RC_INTERNAL, "%s: notifications.endpoints.%s: expected %s", p->where,
                 p->key, expected);
}

/* ---- Values. ---------------------------------------------------------------------------- */

static void add_word(struct reading *r, struct notify_word **list, const char *s)
{
    while (*list)
        list = &(*list)->next;
    *list = arena_alloc(&r->to->arena, sizeof(**list));
    (*list)->s = s;
}

/* A list is the same key several times; in an ini file it may be "a, b", too. */
static bool next_word(struct span *rest, struct span *word)
{
    while (rest->n > 0) {
        (void)span_cut(*rest, ',', word, rest);
        *word = span_trim(*word);
        if (word->n > 0)
            return true;
    }
    return false;
}

static enum rc put_ignored_types(struct reading *r, struct notify_target *t,
                                 const struct conf_pair *p)
{
    struct span word, rest = span_of(p->value);
    while (next_word(&rest, &word))
        add_word(r, &t->ignored_types, arena_str(&r->to->arena, word));
    return RC_OK;
}

static enum rc put_ignored_actions(struct reading *r, struct notify_target *t,
                                   const struct conf_pair *p)
{
    struct span word, rest = span_of(p->value);
    while (next_word(&rest, &word)) {
        size_t a = 0;
        while (a < EVENT_ACTIONS &&
               !span_eq(word, span_of(event_action_name((enum event_action)a))))
            a++;
        if (a == EVENT_ACTIONS)
            return fail(r, p, "pull, push, mount or delete");
        t->ignored_actions[a] = true;
    }
    return RC_OK;
}

/* Zero is the default, as in the registry image. */
static enum rc put_duration(struct reading *r, uint64_t *to, const struct conf_pair *p)
{
    uint64_t ms;
    if (!conf_to_duration(span_of(p->value), &ms))
        return fail(r, p, "a duration such as 10s, 1h30m or 500ms");
    *to = ms > 0 ? ms : *to;
    return RC_OK;
}

static enum rc put_timeout(struct reading *r, struct notify_target *t, const struct conf_pair *p)
{
    return put_duration(r, &t->timeout, p);
}

static enum rc put_backoff(struct reading *r, struct notify_target *t, const struct conf_pair *p)
{
    return put_duration(r, &t->backoff, p);
}

static enum rc put_threshold(struct reading *r, struct notify_target *t, const struct conf_pair *p)
{
    uint64_t n;
    if (!span_to_u64(span_of(p->value), &n))
        return fail(r, p, "a whole number");
    t->threshold = n > 0 ? n : t->threshold;
    return RC_OK;
}

static enum rc put_disabled(struct reading *r, struct notify_target *t, const struct conf_pair *p)
{
    struct draft *d = container_of(t, struct draft, target);
    return conf_to_bool(span_of(p->value), &d->disabled) ? RC_OK : fail(r, p, "true or false");
}

static enum rc put_name(struct reading *r, struct notify_target *t, const struct conf_pair *p)
{
    (void)r;
    t->name = p->value[0] ? p->value : t->name;
    return RC_OK;
}

static bool has_control(const char *s)
{
    for (; *s; s++) {
        if ((unsigned char)*s < ' ' || *s == 0x7f)
            return true;
    }
    return false;
}

static enum rc put_url(struct reading *r, struct notify_target *t, const struct conf_pair *p)
{
    struct span s = span_of(p->value);
    bool http = span_starts(s, SPAN("http://")) || span_starts(s, SPAN("https://"));
    if (!http || has_control(p->value) || strchr(p->value, ' '))
        return fail(r, p, "an http or https URL");
    t->url = p->value;
    return RC_OK;
}

/* The rest of the key is the header's name. */
static enum rc put_header(struct reading *r, struct notify_target *t, const char *name,
                          const struct conf_pair *p)
{
    if (name[0] == '\0' || strpbrk(name, ": ") || has_control(name) || has_control(p->value))
        return fail(r, p, "a header: no control characters, and a name without colons");
    add_word(r, &t->headers, arena_printf(&r->to->arena, "%s: %s", name, p->value));
    return RC_OK;
}

/* ---- Keys. ------------------------------------------------------------------------------ */

typedef enum rc put_fn(struct reading *r, struct notify_target *t, const struct conf_pair *p);

static put_fn *find_field(struct span field)
{
    static const struct {
        const char *name;
        put_fn *put;
    } fields[] = {
        {"name", put_name},
        {"url", put_url},
        {"disabled", put_disabled},
        {"timeout", put_timeout},
        {"threshold", put_threshold},
        {"backoff", put_backoff},
        {"ignoredmediatypes", put_ignored_types},
        {"ignore.mediatypes", put_ignored_types},
        {"ignore.actions", put_ignored_actions},
    };
    for (size_t i = 0; i < array_len(fields); i++) {
        if (span_eq_nocase(field, span_of(fields[i].name)))
            return fields[i].put;
    }
    return NULL;
}

static struct draft *find_draft(struct reading *r, struct span id, const struct conf_pair *p)
{
    struct draft **at = &r->drafts;
    while (*at && !span_eq_nocase((*at)->id, id))
        at = &(*at)->next;
    if (*at)
        return *at;
    *at = arena_alloc(&r->to->arena, sizeof(**at));
    **at = (struct draft){.id = id, .where = p->where};
    (*at)->target = (struct notify_target){
        .name = arena_str(&r->to->arena, id),
        .url = "",
        .timeout = TIMEOUT_DEFAULT_MS,
        .threshold = THRESHOLD_DEFAULT,
        .backoff = BACKOFF_DEFAULT_MS,
    };
    return *at;
}

static enum rc put_pair(struct reading *r, const struct conf_pair *p)
{
    static const struct span headers = SPAN("headers.");
    struct span id, field;
    if (!span_cut(span_of(p->key), '.', &id, &field) || id.n == 0)
        return fail(r, p, "a list of endpoints, or a section for each");
    struct notify_target *t = &find_draft(r, id, p)->target;
    if (field.n > headers.n && span_eq_nocase(span_head(field, headers.n), headers))
        return put_header(r, t, field.p + headers.n, p);
    put_fn *put = find_field(field);
    return put ? put(r, t, p) : fail(r, p, "nothing: it is no option");
}

/* ---- All of it. ------------------------------------------------------------------------- */

/* Each has a queue of its name. */
static bool is_taken(const struct reading *r, const char *name)
{
    for (const struct notify_target *t = r->to->targets; t; t = t->next) {
        if (strcmp(t->name, name) == 0)
            return true;
    }
    return false;
}

static enum rc take_drafts(struct reading *r)
{
    struct notify_target **end = &r->to->targets;
    for (struct draft *d = r->drafts; d; d = d->next) {
        struct notify_target *t = &d->target;
        if (d->disabled)
            continue;
        if (t->url[0] == '\0')
            return fault(r->fault, RC_INTERNAL, "%s: notifications.endpoints.%.*s: has no url",
                         d->where, SPAN_ARG(d->id));
        if (is_taken(r, t->name))
            return fault(r->fault, RC_INTERNAL,
                         "%s: notifications.endpoints.%.*s: there are two of this name", d->where,
                         SPAN_ARG(d->id));
        *end = t;
        end = &t->next;
    }
    return RC_OK;
}

static enum rc read_all(struct reading *r, const struct conf_map *m)
{
    enum rc rc = RC_OK;
    for (const struct conf_pair *p = m->first; p && rc == RC_OK; p = p->next) {
        struct conf_pair copy = *p; /* the options may be freed before these */
        copy.key = arena_str(&r->to->arena, span_of(p->key));
        copy.value = arena_str(&r->to->arena, span_of(p->value));
        copy.where = arena_str(&r->to->arena, span_of(p->where));
        rc = put_pair(r, &copy);
    }
    return rc == RC_OK ? take_drafts(r) : rc;
}

enum rc notify_config_make(const struct config *c, struct notify_config **out, struct fault *f)
{
    struct notify_config *n = must_calloc(sizeof(*n));
    struct reading r = {.to = n, .fault = f};
    arena_init(&n->arena);
    n->directory = arena_printf(&n->arena, "%s/run/notify", c->root_directory);
    n->queue_events = c->notify_queue_events;
    n->queue_bytes = c->notify_queue_bytes;
    enum rc rc = read_all(&r, &c->notify_endpoints);
    if (rc == RC_OK)
        *out = n;
    else
        notify_config_free(n);
    return rc;
}

void notify_config_free(struct notify_config *n)
{
    if (!n)
        return;
    arena_fini(&n->arena);
    free(n);
}

enum rc notify_config_check(const struct config *c, struct fault *f)
{
    struct notify_config *n = NULL;
    enum rc rc = notify_config_make(c, &n, f);
    if (rc == RC_OK && n->targets)
        rc = sender_check(f);
    notify_config_free(n);
    return rc;
}

bool notify_target_wants(const struct notify_target *t, enum event_action action,
                         const char *media_type)
{
    if (t->ignored_actions[action])
        return false;
    for (const struct notify_word *w = t->ignored_types; w && media_type; w = w->next) {
        if (strcmp(w->s, media_type) == 0)
            return false;
    }
    return true;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * health_options: the option health.file, a list of mappings, made ready.
 */
#include "server/health.h"

enum { INTERVAL_DEFAULT_MS = 10 * 1000 };

static enum rc put_interval(const struct conf_pair *p, struct health_file *out, struct fault *f)
{
    if (p && !conf_to_duration(span_of(p->value), &out->interval))
        return fault(f, RC_INTERNAL, "%s: health.file.%s: expected a duration such as 10s",
                     p->where, p->key);
    return RC_OK;
}

/* The pairs are "NAME.file" and "NAME.interval", where a list has numbers for names. A path that
 * stands alone is a file, too. */
static enum rc put(struct config *c, const struct conf_pair *p, struct fault *f)
{
    struct span number, name, key = span_of(p->key);
    struct health_file *out = &c->health_files[c->health_file_count];
    bool dotted = span_cut_last(key, '.', &number, &name);
    if (dotted && span_eq(name, SPAN("interval")))
        return RC_OK; /* with its file */
    if (dotted && !span_eq(name, SPAN("file")))
        return fault(f, RC_INTERNAL, "%s: health.file.%s: expected NAME.file or NAME.interval",
                     p->where, p->key);
    *out = (struct health_file){.path = p->value, .interval = INTERVAL_DEFAULT_MS};
    c->health_file_count++;
    if (!dotted)
        return RC_OK;
    const char *interval = arena_printf(&c->arena, "%.*s.interval", SPAN_ARG(number));
    return put_interval(conf_map_next(&c->health_paths, interval, NULL), out, f);
}

enum rc health_settle(struct config *c, struct fault *f)
{
    size_t count = 0;
    enum rc rc = RC_OK;
    for (const struct conf_pair *p = c->health_paths.first; p; p = p->next)
        count++;
    c->health_files = arena_alloc(&c->arena, (count + 1) * sizeof(*c->health_files));
    for (const struct conf_pair *p = c->health_paths.first; p && rc == RC_OK; p = p->next)
        rc = put(c, p, f);
    return rc;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * logs: the level, the shape and the fields of lines.
 */
#include "server/logs.h"

#include <string.h>
#include <unistd.h>

#include "lib/log.h"

/* A name that can stand before "=", and is none of a line's own: logrus does that, too. */
static enum rc settle_field(const struct conf_pair *p, struct arena *a, struct log_field *out,
                            struct fault *f)
{
    static const char *const own[] = {"time", "level", "msg", "@timestamp", "@version", "message"};
    *out = (struct log_field){p->key, span_of(p->value)};
    if (p->key[0] == '\0')
        return fault(f, RC_INTERNAL, "%s: log.fields: expected names with values", p->where);
    for (const char *c = p->key; *c; c++)
        if (*c <= ' ' || *c == 0x7f || *c == '=' || *c == '"')
            return fault(f, RC_INTERNAL,
                         "%s: log.fields: expected a name without blanks, quotes and =", p->where);
    for (size_t i = 0; i < array_len(own); i++)
        if (strcmp(p->key, own[i]) == 0)
            out->key = arena_printf(a, "fields.%s", p->key);
    return RC_OK;
}

static enum rc settle_fields(struct config *c, struct fault *f)
{
    size_t count = 0;
    for (const struct conf_pair *p = c->log_fields.first; p; p = p->next)
        count++;
    c->fields = arena_alloc(&c->arena, (count + 1) * sizeof(*c->fields));
    count = 0;
    for (const struct conf_pair *p = c->log_fields.first; p; p = p->next) {
        enum rc rc = settle_field(p, &c->arena, &c->fields[count++], f);
        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}

enum rc logs_settle(struct config *c, struct fault *f)
{
    if (conf_source_of(c->conf, "loglevel") != CONF_FROM_DEFAULT &&
        conf_source_of(c->conf, "log.level") == CONF_FROM_DEFAULT) {
        conf_warn(c->conf, "loglevel: deprecated, the option is log.level");
        c->log_level = c->loglevel;
    }
    return settle_fields(c, f);
}

void logs_configure(const struct config *c)
{
    log_setup((enum log_level)c->log_level, (enum log_format)c->log_format, STDERR_FILENO);
    log_set_fields(c->fields);
}

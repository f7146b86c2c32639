/* SPDX-License-Identifier: Apache-2.0
 *
 * config_text: the options as text: for help, for the README, and as they are in effect.
 */
#include "server/config.h"

#include <string.h>

static bool has_value(const struct conf_option *o)
{
    return o->type != CONF_LATER && o->type != CONF_REFUSED;
}

bool config_is_option(struct span key)
{
    for (size_t i = 0; i < config_table_count; i++)
        if (span_eq(span_of(config_table[i].key), key))
            return true;
    return key.n > 0 && memchr(key.p, '.', key.n) != NULL;
}

void config_add_help(struct buf *b)
{
    buf_add_str(b,
                "Options (\"http.addr\" is addr in [http] of an ini file, addr: below http: of a "
                "yaml file,\nthe environment's REGISTRY_HTTP_ADDR, and the flag --http.addr):\n");
    for (size_t i = 0; i < config_table_count; i++) {
        const struct conf_option *o = &config_table[i];
        if (has_value(o))
            buf_printf(b, "  %s (%s)\n      %s\n", o->key, o->initial[0] ? o->initial : "empty",
                       o->help);
    }
}

/* A cell of a table: a bar would end it. */
static void add_cell(struct buf *b, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '|')
            buf_add_char(b, '\\');
        buf_add_char(b, *text);
    }
}

void config_add_reference(struct buf *b)
{
    buf_add_str(b, "| option | default | |\n|---|---|---|\n");
    for (size_t i = 0; i < config_table_count; i++) {
        const struct conf_option *o = &config_table[i];
        if (!has_value(o))
            continue;
        buf_printf(b, "| `%s` | ", o->key);
        if (o->initial[0] != '\0')
            buf_printf(b, "`%s`", o->initial);
        buf_add_str(b, " | ");
        add_cell(b, o->help);
        buf_add_str(b, (o->rules & CONF_RESTART) != 0 ? " (*restart*) |\n" : " |\n");
    }
}

/* ---- What is in effect. ----------------------------------------------------------------- */

/* A value with a line's end in it must not look like two options. */
static void add_line(struct buf *b, struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        buf_add_char(b, c < ' ' || c == 0x7f ? '?' : s.p[i]);
    }
}

/* "https://user:password@host/": who is named there is nobody's business either. */
static void add_without_user(struct buf *b, struct span value)
{
    struct span authority, path, user, host;
    const char *scheme = memmem(value.p, value.n, "://", strlen("://"));
    size_t n = scheme != NULL ? (size_t)(scheme - value.p) + strlen("://") : 0;

    span_cut(span_skip(value, n), '/', &authority, &path);
    if (n > 0 && span_cut_last(authority, '@', &user, &host)) {
        add_line(b, span_head(value, n));
        buf_add_str(b, "***");
        value = span_skip(value, n + user.n);
    }
    add_line(b, value);
}

static void add_shown(struct buf *b, const struct conf_option *o, const char *key,
                      struct span value)
{
    if (value.n > 0 && conf_is_secret(o, key))
        buf_add_str(b, "***");
    else if (value.n > 0)
        add_without_user(b, value);
}

static void add_option(struct buf *b, const struct config *c, const struct conf_option *o)
{
    struct buf value;

    buf_init(&value);
    conf_add_value(&value, o, c);
    buf_printf(b, "%s = ", o->key);
    add_shown(b, o, o->key, buf_span(&value));
    buf_add_str(b, "  ; ");
    conf_add_source(b, c->conf, o->key);
    buf_add_char(b, '\n');
    buf_fini(&value);
}

static void add_pairs(struct buf *b, const struct config *c, const struct conf_option *o)
{
    const struct conf_map *m = (const void *)((const char *)c + o->offset);

    for (const struct conf_pair *p = m->first; p != NULL; p = p->next) {
        buf_printf(b, "%s%s%s = ", o->key, p->key[0] != '\0' ? "." : "", p->key);
        add_shown(b, o, p->key, span_of(p->value));
        buf_printf(b, "  ; %s\n", p->source == CONF_FROM_FLAG ? "flag" : p->where);
    }
}

void config_add_effective(struct buf *b, const struct config *c)
{
    for (size_t i = 0; i < config_table_count; i++) {
        const struct conf_option *o = &config_table[i];
        if (o->type == CONF_MAP)
            add_pairs(b, c, o);
        else if (has_value(o))
            add_option(b, c, o);
    }
}

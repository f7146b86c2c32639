/* SPDX-License-Identifier: Apache-2.0
 *
 * conf_env: options from REGISTRY_ variables.
 */
#include "lib/conf_internal.h"

#include <stdlib.h>
#include <string.h>

#define PREFIX "REGISTRY_"

/* Kubernetes sets variables for each service that a pod can see, and a service may well be
 * called "registry" or "registry-auth": REGISTRY_PORT=tcp://…, REGISTRY_AUTH_SERVICE_HOST=….
 * No option has such a name. */
static bool names_a_service(const char *name)
{
    const char *port = strstr(name, "_PORT");
    size_t n = strlen("_PORT");

    if (strstr(name, "_SERVICE_HOST") != NULL || strstr(name, "_SERVICE_PORT") != NULL)
        return true;
    if (port == NULL)
        return false;
    return port[n] == '\0' || (port[n] == '_' && port[n + 1] >= '0' && port[n + 1] <= '9');
}

/* REGISTRY_HTTP_ADDR: http.addr */
static void add_key(struct buf *b, const char *name)
{
    for (const char *p = name + strlen(PREFIX); *p != '\0'; p++) {
        if (*p == '_')
            buf_add_char(b, '.');
        else
            buf_add_char(b, *p >= 'A' && *p <= 'Z' ? (char)(*p - 'A' + 'a') : *p);
    }
}

/* The registry image's variables are called after the fields of its code, not all of which are
 * called after the keys. */
static void restore_field(struct buf *key)
{
    static const struct {
        const char *field, *key;
    } rows[] = {
        {"notifications.eventconfig.", "notifications.events."},
        {"health.filecheckers", "health.file"},
        {"health.httpcheckers", "health.http"},
        {"health.tcpcheckers", "health.tcp"},
    };
    for (size_t i = 0; i < array_len(rows); i++) {
        struct span field = span_of(rows[i].field);
        if (!span_starts(buf_span(key), field))
            continue;
        struct buf fixed;
        buf_init(&fixed);
        buf_add_str(&fixed, rows[i].key);
        buf_add_span(&fixed, span_skip(buf_span(key), field.n));
        buf_fini(key);
        *key = fixed;
        return;
    }
}

/* A variable's name has only one sign for the dots and the underscores of a key. */
static void restore_underscores(const struct conf *c, struct buf *key)
{
    const struct conf_option *o = conf_find_spelled(c, buf_span(key));

    if (o == NULL)
        return;
    buf_clear(key);
    buf_add_str(key, o->key);
}

static enum rc put_scalar(struct conf *c, const struct conf_place *at, struct span value,
                          struct fault *f)
{
    struct conf_text text = {.null = false};
    struct buf b;

    buf_init(&b);
    conf_read_yaml_scalar(value, &b, &text.null);
    text.s = buf_span(&b);
    enum rc rc = conf_put(c, at, at->says, text, f);
    buf_fini(&b);
    return rc;
}

/* The value of a free key is text, unless it looks like a list or a mapping, as one of several
 * lines does: "*" is not yaml. */
static bool is_yaml(const struct conf *c, struct span key, struct span value)
{
    struct span s = span_trim(value);

    if (conf_is_section(c, key))
        return true;
    if (!conf_is_free(c, key) || s.n == 0)
        return false;
    return s.p[0] == '[' || s.p[0] == '{' || memchr(s.p, '\n', s.n) != NULL;
}

/* An option that has a section, too, is a choice: of a storage, of an auth. Who misspells it meant
 * one, and would have lost it without a word: the registry image does not start then, either. */
static bool is_below_a_choice(const struct conf *c, struct span key)
{
    struct span top, rest;

    return span_cut(key, '.', &top, &rest) && conf_find(c, top) != NULL && conf_is_section(c, top);
}

static enum rc put_variable(struct conf *c, const struct conf_place *at, struct span value,
                            struct fault *f)
{
    bool section = is_yaml(c, at->says, value);
    bool service = names_a_service(at->name), known = section || conf_find(c, at->says) != NULL;

    if (!service && !known && is_below_a_choice(c, at->says))
        return conf_fail(at, at->says, f, "unknown option");
    if (service || !known) {
        conf_warn_at(c, at, SPAN(""), "unknown variable, ignored");
        return RC_OK;
    }
    if (section)
        return conf_read_yaml_section(c, at, at->says, value, f);
    return put_scalar(c, at, value, f);
}

/* variable is NAME=VALUE. */
static enum rc load_variable(struct conf *c, const char *variable, struct fault *f)
{
    struct span name, value;
    struct buf name_text, key;

    span_cut(span_of(variable), '=', &name, &value);
    if (span_eq(name, SPAN(PREFIX "CONFIGURATION_PATH")))
        return RC_OK;
    buf_init(&name_text);
    buf_init(&key);
    conf_add_shown(&name_text, name);
    add_key(&key, name_text.p);
    restore_field(&key);
    restore_underscores(c, &key);
    struct conf_place at = {
        .source = CONF_FROM_ENV,
        .name = name_text.p,
        .says = buf_span(&key),
    };
    enum rc rc = put_variable(c, &at, value, f);
    buf_fini(&key);
    buf_fini(&name_text);
    return rc;
}

static int compare(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;

    return strcmp(*x, *y);
}

enum rc conf_load_env(struct conf *c, char *const *env, struct fault *f)
{
    size_t count = 0;
    enum rc rc = RC_OK;

    for (char *const *p = env; *p != NULL; p++)
        count++;
    const char **sorted = must_calloc((count + 1) * sizeof(*sorted));
    count = 0;
    for (char *const *p = env; *p != NULL; p++) {
        if (span_starts(span_of(*p), SPAN(PREFIX)))
            sorted[count++] = *p;
    }
    /* By name, as the registry image takes them: a section before what is below it. */
    qsort(sorted, count, sizeof(*sorted), compare);
    for (size_t i = 0; i < count && rc == RC_OK; i++)
        rc = load_variable(c, sorted[i], f);
    free(sorted);
    return rc;
}

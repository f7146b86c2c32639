/* SPDX-License-Identifier: Apache-2.0
 *
 * config: the order in which the options' sources are read, and what is settled then.
 */
#include "server/config.h"

#include <stdlib.h>
#include <string.h>

#include "server/address.h"
#include "server/files.h"
#include "server/headers.h"
#include "server/health.h"
#include "server/limits.h"
#include "server/logs.h"
#include "server/url.h"

enum { LIST_DEFAULT = 1000, THREADS_DEFAULT = 8 };
enum { RATE_MIN = 64 << 10 };
enum { GRACE_MIN_MS = 1000, SLICE_MIN_MS = 1, SLICE_MAX_MS = 1000 };

static void settle_gc(struct config *c)
{
    if (c->gc_grace < GRACE_MIN_MS) {
        c->gc_grace = GRACE_MIN_MS;
        conf_warn(c->conf, "gc.grace: less than 1s is not safe, 1s is used");
    }
    if (c->gc_slice < SLICE_MIN_MS)
        c->gc_slice = SLICE_MIN_MS;
    if (c->gc_slice > SLICE_MAX_MS)
        c->gc_slice = SLICE_MAX_MS;
}

/* What nobody has asked for must not make a small file system useless: space.h. */
static void settle_space(struct config *c)
{
    c->min_free_given = conf_source_of(c->conf, "storage.minfree") != CONF_FROM_DEFAULT;
}

static void settle_verify(struct config *c)
{
    if (c->verify_rate > 0 && c->verify_rate < RATE_MIN)
        c->verify_rate = RATE_MIN;
}

static void settle_doors(struct config *c)
{
    if (c->admin_socket[0] == '\0')
        c->admin_socket = arena_printf(&c->arena, "%s/run/admin.sock", c->root_directory);
}

/* TLS 1.0 and 1.1 are not spoken by today's OpenSSL, nor by any client that is left. */
static void settle_tls(struct config *c)
{
    if (c->tls_minimum <= TLS_MINIMUM_1_3)
        return;
    c->tls_minimum = TLS_MINIMUM_1_2;
    conf_warn(c->conf, "http.tls.minimumtls: TLS 1.0 and 1.1 are not safe, tls1.2 is used");
}

/* The registry image does not care for one without a scheme, either: Locations are as clients ask.
 */
static void settle_host(struct config *c)
{
    if (c->http_host[0] != '\0' && url_public(c).n == 0)
        conf_warn(c->conf,
                  "http.host: expected a URL such as https://hub.example.org, got \"%s\": "
                  "it is not used",
                  c->http_host);
}

/* An auth that is mentioned is meant, whatever is missing of it: else it would be open to all. A
 * section that is there counts, even with nothing in it. */
static bool is_mentioned(const struct config *c, const char *section, const char *const *values)
{
    bool given = conf_source_of(c->conf, section) != CONF_FROM_DEFAULT;

    for (; *values != NULL; values++)
        given = given || **values != '\0';
    return given;
}

static enum rc settle_auth(struct config *c, struct fault *f)
{
    const char *const for_htpasswd[] = {c->htpasswd_realm, c->htpasswd_path, NULL};
    const char *const for_token[] = {c->token_realm,  c->token_service, c->token_issuer,
                                     c->token_bundle, c->token_jwks,    NULL};
    bool htpasswd = c->auth_type == AUTH_HTPASSWD || is_mentioned(c, "auth.htpasswd", for_htpasswd);
    bool token = c->auth_type == AUTH_TOKEN || is_mentioned(c, "auth.token", for_token) ||
                 c->token_algs.first || c->token_autoredirect ||
                 strcmp(c->token_autoredirect_path, TOKEN_PATH) != 0;

    if (htpasswd && token)
        return fault(f, RC_INTERNAL, "auth: expected htpasswd or token, got both");
    if (htpasswd || token)
        c->auth_type = htpasswd ? AUTH_HTPASSWD : AUTH_TOKEN;
    return RC_OK;
}

/* Values that are settled together, or that the registry image takes in its own way. */
static void settle(struct config *c)
{
    settle_gc(c);
    settle_space(c);
    settle_verify(c);
    settle_doors(c);
    settle_tls(c);
    settle_host(c);
    if (c->max_threads == 0)
        c->max_threads = THREADS_DEFAULT;
    if (c->max_threads < CONFIG_THREADS_MIN)
        c->max_threads = CONFIG_THREADS_MIN;
    if (c->max_threads > CONFIG_THREADS_MAX)
        c->max_threads = CONFIG_THREADS_MAX;
    if (c->catalog_max == 0)
        c->catalog_max = LIST_DEFAULT;
    if (c->tags_max == 0)
        c->tags_max = LIST_DEFAULT;
}

static enum rc load_file(struct config *c, const char *path, struct fault *f)
{
    struct buf text;

    buf_init(&text);
    enum rc rc = files_read(c->from, NULL, path, CONFIG_FILE_MAX, &text, f);
    c->file_whole = span_ends(buf_span(&text), SPAN("\n"));
    if (rc == RC_OK)
        rc = conf_load_file(c->conf, path, buf_span(&text), f);
    buf_fini(&text);
    return rc;
}

const char *config_file_of(const struct config_sources *from)
{
    const struct span name = SPAN("REGISTRY_CONFIGURATION_PATH=");

    if (from->path != NULL)
        return from->path;
    for (char *const *env = from->env; *env != NULL; env++) {
        if (span_starts(span_of(*env), name) && (*env)[name.n] != '\0')
            return *env + name.n;
    }
    return NULL;
}

static enum rc fail_value(const char *expected, const char *got, struct fault *f)
{
    struct buf shown;

    buf_init(&shown);
    buf_add_str(&shown, "");
    conf_add_shown(&shown, span_of(got));
    enum rc rc = fault(f, RC_INTERNAL, "%s, got \"%s\"", expected, shown.p);
    buf_fini(&shown);
    return rc;
}

static enum rc check_addresses(const struct config *c, struct fault *f)
{
    const char *const rows[][2] = {
        {"http.addr: expected host:port or :port", c->http_addr},
        {"http.debug.addr: expected host:port or :port", c->debug_addr},
        {"admin.addr: expected host:port or :port", c->admin_addr},
    };
    struct address unused;
    for (size_t i = 0; i < array_len(rows); i++)
        if (!address_read(span_of(rows[i][1]), &unused))
            return fail_value(rows[i][0], rows[i][1], f);
    return RC_OK;
}

static enum rc check(struct config *c, struct fault *f)
{
    struct span prefix = span_of(c->http_prefix), slash = SPAN("/");
    enum rc rc = check_addresses(c, f);
    if (rc != RC_OK)
        return rc;
    if (c->metrics_path[0] != '/')
        return fail_value("http.debug.prometheus.path: expected a path", c->metrics_path, f);
    if (prefix.n == 0 || (span_starts(prefix, slash) && span_ends(prefix, slash)))
        return headers_build(&c->http_headers, &c->arena, &c->extra_headers, f);
    return fail_value("http.prefix: a path that begins and ends with a slash", c->http_prefix, f);
}

static enum rc load_flags(struct conf *conf, const struct config_sources *from, struct fault *f)
{
    enum rc rc = RC_OK;
    struct buf where;

    buf_init(&where);
    for (size_t i = 0; i < from->flag_count && rc == RC_OK; i++) {
        const struct config_flag *flag = &from->flags[i];
        buf_clear(&where);
        buf_printf(&where, "--%.*s", SPAN_ARG(flag->key));
        rc = conf_set(conf, CONF_FROM_FLAG, where.p, flag->key, flag->value, f);
    }
    buf_fini(&where);
    return rc;
}

static enum rc load_all(struct config *c, const struct config_sources *from, struct fault *f)
{
    const char *path = config_file_of(from);
    c->file_whole = true;
    enum rc rc = path != NULL ? load_file(c, path, f) : RC_OK;

    if (rc == RC_OK)
        rc = conf_load_env(c->conf, from->env, f);
    return rc == RC_OK ? load_flags(c->conf, from, f) : rc;
}

enum rc config_load(const struct config_sources *from, struct config **out, struct fault *f)
{
    struct config *c = must_calloc(sizeof(*c));

    arena_init(&c->arena);
    c->conf = conf_new(config_table, config_table_count, c);
    c->from = from;
    enum rc rc = load_all(c, from, f);
    if (rc == RC_OK)
        rc = check(c, f);
    if (rc == RC_OK)
        rc = logs_settle(c, f);
    if (rc == RC_OK)
        rc = settle_auth(c, f);
    if (rc == RC_OK)
        rc = limits_settle(c, f);
    if (rc == RC_OK)
        rc = health_settle(c, f);
    if (rc != RC_OK) {
        config_free(c);
        return rc;
    }
    settle(c);
    *out = c;
    return RC_OK;
}

enum rc config_check_whole(const struct config *c, const struct config *running, struct fault *f)
{
    if (c->file_whole || !running->file_whole)
        return RC_OK;
    return fault(f, RC_INTERNAL, "the file is empty or ends within a line: is it half written?");
}

static bool is_given(const struct config *c, const struct conf_option *o)
{
    return conf_source_of(c->conf, o->key) != CONF_FROM_DEFAULT;
}

/* A default that is made of another option is no one's mistake. */
static void keep(struct config *c, const struct config *running, const struct conf_option *o)
{
    if (is_given(c, o) || is_given(running, o))
        conf_warn(c->conf, "%s: has changed, but that takes a restart: it stays as it is", o->key);
    conf_copy(o, c, running, &c->arena);
}

const char *config_follow(struct config *c, const struct config *running)
{
    const char *changed = "";

    for (const struct conf_option *o = config_table; o < config_table + config_table_count; o++) {
        if (conf_same(o, c, running))
            continue;
        if ((o->rules & CONF_RESTART) != 0)
            keep(c, running, o);
        else
            changed = arena_printf(&c->arena, "%s%s%s", changed, *changed ? ", " : "", o->key);
    }
    return changed;
}

void config_free(struct config *c)
{
    if (c == NULL)
        return;
    conf_free(c->conf);
    arena_fini(&c->arena);
    free(c);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * config: the table of options, and the order in which their sources are read.
 * registry.ini shows the options to people; a test fails when the two differ.
 */
#include "server/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"

enum { LOG_FORMAT_LOGSTASH = LOG_JSON + 1, LIST_DEFAULT = 1000, THREADS_DEFAULT = 8 };
enum { GRACE_MIN_MS = 1000, SLICE_MIN_MS = 1, SLICE_MAX_MS = 1000 };

_Static_assert(LOG_ERROR == 0 && LOG_WARN == 1 && LOG_INFO == 2 && LOG_DEBUG == 3,
               "the words of log.level stand in this order");
_Static_assert(LOG_TEXT == 0 && LOG_JSON == 1, "the words of log.formatter stand in this order");

#define AT(member) offsetof(struct config, member)
#define LATER(key, help)                                                                           \
    {                                                                                              \
        key, CONF_LATER, 0, NULL, CONF_RESTART, NULL, help                                         \
    }
/* initial: a value that changes nothing, and so is no reason to refuse. */
#define REFUSED(key, initial, help)                                                                \
    {                                                                                              \
        key, CONF_REFUSED, 0, initial, CONF_RESTART, NULL, help                                    \
    }
#define NO_AUTH "auth is not supported yet: refusing to start without it"
#define NO_TLS "TLS is not supported yet: refusing to start without it"
#define NO_PROXY                                                                                   \
    "a pull-through cache is not supported yet: refusing to start as one that takes pushes"
#define NO_DRIVER "there is no such storage driver here, only filesystem"

const struct conf_option config_table[] = {
    {"http.addr", CONF_STRING, AT(http_addr), ":5000", CONF_RESTART, NULL,
     "address to listen on: host:port, or :port for all addresses"},
    {"http.net", CONF_ENUM, AT(http_net), "tcp", CONF_RESTART, "tcp", "kind of that address"},
    {"http.host", CONF_STRING, AT(http_host), "", CONF_RELOAD, NULL,
     "URL under which clients reach the server; empty: as they say themselves"},
    {"http.prefix", CONF_STRING, AT(http_prefix), "", CONF_RESTART, NULL,
     "path before /v2/ in every URL, such as /registry/"},
    {"http.relativeurls", CONF_BOOL, AT(relative_urls), "false", CONF_RELOAD, NULL,
     "answer with URLs that have no host"},
    {"http.draintimeout", CONF_DURATION, AT(drain_timeout), "8s", CONF_RELOAD, NULL,
     "on SIGTERM, how long running requests may take to end; 0: they are cut off"},
    {"http.secret", CONF_STRING, AT(http_secret), "", CONF_RELOAD, NULL,
     "accepted and of no effect: this server keeps no state at the client"},
    {"http.timeout.head", CONF_DURATION, AT(timeout_head), "30s", CONF_RELOAD, NULL,
     "how long the head of a request may take to arrive"},
    {"http.timeout.idle", CONF_DURATION, AT(timeout_idle), "2m", CONF_RELOAD, NULL,
     "how long a connection may wait for its next request"},
    {"http.timeout.stall", CONF_DURATION, AT(timeout_stall), "5m", CONF_RELOAD, NULL,
     "how long no byte of a body may move in either direction"},
    LATER("http.headers", "headers added to each answer"),
    LATER("http.http2", "HTTP/2"),
    LATER("http.h2c", "HTTP/2 without TLS"),
    {"http.debug.addr", CONF_STRING, AT(debug_addr), "", CONF_RESTART, NULL,
     "address of a second listener, for health and metrics; empty: there is none"},
    {"http.debug.prometheus.enabled", CONF_BOOL, AT(metrics_enabled), "false", CONF_RELOAD, NULL,
     "metrics for Prometheus at that address"},
    {"http.debug.prometheus.path", CONF_STRING, AT(metrics_path), METRICS_PATH, CONF_RELOAD, NULL,
     "path of the metrics: " METRICS_PATH " is what there is"},
    REFUSED("http.tls", "", NO_TLS),
    REFUSED("http.tls.certificate", "", NO_TLS),
    REFUSED("http.tls.key", "", NO_TLS),
    REFUSED("http.tls.letsencrypt.cachefile", "", NO_TLS),
    REFUSED("http.tls.letsencrypt.email", "", NO_TLS),

    {"storage", CONF_ENUM, AT(storage_driver), "filesystem", CONF_RESTART, "filesystem",
     "where things are stored"},
    {"storage.filesystem.rootdirectory", CONF_STRING, AT(root_directory), "/var/lib/registry",
     CONF_RESTART, NULL, "directory of the data; a volume of the registry image will do"},
    {"storage.filesystem.maxthreads", CONF_COUNT, AT(max_threads), "8", CONF_RESTART, NULL,
     "threads that work on files: 4 to 64, what is outside is brought inside; 0: the default"},
    {"storage.delete.enabled", CONF_BOOL, AT(delete_enabled), "false", CONF_RELOAD, NULL,
     "allow clients to delete manifests, tags and blobs"},
    {"storage.maintenance.readonly.enabled", CONF_BOOL, AT(readonly), "false", CONF_RELOAD, NULL,
     "refuse all that would change something"},
    {"storage.maintenance.uploadpurging.enabled", CONF_BOOL, AT(purge_enabled), "true", CONF_RELOAD,
     NULL, "remove uploads that were abandoned"},
    {"storage.maintenance.uploadpurging.age", CONF_DURATION, AT(purge_age), "168h", CONF_RELOAD,
     NULL, "how long an upload has received nothing when it counts as abandoned"},
    {"storage.maintenance.uploadpurging.interval", CONF_DURATION, AT(purge_interval), "24h",
     CONF_RELOAD, NULL, "how often they are looked for; 0: never"},
    {"storage.maintenance.uploadpurging.dryrun", CONF_BOOL, AT(purge_dry_run), "false", CONF_RELOAD,
     NULL, "log what would be removed, and remove nothing"},
    LATER("storage.cache", "cache of blob descriptors"),
    LATER("storage.redirect", "redirects to an object store"),
    LATER("storage.tag", "concurrency of tag lookups"),
    REFUSED("storage.inmemory", NULL, NO_DRIVER),
    REFUSED("storage.s3", NULL, NO_DRIVER),
    REFUSED("storage.azure", NULL, NO_DRIVER),
    REFUSED("storage.gcs", NULL, NO_DRIVER),
    REFUSED("storage.swift", NULL, NO_DRIVER),
    REFUSED("storage.oss", NULL, NO_DRIVER),

    {"gc.interval", CONF_DURATION, AT(gc_interval), "0", CONF_RELOAD, NULL,
     "how often garbage is collected by itself, such as 24h; 0: only on demand"},
    {"gc.delete_untagged", CONF_BOOL, AT(gc_delete_untagged), "false", CONF_RELOAD, NULL,
     "manifests that no tag leads to are garbage too"},
    {"gc.grace", CONF_DURATION, AT(gc_grace), "1h", CONF_RELOAD, NULL,
     "how long what was uploaded or asked for waits for its manifest; at least 1s"},
    {"gc.writes", CONF_ENUM, AT(gc_writes), "hold", CONF_RELOAD, "hold|refuse",
     "pushes meanwhile: hold serves them, refuse answers 503"},
    {"gc.slice", CONF_DURATION, AT(gc_slice), "10ms", CONF_RELOAD, NULL,
     "how long the collection works before it looks whether clients want something: 1ms to 1s"},

    {"admin.addr", CONF_STRING, AT(admin_addr), "", CONF_RESTART, NULL,
     "address on which administrators are served, without any check; empty: there is none"},
    {"admin.socket", CONF_STRING, AT(admin_socket), "", CONF_RESTART, NULL,
     "socket on which they are; empty: run/admin.sock in the root directory"},

    {"log.level", CONF_ENUM, AT(log_level), "info", CONF_RELOAD, "error|warn=warning|info|debug",
     "the least important lines to log: error, warn, info or debug"},
    {"log.formatter", CONF_ENUM, AT(log_format), "text", CONF_RELOAD, "text|json|logstash",
     "shape of a line: text or json (logstash is taken as json)"},
    {"log.accesslog.disabled", CONF_BOOL, AT(accesslog_disabled), "false", CONF_RELOAD, NULL,
     "no line on standard output for each request"},
    LATER("log.fields", "fields added to each line"),
    LATER("log.hooks", "mail on errors"),
    LATER("log.reportcaller", "the place in the source that logs"),
    LATER("loglevel", "deprecated name of log.level"),

    {"catalog.maxentries", CONF_COUNT, AT(catalog_max), "1000", CONF_RELOAD, NULL,
     "most repositories in one page of the catalog; 0: the default"},
    {"tags.maxtags", CONF_COUNT, AT(tags_max), "1000", CONF_RELOAD, NULL,
     "most tags that a client may ask for in one page; 0: the default"},

    REFUSED("auth", "none", NO_AUTH),
    LATER("middleware", "plug-ins of the registry image"),
    LATER("reporting", "error reporting services"),
    LATER("notifications", "webhooks"),
    LATER("redis", "cache in redis"),
    REFUSED("proxy", "", NO_PROXY),
    LATER("health", "health checks"),
    LATER("validation", "rules for manifests"),
    LATER("policy", "classes of repositories"),
    LATER("compatibility", "manifests of schema 1"),
};
const size_t config_table_count = array_len(config_table);

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

static void settle_doors(struct config *c)
{
    if (c->admin_socket[0] == '\0')
        c->admin_socket = arena_printf(&c->arena, "%s/run/admin.sock", c->root_directory);
    if (strcmp(c->metrics_path, METRICS_PATH) == 0)
        return;
    conf_warn(c->conf, "http.debug.prometheus.path: only " METRICS_PATH " is supported yet");
    c->metrics_path = METRICS_PATH;
}

/* Values that are settled together, or that the registry image takes in its own way. */
static void settle(struct config *c)
{
    settle_gc(c);
    settle_doors(c);
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
    if (c->log_format == LOG_FORMAT_LOGSTASH) {
        c->log_format = LOG_JSON;
        conf_warn(c->conf, "log.formatter: logstash is not supported yet, json is used");
    }
}

static enum rc read_open_file(FILE *file, const char *path, struct buf *out, struct fault *f)
{
    char piece[4096];
    size_t n;

    while ((n = fread(piece, 1, sizeof(piece), file)) > 0) {
        buf_add(out, piece, n);
        if (out->n > CONFIG_FILE_MAX)
            return fault(f, RC_INTERNAL, "%s: larger than 1 MiB", path);
    }
    if (ferror(file))
        return fault(f, RC_INTERNAL, "%s: cannot read it: %s", path, strerror(errno));
    return RC_OK;
}

static enum rc load_file(struct conf *conf, const char *path, struct fault *f)
{
    FILE *file = fopen(path, "rbe");
    struct buf text;

    if (file == NULL)
        return fault(f, RC_INTERNAL, "%s: cannot open it: %s", path, strerror(errno));
    buf_init(&text);
    enum rc rc = read_open_file(file, path, &text, f);
    fclose(file);
    if (rc == RC_OK)
        rc = conf_load_file(conf, path, buf_span(&text), f);
    buf_fini(&text);
    return rc;
}

const char *config_path_of(char *const *env)
{
    const struct span name = SPAN("REGISTRY_CONFIGURATION_PATH=");

    for (; *env != NULL; env++) {
        if (span_starts(span_of(*env), name) && (*env)[name.n] != '\0')
            return *env + name.n;
    }
    return NULL;
}

static enum rc check(const struct config *c, struct fault *f)
{
    struct span prefix = span_of(c->http_prefix), slash = SPAN("/");
    if (prefix.n == 0 || (span_starts(prefix, slash) && span_ends(prefix, slash)))
        return RC_OK;
    return fault(f, RC_INTERNAL,
                 "http.prefix: a path that begins and ends with a slash, got \"%s\"",
                 c->http_prefix);
}

enum rc config_load(const char *path, char *const *env, struct config **out, struct fault *f)
{
    struct config *c = must_calloc(sizeof(*c));
    enum rc rc = RC_OK;

    arena_init(&c->arena);
    c->conf = conf_new(config_table, config_table_count, c);
    if (path == NULL)
        path = config_path_of(env);
    if (path != NULL)
        rc = load_file(c->conf, path, f);
    if (rc == RC_OK)
        rc = conf_load_env(c->conf, env, f);
    if (rc == RC_OK)
        rc = check(c, f);
    if (rc != RC_OK) {
        config_free(c);
        return rc;
    }
    settle(c);
    *out = c;
    return RC_OK;
}

void config_free(struct config *c)
{
    if (c == NULL)
        return;
    conf_free(c->conf);
    arena_fini(&c->arena);
    free(c);
}

void config_add_help(struct buf *b)
{
    buf_add_str(b,
                "Options (\"http.addr\" is addr in [http] of an ini file, addr: below http: of a "
                "yaml file,\nand the environment's REGISTRY_HTTP_ADDR):\n");
    for (size_t i = 0; i < config_table_count; i++) {
        const struct conf_option *o = &config_table[i];
        if (o->type == CONF_LATER || o->type == CONF_REFUSED)
            continue;
        buf_printf(b, "  %s (%s)\n      %s\n", o->key, o->initial[0] ? o->initial : "empty",
                   o->help);
    }
}

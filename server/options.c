/* SPDX-License-Identifier: Apache-2.0
 *
 * options: the table of all options, a row each. registry.ini shows them to people; a test fails
 * when the two differ.
 */
#include "lib/log.h"
#include "server/config.h"

_Static_assert(LOG_ERROR == 0 && LOG_WARN == 1 && LOG_INFO == 2 && LOG_DEBUG == 3,
               "the words of log.level stand in this order");
_Static_assert(LOG_TEXT == 0 && LOG_JSON == 1 && LOG_LOGSTASH == 2,
               "the words of log.formatter stand in this order");

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
#define NO_ACME                                                                                    \
    "certificates from Let's Encrypt are not supported: another program gets them, and "           \
    "http.tls.certificate names the file"
#define NO_SILLY "it lets everybody in who says anything: there is no such auth here"
#define NO_HTPASSWD "expected path, and maybe realm"
#define NO_TOKEN                                                                                   \
    "expected realm, service, issuer, and rootcertbundle or jwks; maybe signingalgorithms, "       \
    "autoredirect, autoredirectpath"
#define NO_PROXY                                                                                   \
    "a pull-through cache is not supported yet: refusing to start as one that takes pushes"
#define NO_DRIVER "there is no such storage driver here, only filesystem"

const struct conf_option config_table[] = {
    {"http.addr", CONF_STRING, AT(http_addr), ":5000", CONF_RELOAD, NULL,
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
    {"http.secret", CONF_STRING, AT(http_secret), "", CONF_RELOAD | CONF_SECRET, NULL,
     "accepted and of no effect: this server keeps no state at the client"},
    {"http.timeout.head", CONF_DURATION, AT(timeout_head), "30s", CONF_RELOAD, NULL,
     "how long the head of a request may take to arrive"},
    {"http.timeout.idle", CONF_DURATION, AT(timeout_idle), "2m", CONF_RELOAD, NULL,
     "how long a connection may wait for its next request"},
    {"http.timeout.stall", CONF_DURATION, AT(timeout_stall), "5m", CONF_RELOAD, NULL,
     "how long no byte of a body may move in either direction"},
    {"http.limits.connections", CONF_COUNT, AT(connections_max), "16384", CONF_RELOAD, NULL,
     "most connections at once; more are closed with a 503; 0: no such limit"},
    {"http.limits.perclient", CONF_COUNT, AT(per_client_max), "0", CONF_RELOAD, NULL,
     "most connections at once from one address; 0: no such limit"},
    {"http.limits.head", CONF_SIZE, AT(head_max), "64KiB", CONF_RELOAD, NULL,
     "largest head of a request: 4KiB to 1MiB"},
    {"http.limits.manifest", CONF_SIZE, AT(manifest_max), "4MiB", CONF_RELOAD, NULL,
     "largest manifest that is accepted: 4KiB to 4MiB"},
    {"http.headers", CONF_MAP, AT(http_headers), "", CONF_RELOAD, NULL,
     "headers added to the answers, such as X-Content-Type-Options = nosniff"},
    {"http.http2.disabled", CONF_BOOL, AT(http2_disabled), "false", CONF_RELOAD, NULL,
     "accepted and of no effect: HTTP/1.1 is what there is"},
    LATER("http.h2c", "HTTP/2 without TLS"),
    {"http.debug.addr", CONF_STRING, AT(debug_addr), "", CONF_RELOAD, NULL,
     "address of a second listener, for health and metrics; empty: there is none"},
    {"http.debug.prometheus.enabled", CONF_BOOL, AT(metrics_enabled), "false", CONF_RELOAD, NULL,
     "metrics for Prometheus at that address"},
    {"http.debug.prometheus.path", CONF_STRING, AT(metrics_path), METRICS_PATH, CONF_RELOAD, NULL,
     "path of the metrics"},
    {"http.tls.certificate", CONF_STRING, AT(tls_certificate), "", CONF_RELOAD, NULL,
     "file with the certificate and those between it and the CA, in PEM; empty: no TLS"},
    {"http.tls.key", CONF_STRING, AT(tls_key), "", CONF_RELOAD, NULL,
     "file with the certificate's private key, in PEM, not encrypted"},
    {"http.tls.minimumtls", CONF_ENUM, AT(tls_minimum), "tls1.2", CONF_RELOAD,
     "tls1.2|tls1.3|tls1.0|tls1.1", "oldest version that clients may use: tls1.2 or tls1.3"},
    {"http.tls.ciphersuites", CONF_MAP, AT(tls_cipher_suites), "", CONF_RELOAD, NULL,
     "cipher suites for TLS 1.2, in the registry image's names; the best one comes first"},
    {"http.tls.clientcas", CONF_MAP, AT(tls_client_cas), "", CONF_RELOAD, NULL,
     "files with the CAs of clients' certificates, in PEM; with them, clients need one"},
    {"http.tls.clientauth", CONF_ENUM, AT(tls_client_auth), "require-and-verify-client-cert",
     CONF_RELOAD,
     "require-and-verify-client-cert|request-client-cert|require-any-client-cert|"
     "verify-client-cert-if-given",
     "what is asked of clients, if it is not a certificate of those CAs"},
    REFUSED("http.tls.letsencrypt", "", NO_ACME),
    REFUSED("http.tls.letsencrypt.cachefile", "", NO_ACME),
    REFUSED("http.tls.letsencrypt.email", "", NO_ACME),
    REFUSED("http.tls.letsencrypt.directoryurl", "", NO_ACME),

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
    {"storage.minfree", CONF_SIZE, AT(min_free), "64MiB", CONF_RELOAD, NULL,
     "free space that pushes must leave, by default no more than a tenth of all; they get a 507 "
     "otherwise; 0: all may be used"},
    {"storage.maintenance.uploadpurging.enabled", CONF_BOOL, AT(purge_enabled), "true", CONF_RELOAD,
     NULL, "remove uploads that were abandoned"},
    {"storage.maintenance.uploadpurging.age", CONF_DURATION, AT(purge_age), "168h", CONF_RELOAD,
     NULL, "how long ago an upload was begun that counts as abandoned"},
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

    {"verify.interval", CONF_DURATION, AT(verify_interval), "720h", CONF_RELOAD, NULL,
     "how often all that is stored is read and compared with its digest; 0: only on demand"},
    {"verify.rate", CONF_SIZE, AT(verify_rate), "4MiB", CONF_RELOAD, NULL,
     "how much of it is read in a second, at least 64KiB; 0: as much as clients leave"},

    {"admin.addr", CONF_STRING, AT(admin_addr), "", CONF_RELOAD, NULL,
     "address on which administrators are served; checked only if there is auth; empty: none"},
    {"admin.socket", CONF_STRING, AT(admin_socket), "", CONF_RESTART, NULL,
     "socket on which they are; empty: run/admin.sock in the root directory"},

    {"sandbox.enabled", CONF_BOOL, AT(sandbox_enabled), "true", CONF_RESTART, NULL,
     "keep this process from what is not its data, where the kernel has Landlock"},

    {"log.level", CONF_ENUM, AT(log_level), "info", CONF_RELOAD, "error|warn=warning|info|debug",
     "the least important lines to log: error, warn, info or debug"},
    {"log.formatter", CONF_ENUM, AT(log_format), "text", CONF_RELOAD, "text|json|logstash",
     "shape of a line: text, json, or json with the names of logstash"},
    {"log.fields", CONF_MAP, AT(log_fields), "", CONF_RELOAD, NULL,
     "fields added to each line, such as environment = staging"},
    {"log.accesslog.disabled", CONF_BOOL, AT(accesslog_disabled), "false", CONF_RELOAD, NULL,
     "no line on standard output for each request"},
    {"log.accesslog.formatter", CONF_ENUM, AT(accesslog_format), "combined", CONF_RELOAD,
     "combined|json", "shape of those lines: combined, as web servers have it, or json"},
    LATER("log.hooks", "mail on errors"),
    LATER("log.reportcaller", "the place in the source that logs"),
    {"loglevel", CONF_ENUM, AT(loglevel), "info", CONF_RELOAD, "error|warn=warning|info|debug",
     "deprecated name of log.level, which wins"},

    {"catalog.maxentries", CONF_COUNT, AT(catalog_max), "1000", CONF_RELOAD, NULL,
     "most repositories in one page of the catalog; 0: the default"},
    {"tags.maxtags", CONF_COUNT, AT(tags_max), "1000", CONF_RELOAD, NULL,
     "most tags that a client may ask for in one page; 0: the default"},

    {"auth", CONF_ENUM, AT(auth_type), "none", CONF_RELOAD, "none|htpasswd|token",
     "how clients say who they are; what has options below is meant without this, too"},
    REFUSED("auth.htpasswd", NULL, NO_HTPASSWD),
    {"auth.htpasswd.realm", CONF_STRING, AT(htpasswd_realm), "", CONF_RELOAD, NULL,
     "what clients show to people when they ask for a password; empty: Registry"},
    {"auth.htpasswd.path", CONF_STRING, AT(htpasswd_path), "", CONF_RELOAD, NULL,
     "file of users and their passwords' hashes; bcrypt is what counts"},
    REFUSED("auth.token", NULL, NO_TOKEN),
    {"auth.token.realm", CONF_STRING, AT(token_realm), "", CONF_RELOAD, NULL,
     "URL where clients get tokens"},
    {"auth.token.service", CONF_STRING, AT(token_service), "", CONF_RELOAD, NULL,
     "what this registry is called there; the aud of tokens"},
    {"auth.token.issuer", CONF_STRING, AT(token_issuer), "", CONF_RELOAD, NULL,
     "who gives them; the iss of tokens"},
    {"auth.token.rootcertbundle", CONF_STRING, AT(token_bundle), "", CONF_RELOAD, NULL,
     "file of certificates in PEM whose keys sign tokens, or certificates for such keys"},
    {"auth.token.jwks", CONF_STRING, AT(token_jwks), "", CONF_RELOAD, NULL,
     "file of keys that sign tokens, a JWK set"},
    {"auth.token.signingalgorithms", CONF_MAP, AT(token_algs), "", CONF_RELOAD, NULL,
     "EdDSA, and HS, RS, ES, PS with 256, 384, 512: those that count; empty: all of them"},
    {"auth.token.autoredirect", CONF_BOOL, AT(token_autoredirect), "false", CONF_RELOAD, NULL,
     "clients get tokens on the host that they speak to, whatever the realm says"},
    {"auth.token.autoredirectpath", CONF_STRING, AT(token_autoredirect_path), TOKEN_PATH,
     CONF_RELOAD, NULL, "the path there"},
    REFUSED("auth.silly", NULL, NO_SILLY),
    {"rule", CONF_MAP, AT(rules), "", CONF_RELOAD, NULL,
     "[rule.NAME] who, repositories, allow: with auth.htpasswd, who may do what"},
    {"group", CONF_MAP, AT(groups), "", CONF_RELOAD, NULL,
     "[group.NAME] members: users that rules name together"},
    LATER("middleware", "plug-ins of the registry image"),
    LATER("reporting", "error reporting services"),
    {"notifications.events.includereferences", CONF_BOOL, AT(notify_references), "false",
     CONF_RELOAD, NULL, "tell what a manifest refers to, too"},
    {"notifications.endpoints", CONF_MAP, AT(notify_endpoints), "", CONF_RELOAD, NULL,
     "who is told of pushes, pulls, mounts and deletions: NAME.url and so on"},
    {"notifications.queue.events", CONF_COUNT, AT(notify_queue_events), "10000", CONF_RELOAD, NULL,
     "most events that wait for one endpoint; more are dropped, and counted"},
    {"notifications.queue.bytes", CONF_SIZE, AT(notify_queue_bytes), "64MiB", CONF_RELOAD, NULL,
     "most bytes of those"},
    LATER("redis", "cache in redis"),
    REFUSED("proxy", "", NO_PROXY),
    REFUSED("proxy.remoteurl", "", NO_PROXY),
    LATER("proxy.username", "user of a pull-through cache"),
    LATER("proxy.password", "password of a pull-through cache"),
    LATER("proxy.ttl", "age of what a pull-through cache keeps"),
    {"health.storagedriver.enabled", CONF_BOOL, AT(health_storage), "true", CONF_RELOAD, NULL,
     "look whether the storage can be read and written, and has storage.minfree left"},
    {"health.storagedriver.interval", CONF_DURATION, AT(health_interval), "10s", CONF_RELOAD, NULL,
     "how often"},
    {"health.storagedriver.threshold", CONF_COUNT, AT(health_threshold), "3", CONF_RELOAD, NULL,
     "how often in a row that must fail before the server counts as ill"},
    {"health.file", CONF_MAP, AT(health_paths), "", CONF_RELOAD, NULL,
     "files that take the server out of service while they exist"},
    LATER("health.http", "health checks of other servers"),
    LATER("health.tcp", "health checks of other servers"),
    LATER("validation", "rules for manifests"),
    LATER("policy", "classes of repositories"),
    LATER("compatibility", "manifests of schema 1"),
};
const size_t config_table_count = array_len(config_table);

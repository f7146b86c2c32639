/* SPDX-License-Identifier: Apache-2.0
 *
 * config: the options of the server, as a struct. Constant once it is loaded; a reload makes
 * another one (settings.h). Loop thread, or any before there is a loop.
 */
#ifndef SERVER_CONFIG_H
#define SERVER_CONFIG_H

#include "lib/arena.h"
#include "lib/buf.h"
#include "lib/conf.h"

/* What becomes of a push while garbage is collected. */
enum gc_writes {
    GC_WRITES_HOLD,  /* it waits for as long as one file takes to remove */
    GC_WRITES_REFUSE /* 503 */
};

/* http.tls.clientauth. Without http.tls.clientcas there is nothing to verify, and the default asks
 * for no certificate. */
enum tls_client_auth {
    TLS_CLIENT_VERIFIED,
    TLS_CLIENT_ASKED, /* one that is given is looked at by nobody */
    TLS_CLIENT_ANY,
    TLS_CLIENT_VERIFIED_IF_GIVEN
};

enum tls_minimum { TLS_MINIMUM_1_2, TLS_MINIMUM_1_3 };
enum accesslog_format { ACCESSLOG_COMBINED, ACCESSLOG_JSON };

struct log_field;

/* How it is found out who somebody is. */
enum auth_type { AUTH_NONE, AUTH_HTPASSWD, AUTH_TOKEN };

struct health_file {
    const char *path;
    uint64_t interval;
};

/* Times are milliseconds. Strings are never NULL. */
struct config {
    /* http */
    const char *http_addr;   /* "host:port"; an empty host is all addresses, empty: any free port */
    int http_net;            /* an index: tcp */
    const char *http_host;   /* the URL clients see; empty: what they say in Host */
    const char *http_prefix; /* "/x/": what stands before /v2/ in every path; empty: nothing */
    bool relative_urls;
    uint64_t drain_timeout;  /* 0: no drain */
    const char *http_secret; /* of no effect */
    uint64_t timeout_head;
    uint64_t timeout_idle;
    uint64_t timeout_stall;
    uint64_t connections_max, per_client_max; /* at the public door; 0: no such limit */
    uint64_t head_max, manifest_max;          /* bytes; 0: as the code has them */
    struct conf_map http_headers;             /* as given … */
    struct span extra_headers;                /* … and as they go out */
    const char *tls_certificate, *tls_key;    /* empty: no TLS (tls.h) */
    struct conf_map tls_client_cas;           /* files; the keys mean nothing */
    struct conf_map tls_cipher_suites;        /* names; the keys mean nothing */
    int tls_client_auth;                      /* enum tls_client_auth */
    int tls_minimum;                          /* enum tls_minimum */
    bool http2_disabled;                      /* of no effect */
    const char *debug_addr;                   /* as http_addr; empty: there is none */
    bool metrics_enabled;
    const char *metrics_path;

    /* admin */
    const char *admin_addr;   /* as http_addr; empty: there is none */
    const char *admin_socket; /* never empty: by default in the root directory */

    /* storage */
    int storage_driver; /* an index: filesystem */
    const char *root_directory;
    uint64_t max_threads; /* CONFIG_THREADS_MIN to CONFIG_THREADS_MAX */
    bool delete_enabled;
    bool readonly;
    uint64_t min_free; /* bytes below which nothing is uploaded; 0: no such limit */
    bool min_free_given;
    bool purge_enabled; /* abandoned uploads */
    bool purge_dry_run;
    uint64_t purge_age, purge_interval; /* 0: never */

    /* gc */
    uint64_t gc_grace;
    uint64_t gc_interval; /* 0: off */
    uint64_t gc_slice;
    bool gc_delete_untagged;
    int gc_writes; /* enum gc_writes */

    /* verify */
    uint64_t verify_interval; /* 0: never */
    uint64_t verify_rate;     /* bytes in a second; 0: no limit */

    /* auth; what belongs together is looked at by auth.c */
    int auth_type; /* enum auth_type: what was said, or what has options */
    const char *htpasswd_realm, *htpasswd_path;
    const char *token_realm, *token_service, *token_issuer;
    const char *token_bundle, *token_jwks; /* paths; empty: there is none */
    struct conf_map token_algs;            /* a list; empty: all */
    bool token_autoredirect;
    const char *token_autoredirect_path;
    struct conf_map rules, groups; /* "NAME.who", …; "NAME.members" */

    /* log */
    int log_level;  /* enum log_level */
    int log_format; /* enum log_format */
    int loglevel;   /* what log_level is, if only the old name is given */
    bool accesslog_disabled;
    int accesslog_format;       /* enum accesslog_format */
    struct conf_map log_fields; /* as given … */
    struct log_field *fields;   /* … and as log_set_fields takes them; NULL: none */

    /* notifications */
    struct conf_map notify_endpoints; /* as given (notify_config.h) */
    bool notify_references;
    uint64_t notify_queue_events, notify_queue_bytes; /* for each endpoint */

    /* health */
    bool health_storage; /* is the storage probed? */
    uint64_t health_interval;
    uint64_t health_threshold;        /* failures, one after the other, that count; 0: 1 */
    struct conf_map health_paths;     /* as given … */
    struct health_file *health_files; /* … and as they are looked for */
    size_t health_file_count;

    bool sandbox_enabled;

    /* lists; never 0 */
    uint64_t catalog_max;
    uint64_t tags_max;

    bool file_whole; /* the file's last line has its end; no file has, too */

    const struct config_sources *from; /* borrowed */
    struct arena arena;                /* of values that are made of others */
    struct conf *conf; /* owned: the strings, the warnings, and where each value came from */
};

#define METRICS_PATH "/metrics" /* by default, and in the table of endpoints */
#define TOKEN_PATH "/auth/token"

enum { CONFIG_THREADS_MIN = 4, CONFIG_THREADS_MAX = 64, CONFIG_FILE_MAX = 1024 * 1024 };

/* All options, those that this server only knows by name too. */
extern const struct conf_option config_table[];
extern const size_t config_table_count;

/* --KEY=VALUE of the command line, whose memory it is. */
struct config_flag {
    struct span key, value;
};

struct keeper;

/* Where the options come from; the later one wins. All borrowed. */
struct config_sources {
    const char *path; /* NULL: the file that REGISTRY_CONFIGURATION_PATH names, else none */
    char *const *env;
    const struct config_flag *flags;
    size_t flag_count;
    struct keeper *keeper; /* opens files; NULL: the process itself may */
};

/* Defaults, then the sources. RC_INTERNAL with a line for a person.
 * The warnings are for the caller to log: conf_warning(out->conf, i). from outlives *out. */
enum rc config_load(const struct config_sources *from, struct config **out,
                    struct fault *f) MUST_CHECK;
/* The file that is read; NULL if there is none. */
const char *config_file_of(const struct config_sources *from);
void config_free(struct config *c);

/* RC_INTERNAL with a line for a person if the file looks as if it were still being written: it is
 * empty, or its last line has lost the end that it had when `running` was read. What is cut off at
 * the end of a line looks like any other file. */
enum rc config_check_whole(const struct config *c, const struct config *running,
                           struct fault *f) MUST_CHECK;
/* c is to follow `running`: options that take a restart stay as they are there, with a warning
 * each. Returns the keys of the others that differ, joined by ", ", in c's memory; empty: none. */
const char *config_follow(struct config *c, const struct config *running);

/* May the key be an option's? What stands below one that takes any key is one, too. */
bool config_is_option(struct span key);
/* The options with their defaults, for `help`, and as the table in the README. */
void config_add_help(struct buf *b);
void config_add_reference(struct buf *b);
/* "key = value  ; where it comes from", a line each; secrets are "***". */
void config_add_effective(struct buf *b, const struct config *c);

#endif

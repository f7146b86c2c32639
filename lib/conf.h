/* SPDX-License-Identifier: Apache-2.0
 *
 * conf: one table of options, fed from defaults, a file, the environment and
 * flags; the later source wins.
 *
 * A row gives an option its name, type, default, place in a struct, reload rule
 * and help text; everything that speaks of options is derived from the table.
 * The key is the path in the registry image's config.yml joined by dots
 * ("http.addr"). In an ini file the section is the path up to the last dot
 * ("[http] addr = …"); in the environment it is REGISTRY_HTTP_ADDR.
 * Bytes in, values out: the caller reads the file. Loop thread.
 */
#ifndef LIB_CONF_H
#define LIB_CONF_H

#include "lib/arena.h"
#include "lib/buf.h"
#include "lib/rc.h"
#include "lib/span.h"

/* What a row's text becomes, and the C type at its offset. */
enum conf_type {
    CONF_STRING,   /* const char *, never NULL; the conf's memory */
    CONF_BOOL,     /* bool: true|false|yes|no|on|off|y|n (YAML 1.1), in any case */
    CONF_COUNT,    /* uint64_t */
    CONF_SIZE,     /* uint64_t bytes: 4096, 64KiB or 64k, 4MiB or 4m, 1GiB or 1g */
    CONF_DURATION, /* uint64_t milliseconds: 10s, 1h30m, 500ms (Go's form), rounded up; bare 0 */
    CONF_ENUM,     /* int: index of the word in `expects`, "error|warn=warning|info|debug";
                      a word behind "=" is another spelling of the one before it */
    CONF_MAP,      /* struct conf_map: whatever keys stand below it */
    CONF_LATER,    /* the registry image has it, this server not yet: named in a warning */
    CONF_REFUSED   /* as CONF_LATER, but going on without it would be unsafe: an error, whose
                      words are the row's help. A value that says `initial`, or nothing
                      at all, is accepted; with `initial` NULL the mere mention is an error. */
};

/* What else holds for an option; or'ed. */
enum conf_rule {
    CONF_RELOAD = 0,  /* a reload changes it */
    CONF_RESTART = 1, /* only a restart does */
    CONF_SECRET = 2   /* its value is shown to nobody */
};

/* The key of a CONF_MAP, CONF_LATER or CONF_REFUSED row stands for itself and for everything below
 * it that has no nearer row. */
struct conf_option {
    const char *key;
    enum conf_type type;
    size_t offset;
    const char *initial; /* as a file would say it */
    unsigned rules;      /* enum conf_rule */
    const char *expects; /* CONF_ENUM: the words; else NULL */
    const char *help;
};

enum conf_source { CONF_FROM_DEFAULT, CONF_FROM_FILE, CONF_FROM_ENV, CONF_FROM_FLAG };

/* One free key with its value; the conf's memory. */
struct conf_pair {
    const char *key; /* what is below the row's: "X-Frame-Options", "0.name"; "": the row's own */
    const char *value;
    const char *where; /* "FILE:LINE", or a variable, for messages */
    enum conf_source source;
    struct conf_pair *next;
};

/* In the order given. Keys are the same in any case of letters. A list of values is the same key
 * several times (an ini file repeats the line); a list of mappings has their numbers as keys, from
 * 0. The environment's keys are in lower case, with dots for underscores. A value from a later
 * source takes the place of all earlier ones of its key, and a whole mapping that of everything
 * below its key. */
struct conf_map {
    struct conf_pair *first;
};

/* The first value of a key, or the one that follows; NULL: there is none. */
const struct conf_pair *conf_map_next(const struct conf_map *m, const char *key,
                                      const struct conf_pair *after);

/* For the values of free keys: the text of a CONF_BOOL or a CONF_DURATION; false if it is none. */
bool conf_to_bool(struct span s, bool *out);
bool conf_to_duration(struct span s, uint64_t *out_ms);

/* A value never gives way to one of a lesser source, whatever the order of the calls. */
struct conf; /* a table, a target being filled, and who set what */

/* Fills target with the defaults. table and target are borrowed; strings in
 * target live as long as the conf. */
struct conf *conf_new(const struct conf_option *table, size_t count, void *target);
void conf_free(struct conf *c);

/* ini or yaml, told apart by the name's ending, else by content. An unknown key or a bad
 * value is RC_INTERNAL with the detail "FILE:LINE: KEY: what was expected, got "VALUE"";
 * no value is told of a secret. An empty value
 * (YAML's null) stands for the default. The target is half filled after an error. */
enum rc conf_load_file(struct conf *c, const char *name, struct span text,
                       struct fault *f) MUST_CHECK;
/* environ-like array, ends in NULL; values are YAML, and may be a mapping for a whole section, which
 * takes the place of all that a file says in it. Variables outside REGISTRY_ are ignored, unknown ones inside it warned about
 * (Kubernetes makes some); a bad value is an error: "REGISTRY_X: what was expected, …". */
enum rc conf_load_env(struct conf *c, char *const *env, struct fault *f) MUST_CHECK;
/* One option from a flag; `where` is for messages, and names the key there. */
enum rc conf_set(struct conf *c, enum conf_source source, const char *where, struct span key,
                 struct span value, struct fault *f) MUST_CHECK;

/* The warnings so far, one line each; the conf's memory. NULL ends the walk: start with i = 0. */
const char *conf_warning(const struct conf *c, size_t i);
/* A warning of the caller's own, about what the values mean together. */
void conf_warn(struct conf *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
enum conf_source conf_source_of(const struct conf *c, const char *key);
/* "default", "FILE:LINE", the name of a variable, or "flag". */
void conf_add_source(struct buf *b, const struct conf *c, const char *key);
/* Is the option's value, or that of a key of its CONF_MAP, told to nobody? Rows say it, and so do
 * keys that end with password, secret or authorization, and those of an endpoint's headers. */
bool conf_is_secret(const struct conf_option *o, const char *key);

/* Somebody's bytes as part of one line of a message: so many at most, and no control characters. */
enum { CONF_SHOWN_MAX = 80 };
void conf_add_shown(struct buf *b, struct span s);

/* One row's value in filled targets. A CONF_LATER or CONF_REFUSED row has none: it is the same
 * everywhere. Pairs count in their order, and wherever they were given. */
bool conf_same(const struct conf_option *o, const void *a, const void *b);
/* What is behind pointers is copied into the arena. */
void conf_copy(const struct conf_option *o, void *to, const void *from, struct arena *a);
/* As a file would say it; of a CONF_MAP, nothing. */
void conf_add_value(struct buf *b, const struct conf_option *o, const void *target);

#endif

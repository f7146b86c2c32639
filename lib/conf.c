/* SPDX-License-Identifier: Apache-2.0
 *
 * conf: the table, the target, who set what, and the words of warnings and errors.
 */
#include "lib/conf_internal.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Who gave a row its value. */
struct conf_giver {
    enum conf_source source;
    size_t line;      /* in the file; 0: not from a file */
    const char *name; /* of the file or the variable; NULL: nobody's */
};

struct conf {
    const struct conf_option *table;
    size_t count;
    void *target;
    struct arena arena;
    struct conf_giver *givers; /* one for each row */
    const char **warnings;
    size_t warning_count;
};

/* Messages */

void conf_add_shown(struct buf *b, struct span s)
{
    for (size_t i = 0; i < s.n && i < CONF_SHOWN_MAX; i++) {
        unsigned char ch = (unsigned char)s.p[i];
        buf_add_char(b, ch < ' ' || ch == 0x7f || ch == '"' ? '?' : s.p[i]);
    }
    if (s.n > CONF_SHOWN_MAX)
        buf_add_str(b, "...");
}

static void add_place(struct buf *b, const struct conf_place *at, struct span key)
{
    buf_add_str(b, at->name);
    if (at->line > 0)
        buf_printf(b, ":%zu", at->line);
    buf_add_str(b, ": ");
    if (key.n == 0 || span_eq(key, at->says))
        return;
    conf_add_shown(b, key);
    buf_add_str(b, ": ");
}

enum rc conf_fail(const struct conf_place *at, struct span key, struct fault *f, const char *fmt,
                  ...)
{
    va_list args;
    struct buf b;

    buf_init(&b);
    add_place(&b, at, key);
    va_start(args, fmt);
    buf_vprintf(&b, fmt, args);
    va_end(args);
    enum rc rc = fault(f, RC_INTERNAL, "%s", b.p);
    buf_fini(&b);
    return rc;
}

/* One line, whatever the values that it quotes have in them. */
static void keep_warning(struct conf *c, struct span text)
{
    char *line = arena_str(&c->arena, text);
    for (char *p = line; *p != '\0'; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            *p = '?';
    c->warnings = must_realloc(c->warnings, (c->warning_count + 1) * sizeof(*c->warnings));
    c->warnings[c->warning_count++] = line;
}

void conf_warn_at(struct conf *c, const struct conf_place *at, struct span key, const char *fmt,
                  ...)
{
    va_list args;
    struct buf b;

    buf_init(&b);
    add_place(&b, at, key);
    va_start(args, fmt);
    buf_vprintf(&b, fmt, args);
    va_end(args);
    keep_warning(c, buf_span(&b));
    buf_fini(&b);
}

void conf_warn(struct conf *c, const char *fmt, ...)
{
    va_list args;
    struct buf b;

    buf_init(&b);
    va_start(args, fmt);
    buf_vprintf(&b, fmt, args);
    va_end(args);
    keep_warning(c, buf_span(&b));
    buf_fini(&b);
}

const char *conf_warning(const struct conf *c, size_t i)
{
    return i < c->warning_count ? c->warnings[i] : NULL;
}

/* The table */

static bool stands_for_all_below(const struct conf_option *o)
{
    return o->type == CONF_MAP || o->type == CONF_LATER || o->type == CONF_REFUSED;
}

static bool is_below(struct span key, struct span top)
{
    return key.n > top.n && key.p[top.n] == '.' && span_starts(key, top);
}

const struct conf_option *conf_find(const struct conf *c, struct span key)
{
    const struct conf_option *best = NULL;

    for (const struct conf_option *o = c->table; o < c->table + c->count; o++) {
        struct span row = span_of(o->key);
        if (span_eq(row, key))
            return o;
        if (!stands_for_all_below(o) || !is_below(key, row))
            continue;
        if (best == NULL || row.n > strlen(best->key))
            best = o;
    }
    return best;
}

const struct conf_option *conf_find_spelled(const struct conf *c, struct span key)
{
    for (const struct conf_option *o = c->table; o < c->table + c->count; o++) {
        size_t i = 0;
        while (i < key.n && (o->key[i] == key.p[i] || (o->key[i] == '_' && key.p[i] == '.')))
            i++;
        if (i == key.n && o->key[i] == '\0')
            return o;
    }
    return NULL;
}

bool conf_is_section(const struct conf *c, struct span key)
{
    for (size_t i = 0; i < c->count; i++) {
        if (is_below(span_of(c->table[i].key), key))
            return true;
    }
    return false;
}

bool conf_is_free(const struct conf *c, struct span key)
{
    const struct conf_option *o = conf_find(c, key);

    return o != NULL && o->type == CONF_MAP;
}

static struct conf_giver *giver_of(const struct conf *c, const struct conf_option *o)
{
    return &c->givers[o - c->table];
}

enum conf_source conf_source_of(const struct conf *c, const char *key)
{
    const struct conf_option *o = conf_find(c, span_of(key));

    return o != NULL ? giver_of(c, o)->source : CONF_FROM_DEFAULT;
}

void conf_add_source(struct buf *b, const struct conf *c, const char *key)
{
    const struct conf_option *o = conf_find(c, span_of(key));
    const struct conf_giver nobody = {.source = CONF_FROM_DEFAULT};
    const struct conf_giver *giver = o != NULL ? giver_of(c, o) : &nobody;

    switch (giver->source) {
    case CONF_FROM_DEFAULT:
        buf_add_str(b, "default");
        return;
    case CONF_FROM_FILE:
    case CONF_FROM_ENV:
        buf_add_str(b, giver->name);
        if (giver->line > 0)
            buf_printf(b, ":%zu", giver->line);
        return;
    case CONF_FROM_FLAG:
        buf_add_str(b, "flag");
        return;
    }
}

/* Values */

static bool store_string(struct conf *c, struct span s, const char **at, bool store)
{
    if (s.n > 0 && memchr(s.p, '\0', s.n) != NULL)
        return false;
    if (store)
        *at = arena_str(&c->arena, s);
    return true;
}

/* False if s is not what the row expects. Nothing is stored unless `store`. */
static bool store_value(struct conf *c, const struct conf_option *o, struct span s, bool store)
{
    void *at = (char *)c->target + o->offset;
    union {
        bool b;
        int i;
        uint64_t u;
    } unused;
    void *to = store ? at : &unused;

    switch (o->type) {
    case CONF_STRING:
        return store_string(c, s, at, store);
    case CONF_BOOL:
        return conf_to_bool(s, to);
    case CONF_COUNT:
        return span_to_u64(s, to);
    case CONF_SIZE:
        return conf_to_size(s, to);
    case CONF_DURATION:
        return conf_to_duration(s, to);
    case CONF_ENUM:
        return conf_to_word(s, o->expects, to);
    case CONF_MAP: /* only ever the default: it is empty */
        *(struct conf_map *)at = (struct conf_map){.first = NULL};
        return true;
    case CONF_LATER:
    case CONF_REFUSED:
        return true;
    }
    return false;
}

struct conf *conf_new(const struct conf_option *table, size_t count, void *target)
{
    struct conf *c = must_calloc(sizeof(*c));

    c->table = table;
    c->count = count;
    c->target = target;
    arena_init(&c->arena);
    c->givers = must_calloc(count * sizeof(*c->givers));
    for (size_t i = 0; i < count; i++) {
        /* A default that its own row does not take is a bug in the table. */
        if (!store_value(c, &table[i], span_of(table[i].initial), true))
            abort();
    }
    return c;
}

void conf_free(struct conf *c)
{
    if (c == NULL)
        return;
    free(c->warnings);
    free(c->givers);
    arena_fini(&c->arena);
    free(c);
}

bool conf_is_secret(const struct conf_option *o, const char *key)
{
    static const char *const ends[] = {"password", "secret", "authorization"};
    size_t n = strlen(key);

    for (size_t i = 0; i < array_len(ends); i++)
        if (n >= strlen(ends[i]) && strcasecmp(key + n - strlen(ends[i]), ends[i]) == 0)
            return true;
    return strcasestr(key, ".headers.") != NULL || (o->rules & CONF_SECRET) != 0;
}

static enum rc fail_value(const struct conf_place *at, const struct conf_option *o, const char *got,
                          struct span value, struct fault *f)
{
    struct buf b;

    buf_init(&b);
    conf_add_expected(&b, o);
    if (got != NULL) {
        buf_printf(&b, ", got %s", got);
    } else if (!conf_is_secret(o, o->key)) {
        buf_add_str(&b, ", got \"");
        conf_add_shown(&b, value);
        buf_add_char(&b, '"');
    }
    enum rc rc = conf_fail(at, span_of(o->key), f, "%s", b.p);
    buf_fini(&b);
    return rc;
}

static void set_giver(struct conf *c, struct conf_giver *giver, const struct conf_place *at)
{
    const char *name = arena_str(&c->arena, span_of(at->name));

    *giver = (struct conf_giver){.source = at->source, .line = at->line, .name = name};
}

/* The same option twice in one file: the later one counts, as in the registry image. */
static void note_giver(struct conf *c, const struct conf_place *at, const struct conf_option *o)
{
    struct conf_giver *giver = giver_of(c, o);

    if (at->line > 0 && giver->line > 0 && giver->source == at->source)
        conf_warn_at(c, at, span_of(o->key), "given on line %zu too, this one counts", giver->line);
    set_giver(c, giver, at);
}

static enum rc put_value(struct conf *c, const struct conf_place *at, const struct conf_option *o,
                         struct conf_text text, struct fault *f)
{
    struct span s = text.null ? span_of(o->initial) : text.s;
    bool wins = at->source >= giver_of(c, o)->source;

    if (!store_value(c, o, s, wins)) {
        /* "storage: s3" deserves the words of the row "storage.s3". */
        char *below = arena_printf(&c->arena, "%s.%.*s", o->key, SPAN_ARG(s));
        const struct conf_option *refused = conf_find(c, span_of(below));
        if (refused != NULL && refused->type == CONF_REFUSED)
            return conf_fail(at, span_of(refused->key), f, "%s", refused->help);
        return fail_value(at, o, NULL, s, f);
    }
    if (wins)
        note_giver(c, at, o);
    return RC_OK;
}

/* One line for the row, however many keys below it are given. */
static void note_later(struct conf *c, const struct conf_place *at, const struct conf_option *o)
{
    struct conf_giver *giver = giver_of(c, o);

    if (giver->source == at->source)
        return;
    giver->source = at->source;
    conf_warn_at(c, at, span_of(o->key), "not supported yet, ignored");
}

static enum rc put_refused(const struct conf_place *at, const struct conf_option *o,
                           struct span key, struct conf_text text, struct fault *f)
{
    bool itself = span_eq(key, span_of(o->key));

    if (itself && o->initial != NULL && (text.null || span_eq(text.s, span_of(o->initial))))
        return RC_OK;
    return conf_fail(at, key, f, "%s", o->help);
}

/* What of a free key is below its row's. */
static struct span free_part(const struct conf_option *o, struct span key)
{
    return span_skip(key, strlen(o->key) + (key.n > strlen(o->key)));
}

static struct conf_map *map_of(struct conf *c, const struct conf_option *o)
{
    return (void *)((char *)c->target + o->offset);
}

static void note_free(struct conf *c, const struct conf_place *at, const struct conf_option *o)
{
    struct conf_giver *giver = giver_of(c, o);

    if (at->source > giver->source)
        set_giver(c, giver, at);
}

static bool is_one_line(struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
            return false;
    }
    return true;
}

static enum rc put_free(struct conf *c, const struct conf_place *at, const struct conf_option *o,
                        struct span key, struct conf_text text, struct fault *f)
{
    if (text.s.n > 0 && memchr(text.s.p, '\0', text.s.n) != NULL)
        return conf_fail(at, key, f, "expected text without NUL bytes");
    if (!is_one_line(key))
        return conf_fail(at, key, f, "expected a key without control characters");
    conf_map_add(map_of(c, o), &c->arena, at, free_part(o, key), text);
    note_free(c, at, o);
    return RC_OK;
}

/* A whole mapping or list stands for what earlier sources have said below its key. */
static enum rc replace_free(struct conf *c, const struct conf_place *at,
                            const struct conf_option *o, struct span key)
{
    conf_map_drop(map_of(c, o), at->source, free_part(o, key));
    note_free(c, at, o);
    return RC_OK;
}

enum rc conf_put(struct conf *c, const struct conf_place *at, struct span key,
                 struct conf_text text, struct fault *f)
{
    const struct conf_option *o = conf_find(c, key);

    if (o == NULL && !conf_is_section(c, key))
        return conf_fail(at, key, f, "unknown option");
    if (o == NULL)
        return text.null ? RC_OK : conf_fail(at, key, f, "expected a section, got a value");
    if (o->type == CONF_REFUSED)
        return put_refused(at, o, key, text, f);
    if (o->type == CONF_MAP)
        return put_free(c, at, o, key, text, f);
    if (o->type != CONF_LATER)
        return put_value(c, at, o, text, f);
    if (!text.null)
        note_later(c, at, o);
    return RC_OK;
}

/* A section that must not be empty: that it was there is known, even if nothing is in it. */
static void note_section(struct conf *c, const struct conf_place *at, const struct conf_option *o,
                         struct span key)
{
    if (o != NULL && o->type == CONF_REFUSED && span_eq(key, span_of(o->key)))
        giver_of(c, o)->source = at->source;
}

/* A whole section stands for what earlier sources have said in it: the rest is as by default. */
static void replace_section(struct conf *c, const struct conf_place *at, struct span key)
{
    for (const struct conf_option *o = c->table; o < c->table + c->count; o++) {
        struct conf_giver *giver = giver_of(c, o);
        struct span row = span_of(o->key);
        if (giver->source >= at->source || !(span_eq(row, key) || is_below(row, key)))
            continue;
        (void)store_value(c, o, span_of(o->initial), true); /* conf_new has tried it */
        *giver = (struct conf_giver){.source = CONF_FROM_DEFAULT};
    }
}

enum rc conf_put_mapping(struct conf *c, const struct conf_place *at, struct span key,
                         struct fault *f)
{
    const struct conf_option *o = conf_find(c, key);
    bool is_root = key.n == 0;

    if (is_root || conf_is_section(c, key)) {
        replace_section(c, at, key);
        note_section(c, at, o, key);
        return RC_OK;
    }
    if (o == NULL)
        return conf_fail(at, key, f, "unknown option");
    if (o->type == CONF_REFUSED)
        return put_refused(at, o, key, (struct conf_text){.null = true}, f);
    if (o->type == CONF_MAP)
        return replace_free(c, at, o, key);
    if (o->type != CONF_LATER)
        return fail_value(at, o, "a mapping", key, f);
    note_later(c, at, o);
    return RC_OK;
}

enum rc conf_put_list(struct conf *c, const struct conf_place *at, struct span key, struct fault *f)
{
    const struct conf_option *o = conf_find(c, key);

    if (o == NULL)
        return conf_put(c, at, key, (struct conf_text){.s = SPAN("[]")}, f);
    if (!stands_for_all_below(o))
        return fail_value(at, o, "a list", key, f);
    if (o->type == CONF_MAP)
        return replace_free(c, at, o, key);
    return conf_put(c, at, key, (struct conf_text){.s = SPAN("[]")}, f);
}

/* Sources */

enum rc conf_set(struct conf *c, enum conf_source source, const char *where, struct span key,
                 struct span value, struct fault *f)
{
    struct conf_place at = {.source = source, .name = where, .says = key};

    return conf_put(c, &at, key, (struct conf_text){.s = value}, f);
}

/* The first line that says something: "[section]" and "key = value" are ini, the rest is yaml. */
static bool looks_like_ini(struct span text)
{
    struct span line, before, after;

    while (text.n > 0) {
        span_cut(text, '\n', &line, &text);
        line = span_trim(line);
        if (line.n == 0 || line.p[0] == '#' || line.p[0] == '\r')
            continue;
        if (line.p[0] == '[' || line.p[0] == ';')
            return true;
        return span_cut(line, '=', &before, &after) && memchr(before.p, ':', before.n) == NULL;
    }
    return false;
}

enum rc conf_load_file(struct conf *c, const char *name, struct span text, struct fault *f)
{
    struct span s = span_of(name);
    bool yaml = span_ends(s, SPAN(".yml")) || span_ends(s, SPAN(".yaml"));

    if (!yaml && (span_ends(s, SPAN(".ini")) || looks_like_ini(text)))
        return conf_read_ini(c, name, text, f);
    return conf_read_yaml(c, name, text, f);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * conf_yaml: a yaml file, or the yaml in an environment variable, walked by libyaml's
 * events. No node is kept: anchors are refused, so that nothing can be repeated, and
 * the depth is bounded.
 */
#include "lib/conf_internal.h"

#include <string.h>
#include <yaml.h>

enum { YAML_DEPTH_MAX = 32 };

struct walk {
    struct conf *conf;
    struct conf_place at; /* at.line: the current event's; stays 0 outside a file */
    bool is_file;
    bool has_version;
    struct span text;
    yaml_parser_t parser;
    yaml_event_t event; /* the current one */
    struct buf key;     /* the path to it */
    struct fault *fault;
};

static struct span event_text(const yaml_event_t *e)
{
    return span_from(e->data.scalar.value, e->data.scalar.length);
}

static bool says_null(const yaml_event_t *e)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};
    struct span s = event_text(e);

    if (e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return false;
    for (size_t i = 0; i < array_len(words); i++) {
        if (span_eq(s, span_of(words[i])))
            return true;
    }
    return false;
}

/* The registry image's words, for those who search for them. */
static enum rc check_version(const struct walk *w, struct span version)
{
    struct buf b;

    if (span_eq(version, SPAN("0.1")))
        return RC_OK;
    buf_init(&b);
    buf_add_str(&b, "unsupported version: \"");
    conf_add_shown(&b, version);
    buf_add_char(&b, '"');
    enum rc rc = conf_fail(&w->at, SPAN(""), w->fault, "%s", b.p);
    buf_fini(&b);
    return rc;
}

static enum rc fail_syntax(struct walk *w)
{
    const yaml_parser_t *p = &w->parser;
    size_t line = p->problem_mark.line;

    if (p->error == YAML_READER_ERROR) {
        /* The reader runs ahead of the marks. */
        struct span before = span_head(w->text, p->problem_offset);
        for (line = 0; before.n > 0; before = span_skip(before, 1))
            line += before.p[0] == '\n';
    }
    if (w->is_file)
        w->at.line = line + 1;
    return conf_fail(&w->at, SPAN(""), w->fault, "not yaml: %s",
                     p->problem != NULL ? p->problem : "cannot be read");
}

static bool event_is(const struct walk *w, yaml_event_type_t type)
{
    return w->event.type == type;
}

static bool has_anchor(const yaml_event_t *e)
{
    switch ((int)e->type) {
    case YAML_ALIAS_EVENT:
        return true;
    case YAML_SCALAR_EVENT:
        return e->data.scalar.anchor != NULL;
    case YAML_MAPPING_START_EVENT:
        return e->data.mapping_start.anchor != NULL;
    case YAML_SEQUENCE_START_EVENT:
        return e->data.sequence_start.anchor != NULL;
    }
    return false;
}

static enum rc next(struct walk *w)
{
    yaml_event_delete(&w->event);
    if (!yaml_parser_parse(&w->parser, &w->event))
        return fail_syntax(w);
    if (w->is_file)
        w->at.line = w->event.start_mark.line + 1;
    if (has_anchor(&w->event))
        return conf_fail(&w->at, buf_span(&w->key), w->fault,
                         "anchors and aliases are not supported");
    return RC_OK;
}

static enum rc walk_node(struct walk *w, unsigned depth);

/* Adds the current event, a key, to the path. */
static enum rc push_key(struct walk *w)
{
    if (!event_is(w, YAML_SCALAR_EVENT))
        return conf_fail(&w->at, buf_span(&w->key), w->fault, "expected a word as key");
    if (w->key.n > 0)
        buf_add_char(&w->key, '.');
    buf_add_span(&w->key, event_text(&w->event));
    return RC_OK;
}

static void pop_key(struct walk *w, size_t n)
{
    w->key.n = n;
    if (w->key.p != NULL)
        w->key.p[n] = '\0';
}

static enum rc walk_version(struct walk *w)
{
    w->has_version = true;
    if (!event_is(w, YAML_SCALAR_EVENT))
        return check_version(w, SPAN(""));
    return check_version(w, event_text(&w->event));
}

/* The current event begins a mapping; it ends at the mapping's end. */
static enum rc walk_mapping(struct walk *w, unsigned depth)
{
    enum rc rc = conf_put_mapping(w->conf, &w->at, buf_span(&w->key), w->fault);
    size_t n = w->key.n;

    while (rc == RC_OK) {
        rc = next(w);
        if (rc != RC_OK || event_is(w, YAML_MAPPING_END_EVENT))
            break;
        rc = push_key(w);
        size_t line = w->at.line;
        if (rc == RC_OK)
            rc = next(w);
        if (rc != RC_OK)
            break;
        w->at.line = line; /* a block begins below its key */
        bool version = w->is_file && depth == 0 && span_eq(buf_span(&w->key), SPAN("version"));
        rc = version ? walk_version(w) : walk_node(w, depth + 1);
        pop_key(w, n);
    }
    return rc;
}

/* The same for a list below a row that takes any key. */
static enum rc walk_list(struct walk *w, unsigned depth)
{
    enum rc rc = conf_put_list(w->conf, &w->at, buf_span(&w->key), w->fault);
    size_t n = w->key.n;

    for (unsigned i = 0; rc == RC_OK; i++) {
        rc = next(w);
        if (rc != RC_OK || event_is(w, YAML_SEQUENCE_END_EVENT))
            break;
        if (!event_is(w, YAML_SCALAR_EVENT))
            buf_printf(&w->key, ".%u", i);
        rc = walk_node(w, depth + 1);
        pop_key(w, n);
    }
    return rc;
}

/* The same for other lists, which are read over: only sections that are ignored have some. */
static enum rc skip_list(struct walk *w)
{
    enum rc rc = conf_put_list(w->conf, &w->at, buf_span(&w->key), w->fault);

    for (unsigned open = 1; rc == RC_OK && open > 0;) {
        rc = next(w);
        if (rc != RC_OK)
            break;
        if (event_is(w, YAML_SEQUENCE_START_EVENT) || event_is(w, YAML_MAPPING_START_EVENT))
            open++;
        if (event_is(w, YAML_SEQUENCE_END_EVENT) || event_is(w, YAML_MAPPING_END_EVENT))
            open--;
        if (open > YAML_DEPTH_MAX)
            rc = conf_fail(&w->at, SPAN(""), w->fault, "nested too deeply");
    }
    return rc;
}

static enum rc walk_scalar(struct walk *w)
{
    struct conf_text text = {.s = event_text(&w->event), .null = says_null(&w->event)};

    return conf_put(w->conf, &w->at, buf_span(&w->key), text, w->fault);
}

static enum rc walk_node(struct walk *w, unsigned depth)
{
    if (depth > YAML_DEPTH_MAX)
        return conf_fail(&w->at, SPAN(""), w->fault, "nested too deeply");
    if (event_is(w, YAML_MAPPING_START_EVENT))
        return walk_mapping(w, depth);
    if (event_is(w, YAML_SEQUENCE_START_EVENT))
        return conf_is_free(w->conf, buf_span(&w->key)) ? walk_list(w, depth) : skip_list(w);
    return walk_scalar(w);
}

/* A file is one mapping; the value of a section may also say nothing. */
static enum rc walk_root(struct walk *w)
{
    if (event_is(w, YAML_MAPPING_START_EVENT))
        return walk_mapping(w, 0);
    if (!w->is_file)
        return walk_node(w, 0);
    return conf_fail(&w->at, SPAN(""), w->fault, "expected a mapping of options");
}

static enum rc walk_document(struct walk *w)
{
    enum rc rc = next(w); /* the start of the stream */

    if (rc == RC_OK)
        rc = next(w);
    if (rc != RC_OK || event_is(w, YAML_STREAM_END_EVENT))
        return rc;
    rc = next(w);
    if (rc == RC_OK)
        rc = walk_root(w);
    if (rc == RC_OK)
        rc = next(w); /* the document's end */
    if (rc == RC_OK)
        rc = next(w);
    if (rc == RC_OK && !event_is(w, YAML_STREAM_END_EVENT))
        rc = conf_fail(&w->at, SPAN(""), w->fault, "expected one yaml document, got another one");
    return rc;
}

/* libyaml ends the process for a text that is nowhere, as that of an empty file is. */
static bool begin_parser(yaml_parser_t *p, struct span text)
{
    if (!yaml_parser_initialize(p))
        return false;
    yaml_parser_set_input_string(p, (const unsigned char *)(text.n > 0 ? text.p : ""), text.n);
    return true;
}

static enum rc walk_begin(struct walk *w)
{
    if (!begin_parser(&w->parser, w->text))
        return conf_fail(&w->at, SPAN(""), w->fault, "no memory for the yaml parser");
    buf_init(&w->key);
    return RC_OK;
}

static void walk_end(struct walk *w)
{
    yaml_event_delete(&w->event);
    yaml_parser_delete(&w->parser);
    buf_fini(&w->key);
}

enum rc conf_read_yaml(struct conf *c, const char *name, struct span text, struct fault *f)
{
    struct walk w = {
        .conf = c,
        .at = {.source = CONF_FROM_FILE, .name = name},
        .is_file = true,
        .text = text,
        .fault = f,
    };
    enum rc rc = walk_begin(&w);

    if (rc != RC_OK)
        return rc;
    rc = walk_document(&w);
    w.at.line = 0;
    if (rc == RC_OK && !w.has_version)
        rc = check_version(&w, SPAN(""));
    walk_end(&w);
    return rc;
}

enum rc conf_read_yaml_section(struct conf *c, const struct conf_place *at, struct span key,
                               struct span text, struct fault *f)
{
    struct walk w = {.conf = c, .at = *at, .text = text, .fault = f};
    enum rc rc = walk_begin(&w);

    if (rc != RC_OK)
        return rc;
    buf_add_span(&w.key, key);
    rc = walk_document(&w);
    walk_end(&w);
    return rc;
}

/* Parses up to an event of that type; false if another one comes first. */
static bool expect_event(yaml_parser_t *p, yaml_event_t *e, yaml_event_type_t type)
{
    yaml_event_delete(e);
    return yaml_parser_parse(p, e) && e->type == type && !has_anchor(e);
}

static bool read_scalar(yaml_parser_t *p, yaml_event_t *e, struct buf *out, bool *null)
{
    if (!expect_event(p, e, YAML_STREAM_START_EVENT) ||
        !expect_event(p, e, YAML_DOCUMENT_START_EVENT) || !expect_event(p, e, YAML_SCALAR_EVENT))
        return false;
    buf_add_span(out, event_text(e));
    *null = says_null(e);
    return expect_event(p, e, YAML_DOCUMENT_END_EVENT) && expect_event(p, e, YAML_STREAM_END_EVENT);
}

void conf_read_yaml_scalar(struct span text, struct buf *out, bool *null)
{
    yaml_parser_t parser;
    yaml_event_t event = {0};

    if (!begin_parser(&parser, text))
        return;
    if (!read_scalar(&parser, &event, out, null)) {
        buf_clear(out);
        buf_add_span(out, span_trim(text));
        *null = out->n == 0;
    }
    yaml_event_delete(&event);
    yaml_parser_delete(&parser);
}

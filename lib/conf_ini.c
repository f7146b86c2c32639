/* SPDX-License-Identifier: Apache-2.0
 *
 * conf_ini: an ini file, read by inih line by line.
 */
#include "lib/conf_internal.h"

#include <ini.h>
#include <string.h>

struct ini_read {
    struct conf *conf;
    struct conf_place at; /* at.line: the line that inih works on */
    bool owes_pair;       /* that line is to be a pair, and on_pair has not seen it */
    struct span rest;
    struct fault *fault;
    enum rc rc;
};

static struct span skip_blanks(struct span s)
{
    while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t' || s.p[0] == '\r'))
        s = span_skip(s, 1);
    return s;
}

static enum rc fail_line(struct ini_read *r)
{
    return conf_fail(&r->at, SPAN(""), r->fault, "expected [section] or key = value");
}

static enum rc check_line(struct ini_read *r, struct span line, size_t max)
{
    if (line.n > max)
        return conf_fail(&r->at, SPAN(""), r->fault, "expected a line of at most %zu bytes", max);
    if (line.n > 0 && memchr(line.p, '\0', line.n) != NULL)
        return conf_fail(&r->at, SPAN(""), r->fault, "expected text, got a NUL byte");
    if (line.n > 0 && line.p[0] == '[' && memchr(line.p, ']', line.n) == NULL)
        return fail_line(r);
    return RC_OK;
}

/* inih would take an indented line for more of the value before it, cut a long one in
 * pieces that it reads as lines of their own, and end at a NUL: it never sees such lines. */
static bool next_line(struct ini_read *r, size_t max, struct span *out)
{
    struct span line;

    if (r->rc == RC_OK && r->owes_pair)
        r->rc = fail_line(r);
    if (r->rc != RC_OK || r->rest.n == 0)
        return false;
    span_cut(r->rest, '\n', &line, &r->rest);
    r->at.line++;
    if (r->at.line == 1 && span_starts(line, SPAN("\xef\xbb\xbf")))
        line = span_skip(line, 3);
    line = skip_blanks(line);
    if (line.n > 0 && (line.p[0] == '#' || line.p[0] == ';'))
        line.n = 0;
    r->rc = check_line(r, line, max);
    r->owes_pair = line.n > 0 && line.p[0] != '[';
    *out = line;
    return r->rc == RC_OK;
}

/* inih's reader, in the manner of fgets. */
static char *read_line(char *to, int size, void *stream)
{
    struct span line;

    if (size < 3 || !next_line(stream, (size_t)size - 2, &line))
        return NULL;
    if (line.n > 0)
        memcpy(to, line.p, line.n);
    to[line.n] = '\n';
    to[line.n + 1] = '\0';
    return to;
}

static struct span unquoted(struct span s)
{
    if (s.n < 2 || s.p[0] != '"' || s.p[s.n - 1] != '"')
        return s;
    return span_head(span_skip(s, 1), s.n - 2);
}

static enum rc put_pair(struct ini_read *r, struct span key, struct span value)
{
    struct conf_text text = {.s = unquoted(value), .null = value.n == 0};

    /* A config.yml has it; nobody should fail who moves one here line by line. */
    if (span_eq(key, SPAN("version")) && span_eq(text.s, SPAN("0.1")))
        return RC_OK;
    return conf_put(r->conf, &r->at, key, text, r->fault);
}

static int on_pair(void *user, const char *section, const char *name, const char *value)
{
    struct ini_read *r = user;
    struct buf key;

    r->owes_pair = false;
    buf_init(&key);
    buf_add_str(&key, section);
    if (key.n > 0)
        buf_add_char(&key, '.');
    buf_add_str(&key, name);
    r->rc = put_pair(r, buf_span(&key), span_of(value));
    buf_fini(&key);
    return r->rc == RC_OK;
}

enum rc conf_read_ini(struct conf *c, const char *name, struct span text, struct fault *f)
{
    struct ini_read r = {
        .conf = c,
        .at = {.source = CONF_FROM_FILE, .name = name},
        .rest = text,
        .fault = f,
        .rc = RC_OK,
    };
    int bad_line = ini_parse_stream(read_line, &r, on_pair, &r);

    /* inih goes on after an error, and tells the line of the first one only in the end: what
     * is left for it to tell is rare. */
    if (r.rc != RC_OK || bad_line == 0)
        return r.rc;
    r.at.line = bad_line > 0 ? (size_t)bad_line : 0;
    return fail_line(&r);
}

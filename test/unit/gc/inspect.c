/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "test/unit/gc/inspect.h"

/* ---- Running one. ----------------------------------------------------------------------- */

struct lines {
    struct buf text;
    unsigned count;
};

static void add_line(void *ctx, const char *text)
{
    struct lines *l = ctx;
    buf_add_str(&l->text, text);
    buf_add_char(&l->text, '\n');
    l->count++;
}

const struct verify_options plain = {.scope = VERIFY_EVERYTHING, .moves = true};

struct verify_report verify_with(struct shelf *s, const struct verify_options *o)
{
    struct lines lines = {.count = 0};
    struct verify_options options = *o;
    enum gc_next next;
    buf_init(&lines.text);
    options.line = add_line;
    options.line_ctx = &lines;
    struct verify *v = verify_begin(s->store, &options);
    while ((next = verify_step(v, 0, 0)) != GC_END)
        assert_int_equal(next, GC_MORE);
    struct verify_report r = *verify_report(v);
    verify_end(v);
    assert_int_equal(lines.count, r.finding_count - (o->before ? o->before->finding_count : 0));
    buf_fini(&lines.text);
    return r;
}

struct verify_report verify(struct shelf *s)
{
    return verify_with(s, &plain);
}

void assert_clean(const struct verify_report *r)
{
    assert_int_equal(r->outcome, GC_DONE);
    if (r->finding_count > 0)
        fail_msg("%s: %s", r->findings[0].what, r->findings[0].reason);
}

void assert_found(const struct verify_report *r, const char *what, const char *reason)
{
    for (size_t i = 0; i < r->finding_count && i < VERIFY_FINDINGS_KEPT; i++)
        if (strstr(r->findings[i].what, what) && strstr(r->findings[i].reason, reason))
            return;
    fail_msg("not found: %s: %s", what, reason);
}

/* ---- Damage. ---------------------------------------------------------------------------- */

struct where path_of(struct shelf *s, const char *below)
{
    struct where w;
    (void)snprintf(w.s, sizeof(w.s), "%s%s", s->root, below);
    return w;
}

struct where data_of(struct shelf *s, const struct digest *d)
{
    struct where w = path_of(s, place_of_blob(d).s);
    strcat(w.s, "/data");
    return w;
}

struct span read_whole(const char *path)
{
    enum { MOST = 4096 };
    char *p = malloc(MOST);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    struct span all = span_from(p, fread(p, 1, MOST, f));
    (void)fclose(f);
    return all;
}

void write_whole(const char *path, struct span bytes)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes.p, 1, bytes.n, f), bytes.n);
    assert_int_equal(fclose(f), 0);
}

void damage(struct shelf *s, const struct digest *d, enum damage how)
{
    struct where path = data_of(s, d);
    struct span all = read_whole(path.s);
    char bytes[5000];
    size_t n = all.n;
    memcpy(bytes, all.p, n);
    free((char *)all.p);
    switch (how) {
    case FLIPPED:
        bytes[n / 2] ^= 4;
        break;
    case SHORT:
        n--;
        break;
    case LONG:
        bytes[n++] = 'x';
        break;
    case EMPTY:
        n = 0;
        break;
    case DAMAGES:
        break;
    }
    write_whole(path.s, span_from(bytes, n));
}

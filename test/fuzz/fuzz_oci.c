/* SPDX-License-Identifier: Apache-2.0
 *
 * Manifests and indexes: what is accepted is JSON to a second reader too, says the same when it is
 * printed again, and refers to what its text names.
 */
#include "lib/oci.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "test/fuzz/fuzz.h"

enum { DEPTH = 64, VALUES = 256 * 1024 };

/* ---- A second reader of JSON, as the railroad diagrams go. ------------------------------ */

static struct pattern number = {"-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?", NULL};
static struct pattern digits = {"[0-9A-Fa-f]{4}", NULL};

static struct span skip(struct span s)
{
    while (s.n > 0 && s.p[0] && strchr(" \t\r\n", s.p[0]))
        s = span_skip(s, 1);
    return s;
}

static bool read_string(struct span *s)
{
    if (!span_starts(*s, SPAN("\"")))
        return false;
    for (size_t i = 1; i < s->n; i++) {
        unsigned char c = (unsigned char)s->p[i];
        if (c == '"') {
            *s = span_skip(*s, i + 1);
            return true;
        }
        if (c < ' ' || (c == '\\' && ++i == s->n))
            return false;
        if (c != '\\')
            continue;
        if (!s->p[i] || !strchr("\"\\/bfnrtu", s->p[i]))
            return false;
        struct span code = span_head(span_skip(*s, i + 1), 4);
        if (s->p[i] == 'u' && (!is_match(&digits, code) || span_eq(code, SPAN("0000"))))
            return false;
    }
    return false;
}

static bool read_value(struct span *s, unsigned depth);

static bool read_all(struct span *s, unsigned depth, char end)
{
    *s = skip(span_skip(*s, 1));
    for (bool first = true; s->n > 0 && s->p[0] != end; first = false) {
        if (!first && !span_starts(*s, SPAN(",")))
            return false;
        *s = skip(span_skip(*s, first ? 0 : 1));
        if (end == '}') {
            if (!read_string(s) || !span_starts(*s = skip(*s), SPAN(":")))
                return false;
            *s = skip(span_skip(*s, 1));
        }
        if (!read_value(s, depth))
            return false;
        *s = skip(*s);
    }
    bool ends = s->n > 0;
    *s = span_skip(*s, 1);
    return ends;
}

static bool read_value(struct span *s, unsigned depth)
{
    if (span_starts(*s, SPAN("{")) || span_starts(*s, SPAN("[")))
        return depth > 0 && read_all(s, depth - 1, s->p[0] == '{' ? '}' : ']');
    if (span_starts(*s, SPAN("\"")))
        return read_string(s);
    size_t n = 0;
    while (n < s->n && s->p[n] && !strchr(" \t\r\n,]}", s->p[n]))
        n++;
    struct span word = span_head(*s, n);
    *s = span_skip(*s, n);
    return span_eq(word, SPAN("true")) || span_eq(word, SPAN("false")) ||
           span_eq(word, SPAN("null")) || is_match(&number, word);
}

static bool is_json(struct span s)
{
    s = skip(s);
    return read_value(&s, DEPTH) && skip(s).n == 0;
}

/* ---- What it says. ---------------------------------------------------------------------- */

static void check_same(const struct oci_manifest *a, const struct oci_manifest *b)
{
    HOLDS(a->kind == b->kind && strcmp(a->media_type, b->media_type) == 0);
    HOLDS(a->ref_count == b->ref_count && a->has_subject == b->has_subject);
    HOLDS(!a->has_subject || digest_eq(&a->subject, &b->subject));
    HOLDS(span_eq(a->artifact_type, b->artifact_type));
    HOLDS(span_eq(a->annotations, b->annotations));
    for (size_t i = 0; i < a->ref_count; i++) {
        const struct oci_descriptor *x = &a->refs[i], *y = &b->refs[i];
        HOLDS(x->role == y->role && digest_eq(&x->digest, &y->digest) && x->size == y->size);
        HOLDS(span_eq(x->media_type, y->media_type) && x->foreign == y->foreign);
    }
}

static void check_shape(const struct oci_manifest *m, struct span type)
{
    const char *said = oci_media_type_find(type);
    HOLDS(oci_media_type_find(span_of(m->media_type)) == m->media_type);
    HOLDS(type.n == 0 || said == m->media_type);
    for (size_t i = 0; i < m->ref_count; i++) {
        enum oci_role role = m->refs[i].role;
        HOLDS(m->kind == OCI_INDEX ? role == OCI_CHILD : role == (i == 0 ? OCI_CONFIG : OCI_LAYER));
        HOLDS(m->refs[i].size < (uint64_t)1 << 53);
    }
    HOLDS(m->kind == OCI_INDEX || m->ref_count > 0);
    HOLDS(m->annotations.n == 0 || is_json(m->annotations));
}

/* By a path that has nothing to do with the reader's: the text of the tree, without blanks. */
static void check_printed(const struct oci_manifest *m, struct span json, struct span type,
                          struct arena *a)
{
    struct oci_manifest again;
    cJSON *tree = cJSON_ParseWithLength(json.p, json.n);
    char *text = cJSON_PrintUnformatted(tree);
    HOLDS(text && is_json(span_of(text)));
    HOLDS(oci_parse(span_of(text), type, a, &again, NULL) == RC_OK);
    check_same(m, &again);
    for (size_t i = 0; i < m->ref_count; i++)
        HOLDS(strstr(text, digest_print(&m->refs[i].digest).s) != NULL);
    cJSON_free(text);
    cJSON_Delete(tree);
}

/* The first line is a Content-Type, or empty. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_from(data, size);
    struct span type = copy_new(take_line(&in)), json = copy_new(in);
    struct oci_manifest m;
    struct arena a;
    struct fault f;
    arena_init(&a);
    fault_init(&f, &a);
    bool sound = json_is_sound(json, DEPTH, VALUES);
    HOLDS(sound == is_json(json));
    enum rc rc = oci_parse(json, type, &a, &m, &f);
    if (rc == RC_OK) {
        HOLDS(sound);
        check_shape(&m, type);
        check_printed(&m, json, type, &a);
    } else {
        HOLDS(rc == RC_MANIFEST_INVALID || rc == RC_DIGEST_INVALID);
        HOLDS(f.count == 1 && f.first->rc == rc && f.first->detail);
    }
    arena_fini(&a);
    copy_free(type);
    copy_free(json);
    return 0;
}

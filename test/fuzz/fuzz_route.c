/* SPDX-License-Identifier: Apache-2.0
 *
 * Targets of requests: what a path's row takes out of it is all there is in it, and nothing of
 * that leads anywhere else.
 */
#include "server/route.h"

#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/name.h"
#include "server/gate.h"
#include "test/fuzz/fuzz.h"

static const char *const prefixes[] = {"", "/x", "/v2", "/a/v2/b"};
static const char *const metrics[] = {"", "/metrics", "/m", "/debug/health"};

struct asked {
    enum door door;
    enum http_method method;
    struct route_places places;
};

static enum rc find(const struct asked *q, struct span path, struct arena *a, struct request *rq,
                    struct route *out)
{
    struct http_head *head = arena_alloc(a, sizeof(*head));
    struct fault f;
    fault_init(&f, a);
    *head = (struct http_head){.method = q->method,
                               .method_text = span_of(http_method_name(q->method))};
    span_cut(path, '?', &head->path, &head->query);
    *rq = (struct request){.door = q->door, .head = head};
    enum rc rc = route_find(rq, &q->places, a, out, &f);
    HOLDS((rc == RC_OK) == (out->row != NULL));
    HOLDS((rc == RC_BAD_METHOD) == (out->other != NULL));
    HOLDS(rc == RC_OK || (f.first && f.first->rc == rc && is_one_line(span_of(f.first->detail))));
    return rc;
}

/* The row's path with what the request put in its braces. */
static void add_filled(struct buf *b, const struct request *rq, const struct endpoint *row)
{
    static const struct {
        const char *text;
        enum var var;
    } braces[] = {{"{name}", VAR_NAME},
                  {"{reference}", VAR_REFERENCE},
                  {"{digest}", VAR_DIGEST},
                  {"{upload}", VAR_UPLOAD}};
    for (const char *p = row->path; *p;) {
        size_t i = 0;
        while (i < array_len(braces) && strncmp(p, braces[i].text, strlen(braces[i].text)) != 0)
            i++;
        if (i == array_len(braces)) {
            buf_add_char(b, *p++);
            continue;
        }
        HOLDS(rq->vars[braces[i].var].p != NULL);
        buf_add_span(b, rq->vars[braces[i].var]);
        p += strlen(braces[i].text);
    }
}

/* The path again, but for the slashes at its end that count as one or none. */
static void check_filled(const struct asked *q, const struct request *rq,
                         const struct endpoint *row, struct span decoded)
{
    struct buf b;
    struct span path = decoded;
    bool is_root = strcmp(row->path, "/") == 0;
    if (q->door == DOOR_PUBLIC && !is_root) {
        HOLDS(span_starts(path, q->places.prefix));
        path = span_skip(path, q->places.prefix.n);
    }
    if (q->door == DOOR_DEBUG && strcmp(row->path, METRICS_PATH) == 0 && q->places.metrics.n > 0)
        path = span_eq(path, q->places.metrics) ? SPAN(METRICS_PATH) : SPAN("?");
    buf_init(&b);
    add_filled(&b, rq, row);
    struct span filled = buf_span(&b);
    while (path.n > 0 && path.p[path.n - 1] == '/')
        path.n--;
    while (filled.n > 0 && filled.p[filled.n - 1] == '/')
        filled.n--;
    HOLDS(span_eq(path, filled));
    HOLDS(decoded.n <= b.n + q->places.prefix.n + 1 || row->door == DOOR_DEBUG);
    buf_fini(&b);
}

static void check_vars(const struct request *rq)
{
    struct name name;
    struct span component, rest = rq->vars[VAR_NAME];
    for (size_t v = 0; v < VAR_COUNT; v++) {
        struct span s = rq->vars[v];
        HOLDS(!s.p || (s.n > 0 && is_one_line(s)));
        HOLDS(!s.p || v == VAR_NAME || !memchr(s.p, '/', s.n));
    }
    if (!rest.p || name_parse(rest, &name, NULL) != RC_OK)
        return;
    while (rest.n > 0) {
        span_cut(rest, '/', &component, &rest);
        HOLDS(component.n > 0 && component.p[0] != '.' && component.p[0] != '_');
    }
}

/* The methods of an Allow header are those with which the path is found. */
static void check_allowed(struct asked q, struct span target, struct arena *a, const char *allow)
{
    struct span word, list = span_of(allow);
    struct request rq;
    struct route route;
    for (int m = METHOD_GET; m <= METHOD_OTHER; m++) {
        bool listed = false;
        for (list = span_of(allow); list.n > 0;) {
            span_cut(list, ',', &word, &list);
            listed = listed || span_eq(span_trim(word), span_of(http_method_name(m)));
        }
        q.method = (enum http_method)m;
        HOLDS((find(&q, target, a, &rq, &route) == RC_OK) == listed);
    }
}

/* Each byte of the path escaped: it is the same path. */
static void check_escaped(const struct asked *q, struct span decoded, struct arena *a, enum rc rc,
                          const struct request *rq, const struct route *route)
{
    struct request other_rq;
    struct route other;
    struct buf b;
    buf_init(&b);
    for (size_t i = 0; i < decoded.n; i++)
        buf_printf(&b, "%%%02x", (unsigned char)decoded.p[i]);
    HOLDS(find(q, buf_span(&b), a, &other_rq, &other) == rc && other.row == route->row);
    for (size_t v = 0; v < VAR_COUNT && rc == RC_OK; v++)
        HOLDS(span_eq(rq->vars[v], other_rq.vars[v]));
    buf_fini(&b);
}

static void check(const struct asked *q, struct span target, struct arena *a)
{
    struct request rq;
    struct route route;
    struct span path, query, decoded;
    struct config open = {.delete_enabled = true, .metrics_enabled = true};
    struct gate_state now = {.readonly = false};
    enum rc rc = find(q, target, a, &rq, &route);
    span_cut(target, '?', &path, &query);
    if (!http_decode(path, a, &decoded) || rc == RC_BAD_REQUEST) {
        HOLDS(rc == RC_BAD_REQUEST);
        return;
    }
    HOLDS(is_one_line(decoded));
    if (rc == RC_OK) {
        HOLDS(route.row->door == q->door && route.row->method == q->method);
        check_filled(q, &rq, route.row, decoded);
        check_vars(&rq);
    }
    if (rc == RC_BAD_METHOD)
        check_allowed(*q, target, a, gate_methods(route.other, &open, &now, a));
    check_escaped(q, decoded, a, rc, &rq, &route);
}

/* Four bytes: method, door, prefix, place of the metrics; the rest is the target. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_from(data, size);
    struct asked q;
    struct arena a;
    q.method = (enum http_method)(take_byte(&in) % (METHOD_OTHER + 1));
    q.door = (enum door)(take_byte(&in) % (DOOR_DEBUG + 1));
    q.places.prefix = span_of(prefixes[take_byte(&in) % array_len(prefixes)]);
    q.places.metrics = span_of(metrics[take_byte(&in) % array_len(metrics)]);
    if (q.door != DOOR_PUBLIC)
        q.places.prefix = SPAN("");
    struct span target = copy_new(in);
    arena_init(&a);
    check(&q, target, &a);
    arena_fini(&a);
    copy_free(target);
    return 0;
}

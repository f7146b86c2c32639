/* SPDX-License-Identifier: Apache-2.0
 *
 * route: a row's path is matched from both ends; what is left in the middle is the name.
 */
#include "server/route.h"

#include <string.h>

static const struct {
    const char *text;
    enum var var;
} var_names[] = {
    {"{name}", VAR_NAME},
    {"{reference}", VAR_REFERENCE},
    {"{digest}", VAR_DIGEST},
    {"{upload}", VAR_UPLOAD},
};

static bool find_var(struct span segment, enum var *out)
{
    for (size_t i = 0; i < array_len(var_names); i++) {
        if (span_eq(segment, span_of(var_names[i].text))) {
            *out = var_names[i].var;
            return true;
        }
    }
    return false;
}

/* One segment of the pattern against one of the path. */
static bool match_segment(struct span pattern, struct span segment, struct span *vars)
{
    enum var v;
    if (!find_var(pattern, &v))
        return span_eq(pattern, segment);
    vars[v] = segment;
    return segment.n > 0;
}

/* Matches from the last segment towards the name; what is left is the name's. */
static bool match_tail(struct span pattern, struct span path, struct span *vars)
{
    for (;;) {
        struct span p, s;
        span_cut_last(pattern, '/', &pattern, &p);
        if (span_eq(p, SPAN("{name}"))) {
            vars[VAR_NAME] = path;
            return path.n > 0;
        }
        if (!span_cut_last(path, '/', &path, &s) || !match_segment(p, s, vars))
            return false;
    }
}

static bool match(const char *row_path, struct span path, struct span *vars)
{
    struct span pattern = span_of(row_path);
    const char *name = strstr(row_path, "{name}");
    if (!name)
        return span_eq(pattern, path);
    struct span head = span_head(pattern, (size_t)(name - row_path));
    if (!span_starts(path, head))
        return false;
    return match_tail(span_skip(pattern, head.n), span_skip(path, head.n), vars);
}

/* The registry image answers a path that lacks, or has too many, final slashes with a
 * redirect; here both forms are the same path. */
static struct span normalize(struct span path, struct arena *a)
{
    if (span_eq(path, SPAN("/v2")) || span_ends(path, SPAN("/blobs/uploads")))
        return span_of(arena_printf(a, "%.*s/", SPAN_ARG(path)));
    if (span_ends(path, SPAN("/tags/list/")) || span_eq(path, SPAN("/v2/_catalog/")))
        path.n--;
    return path;
}

/* The bare root stays where it is: it is for load balancers. */
static struct span without_prefix(struct span path, struct span prefix)
{
    struct span rest = span_skip(path, prefix.n);
    if (span_starts(path, prefix) && span_starts(rest, SPAN("/v2")))
        return rest;
    return prefix.n == 0 || span_eq(path, SPAN("/")) ? path : SPAN("");
}

/* The table has the metrics at METRICS_PATH; with another place, they are there alone. */
static struct span as_in_table(struct span path, struct span metrics)
{
    if (metrics.n == 0 || span_eq(metrics, SPAN(METRICS_PATH)))
        return path;
    if (span_eq(path, metrics))
        return SPAN(METRICS_PATH);
    return span_eq(path, SPAN(METRICS_PATH)) ? SPAN("") : path;
}

enum rc route_find(struct request *rq, const struct route_places *places, struct arena *a,
                   struct route *out, struct fault *f)
{
    struct span decoded, query;
    *out = (struct route){NULL, NULL};
    if (!http_decode(rq->head->path, a, &decoded))
        return fault(f, RC_BAD_REQUEST, "the path is not validly encoded");
    if (!http_decode(rq->head->query, a, &query))
        return fault(f, RC_BAD_REQUEST, "the query is not validly encoded");
    struct span path = normalize(without_prefix(decoded, places->prefix), a);
    if (rq->door == DOOR_DEBUG)
        path = as_in_table(path, places->metrics);
    for (size_t i = 0; i < endpoint_count; i++) {
        struct span vars[VAR_COUNT] = {{0}};
        if (endpoints[i].door != rq->door || !match(endpoints[i].path, path, vars))
            continue;
        if (endpoints[i].method == rq->head->method) {
            memcpy(rq->vars, vars, sizeof(vars));
            *out = (struct route){.row = &endpoints[i]};
            return RC_OK;
        }
        *out = (struct route){.other = &endpoints[i]};
    }
    if (!out->other)
        return fault(f, RC_NO_ENDPOINT, "%.*s", SPAN_ARG(decoded));
    return fault(f, RC_BAD_METHOD, "%.*s", SPAN_ARG(rq->head->method_text));
}

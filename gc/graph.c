/* SPDX-License-Identifier: Apache-2.0
 *
 * graph: nodes in an array, found through a hash; what they reach as numbers.
 */
#include "gc/graph.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CAP = 64 };

void graph_init(struct graph *g)
{
    *g = (struct graph){0};
}

void graph_fini(struct graph *g)
{
    free(g->nodes);
    free(g->refs);
    free(g->buckets);
    free(g->queue);
    *g = (struct graph){0};
}

/* ---- Nodes. ----------------------------------------------------------------------------- */

/* A digest is a hash already. A client who chooses digests that fall together makes his own
 * repository slow to collect, by as many as he has. */
static int bucket_of(const struct graph *g, const struct digest *d)
{
    uint32_t hash;
    memcpy(&hash, d->bytes, sizeof(hash));
    return (int)(hash % (uint32_t)g->bucket_count);
}

int graph_find(const struct graph *g, const struct digest *d)
{
    if (g->bucket_count == 0)
        return GRAPH_NONE;
    int i = g->buckets[bucket_of(g, d)];
    while (i != GRAPH_NONE && !digest_eq(&g->nodes[i].digest, d))
        i = g->nodes[i].next_same;
    return i;
}

static void put_in_bucket(struct graph *g, int i)
{
    int *bucket = &g->buckets[bucket_of(g, &g->nodes[i].digest)];
    g->nodes[i].next_same = *bucket;
    *bucket = i;
}

static void grow(struct graph *g)
{
    g->cap = g->cap ? 2 * g->cap : FIRST_CAP;
    g->nodes = must_realloc(g->nodes, (size_t)g->cap * sizeof(*g->nodes));
    g->queue = must_realloc(g->queue, (size_t)g->cap * sizeof(*g->queue));
    free(g->buckets);
    g->bucket_count = 2 * g->cap;
    g->buckets = must_alloc((size_t)g->bucket_count * sizeof(*g->buckets));
    for (int i = 0; i < g->bucket_count; i++)
        g->buckets[i] = GRAPH_NONE;
    for (int i = 0; i < g->count; i++)
        put_in_bucket(g, i);
}

static int take(struct graph *g, const struct digest *d)
{
    int i = graph_find(g, d);
    if (i != GRAPH_NONE)
        return i;
    if (g->count == g->cap)
        grow(g);
    i = g->count++;
    g->nodes[i] = (struct node){
        .digest = *d, .referrers = GRAPH_NONE, .next_referrer = GRAPH_NONE, .state = NODE_DEAD};
    put_in_bucket(g, i);
    return i;
}

static void add_ref(struct graph *g, int to)
{
    if (g->ref_count == g->ref_cap) {
        g->ref_cap = g->ref_cap ? 2 * g->ref_cap : FIRST_CAP;
        g->refs = must_realloc(g->refs, (size_t)g->ref_cap * sizeof(*g->refs));
    }
    g->refs[g->ref_count++] = to;
}

int graph_add(struct graph *g, const struct digest *d, const struct oci_manifest *m)
{
    int self = take(g, d);
    int first = g->ref_count;
    for (size_t i = 0; i < m->ref_count; i++)
        add_ref(g, take(g, &m->refs[i].digest));
    g->nodes[self].is_manifest = true;
    g->nodes[self].first_ref = first;
    g->nodes[self].ref_count = g->ref_count - first;
    if (m->has_subject) {
        int subject = take(g, &m->subject);
        g->nodes[self].next_referrer = g->nodes[subject].referrers;
        g->nodes[subject].referrers = self;
    }
    return self;
}

/* ---- What is reached. ------------------------------------------------------------------- */

/* Calls for each node that one reaches at once. */
static void for_each_reached(struct graph *g, int node,
                             void (*f)(struct graph *g, int to, void *ctx), void *ctx)
{
    const struct node *n = &g->nodes[node];
    for (int i = 0; i < n->ref_count; i++)
        f(g, g->refs[n->first_ref + i], ctx);
    for (int r = n->referrers; r != GRAPH_NONE; r = g->nodes[r].next_referrer)
        f(g, r, ctx);
}

/* Nodes that wait for their turn. Each comes once, so that the array is never too small. */
struct queue {
    int *nodes;
    int first, end;
};

static void make_live(struct graph *g, int node, void *ctx)
{
    struct queue *q = ctx;
    if (g->nodes[node].state != NODE_DEAD)
        return;
    g->nodes[node].state = NODE_LIVE;
    q->nodes[q->end++] = node;
}

void graph_mark(struct graph *g, int node)
{
    struct queue q = {.nodes = g->queue};
    make_live(g, node, &q);
    while (q.first < q.end)
        for_each_reached(g, q.nodes[q.first++], make_live, &q);
}

/* ---- The order of the dead. ------------------------------------------------------------- */

static bool is_dead_manifest(const struct graph *g, int node)
{
    return g->nodes[node].is_manifest && g->nodes[node].state == NODE_DEAD;
}

static void count_parent(struct graph *g, int node, void *ctx)
{
    (void)ctx;
    g->nodes[node].parents++;
}

static void lose_parent(struct graph *g, int node, void *ctx)
{
    struct queue *q = ctx;
    if (--g->nodes[node].parents == 0 && is_dead_manifest(g, node))
        q->nodes[q->end++] = node;
}

static void drain(struct graph *g, struct queue *q)
{
    while (q->first < q->end)
        for_each_reached(g, q->nodes[q->first++], lose_parent, q);
}

int graph_order(struct graph *g, int **out)
{
    struct queue q = {.nodes = must_alloc((size_t)(g->count + 1) * sizeof(int))};
    for (int i = 0; i < g->count; i++)
        g->nodes[i].parents = 0;
    for (int i = 0; i < g->count; i++)
        if (is_dead_manifest(g, i))
            for_each_reached(g, i, count_parent, NULL);
    for (int i = 0; i < g->count; i++)
        if (is_dead_manifest(g, i) && g->nodes[i].parents == 0)
            q.nodes[q.end++] = i;
    drain(g, &q);
    /* A digest is of the content, so that nothing reaches itself - but through a subject: S may be
     * a child of C, which is a child of S's referrer. Such a ring has no order. */
    for (int i = 0; i < g->count; i++)
        if (is_dead_manifest(g, i) && g->nodes[i].parents > 0) {
            g->nodes[i].parents = 0;
            q.nodes[q.end++] = i;
            drain(g, &q);
        }
    *out = q.nodes;
    return q.end;
}

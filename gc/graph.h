/* SPDX-License-Identifier: Apache-2.0
 *
 * graph: one repository's manifests, and what each reaches: its children, config and layers, and
 * the manifests whose subject it is. Memory alone; one thread at a time.
 *
 * Nodes are numbers from 0 on, in the order in which they were taken.
 */
#ifndef GC_GRAPH_H
#define GC_GRAPH_H

#include "lib/oci.h"

enum { GRAPH_NONE = -1 };

enum node_state {
    NODE_DEAD, /* nothing reaches it, as far as is known */
    NODE_LIVE,
    NODE_REMOVED
};

struct node {
    struct digest digest;
    enum node_state state;
    bool is_manifest;         /* of this repository; else a blob, or a manifest that is not here */
    int next_same;            /* of those in the same bucket */
    int first_ref, ref_count; /* in refs: what it refers to, in the document's order */
    int referrers;            /* the first of those whose subject it is, or GRAPH_NONE */
    int next_referrer;        /* the next one with the same subject */
    int parents;              /* graph_order: dead ones that reach it */
};

struct graph {
    struct node *nodes;
    int count, cap;
    int *refs;
    int ref_count, ref_cap;
    int *buckets; /* hash: the first node of each, or GRAPH_NONE */
    int bucket_count;
    int *queue; /* graph_mark's; as large as nodes */
};

void graph_init(struct graph *g);
void graph_fini(struct graph *g);

int graph_find(const struct graph *g, const struct digest *d); /* or GRAPH_NONE */
/* A manifest of the repository, with all that it reaches. Once for each digest. */
int graph_add(struct graph *g, const struct digest *d, const struct oci_manifest *m);

/* The node and all that it reaches is live, but for what is removed. */
void graph_mark(struct graph *g, int node);

/* The dead manifests, each before those that it reaches. *out is the caller's to free. */
int graph_order(struct graph *g, int **out);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * scan: one repository after the other: what its manifests reach, and what nothing in it needs.
 * The stages are drawn in run.h.
 *
 * What cannot be read is named, and its repository keeps everything (keeps_all). Where not even a
 * list of what there is can be read, no data goes at all (blind).
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "gc/run.h"

/* A manifest that came back in a crash must find what it reaches, so that this goes after it. */
static enum rc sync_removed(struct gc *gc, struct fault *f)
{
    struct scan *s = &gc->scan;
    bool unsynced = s->unsynced;
    s->unsynced = false;
    return unsynced ? collect_manifests_end(gc->store, s->repo, f) : RC_OK;
}

void scan_fini(struct gc *gc)
{
    struct scan *s = &gc->scan;
    walk_end(s->walk);
    s->walk = NULL;
    if (s->repo.s.p == NULL)
        return;
    (void)sync_removed(gc, NULL); /* if the run was stopped */
    graph_fini(&s->graph);
    free(s->order);
    arena_fini(&s->arena);
    *s = (struct scan){0};
}

/* ---- Which repository. ------------------------------------------------------------------ */

static void begin_repo(struct gc *gc, struct span name)
{
    struct scan *s = &gc->scan;
    scan_fini(gc);
    arena_init(&s->arena);
    s->repo = (struct name){arena_span(&s->arena, name)};
    graph_init(&s->graph);
    s->untagged_stay = !gc->options.delete_untagged;
}

/* No client can name it, but whoever has put it there may want it back. */
static void check_name(struct gc *gc)
{
    struct name valid;
    struct scan *s = &gc->scan;
    s->has_name = name_parse(s->repo.s, &valid, NULL) == RC_OK;
    if (s->has_name)
        return;
    gc_skip(gc, "not a repository's name", "%.*s", SPAN_ARG(s->repo.s));
    s->keeps_all = true;
}

static enum stage first_stage(const struct gc *gc)
{
    return gc->options.scope == GC_UPLOADS ? STAGE_UPLOADS : STAGE_MANIFESTS;
}

static enum stage find_again(struct gc *gc)
{
    if (gc->again_next == gc->again_count)
        return STAGE_SETTLE;
    const struct again *again = &gc->again[gc->again_next++];
    begin_repo(gc, again->repo);
    gc->scan.has_name = true;
    gc->scan.counted = again->counted;
    return first_stage(gc);
}

static enum stage find_repo(struct gc *gc)
{
    struct found found;
    if (!gc->repos)
        return find_again(gc);
    if (!walk_next(gc->repos, &found))
        return gc->options.scope == GC_UPLOADS ? STAGE_OVER : STAGE_SETTLE;
    if (found.state != FOUND) {
        gc_skip(gc, found.why, "%.*s", SPAN_ARG(found.name));
        gc->blind = true;
        return STAGE_REPO;
    }
    begin_repo(gc, found.name);
    gc->report.repositories++;
    check_name(gc);
    gc_line(gc, "%.*s", SPAN_ARG(found.name));
    return first_stage(gc);
}

/* ---- Walking through it. ---------------------------------------------------------------- */

/* Is this the pass in which the repository's manifests, or its links and uploads, are counted and
 * told? */
static bool tells_manifests(const struct gc *gc)
{
    return gc->repos != NULL;
}

static bool tells_rest(const struct gc *gc)
{
    return !gc->scan.counted;
}

static bool next(struct gc *gc, enum walk_kind kind, struct found *out)
{
    struct scan *s = &gc->scan;
    if (!s->walk)
        s->walk = walk_begin(gc->store, kind, s->repo);
    if (walk_next(s->walk, out))
        return true;
    walk_end(s->walk);
    s->walk = NULL;
    return false;
}

static void skip_found(struct gc *gc, const struct found *found)
{
    struct scan *s = &gc->scan;
    bool tell = gc->stage == STAGE_LAYERS ? tells_rest(gc) : tells_manifests(gc);
    if (tell && found->has_digest)
        gc_skip(gc, found->why, "%.*s: %s", SPAN_ARG(s->repo.s), digest_print(&found->digest).s);
    else if (tell)
        gc_skip(gc, found->why, "%.*s: %.*s", SPAN_ARG(s->repo.s), SPAN_ARG(found->name));
    s->keeps_all = true;
    if (found->state == FOUND_UNREADABLE)
        gc->blind = true;
    if (found->has_digest)
        marks_add(&gc->held, &found->digest);
}

/* ---- MANIFESTS. ------------------------------------------------------------------------- */

static void read_manifest(struct gc *gc, const struct digest *d)
{
    struct scan *s = &gc->scan;
    struct arena a;
    struct fault f;
    struct oci_manifest m;
    arena_init(&a);
    fault_init(&f, &a);
    enum rc rc = manifest_read(gc->store, d, &a, &m, &f);
    if (rc == RC_OK) {
        (void)graph_add(&s->graph, d, &m);
    } else {
        struct found bad = {.state = FOUND_BAD, .has_digest = true, .digest = *d};
        bad.why = f.first && f.first->detail ? f.first->detail : rc_name(rc);
        skip_found(gc, &bad);
    }
    arena_fini(&a);
}

/* The directory of a manifest that was deleted. */
static void tidy_manifest(struct gc *gc, const struct digest *d)
{
    struct arena a;
    struct fault f;
    if (gc->options.dry_run || !gc->scan.has_name)
        return;
    arena_init(&a);
    fault_init(&f, &a);
    enum rc rc = collect_manifest_rest(gc->store, gc->scan.repo, d, &f);
    gc->scan.unsynced = true;
    if (rc != RC_OK)
        gc_trouble(gc, rc, &f, digest_print(d).s);
    arena_fini(&a);
}

static enum stage manifests(struct gc *gc)
{
    struct found found;
    if (!next(gc, WALK_MANIFESTS, &found))
        return STAGE_TAGS;
    switch (found.state) {
    case FOUND:
        gc->report.manifests += tells_manifests(gc);
        read_manifest(gc, &found.digest);
        break;
    case FOUND_EMPTY:
        tidy_manifest(gc, &found.digest);
        break;
    case FOUND_BAD:
    case FOUND_UNREADABLE:
        skip_found(gc, &found);
        break;
    }
    return STAGE_MANIFESTS;
}

/* ---- TAGS. ------------------------------------------------------------------------------ */

static void mark_all(struct graph *g)
{
    for (int i = 0; i < g->count; i++)
        if (g->nodes[i].is_manifest)
            graph_mark(g, i);
}

static enum stage end_tags(struct gc *gc)
{
    struct scan *s = &gc->scan;
    if (s->keeps_all || s->untagged_stay)
        mark_all(&s->graph);
    s->order_count = graph_order(&s->graph, &s->order);
    s->next = 0;
    return STAGE_DEAD;
}

static enum stage tags(struct gc *gc)
{
    struct scan *s = &gc->scan;
    struct found found;
    if (s->untagged_stay || !next(gc, WALK_TAGS, &found))
        return end_tags(gc);
    int node = found.state == FOUND ? graph_find(&s->graph, &found.target) : GRAPH_NONE;
    if (node != GRAPH_NONE)
        graph_mark(&s->graph, node);
    if (found.state == FOUND_BAD || found.state == FOUND_UNREADABLE)
        skip_found(gc, &found);
    return STAGE_TAGS;
}

/* ---- DEAD. ------------------------------------------------------------------------------ */

/* A dry run does not wait for what is about to settle. */
static bool goes(const struct gc *gc, enum verdict v)
{
    return v == VERDICT_REMOVED || v == VERDICT_GONE ||
           (v == VERDICT_SETTLING && gc->options.dry_run);
}

/* Is it worth coming back? Not twice. */
static bool settles(const struct gc *gc, enum verdict v)
{
    return v == VERDICT_SETTLING && gc->repos && !gc->options.dry_run;
}

static void try_manifest(struct gc *gc, int i)
{
    struct scan *s = &gc->scan;
    struct node *node = &s->graph.nodes[i];
    struct arena a;
    struct fault f;
    enum verdict v = VERDICT_PINNED;
    arena_init(&a);
    fault_init(&f, &a);
    enum rc rc = collect_manifest(gc->store, s->repo, &node->digest, &v, &f);
    if (rc != RC_OK)
        gc_trouble(gc, rc, &f, digest_print(&node->digest).s);
    if (rc == RC_OK && goes(gc, v)) {
        node->state = NODE_REMOVED;
        s->removed++;
        s->unsynced = !gc->options.dry_run;
        gc->report.manifests_deleted++;
        if (gc->options.line)
            gc_deleting(gc, "deleting manifest", place_of_manifest(s->repo, &node->digest));
    } else {
        graph_mark(&s->graph, i);
        s->manifests_settle |= settles(gc, v);
        gc->report.manifests_pinned += rc == RC_OK && !settles(gc, v);
    }
    arena_fini(&a);
}

static enum stage end_dead(struct gc *gc)
{
    struct arena a;
    struct fault f;
    enum stage next = STAGE_REACHED;
    arena_init(&a);
    fault_init(&f, &a);
    if (sync_removed(gc, &f) != RC_OK)
        next = gc_fail(gc, f.first && f.first->detail ? f.first->detail : "sync failed");
    gc->scan.next = 0;
    arena_fini(&a);
    return next;
}

static enum stage dead(struct gc *gc)
{
    struct scan *s = &gc->scan;
    if (s->next == s->order_count)
        return end_dead(gc);
    int i = s->order[s->next++];
    if (s->graph.nodes[i].state == NODE_DEAD)
        try_manifest(gc, i);
    return STAGE_DEAD;
}

/* ---- REACHED. --------------------------------------------------------------------------- */

static void mark_manifest(struct gc *gc, const struct node *node)
{
    struct scan *s = &gc->scan;
    struct span repo = s->repo.s;
    bool tell = gc->options.line && tells_rest(gc);
    s->kept++;
    marks_add(&gc->reached, &node->digest);
    if (tell)
        gc_line(gc, "%.*s: marking manifest %s ", SPAN_ARG(repo), digest_print(&node->digest).s);
    for (int i = 0; i < node->ref_count; i++) {
        const struct digest *to = &s->graph.nodes[s->graph.refs[node->first_ref + i]].digest;
        marks_add(&gc->reached, to);
        if (tell)
            gc_line(gc, "%.*s: marking blob %s", SPAN_ARG(repo), digest_print(to).s);
    }
}

/* What the second pass will see is marked by it. */
static enum stage after_manifests(const struct gc *gc)
{
    return gc->scan.manifests_settle ? STAGE_CLOSE : STAGE_LAYERS;
}

static enum stage reached(struct gc *gc)
{
    struct scan *s = &gc->scan;
    if (s->next == s->graph.count)
        return s->removed > 0 && !gc->options.dry_run ? STAGE_HISTORY : after_manifests(gc);
    const struct node *node = &s->graph.nodes[s->next++];
    if (node->is_manifest && node->state == NODE_LIVE && !s->manifests_settle)
        mark_manifest(gc, node);
    if (node->state == NODE_REMOVED && gc->options.line)
        gc_line(gc, "manifest eligible for deletion: %s", digest_print(&node->digest).s);
    return STAGE_REACHED;
}

/* ---- HISTORY. --------------------------------------------------------------------------- */

static enum stage history(struct gc *gc)
{
    struct found found;
    struct tag tag;
    struct arena a;
    struct fault f;
    if (!next(gc, WALK_TAGS, &found))
        return after_manifests(gc);
    if (tag_parse(found.name, &tag, NULL) != RC_OK)
        return STAGE_HISTORY;
    arena_init(&a);
    fault_init(&f, &a);
    enum rc rc = collect_history(gc->store, gc->scan.repo, tag, &f);
    if (rc != RC_OK)
        gc_trouble(gc, rc, &f, arena_str(&a, tag.s));
    arena_fini(&a);
    return STAGE_HISTORY;
}

/* ---- LAYERS. ---------------------------------------------------------------------------- */

static void keep_layer(struct gc *gc, const struct found *found, struct marks *marks)
{
    gc->scan.kept++;
    marks_add(marks, &found->digest);
    if (found->state == FOUND)
        marks_add(marks, &found->target); /* of the registry image's alias */
}

static void skip_link(struct gc *gc, const struct found *found, const struct fault *f)
{
    struct found bad = *found;
    bad.why = f->first && f->first->detail ? f->first->detail : "the link cannot be read";
    skip_found(gc, &bad);
}

static void tell_link(struct gc *gc, const struct digest *d)
{
    struct name repo = gc->scan.repo;
    if (!gc->options.line)
        return;
    gc_line(gc, "%.*s: layer link eligible for deletion: %s", SPAN_ARG(repo.s), digest_print(d).s);
    gc_deleting(gc, "Deleting layer link path", place_of_layer(repo, d));
}

static void try_layer(struct gc *gc, const struct found *found)
{
    struct scan *s = &gc->scan;
    struct arena a;
    struct fault f;
    enum verdict v = VERDICT_PINNED;
    arena_init(&a);
    fault_init(&f, &a);
    enum rc rc = collect_layer(gc->store, s->repo, &found->digest, &v, &f);
    if (rc != RC_OK)
        skip_link(gc, found, &f);
    if (settles(gc, v)) {
        s->layers_settle = true;
    } else if (rc != RC_OK || !goes(gc, v)) {
        keep_layer(gc, found, &gc->held);
        gc->report.links_pinned += rc == RC_OK;
    } else if (v != VERDICT_GONE) {
        gc->report.links_deleted++;
        tell_link(gc, &found->digest);
    }
    arena_fini(&a);
}

static bool is_live(const struct scan *s, const struct digest *d)
{
    int node = graph_find(&s->graph, d);
    return node != GRAPH_NONE && s->graph.nodes[node].state == NODE_LIVE;
}

static void look_at_layer(struct gc *gc, const struct found *found)
{
    gc->report.links += tells_rest(gc);
    if (is_live(&gc->scan, &found->digest))
        keep_layer(gc, found, &gc->reached);
    else if (gc->scan.keeps_all)
        keep_layer(gc, found, &gc->held);
    else
        try_layer(gc, found);
}

/* A torn alias might be of anything. */
static void skip_layer(struct gc *gc, const struct found *found)
{
    skip_found(gc, found);
    gc->scan.kept++;
    if (found->has_digest && found->digest.alg != DIGEST_SHA256)
        gc->blind = true;
}

static enum stage layers(struct gc *gc)
{
    struct found found;
    if (!next(gc, WALK_LAYERS, &found))
        return STAGE_UPLOADS;
    switch (found.state) {
    case FOUND:
        look_at_layer(gc, &found);
        break;
    case FOUND_EMPTY:
        if (!gc->options.dry_run && !gc->scan.keeps_all)
            try_layer(gc, &found);
        break;
    case FOUND_BAD:
    case FOUND_UNREADABLE:
        skip_layer(gc, &found);
        break;
    }
    return STAGE_LAYERS;
}

/* ---- UPLOADS, CLOSE. -------------------------------------------------------------------- */

static void try_upload(struct gc *gc, struct span id)
{
    struct arena a;
    struct fault f;
    enum verdict v = VERDICT_PINNED;
    arena_init(&a);
    fault_init(&f, &a);
    enum rc rc = collect_upload(gc->store, gc->scan.repo, id, gc->options.upload_age_ms, &v, &f);
    if (rc != RC_OK)
        gc_trouble(gc, rc, &f, arena_str(&a, id));
    if (rc == RC_OK && v == VERDICT_REMOVED)
        gc->report.uploads_deleted++;
    else
        gc->scan.kept++;
    arena_fini(&a);
}

static enum stage uploads(struct gc *gc)
{
    struct found found;
    if (!next(gc, WALK_UPLOADS, &found))
        return STAGE_CLOSE;
    gc->report.uploads += tells_rest(gc);
    if (found.state == FOUND && gc->options.upload_age_ms > 0 && gc->scan.has_name)
        try_upload(gc, found.name);
    else
        gc->scan.kept++;
    return STAGE_UPLOADS;
}

static void come_back(struct gc *gc)
{
    const struct scan *s = &gc->scan;
    if (gc->again_count == gc->again_cap) {
        gc->again_cap = gc->again_cap ? 2 * gc->again_cap : 16;
        gc->again = must_realloc(gc->again, gc->again_cap * sizeof(*gc->again));
    }
    gc->again[gc->again_count++] =
        (struct again){.repo = arena_span(&gc->arena, s->repo.s), .counted = !s->manifests_settle};
}

static enum stage close_repo(struct gc *gc)
{
    struct scan *s = &gc->scan;
    enum verdict v = VERDICT_PINNED;
    struct arena a;
    struct fault f;
    if (s->manifests_settle || s->layers_settle) {
        come_back(gc);
        return STAGE_REPO;
    }
    arena_init(&a);
    fault_init(&f, &a);
    if (s->kept == 0 && !s->keeps_all && gc->options.scope == GC_EVERYTHING) {
        enum rc rc = collect_repo(gc->store, s->repo, &v, &f);
        if (rc != RC_OK)
            gc_trouble(gc, rc, &f, arena_str(&a, s->repo.s));
    }
    gc->report.repositories_deleted += v == VERDICT_REMOVED;
    arena_fini(&a);
    return STAGE_REPO;
}

enum stage scan_step(struct gc *gc)
{
    switch (gc->stage) {
    case STAGE_REPO:
        return find_repo(gc);
    case STAGE_MANIFESTS:
        return manifests(gc);
    case STAGE_TAGS:
        return tags(gc);
    case STAGE_DEAD:
        return dead(gc);
    case STAGE_REACHED:
        return reached(gc);
    case STAGE_HISTORY:
        return history(gc);
    case STAGE_LAYERS:
        return layers(gc);
    case STAGE_UPLOADS:
        return uploads(gc);
    case STAGE_CLOSE:
        return close_repo(gc);
    case STAGE_SETTLE:
    case STAGE_COUNT:
    case STAGE_SWEEP:
    case STAGE_OVER:
        return gc->stage;
    }
    return STAGE_OVER;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * sweep: the data that no repository needs. First all is looked through, so that it can be said
 * how much there is; then it goes, one by one.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "gc/run.h"

static void add_candidate(struct gc *gc, const struct digest *d, uint64_t size)
{
    if (gc->candidate_count == gc->candidate_cap) {
        gc->candidate_cap = gc->candidate_cap ? 2 * gc->candidate_cap : 256;
        gc->candidates = must_realloc(gc->candidates, gc->candidate_cap * sizeof(*gc->candidates));
    }
    gc->candidates[gc->candidate_count++] = (struct candidate){.digest = *d, .size = size};
}

static void keep(struct gc *gc, uint64_t size)
{
    gc->report.blobs_pinned++;
    gc->report.bytes_reclaimable += size;
}

/* One that is not marked: gone if it can, kept if a pin says so. */
static void try_blob(struct gc *gc, const struct digest *d, uint64_t size)
{
    struct arena a;
    struct fault f;
    enum verdict v = VERDICT_PINNED;
    arena_init(&a);
    fault_init(&f, &a);
    enum rc rc = collect_blob(gc->store, d, size, &v, &f);
    if (rc != RC_OK)
        gc_trouble(gc, rc, &f, digest_print(d).s);
    if (rc == RC_OK && v == VERDICT_REMOVED) {
        gc->report.blobs_deleted++;
        if (gc->options.line)
            gc_deleting(gc, "Deleting blob", place_of_blob(d));
        gc->report.bytes_freed += size;
    } else if (v != VERDICT_GONE) {
        keep(gc, size);
    }
    arena_fini(&a);
}

static void look_at_blob(struct gc *gc, const struct found *found)
{
    gc->report.blobs++;
    gc->report.bytes += found->size;
    if (marks_has(&gc->reached, &found->digest))
        return;
    if (gc->blind || marks_has(&gc->held, &found->digest))
        keep(gc, found->size);
    else
        add_candidate(gc, &found->digest, found->size);
}

/* A directory that has lost its data, or has never got it. */
static void look_at_empty(struct gc *gc, const struct digest *d)
{
    struct arena a;
    struct fault f;
    enum verdict v;
    if (gc->options.dry_run)
        return;
    arena_init(&a);
    fault_init(&f, &a);
    enum rc rc = collect_blob(gc->store, d, 0, &v, &f);
    if (rc != RC_OK)
        gc_trouble(gc, rc, &f, digest_print(d).s);
    collect_blob_end(gc->store, d);
    arena_fini(&a);
}

static enum stage end_count(struct gc *gc)
{
    gc->report.blobs_marked = gc->reached.count;
    gc->report.blobs_eligible = gc->candidate_count;
    gc_line(gc, "%s", "");
    gc_line(gc,
            "%" PRIu64 " blobs marked, %" PRIu64 " blobs and %" PRIu64
            " manifests eligible for deletion",
            gc->report.blobs_marked, gc->report.blobs_eligible, gc->report.manifests_deleted);
    return STAGE_SWEEP;
}

static enum stage count(struct gc *gc)
{
    struct found found;
    struct name none = {SPAN("")};
    if (!gc->scan.walk)
        gc->scan.walk = walk_begin(gc->store, WALK_BLOBS, none);
    if (!walk_next(gc->scan.walk, &found)) {
        walk_end(gc->scan.walk);
        gc->scan.walk = NULL;
        return end_count(gc);
    }
    switch (found.state) {
    case FOUND:
        look_at_blob(gc, &found);
        break;
    case FOUND_EMPTY:
        look_at_empty(gc, &found.digest);
        break;
    case FOUND_BAD:
    case FOUND_UNREADABLE:
        gc_skip(gc, found.why, "blobs: %.*s", SPAN_ARG(found.name));
        break;
    }
    return STAGE_COUNT;
}

/* Is it the last one of its directory? */
static bool is_last(const struct gc *gc, const struct candidate *c)
{
    const struct candidate *end = gc->candidates + gc->candidate_count;
    return c + 1 == end || c[1].digest.alg != c->digest.alg ||
           c[1].digest.bytes[0] != c->digest.bytes[0];
}

static enum stage sweep(struct gc *gc)
{
    if (gc->candidate_next == gc->candidate_count)
        return STAGE_OVER;
    const struct candidate *c = &gc->candidates[gc->candidate_next++];
    if (gc->options.line)
        gc_line(gc, "blob eligible for deletion: %s", digest_print(&c->digest).s);
    try_blob(gc, &c->digest, c->size);
    if (is_last(gc, c) && !gc->options.dry_run)
        collect_blob_end(gc->store, &c->digest);
    return STAGE_SWEEP;
}

enum stage sweep_step(struct gc *gc)
{
    return gc->stage == STAGE_COUNT ? count(gc) : sweep(gc);
}

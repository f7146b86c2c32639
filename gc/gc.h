/* SPDX-License-Identifier: Apache-2.0
 *
 * gc: finds what nobody needs and removes it, a slice at a time, while the store is in use.
 *
 *   GC_SCAN ──► GC_SETTLE ──► GC_SWEEP ──► GC_OVER
 *
 *   scan    repository by repository: what its manifests reach is marked; manifests, links,
 *           uploads and directories that nothing needs go at once
 *   settle  a short wait for pins that are about to end (storage.h, "Pins"), if there are any
 *           and no client is pushing
 *   sweep   the data that no mark and no pin keeps
 *
 * What is reached: from a tag - without delete_untagged, from every manifest - through
 * indexes to their children, to configs and layers; from a manifest to its referrers, those whose
 * subject it is (distribution-spec, "Listing Referrers").
 *
 * What cannot be read is skipped, named in the report, and keeps all that it might reach.
 *
 * Blocking, for one thread at a time, beside any use of the store. No HTTP, no loop, no timers.
 */
#ifndef GC_GC_H
#define GC_GC_H

#include "gc/report.h"
#include "gc/step.h"
#include "storage/storage.h"

struct gc;

/* What a run is to clean. */
enum gc_scope {
    GC_EVERYTHING,
    GC_UPLOADS /* abandoned uploads alone */
};

struct gc_options {
    enum gc_scope scope;
    bool dry_run;           /* says what it would do, and changes nothing */
    bool delete_untagged;   /* manifests that no tag reaches go too */
    uint64_t grace_ms;      /* how long a pin holds */
    uint64_t upload_age_ms; /* uploads begun so long ago go; 0: none do */
    /* Gets each line of the registry image's `garbage-collect`, without its newline; one that it
     * would log ("Deleting blob: …") begins with a tab. NULL: not wanted. Called by gc_step. */
    void (*line)(void *ctx, const char *text);
    void *line_ctx;
};

/* RC_GC_RUNNING if the store is being collected already, or if another process works on it. */
enum rc gc_begin(struct store *s, const struct gc_options *o, struct gc **out,
                 struct fault *f) MUST_CHECK;

/* Works for about budget_us microseconds; 0: one small thing. */
enum gc_next gc_step(struct gc *gc, uint64_t budget_us) MUST_CHECK;

/* The next gc_step will be the last, whatever is left. Any thread. */
void gc_stop(struct gc *gc);

/* As of the last gc_step; the gc's. */
const struct gc_report *gc_report(const struct gc *gc);

/* At any time; what is not done stays for the next run. gc may be NULL. */
void gc_end(struct gc *gc);

#endif

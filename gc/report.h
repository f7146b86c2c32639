/* SPDX-License-Identifier: Apache-2.0
 *
 * report: what a run has seen and done. A plain value; whoever holds it may read it.
 */
#ifndef GC_REPORT_H
#define GC_REPORT_H

#include <time.h>

#include "lib/buf.h"

enum gc_phase { GC_SCAN, GC_SETTLE, GC_SWEEP, GC_OVER };
const char *gc_phase_name(enum gc_phase p); /* "scan" */

enum gc_outcome {
    GC_UNFINISHED,
    GC_DONE,    /* all was looked at; what is in `skipped` was kept */
    GC_STOPPED, /* on demand */
    GC_FAILED   /* `failure` says why; what was not done stays for the next run */
};
const char *gc_outcome_name(enum gc_outcome o); /* "done" */

/* What could not be read, and why. */
struct gc_skipped {
    char what[384]; /* "repository: digest or tag" */
    char reason[128];
};
enum { GC_SKIPPED_KEPT = 64 }; /* more than this are counted, not kept */

/* With dry_run, what is "deleted" or "freed" is what would be. */
struct gc_report {
    enum gc_phase phase;
    enum gc_outcome outcome;
    bool dry_run, delete_untagged;
    time_t started, ended; /* ended: 0 while it runs */
    uint64_t duration_us;  /* working time and pauses */
    uint64_t work_us;      /* working time alone */
    uint64_t slices, longest_slice_us;

    uint64_t repositories, manifests, links, uploads; /* seen */
    uint64_t blobs, bytes;                            /* data seen, manifests' too */
    uint64_t blobs_marked;
    uint64_t blobs_eligible; /* of those seen; what is deleted of them, and kept because pinned: */
    uint64_t blobs_deleted, bytes_freed;
    uint64_t blobs_pinned, bytes_reclaimable; /* will go in a later run unless they are used */
    uint64_t manifests_deleted, links_deleted, uploads_deleted, repositories_deleted;
    uint64_t manifests_pinned, links_pinned; /* that nothing else keeps */

    uint64_t skipped_count;
    struct gc_skipped skipped[GC_SKIPPED_KEPT];
    char failure[256];
};

/* As a JSON object, on one line, without a newline. */
void gc_report_print(const struct gc_report *r, struct buf *out);
struct cJSON;
/* From such an object, what is told to people. */
void gc_report_take(const struct cJSON *json, struct gc_report *out);

/* Members of such an object; a number or a time is never the first one. */
void report_add_number(struct buf *b, const char *name, uint64_t value);
void report_add_text(struct buf *b, const char *name, const char *value);
/* RFC 3339; null if it has not happened yet. */
void report_add_time(struct buf *b, const char *name, time_t t);
/* What a member says: 0 or "" if there is none. */
uint64_t report_number(const struct cJSON *in, const char *name);
void report_text(const struct cJSON *in, const char *name, char *to, size_t n);
/* That of a word as gc_outcome_name has it. */
enum gc_outcome report_outcome(const struct cJSON *in);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * gc_status: what is known of the collections of this process, as a value, and how it is told.
 * The owner (maint.c) lends it to one thread at a time.
 *
 * A purge of uploads is a run, too; but `run`, `last` and the totals are only of whole ones.
 */
#ifndef SERVER_GC_STATUS_H
#define SERVER_GC_STATUS_H

#include "gc/gc.h"
#include "lib/buf.h"

/* What somebody wants done. */
struct gc_request {
    enum gc_scope scope;
    bool dry_run, delete_untagged;
    bool lines; /* keep what it says (lines.h) */
};

struct gc_status {
    bool running;
    bool refuses;              /* writes, until it is over */
    struct gc_request request; /* the current run's, or the last one's */
    uint64_t run;              /* counts from 1; the current run's, or the last one's */
    struct gc_report current;  /* while it runs */
    struct gc_report last;     /* if there are `runs`; else … */
    char *before; /* … what the process before said of its last one, or NULL; owned */
    uint64_t runs, blobs_deleted, bytes_freed; /* of all that are over */
};

void gc_status_begin(struct gc_status *s, const struct gc_request *r, bool refuses);
/* The run is over; `current` is its report. */
void gc_status_end(struct gc_status *s);

/* What GET /admin/gc says; writes: the option's word. */
void gc_status_print(const struct gc_status *s, const char *writes, struct buf *b);
/* Prometheus' text format. */
void gc_status_metrics(const struct gc_status *s, struct buf *b);

#endif

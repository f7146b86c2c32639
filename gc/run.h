/* SPDX-License-Identifier: Apache-2.0
 *
 * run: what the files of a collection share. Not for others.
 *
 * A run is a chain of stages, each a function that does one small thing and says which stage is
 * next; gc_step calls them until its time is over.
 *
 *                  ┌────────────────── the next repository ◄──────────────────┐
 *   (scan.c)       ▼                                                          │
 *   REPO ─► MANIFESTS ─► TAGS ─► DEAD ─► REACHED ─► HISTORY ─► LAYERS ─► UPLOADS ─► CLOSE
 *     │ no more
 *     ▼
 *   SETTLE ──► REPO, again, for those where something was about to settle
 *     │ (sweep.c)
 *     ▼
 *   COUNT ─► SWEEP ─► OVER
 */
#ifndef GC_RUN_H
#define GC_RUN_H

#include <stdatomic.h>

#include "gc/gc.h"
#include "gc/graph.h"
#include "gc/marks.h"

enum stage {
    STAGE_REPO,      /* finds a repository */
    STAGE_MANIFESTS, /* reads its manifests */
    STAGE_TAGS,      /* with delete_untagged: marks what its tags reach */
    STAGE_DEAD,      /* removes manifests that nothing reaches */
    STAGE_REACHED,   /* marks what the others reach, for the sweep */
    STAGE_HISTORY,   /* has tags forget manifests that went */
    STAGE_LAYERS,    /* removes links that nothing needs */
    STAGE_UPLOADS,   /* removes abandoned uploads */
    STAGE_CLOSE,     /* removes the repository, if nothing is left */
    STAGE_SETTLE,    /* waits for pins that are about to end */
    STAGE_COUNT,     /* looks through the data for what is neither marked nor held */
    STAGE_SWEEP,     /* removes it */
    STAGE_OVER
};

/* The repository being scanned. */
struct scan {
    struct arena arena; /* its name */
    struct name repo;
    struct graph graph;
    struct walk *walk; /* of the stage; NULL: to be begun */
    int *order;        /* STAGE_DEAD: the dead, and the one to look at next */
    int order_count, next;
    bool has_name;                        /* false: no client can name it */
    bool untagged_stay;                   /* its manifests stay without a tag, too */
    bool keeps_all;                       /* something in it cannot be read */
    bool counted;                         /* what its second pass sees was counted in the first */
    bool manifests_settle, layers_settle; /* some would go if they were looked at in a while */
    uint64_t removed;                     /* manifests */
    bool unsynced;                        /* they are not gone for good yet */
    uint64_t kept;                        /* manifests, links and uploads */
};

/* A repository that is to be seen again, when pins have settled. */
struct again {
    struct span repo;
    bool counted;
};

/* Data that may go. */
struct candidate {
    struct digest digest;
    uint64_t size;
};

struct gc {
    struct store *store;
    struct gc_options options;
    struct gc_report report;
    enum stage stage;
    atomic_bool stop;
    uint64_t begun_us;

    struct walk *repos; /* of the first pass; NULL in the second */
    struct scan scan;
    struct marks reached; /* by a manifest that stays */
    struct marks held;    /* by a pin, or because of what cannot be read */
    bool blind;           /* nobody knows what is needed: no data goes */

    struct arena arena; /* of the names in `again` */
    struct again *again;
    size_t again_count, again_cap, again_next;

    struct candidate *candidates;
    size_t candidate_count, candidate_cap, candidate_next; /* neighbours share a directory */
};

/* gc.c */
uint64_t gc_now_us(void);
PRINTF_LIKE(2, 3) void gc_line(struct gc *gc, const char *fmt, ...);
/* Says that something was removed, unless the run is dry. */
void gc_deleting(struct gc *gc, const char *what, struct store_place where);
/* Names what was not understood. */
PRINTF_LIKE(3, 4) void gc_skip(struct gc *gc, const char *reason, const char *fmt, ...);
/* The same of a removal that failed. */
void gc_trouble(struct gc *gc, enum rc rc, const struct fault *f, const char *what);
enum stage gc_fail(struct gc *gc, const char *reason); /* STAGE_OVER */

/* scan.c, sweep.c: one small thing each. */
enum stage scan_step(struct gc *gc);
void scan_fini(struct gc *gc);
enum stage sweep_step(struct gc *gc);

#endif

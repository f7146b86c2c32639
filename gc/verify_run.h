/* SPDX-License-Identifier: Apache-2.0
 *
 * verify_run: what the files of a verification share. Not for others.
 *
 *   (verify.c)        the next digest ─► READ* ─► is it right?  ─no, twice─► move aside
 *                            ▲                       │ yes
 *                            └───────────────────────┘
 *   (verify_links.c)  REPO ─► MANIFESTS ─► TAGS ─► LAYERS ─► REPO …
 */
#ifndef GC_VERIFY_RUN_H
#define GC_VERIFY_RUN_H

#include <stdatomic.h>

#include "gc/marks.h"
#include "gc/verify.h"

/* The digests that share an algorithm and their first byte. */
struct verify_shelf {
    unsigned number; /* algorithm * 256 + byte */
    bool listed;
    struct arena arena;
    struct digests digests;
    size_t next;
};

/* The data that is being read. */
struct verify_reading {
    bool open;
    bool suspect; /* out of turn */
    bool again;   /* for the second time: it was something else */
    bool damaged; /* that was true; it waits to be moved */
    struct data data;
    struct hash hash;
    uint64_t at;      /* bytes in the hash */
    struct digest is; /* damaged: what it is */
};

struct verify_links {
    enum { LINKS_REPO, LINKS_MANIFESTS, LINKS_TAGS, LINKS_LAYERS } stage;
    struct walk *repos, *walk; /* walk: of the stage; NULL: to be begun */
    struct arena arena;        /* the repository's name */
    struct name repo;
};

struct verify {
    struct store *store;
    struct verify_options options;
    struct verify_report report;
    atomic_bool stop, moves;
    char *buffer; /* while a step reads */
    uint64_t cost;
    struct digest position; /* if has_position */
    bool has_position;
    struct verify_shelf shelf;
    struct verify_reading reading;
    struct verify_links links;
    struct walk *rest; /* NULL: to be begun */
    struct marks left; /* damaged data that was not moved */
};

/* verify.c: a finding. The caller counts it. */
PRINTF_LIKE(3, 4) void verify_found(struct verify *v, const char *what, const char *fmt, ...);
/* Why something failed. */
const char *verify_words(enum rc rc, const struct fault *f);

/* verify_links.c: one small thing. false: there is nothing left. */
bool verify_links_step(struct verify *v);
void verify_links_fini(struct verify *v);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * pins: what clients were told is there, and the one thing that is being removed at this moment.
 * The rules are in storage.h, "Pins".
 *
 *   client     pins_begin ── looks, writes ──► pins_end          begin waits for a removal of
 *                                                                the same thing
 *   collection pins_condemn ── removes ──► pins_release          condemn refuses what is pinned
 *
 * Both sides decide under one mutex, which nobody holds over a system call: so either the
 * collection sees the pin, or the client sees what the collection did. Any thread; the
 * collection's side is for the one that collects.
 */
#ifndef STORAGE_PINS_H
#define STORAGE_PINS_H

#include <pthread.h>
#include <time.h>

#include "storage/storage.h"

struct pin;
struct pin_repo;
struct pin_content;

/* What is condemned. */
enum condemned { CONDEMNED_NOTHING, CONDEMNED_LINK, CONDEMNED_CONTENT, CONDEMNED_REPO };

struct pins {
    pthread_mutex_t mutex;
    pthread_cond_t released;
    struct pin_repo *repos;       /* hash, by name */
    struct pin_content *contents; /* hash, by digest: the pins of all repositories together */
    struct pin *oldest;           /* list of all, by `at` */
    size_t count;

    unsigned run;              /* counts collections; a pin touched in this one holds */
    struct collection current; /* the collection in progress */
    bool collecting;
    uint64_t begun;        /* ms: when it began */
    unsigned promised_run; /* the collection in which the last promise was made */
    uint64_t ahead_ms;     /* tests: how far the clock was put ahead */

    enum condemned condemned;
    struct span condemned_repo;     /* LINK, REPO; the caller's */
    struct digest condemned_digest; /* LINK, CONTENT */
};

void pins_init(struct pins *p);
void pins_fini(struct pins *p);

/* ---- The clients' side. */

enum pin_kind { PIN_BLOB, PIN_MANIFEST };

enum pin_end {
    PIN_DROPPED, /* it was not there: as if nothing had been asked */
    PIN_KEPT,    /* a client will rely on it */
    PIN_USED     /* a manifest that needs it was accepted, or the manifest itself has a tag */
};

/* Each begin has an end. */
void pins_begin(struct pins *p, struct span repo, enum pin_kind kind, const struct digest *d);
void pins_end(struct pins *p, struct span repo, const struct digest *d, enum pin_end how);
/* For who must not wait; false: it has not begun, since it would have to. */
bool pins_try_begin(struct pins *p, struct span repo, enum pin_kind kind,
                    const struct digest *d) MUST_CHECK;
/* The same for whoever puts it there: before the end, what others see of it may be lost in a
 * crash. */
void pins_begin_put(struct pins *p, struct span repo, enum pin_kind kind, const struct digest *d);
void pins_end_put(struct pins *p, struct span repo, const struct digest *d, enum pin_end how);
/* Are more than so many putting it, in whatever repository? Asked after it was seen. */
bool pins_are_putting(struct pins *p, const struct digest *d, unsigned most);
/* The client has deleted it itself. */
void pins_forget(struct pins *p, struct span repo, const struct digest *d);

/* An upload in the repository is being written to; or its directories are being made. */
void pins_enter(struct pins *p, struct span repo);
void pins_leave(struct pins *p, struct span repo);

/* ---- The collection's side. */

/* RC_GC_RUNNING */
enum rc pins_collect(struct pins *p, const struct collection *c, struct fault *f) MUST_CHECK;
void pins_collected(struct pins *p);
bool pins_have_settled(struct pins *p);

/* VERDICT_REMOVED: it is condemned, and whoever begins on it waits for pins_release. Otherwise,
 * and always in a dry run, nothing is. */
enum verdict pins_condemn_link(struct pins *p, struct span repo, const struct digest *d) MUST_CHECK;
enum verdict pins_condemn_content(struct pins *p, const struct digest *d) MUST_CHECK;
enum verdict pins_condemn_repo(struct pins *p, struct span repo) MUST_CHECK;
/* Of data that is damaged, in a collection or not: VERDICT_PINNED only while somebody is at work on
 * it, who may be replacing it. What was promised of it does not hold. */
enum verdict pins_condemn_damaged(struct pins *p, const struct digest *d) MUST_CHECK;
void pins_release(struct pins *p);

int64_t pins_wall_time(struct pins *p); /* seconds since 1970 */
/* Is a link with this time of modification pinned for that alone? */
bool pins_is_young(struct pins *p, time_t modified);

/* For tests: as if so much time had passed. */
void pins_pass_time(struct pins *p, uint64_t ms);

#endif

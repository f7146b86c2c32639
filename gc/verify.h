/* SPDX-License-Identifier: Apache-2.0
 *
 * verify: is what is stored still what was pushed? A slice at a time, while the store is in use.
 *
 *   VERIFY_DATA ──► VERIFY_LINKS ──► VERIFY_REST ──► VERIFY_OVER
 *
 *   data    all of it is read and compared with its digest. What is something else, when read a
 *           second time too, is moved aside (storage.h), and has to be pushed again
 *   links   repository by repository: manifests whose parts, tags whose manifests, links whose data
 *           are not there. They are named, and stay as they are
 *   rest    temporary files that a process has left which was killed: they are removed, if damage
 *           is moved. A collection does not look for them: it would have to open the directory of
 *           every link, and of most it only reads the name
 *
 * The data is gone through in the order of its digests, so that a later run can go on where this
 * one has come to. Suspects (storage.h), if they are wanted, come first at any time. What cannot be
 * read is named and stays: a disk that does not answer now may do so later.
 *
 * Blocking, for one thread at a time, beside any use of the store but a collection's slices.
 */
#ifndef GC_VERIFY_H
#define GC_VERIFY_H

#include "gc/step.h"
#include "gc/verify_report.h"
#include "storage/storage.h"

struct verify;

enum verify_scope {
    VERIFY_EVERYTHING,
    VERIFY_SUSPECTS /* those alone */
};

struct verify_options {
    enum verify_scope scope;
    bool moves;                         /* else damage is named, and nothing is changed */
    bool suspects;                      /* everything, and suspects before it */
    const struct verify_report *before; /* an unfinished one to go on with, or NULL; borrowed for
                                           the call */
    /* Gets a line for each finding, without its newline. NULL: not wanted. Called by verify_step.
     */
    void (*line)(void *ctx, const char *text);
    void *line_ctx;
};

struct verify *verify_begin(struct store *s, const struct verify_options *o);
/* Works for about budget_us microseconds, or until about so many bytes were read; each thing that
 * is opened counts as VERIFY_SEEK_BYTES at least. 0: one small thing. */
enum gc_next verify_step(struct verify *v, uint64_t budget_us, uint64_t budget_bytes) MUST_CHECK;
enum { VERIFY_SEEK_BYTES = 64 << 10 };
/* Bytes, as counted for the budget, of the last verify_step. */
uint64_t verify_cost(const struct verify *v);

/* The next verify_step will be the last, whatever is left. Any thread. */
void verify_stop(struct verify *v);
/* From now on. Any thread. */
void verify_set_moves(struct verify *v, bool moves);

/* As of the last verify_step; the verification's. */
const struct verify_report *verify_report(const struct verify *v);
/* At any time. v may be NULL. */
void verify_end(struct verify *v);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * maint: what the server does when nobody asks for anything: it collects garbage, removes abandoned
 * uploads and verifies what is stored (scrub.h), on demand and at the times that the options say.
 *
 * All of it is slices (job.h), aside (pool.h).
 */
#ifndef SERVER_MAINT_H
#define SERVER_MAINT_H

#include <uv.h>

#include "server/config.h"
#include "server/gc_status.h"
#include "server/pool.h"

struct maint;
struct scrub;

#define MAINT_GC "gc" /* whose lines, and whose last report */

/* ---- Loop thread. Borrows all but config, which is only read.
 * ---------------------------------------------------------- */

struct maint *maint_new(uv_loop_t *loop, struct pool *pool, struct store *s,
                        const struct config *config);
/* The options are others from now on. Times that stay the same are not begun anew; a run that has
 * begun goes on as it began, in slices of the new length. config is only read. */
void maint_configure(struct maint *m, const struct config *config);
/* Once a second. readonly: nothing is moved or removed that was not asked for. */
void maint_tick(struct maint *m, bool readonly);
/* No run begins from now on, and the one that there is ends after its slice: then the loop has
 * nothing of this any more. */
void maint_close(struct maint *m);
/* After the loop has ended. */
void maint_free(struct maint *m);

/* ---- Any thread. ------------------------------------------------------------------------ */

/* Verifications (scrub.h). */
struct scrub *maint_scrub(struct maint *m);

/* RC_GC_RUNNING; RC_UNAVAILABLE after maint_close. Blocks if lines are wanted: not on the loop. */
enum rc maint_gc_start(struct maint *m, const struct gc_request *r, struct fault *f) MUST_CHECK;
/* The run, if there is one, ends after its slice. */
void maint_gc_stop(struct maint *m);
void maint_gc_status(struct maint *m, struct buf *json);
void maint_gc_metrics(struct maint *m, struct buf *text);
bool maint_is_collecting(struct maint *m);
/* Is there a run that clients' writes wait for? m may be NULL: there is none. */
bool maint_refuses_writes(struct maint *m);

#endif

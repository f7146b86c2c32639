/* SPDX-License-Identifier: Apache-2.0
 *
 * scrub: verifications (gc/verify.h) in the server: on demand, and by itself.
 *
 *   on demand   a whole one, as fast as clients let it
 *   by itself   pass after pass, begun every verify.interval, and slow: verify.rate bytes in a
 *               second. It goes on after a restart where it was, and stands still while garbage is
 *               collected or somebody has demanded one. What clients have come across
 *               (storage.h, suspects) is looked at within a second or so, whatever the interval
 *
 * While the registry is read-only, damage is told and nothing is moved.
 */
#ifndef SERVER_SCRUB_H
#define SERVER_SCRUB_H

#include "server/config.h"
#include "server/pool.h"
#include "storage/storage.h"

struct maint;
struct scrub;

#define SCRUB_LINES "verify" /* whose lines (lines.h) */

struct scrub_request {
    bool dry_run; /* nothing is moved */
    bool lines;   /* keep what it says */
};

/* ---- Loop thread. Borrows all but config, which is only read. --------------------------- */

struct scrub *scrub_new(struct maint *m, struct pool *pool, struct store *s,
                        const struct config *config);
void scrub_configure(struct scrub *s, const struct config *config);
/* Once a second: begins what is due. */
void scrub_tick(struct scrub *s);
/* As maint_close. */
void scrub_close(struct scrub *s);
/* After the loop has ended. */
void scrub_free(struct scrub *s);

/* ---- Any thread. ------------------------------------------------------------------------ */

/* One on demand. RC_VERIFY_RUNNING; RC_UNAVAILABLE after scrub_close. Blocks if lines are wanted:
 * not on the loop. */
enum rc scrub_start(struct scrub *s, const struct scrub_request *q, struct fault *f) MUST_CHECK;
/* The one on demand, if there is one, ends after its slice. */
void scrub_stop(struct scrub *s);
/* From the next slice on. */
void scrub_set_readonly(struct scrub *s, bool readonly);
void scrub_status(struct scrub *s, struct buf *json);
void scrub_metrics(struct scrub *s, struct buf *text);
bool scrub_is_at_work(struct scrub *s);

#endif

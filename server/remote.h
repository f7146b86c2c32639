/* SPDX-License-Identifier: Apache-2.0
 *
 * remote: has the server behind a socket do what takes a while, and follows it. Blocking.
 */
#ifndef SERVER_REMOTE_H
#define SERVER_REMOTE_H

#include "lib/rc.h"
#include "server/progress.h"

struct cJSON;

struct remote_task {
    const char *name; /* for people: "a garbage collection" */
    const char *path; /* "/admin/gc"; its lines are at "/admin/gc/lines" */
    const char *body; /* of the POST that begins a run */
    bool lines;       /* print what it says, on standard output */
    /* Gets the report, as a JSON object, of the run in progress, which may be somebody else's, and
     * in the end that of its own. */
    void (*report)(void *ctx, const struct cJSON *json);
    void *ctx;
};

/* Waits for a run that is in the way, then for its own. RC_NOT_FOUND if no server listens there;
 * RC_IO if it ends before the run does. */
enum rc remote_run(const char *socket, const struct remote_task *t, struct progress *p,
                   struct fault *f) MUST_CHECK;

#endif

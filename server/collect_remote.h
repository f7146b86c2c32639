/* SPDX-License-Identifier: Apache-2.0
 *
 * collect_remote: has the server behind a socket collect garbage, and follows it. Blocking.
 */
#ifndef SERVER_COLLECT_REMOTE_H
#define SERVER_COLLECT_REMOTE_H

#include "server/gc_status.h"
#include "server/progress.h"

/* Waits for a run that is in the way, then for its own; prints its lines on standard output, if
 * r->lines. RC_NOT_FOUND if no server listens there; RC_IO if it ends before the run does. */
enum rc collect_remote(const char *socket, const struct gc_request *r, struct progress *p,
                       struct gc_report *out, struct fault *f) MUST_CHECK;

#endif

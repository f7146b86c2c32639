/* SPDX-License-Identifier: Apache-2.0
 *
 * gate: may this request reach its endpoint? Decided from the row and the settings,
 * before anything of the operation runs. Pure; loop thread.
 */
#ifndef SERVER_GATE_H
#define SERVER_GATE_H

#include "server/endpoint.h"

/* How things are at this moment. */
struct gate_state {
    bool readonly;               /* by the settings, or by an administrator's word */
    bool collecting;             /* and writes have to wait for that */
    bool by_page;                /* the request: a browser sends it for somebody's page */
    bool ill;                    /* a health check fails */
    bool unwritable, unreadable; /* the storage */
};

/* RC_DENIED if the request is not its sender's own idea; RC_UNSUPPORTED if the registry is
 * read-only or deleting is switched off; RC_NO_ENDPOINT if what the row needs is; RC_UNAVAILABLE if
 * only the state is in the way. */
enum rc gate_check(const struct endpoint *row, const struct config *config,
                   const struct gate_state *now, struct fault *f) MUST_CHECK;

/* The methods of the row's path that are not RC_UNSUPPORTED, for an Allow header: "GET, HEAD". */
const char *gate_methods(const struct endpoint *row, const struct config *config,
                         const struct gate_state *now, struct arena *a);

#endif

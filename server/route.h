/* SPDX-License-Identifier: Apache-2.0
 *
 * route: from a path to a row of the table. Pure; loop thread.
 */
#ifndef SERVER_ROUTE_H
#define SERVER_ROUTE_H

#include "server/endpoint.h"

/* Where things are that the settings move. */
struct route_places {
    struct span prefix;  /* what stands before "/v2/" */
    struct span metrics; /* instead of METRICS_PATH */
};

/* Finds the row for rq->head, and fills rq->vars.
 * RC_NO_ENDPOINT; RC_BAD_METHOD, and then out->other is a row of the same path;
 * RC_BAD_REQUEST for a path or a query that cannot be decoded.
 *
 * Paths are compared decoded. A name takes all segments that the rest of a row's path
 * leaves, so that "a/blobs/tags/list" is the list of "a/blobs". */
struct route {
    const struct endpoint *row, *other;
};
enum rc route_find(struct request *rq, const struct route_places *places, struct arena *a,
                   struct route *out, struct fault *f) MUST_CHECK;

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * vitals: what the server knows of itself, for those who watch it. Loop thread, unless a function
 * says otherwise.
 */
#ifndef SERVER_VITALS_H
#define SERVER_VITALS_H

#include "server/metrics.h"
#include "server/server.h"

struct vitals {
    const struct server *server;
    struct metrics *metrics;
    uint64_t turned_away; /* connections for which there was no descriptor */
};

struct vitals *vitals_new(const struct server *s);
void vitals_free(struct vitals *v);
/* All that is counted here, in Prometheus' text format. */
void vitals_metrics(const struct vitals *v, struct buf *text);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * vitals: the server's own figures.
 */
#include "server/vitals.h"

#include <stdlib.h>

#include "server/conn.h"

struct vitals *vitals_new(const struct server *s)
{
    struct vitals *v = must_calloc(sizeof(*v));
    v->server = s;
    v->metrics = metrics_new();
    return v;
}

void vitals_free(struct vitals *v)
{
    metrics_free(v->metrics);
    free(v);
}

void vitals_metrics(const struct vitals *v, struct buf *text)
{
    metrics_print(v->metrics, text);
    metrics_add(text, "registry_uploads_in_progress", "gauge",
                "Requests that are pushing blobs at this moment.",
                (double)metrics_uploads(v->metrics));
    conn_metrics(v->server, text);
    metrics_add(text, "registry_connections_turned_away_total", "counter",
                "Connections for which there was no file descriptor.", (double)v->turned_away);
    metrics_add(text, "registry_pool_in_flight", "gauge",
                "Pieces of work that are with the threads, or wait for one.",
                v->server->pool.in_flight);
}

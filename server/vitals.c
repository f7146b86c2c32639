/* SPDX-License-Identifier: Apache-2.0
 *
 * vitals: the server's own figures.
 */
#include "server/vitals.h"

#include <stdlib.h>

#include "lib/log.h"
#include "server/conn.h"

/* What an administrator has said, and what the settings said then. */
enum { READONLY_UNSAID = 0, READONLY_SAID = 1, READONLY_VALUE = 2, READONLY_SETTING = 4 };

static bool is_readonly(const struct vitals *v, const struct config *c)
{
    int word = v->readonly;
    bool holds = word != READONLY_UNSAID && ((word & READONLY_SETTING) != 0) == c->readonly;
    return holds ? (word & READONLY_VALUE) != 0 : c->readonly;
}

void vitals_set_readonly(struct vitals *v, const struct config *c, bool readonly)
{
    v->readonly =
        READONLY_SAID | (readonly ? READONLY_VALUE : 0) | (c->readonly ? READONLY_SETTING : 0);
    log_info("by an administrator's word, the registry is %s now",
             readonly ? "read-only" : "not read-only");
}

struct gate_state vitals_state(const struct vitals *v, const struct config *c)
{
    if (!v)
        return (struct gate_state){.readonly = c->readonly};
    enum health_storage storage = health_storage(v->health);
    return (struct gate_state){
        .readonly = is_readonly(v, c),
        .ill = health_is_bad(v->health),
        .unwritable = storage == HEALTH_UNWRITABLE,
        .unreadable = storage == HEALTH_UNREADABLE,
    };
}

/* A reload that changes what the settings say ends the word for good. */
static void forget_word(struct vitals *v, const struct config *c)
{
    int word = v->readonly;
    if (word != READONLY_UNSAID && ((word & READONLY_SETTING) != 0) != c->readonly)
        v->readonly = READONLY_UNSAID;
}

void vitals_tick(struct vitals *v)
{
    const struct config *c = v->server->settings->config;
    forget_word(v, c);
    health_tick(v->health, c, is_readonly(v, c));
}

struct vitals *vitals_new(struct server *s)
{
    struct vitals *v = must_calloc(sizeof(*v));
    v->server = s;
    v->metrics = metrics_new();
    v->health = health_new(&s->pool, s->store);
    return v;
}

void vitals_free(struct vitals *v)
{
    metrics_free(v->metrics);
    health_free(v->health);
    free(v);
}

void vitals_metrics(const struct vitals *v, struct buf *text)
{
    uint64_t free_bytes;
    metrics_print(v->metrics, text);
    metrics_add(text, "registry_healthy", "gauge", "Does every health check pass?",
                !health_is_bad(v->health));
    if (health_free_bytes(v->health, &free_bytes))
        metrics_add(text, "registry_storage_free_bytes", "gauge", "Room left, as last probed.",
                    (double)free_bytes);
    metrics_add(text, "registry_uploads_in_progress", "gauge",
                "Requests that are pushing blobs at this moment.",
                (double)metrics_uploads(v->metrics));
    conn_metrics(v->server, text);
    metrics_add(text, "registry_connections_turned_away_total", "counter",
                "Connections for which there was no file descriptor.", (double)v->turned_away);
    metrics_add(text, "registry_connections_refused_total", "counter",
                "Connections beyond the limits.", (double)v->refused);
    metrics_add(text, "registry_pool_in_flight", "gauge",
                "Pieces of work that are with the threads, or wait for one.",
                atomic_load(&v->server->pool.in_flight));
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * api_debug: for those who watch the server. As in Docker's registry, and with its collection.
 */
#include <stdio.h>

#include "server/api.h"
#include "server/error.h"
#include "server/maint.h"
#include "server/notify.h"
#include "server/process.h"
#include "server/scrub.h"
#include "server/vitals.h"

struct debug_op {
    struct op op;
    struct span process; /* metrics: those of the process */
};

static struct debug_op *of(struct op *op)
{
    return container_of(op, struct debug_op, op);
}

static enum rc parse(struct op *op, const struct request *rq)
{
    (void)op;
    (void)rq;
    return RC_OK;
}

/* A collection is no illness: the status stays 200. */
static void health_reply(struct op *op, struct reply *r)
{
    const struct health *health = op->vitals ? op->vitals->health : NULL;
    bool bad = health && health_is_bad(health);
    struct buf b;
    buf_init(&b);
    buf_add_char(&b, '{');
    if (maint_is_collecting(op->maint))
        buf_add_str(&b, bad ? "\"gc\":\"running\"," : "\"gc\":\"running\"");
    if (bad)
        health_print(health, &b);
    buf_add_str(&b, "}\n");
    if (bad)
        error_status(r, RC_UNAVAILABLE);
    reply_bytes(r, "application/json", arena_span(op->arena, buf_span(&b)));
    buf_fini(&b);
}

static enum rc metrics_open(struct op *op)
{
    struct buf b;
    buf_init(&b);
    process_metrics(&b);
    of(op)->process = arena_span(op->arena, buf_span(&b));
    buf_fini(&b);
    return RC_OK;
}

static void add_actions(struct store *s, struct buf *b)
{
    const char *name = "registry_storage_action_seconds";
    struct store_action actions[STORE_ACTIONS];
    store_actions(s, actions);
    metrics_add_head(b, name, "histogram", "The number of seconds that the storage action takes");
    for (size_t i = 0; i < STORE_ACTIONS; i++) {
        char labels[64];
        const struct store_action *a = &actions[i];
        if (a->count == 0)
            continue;
        (void)snprintf(labels, sizeof(labels), "action=\"%s\",driver=\"filesystem\"", a->name);
        metrics_add_histogram(b, name, labels,
                              &(struct metrics_histogram){store_action_bounds, a->buckets,
                                                          STORE_ACTION_BUCKETS, a->count,
                                                          a->seconds});
    }
}

static void metrics_reply(struct op *op, struct reply *r)
{
    struct buf b;
    buf_init(&b);
    maint_gc_metrics(op->maint, &b);
    scrub_metrics(maint_scrub(op->maint), &b);
    if (op->vitals)
        vitals_metrics(op->vitals, &b);
    add_actions(op->store, &b);
    buf_add_span(&b, of(op)->process);
    if (op->notify)
        notify_metrics(op->notify, &b);
    reply_bytes(r, "text/plain; version=0.0.4; charset=utf-8", arena_span(op->arena, buf_span(&b)));
    buf_fini(&b);
}

const struct operation api_health = {
    .size = sizeof(struct debug_op),
    .parse = parse,
    .reply = health_reply,
};

const struct operation api_metrics = {
    .size = sizeof(struct debug_op),
    .parse = parse,
    .open = metrics_open,
    .reply = metrics_reply,
};

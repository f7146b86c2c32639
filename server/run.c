/* SPDX-License-Identifier: Apache-2.0
 *
 * run: the order of things for one request.
 */
#include "server/run.h"

#include "server/gate.h"
#include "server/maint.h"
#include "server/route.h"
#include "server/url.h"

static struct op *make_op(struct run *r, const struct http_head *head, const struct run_env *env)
{
    struct op *op = arena_alloc(env->arena, r->row->operation->size);
    op->store = env->store;
    op->config = env->config;
    op->maint = env->maint;
    op->vitals = env->vitals;
    op->notify = env->notify;
    op->events = env->events;
    op->arena = env->arena;
    op->fault = &r->fault;
    op->base = url_base(head, env->config, env->https, env->arena);
    op->file = -1;
    return op;
}

/* The prefix is for a proxy in front of the public door. */
static struct route_places places_of(const struct run_env *env)
{
    return (struct route_places){
        .prefix = env->door == DOOR_PUBLIC ? url_prefix(env->config) : SPAN(""),
        .metrics = span_of(env->config->metrics_path),
    };
}

/* Clients are told to come back: a collection takes longer than this, or is over by then. */
#define RETRY_AFTER "Retry-After: 10\r\n"

static enum rc pass_gate(struct run *r, const struct run_env *env)
{
    enum rc rc = gate_check(r->row, env->config, maint_refuses_writes(env->maint), &r->fault);
    if (rc == RC_UNAVAILABLE)
        r->error_headers = RETRY_AFTER;
    return rc;
}

enum rc run_begin(struct run *r, const struct http_head *head, const struct run_env *env)
{
    struct request rq = {.head = head, .door = env->door};
    struct route route = {0};
    *r = (struct run){.state = RUN_NEW};
    fault_init(&r->fault, env->arena);
    struct route_places places = places_of(env);
    r->rc = route_find(&rq, &places, env->arena, &route, &r->fault);
    r->row = route.row;
    r->matched = route.row || route.allow;
    if (route.allow)
        r->error_headers = arena_printf(env->arena, "Allow: %s\r\n", route.allow);
    if (r->rc == RC_OK)
        r->rc = pass_gate(r, env);
    if (r->rc != RC_OK)
        return r->rc;
    r->op = make_op(r, head, env);
    r->rc = r->row->operation->parse(r->op, &rq);
    return r->rc;
}

bool run_has_turns(const struct run *r)
{
    const struct operation *o = r->row->operation;
    return o->open || o->chunk || o->finish || o->close;
}

static enum rc open_step(struct run *r)
{
    const struct operation *o = r->row->operation;
    if (r->state != RUN_NEW)
        return RC_OK;
    r->state = RUN_OPEN;
    return o->open ? o->open(r->op) : RC_OK;
}

static enum rc chunk_step(struct run *r, struct span bytes)
{
    const struct operation *o = r->row->operation;
    return bytes.n > 0 && o->chunk ? o->chunk(r->op, bytes) : RC_OK;
}

static enum rc finish_step(struct run *r, enum run_turn turn)
{
    const struct operation *o = r->row->operation;
    return turn == RUN_LAST && o->finish ? o->finish(r->op) : RC_OK;
}

void run_turn(struct run *r, struct span bytes, enum run_turn turn)
{
    if (r->state == RUN_CLOSED)
        return;
    if (turn != RUN_ABORT) {
        r->rc = open_step(r);
        if (r->rc == RC_OK)
            r->rc = chunk_step(r, bytes);
        if (r->rc == RC_OK)
            r->rc = finish_step(r, turn);
    }
    if (turn == RUN_MORE && r->rc == RC_OK)
        return;
    r->state = RUN_CLOSED;
    r->error_headers = r->op->error_headers;
    if (r->row->operation->close)
        r->row->operation->close(r->op);
}

int run_take_file(struct run *r)
{
    if (!r->op)
        return -1;
    int file = r->op->file;
    r->op->file = -1;
    return file;
}

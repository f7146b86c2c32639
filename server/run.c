/* SPDX-License-Identifier: Apache-2.0
 *
 * run: the order of things for one request.
 */
#include "server/run.h"

#include "server/gate.h"
#include "server/maint.h"
#include "server/route.h"
#include "server/url.h"
#include "server/vitals.h"

static struct op *make_op(struct run *r)
{
    const struct run_env *env = &r->env;
    struct op *op = arena_alloc(env->arena, r->row->operation->size);
    op->store = env->store;
    op->config = env->config;
    op->maint = env->maint;
    op->vitals = env->vitals;
    op->notify = env->notify;
    op->events = env->events;
    op->who = &r->proof.who;
    op->user = r->proof.who.user;
    op->arena = env->arena;
    op->fault = &r->fault;
    op->base = url_base(r->rq.head, env->config, env->https, env->arena);
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

/* Who may not do one thing is told what there is to do (RFC 9110, 15.5.6). */
static const char *allow_header(const struct run *r, const struct endpoint *row)
{
    const struct run_env *env = &r->env;
    struct gate_state now = vitals_state(env->vitals, env->config);
    return arena_printf(env->arena, "Allow: %s\r\n",
                        gate_methods(row, env->config, &now, env->arena));
}

static enum rc find_row(struct run *r)
{
    struct route route = {0};
    struct route_places places = places_of(&r->env);
    enum rc rc = route_find(&r->rq, &places, r->env.arena, &route, &r->fault);
    r->row = route.row;
    r->matched = route.row || route.other;
    if (route.other)
        r->error_headers = allow_header(r, route.other);
    return rc;
}

/* Clients are told to come back: a collection takes longer than this, or is over by then. */
#define RETRY_AFTER "Retry-After: 10\r\n"

static enum rc pass_gate(struct run *r)
{
    const struct run_env *env = &r->env;
    struct gate_state now = vitals_state(env->vitals, env->config);
    now.collecting = maint_refuses_writes(env->maint);
    now.by_page = http_header_find(r->rq.head, SPAN("Origin")).n > 0;
    enum rc rc = gate_check(r->row, env->config, &now, &r->fault);
    if (rc == RC_UNAVAILABLE)
        r->error_headers = RETRY_AFTER;
    if (rc == RC_UNSUPPORTED)
        r->error_headers = allow_header(r, r->row);
    return rc;
}

/* Before the name is looked at, and before a byte of the body. */
static enum rc pass_auth(struct run *r)
{
    static const enum want wants[] = {
        [SCOPE_BASE] = WANT_ENTRY,  [SCOPE_CATALOG] = WANT_CATALOG, [SCOPE_PULL] = WANT_PULL,
        [SCOPE_PUSH] = WANT_PUSH,   [SCOPE_DELETE] = WANT_DELETE,   [SCOPE_CANCEL] = WANT_CANCEL,
        [SCOPE_ADMIN] = WANT_ADMIN,
    };
    const struct http_head *head = r->rq.head;
    struct wish wish = {.repository = r->rq.vars[VAR_NAME]};
    if (r->row->scope == SCOPE_NONE)
        return RC_OK;
    wish.want = wants[r->row->scope];
    if (r->row->scope == SCOPE_PUSH && head->method == METHOD_POST)
        (void)http_query_find(head->query, SPAN("from"), r->env.arena, &wish.source);
    return auth_allow(&r->proof, &wish, head, &r->error_headers, &r->fault);
}

enum rc run_enter(struct run *r)
{
    r->state = RUN_NEW;
    r->error_headers = NULL;
    fault_init(&r->fault, r->env.arena);
    http_header_wipe(r->rq.head, SPAN("Authorization"));
    r->rc = pass_auth(r);
    if (r->rc == RC_OK)
        r->rc = pass_gate(r);
    if (r->rc == RC_OK) {
        r->op = make_op(r);
        r->rc = r->row->operation->parse(r->op, &r->rq);
    }
    if (r->rc != RC_OK)
        r->state = RUN_CLOSED;
    return r->rc;
}

enum rc run_ask(struct run *r)
{
    struct auth *auth = r->row->scope == SCOPE_NONE ? NULL : r->env.auth;
    switch (auth_ask(auth, r->rq.head, r->env.arena, &r->proof)) {
    case AUTH_KNOWN:
        return run_enter(r);
    case AUTH_PROVE:
        r->state = RUN_PROOF;
        return RC_OK;
    case AUTH_LATER:
        r->state = RUN_ASK;
        return RC_OK;
    }
    return RC_INTERNAL;
}

void run_prove(struct run *r)
{
    auth_prove(&r->proof);
}

enum rc run_proved(struct run *r)
{
    auth_proved(&r->proof);
    return run_enter(r);
}

enum rc run_begin(struct run *r, const struct http_head *head, const struct run_env *env)
{
    *r = (struct run){.state = RUN_ASK, .env = *env, .rq = {.head = head, .door = env->door}};
    fault_init(&r->fault, env->arena);
    r->rc = find_row(r);
    return r->rc == RC_OK ? run_ask(r) : r->rc;
}

bool run_has_turns(const struct run *r)
{
    const struct operation *o = r->row->operation;
    return o->open || o->chunk || o->finish || o->close;
}

bool run_quick(struct run *r, uint64_t moment)
{
    const struct operation *o = r->row->operation;
    r->op->moment = moment;
    return o->quick && !r->op->events && o->quick(r->op);
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

/* SPDX-License-Identifier: Apache-2.0
 *
 * run: the order of an operation's steps.
 */
#include "server/run.h"

void run_init(struct run *r, const struct operation *operation, struct store *store,
              const struct config *config, struct arena *arena)
{
    struct op *op = arena_alloc(arena, operation->size);
    op->store = store;
    op->config = config;
    op->arena = arena;
    op->file = -1;
    fault_init(&op->fault, arena);
    *r = (struct run){.operation = operation, .op = op, .state = RUN_NEW, .rc = RC_OK};
}

static enum rc open_step(struct run *r)
{
    if (r->state != RUN_NEW)
        return RC_OK;
    r->state = RUN_OPEN;
    return r->operation->open ? r->operation->open(r->op) : RC_OK;
}

static enum rc chunk_step(struct run *r, struct span bytes)
{
    if (bytes.n == 0 || !r->operation->chunk)
        return RC_OK;
    return r->operation->chunk(r->op, bytes);
}

static enum rc finish_step(struct run *r)
{
    return r->operation->finish ? r->operation->finish(r->op) : RC_OK;
}

void run_turn(struct run *r, struct span bytes, enum run_turn turn)
{
    if (r->state == RUN_CLOSED)
        return;
    if (turn != RUN_ABORT) {
        r->rc = open_step(r);
        if (r->rc == RC_OK)
            r->rc = chunk_step(r, bytes);
        if (r->rc == RC_OK && turn == RUN_LAST)
            r->rc = finish_step(r);
    }
    if (turn == RUN_MORE && r->rc == RC_OK)
        return;
    r->state = RUN_CLOSED;
    if (r->operation->close)
        r->operation->close(r->op);
}

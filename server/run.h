/* SPDX-License-Identifier: Apache-2.0
 *
 * run: takes an operation through its pool steps, in order, once each.
 *
 *   NEW ──open──► OPEN ──chunk*, finish──► CLOSED
 *    └───────────── any failure ─────────────┘   close runs on the way to CLOSED
 *
 * A turn does all that can be done with what is there, so that a request without a
 * body takes one turn. No loop, no thread of its own: the connection calls it in the
 * pool, tests call it as it is.
 */
#ifndef SERVER_RUN_H
#define SERVER_RUN_H

#include "server/endpoint.h"

enum run_state { RUN_NEW, RUN_OPEN, RUN_CLOSED };

struct run {
    const struct operation *operation;
    struct op *op;
    enum run_state state;
    enum rc rc; /* the first failure; final when CLOSED */
};

/* What follows the bytes of a turn. */
enum run_turn { RUN_MORE, RUN_LAST, RUN_ABORT };

/* Makes the operation, in the arena. */
void run_init(struct run *r, const struct operation *operation, struct store *store,
              const struct config *config, struct arena *arena);
/* bytes may be empty. RUN_ABORT: the client is gone; only close runs. */
void run_turn(struct run *r, struct span bytes, enum run_turn turn);

#endif

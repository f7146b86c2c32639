/* SPDX-License-Identifier: Apache-2.0
 *
 * run: takes a request through its row, in order, each step once.
 *
 *   run_begin          loop  route, gate, parse
 *   run_turn           pool  NEW ──open──► OPEN ──chunk*, finish──► CLOSED
 *                             └──────────── any failure ─────────────┘   close on the way
 *   operation->reply   loop
 *
 * A turn does all that can be done with what is there, so that a request without a
 * body takes one turn. No loop and no thread of its own: the connection calls it, and
 * tests call it as it is.
 */
#ifndef SERVER_RUN_H
#define SERVER_RUN_H

#include "server/endpoint.h"

enum run_state { RUN_NEW, RUN_OPEN, RUN_CLOSED };

struct run {
    const struct endpoint *row; /* NULL if the request has none */
    struct op *op;              /* NULL before run_begin is through; in the arena */
    bool matched;               /* the path is known, whatever the method */
    enum run_state state;
    enum rc rc;                /* the first failure; final when CLOSED */
    struct fault fault;        /* its words */
    const char *error_headers; /* "Name: value\r\n" that belong to the error, or NULL */
};

/* What a run works with; all borrowed. */
struct run_env {
    enum door door;
    struct store *store;
    const struct config *config;
    struct maint *maint;
    struct vitals *vitals; /* NULL: nobody watches */
    struct arena *arena;   /* the request's */
    bool https;            /* the client came by TLS */
    struct notify *notify;
    struct events *events; /* NULL: nobody listens */
};

/* RC_OK: the operation can take its turns. Anything else is the answer, with RC_BAD_METHOD
 * and its Allow header for OPTIONS too. */
enum rc run_begin(struct run *r, const struct http_head *head,
                  const struct run_env *env) MUST_CHECK;

/* Does it have anything to do in the pool? If not, it can reply at once. */
bool run_has_turns(const struct run *r);

/* What follows the bytes of a turn. */
enum run_turn { RUN_MORE, RUN_LAST, RUN_ABORT };

/* bytes may be empty. RUN_ABORT: the client is gone; only close runs. */
void run_turn(struct run *r, struct span bytes, enum run_turn turn);

/* The file that the operation wants sent: ownership passes. -1 if there is none. */
int run_take_file(struct run *r);

#endif

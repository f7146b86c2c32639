/* SPDX-License-Identifier: Apache-2.0
 *
 * run: takes a request through its row, in order, each step once.
 *
 *   run_begin          loop  route; who asks? known ──► NEW, else ──► PROOF, or ASK: again later
 *   run_prove          pool  PROOF: is it true?
 *   run_enter          loop  rights, gate, parse ──► NEW, or CLOSED
 *   run_quick          loop  NEW, and all is done; or nothing is, and turns follow
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

#include "server/auth.h"
#include "server/endpoint.h"

enum run_state { RUN_ASK, RUN_PROOF, RUN_NEW, RUN_OPEN, RUN_CLOSED };

/* What a run works with; all borrowed. */
struct run_env {
    enum door door;
    struct store *store;
    const struct config *config;
    struct auth *auth; /* NULL: nobody is asked who they are */
    struct maint *maint;
    struct vitals *vitals; /* NULL: nobody watches */
    struct arena *arena;   /* the request's */
    bool https;            /* the client came by TLS */
    struct notify *notify;
    struct events *events; /* NULL: nobody listens */
};

struct run {
    struct run_env env;
    struct request rq;
    const struct endpoint *row; /* NULL if the request has none */
    struct proof proof;         /* who asks */
    struct op *op;              /* NULL before run_enter is through; in the arena */
    bool matched;               /* the path is known, whatever the method */
    enum run_state state;
    enum rc rc;                /* the first failure; final when CLOSED */
    struct fault fault;        /* its words */
    const char *error_headers; /* "Name: value\r\n" that belong to the error, or NULL */
};

/* RC_OK: as the state says. NEW: the operation can take its turns; PROOF: run_prove, then
 * run_proved; ASK: run_ask, a little later. Anything else is the answer, with RC_BAD_METHOD and its
 * Allow header for OPTIONS too. The same for the others that return an outcome. head is borrowed to
 * the end. */
enum rc run_begin(struct run *r, const struct http_head *head,
                  const struct run_env *env) MUST_CHECK;
enum rc run_ask(struct run *r) MUST_CHECK;
void run_prove(struct run *r);
/* Also if the client is gone. */
enum rc run_proved(struct run *r) MUST_CHECK;
/* Begins a CLOSED run anew that somebody may have: its operation was too early. */
enum rc run_enter(struct run *r) MUST_CHECK;

/* Does it have anything to do in the pool? If not, it can reply at once. */
bool run_has_turns(const struct run *r);
/* It has, but has done it at once, in this moment of the loop (pool.h): it can reply. Not if there
 * is something to be told of it, which takes writing that down. */
bool run_quick(struct run *r, uint64_t moment);

/* What follows the bytes of a turn. */
enum run_turn { RUN_MORE, RUN_LAST, RUN_ABORT };

/* bytes may be empty. RUN_ABORT: the client is gone; only close runs. */
void run_turn(struct run *r, struct span bytes, enum run_turn turn);

/* The file that the operation wants sent: ownership passes. -1 if there is none. */
int run_take_file(struct run *r);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * conn_state: what a connection is, for the three files that are its code: conn.c moves its
 * requests, conn_hop.c does what takes a thread, conn_life.c makes and ends it. Nobody else looks
 * inside. Loop thread, but for the hops.
 */
#ifndef SERVER_CONN_STATE_H
#define SERVER_CONN_STATE_H

#include "server/access.h"
#include "server/conn.h"
#include "server/input.h"
#include "server/output.h"
#include "server/run.h"

enum conn_state {
    CONN_READ,   /* loop: a head is awaited, or arriving */
    CONN_POOL,   /* pool: the operation takes a turn */
    CONN_WAIT,   /* loop: the upload, or who checks passwords, is busy: again, a little later */
    CONN_BODY,   /* loop: the operation waits for more of the body */
    CONN_SEND,   /* loop: the answer goes out, or waits for the socket */
    CONN_FILE,   /* pool: a piece of a file goes out */
    CONN_LINGER, /* loop: answered; what the client still sends is thrown away */
    CONN_CLOSING /* the handle is being closed */
};

enum { CONN_ADDR_SIZE = INET6_ADDRSTRLEN + sizeof("[]:65535") };

enum fate { FATE_OPEN, FATE_DOOMED };

struct conn {
    struct server *server;
    struct conn *prev, *next;
    enum door door; /* the one it came in by */
    bool local;     /* by a socket in the file system */
    enum conn_state state;
    enum fate fate; /* doomed: closes as soon as the pool gives back */
    uv_poll_t poll;
    int armed; /* the events that poll reports */
    struct wire wire;
    char addr[CONN_ADDR_SIZE]; /* the client's, "host:port"; empty on a socket of this machine */
    struct hop hop;
    uint64_t deadline; /* loop time in ms; 0: none */

    struct input in;
    struct output out;
    enum connection after;       /* the answer: keep the connection or close it? */
    _Atomic(enum run_turn) turn; /* the one in the pool, where it may become the last */
    unsigned waits;             /* how often this request has waited, for an upload or a password */
    enum output_next file_next; /* what the pool said of the last piece of a file */

    struct arena arena;        /* of the request */
    struct settings *settings; /* the request's, held */
    struct run run;
    struct access access;
};

/* conn.c: gets ready for a request, and goes on as far as there is something to do. */
void conn_begin_request(struct conn *c);
void conn_advance(struct conn *c);
/* conn.c: has the socket watched for what the state needs, or not at all. */
void conn_watch(struct conn *c);
void conn_unwatch(struct conn *c);
/* conn.c: one last turn, in which the operation lets go of what it holds. */
void conn_abort(struct conn *c);
/* conn.c: the turn that found its upload busy is taken again. */
void conn_try_again(struct conn *c);
/* conn_hop.c: what the next turn of the operation is, with the body that is here. */
enum run_turn conn_turn(const struct conn *c);
/* conn_hop.c, in the pool: a turn, a piece of a file, the proof of who asks. */
void conn_run_hop(struct hop *h);
void conn_file_hop(struct hop *h);
void conn_proof_hop(struct hop *h);
/* conn_life.c: that will be done a little later. */
void conn_wait(struct conn *c);

#endif

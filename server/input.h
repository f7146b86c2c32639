/* SPDX-License-Identifier: Apache-2.0
 *
 * input: what a client sends, from bytes to heads and pieces of body. Loop thread, but for what
 * says otherwise.
 *
 *   IN_HEAD ──► IN_BODY ──► IN_DONE ──input_begin──► IN_HEAD
 *      │           │           └─────► IN_CUT
 *      └───────────┴─────────────────► IN_FAILED
 *
 * input.c is the only writer of the state. The body is taken out of its framing in place,
 * in the slab it was read into.
 */
#ifndef SERVER_INPUT_H
#define SERVER_INPUT_H

#include "lib/http.h"
#include "server/slab.h"
#include "server/wire.h"

enum input_state {
    IN_HEAD,  /* no complete head yet */
    IN_BODY,  /* the head is complete, the request is not */
    IN_DONE,  /* the request is complete */
    IN_CUT,   /* it is, and more came behind it than is kept: no other one follows */
    IN_FAILED /* not a request; rc and why say more */
};

struct input {
    enum input_state state;
    struct http_parser *parser;
    struct http_head head;
    struct slabs *slabs;
    struct slab *slab; /* NULL while there are no bytes */
    size_t last_ready; /* size of the last piece of body: how fast this client is */
    bool ended;        /* the client will send nothing more */
    uint64_t received; /* bytes since input_begin */
    enum rc rc;
    const char *why;
};

void input_init(struct input *in, struct slabs *slabs);
void input_fini(struct input *in);
/* Gets ready for a request; its head's memory is the arena's. head_max 0: HTTP_HEAD_MAX. Bytes that
 * came behind the previous request are still there: call input_parse. */
void input_begin(struct input *in, struct arena *a, size_t head_max);

/* Is there room to read into? False: a piece of body waits to be dropped. */
bool input_has_room(const struct input *in);
/* Reads once. WIRE_END sets ended. */
enum wire_result input_read(struct input *in, struct wire *w);
/* Goes on until the head is complete, the request is, or the bytes are used up. */
void input_parse(struct input *in);
/* Has any byte of the next request arrived? */
bool input_is_idle(const struct input *in);

/* The piece of the body that is ready; may be empty. */
struct span input_body(const struct input *in);
/* That piece has been used. What came behind a body is kept in a small slab; if it is more than one
 * holds, which can only be behind a body whose length nobody knew, it is not kept. */
void input_drop_body(struct input *in);
/* In the pool, while the loop leaves input and wire alone: drops the piece, and has the next one
 * ready, if the client has sent it. False if there is nothing new. */
bool input_next_body(struct input *in, struct wire *w);
/* Throws away all there is: for a connection that will be closed. */
void input_drop_all(struct input *in);

#endif

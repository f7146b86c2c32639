/* SPDX-License-Identifier: Apache-2.0
 *
 * conn_hop: the pool's side of a connection, while the loop leaves it alone.
 *
 * A turn of a body goes on as long as the client keeps up with it: the thread that hashes and
 * writes the bytes also reads them, so that they are in its processor's cache. The kernel's own
 * buffer is what the network fills meanwhile; when that is full, the client waits. A file goes out
 * as long as the client takes it.
 */
#include "server/conn_state.h"
#include "server/notify.h"

enum {
    TURN_LEAST = 1 << 20, /* bytes: enough to make a hop cheap … */
    TURN_MOST = 8 << 20   /* … and, while nobody waits for a thread, more */
};

static bool is_fair(const struct conn *c, uint64_t moved)
{
    return moved < TURN_LEAST || (moved < TURN_MOST && !pool_is_short(&c->server->pool));
}

enum run_turn conn_turn(const struct conn *c)
{
    return c->in.state == IN_DONE ? RUN_LAST : RUN_MORE;
}

static bool has_more_body(struct conn *c, uint64_t taken)
{
    return c->run.state == RUN_OPEN && is_fair(c, taken) && input_next_body(&c->in, &c->wire);
}

void conn_run_hop(struct hop *h)
{
    struct conn *c = container_of(h, struct conn, hop);
    uint64_t before = c->in.received;
    run_turn(&c->run, input_body(&c->in), c->turn);
    while (has_more_body(c, c->in.received - before)) {
        c->turn = conn_turn(c);
        run_turn(&c->run, input_body(&c->in), c->turn);
    }
    notify_take(c->server->notify, c->run.op->events); /* done is done, whoever waits for it */
}

void conn_file_hop(struct hop *h)
{
    struct conn *c = container_of(h, struct conn, hop);
    uint64_t before = c->out.file_sent;
    do
        c->file_next = output_send_file(&c->out, &c->wire);
    while (c->file_next == OUTPUT_FILE && is_fair(c, c->out.file_sent - before));
}

void conn_proof_hop(struct hop *h)
{
    run_prove(&container_of(h, struct conn, hop)->run);
}

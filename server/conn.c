/* SPDX-License-Identifier: Apache-2.0
 *
 * conn: moves requests through their rows. All there is to know about the order of
 * things is here.
 *
 *   READ ──head──► POOL ⇄ BODY        POOL ──closed──► SEND ⇄ FILE
 *    ▲              a turn of the operation             │
 *    └───────────── next request ◄──── LINGER ◄─────────┘ answered, more of it to come
 *
 *   any ──conn_close──► CLOSING; from POOL and FILE when the pool gives back, from BODY
 *   after a last turn that lets the operation release what it holds.
 *
 * While a turn is in the pool, the loop reads on into a second slab, so that the network
 * and the hash overlap; when that is full, reading stops, and the client waits.
 */
#include "server/conn.h"

#include <stdlib.h>
#include <unistd.h>

#include "server/access.h"
#include "server/error.h"
#include "server/input.h"
#include "server/output.h"
#include "server/run.h"

enum conn_state {
    CONN_READ,   /* loop: a head is awaited, or arriving */
    CONN_POOL,   /* pool: the operation takes a turn */
    CONN_BODY,   /* loop: the operation waits for more of the body */
    CONN_SEND,   /* loop: the answer goes out, or waits for the socket */
    CONN_FILE,   /* pool: a piece of a file goes out */
    CONN_LINGER, /* loop: answered; what the client still sends is thrown away */
    CONN_CLOSING /* the handle is being closed */
};

enum fate { FATE_OPEN, FATE_DOOMED };

struct conn {
    struct server *server;
    struct conn *prev, *next;
    enum conn_state state;
    enum fate fate; /* doomed: closes as soon as the pool gives back */
    uv_poll_t poll;
    int armed; /* the events that poll reports */
    struct wire wire;
    struct hop hop;
    uint64_t deadline; /* loop time in ms; 0: none */

    struct input in;
    struct output out;
    enum connection after; /* the answer: keep the connection or close it? */
    enum run_turn turn;    /* the one in the pool, with these bytes of the body */
    struct slab *piece;
    enum output_next file_next; /* what the pool said of the last piece of a file */

    struct arena arena; /* of the request */
    struct run run;
    struct access access;
};

enum {
    READS_PER_EVENT = 4,
    SMALL_REST = 64 << 10, /* an unread body up to this is read, not cut off */
    FAILED_REST = 1 << 20, /* what is not a request is listened to so long, for the answer's sake */
    LINGER_MS = 30 * 1000  /* RFC 9112 §9.6: time for the client to see the answer */
};

static void advance(struct conn *c);

static void set_deadline(struct conn *c, uint64_t ms)
{
    c->deadline = ms > 0 ? uv_now(&c->server->loop) + ms : 0;
}

/* ---- Watching the socket. --------------------------------------------------------------- */

static void on_event(uv_poll_t *p, int status, int events);

static int wanted_events(const struct conn *c)
{
    bool room = input_has_room(&c->in) && !c->in.ended;
    switch (c->state) {
    case CONN_READ:
    case CONN_BODY:
    case CONN_LINGER:
        return room ? UV_READABLE : 0;
    case CONN_POOL:
        return room && c->in.state == IN_BODY ? UV_READABLE : 0;
    case CONN_SEND:
        return UV_WRITABLE;
    case CONN_FILE:
    case CONN_CLOSING:
        return 0;
    }
    return 0;
}

static void arm(struct conn *c, int events)
{
    if (events == c->armed)
        return;
    c->armed = events;
    if (events)
        (void)uv_poll_start(&c->poll, events, on_event);
    else
        (void)uv_poll_stop(&c->poll);
}

/* Events that are reported and not wanted are only switched off when they come: most
 * requests are over before that. */
static void watch(struct conn *c)
{
    int wanted = wanted_events(c);
    if ((c->armed & wanted) != wanted)
        arm(c, wanted);
}

/* ---- Answering. ------------------------------------------------------------------------- */

/* May another request follow? Not if the rest of this one's body is long, or unknown. */
static enum connection after_answer(const struct conn *c)
{
    const struct http_head *h = &c->in.head;
    if (c->server->state != SERVER_UP || !h->keep_alive || h->minor == 0)
        return CONNECTION_CLOSE; /* HTTP/1.0: the rare client that could stay need not */
    if (c->in.state == IN_DONE)
        return CONNECTION_KEEP;
    bool small = h->framing == HTTP_LENGTH && h->content_length <= SMALL_REST;
    return c->in.state == IN_BODY && small && !h->expect_continue ? CONNECTION_KEEP
                                                                  : CONNECTION_CLOSE;
}

static void send_reply(struct conn *c, struct reply *r)
{
    c->after = after_answer(c);
    c->access.code = r->code;
    output_begin(&c->out, r, c->after, c->in.head.method, run_take_file(&c->run));
    set_deadline(c, c->server->config->timeout_stall);
    c->state = CONN_SEND;
}

static void begin_reply(const struct conn *c, struct reply *r)
{
    reply_init(r);
    if (!span_eq(c->in.head.path, SPAN("/")))
        reply_header(r, "Docker-Distribution-Api-Version", "registry/2.0");
}

static void answer(struct conn *c)
{
    struct reply r;
    begin_reply(c, &r);
    c->run.row->operation->reply(c->run.op, &r);
    send_reply(c, &r);
    reply_fini(&r);
}

static void answer_error(struct conn *c, enum rc rc)
{
    struct reply r;
    begin_reply(c, &r);
    if (c->run.error_headers)
        buf_add_str(&r.headers, c->run.error_headers);
    /* OPTIONS has no rows of its own: the methods of those that the path has are its answer. */
    if (rc != RC_BAD_METHOD || c->in.head.method != METHOD_OPTIONS)
        error_reply(&r, rc, &c->run.fault, &c->arena);
    access_failure(&c->access, rc, &c->run.fault);
    send_reply(c, &r);
    reply_fini(&r);
}

/* What arrived is not a request; a TLS hello, for one. */
static void refuse(struct conn *c)
{
    fault_init(&c->run.fault, &c->arena);
    access_request(&c->access, &c->in.head);
    answer_error(c, fault(&c->run.fault, c->in.rc, "%s", c->in.why));
}

/* ---- Turns in the pool. ----------------------------------------------------------------- */

static void run_hop(struct hop *h)
{
    struct conn *c = container_of(h, struct conn, hop);
    struct span bytes = c->piece ? span_from(c->piece->p, c->piece->ready) : SPAN("");
    run_turn(&c->run, bytes, c->turn);
}

/* The operation has let go of everything: answer for it. */
static void end_operation(struct conn *c)
{
    if (c->run.rc != RC_OK)
        answer_error(c, c->run.rc);
    else if (c->turn == RUN_LAST)
        answer(c);
    else if (c->in.state == IN_FAILED)
        refuse(c);
    else
        conn_close(c); /* the client stopped in the middle of the body */
}

static void after_run(struct hop *h)
{
    struct conn *c = container_of(h, struct conn, hop);
    slab_give(&c->server->slabs, c->piece);
    c->piece = NULL;
    c->state = CONN_BODY;
    if (c->fate == FATE_DOOMED)
        conn_close(c);
    else if (c->run.state == RUN_CLOSED)
        end_operation(c);
    advance(c);
}

static void submit_turn(struct conn *c, enum run_turn turn)
{
    c->state = CONN_POOL;
    c->deadline = 0;
    c->turn = turn;
    c->piece = turn == RUN_ABORT ? NULL : input_take_body(&c->in);
    c->hop.run = run_hop;
    c->hop.done = after_run;
    pool_submit(&c->server->pool, &c->hop);
}

static void file_hop(struct hop *h)
{
    struct conn *c = container_of(h, struct conn, hop);
    c->file_next = output_send_file(&c->out, &c->wire);
}

static void after_file(struct hop *h);

static void submit_file(struct conn *c)
{
    c->state = CONN_FILE;
    c->deadline = 0;
    c->hop.run = file_hop;
    c->hop.done = after_file;
    pool_submit(&c->server->pool, &c->hop);
}

/* ---- One request after the other. ------------------------------------------------------- */

/* The head is complete: answer at once, or go on in the pool. */
static void begin_operation(struct conn *c)
{
    struct run_env env = {c->server->store, c->server->config, &c->arena};
    access_request(&c->access, &c->in.head);
    enum rc rc = run_begin(&c->run, &c->in.head, &env);
    if (rc != RC_OK)
        answer_error(c, rc);
    else if (run_has_turns(&c->run))
        c->state = CONN_BODY;
    else
        answer(c);
}

static void begin_request(struct conn *c)
{
    arena_fini(&c->arena);
    arena_init(&c->arena);
    c->run = (struct run){0};
    c->state = CONN_READ;
    access_begin(&c->access);
    input_begin(&c->in, &c->arena);
    set_deadline(c, c->server->config->timeout_idle);
}

/* The whole answer has gone out. */
static void end_answer(struct conn *c)
{
    access_end(&c->access, output_body_sent(&c->out));
    output_fini(&c->out);
    set_deadline(c, LINGER_MS);
    c->state = CONN_LINGER;
    bool all_read = c->in.state == IN_DONE && !c->in.slab;
    if (c->after == CONNECTION_CLOSE && (all_read || c->in.ended))
        conn_close(c);
    else if (c->after == CONNECTION_CLOSE)
        c->wire.ops->end(&c->wire);
}

/* ---- Steps: each answers whether there is more to do at once. --------------------------- */

static bool step_read(struct conn *c)
{
    bool idle = input_is_idle(&c->in);
    input_parse(&c->in);
    switch (c->in.state) {
    case IN_HEAD:
        if (c->in.ended || (idle && c->server->state != SERVER_UP))
            conn_close(c);
        return false;
    case IN_BODY:
    case IN_DONE:
        begin_operation(c);
        return true;
    case IN_FAILED:
        refuse(c);
        return true;
    }
    return false;
}

/* The interim answer that some clients wait for before they send a body. */
static void say_continue(struct conn *c)
{
    char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct iovec v = {text, sizeof(text) - 1};
    size_t moved = 0;
    c->in.head.expect_continue = false;
    if (c->wire.ops->write(&c->wire, &v, 1, false, &moved) != WIRE_OK || moved != v.iov_len)
        conn_close(c);
}

/* A first turn runs at once, even without a byte of the body: open may refuse it. */
static bool step_body(struct conn *c)
{
    bool waiting = c->in.head.expect_continue;
    if (!waiting)
        input_parse(&c->in);
    bool ready = c->in.slab && c->in.slab->ready > 0;
    if (c->in.state == IN_DONE)
        submit_turn(c, RUN_LAST);
    else if (ready || c->run.state == RUN_NEW)
        submit_turn(c, RUN_MORE);
    else if (c->in.state == IN_FAILED || (c->in.ended && !waiting))
        submit_turn(c, RUN_ABORT);
    else if (waiting)
        say_continue(c);
    if (c->state == CONN_BODY)
        set_deadline(c, c->server->config->timeout_stall);
    return waiting; /* some clients do not wait, and the body is here already */
}

static bool step_send(struct conn *c)
{
    switch (output_send(&c->out, &c->wire)) {
    case OUTPUT_DONE:
        end_answer(c);
        return true;
    case OUTPUT_WAIT:
        return false;
    case OUTPUT_FILE:
        submit_file(c);
        return false;
    case OUTPUT_BROKEN:
        conn_close(c);
        return false;
    }
    return false;
}

static bool step_linger(struct conn *c)
{
    input_parse(&c->in);
    input_drop_body(&c->in);
    if (c->after == CONNECTION_KEEP && c->in.state == IN_DONE) {
        begin_request(c);
        return true;
    }
    if (c->in.state != IN_BODY)
        input_drop_all(&c->in);
    bool failed = c->in.state == IN_FAILED;
    bool enough = failed && (c->after == CONNECTION_KEEP || c->in.received > FAILED_REST);
    if (c->in.ended || enough)
        conn_close(c);
    return false;
}

static bool step(struct conn *c)
{
    switch (c->state) {
    case CONN_READ:
        return step_read(c);
    case CONN_BODY:
        return step_body(c);
    case CONN_SEND:
        return step_send(c);
    case CONN_LINGER:
        return step_linger(c);
    case CONN_POOL:
    case CONN_FILE:
    case CONN_CLOSING:
        return false;
    }
    return false;
}

static void advance(struct conn *c)
{
    while (step(c))
        ;
    watch(c);
}

static void after_file(struct hop *h)
{
    struct conn *c = container_of(h, struct conn, hop);
    c->state = CONN_SEND;
    set_deadline(c, c->server->config->timeout_stall);
    if (c->fate == FATE_DOOMED || c->file_next == OUTPUT_BROKEN)
        conn_close(c);
    else if (c->file_next != OUTPUT_WAIT)
        advance(c);
    else
        watch(c);
}

/* ---- Events. ---------------------------------------------------------------------------- */

static void read_some(struct conn *c)
{
    for (int i = 0; i < READS_PER_EVENT && input_has_room(&c->in) && !c->in.ended; i++) {
        bool idle = input_is_idle(&c->in);
        if (input_read(&c->in, &c->wire) != WIRE_OK)
            return;
        if (c->state == CONN_READ && idle)
            set_deadline(c, c->server->config->timeout_head);
        if (c->state == CONN_POOL)
            input_parse(&c->in);
    }
}

static void on_event(uv_poll_t *p, int status, int events)
{
    struct conn *c = container_of(p, struct conn, poll);
    int wanted = wanted_events(c);
    if (status < 0) {
        conn_close(c);
        return;
    }
    if ((events & wanted) == 0) {
        arm(c, wanted);
        return;
    }
    if (events & wanted & UV_READABLE)
        read_some(c);
    if (events & wanted & UV_WRITABLE)
        set_deadline(c, c->server->config->timeout_stall);
    advance(c);
}

/* ---- Coming and going. ------------------------------------------------------------------ */

static void unlink_conn(struct conn *c)
{
    struct server *s = c->server;
    if (c->prev)
        c->prev->next = c->next;
    else
        s->conns = c->next;
    if (c->next)
        c->next->prev = c->prev;
    s->conn_count--;
}

static void on_closed(uv_handle_t *h)
{
    struct conn *c = container_of((uv_poll_t *)h, struct conn, poll);
    struct server *s = c->server;
    (void)close(c->wire.fd);
    free(c);
    server_conn_gone(s);
}

static void destroy(struct conn *c)
{
    if (c->state != CONN_READ && c->state != CONN_LINGER)
        access_abandoned(&c->access, output_body_sent(&c->out));
    c->state = CONN_CLOSING;
    int file = run_take_file(&c->run);
    if (file >= 0)
        (void)close(file);
    output_fini(&c->out);
    input_fini(&c->in);
    arena_fini(&c->arena);
    unlink_conn(c);
    arm(c, 0);
    uv_close((uv_handle_t *)&c->poll, on_closed);
}

void conn_close(struct conn *c)
{
    pool_assert_loop(&c->server->pool);
    switch (c->state) {
    case CONN_POOL:
    case CONN_FILE:
        c->fate = FATE_DOOMED;
        return;
    case CONN_BODY:
        c->fate = FATE_DOOMED;
        if (c->run.state == RUN_CLOSED)
            destroy(c);
        else
            submit_turn(c, RUN_ABORT);
        return;
    case CONN_READ:
    case CONN_SEND:
    case CONN_LINGER:
        destroy(c);
        return;
    case CONN_CLOSING:
        return;
    }
}

void conn_open(struct server *s, int fd, const struct sockaddr *peer)
{
    struct conn *c = must_calloc(sizeof(*c));
    c->server = s;
    if (uv_poll_init(&s->loop, &c->poll, fd) != 0) {
        (void)close(fd);
        free(c);
        return;
    }
    wire_init_plain(&c->wire, fd);
    arena_init(&c->arena);
    output_init(&c->out);
    input_init(&c->in, &s->slabs);
    access_init(&c->access, peer, s->config);
    c->next = s->conns;
    if (c->next)
        c->next->prev = c;
    s->conns = c;
    s->conn_count++;
    begin_request(c);
    watch(c);
}

/* Each of these may take connections out of the list as it walks. */
static void for_each(struct server *s, void (*f)(struct conn *c))
{
    struct conn *next;
    for (struct conn *c = s->conns; c; c = next) {
        next = c->next;
        f(c);
    }
}

static void tick(struct conn *c)
{
    if (c->deadline != 0 && uv_now(&c->server->loop) >= c->deadline)
        conn_close(c);
}

static void drain(struct conn *c)
{
    if (c->state == CONN_READ && input_is_idle(&c->in))
        conn_close(c);
}

void conn_tick_all(struct server *s)
{
    for_each(s, tick);
}

void conn_drain_all(struct server *s)
{
    for_each(s, drain);
}

void conn_close_all(struct server *s)
{
    for_each(s, conn_close);
}

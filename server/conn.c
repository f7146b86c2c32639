/* SPDX-License-Identifier: Apache-2.0
 *
 * conn: moves requests through their rows. All there is to know about the order of
 * things is here.
 *
 *   READ ──head──► POOL ⇄ BODY        POOL ──closed──► SEND ⇄ FILE
 *                  POOL ⇄ WAIT        an upload is busy: the same turn again, a little later;
 *   READ ──► WAIT                     or too many passwords are being checked
 *    ▲              a turn of the operation             │
 *    └───────────── next request ◄──── LINGER ◄─────────┘ answered, more of it to come
 *
 *   any ──conn_close──► CLOSING; from POOL and FILE when the pool gives back, from BODY
 *   after a last turn that lets the operation release what it holds.
 *
 * What POOL and FILE do in their thread is in conn_hop.c.
 */
#include "lib/log.h"
#include "server/conn_state.h"
#include "server/error.h"
#include "server/notify.h"

enum {
    READS_PER_EVENT = 4,
    SMALL_REST = 64 << 10, /* an unread body up to this is read, not cut off */
    FAILED_REST = 1 << 20, /* what is not a request is listened to so long, for the answer's sake */
    WAITS_MAX = 100,       /* looks at a busy upload: who was cut off lets go of it soon … */
    ENDING_WAITS_MAX = 3000, /* … when the disk has what was sent: that may be a minute */
    PROOF_WAITS_MAX = 1000,  /* some 20 s */
    LINGER_MS = 30 * 1000    /* RFC 9112 §9.6: time for the client to see the answer */
};

static void set_deadline(struct conn *c, uint64_t ms)
{
    c->deadline = ms > 0 ? uv_now(&c->server->loop) + ms : 0;
}

/* ---- Watching the socket. --------------------------------------------------------------- */

static void on_event(uv_poll_t *p, int status, int events);

/* Would bytes from the client be of use now? Never while the pool has the wire. */
static bool wants_input(const struct conn *c)
{
    switch (c->state) {
    case CONN_READ:
    case CONN_BODY:
    case CONN_LINGER:
        return input_has_room(&c->in) && !c->in.ended;
    case CONN_POOL:
    case CONN_WAIT:
    case CONN_SEND:
    case CONN_FILE:
    case CONN_CLOSING:
        return false;
    }
    return false;
}

static int event_of(enum wire_wait w)
{
    return w == WIRE_READABLE ? UV_READABLE : UV_WRITABLE;
}

static int wanted_events(const struct conn *c)
{
    if (c->state == CONN_SEND)
        return event_of(c->wire.write_waits);
    return wants_input(c) ? event_of(c->wire.read_waits) : 0;
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
void conn_watch(struct conn *c)
{
    int wanted = wanted_events(c);
    if ((c->armed & wanted) != wanted)
        arm(c, wanted);
}

void conn_unwatch(struct conn *c)
{
    arm(c, 0);
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
    set_deadline(c, c->settings->config->timeout_stall);
    c->state = CONN_SEND;
}

/* The root is for load balancers, and has none of the registry's headers. */
static void begin_reply(const struct conn *c, struct reply *r)
{
    reply_init(r);
    if (c->door != DOOR_PUBLIC || span_eq(c->in.head.path, SPAN("/")))
        return;
    reply_header(r, "Docker-Distribution-Api-Version", "registry/2.0");
    if (c->run.matched)
        buf_add_span(&r->headers, c->settings->config->extra_headers);
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
    c->access.code = r.code;
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

/* The deadline is for what the client does. */
static void submit(struct conn *c, enum conn_state state, void (*run)(struct hop *),
                   void (*done)(struct hop *))
{
    c->state = state;
    c->deadline = 0;
    c->hop.run = run;
    c->hop.done = done;
    pool_submit(&c->server->pool, &c->hop);
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

/* The looks are counted, and not the time: it is not the client that takes it. */
static void wait_a_little(struct conn *c)
{
    c->state = CONN_WAIT;
    c->deadline = 0;
    c->waits++;
    conn_wait(c);
    conn_watch(c);
}

/* Is another request for this upload at its end? It needs nothing more of its client, which may be
 * the one that waits here: cut off, and back before the disk has what it had sent. */
static bool upload_is_ending(const struct conn *c)
{
    for (const struct conn *o = c->server->conns; o; o = o->next)
        if (o->state == CONN_POOL && o->turn != RUN_MORE &&
            span_eq(o->in.head.path, c->in.head.path))
            return true;
    return false;
}

static bool has_patience(const struct conn *c)
{
    return c->waits < WAITS_MAX || (c->waits < ENDING_WAITS_MAX && upload_is_ending(c));
}

static void after_run(struct hop *h)
{
    struct conn *c = container_of(h, struct conn, hop);
    if (c->run.rc == RC_UPLOAD_BUSY && !c->run.op->last_try && c->fate == FATE_OPEN) {
        wait_a_little(c); /* nothing is lost: open comes before the first byte */
        return;
    }
    input_drop_body(&c->in);
    c->state = CONN_BODY;
    if (c->fate == FATE_DOOMED)
        conn_close(c);
    else if (c->run.state == RUN_CLOSED)
        end_operation(c);
    conn_advance(c);
}

static void submit_run(struct conn *c)
{
    submit(c, CONN_POOL, conn_run_hop, after_run);
}

static void submit_turn(struct conn *c, enum run_turn turn)
{
    c->turn = turn;
    submit_run(c);
}

void conn_abort(struct conn *c)
{
    submit_turn(c, RUN_ABORT);
}

static void after_file(struct hop *h);

/* ---- One request after the other. ------------------------------------------------------- */

/* The file system says who may use the administrators' socket. */
static struct auth *auth_of(const struct conn *c)
{
    bool trusted = c->door == DOOR_DEBUG || (c->door == DOOR_ADMIN && c->local);
    return trusted ? NULL : c->settings->auth;
}

static enum rc make_run(struct conn *c)
{
    const struct server *s = c->server;
    struct run_env env = {.door = c->door,
                          .store = s->store,
                          .config = c->settings->config,
                          .auth = auth_of(c),
                          .maint = s->maint,
                          .vitals = s->vitals,
                          .notify = s->notify,
                          .arena = &c->arena,
                          .https = c->wire.ssl != NULL};
    if (c->door == DOOR_PUBLIC)
        env.events = notify_events(s->notify, env.auth ? NULL : &c->in.head, &c->access,
                                   span_of(c->addr), &c->arena);
    return run_begin(&c->run, &c->in.head, &env);
}

static void after_proof(struct hop *h);

/* The run is as far as it can be on the loop; rc is what it said. */
static void go_on(struct conn *c, enum rc rc)
{
    if (rc == RC_OK && c->run.state == RUN_PROOF) {
        submit(c, CONN_POOL, conn_proof_hop, after_proof);
        return;
    }
    if (rc == RC_OK && c->run.state == RUN_ASK && c->waits < PROOF_WAITS_MAX) {
        wait_a_little(c);
        return;
    }
    if (rc == RC_OK && c->run.state == RUN_ASK)
        rc = fault(&c->run.fault, RC_UNAVAILABLE, "too many passwords are being checked");
    c->waits = 0;
    c->access.user = c->run.proof.who.user;
    if (rc != RC_OK)
        answer_error(c, rc);
    else if (run_has_turns(&c->run) && !run_quick(&c->run, c->server->pool.moment))
        c->state = CONN_BODY;
    else
        answer(c);
}

static void after_proof(struct hop *h)
{
    struct conn *c = container_of(h, struct conn, hop);
    enum rc rc = run_proved(&c->run);
    c->state = CONN_BODY;
    if (c->fate == FATE_DOOMED)
        conn_close(c);
    else
        go_on(c, rc);
    conn_advance(c);
}

/* The same turn, with the same bytes, from the beginning. */
void conn_try_again(struct conn *c)
{
    if (c->state != CONN_WAIT)
        return;
    if (c->run.state == RUN_ASK) {
        go_on(c, run_ask(&c->run));
        conn_advance(c);
        return;
    }
    enum rc rc = run_enter(&c->run);
    if (rc == RC_OK) {
        c->run.op->last_try = !has_patience(c);
        submit_run(c);
        return;
    }
    answer_error(c, rc); /* a collection that refuses writes has begun meanwhile */
    conn_advance(c);
}

/* The head is complete: answer at once, or go on in the pool. */
static void begin_operation(struct conn *c)
{
    access_request(&c->access, &c->in.head);
    enum rc rc = make_run(c);
    access_row(&c->access, c->run.row);
    go_on(c, rc);
}

void conn_begin_request(struct conn *c)
{
    arena_fini(&c->arena);
    arena_init(&c->arena);
    settings_drop(c->settings);
    c->settings = settings_hold(c->server->settings);
    c->run = (struct run){0};
    c->waits = 0;
    c->turn = RUN_MORE;
    c->state = CONN_READ;
    access_begin(&c->access, c->settings->config);
    input_begin(&c->in, &c->arena, c->settings->config->head_max);
    const struct config *config = c->settings->config; /* nobody waits long for a handshake */
    set_deadline(c, c->wire.opening ? config->timeout_head : config->timeout_idle);
}

/* The whole answer has gone out. */
static void end_answer(struct conn *c)
{
    access_end(&c->access, c->in.received, output_body_sent(&c->out));
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
    case IN_CUT:
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
    if (c->in.state == IN_DONE || input_body(&c->in).n > 0 || c->run.state == RUN_NEW)
        submit_turn(c, conn_turn(c));
    else if (c->in.state == IN_FAILED || (c->in.ended && !waiting))
        submit_turn(c, RUN_ABORT);
    else if (waiting)
        say_continue(c);
    if (c->state == CONN_BODY)
        set_deadline(c, c->settings->config->timeout_stall);
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
        submit(c, CONN_FILE, conn_file_hop, after_file);
        return false;
    case OUTPUT_BROKEN:
    case OUTPUT_UNREADABLE:
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
        conn_begin_request(c);
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
    case CONN_WAIT:
    case CONN_FILE:
    case CONN_CLOSING:
        return false;
    }
    return false;
}

static bool read_held(struct conn *c);

void conn_advance(struct conn *c)
{
    do {
        while (step(c))
            ;
    } while (read_held(c));
    conn_watch(c);
}

/* The client has its head already: that the rest is missing is all that it can be told. */
static void tell_unreadable(struct conn *c)
{
    struct fault f;
    fault_init(&f, &c->arena);
    access_broken_off(&c->access,
                      fault(&f, RC_IO, "the rest of the file cannot be read: %s", c->out.file_why),
                      &f);
}

static void after_file(struct hop *h)
{
    struct conn *c = container_of(h, struct conn, hop);
    c->state = CONN_SEND;
    set_deadline(c, c->settings->config->timeout_stall);
    if (c->file_next == OUTPUT_UNREADABLE)
        tell_unreadable(c);
    if (c->fate == FATE_DOOMED || c->file_next == OUTPUT_BROKEN ||
        c->file_next == OUTPUT_UNREADABLE)
        conn_close(c);
    else if (c->file_next != OUTPUT_WAIT)
        conn_advance(c);
    else
        conn_watch(c);
}

/* ---- Events. ---------------------------------------------------------------------------- */

static enum wire_result read_once(struct conn *c)
{
    bool idle = input_is_idle(&c->in), opening = c->wire.opening;
    enum wire_result r = input_read(&c->in, &c->wire);
    if (opening && r == WIRE_BROKEN && c->wire.why)
        log_info("TLS handshake with %s: %s", c->access.peer, c->wire.why);
    if (opening && !c->wire.opening)
        set_deadline(c, c->settings->config->timeout_idle);
    if (r != WIRE_OK)
        return r;
    if (c->state == CONN_READ && idle)
        set_deadline(c, c->settings->config->timeout_head);
    return r;
}

/* Most requests are a head that comes in one piece, with nothing behind it: asking for more would
 * be in vain. If there is more, the next event tells. */
static bool is_head_alone(const struct conn *c)
{
    return c->state == CONN_READ && !c->wire.ssl;
}

static void read_some(struct conn *c)
{
    for (int i = 0; i < READS_PER_EVENT && input_has_room(&c->in) && !c->in.ended; i++)
        if (read_once(c) != WIRE_OK || is_head_alone(c))
            return;
}

/* What has come already, and waits in the wire: no event will tell of it. */
static bool read_held(struct conn *c)
{
    if (!wants_input(c) || !c->wire.held)
        return false;
    (void)read_once(c);
    return true;
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
    if (c->state == CONN_SEND)
        set_deadline(c, c->settings->config->timeout_stall);
    else
        read_some(c);
    conn_advance(c);
}

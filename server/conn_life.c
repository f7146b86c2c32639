/* SPDX-License-Identifier: Apache-2.0
 *
 * conn_life: how connections come, wait and go, one by one and all together.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/conn_state.h"
#include "server/limits.h"
#include "server/metrics.h"
#include "server/vitals.h"

enum { WAIT_MS = 20 }; /* between two looks at a busy upload */

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
    s->public_count -= c->door == DOOR_PUBLIC;
}

static void on_closed(uv_handle_t *h)
{
    struct conn *c = container_of((uv_poll_t *)h, struct conn, poll);
    struct server *s = c->server;
    c->wire.ops->fini(&c->wire);
    (void)close(c->wire.fd);
    free(c);
    server_conn_gone(s);
}

static void destroy(struct conn *c)
{
    if (c->state != CONN_READ && c->state != CONN_LINGER)
        access_abandoned(&c->access, c->in.received, output_body_sent(&c->out));
    else
        c->wire.ops->end(&c->wire); /* between two requests it is no accident */
    c->state = CONN_CLOSING;
    int file = run_take_file(&c->run);
    if (file >= 0)
        (void)close(file);
    output_fini(&c->out);
    input_fini(&c->in);
    arena_fini(&c->arena);
    settings_drop(c->settings);
    unlink_conn(c);
    conn_unwatch(c);
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
            conn_abort(c);
        return;
    case CONN_READ:
    case CONN_WAIT:
    case CONN_SEND:
    case CONN_LINGER:
        destroy(c);
        return;
    case CONN_CLOSING:
        return;
    }
}

/* As others write it: an IPv6 address stands in brackets. */
static void print_addr(struct conn *c, const struct sockaddr *peer)
{
    const struct sockaddr_in *v4 = (const void *)peer; /* the port is in the same place in both */
    if (peer->sa_family != AF_INET && peer->sa_family != AF_INET6)
        return;
    (void)snprintf(c->addr, sizeof(c->addr), strchr(c->access.peer, ':') ? "[%s]:%u" : "%s:%u",
                   c->access.peer, ntohs(v4->sin_port));
}

void conn_open(struct server *s, int fd, const struct sockaddr *peer, enum door door)
{
    if (door == DOOR_PUBLIC && !limits_admit(s, fd, peer)) {
        (void)close(fd);
        return;
    }
    s->vitals->refused_now = 0;
    struct conn *c = must_calloc(sizeof(*c));
    c->server = s;
    c->door = door;
    c->local = peer->sa_family == AF_UNIX;
    if (uv_poll_init(&s->loop, &c->poll, fd) != 0) {
        (void)close(fd);
        free(c);
        return;
    }
    if (door == DOOR_PUBLIC && s->settings->tls)
        wire_init_tls(&c->wire, fd, s->settings->tls);
    else
        wire_init_plain(&c->wire, fd);
    arena_init(&c->arena);
    output_init(&c->out);
    input_init(&c->in, &s->slabs);
    access_init(&c->access, peer, door, s->vitals->metrics);
    print_addr(c, peer);
    c->next = s->conns;
    if (c->next)
        c->next->prev = c;
    s->conns = c;
    s->conn_count++;
    s->public_count += door == DOOR_PUBLIC;
    conn_begin_request(c);
    conn_watch(c);
}

size_t conn_count_of(const struct server *s, const struct sockaddr *peer)
{
    struct access a;
    size_t n = 0;
    if (peer->sa_family != AF_INET && peer->sa_family != AF_INET6)
        return 0;
    access_init(&a, peer, DOOR_PUBLIC, NULL);
    for (const struct conn *c = s->conns; c; c = c->next)
        n += c->door == DOOR_PUBLIC && strcmp(c->access.peer, a.peer) == 0;
    return n;
}

void conn_metrics(const struct server *s, struct buf *text)
{
    static const char *const names[] = {
        [CONN_READ] = "reading",  [CONN_POOL] = "working",    [CONN_WAIT] = "waiting",
        [CONN_BODY] = "body",     [CONN_SEND] = "sending",    [CONN_FILE] = "sending_file",
        [CONN_LINGER] = "ending", [CONN_CLOSING] = "closing",
    };
    size_t counts[array_len(names)] = {0};
    for (const struct conn *c = s->conns; c; c = c->next)
        counts[c->state] += c->door == DOOR_PUBLIC;
    metrics_add_head(text, "registry_connections", "gauge", "Clients' connections, by state.");
    for (size_t i = 0; i < array_len(names); i++)
        buf_printf(text, "registry_connections{state=\"%s\"} %zu\n", names[i], counts[i]);
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

static void on_again(uv_timer_t *t)
{
    for_each(container_of(t, struct server, again), conn_try_again);
}

void conn_wait(struct conn *c)
{
    if (!uv_is_active((uv_handle_t *)&c->server->again))
        (void)uv_timer_start(&c->server->again, on_again, WAIT_MS, 0);
}

/* Who has sent nothing yet begins anew, with the settings of now. */
static void renew(struct conn *c)
{
    if (c->state == CONN_READ && input_is_idle(&c->in))
        conn_begin_request(c);
}

void conn_renew_all(struct server *s)
{
    for_each(s, renew);
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

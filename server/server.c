/* SPDX-License-Identifier: Apache-2.0
 *
 * server: the loop's life, from the first signal handler to the last handle closed.
 */
#include "server/server.h"

#include <signal.h>

#include "lib/log.h"
#include "server/auth.h"
#include "server/conn.h"
#include "server/listen.h"
#include "server/maint.h"
#include "server/notify.h"
#include "server/reload.h"
#include "server/tls.h"
#include "server/vitals.h"

enum { TICK_MS = 1000 };

static void close_handle(uv_handle_t *h)
{
    if (!uv_is_closing(h))
        uv_close(h, NULL);
}

/* Nothing is left to do: with its handles closed, the loop ends. */
static void go_down(struct server *s)
{
    s->state = SERVER_DOWN;
    close_handle((uv_handle_t *)&s->on_term);
    close_handle((uv_handle_t *)&s->on_int);
    close_handle((uv_handle_t *)&s->on_hup);
    close_handle((uv_handle_t *)&s->waits);
    close_handle((uv_handle_t *)&s->tick);
    close_handle((uv_handle_t *)&s->drain_end);
    close_handle((uv_handle_t *)&s->again);
    pool_close(&s->pool);
}

void server_conn_gone(struct server *s)
{
    if (s->state == SERVER_DRAINING && s->conn_count == 0)
        go_down(s);
}

static void on_drain_end(uv_timer_t *t)
{
    struct server *s = container_of(t, struct server, drain_end);
    log_warn("the drain time is over: closing %zu connections", s->conn_count);
    conn_close_all(s);
}

static void stop(struct server *s)
{
    if (s->state != SERVER_UP)
        return;
    uint64_t ms = s->settings->config->drain_timeout;
    log_info("stopping server gracefully. Draining connections for %llu ms",
             (unsigned long long)ms);
    s->state = SERVER_DRAINING;
    listener_close_all(s);
    maint_close(s->maint);
    notify_stop(s->notify);
    conn_drain_all(s);
    (void)uv_timer_start(&s->drain_end, on_drain_end, ms, 0);
    server_conn_gone(s);
}

static void on_term(uv_signal_t *h, int signum)
{
    (void)signum;
    stop(container_of(h, struct server, on_term));
}

static void on_int(uv_signal_t *h, int signum)
{
    (void)signum;
    stop(container_of(h, struct server, on_int));
}

static void on_hup(uv_signal_t *h, int signum)
{
    struct server *s = container_of(h, struct server, on_hup);
    (void)signum;
    if (s->state == SERVER_UP)
        reload(s);
}

static void on_tick(uv_timer_t *t)
{
    struct server *s = container_of(t, struct server, tick);
    conn_tick_all(s);
    tls_tick(s->settings->tls);
    auth_tick(s->settings->auth);
    vitals_tick(s->vitals);
    maint_tick(s->maint, vitals_state(s->vitals, s->settings->config).readonly);
}

static void on_waits(uv_prepare_t *p)
{
    pool_end_moment(&container_of(p, struct server, waits)->pool);
}

static void start_signals(struct server *s)
{
    (void)uv_signal_start(&s->on_term, on_term, SIGTERM);
    (void)uv_signal_start(&s->on_int, on_int, SIGINT);
    (void)uv_signal_start(&s->on_hup, on_hup, SIGHUP);
}

/* Without the socket the server is still of use: a file system may have none. */
static void open_socket(struct server *s)
{
    struct arena a;
    struct fault f;
    arena_init(&a);
    fault_init(&f, &a);
    if (listener_open_local(s, DOOR_ADMIN, s->settings->config->admin_socket, &f) != RC_OK)
        log_warn("administrators cannot be served on a socket: %s", f.first->detail);
    arena_fini(&a);
}

/* The public one last: who finds it open finds all of them. */
static enum rc open_listeners(struct server *s, struct fault *f)
{
    const struct config *c = s->settings->config;
    enum rc rc = RC_OK;
    open_socket(s);
    if (c->admin_addr[0] != '\0')
        rc = listener_open(s, DOOR_ADMIN, c->admin_addr, f);
    if (rc == RC_OK && c->debug_addr[0] != '\0')
        rc = listener_open(s, DOOR_DEBUG, c->debug_addr, f);
    return rc == RC_OK ? listener_open(s, DOOR_PUBLIC, c->http_addr, f) : rc;
}

enum rc server_init(struct server *s, struct settings *settings, struct store *store,
                    struct fault *f)
{
    const struct config *config = settings->config;
    *s = (struct server){.state = SERVER_UP, .store = store};
    if (uv_loop_init(&s->loop) != 0)
        return fault(f, RC_INTERNAL, "the event loop cannot be made");
    enum rc rc = pool_init(&s->pool, &s->loop, (unsigned)config->max_threads, f);
    if (rc != RC_OK) {
        (void)uv_run(&s->loop, UV_RUN_DEFAULT);
        (void)uv_loop_close(&s->loop);
        return rc;
    }
    s->settings = settings_hold(settings);
    slabs_init(&s->slabs);
    (void)uv_signal_init(&s->loop, &s->on_term);
    (void)uv_signal_init(&s->loop, &s->on_int);
    (void)uv_signal_init(&s->loop, &s->on_hup);
    (void)uv_prepare_init(&s->loop, &s->waits);
    (void)uv_prepare_start(&s->waits, on_waits);
    (void)uv_timer_init(&s->loop, &s->tick);
    (void)uv_timer_init(&s->loop, &s->drain_end);
    (void)uv_timer_init(&s->loop, &s->again);
    s->vitals = vitals_new(s);
    s->maint = maint_new(&s->loop, &s->pool, store, config);
    s->notify = notify_new(config);
    start_signals(s); /* who finds it listening may send one at once */
    rc = open_listeners(s, f);
    if (rc != RC_OK) {
        listener_close_all(s);
        maint_close(s->maint);
        go_down(s);
        (void)uv_run(&s->loop, UV_RUN_DEFAULT);
        server_fini(s);
        return rc;
    }
    (void)uv_timer_start(&s->tick, on_tick, TICK_MS, TICK_MS);
    return RC_OK;
}

void server_run(struct server *s)
{
    (void)uv_run(&s->loop, UV_RUN_DEFAULT);
}

void server_fini(struct server *s)
{
    slabs_fini(&s->slabs);
    vitals_free(s->vitals);
    maint_free(s->maint);
    notify_free(s->notify);
    settings_drop(s->settings);
    (void)uv_loop_close(&s->loop);
}

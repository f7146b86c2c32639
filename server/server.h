/* SPDX-License-Identifier: Apache-2.0
 *
 * server: what the loop's files share: the loop, the settings, the store, and the
 * connections. One per process, made by main.c. Loop thread.
 */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include <uv.h>

#include "server/pool.h"
#include "server/settings.h"
#include "server/slab.h"
#include "storage/storage.h"

struct conn;
struct listener;
struct maint;
struct vitals;
struct notify;

/*   SERVER_UP ──SIGTERM──► SERVER_DRAINING ──no connection left, or time over──► SERVER_DOWN */
enum server_state { SERVER_UP, SERVER_DRAINING, SERVER_DOWN };

struct server {
    enum server_state state;
    uv_loop_t loop;
    struct settings *settings; /* held; who keeps them over an event holds them, too */
    struct store *store;
    struct pool pool;
    struct slabs slabs;
    struct listener *listeners; /* as they were opened */
    struct maint *maint;
    struct vitals *vitals;
    struct notify *notify;
    struct conn *conns; /* newest first */
    size_t conn_count;
    size_t public_count; /* those at the public door */
    uv_signal_t on_term, on_int, on_hup;
    uv_prepare_t waits;   /* each time before events are waited for */
    uv_timer_t tick;      /* once a second: what has waited too long is closed */
    uv_timer_t drain_end; /* the end of the drain time */
    uv_timer_t again;     /* runs while connections are in CONN_WAIT */
};

/* Opens the loop, the signals and the listeners. Holds the settings; the store is borrowed. */
enum rc server_init(struct server *s, struct settings *settings, struct store *store,
                    struct fault *f) MUST_CHECK;
/* Serves until a signal ends it; returns with nothing open. */
void server_run(struct server *s);
void server_fini(struct server *s);

/* conn_life.c, on behalf of a connection: the last one gone ends a drain. */
void server_conn_gone(struct server *s);

#endif

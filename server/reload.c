/* SPDX-License-Identifier: Apache-2.0
 *
 * reload: first all that can fail, then all that cannot.
 */
#include "server/reload.h"

#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "server/conn.h"
#include "server/listen.h"
#include "server/logs.h"
#include "server/maint.h"
#include "server/notify.h"

/* In the order in which they were opened at the start. */
static const enum door doors[] = {DOOR_ADMIN, DOOR_DEBUG, DOOR_PUBLIC};

/* What becomes of a door. */
struct move {
    bool moves;
    struct listener *old, *fresh; /* NULL: the door has none */
};

static const char *address_of(const struct config *c, enum door door)
{
    switch (door) {
    case DOOR_PUBLIC:
        return c->http_addr;
    case DOOR_ADMIN:
        return c->admin_addr;
    case DOOR_DEBUG:
        return c->debug_addr;
    }
    return "";
}

static enum rc open_door(struct server *s, enum door door, const struct config *next,
                         struct move *m, struct fault *f)
{
    const char *address = address_of(next, door);
    *m = (struct move){.moves = strcmp(address, address_of(s->settings->config, door)) != 0};
    if (!m->moves)
        return RC_OK;
    m->old = listener_find(s, door);
    if (address[0] == '\0' && door != DOOR_PUBLIC)
        return RC_OK;
    enum rc rc = listener_open(s, door, address, f);
    if (rc == RC_OK)
        m->fresh = listener_last(s);
    return rc;
}

/* All of them or none. */
static enum rc open_doors(struct server *s, const struct config *next, struct move *moves,
                          struct fault *f)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; i < array_len(doors) && rc == RC_OK; i++)
        rc = open_door(s, doors[i], next, &moves[i], f);
    for (size_t i = 0; i < array_len(doors) && rc != RC_OK; i++)
        if (moves[i].fresh)
            listener_close(s, moves[i].fresh);
    return rc;
}

static void close_old_doors(struct server *s, const struct move *moves)
{
    for (size_t i = 0; i < array_len(doors); i++) {
        if (moves[i].fresh)
            listener_log(moves[i].fresh);
        if (moves[i].old)
            listener_close(s, moves[i].old);
    }
}

static void log_reloaded(const struct config *c, const char *changed)
{
    for (size_t i = 0; conf_warning(c->conf, i); i++)
        log_warn("%s", conf_warning(c->conf, i));
    if (*changed)
        log_info("configuration reloaded, with other values of: %s", changed);
    else
        log_info("configuration reloaded: nothing has changed");
}

/* Takes over next. Nothing here can fail. */
static void apply(struct server *s, struct settings *next)
{
    const struct config *c = next->config;
    logs_configure(c);
    settings_drop(s->settings);
    s->settings = next;
    maint_configure(s->maint, c);
    notify_follow(s->notify, c);
    conn_renew_all(s);
}

static enum rc try(struct server *s, struct fault *f)
{
    struct settings *next = NULL;
    struct move moves[array_len(doors)] = {0};
    enum rc rc = settings_load(s->settings->from, &next, f);
    if (rc != RC_OK)
        return rc;
    const char *changed = config_follow(next->config, s->settings->config);
    rc = config_check_whole(next->config, s->settings->config, f);
    if (rc == RC_OK)
        rc = open_doors(s, next->config, moves, f);
    if (rc != RC_OK) {
        settings_drop(next);
        return rc;
    }
    apply(s, next);
    close_old_doors(s, moves);
    log_reloaded(next->config, changed);
    return RC_OK;
}

void reload(struct server *s)
{
    struct arena a;
    struct fault f;
    arena_init(&a);
    fault_init(&f, &a);
    enum rc rc = try(s, &f);
    if (rc != RC_OK)
        log_error("the configuration is not reloaded, all stays as it is: %s",
                  f.first && f.first->detail ? f.first->detail : rc_name(rc));
    arena_fini(&a);
}

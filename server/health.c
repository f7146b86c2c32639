/* SPDX-License-Identifier: Apache-2.0
 *
 * health: one hop at a time does all that is due.
 */
#include "server/health.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "server/space.h"

#define STORAGE_CHECK "storagedriver_filesystem" /* the registry image's name */

/* A file whose being there means that the server is to be left alone. */
struct file_check {
    char *path;
    uint64_t interval, due;
    bool wanted, seen; /* the hop's: is it looked for, and is it there? */
    bool found;        /* the loop's */
};

struct health {
    struct pool *pool;
    struct store *store;
    uint64_t probe_due; /* loop time in ms */
    uint64_t probe_begun;
    bool in_flight;
    unsigned failures; /* one after the other */
    enum health_storage storage;
    char why[256]; /* of the storage, if it is not good */
    struct store_probe last;

    /* The hop's: the pool's while in flight, else the loop's. */
    struct hop hop;
    bool probes, writes;
    struct space space;
    enum health_storage seen;
    char seen_why[256];
    struct store_probe probe;
    struct file_check *files;
    size_t file_count;
};

/* ---- In the pool. ----------------------------------------------------------------------- */

static enum health_storage judge(const struct health *h, enum rc rc)
{
    if (!h->probe.readable)
        return HEALTH_UNREADABLE;
    if (h->probe.room_known && h->writes &&
        h->probe.free_bytes < space_least(&h->space, h->probe.total_bytes))
        return HEALTH_FULL;
    if (rc == RC_NO_SPACE)
        return HEALTH_FULL;
    return rc == RC_OK ? HEALTH_GOOD : HEALTH_UNWRITABLE;
}

static void probe_storage(struct health *h)
{
    struct arena a;
    struct fault f;
    arena_init(&a);
    fault_init(&f, &a);
    enum rc rc = store_probe(h->store, h->writes, &h->probe, &f);
    h->seen = judge(h, rc);
    const char *why = f.first && f.first->detail ? f.first->detail : rc_name(rc);
    if (rc == RC_OK && h->seen == HEALTH_FULL)
        (void)snprintf(h->seen_why, sizeof(h->seen_why),
                       "%" PRIu64 " bytes are free, less than storage.minfree",
                       h->probe.free_bytes);
    else
        (void)snprintf(h->seen_why, sizeof(h->seen_why), "%s", why);
    arena_fini(&a);
}

static void check_hop(struct hop *hop)
{
    struct health *h = container_of(hop, struct health, hop);
    if (h->probes)
        probe_storage(h);
    for (size_t i = 0; i < h->file_count; i++)
        if (h->files[i].wanted)
            h->files[i].seen = access(h->files[i].path, F_OK) == 0;
}

/* ---- On the loop. ----------------------------------------------------------------------- */

static void change(struct health *h, enum health_storage to, const char *why)
{
    if (to == HEALTH_GOOD && h->storage != HEALTH_GOOD)
        log_info("health: the storage is well again");
    if (to != HEALTH_GOOD && h->storage != to)
        log_warn("health: the storage is not well: %s", why);
    h->storage = to;
    (void)snprintf(h->why, sizeof(h->why), "%s", why);
}

static void after_check(struct hop *hop)
{
    struct health *h = container_of(hop, struct health, hop);
    h->in_flight = false;
    for (size_t i = 0; i < h->file_count; i++)
        h->files[i].found = h->files[i].seen;
    if (!h->probes)
        return;
    h->last = h->probe;
    if (h->seen == HEALTH_GOOD) {
        h->failures = 0;
        change(h, HEALTH_GOOD, "");
    } else {
        h->failures++;
    }
}

static void free_files(struct health *h)
{
    for (size_t i = 0; i < h->file_count; i++)
        free(h->files[i].path);
    free(h->files);
    h->files = NULL;
    h->file_count = 0;
}

static bool has_files(const struct health *h, const struct config *c)
{
    if (h->file_count != c->health_file_count)
        return false;
    for (size_t i = 0; i < h->file_count; i++)
        if (strcmp(h->files[i].path, c->health_files[i].path) != 0)
            return false;
    return true;
}

/* The settings may be others than at the last tick. */
static void take_files(struct health *h, const struct config *c)
{
    if (!has_files(h, c)) {
        free_files(h);
        h->file_count = c->health_file_count;
        h->files = must_calloc((h->file_count + 1) * sizeof(*h->files));
        for (size_t i = 0; i < h->file_count; i++) {
            size_t n = strlen(c->health_files[i].path) + 1;
            h->files[i].path = memcpy(must_alloc(n), c->health_files[i].path, n);
        }
    }
    for (size_t i = 0; i < h->file_count; i++)
        h->files[i].interval = c->health_files[i].interval;
}

static bool is_due(uint64_t *due, uint64_t interval, uint64_t now)
{
    if (*due > now)
        return false;
    *due = now + interval;
    return true;
}

static void begin(struct health *h, const struct config *c, bool readonly, uint64_t now)
{
    bool any = false;
    take_files(h, c);
    h->probes = c->health_storage && is_due(&h->probe_due, c->health_interval, now);
    h->writes = !readonly;
    h->space = space_of(c);
    for (size_t i = 0; i < h->file_count; i++) {
        struct file_check *f = &h->files[i];
        f->wanted = is_due(&f->due, f->interval, now);
        any |= f->wanted;
    }
    if (!h->probes && !any)
        return;
    h->in_flight = true;
    h->probe_begun = now;
    h->hop.run = check_hop;
    h->hop.done = after_check;
    pool_submit(h->pool, &h->hop);
}

void health_tick(struct health *h, const struct config *c, bool readonly)
{
    uint64_t now = uv_now(h->pool->loop);
    uint64_t threshold = c->health_threshold > 0 ? c->health_threshold : 1;
    if (!c->health_storage && h->storage != HEALTH_GOOD)
        change(h, HEALTH_GOOD, "");
    else if (!h->in_flight && h->failures >= threshold)
        change(h, h->seen, h->seen_why);
    /* A disk that hangs answers nobody. */
    if (h->in_flight && h->probes && now - h->probe_begun > threshold * c->health_interval)
        change(h, HEALTH_UNREADABLE, "it does not answer");
    if (!h->in_flight)
        begin(h, c, readonly, now);
}

struct health *health_new(struct pool *pool, struct store *s)
{
    struct health *h = must_calloc(sizeof(*h));
    h->pool = pool;
    h->store = s;
    return h;
}

void health_free(struct health *h)
{
    free_files(h);
    free(h);
}

enum health_storage health_storage(const struct health *h)
{
    return h->storage;
}

bool health_is_bad(const struct health *h)
{
    if (h->storage != HEALTH_GOOD)
        return true;
    for (size_t i = 0; i < h->file_count; i++)
        if (h->files[i].found)
            return true;
    return false;
}

static void add_check(struct buf *b, const char *name, const char *why)
{
    if (b->n > 0)
        buf_add_char(b, ',');
    buf_add_char(b, '"');
    buf_add_json(b, span_of(name));
    buf_add_str(b, "\":\"");
    buf_add_json(b, span_of(why));
    buf_add_char(b, '"');
}

void health_print(const struct health *h, struct buf *json)
{
    struct buf b;
    buf_init(&b);
    if (h->storage != HEALTH_GOOD)
        add_check(&b, STORAGE_CHECK, h->why);
    for (size_t i = 0; i < h->file_count; i++)
        if (h->files[i].found)
            add_check(&b, h->files[i].path, "file exists");
    buf_add_span(json, buf_span(&b));
    buf_fini(&b);
}

bool health_free_bytes(const struct health *h, uint64_t *out)
{
    *out = h->last.free_bytes;
    return h->last.room_known;
}

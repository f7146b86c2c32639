/* SPDX-License-Identifier: Apache-2.0
 *
 * notify_sink: queue → request → answer.
 */
#include "server/notify_sink.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "server/notify_queue.h"

enum { WAIT_MAX_MS = 60 * 1000, DOUBLINGS_MAX = 16 };

struct sink {
    struct sink *next; /* of those that are gone */
    const struct notify_target *target;
    uint64_t events_max, bytes_max;
    char *name;
    struct queue queue;
    struct post *post;
    struct buf body;     /* of the request */
    uint64_t failed;     /* tries in a row */
    uint64_t not_before; /* ms */
    bool full;           /* the last event found no room */
    struct sink_counts counts;
};

/* Nothing in it leads elsewhere. */
char *sink_directory(const struct notify_config *c, const char *name)
{
    struct buf b;
    buf_init(&b);
    buf_printf(&b, "%s/", c->directory);
    if (name[0] == '.') {
        buf_add_str(&b, "%2E");
        name++;
    }
    buf_add_url(&b, span_of(name));
    return b.p;
}

struct sink *sink_new(struct sender *sender, const struct notify_config *c,
                      const struct notify_target *t)
{
    struct sink *s = must_calloc(sizeof(*s));
    char *directory = sink_directory(c, t->name);
    s->name = must_alloc(strlen(t->name) + 1);
    memcpy(s->name, t->name, strlen(t->name) + 1);
    s->post = post_new(sender);
    buf_init(&s->body);
    queue_open(&s->queue, directory);
    sink_follow(s, c, t);
    if (s->queue.count > 0)
        log_info("notifications: %s: %" PRIu64 " events wait since the last run", s->name,
                 s->queue.count);
    free(directory);
    return s;
}

void sink_leave(struct sink *s, struct sink **gone)
{
    queue_close(&s->queue);
    s->next = *gone;
    *gone = s;
}

void sinks_free(struct sink *gone)
{
    while (gone) {
        struct sink *s = gone;
        gone = s->next;
        post_free(s->post);
        buf_fini(&s->body);
        free(s->name);
        free(s);
    }
}

/* Another address deserves another chance. */
void sink_follow(struct sink *s, const struct notify_config *c, const struct notify_target *t)
{
    s->target = t;
    s->events_max = c->queue_events;
    s->bytes_max = c->queue_bytes;
    s->failed = 0;
    s->not_before = 0;
}

const char *sink_name(const struct sink *s)
{
    return s->name;
}

void sink_counts(const struct sink *s, struct sink_counts *out)
{
    *out = s->counts;
    out->pending = s->queue.count;
}

/* ---- In. -------------------------------------------------------------------------------- */

static bool has_room(struct sink *s, struct span json)
{
    bool room = s->queue.count < s->events_max && json.n <= s->bytes_max &&
                s->queue.bytes <= s->bytes_max - json.n;
    if (!room && !s->full)
        log_warn("notifications: %s: its queue is full, with %" PRIu64 " events: new ones are "
                 "dropped",
                 s->name, s->queue.count);
    s->full = !room;
    return room;
}

void sink_add(struct sink *s, enum event_action action, const char *media_type, struct span json)
{
    if (!notify_target_wants(s->target, action, media_type))
        return;
    s->counts.events++;
    if (has_room(s, json))
        queue_add(&s->queue, json);
    else
        s->counts.dropped++;
}

void sink_flush(struct sink *s)
{
    queue_flush(&s->queue);
}

/* ---- Out. ------------------------------------------------------------------------------- */

static void count_status(struct sink *s, long status)
{
    size_t i = 0;
    while (i < SINK_CODES && s->counts.codes[i].count > 0 && s->counts.codes[i].status != status)
        i++;
    if (i == SINK_CODES)
        return;
    s->counts.codes[i].status = status;
    s->counts.codes[i].count++;
}

static void succeed(struct sink *s)
{
    queue_drop(&s->queue);
    s->counts.successes++;
    if (s->failed > 0)
        log_info("notifications: %s: events arrive again, after %" PRIu64 " failures", s->name,
                 s->failed);
    s->failed = 0;
}

/* One line for a row of failures. */
static void log_failure(const struct sink *s)
{
    if (s->failed > 1)
        return;
    if (post_state(s->post) == POST_REFUSED)
        log_warn("notifications: %s: answered with %ld", s->name, post_status(s->post));
    else
        log_warn("notifications: %s: %s", s->name, post_words(s->post));
}

static uint64_t wait_of(const struct sink *s)
{
    uint64_t backoff = s->target->backoff, most = backoff > WAIT_MAX_MS ? backoff : WAIT_MAX_MS;
    if (s->failed < s->target->threshold)
        return 0;
    uint64_t doublings = s->failed - s->target->threshold;
    if (doublings > DOUBLINGS_MAX || backoff > most >> doublings)
        return most;
    return backoff << doublings;
}

static void fail(struct sink *s, uint64_t now)
{
    s->failed++;
    if (post_state(s->post) == POST_REFUSED)
        s->counts.failures++;
    else
        s->counts.errors++;
    log_failure(s);
    s->not_before = now + wait_of(s);
}

static void take_answer(struct sink *s, uint64_t now)
{
    if (post_status(s->post) > 0)
        count_status(s, post_status(s->post));
    if (post_state(s->post) == POST_SUCCEEDED)
        succeed(s);
    else
        fail(s, now);
    post_end(s->post);
}

uint64_t sink_work(struct sink *s, uint64_t now, bool begin)
{
    switch (post_state(s->post)) {
    case POST_IDLE:
        break;
    case POST_SENT:
        return SINK_FOREVER;
    case POST_SUCCEEDED:
    case POST_REFUSED:
    case POST_FAILED:
        take_answer(s, now);
        break;
    }
    if (!begin)
        return SINK_FOREVER;
    if (now < s->not_before)
        return s->not_before - now;
    if (!queue_first(&s->queue, &s->body))
        return SINK_FOREVER;
    post_begin(s->post, s->target, buf_span(&s->body));
    return 0;
}

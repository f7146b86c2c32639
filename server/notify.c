/* SPDX-License-Identifier: Apache-2.0
 *
 * notify: the loop's side, the thread, and what lies between them.
 */
#include "server/notify.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/log.h"
#include "server/error.h"
#include "server/notify_sink.h"
#include "server/notify_sweep.h"

enum {
    SWEEP_MS = 3600 * 1000, /* between two looks at old queues */
    MS = 1000,
    NS_PER_MS = 1000 * 1000
};

struct shown {
    char *name;
    struct sink_counts counts;
};

struct notify {
    /* The loop's. */
    bool listening, references, running;
    char *source;
    char instance[EVENT_ID_SIZE];
    pthread_t thread;

    struct sender *sender; /* the thread's, but for sender_wake */
    atomic_bool stopping, closing;

    /* Everybody's, under the lock: pushes hold it while they write to a queue, the thread while it
     * looks what is next; the loop takes it for other settings alone. */
    pthread_mutex_t lock;
    struct notify_config *config;
    struct sink **sinks; /* as config->targets */
    size_t sink_count;
    struct sink *gone; /* for the thread to free */

    uint64_t next_sweep; /* ms */

    pthread_mutex_t shown_lock;
    struct shown *shown;
    size_t shown_count;
};

/* ---- The thread. ------------------------------------------------------------------------ */

static uint64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * MS + (uint64_t)t.tv_nsec / NS_PER_MS;
}

/* To end a request may take its time. */
static void free_gone(struct notify *n)
{
    (void)pthread_mutex_lock(&n->lock);
    struct sink *gone = n->gone;
    n->gone = NULL;
    (void)pthread_mutex_unlock(&n->lock);
    sinks_free(gone);
}

static void sweep(struct notify *n, uint64_t now)
{
    (void)pthread_mutex_lock(&n->lock);
    if (now >= n->next_sweep) {
        notify_sweep(n->config);
        n->next_sweep = now + SWEEP_MS;
    }
    (void)pthread_mutex_unlock(&n->lock);
}

/* In how many ms there is something to do again. */
static uint64_t work(struct notify *n, bool begin)
{
    uint64_t now = now_ms(), wait = SWEEP_MS;
    bool more = true;
    for (size_t i = 0; more; i++) {
        (void)pthread_mutex_lock(&n->lock);
        more = i < n->sink_count;
        uint64_t ms = more ? sink_work(n->sinks[i], now, begin) : wait;
        (void)pthread_mutex_unlock(&n->lock);
        wait = ms < wait ? ms : wait;
    }
    sweep(n, now);
    return wait;
}

static void free_shown(struct shown *shown, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(shown[i].name);
    free(shown);
}

static struct shown *look(struct notify *n, size_t *count)
{
    (void)pthread_mutex_lock(&n->lock);
    struct shown *shown = must_calloc((n->sink_count + 1) * sizeof(*shown));
    for (size_t i = 0; i < n->sink_count; i++) {
        const char *name = sink_name(n->sinks[i]);
        shown[i].name = must_alloc(strlen(name) + 1);
        memcpy(shown[i].name, name, strlen(name) + 1);
        sink_counts(n->sinks[i], &shown[i].counts);
    }
    *count = n->sink_count;
    (void)pthread_mutex_unlock(&n->lock);
    return shown;
}

static void show(struct notify *n)
{
    size_t count;
    struct shown *shown = look(n, &count);
    (void)pthread_mutex_lock(&n->shown_lock);
    struct shown *old = n->shown;
    size_t old_count = n->shown_count;
    n->shown = shown;
    n->shown_count = count;
    (void)pthread_mutex_unlock(&n->shown_lock);
    free_shown(old, old_count);
}

static void *run(void *arg)
{
    struct notify *n = arg;
    for (;;) {
        bool closing = atomic_load(&n->closing);
        free_gone(n);
        uint64_t wait = work(n, !closing && !atomic_load(&n->stopping));
        show(n);
        if (closing)
            return NULL;
        sender_work(n->sender, (int)wait);
    }
}

/* ---- The loop's side. ------------------------------------------------------------------- */

/* Signals are the loop's. */
static void start_thread(struct notify *n)
{
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    n->running = pthread_create(&n->thread, NULL, run, n) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (n->running)
        return;
    log_error("notifications: no thread can be made: nobody is told of anything");
    n->listening = false;
}

/* "host:port", as the registry image makes it. */
static char *make_source(const char *addr)
{
    char host[256] = "";
    struct span before, port;
    struct buf b;
    buf_init(&b);
    (void)gethostname(host, sizeof(host) - 1);
    buf_add_str(&b, host);
    if (span_cut_last(span_of(addr), ':', &before, &port))
        buf_printf(&b, ":%.*s", SPAN_ARG(port));
    return b.p;
}

struct notify *notify_new(const struct config *c)
{
    struct notify *n = must_calloc(sizeof(*n));
    (void)pthread_mutex_init(&n->lock, NULL);
    (void)pthread_mutex_init(&n->shown_lock, NULL);
    n->source = make_source(c->http_addr);
    event_id(n->instance);
    n->sender = sender_new();
    notify_follow(n, c);
    return n;
}

/* Old queues want to be looked at, too. */
static bool needs_thread(const struct notify_config *c)
{
    return c->targets || access(c->directory, F_OK) == 0;
}

/* The sink of that name, taken out of the old ones; NULL if there is none. */
static struct sink *take_sink(struct notify *n, const char *name)
{
    for (size_t i = 0; i < n->sink_count; i++) {
        struct sink *s = n->sinks[i];
        if (!s || strcmp(sink_name(s), name) != 0)
            continue;
        n->sinks[i] = NULL;
        return s;
    }
    return NULL;
}

static size_t count_targets(const struct notify_config *c)
{
    size_t count = 0;
    for (const struct notify_target *t = c->targets; t; t = t->next)
        count++;
    return count;
}

/* Those that nobody has taken out. */
static void leave_sinks(struct notify *n)
{
    for (size_t i = 0; i < n->sink_count; i++)
        if (n->sinks[i])
            sink_leave(n->sinks[i], &n->gone);
    free(n->sinks);
}

static void follow(struct notify *n, struct notify_config *c)
{
    size_t count = 0;
    struct sink **sinks = must_calloc((count_targets(c) + 1) * sizeof(struct sink *));
    for (const struct notify_target *t = c->targets; t; t = t->next) {
        struct sink *s = take_sink(n, t->name);
        if (s)
            sink_follow(s, c, t);
        else
            s = sink_new(n->sender, c, t);
        sinks[count++] = s;
    }
    leave_sinks(n);
    n->sinks = sinks;
    n->sink_count = count;
    notify_config_free(n->config);
    n->config = c;
    n->next_sweep = 0;
}

void notify_follow(struct notify *n, const struct config *c)
{
    struct notify_config *config = NULL;
    if (notify_config_make(c, &config, NULL) != RC_OK)
        return; /* checked when the settings were loaded */
    bool needed = n->running || needs_thread(config);
    n->references = c->notify_references;
    n->listening = config->targets != NULL;
    (void)pthread_mutex_lock(&n->lock);
    follow(n, config);
    (void)pthread_mutex_unlock(&n->lock);
    if (needed && !n->running)
        start_thread(n);
    else
        sender_wake(n->sender);
}

void notify_stop(struct notify *n)
{
    atomic_store(&n->stopping, true);
    sender_wake(n->sender);
}

static void end_thread(struct notify *n)
{
    atomic_store(&n->closing, true);
    sender_wake(n->sender);
    (void)pthread_join(n->thread, NULL);
}

void notify_free(struct notify *n)
{
    if (!n)
        return;
    if (n->running)
        end_thread(n);
    leave_sinks(n);
    free_gone(n);
    sender_free(n->sender);
    notify_config_free(n->config);
    free_shown(n->shown, n->shown_count);
    (void)pthread_mutex_destroy(&n->lock);
    (void)pthread_mutex_destroy(&n->shown_lock);
    free(n->source);
    free(n);
}

struct events *notify_events(const struct notify *n, const struct http_head *head,
                             struct access *access, struct span addr, struct arena *a)
{
    if (!n->listening)
        return NULL;
    struct events *e = arena_alloc(a, sizeof(*e));
    *e = (struct events){
        .references = n->references,
        .source = n->source,
        .instance = n->instance,
        .request = arena_str(a, span_of(access_id(access))),
        .addr = arena_span(a, access->client[0] ? span_of(access->client) : addr),
        .host = access->host,
        .method = access->method,
        .agent = access->agent,
        .claimed = head ? event_basic_user(head, a) : SPAN(""),
    };
    return e;
}

void notify_take(struct notify *n, struct events *e)
{
    if (!e || !e->first)
        return;
    (void)pthread_mutex_lock(&n->lock);
    for (size_t i = 0; i < n->sink_count; i++) {
        for (const struct event_text *t = e->first; t; t = t->next)
            sink_add(n->sinks[i], t->action, t->media_type, t->json);
        sink_flush(n->sinks[i]);
    }
    (void)pthread_mutex_unlock(&n->lock);
    e->first = e->last = NULL;
    sender_wake(n->sender);
}

/* ---- Metrics. --------------------------------------------------------------------------- */

static void add_type(struct buf *b, const char *name, const char *type, const char *help)
{
    buf_printf(b, "# HELP registry_notifications_%s %s\n# TYPE registry_notifications_%s %s\n",
               name, help, name, type);
}

static void add_sample(struct buf *b, const char *name, const char *label, const char *endpoint,
                       uint64_t n)
{
    buf_printf(b, "registry_notifications_%s{", name);
    if (label[0])
        buf_printf(b, "%s,", label);
    buf_add_str(b, "endpoint=\"");
    for (const char *p = endpoint; *p; p++) {
        if (*p == '"' || *p == '\\')
            buf_add_char(b, '\\');
        buf_add_char(b, *p);
    }
    buf_printf(b, "\"} %" PRIu64 "\n", n);
}

static void add_events(struct buf *b, const struct shown *s)
{
    const struct sink_counts *c = &s->counts;
    add_sample(b, "events_total", "type=\"Events\"", s->name, c->events);
    add_sample(b, "events_total", "type=\"Successes\"", s->name, c->successes);
    add_sample(b, "events_total", "type=\"Failures\"", s->name, c->failures);
    add_sample(b, "events_total", "type=\"Errors\"", s->name, c->errors);
}

static void add_codes(struct buf *b, const struct shown *s)
{
    for (size_t i = 0; i < SINK_CODES && s->counts.codes[i].count > 0; i++) {
        char label[64];
        int code = (int)s->counts.codes[i].status;
        const char *phrase = error_phrase(code);
        (void)snprintf(label, sizeof(label), "code=\"%d%s%s\"", code, phrase[0] ? " " : "", phrase);
        add_sample(b, "status_total", label, s->name, s->counts.codes[i].count);
    }
}

static void add_pending(struct buf *b, const struct shown *s)
{
    add_sample(b, "pending_total", "", s->name, s->counts.pending);
}

static void print_metrics(const struct notify *n, struct buf *b)
{
    add_type(b, "events_total", "counter", "The number of total events");
    for (size_t i = 0; i < n->shown_count; i++)
        add_events(b, &n->shown[i]);
    add_type(b, "pending_total", "gauge", "The gauge of pending events in queue");
    for (size_t i = 0; i < n->shown_count; i++)
        add_pending(b, &n->shown[i]);
    add_type(b, "status_total", "counter", "The number of status code");
    for (size_t i = 0; i < n->shown_count; i++)
        add_codes(b, &n->shown[i]);
    add_type(b, "dropped_total", "counter", "The number of events that found the queue full");
    for (size_t i = 0; i < n->shown_count; i++)
        add_sample(b, "dropped_total", "", n->shown[i].name, n->shown[i].counts.dropped);
}

void notify_metrics(struct notify *n, struct buf *text)
{
    (void)pthread_mutex_lock(&n->shown_lock);
    if (n->shown_count > 0)
        print_metrics(n, text);
    (void)pthread_mutex_unlock(&n->shown_lock);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * notify: the loop's side, the thread, and what lies between them.
 */
#include "server/notify.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
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
    INBOX_MAX = 32 << 20,   /* bytes: the disk has stood still for long */
    SWEEP_MS = 3600 * 1000, /* between two looks at old queues */
    MS = 1000,
    NS_PER_MS = 1000 * 1000
};

/* An event on its way from the loop to the thread. */
struct item {
    struct item *next;
    enum event_action action;
    const char *media_type;
    size_t n;
    char json[];
};

/* What the loop wants of the thread. */
struct orders {
    struct item *first, **end;
    size_t bytes;
    uint64_t lost;                /* did not fit in here */
    struct notify_config *config; /* follow it; owned */
    bool stopping, closing;
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

    /* Everybody's, under the lock. */
    pthread_mutex_t lock;
    struct orders orders;
    struct shown *shown;
    size_t shown_count;
    uint64_t lost;

    /* The thread's. */
    struct notify_config *config; /* NULL before the first orders */
    struct sink **sinks;          /* as config->targets */
    size_t sink_count;
    uint64_t next_sweep; /* ms */
};

/* ---- The thread. ------------------------------------------------------------------------ */

static uint64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * MS + (uint64_t)t.tv_nsec / NS_PER_MS;
}

static struct orders take_orders(struct notify *n)
{
    (void)pthread_mutex_lock(&n->lock);
    struct orders o = n->orders;
    n->orders.first = NULL;
    n->orders.end = &n->orders.first;
    n->orders.bytes = 0;
    n->orders.config = NULL;
    (void)pthread_mutex_unlock(&n->lock);
    return o;
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

static void free_sinks(struct notify *n)
{
    for (size_t i = 0; i < n->sink_count; i++) {
        if (n->sinks[i])
            sink_free(n->sinks[i]);
    }
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
    free_sinks(n);
    n->sinks = sinks;
    n->sink_count = count;
    notify_config_free(n->config);
    n->config = c;
    n->next_sweep = 0;
}

static void hand_out(struct notify *n, struct item *first)
{
    struct item *next;
    for (struct item *item = first; item; item = next) {
        next = item->next;
        for (size_t i = 0; i < n->sink_count; i++)
            sink_add(n->sinks[i], item->action, item->media_type, span_from(item->json, item->n));
        free(item);
    }
    for (size_t i = 0; i < n->sink_count; i++)
        sink_flush(n->sinks[i]);
}

static void sweep(struct notify *n, uint64_t now)
{
    if (now < n->next_sweep)
        return;
    notify_sweep(n->config);
    n->next_sweep = now + SWEEP_MS;
}

/* In how many ms there is something to do again. */
static uint64_t work(struct notify *n, bool begin)
{
    uint64_t now = now_ms(), wait = SWEEP_MS;
    for (size_t i = 0; i < n->sink_count; i++) {
        uint64_t ms = sink_work(n->sinks[i], now, begin);
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

static void show(struct notify *n)
{
    struct shown *shown = must_calloc((n->sink_count + 1) * sizeof(*shown));
    for (size_t i = 0; i < n->sink_count; i++) {
        const char *name = sink_name(n->sinks[i]);
        shown[i].name = must_alloc(strlen(name) + 1);
        memcpy(shown[i].name, name, strlen(name) + 1);
        sink_counts(n->sinks[i], &shown[i].counts);
    }
    (void)pthread_mutex_lock(&n->lock);
    struct shown *old = n->shown;
    size_t old_count = n->shown_count;
    n->shown = shown;
    n->shown_count = n->sink_count;
    (void)pthread_mutex_unlock(&n->lock);
    free_shown(old, old_count);
}

static void *run(void *arg)
{
    struct notify *n = arg;
    for (;;) {
        struct orders o = take_orders(n);
        if (o.config)
            follow(n, o.config);
        hand_out(n, o.first);
        uint64_t wait = work(n, !o.stopping && !o.closing);
        show(n);
        if (o.closing)
            break;
        sender_work(n->sender, (int)wait);
    }
    free_sinks(n);
    notify_config_free(n->config);
    return NULL;
}

/* ---- The loop's side. ------------------------------------------------------------------- */

/* Signals are the loop's. */
static void start_thread(struct notify *n)
{
    sigset_t all, before;
    if (!n->sender)
        n->sender = sender_new();
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    n->running = pthread_create(&n->thread, NULL, run, n) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (n->running)
        return;
    log_error("notifications: no thread can be made: nobody is told of anything");
    n->listening = false;
}

static void free_items(struct item *first)
{
    struct item *next;
    for (struct item *item = first; item; item = next) {
        next = item->next;
        free(item);
    }
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
    n->orders.end = &n->orders.first;
    n->source = make_source(c->http_addr);
    event_id(n->instance);
    notify_follow(n, c);
    return n;
}

/* Old queues want to be looked at, too. */
static bool needs_thread(const struct notify_config *c)
{
    return c->targets || access(c->directory, F_OK) == 0;
}

void notify_follow(struct notify *n, const struct config *c)
{
    struct notify_config *config = NULL;
    if (notify_config_make(c, &config, NULL) != RC_OK)
        return; /* checked when the settings were loaded */
    n->references = c->notify_references;
    n->listening = config->targets != NULL;
    bool needed = n->running || needs_thread(config);
    (void)pthread_mutex_lock(&n->lock);
    notify_config_free(n->orders.config);
    n->orders.config = config;
    (void)pthread_mutex_unlock(&n->lock);
    if (needed && !n->running)
        start_thread(n);
    else if (needed)
        sender_wake(n->sender);
}

void notify_stop(struct notify *n)
{
    (void)pthread_mutex_lock(&n->lock);
    n->orders.stopping = true;
    (void)pthread_mutex_unlock(&n->lock);
    if (n->running)
        sender_wake(n->sender);
}

static void end_thread(struct notify *n)
{
    (void)pthread_mutex_lock(&n->lock);
    n->orders.closing = true;
    (void)pthread_mutex_unlock(&n->lock);
    sender_wake(n->sender);
    (void)pthread_join(n->thread, NULL);
}

void notify_free(struct notify *n)
{
    if (!n)
        return;
    if (n->running)
        end_thread(n);
    sender_free(n->sender);
    free_items(n->orders.first);
    notify_config_free(n->orders.config);
    free_shown(n->shown, n->shown_count);
    (void)pthread_mutex_destroy(&n->lock);
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

static struct item *item_of(const struct event_text *t)
{
    struct item *item = must_alloc(sizeof(*item) + t->json.n);
    *item = (struct item){.action = t->action, .media_type = t->media_type, .n = t->json.n};
    memcpy(item->json, t->json.p, t->json.n);
    return item;
}

/* Appends it for the thread; false if too much waits for that. */
static bool put_in(struct orders *o, struct item *item)
{
    if (o->bytes + item->n > INBOX_MAX)
        return false;
    *o->end = item;
    o->end = &item->next;
    o->bytes += item->n;
    return true;
}

void notify_take(struct notify *n, struct events *e)
{
    if (!e || !e->first)
        return;
    for (const struct event_text *t = e->first; t; t = t->next) {
        struct item *item = item_of(t);
        (void)pthread_mutex_lock(&n->lock);
        bool put = put_in(&n->orders, item);
        n->lost += !put;
        (void)pthread_mutex_unlock(&n->lock);
        if (!put)
            free(item);
    }
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
        add_sample(b, "dropped_total", "", n->shown[i].name, n->shown[i].counts.dropped + n->lost);
}

void notify_metrics(struct notify *n, struct buf *text)
{
    (void)pthread_mutex_lock(&n->lock);
    if (n->shown_count > 0)
        print_metrics(n, text);
    (void)pthread_mutex_unlock(&n->lock);
}

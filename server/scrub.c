/* SPDX-License-Identifier: Apache-2.0
 *
 * scrub: two verifications, of which one waits for the other.
 */
#include "server/scrub.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "gc/verify.h"
#include "lib/log.h"
#include "server/job.h"
#include "server/last.h"
#include "server/lines.h"
#include "server/maint.h"
#include "server/metrics.h"

#define LAST "verify.last" /* on demand */
#define PASS "scrub.now"   /* by itself: one that is not over */
#define LAST_PASS "scrub.last"

enum {
    SLICE_US = 10 * 1000,
    SLICES_A_SECOND = 8, /* about so many, of the rate */
    SLICE_BYTES_MAX = 4 << 20,
    STAND_MS = 500,    /* between two looks whether it may go on */
    SAVE_S = 10,       /* what a crash costs */
    SOON_S = 60,       /* after a start: what was begun … */
    FIRST_S = 3600,    /* … and, within this time more, what is overdue */
    LINES_LOGGED = 100 /* of one run */
};

/* One of the two. */
struct run {
    struct scrub *scrub;
    struct job job;

    /* The job's. */
    struct verify *verify;
    uint64_t cost; /* of the last slice */
    time_t saved;
    unsigned logged;
    struct lines lines;

    /* Everybody's, under the lock. */
    bool running, stopped;
    struct scrub_request request;
    enum verify_scope scope;
    struct verify *known;      /* verify, while others may speak to it */
    struct verify_report now;  /* while it runs */
    struct verify_report last; /* started: 0: there is none */
};

struct scrub {
    struct maint *maint;
    struct store *store;
    char *root;
    time_t due; /* the next pass; 0: never; the loop's */
    struct run demanded, pass;

    pthread_mutex_t lock;
    uint64_t interval, rate; /* s, bytes in a second */
    bool readonly;
    uint64_t number;                       /* of those on demand */
    struct verify_report suspects;         /* the last look at some that has found something */
    uint64_t blobs, bytes, damaged, moved; /* of this process */
};

static struct run *of(struct job *j)
{
    return container_of(j, struct run, job);
}

static bool is_pass(const struct run *r)
{
    return r == &r->scrub->pass && r->scope == VERIFY_EVERYTHING;
}

/* ---- Aside. ------------------------------------------------------------------------------ */

static void add_line(void *ctx, const char *text)
{
    struct run *r = ctx;
    if (r->logged++ < LINES_LOGGED)
        log_error("verification: %s", text);
    if (r->request.lines)
        lines_add(&r->lines, text);
}

static bool read_report(const struct scrub *s, const char *name, struct verify_report *out)
{
    char *json = last_read(s->root, name);
    bool read = json && verify_report_read(span_of(json), out);
    free(json);
    return read;
}

static void keep_report(const struct scrub *s, const char *name, const struct verify_report *report)
{
    struct buf json;
    buf_init(&json);
    verify_report_print(report, &json);
    last_write(s->root, name, buf_span(&json));
    buf_fini(&json);
}

static bool begin(struct job *j)
{
    struct run *r = of(j);
    struct scrub *s = r->scrub;
    struct verify_options o = {
        .scope = r->scope, .suspects = !r->request.dry_run, .line = add_line, .line_ctx = r};
    struct verify_report before;
    if (is_pass(r) && read_report(s, PASS, &before))
        o.before = &before;
    r->saved = time(NULL);
    r->logged = 0;
    (void)pthread_mutex_lock(&s->lock);
    o.moves = !r->request.dry_run && !s->readonly;
    r->verify = verify_begin(s->store, &o);
    r->now = *verify_report(r->verify);
    if (r->stopped)
        verify_stop(r->verify);
    r->known = r->verify;
    (void)pthread_mutex_unlock(&s->lock);
    return true;
}

/* With the lock held. */
static void count(struct scrub *s, const struct verify_report *before,
                  const struct verify_report *after)
{
    s->blobs += after->blobs - before->blobs;
    s->bytes += after->bytes - before->bytes;
    s->damaged += after->damaged - before->damaged;
    s->moved += after->moved - before->moved;
}

/* Links are looked at anew by who goes on. */
static void save(struct run *r)
{
    time_t now = time(NULL);
    if (!is_pass(r) || r->now.phase != VERIFY_DATA || (now - r->saved < SAVE_S && !r->now.ended))
        return;
    r->saved = now;
    keep_report(r->scrub, PASS, &r->now);
}

static uint64_t bytes_in_a_slice(const struct run *r)
{
    struct scrub *s = r->scrub;
    if (r == &s->demanded || s->rate == 0)
        return UINT64_MAX;
    uint64_t bytes = s->rate / SLICES_A_SECOND;
    return bytes < SLICE_BYTES_MAX ? bytes : SLICE_BYTES_MAX;
}

static enum gc_next slice(struct job *j)
{
    struct run *r = of(j);
    struct scrub *s = r->scrub;
    (void)pthread_mutex_lock(&s->lock);
    uint64_t bytes = bytes_in_a_slice(r);
    (void)pthread_mutex_unlock(&s->lock);
    enum gc_next next = verify_step(r->verify, SLICE_US, bytes);
    r->cost = verify_cost(r->verify);
    lines_flush(&r->lines);
    (void)pthread_mutex_lock(&s->lock);
    count(s, &r->now, verify_report(r->verify));
    r->now = *verify_report(r->verify);
    (void)pthread_mutex_unlock(&s->lock);
    save(r);
    return next;
}

static void end(struct job *j)
{
    struct run *r = of(j);
    struct scrub *s = r->scrub;
    (void)pthread_mutex_lock(&s->lock);
    r->known = NULL;
    (void)pthread_mutex_unlock(&s->lock);
    verify_end(r->verify);
    r->verify = NULL;
    lines_end(&r->lines);
    if (r == &s->demanded)
        keep_report(s, LAST, &r->now);
    if (is_pass(r) && r->now.outcome == GC_DONE) {
        keep_report(s, LAST_PASS, &r->now);
        last_remove(s->root, PASS);
    }
}

/* ---- On the loop. ----------------------------------------------------------------------- */

static void prepare(struct job *j)
{
    struct run *r = of(j);
    if (r->scope == VERIFY_EVERYTHING)
        log_info("verification: started%s%s", r == &r->scrub->pass ? ", by itself" : "",
                 r->request.dry_run ? ", dry run" : "");
}

static void log_end(const struct run *r)
{
    const struct verify_report *v = &r->now;
    log_info("verification: %s: %" PRIu64 " blobs (%" PRIu64 " bytes), %" PRIu64
             " manifests, %" PRIu64 " tags and %" PRIu64 " links: %" PRIu64 " findings, %" PRIu64
             " damaged, %" PRIu64 " moved aside, %" PRIu64 " missing, %" PRIu64 " cannot be read",
             gc_outcome_name(v->outcome), v->blobs, v->bytes, v->manifests, v->tags, v->links,
             v->finding_count, v->damaged, v->moved, v->missing, v->unreadable);
}

static void ended(struct job *j)
{
    struct run *r = of(j);
    struct scrub *s = r->scrub;
    if (r->scope == VERIFY_EVERYTHING)
        log_end(r);
    (void)pthread_mutex_lock(&s->lock);
    if (r->scope == VERIFY_SUSPECTS && r->now.finding_count > 0)
        s->suspects = r->now;
    if (r == &s->demanded || (is_pass(r) && r->now.outcome == GC_DONE))
        r->last = r->now;
    if (is_pass(r) && r->now.outcome == GC_DONE && s->interval > 0)
        s->due = r->now.started + (time_t)s->interval;
    r->running = false;
    (void)pthread_mutex_unlock(&s->lock);
}

static bool is_running(struct scrub *s, const struct run *r)
{
    (void)pthread_mutex_lock(&s->lock);
    bool running = r->running;
    (void)pthread_mutex_unlock(&s->lock);
    return running;
}

/* A disk that has to serve two of them is slow for clients. */
static uint64_t least_wait(const struct job *j)
{
    const struct run *r = container_of(j, struct run, job);
    struct scrub *s = r->scrub;
    const uint64_t second_ms = 1000;
    if (maint_is_collecting(s->maint))
        return STAND_MS;
    if (r == &s->demanded)
        return 0;
    if (is_running(s, &s->demanded))
        return STAND_MS;
    (void)pthread_mutex_lock(&s->lock);
    uint64_t rate = s->rate;
    (void)pthread_mutex_unlock(&s->lock);
    return rate > 0 ? r->cost * second_ms / rate : 0;
}

static const struct job_kind verification = {.prepare = prepare,
                                             .begin = begin,
                                             .slice = slice,
                                             .end = end,
                                             .ended = ended,
                                             .least_wait = least_wait};

/* ---- Times. ----------------------------------------------------------------------------- */

static uint64_t at_most(uint64_t s, uint64_t most)
{
    return s < most ? s : most;
}

static time_t due_at(const struct scrub *s, time_t now)
{
    struct verify_report begun;
    if (s->interval == 0)
        return 0;
    time_t soon = now + (time_t)at_most(s->interval, SOON_S);
    if (read_report(s, PASS, &begun))
        return soon;
    time_t due = s->pass.last.started + (time_t)s->interval;
    if (due > now && due - now <= (time_t)s->interval)
        return due;
    /* Servers that start together do not work together. */
    return soon + (time_t)randombytes_uniform((uint32_t)at_most(s->interval, FIRST_S));
}

/* With the lock held. */
static void stop(struct run *r)
{
    r->stopped = r->running;
    if (r->known)
        verify_stop(r->known);
}

void scrub_configure(struct scrub *s, const struct config *config)
{
    const uint64_t second_ms = 1000;
    uint64_t interval = (config->verify_interval + second_ms - 1) / second_ms;
    (void)pthread_mutex_lock(&s->lock);
    bool changed = interval != s->interval;
    s->interval = interval;
    s->rate = config->verify_rate;
    if (interval == 0 && s->pass.scope == VERIFY_EVERYTHING)
        stop(&s->pass);
    (void)pthread_mutex_unlock(&s->lock);
    if (changed)
        s->due = due_at(s, time(NULL));
}

static enum rc reserve(struct run *r, const struct scrub_request *q, enum verify_scope scope,
                       struct fault *f)
{
    struct scrub *s = r->scrub;
    enum rc rc = RC_OK;
    if (job_is_closing(&r->job))
        return fault(f, RC_UNAVAILABLE, "the server is about to end");
    (void)pthread_mutex_lock(&s->lock);
    if (r->running) {
        rc = fault(f, RC_VERIFY_RUNNING, NULL);
    } else {
        r->running = true;
        r->stopped = false;
        r->request = *q;
        r->scope = scope;
        r->now = (struct verify_report){.moves = !q->dry_run && !s->readonly};
        s->number += r == &s->demanded;
    }
    (void)pthread_mutex_unlock(&s->lock);
    return rc;
}

/* The pass's; nobody else begins it. */
static void begin_by_itself(struct scrub *s, enum verify_scope scope)
{
    const struct scrub_request request = {.dry_run = false};
    if (reserve(&s->pass, &request, scope, NULL) == RC_OK)
        job_want(&s->pass.job);
}

void scrub_tick(struct scrub *s)
{
    if (s->due > 0 && time(NULL) >= s->due)
        begin_by_itself(s, VERIFY_EVERYTHING);
    else if (data_has_suspects(s->store))
        begin_by_itself(s, VERIFY_SUSPECTS);
}

/* ---- Life. ------------------------------------------------------------------------------ */

static void init_run(struct scrub *s, struct run *r, struct pool *pool)
{
    r->scrub = s;
    job_init(&r->job, &verification, pool);
    lines_init(&r->lines, s->root, r == &s->demanded ? SCRUB_LINES : "scrub");
}

struct scrub *scrub_new(struct maint *m, struct pool *pool, struct store *store,
                        const struct config *config)
{
    struct scrub *s = must_calloc(sizeof(*s));
    s->maint = m;
    s->store = store;
    s->readonly = config->readonly;
    s->root = must_alloc(strlen(config->root_directory) + 1);
    (void)strcpy(s->root, config->root_directory);
    (void)pthread_mutex_init(&s->lock, NULL);
    init_run(s, &s->demanded, pool);
    init_run(s, &s->pass, pool);
    (void)read_report(s, LAST, &s->demanded.last);
    (void)read_report(s, LAST_PASS, &s->pass.last);
    return s;
}

void scrub_close(struct scrub *s)
{
    s->due = 0;
    (void)pthread_mutex_lock(&s->lock);
    stop(&s->demanded);
    stop(&s->pass);
    (void)pthread_mutex_unlock(&s->lock);
    job_close(&s->demanded.job);
    job_close(&s->pass.job);
}

static void fini_run(struct run *r)
{
    lines_fini(&r->lines);
    job_fini(&r->job);
}

void scrub_free(struct scrub *s)
{
    fini_run(&s->demanded);
    fini_run(&s->pass);
    (void)pthread_mutex_destroy(&s->lock);
    free(s->root);
    free(s);
}

/* ---- For everybody. --------------------------------------------------------------------- */

enum rc scrub_start(struct scrub *s, const struct scrub_request *q, struct fault *f)
{
    struct run *r = &s->demanded;
    enum rc rc = reserve(r, q, VERIFY_EVERYTHING, f);
    if (rc != RC_OK)
        return rc;
    /* Before the caller hears of it, so that the lines that it then reads are this run's. */
    if (q->lines)
        lines_begin(&r->lines);
    job_want(&r->job);
    return RC_OK;
}

void scrub_stop(struct scrub *s)
{
    (void)pthread_mutex_lock(&s->lock);
    stop(&s->demanded);
    (void)pthread_mutex_unlock(&s->lock);
}

static void tell_moves(struct run *r, bool readonly)
{
    if (r->known)
        verify_set_moves(r->known, !r->request.dry_run && !readonly);
}

void scrub_set_readonly(struct scrub *s, bool readonly)
{
    (void)pthread_mutex_lock(&s->lock);
    bool opens = s->readonly && !readonly;
    s->readonly = readonly;
    tell_moves(&s->pass, readonly);
    tell_moves(&s->demanded, readonly);
    (void)pthread_mutex_unlock(&s->lock);
    if (opens)
        data_renew_suspects(s->store);
}

bool scrub_is_at_work(struct scrub *s)
{
    return is_running(s, &s->demanded) || is_running(s, &s->pass);
}

static void add_report(struct buf *b, const char *name, const struct verify_report *r)
{
    buf_printf(b, "\"%s\":", name);
    if (r)
        verify_report_print(r, b);
    else
        buf_add_str(b, "null");
}

static const struct verify_report *if_any(const struct verify_report *r)
{
    return r->started > 0 ? r : NULL;
}

static void add_run(struct buf *b, const struct run *r)
{
    bool running = r->running && r->scope == VERIFY_EVERYTHING;
    buf_printf(b, "\"running\":%s,", running ? "true" : "false");
    add_report(b, "report", running ? if_any(&r->now) : NULL);
    buf_add_char(b, ',');
    add_report(b, "last", if_any(&r->last));
}

void scrub_status(struct scrub *s, struct buf *json)
{
    (void)pthread_mutex_lock(&s->lock);
    buf_printf(json, "{\"run\":%" PRIu64 ",", s->number);
    add_run(json, &s->demanded);
    buf_printf(json, ",\"by_itself\":{\"interval_s\":%" PRIu64 ",\"rate\":%" PRIu64 ",",
               s->interval, s->rate);
    add_run(json, &s->pass);
    buf_add_char(json, ',');
    add_report(json, "suspects", if_any(&s->suspects));
    buf_add_str(json, "}}\n");
    (void)pthread_mutex_unlock(&s->lock);
}

/* The later one that went to its end. */
static const struct verify_report *latest(const struct scrub *s)
{
    const struct verify_report *a = &s->demanded.last, *b = &s->pass.last;
    return a->outcome == GC_DONE && a->ended > b->ended ? a : b;
}

void scrub_metrics(struct scrub *s, struct buf *text)
{
    (void)pthread_mutex_lock(&s->lock);
    const struct verify_report *last = latest(s);
    bool pass = s->pass.running && s->pass.scope == VERIFY_EVERYTHING;
    metrics_add(text, "registry_verify_running", "gauge", "Is what is stored being verified?",
                s->demanded.running || pass);
    metrics_add(text, "registry_verify_progress", "gauge",
                "How far the verification by itself is, from 0 to 1.",
                pass ? s->pass.now.progress : 0);
    metrics_add(text, "registry_verify_blobs_total", "counter", "Blobs verified.",
                (double)s->blobs);
    metrics_add(text, "registry_verify_bytes_total", "counter", "Bytes read for it.",
                (double)s->bytes);
    metrics_add(text, "registry_verify_damaged_total", "counter",
                "Blobs found that are not what their digest says.", (double)s->damaged);
    metrics_add(text, "registry_verify_moved_total", "counter", "Those that were moved aside.",
                (double)s->moved);
    metrics_add(text, "registry_verify_findings", "gauge",
                "Findings of the last verification that went to its end.",
                (double)last->finding_count);
    metrics_add(text, "registry_verify_last_timestamp_seconds", "gauge",
                "When that ended; 0: there was none.", (double)last->ended);
    (void)pthread_mutex_unlock(&s->lock);
}

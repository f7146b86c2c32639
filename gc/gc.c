/* SPDX-License-Identifier: Apache-2.0
 *
 * gc: begins, steps and ends a run, and keeps its report.
 */
#include "gc/gc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gc/run.h"

uint64_t gc_now_us(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

enum rc gc_begin(struct store *s, const struct gc_options *o, struct gc **out, struct fault *f)
{
    struct collection c = {.grace_ms = o->grace_ms, .dry_run = o->dry_run};
    enum rc rc = collection_begin(s, &c, f);
    if (rc != RC_OK)
        return rc;
    struct gc *gc = must_calloc(sizeof(*gc));
    gc->store = s;
    gc->options = *o;
    gc->report.dry_run = o->dry_run;
    gc->report.delete_untagged = o->delete_untagged;
    gc->report.started = time(NULL);
    gc->begun_us = gc_now_us();
    gc->stage = STAGE_REPO;
    gc->repos = walk_begin(s, WALK_REPOS, (struct name){SPAN("")});
    atomic_init(&gc->stop, false);
    marks_init(&gc->reached);
    marks_init(&gc->held);
    arena_init(&gc->arena);
    *out = gc;
    return RC_OK;
}

void gc_end(struct gc *gc)
{
    if (!gc)
        return;
    scan_fini(gc);
    walk_end(gc->repos);
    marks_fini(&gc->reached);
    marks_fini(&gc->held);
    arena_fini(&gc->arena);
    free(gc->again);
    free(gc->candidates);
    collection_end(gc->store);
    free(gc);
}

void gc_stop(struct gc *gc)
{
    atomic_store(&gc->stop, true);
}

const struct gc_report *gc_report(const struct gc *gc)
{
    return &gc->report;
}

/* ---- Words. ----------------------------------------------------------------------------- */

void gc_line(struct gc *gc, const char *fmt, ...)
{
    char text[1536];
    va_list args;
    if (!gc->options.line)
        return;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    gc->options.line(gc->options.line_ctx, text);
}

void gc_deleting(struct gc *gc, const char *what, struct store_place where)
{
    if (!gc->options.dry_run)
        gc_line(gc, "\t%s: %s", what, where.s);
}

void gc_skip(struct gc *gc, const char *reason, const char *fmt, ...)
{
    struct gc_report *r = &gc->report;
    va_list args;
    if (r->skipped_count++ >= GC_SKIPPED_KEPT)
        return;
    struct gc_skipped *s = &r->skipped[r->skipped_count - 1];
    va_start(args, fmt);
    (void)vsnprintf(s->what, sizeof(s->what), fmt, args);
    va_end(args);
    (void)snprintf(s->reason, sizeof(s->reason), "%s", reason);
}

enum stage gc_fail(struct gc *gc, const char *reason)
{
    gc->report.outcome = GC_FAILED;
    (void)snprintf(gc->report.failure, sizeof(gc->report.failure), "%s", reason);
    return STAGE_OVER;
}

void gc_trouble(struct gc *gc, enum rc rc, const struct fault *f, const char *what)
{
    const char *reason = f->first && f->first->detail ? f->first->detail : rc_name(rc);
    gc_skip(gc, reason, "%s", what);
}

/* ---- Steps. ----------------------------------------------------------------------------- */

static enum gc_phase phase_of(enum stage s)
{
    switch (s) {
    case STAGE_REPO:
    case STAGE_MANIFESTS:
    case STAGE_TAGS:
    case STAGE_DEAD:
    case STAGE_REACHED:
    case STAGE_HISTORY:
    case STAGE_LAYERS:
    case STAGE_UPLOADS:
    case STAGE_CLOSE:
        return GC_SCAN;
    case STAGE_SETTLE:
        return GC_SETTLE;
    case STAGE_COUNT:
    case STAGE_SWEEP:
        return GC_SWEEP;
    case STAGE_OVER:
        return GC_OVER;
    }
    return GC_OVER;
}

static bool is_waiting(const struct gc *gc)
{
    return gc->stage == STAGE_SETTLE && gc->repos && gc->again_count > 0 &&
           !collection_has_settled(gc->store);
}

/* What was to settle is seen a second time in any case: only then it is marked. */
static enum stage settle(struct gc *gc)
{
    if (gc->again_count == 0 || !gc->repos)
        return STAGE_COUNT;
    walk_end(gc->repos);
    gc->repos = NULL;
    return STAGE_REPO;
}

static void one_thing(struct gc *gc)
{
    switch (phase_of(gc->stage)) {
    case GC_SCAN:
        gc->stage = scan_step(gc);
        break;
    case GC_SETTLE:
        gc->stage = settle(gc);
        break;
    case GC_SWEEP:
        gc->stage = sweep_step(gc);
        break;
    case GC_OVER:
        break;
    }
    if (gc->report.outcome == GC_FAILED)
        gc->stage = STAGE_OVER;
}

static void finish(struct gc *gc)
{
    if (gc->report.outcome == GC_UNFINISHED)
        gc->report.outcome = gc->stage == STAGE_OVER ? GC_DONE : GC_STOPPED;
    gc->stage = STAGE_OVER;
    gc->report.ended = time(NULL);
}

static void account(struct gc *gc, uint64_t from_us)
{
    struct gc_report *r = &gc->report;
    uint64_t now = gc_now_us(), slice = now - from_us;
    r->phase = phase_of(gc->stage);
    r->duration_us = now - gc->begun_us;
    r->work_us += slice;
    r->slices++;
    if (slice > r->longest_slice_us)
        r->longest_slice_us = slice;
}

static enum gc_next work(struct gc *gc, uint64_t from, uint64_t budget_us)
{
    enum gc_next next = GC_MORE;
    do {
        if (is_waiting(gc))
            next = GC_PAUSE;
        if (gc->stage == STAGE_OVER || atomic_load(&gc->stop))
            next = GC_END;
        if (next == GC_MORE)
            one_thing(gc);
    } while (next == GC_MORE && gc_now_us() - from < budget_us);
    return next;
}

/* Alone on the tree, as far as other processes are concerned. */
static bool enter(struct gc *gc)
{
    struct arena a;
    struct fault f;
    arena_init(&a);
    fault_init(&f, &a);
    enum rc rc = collection_enter(gc->store, &f);
    if (rc != RC_OK)
        gc->stage = gc_fail(gc, f.first && f.first->detail ? f.first->detail : rc_name(rc));
    arena_fini(&a);
    return rc == RC_OK;
}

enum gc_next gc_step(struct gc *gc, uint64_t budget_us)
{
    uint64_t from = gc_now_us();
    enum gc_next next = GC_END;
    if (gc->report.ended)
        return GC_END;
    if (enter(gc)) {
        next = work(gc, from, budget_us);
        collection_leave(gc->store);
    }
    if (next == GC_END)
        finish(gc);
    account(gc, from);
    return next;
}

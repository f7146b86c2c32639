/* SPDX-License-Identifier: Apache-2.0
 *
 * verify: reads data, and moves aside what is not what its digest says.
 */
#include "gc/verify.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gc/run.h"
#include "gc/verify_run.h"

enum { PIECE = 256 << 10, BYTES = 256 /* values of one */ };

/* ---- Life. ------------------------------------------------------------------------------ */

static void go_on_after(struct verify *v, const struct verify_report *before)
{
    v->report = *before;
    v->report.outcome = GC_UNFINISHED;
    v->report.ended = 0;
    v->has_position = digest_parse(span_of(before->position.s), &v->position, NULL) == RC_OK;
    if (v->has_position)
        v->shelf.number = (unsigned)v->position.alg * BYTES + v->position.bytes[0];
}

struct verify *verify_begin(struct store *s, const struct verify_options *o)
{
    struct verify *v = must_calloc(sizeof(*v));
    v->store = s;
    v->options = *o;
    atomic_init(&v->stop, false);
    atomic_init(&v->moves, o->moves);
    arena_init(&v->shelf.arena);
    arena_init(&v->links.arena);
    marks_init(&v->left);
    if (o->before)
        go_on_after(v, o->before);
    else
        v->report.started = time(NULL);
    v->options.before = NULL;
    v->report.phase = VERIFY_DATA;
    v->report.moves = o->moves;
    return v;
}

static void close_reading(struct verify *v)
{
    if (v->reading.open)
        data_close(&v->reading.data);
    v->reading = (struct verify_reading){.open = false};
}

void verify_end(struct verify *v)
{
    if (!v)
        return;
    close_reading(v);
    verify_links_fini(v);
    walk_end(v->rest);
    arena_fini(&v->shelf.arena);
    arena_fini(&v->links.arena);
    marks_fini(&v->left);
    free(v);
}

void verify_stop(struct verify *v)
{
    atomic_store(&v->stop, true);
}

void verify_set_moves(struct verify *v, bool moves)
{
    atomic_store(&v->moves, moves);
}

const struct verify_report *verify_report(const struct verify *v)
{
    return &v->report;
}

uint64_t verify_cost(const struct verify *v)
{
    return v->cost;
}

/* ---- What is found. --------------------------------------------------------------------- */

static void tell(struct verify *v, const struct verify_finding *f)
{
    struct buf b;
    if (!v->options.line)
        return;
    buf_init(&b);
    verify_finding_print(f, &b);
    v->options.line(v->options.line_ctx, b.p);
    buf_fini(&b);
}

static void keep(struct verify *v, const struct verify_finding *f)
{
    struct verify_report *r = &v->report;
    if (r->finding_count < VERIFY_FINDINGS_KEPT)
        r->findings[r->finding_count] = *f;
    r->finding_count++;
    tell(v, f);
}

void verify_found(struct verify *v, const char *what, const char *fmt, ...)
{
    struct verify_finding f = {.size = 0};
    va_list args;
    (void)snprintf(f.what, sizeof(f.what), "%s", what);
    va_start(args, fmt);
    (void)vsnprintf(f.reason, sizeof(f.reason), fmt, args);
    va_end(args);
    keep(v, &f);
}

const char *verify_words(enum rc rc, const struct fault *f)
{
    return f->first && f->first->detail ? f->first->detail : rc_name(rc);
}

/* ---- What is damaged. ------------------------------------------------------------------- */

static void found_damage(struct verify *v, const char *place, const char *why_not)
{
    struct verify_reading *x = &v->reading;
    struct verify_finding f = {.data = digest_print(&x->is), .size = x->at};
    (void)snprintf(f.what, sizeof(f.what), "%s", digest_print(&x->data.digest).s);
    int n = snprintf(f.reason, sizeof(f.reason), "damaged: %" PRIu64 " bytes that are %s", x->at,
                     f.data.s);
    if (why_not)
        (void)snprintf(f.reason + n, sizeof(f.reason) - (size_t)n, "; not moved aside: %s",
                       why_not);
    (void)snprintf(f.place, sizeof(f.place), "%s", place);
    v->report.damaged++;
    v->report.moved += *place != '\0';
    keep(v, &f);
    if (*place == '\0')
        marks_add(&v->left, &x->data.digest);
    else
        data_settle_suspect(v->store, &x->data.digest);
}

/* What is next in turn begins behind it. */
static void leave(struct verify *v)
{
    struct verify_reading *x = &v->reading;
    if (!x->suspect) {
        v->position = x->data.digest;
        v->has_position = true;
        v->report.position = digest_print(&v->position);
    }
    close_reading(v);
}

static enum gc_next set_aside(struct verify *v)
{
    struct verify_reading *x = &v->reading;
    struct arena a;
    struct fault f;
    enum verdict verdict = VERDICT_PINNED;
    unsigned nth = 0;
    arena_init(&a);
    fault_init(&f, &a);
    enum rc rc = data_set_aside(v->store, &x->data, &verdict, &nth, &f);
    if (rc != RC_OK)
        found_damage(v, "", verify_words(rc, &f));
    else if (verdict == VERDICT_REMOVED)
        found_damage(v, place_of_quarantine(&x->data.digest, nth).s, NULL);
    else if (verdict == VERDICT_GONE) /* somebody has pushed it again, or removed it */
        data_settle_suspect(v->store, &x->data.digest);
    arena_fini(&a);
    if (rc == RC_OK && verdict == VERDICT_PINNED)
        return GC_PAUSE;
    leave(v);
    return GC_MORE;
}

/* ---- Reading. --------------------------------------------------------------------------- */

static void read_again(struct verify *v)
{
    struct verify_reading *x = &v->reading;
    x->again = true;
    x->at = 0;
    hash_init(&x->hash, x->data.digest.alg);
    data_forget(&x->data);
}

/* All of it is in the hash. A wrong bit may be the memory's or a cable's: what is wrong is read a
 * second time, from the disk. */
static enum gc_next judge(struct verify *v)
{
    struct verify_reading *x = &v->reading;
    hash_end(&x->hash, &x->is);
    if (digest_eq(&x->is, &x->data.digest)) {
        v->report.blobs += !x->suspect;
        data_settle_suspect(v->store, &x->data.digest);
        leave(v);
    } else if (!x->again) {
        read_again(v);
    } else {
        v->report.blobs += !x->suspect;
        x->damaged = true;
    }
    return GC_MORE;
}

static enum gc_next read_on(struct verify *v)
{
    struct verify_reading *x = &v->reading;
    struct arena a;
    struct fault f;
    size_t got = 0;
    arena_init(&a);
    fault_init(&f, &a);
    if (!v->buffer)
        v->buffer = must_alloc(PIECE);
    enum rc rc = data_read(&x->data, x->at, v->buffer, PIECE, &got, &f);
    if (rc != RC_OK) {
        v->report.unreadable++;
        verify_found(v, digest_print(&x->data.digest).s, "%s", verify_words(rc, &f));
    }
    arena_fini(&a);
    if (rc != RC_OK) {
        leave(v);
        return GC_MORE;
    }
    hash_add(&x->hash, span_from(v->buffer, got));
    x->at += got;
    v->report.bytes += got;
    v->cost += got;
    return got == PIECE ? GC_MORE : judge(v);
}

static void open_data(struct verify *v, const struct digest *d, bool suspect)
{
    struct verify_reading *x = &v->reading;
    struct arena a;
    struct fault f;
    if (marks_has(&v->left, d)) /* it has been told */
        return;
    arena_init(&a);
    fault_init(&f, &a);
    *x = (struct verify_reading){.suspect = suspect, .data = {.digest = *d, .fd = -1}};
    v->cost += VERIFY_SEEK_BYTES;
    enum rc rc = data_open(v->store, d, &x->data, &f);
    if (rc == RC_OK) {
        x->open = true;
        hash_init(&x->hash, d->alg);
    } else if (rc == RC_NOT_FOUND) {
        data_settle_suspect(v->store, d);
        leave(v);
    } else {
        v->report.unreadable++;
        verify_found(v, digest_print(d).s, "%s", verify_words(rc, &f));
        leave(v);
    }
    arena_fini(&a);
}

/* ---- In turn. --------------------------------------------------------------------------- */

static double progress_of(const struct verify *v)
{
    const double all = BYTES;
    double shelves = v->shelf.number;
    if (v->report.phase != VERIFY_DATA || shelves >= all) /* few have other algorithms */
        return 1;
    size_t count = v->shelf.digests.count;
    return (shelves + (count > 0 ? (double)v->shelf.next / (double)count : 0)) / all;
}

static void list_shelf(struct verify *v)
{
    struct verify_shelf *x = &v->shelf;
    struct fault f;
    fault_init(&f, &x->arena);
    enum digest_alg alg = (enum digest_alg)(x->number / BYTES);
    unsigned first = x->number % BYTES;
    enum rc rc = data_list(v->store, alg, (unsigned char)first, &x->arena, &x->digests, &f);
    if (rc != RC_OK) {
        char what[64];
        (void)snprintf(what, sizeof(what), "blobs: %s/%02x", digest_alg_name(alg), first);
        v->report.unreadable++;
        verify_found(v, what, "%s", verify_words(rc, &f));
    }
    x->listed = true;
    x->next = 0;
}

static void leave_shelf(struct verify *v)
{
    struct verify_shelf *x = &v->shelf;
    unsigned number = x->number + 1;
    arena_fini(&x->arena);
    *x = (struct verify_shelf){.number = number};
    arena_init(&x->arena);
    if (number == DIGEST_ALGS * BYTES)
        v->report.phase = VERIFY_LINKS;
}

static bool is_behind(const struct verify *v, const struct digest *d)
{
    return v->has_position && d->alg == v->position.alg &&
           memcmp(d->bytes, v->position.bytes, sizeof(d->bytes)) <= 0;
}

static void next_data(struct verify *v)
{
    struct verify_shelf *x = &v->shelf;
    if (!x->listed) {
        list_shelf(v);
    } else if (x->next == x->digests.count) {
        leave_shelf(v);
    } else {
        const struct digest *d = &x->digests.items[x->next++];
        if (!is_behind(v, d))
            open_data(v, d, false);
    }
    v->report.progress = progress_of(v);
}

/* ---- Steps. ----------------------------------------------------------------------------- */

static bool take_suspect(struct verify *v)
{
    struct digest d;
    bool wanted = v->options.suspects || v->options.scope == VERIFY_SUSPECTS;
    if (!wanted || !data_next_suspect(v->store, &d))
        return false;
    open_data(v, &d, true);
    return true;
}

/* What cannot be removed is for the next time. */
static bool next_rest(struct verify *v)
{
    struct found found;
    enum verdict verdict;
    if (!v->rest)
        v->rest = walk_begin(v->store, WALK_TEMPORARY, (struct name){SPAN("")});
    v->cost += VERIFY_SEEK_BYTES;
    if (!v->report.moves || !walk_next(v->rest, &found))
        return false;
    if (found.state == FOUND && temporary_remove(v->store, found.name, &verdict, NULL) == RC_OK)
        v->report.leftovers += verdict == VERDICT_REMOVED;
    return true;
}

static void next_in_turn(struct verify *v)
{
    enum verify_phase *phase = &v->report.phase;
    if (v->options.scope != VERIFY_EVERYTHING)
        *phase = VERIFY_OVER;
    else if (*phase == VERIFY_DATA)
        next_data(v);
    else if (*phase == VERIFY_LINKS && !verify_links_step(v))
        *phase = VERIFY_REST;
    else if (*phase == VERIFY_REST && !next_rest(v))
        *phase = VERIFY_OVER;
}

static enum gc_next one_thing(struct verify *v)
{
    struct verify_report *r = &v->report;
    if (v->reading.open && !v->reading.damaged)
        return read_on(v);
    if (v->reading.open && r->moves)
        return set_aside(v);
    if (v->reading.open) {
        found_damage(v, "", NULL);
        leave(v);
    } else if (!take_suspect(v)) {
        next_in_turn(v);
    }
    return r->phase == VERIFY_OVER ? GC_END : GC_MORE;
}

enum gc_next verify_step(struct verify *v, uint64_t budget_us, uint64_t budget_bytes)
{
    uint64_t from = gc_now_us();
    enum gc_next next = v->report.ended ? GC_END : GC_MORE;
    v->cost = 0;
    v->report.moves = atomic_load(&v->moves);
    while (next == GC_MORE) {
        next = atomic_load(&v->stop) ? GC_END : one_thing(v);
        if (gc_now_us() - from >= budget_us || v->cost >= budget_bytes)
            break;
    }
    free(v->buffer);
    v->buffer = NULL;
    v->report.work_us += gc_now_us() - from;
    if (next == GC_END && !v->report.ended) {
        v->report.outcome = v->report.phase == VERIFY_OVER ? GC_DONE : GC_STOPPED;
        v->report.ended = time(NULL);
    }
    return next;
}

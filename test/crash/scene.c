/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "test/crash/scene.h"

enum { HOUR_MS = 3600 * 1000, WEEK_MS = 7 * 24 * HOUR_MS };

bool crash_all(void)
{
    const char *extent = getenv("CRASH");
    return extent && strcmp(extent, "all") == 0;
}

unsigned crash_seed(void)
{
    const char *text = getenv("TEST_SEED");
    return text ? (unsigned)strtoul(text, NULL, 10) : (unsigned)getpid();
}

void scene_init(struct scene *s)
{
    const char *memory = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    *s = (struct scene){.shelf.options = {.grace_ms = HOUR_MS, .upload_age_ms = WEEK_MS}};
    (void)snprintf(s->top, sizeof(s->top), "%s/registry-scene-XXXXXX", memory);
    assert_non_null(mkdtemp(s->top));
    (void)snprintf(s->shelf.root, sizeof(s->shelf.root), "%s/root", s->top);
    record_begin(&s->log, s->top, crash_seed());
    assert_int_equal(store_open(s->shelf.root, &s->shelf.store, NULL), RC_OK);
}

void scene_fini(struct scene *s)
{
    record_end();
    shelf_fini(&s->shelf);
    assert_int_equal(rmdir(s->top), 0);
    log_fini(&s->log);
}

void scene_settle(struct scene *s)
{
    tree_doubt(&s->shelf.store->tree);
    assert_int_equal(tree_settle(&s->shelf.store->tree, NULL), RC_OK);
    s->from = s->log.count;
}

void scene_restart(struct scene *s)
{
    shelf_restart(&s->shelf);
}

void scene_crash_like(struct scene *s, const char *what, struct crash_sum *sum)
{
    enum { SAMPLE = 12, SAMPLE_ALL = 2000, RARITY = 4 };
    struct replay r = {.log = &s->log,
                       .ledger = &s->ledger,
                       .judged = &sum->judged,
                       .from = s->from,
                       .every = sum->every && !crash_all() ? sum->every : 1,
                       .sample = sum->sample   ? sum->sample
                                 : crash_all() ? SAMPLE_ALL
                                               : SAMPLE,
                       .rarity = crash_all() ? 1 : RARITY,
                       .seed = crash_seed()};
    record_end();
    bool good = replay_all(&r);
    if (!good) /* print_message would cut it off */
        (void)printf("%s: TEST_SEED=%u: %s\n", what, crash_seed(), r.account);
    sum->scenes++;
    sum->crashes += r.crashes;
    sum->outcomes += r.outcomes;
    sum->gone_on += r.gone_on;
    sum->uploads_lost += r.uploads_lost;
    replay_fini(&r);
    scene_fini(s);
    if (!good)
        fail_msg("%s: a promise is broken", what);
}

void crash_sum_tell(struct crash_sum *sum, const char *what)
{
    print_message("%s: %u recordings, %u crashes, %u outcomes, %u of them went on; TEST_SEED=%u\n",
                  what, sum->scenes, sum->crashes, sum->outcomes, sum->gone_on, crash_seed());
    judged_fini(&sum->judged);
}

void scene_crash(struct scene *s, const char *what)
{
    struct crash_sum sum = {0};
    scene_crash_like(s, what, &sum);
    crash_sum_tell(&sum, what);
}

/* ---- Requests. -------------------------------------------------------------------------- */

struct request {
    struct word words[WORDS_MAX];
    int count;
    int number;
    const char *text;
};

static void add_word(struct request *r, int thing, int value)
{
    assert_true(r->count < WORDS_MAX);
    r->words[r->count++] = (struct word){.thing = thing, .value = value};
}

static void ask(struct request *r, const char *text)
{
    r->text = text;
    r->number = record_request(text, r->words, r->count);
}

static void answer(struct scene *s, struct request *r, enum rc rc)
{
    record_answer(r->number, rc == RC_OK);
    if (rc != RC_OK && !s->quiet)
        fail_msg("%s: %s", r->text, rc_name(rc));
}

static char *text(struct scene *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static char *text(struct scene *s, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    char *p = arena_vprintf(&s->log.arena, fmt, args);
    va_end(args);
    return p;
}

static int blob_thing(struct scene *s, const char *repo, int blob)
{
    struct digest d = blob_digest(blob);
    return ledger_blob(&s->ledger, repo, &d);
}

static struct digest image_digest(const int *blobs)
{
    char json[4096];
    return image_json(json, blobs);
}

static int image_thing(struct scene *s, const char *repo, const int *blobs)
{
    struct digest d = image_digest(blobs);
    return ledger_manifest(&s->ledger, repo, &d);
}

static void add_used(struct scene *s, struct request *r, const char *repo, const int *blobs)
{
    for (; *blobs >= 0; blobs++)
        add_word(r, blob_thing(s, repo, *blobs), BLOB_USED);
}

/* ---- Blobs. ----------------------------------------------------------------------------- */

void act_push(struct scene *s, const char *repo, int blob)
{
    struct request r = {0};
    add_word(&r, blob_thing(s, repo, blob), BLOB_FRESH);
    ask(&r, text(s, "blob %d to %s", blob, repo));
    answer(s, &r, put_blob(&s->shelf, repo, blob));
}

int act_begin(struct scene *s, const char *repo, int blob)
{
    struct request r = {0};
    struct upload_id id;
    char *bytes = arena_alloc(&s->log.arena, 64);
    int number = ledger_upload(&s->ledger, repo, blob_bytes(blob, bytes));
    add_word(&r, number, 1);
    ask(&r, text(s, "an upload of blob %d to %s", blob, repo));
    enum rc rc = upload_begin(s->shelf.store, repo_named(repo), DIGEST_SHA256, &id, NULL);
    if (rc == RC_OK)
        s->ledger.things[number].upload = id;
    answer(s, &r, rc);
    return number;
}

static enum rc open_upload(struct scene *s, const struct thing *t, struct upload **out)
{
    return upload_open(s->shelf.store, repo_named(t->repo), span_of(t->upload.s), out, NULL);
}

void act_piece(struct scene *s, int number, size_t n)
{
    struct thing *t = &s->ledger.things[number];
    struct request r = {0};
    struct upload *u = NULL;
    int piece = 1;
    while (t->received[piece] > 0)
        piece++;
    assert_true(piece < PIECES_MAX);
    size_t from = t->received[piece - 1];
    add_word(&r, number, 1 + piece);
    ask(&r, text(s, "piece %d of an upload to %s", piece, t->repo));
    enum rc rc = open_upload(s, t, &u);
    if (rc == RC_OK)
        rc = upload_append(u, span_head(span_skip(t->bytes, from), n), NULL);
    if (rc == RC_OK)
        rc = upload_sync(u, NULL);
    upload_close(u);
    if (rc == RC_OK)
        t->received[piece] = from + n;
    answer(s, &r, rc);
}

/* What is missing comes with it. */
void act_commit(struct scene *s, int number)
{
    const struct thing *t = &s->ledger.things[number];
    struct request r = {0};
    struct upload *u = NULL;
    add_word(&r, number, 0);
    add_word(&r, ledger_blob(&s->ledger, t->repo, &t->digest), BLOB_FRESH);
    ask(&r, text(s, "the end of an upload to %s", t->repo));
    enum rc rc = open_upload(s, t, &u);
    if (rc == RC_OK)
        rc = upload_append(u, span_skip(t->bytes, upload_offset(u)), NULL);
    if (rc == RC_OK)
        rc = upload_commit(u, &t->digest, NULL);
    upload_close(u);
    answer(s, &r, rc);
}

void act_commit_wrongly(struct scene *s, int number)
{
    const struct thing *t = &s->ledger.things[number];
    struct request r = {0};
    struct upload *u = NULL;
    struct digest other = digest_of(DIGEST_SHA256, SPAN("something else"));
    add_word(&r, number, 0);
    ask(&r, text(s, "the end of an upload to %s, with another digest", t->repo));
    enum rc rc = open_upload(s, t, &u);
    if (rc == RC_OK)
        rc = upload_commit(u, &other, NULL);
    upload_close(u);
    answer(s, &r, rc == RC_DIGEST_INVALID ? RC_OK : RC_INTERNAL);
}

void act_cancel(struct scene *s, int number)
{
    const struct thing *t = &s->ledger.things[number];
    struct request r = {0};
    add_word(&r, number, 0);
    ask(&r, text(s, "no more of an upload to %s", t->repo));
    answer(s, &r, upload_cancel(s->shelf.store, repo_named(t->repo), span_of(t->upload.s), NULL));
}

void act_mount(struct scene *s, const char *from, const char *to, int blob)
{
    struct request r = {0};
    struct digest d = blob_digest(blob);
    struct name source;
    if (from)
        source = repo_named(from);
    add_word(&r, blob_thing(s, to, blob), BLOB_FRESH);
    ask(&r, text(s, "blob %d of %s in %s, too", blob, from ? from : "whatever has it", to));
    answer(s, &r, blob_mount(s->shelf.store, from ? &source : NULL, repo_named(to), &d, NULL));
}

void act_delete_blob(struct scene *s, const char *repo, int blob)
{
    struct request r = {0};
    struct digest d = blob_digest(blob);
    add_word(&r, blob_thing(s, repo, blob), BLOB_ABSENT);
    ask(&r, text(s, "no more blob %d in %s", blob, repo));
    answer(s, &r, blob_unlink(s->shelf.store, repo_named(repo), &d, NULL));
}

/* A promise, but not one that outlives the machine: who asked has to ask again. */
enum rc act_head(struct scene *s, const char *repo, int blob)
{
    return head_blob(&s->shelf, repo, blob);
}

enum rc act_head_manifest(struct scene *s, const char *repo, const int *blobs)
{
    struct digest d = image_digest(blobs);
    return manifest_promise(s->shelf.store, repo_named(repo), &d, NULL);
}

/* ---- Manifests. ------------------------------------------------------------------------- */

static void add_tag(struct scene *s, struct request *r, const char *repo, const char *tag, int to)
{
    if (tag)
        add_word(r, ledger_tag(&s->ledger, repo, tag), 1 + to);
}

void act_put(struct scene *s, const char *repo, const char *tag, const int *blobs)
{
    struct request r = {0};
    int manifest = image_thing(s, repo, blobs);
    add_word(&r, manifest, 1);
    add_tag(s, &r, repo, tag, manifest);
    add_used(s, &r, repo, blobs);
    ask(&r, text(s, "image of %d and so on to %s:%s", blobs[0], repo, tag ? tag : "(no tag)"));
    answer(s, &r, put_image(&s->shelf, repo, tag, blobs));
}

void act_image(struct scene *s, const char *repo, const char *tag, const int *blobs)
{
    for (int i = 0; blobs[i] >= 0; i++)
        act_push(s, repo, blobs[i]);
    act_put(s, repo, tag, blobs);
}

void act_index(struct scene *s, const char *repo, const char *tag, const int *const *children)
{
    enum { CHILDREN_MAX = 4 };
    struct digest digests[CHILDREN_MAX], d;
    struct request r = {0};
    size_t n = 0;
    for (; children[n]; n++) {
        assert_true(n < CHILDREN_MAX);
        digests[n] = image_digest(children[n]);
        add_word(&r, image_thing(s, repo, children[n]), 1);
    }
    d = index_digest(digests, n);
    int manifest = ledger_manifest(&s->ledger, repo, &d);
    add_word(&r, manifest, 1);
    add_tag(s, &r, repo, tag, manifest);
    ask(&r, text(s, "index to %s:%s", repo, tag ? tag : "(no tag)"));
    answer(s, &r, put_index(&s->shelf, repo, tag, digests, n, &d));
}

void act_referrer(struct scene *s, const char *repo, const int *subject, int blob)
{
    struct request r = {0};
    struct digest d = image_digest(subject);
    struct digest referrer = referrer_digest(&d, blob);
    add_word(&r, ledger_manifest(&s->ledger, repo, &referrer), 1);
    add_used(s, &r, repo, IMAGE(blob));
    ask(&r, text(s, "referrer of %d to %s", blob, repo));
    answer(s, &r, put_referrer(&s->shelf, repo, &d, blob, &referrer));
}

void scene_keep_referrer(struct scene *s, const char *repo, const int *subject, int blob)
{
    struct digest d = image_digest(subject);
    struct digest referrer = referrer_digest(&d, blob);
    s->ledger.things[ledger_manifest(&s->ledger, repo, &referrer)].young = true;
}

void act_delete_tag(struct scene *s, const char *repo, const char *tag)
{
    struct request r = {0};
    struct reference ref = by_tag(tag);
    add_word(&r, ledger_tag(&s->ledger, repo, tag), 0);
    ask(&r, text(s, "no more tag %s:%s", repo, tag));
    answer(s, &r, delete_reference(&s->shelf, repo, &ref));
}

void act_delete(struct scene *s, const char *repo, const int *blobs, const char *const *tags)
{
    struct request r = {0};
    struct digest d = image_digest(blobs);
    struct reference ref = by_digest(&d);
    add_word(&r, image_thing(s, repo, blobs), 0);
    for (; *tags; tags++)
        add_word(&r, ledger_tag(&s->ledger, repo, *tags), 0);
    ask(&r, text(s, "no more image of %d and so on in %s", blobs[0], repo));
    answer(s, &r, delete_reference(&s->shelf, repo, &ref));
}

/* ---- Collections. ----------------------------------------------------------------------- */

void scene_pass(struct scene *s)
{
    pins_pass_time(&s->shelf.store->pins, 2 * HOUR_MS);
}

void scene_doom(struct scene *s, const char *repo, const int *image, const int *blobs)
{
    struct request r = {0};
    if (image)
        add_word(&r, image_thing(s, repo, image), 0);
    for (; *blobs >= 0; blobs++)
        add_word(&r, blob_thing(s, repo, *blobs), BLOB_ABSENT);
    record_doom("from now on a collection may take what nothing needs", r.words, r.count);
}

static struct gc_report collect(struct scene *s)
{
    struct gc_report failed = {.outcome = GC_FAILED};
    struct gc *gc = NULL;
    enum gc_next next;
    if (gc_begin(s->shelf.store, &s->shelf.options, &gc, NULL) != RC_OK)
        return failed;
    while ((next = gc_step(gc, 1000)) != GC_END)
        if (next == GC_PAUSE)
            pins_pass_time(&s->shelf.store->pins, GC_PAUSE_MS);
    struct gc_report report = *gc_report(gc);
    gc_end(gc);
    return report;
}

void act_collect(struct scene *s, bool delete_untagged)
{
    s->shelf.options.delete_untagged = delete_untagged;
    (void)record_request("a collection begins", NULL, 0);
    struct gc_report r = collect(s);
    if (!s->quiet)
        assert_true(r.outcome == GC_DONE && r.skipped_count == 0);
    (void)record_request("a collection has ended", NULL, 0);
}

void act_damage(struct scene *s, int blob)
{
    struct digest d = blob_digest(blob);
    struct path data = layout_blob(&d);
    assert_int_equal(file_put(&s->shelf.store->tree, data.s, SPAN("damaged"), NULL), RC_OK);
}

void act_set_aside(struct scene *s, const char *repo, int blob)
{
    struct request r = {0};
    struct data data;
    enum verdict v = VERDICT_PINNED;
    unsigned nth;
    struct digest d = blob_digest(blob);
    add_word(&r, blob_thing(s, repo, blob), BLOB_ABSENT);
    ask(&r, text(s, "blob %d is moved aside", blob));
    assert_int_equal(data_open(s->shelf.store, &d, &data, NULL), RC_OK);
    enum rc rc = data_set_aside(s->shelf.store, &data, &v, &nth, NULL);
    data_close(&data);
    answer(s, &r, v == VERDICT_REMOVED ? rc : RC_INTERNAL);
}

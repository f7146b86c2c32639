/* SPDX-License-Identifier: Apache-2.0 */
#include "test/crash/judge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/unit/gc/shelf.h"

enum { HOUR_MS = 3600 * 1000, WANTS_MAX = 256, STEPS_MAX = 100000, AGAIN = 900 };

/* Something that a tag reaches. */
struct want {
    const char *repo;
    struct digest digest;
    bool is_manifest;
};

struct judge {
    struct shelf shelf;
    const struct ledger *ledger;
    const struct beliefs *beliefs;
    struct judgement out;
    struct arena arena;
    struct want wants[WANTS_MAX];
    int want_count;
};

/* The first thing that is wrong is what is told. */
PRINTF_LIKE(2, 3) static bool wrong(struct judge *j, const char *fmt, ...)
{
    va_list args;
    if (!j->out.good)
        return false;
    j->out.good = false;
    va_start(args, fmt);
    (void)vsnprintf(j->out.why, sizeof(j->out.why), fmt, args);
    va_end(args);
    return false;
}

static const char *text_of(struct judge *j, const struct digest *d)
{
    return arena_printf(&j->arena, "%s", digest_print(d).s);
}

/* ---- Looking. --------------------------------------------------------------------------- */

enum look { LOOK_ABSENT, LOOK_THERE, LOOK_WRONG };

static enum rc hash_blob(const struct blob *b, enum digest_alg alg, struct digest *out)
{
    char piece[4096];
    struct hash h;
    size_t got = 0;
    enum rc rc = RC_OK;
    hash_init(&h, alg);
    for (uint64_t at = 0; rc == RC_OK && at < b->size; at += got) {
        rc = file_read_at(b->fd, at, piece, sizeof(piece), &got, NULL);
        hash_add(&h, span_from(piece, rc == RC_OK ? got : 0));
        if (got == 0)
            break;
    }
    hash_end(&h, out);
    return rc;
}

static enum look look_at_blob(struct judge *j, const char *repo, const struct digest *d)
{
    struct blob b;
    struct digest content;
    enum rc rc = blob_open(j->shelf.store, repo_named(repo), d, &b, NULL);
    if (rc == RC_BLOB_UNKNOWN)
        return LOOK_ABSENT;
    if (rc == RC_OK) {
        rc = hash_blob(&b, d->alg, &content);
        blob_close(&b);
    }
    if (rc == RC_OK && digest_eq(&content, d))
        return LOOK_THERE;
    (void)wrong(j, "blob %s in %s is served and is not what its digest says", text_of(j, d), repo);
    return LOOK_WRONG;
}

static enum look look_at_manifest(struct judge *j, const char *repo, const struct reference *ref,
                                  struct manifest *out)
{
    enum rc rc = manifest_get(j->shelf.store, repo_named(repo), ref, &j->arena, out, NULL);
    if (rc == RC_MANIFEST_UNKNOWN)
        return LOOK_ABSENT;
    if (rc == RC_OK) {
        struct digest content = digest_of(out->digest.alg, out->bytes);
        if (digest_eq(&content, &out->digest))
            return LOOK_THERE;
    }
    (void)wrong(j, "a manifest in %s is served and is not what its digest says", repo);
    return LOOK_WRONG;
}

static enum look look_by_digest(struct judge *j, const char *repo, const struct digest *d)
{
    struct manifest m;
    struct reference ref = by_digest(d);
    return look_at_manifest(j, repo, &ref, &m);
}

/* ---- What was acknowledged. ------------------------------------------------------------- */

static bool tells_right(struct judge *j, int thing, bool right, const char *found)
{
    return right || wrong(j, "%s: %s (right: %#llx)", ledger_describe(j->ledger, thing, &j->arena),
                          found, (unsigned long long)j->beliefs->of[thing].right);
}

static bool check_blob(struct judge *j, int thing)
{
    const struct thing *t = &j->ledger->things[thing];
    const struct belief *b = &j->beliefs->of[thing];
    if (look_at_blob(j, t->repo, &t->digest) == LOOK_THERE)
        return tells_right(j, thing, belief_may(b, BLOB_FRESH) || belief_may(b, BLOB_USED),
                           "is there");
    return tells_right(j, thing, belief_may(b, BLOB_ABSENT), "is not there");
}

static bool check_manifest(struct judge *j, int thing)
{
    const struct thing *t = &j->ledger->things[thing];
    bool there = look_by_digest(j, t->repo, &t->digest) == LOOK_THERE;
    return tells_right(j, thing, belief_may(&j->beliefs->of[thing], there),
                       there ? "is there" : "is not there");
}

static bool check_tag(struct judge *j, int thing)
{
    const struct thing *t = &j->ledger->things[thing];
    struct reference ref = by_tag(t->tag);
    struct manifest m;
    if (look_at_manifest(j, t->repo, &ref, &m) != LOOK_THERE)
        return tells_right(j, thing, belief_may(&j->beliefs->of[thing], 0), "is not there");
    for (int i = 0; i < j->ledger->count; i++) {
        const struct thing *to = &j->ledger->things[i];
        if (to->kind == THING_MANIFEST && strcmp(to->repo, t->repo) == 0 &&
            digest_eq(&to->digest, &m.digest))
            return tells_right(j, thing, belief_may(&j->beliefs->of[thing], 1 + i),
                               text_of(j, &to->digest));
    }
    return tells_right(j, thing, false, "points at something unheard-of");
}

/* The fewest bytes that it must have if it is there at all. */
static size_t received_at_least(const struct thing *t, const struct belief *b)
{
    for (int pieces = 0; pieces < PIECES_MAX; pieces++)
        if (belief_may(b, 1 + pieces))
            return t->received[pieces];
    return SIZE_MAX;
}

static bool check_upload(struct judge *j, int thing)
{
    uint64_t size;
    const struct thing *t = &j->ledger->things[thing];
    size_t least = received_at_least(t, &j->beliefs->of[thing]);
    enum rc rc =
        upload_size(j->shelf.store, repo_named(t->repo), span_of(t->upload.s), &size, NULL);
    if (t->upload.s[0] == 0 || rc == RC_UPLOAD_UNKNOWN)
        return true; /* before the blob is there, it is not promised to stay */
    if (rc != RC_OK || least == SIZE_MAX)
        return tells_right(j, thing, false, "is there");
    return tells_right(j, thing, size >= least, "has lost bytes that were acknowledged");
}

static bool check_thing(struct judge *j, int thing)
{
    switch (j->ledger->things[thing].kind) {
    case THING_BLOB:
        return check_blob(j, thing);
    case THING_MANIFEST:
        return check_manifest(j, thing);
    case THING_TAG:
        return check_tag(j, thing);
    case THING_UPLOAD:
        return check_upload(j, thing);
    }
    return false;
}

static bool check_ledger(struct judge *j)
{
    for (int i = 0; i < j->ledger->count; i++)
        if (!check_thing(j, i))
            return false;
    return j->out.good;
}

/* ---- What is there, acknowledged or not. ------------------------------------------------ */

static bool check_data(struct judge *j)
{
    struct found found;
    struct walk *w = walk_begin(j->shelf.store, WALK_BLOBS, (struct name){SPAN("")});
    while (j->out.good && walk_next(w, &found)) {
        struct blob b = {.fd = -1, .size = found.size};
        struct digest content;
        if (found.state == FOUND_EMPTY)
            continue;
        enum rc rc =
            file_open(&j->shelf.store->tree, layout_blob(&found.digest).s, FILE_READ, &b.fd, NULL);
        if (rc == RC_OK)
            rc = hash_blob(&b, found.digest.alg, &content);
        blob_close(&b);
        if (found.state != FOUND || rc != RC_OK || !digest_eq(&content, &found.digest))
            (void)wrong(j, "the data of %s is something else", text_of(j, &found.digest));
    }
    walk_end(w);
    return j->out.good;
}

static bool check_whole(struct judge *j, const char *repo, const struct digest *d)
{
    struct manifest m;
    struct oci_manifest parsed;
    struct reference ref = by_digest(d);
    if (look_at_manifest(j, repo, &ref, &m) != LOOK_THERE)
        return wrong(j, "the link of manifest %s in %s leads nowhere", text_of(j, d), repo);
    if (oci_parse(m.bytes, SPAN(""), &j->arena, &parsed, NULL) != RC_OK)
        return wrong(j, "manifest %s in %s is none", text_of(j, d), repo);
    for (size_t i = 0; i < parsed.ref_count; i++)
        if (parsed.refs[i].role != OCI_CHILD &&
            look_at_blob(j, repo, &parsed.refs[i].digest) != LOOK_THERE)
            return wrong(j, "manifest %s in %s has lost blob %s", text_of(j, d), repo,
                         text_of(j, &parsed.refs[i].digest));
    return true;
}

/* Every directory entry of a kind means something, or nothing at all. */
static bool check_entries(struct judge *j, const char *repo, enum walk_kind kind)
{
    struct found found;
    struct walk *w = walk_begin(j->shelf.store, kind, repo_named(repo));
    while (j->out.good && walk_next(w, &found)) {
        if (found.state == FOUND_EMPTY)
            continue;
        if (found.state != FOUND)
            (void)wrong(j, "in %s: %s", repo, found.why);
        else if (kind == WALK_MANIFESTS)
            (void)check_whole(j, repo, &found.digest);
        else if (look_by_digest(j, repo, &found.target) != LOOK_THERE)
            (void)wrong(j, "tag %s:%.*s leads nowhere", repo, SPAN_ARG(found.name));
    }
    walk_end(w);
    return j->out.good;
}

static bool check_list(struct judge *j, const char *repo)
{
    struct list tags = {0};
    const struct page all = {.limit = UINT64_MAX};
    enum rc rc = tag_list(j->shelf.store, repo_named(repo), &all, &j->arena, &tags, NULL);
    if (rc != RC_OK && rc != RC_NAME_UNKNOWN)
        return wrong(j, "no list of tags of %s", repo);
    for (size_t i = 0; i < tags.count; i++) {
        struct manifest m;
        struct reference ref = by_tag(arena_str(&j->arena, tags.items[i]));
        if (look_at_manifest(j, repo, &ref, &m) != LOOK_THERE)
            return wrong(j, "tag %s:%.*s is listed and not there", repo, SPAN_ARG(tags.items[i]));
    }
    return true;
}

static bool check_repositories(struct judge *j)
{
    struct found found;
    struct walk *w = walk_begin(j->shelf.store, WALK_REPOS, (struct name){SPAN("")});
    while (j->out.good && walk_next(w, &found)) {
        const char *repo = arena_str(&j->arena, found.name);
        if (found.state != FOUND)
            (void)wrong(j, "repositories: %s", found.why);
        else
            (void)(check_entries(j, repo, WALK_MANIFESTS) && check_entries(j, repo, WALK_TAGS) &&
                   check_list(j, repo));
    }
    walk_end(w);
    return j->out.good;
}

/* ---- What tags reach. ------------------------------------------------------------------- */

static bool add_want(struct judge *j, const char *repo, const struct digest *d, bool is_manifest)
{
    for (int i = 0; i < j->want_count; i++)
        if (digest_eq(&j->wants[i].digest, d) && strcmp(j->wants[i].repo, repo) == 0)
            return false;
    if (j->want_count == WANTS_MAX)
        abort();
    j->wants[j->want_count++] =
        (struct want){.repo = repo, .digest = *d, .is_manifest = is_manifest};
    return true;
}

static void want_manifest(struct judge *j, const char *repo, const struct digest *d)
{
    struct manifest m;
    struct oci_manifest parsed;
    struct referrers referrers = {0};
    struct reference ref = by_digest(d);
    if (look_at_manifest(j, repo, &ref, &m) != LOOK_THERE || !add_want(j, repo, d, true) ||
        oci_parse(m.bytes, SPAN(""), &j->arena, &parsed, NULL) != RC_OK)
        return;
    for (size_t i = 0; i < parsed.ref_count; i++)
        if (parsed.refs[i].role == OCI_CHILD)
            want_manifest(j, repo, &parsed.refs[i].digest);
        else
            (void)add_want(j, repo, &parsed.refs[i].digest, false);
    if (referrer_list(j->shelf.store, repo_named(repo), d, &j->arena, &referrers, NULL) != RC_OK)
        (void)wrong(j, "no list of referrers");
    for (size_t i = 0; i < referrers.count; i++)
        want_manifest(j, repo, &referrers.items[i].digest);
}

static void want_what_tags_reach(struct judge *j)
{
    struct found repo, tag;
    struct walk *repos = walk_begin(j->shelf.store, WALK_REPOS, (struct name){SPAN("")});
    while (walk_next(repos, &repo)) {
        const char *name = arena_str(&j->arena, repo.name);
        struct walk *tags = walk_begin(j->shelf.store, WALK_TAGS, repo_named(name));
        while (walk_next(tags, &tag))
            if (tag.state == FOUND)
                want_manifest(j, name, &tag.target);
        walk_end(tags);
    }
    walk_end(repos);
}

static bool check_wants(struct judge *j)
{
    for (int i = 0; i < j->want_count; i++) {
        const struct want *w = &j->wants[i];
        enum look look = w->is_manifest ? look_by_digest(j, w->repo, &w->digest)
                                        : look_at_blob(j, w->repo, &w->digest);
        if (look != LOOK_THERE)
            return wrong(j, "a collection took %s in %s, which a tag reaches",
                         text_of(j, &w->digest), w->repo);
    }
    return true;
}

/* Nothing else is left. */
static bool check_rest(struct judge *j)
{
    struct found found;
    struct walk *w = walk_begin(j->shelf.store, WALK_BLOBS, (struct name){SPAN("")});
    while (j->out.good && walk_next(w, &found)) {
        int i = 0;
        while (i < j->want_count && !digest_eq(&j->wants[i].digest, &found.digest))
            i++;
        if (found.state != FOUND || i == j->want_count)
            (void)wrong(j, "collections left %s", text_of(j, &found.digest));
    }
    walk_end(w);
    return j->out.good;
}

/* ---- Going on. -------------------------------------------------------------------------- */

static bool finish_upload(struct judge *j, int thing)
{
    const struct thing *t = &j->ledger->things[thing];
    struct name repo = repo_named(t->repo);
    struct span id = span_of(t->upload.s);
    struct upload *u = NULL;
    uint64_t size;
    if (upload_open(j->shelf.store, repo, id, &u, NULL) != RC_OK)
        return true;
    enum rc rc = upload_append(u, span_skip(t->bytes, upload_offset(u)), NULL);
    if (rc == RC_OK)
        rc = upload_commit(u, &t->digest, NULL);
    upload_close(u);
    /* A client does not know of bytes that were never acknowledged, and that are torn. */
    j->out.upload_lost |= rc == RC_DIGEST_INVALID;
    if (rc != RC_OK && rc != RC_DIGEST_INVALID)
        return wrong(j, "an upload cannot be finished: %s", rc_name(rc));
    if (upload_size(j->shelf.store, repo, id, &size, NULL) != RC_UPLOAD_UNKNOWN)
        return wrong(j, "an upload that was finished is there");
    return rc != RC_OK || look_at_blob(j, t->repo, &t->digest) == LOOK_THERE ||
           wrong(j, "an upload that was finished is no blob");
}

static bool finish_uploads(struct judge *j)
{
    for (int i = 0; i < j->ledger->count; i++)
        if (j->ledger->things[i].kind == THING_UPLOAD && !finish_upload(j, i))
            return false;
    return true;
}

static bool collect(struct judge *j, bool delete_untagged)
{
    struct gc *gc = NULL;
    enum gc_next next = GC_MORE;
    j->shelf.options.delete_untagged = delete_untagged;
    if (gc_begin(j->shelf.store, &j->shelf.options, &gc, NULL) != RC_OK)
        return wrong(j, "a collection does not begin");
    for (int steps = 0; next != GC_END && steps < STEPS_MAX; steps++) {
        next = gc_step(gc, 1000);
        if (next == GC_PAUSE)
            pins_pass_time(&j->shelf.store->pins, GC_PAUSE_MS);
    }
    const struct gc_report *r = gc_report(gc);
    if (r->outcome != GC_DONE || r->skipped_count > 0)
        (void)wrong(j, "a collection: %s, %llu skipped: %s: %s", gc_outcome_name(r->outcome),
                    (unsigned long long)r->skipped_count, r->skipped[0].what, r->skipped[0].reason);
    gc_end(gc);
    return j->out.good;
}

/* With the links' times as pins, as a process that has just begun sees them. */
static bool check_after_first(struct judge *j, bool delete_untagged)
{
    for (int i = 0; i < j->ledger->count; i++) {
        const struct thing *t = &j->ledger->things[i];
        const struct belief *b = &j->beliefs->of[i];
        if ((t->kind == THING_BLOB && belief_is(b, BLOB_FRESH)) ||
            (t->kind == THING_MANIFEST && belief_is(b, 1) && (!delete_untagged || t->young)) ||
            (t->kind == THING_TAG && !belief_may(b, 0)))
            if (!check_thing(j, i))
                return false;
    }
    return check_wants(j);
}

/* To one of the repositories, with a blob that may be there and one that is not. */
static bool push_again(struct judge *j, unsigned which)
{
    const char *repo = j->ledger->things[which % (unsigned)j->ledger->count].repo;
    const int *image = IMAGE(1, AGAIN);
    struct reference tag = by_tag("again");
    for (int i = 0; image[i] >= 0; i++)
        if (put_blob(&j->shelf, repo, image[i]) != RC_OK)
            return wrong(j, "a blob cannot be pushed to %s again", repo);
    if (put_image(&j->shelf, repo, "again", image) != RC_OK || !is_whole(&j->shelf, repo, image))
        return wrong(j, "an image cannot be pushed to %s again", repo);
    if (delete_reference(&j->shelf, repo, &tag) != RC_OK)
        return wrong(j, "what was pushed to %s again cannot be deleted", repo);
    return true;
}

static enum rc count_entry(void *ctx, const char *name, bool is_dir)
{
    unsigned *count = ctx;
    (void)name;
    (void)is_dir;
    (*count)++;
    return RC_OK;
}

static bool check_aside(struct judge *j)
{
    unsigned count = 0;
    enum rc rc = file_list(&j->shelf.store->tree, layout_run_tags().s, count_entry, &count, NULL);
    return (rc == RC_OK || rc == RC_NOT_FOUND) && count == 0
               ? true
               : wrong(j, "half a tag is left in run/ by a start");
}

static bool look(struct judge *j)
{
    if (!check_aside(j) || !check_ledger(j) || !check_data(j) || !check_repositories(j))
        return false;
    want_what_tags_reach(j);
    return j->out.good;
}

static bool go_on(struct judge *j, unsigned bits)
{
    bool untagged = bits & 1, finishes = bits & 2;
    if ((finishes && !finish_uploads(j)) || !collect(j, untagged) ||
        !check_after_first(j, untagged))
        return false;
    pins_pass_time(&j->shelf.store->pins, 2 * HOUR_MS);
    return collect(j, true) && check_wants(j) && check_data(j) && check_repositories(j) &&
           check_rest(j) && push_again(j, bits >> 2);
}

struct judgement judge(const char *root, const struct ledger *l, const struct beliefs *b,
                       enum judge_how how, unsigned bits)
{
    struct judge *j = must_calloc(sizeof(*j));
    j->ledger = l;
    j->beliefs = b;
    j->out.good = true;
    j->shelf.options = (struct gc_options){.grace_ms = HOUR_MS, .upload_age_ms = HOUR_MS};
    (void)snprintf(j->shelf.root, sizeof(j->shelf.root), "%s", root);
    arena_init(&j->arena);
    if (store_open(root, &j->shelf.store, NULL) != RC_OK)
        (void)wrong(j, "the store does not open");
    else
        (void)(look(j) && (how == JUDGE_LOOK || go_on(j, bits)));
    store_close(j->shelf.store);
    struct judgement out = j->out;
    arena_fini(&j->arena);
    free(j);
    return out;
}

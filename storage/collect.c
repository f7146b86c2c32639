/* SPDX-License-Identifier: Apache-2.0
 *
 * collect: removes what the collection has found nobody to need, if no client thinks otherwise.
 *
 *   is another process here?  ──  condemn  ──  look again  ──  unlink  ──  release
 *
 * Nothing is fsynced on its own: what comes back after a crash is found by the next collection.
 * What must not come back is a manifest whose blobs are gone, hence collection_sync.
 */
#include "storage/store.h"

#include <string.h>

enum rc collection_begin(struct store *s, const struct collection *c, struct fault *f)
{
    enum rc rc = pins_collect(&s->pins, c, f);
    if (rc != RC_OK || tree_lock(&s->tree)) {
        tree_unlock(&s->tree);
        return rc;
    }
    pins_collected(&s->pins);
    return fault(f, RC_GC_RUNNING, "another process works on the same directory");
}

void collection_end(struct store *s)
{
    pins_collected(&s->pins);
}

bool collection_has_settled(struct store *s)
{
    return pins_have_settled(&s->pins);
}

enum rc collection_sync(struct store *s, struct fault *f)
{
    return tree_sync(&s->tree, f);
}

/* What another process has promised is not known here. */
static enum rc alone(struct store *s, struct fault *f)
{
    if (tree_lock(&s->tree))
        return RC_OK;
    return fault(f, RC_GC_RUNNING, "another process has begun to work on the same directory");
}

/* ---- Links. ----------------------------------------------------------------------------- */

/* A condemned link. Its own age speaks for promises of an earlier process. */
static enum rc remove_link(struct store *s, struct path dir, enum verdict *out, struct fault *f)
{
    struct file_info info;
    struct path link = layout_link_in(dir);
    enum rc rc = file_stat(&s->tree, link.s, &info, f);
    if (rc == RC_OK && pins_is_young(&s->pins, info.mtime)) {
        *out = VERDICT_PINNED;
        return RC_OK;
    }
    if (rc == RC_OK)
        rc = file_drop(&s->tree, link.s, f);
    if (rc == RC_OK || rc == RC_NOT_FOUND) {
        *out = rc == RC_OK ? VERDICT_REMOVED : VERDICT_GONE;
        rc = RC_OK;
        if (!file_remove_empty(&s->tree, dir.s))
            rc = file_remove_tree(&s->tree, dir.s, f); /* what a crash has left beside it */
    }
    return rc;
}

/* In a dry run: would it be removed? */
static enum rc look_at_link(struct store *s, struct path dir, enum verdict *out, struct fault *f)
{
    struct file_info info;
    enum rc rc = file_stat(&s->tree, layout_link_in(dir).s, &info, f);
    if (rc == RC_OK)
        *out = pins_is_young(&s->pins, info.mtime) ? VERDICT_PINNED : VERDICT_REMOVED;
    else if (rc == RC_NOT_FOUND)
        *out = VERDICT_GONE;
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc collect_link(struct store *s, struct name repo, const struct digest *d,
                            struct path dir, enum verdict *out, struct fault *f)
{
    enum rc rc = alone(s, f);
    if (rc != RC_OK)
        return rc;
    enum verdict v = pins_condemn_link(&s->pins, repo.s, d);
    if (v != VERDICT_REMOVED) {
        *out = v;
    } else if (s->pins.current.dry_run) {
        rc = look_at_link(s, dir, out, f);
    } else {
        rc = remove_link(s, dir, out, f);
        pins_release(&s->pins);
    }
    tree_unlock(&s->tree);
    return rc;
}

enum rc collect_layer(struct store *s, struct name repo, const struct digest *d, enum verdict *out,
                      struct fault *f)
{
    return collect_link(s, repo, d, layout_layer(repo, d), out, f);
}

enum rc collect_manifest(struct store *s, struct name repo, const struct digest *d,
                         enum verdict *out, struct fault *f)
{
    return collect_link(s, repo, d, layout_revision(repo, d), out, f);
}

/* ---- A tag's history. ------------------------------------------------------------------- */

struct history {
    struct store *store;
    struct name repo;
    struct tag tag;
    enum digest_alg alg;
    struct fault *fault;
};

static enum rc forget_if_gone(struct history *h, const struct digest *d)
{
    struct store *s = h->store;
    struct file_info info;
    enum rc rc = RC_OK;
    if (file_stat(&s->tree, layout_revision_link(h->repo, d).s, &info, NULL) != RC_NOT_FOUND)
        return RC_OK;
    /* Pushed again meanwhile? */
    if (pins_condemn_link(&s->pins, h->repo.s, d) != VERDICT_REMOVED)
        return RC_OK;
    if (file_stat(&s->tree, layout_revision_link(h->repo, d).s, &info, NULL) == RC_NOT_FOUND) {
        rc = file_drop(&s->tree, layout_tag_index(h->repo, h->tag, d).s, h->fault);
        (void)file_remove_empty(&s->tree, layout_tag_index_dir(h->repo, h->tag, d).s);
    }
    pins_release(&s->pins);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc history_entry(void *ctx, const char *name, bool is_dir)
{
    struct history *h = ctx;
    struct digest d;
    if (!is_dir || !digest_from_hex(h->alg, span_of(name), &d))
        return RC_OK;
    return forget_if_gone(h, &d);
}

enum rc collect_history(struct store *s, struct name repo, struct tag tag, struct fault *f)
{
    struct history h = {.store = s, .repo = repo, .tag = tag, .fault = f};
    enum rc rc = alone(s, f);
    if (rc != RC_OK)
        return rc;
    for (int alg = 0; rc == RC_OK && alg < DIGEST_ALGS; alg++) {
        h.alg = (enum digest_alg)alg;
        rc = file_list(&s->tree, layout_tag_history(repo, tag, h.alg).s, history_entry, &h, f);
        rc = rc == RC_NOT_FOUND ? RC_OK : rc;
    }
    tree_unlock(&s->tree);
    return rc;
}

/* ---- Uploads. --------------------------------------------------------------------------- */

/* When it was begun; by its own word, else by its directory's time. */
static enum rc begun_at(struct store *s, struct name repo, struct span id, time_t *out,
                        struct fault *f)
{
    struct arena a;
    struct span text;
    struct tm tm = {0};
    struct file_info info;
    enum { TEXT_MAX = 64 };
    arena_init(&a);
    enum rc rc = file_get(&s->tree, layout_upload_started(repo, id).s, TEXT_MAX, &a, &text, NULL);
    const char *end = rc == RC_OK ? strptime(arena_str(&a, text), "%Y-%m-%dT%H:%M:%S", &tm) : NULL;
    if (end) {
        *out = timegm(&tm);
        rc = RC_OK;
    } else {
        rc = file_stat(&s->tree, layout_upload(repo, id).s, &info, f);
        if (rc == RC_OK)
            *out = info.mtime;
    }
    arena_fini(&a);
    return rc;
}

/* Whoever writes to it has its lock. */
static enum rc remove_idle(struct store *s, struct name repo, struct span id, enum verdict *out,
                           struct fault *f)
{
    int fd = -1;
    enum rc rc = file_open(&s->tree, layout_upload_data(repo, id).s, FILE_APPEND, &fd, f);
    if (rc == RC_OK)
        rc = file_lock(fd, NULL);
    *out = rc == RC_UPLOAD_BUSY ? VERDICT_PINNED : VERDICT_REMOVED;
    if ((rc == RC_OK || rc == RC_NOT_FOUND) && !s->pins.current.dry_run)
        rc = file_remove_tree(&s->tree, layout_upload(repo, id).s, f);
    file_close(fd);
    return rc == RC_UPLOAD_BUSY || rc == RC_NOT_FOUND ? RC_OK : rc;
}

enum rc collect_upload(struct store *s, struct name repo, struct span id, uint64_t age_ms,
                       enum verdict *out, struct fault *f)
{
    time_t begun;
    enum rc rc = begun_at(s, repo, id, &begun, f);
    if (rc == RC_NOT_FOUND) {
        *out = VERDICT_GONE;
        return RC_OK;
    }
    if (rc != RC_OK)
        return rc;
    if (pins_wall_time(&s->pins) - (int64_t)begun < (int64_t)(age_ms / 1000)) {
        *out = VERDICT_PINNED;
        return RC_OK;
    }
    return remove_idle(s, repo, id, out, f);
}

/* ---- Repositories. ---------------------------------------------------------------------- */

/* The directories that a name shares with others go as far as they are empty. */
static void remove_above(struct store *s, struct span repo)
{
    struct span last;
    while (repo.n > 0 && file_remove_empty(&s->tree, layout_repo(repo).s))
        if (!span_cut_last(repo, '/', &repo, &last))
            repo = SPAN("");
}

static bool is_hollow(struct store *s, struct name repo)
{
    for (int part = 0; part < REPO_PARTS; part++)
        if (!file_is_hollow(&s->tree, layout_repo_part(repo.s, (enum repo_part)part).s))
            return false;
    return true;
}

/* The registry image wants _layers and _manifests in each repository: so all go, or none. */
static void remove_hollow(struct store *s, struct name repo)
{
    for (int part = 0; part < REPO_PARTS; part++)
        file_prune(&s->tree, layout_repo_part(repo.s, (enum repo_part)part).s);
    remove_above(s, repo.s);
}

enum rc collect_repo(struct store *s, struct name repo, enum verdict *out, struct fault *f)
{
    enum rc rc = alone(s, f);
    if (rc != RC_OK)
        return rc;
    enum verdict v = pins_condemn_repo(&s->pins, repo.s);
    if (v == VERDICT_REMOVED && !is_hollow(s, repo))
        *out = VERDICT_PINNED;
    else
        *out = v;
    if (v == VERDICT_REMOVED && !s->pins.current.dry_run) {
        if (*out == VERDICT_REMOVED)
            remove_hollow(s, repo);
        pins_release(&s->pins);
    }
    tree_unlock(&s->tree);
    return RC_OK;
}

/* ---- The data. -------------------------------------------------------------------------- */

/* A large file's space is given back when its last handle is closed, which takes a while: that is
 * after the release, and nobody waits for it. */
static enum rc remove_data(struct store *s, const struct digest *d, int *fd, struct fault *f)
{
    struct path data = layout_blob(d), dir = layout_blob_dir(d);
    enum rc rc = file_open(&s->tree, data.s, FILE_READ, fd, f);
    if (rc == RC_OK)
        rc = file_drop(&s->tree, data.s, f);
    if (rc != RC_OK && rc != RC_NOT_FOUND)
        return rc;
    if (!file_remove_empty(&s->tree, dir.s)) {
        enum rc left = file_remove_tree(&s->tree, dir.s, f); /* what a crash has left beside it */
        if (left != RC_OK)
            return left;
    }
    (void)file_remove_empty(&s->tree, layout_blob_fan(d).s);
    return rc;
}

enum rc collect_blob(struct store *s, const struct digest *d, enum verdict *out, uint64_t *bytes,
                     struct fault *f)
{
    struct file_info info = {0};
    int fd = -1;
    enum rc rc = alone(s, f);
    if (rc != RC_OK)
        return rc;
    enum rc there = file_stat(&s->tree, layout_blob(d).s, &info, f);
    *bytes = info.size;
    *out = pins_condemn_content(&s->pins, d);
    if (*out == VERDICT_REMOVED && !s->pins.current.dry_run) {
        rc = remove_data(s, d, &fd, f);
        pins_release(&s->pins);
        file_close(fd);
    } else if (there != RC_OK) {
        rc = there;
    }
    tree_unlock(&s->tree);
    if (rc == RC_NOT_FOUND)
        *out = VERDICT_GONE;
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * collect: removes what the collection has found nobody to need, if no client thinks otherwise.
 *
 *   is another process here?  ──  condemn  ──  look again  ──  unlink  ──  release
 *
 * What comes back after a crash is found by the next collection, so that hardly anything is
 * fsynced. What must not come back is a manifest whose blobs are gone: hence collect_manifests_end.
 */
#include "storage/store.h"

#include <string.h>

enum rc collection_begin(struct store *s, const struct collection *c, struct fault *f)
{
    enum rc rc = pins_collect(&s->pins, c, f);
    if (rc != RC_OK)
        return rc;
    if (tree_lock(&s->tree)) {
        tree_unlock(&s->tree);
        return RC_OK;
    }
    pins_collected(&s->pins);
    return fault(f, RC_GC_RUNNING, "another process works on the same directory");
}

void collection_end(struct store *s)
{
    pins_collected(&s->pins);
}

enum rc collection_enter(struct store *s, struct fault *f)
{
    if (!tree_lock(&s->tree))
        return fault(f, RC_GC_RUNNING, "another process has begun to work on the same directory");
    if (s->pins.current.dry_run)
        return RC_OK;
    /* What has gone is gone for good: only then nobody needs what it reached. */
    enum rc rc = tree_settle(&s->tree, f);
    if (rc != RC_OK)
        tree_unlock(&s->tree);
    return rc;
}

void collection_leave(struct store *s)
{
    tree_unlock(&s->tree);
}

bool collection_has_settled(struct store *s)
{
    return pins_have_settled(&s->pins);
}

/* ---- Links. ----------------------------------------------------------------------------- */

/* What lies beside the link was left by a crash. */
static enum rc remove_link(struct store *s, struct path dir, struct fault *f)
{
    enum rc rc = file_drop(&s->tree, layout_link_in(dir.s).s, f);
    if (rc != RC_OK && rc != RC_NOT_FOUND)
        return rc;
    return file_remove_empty(&s->tree, dir.s) ? rc : file_remove_tree(&s->tree, dir.s, f);
}

/* A link that no pin holds. Its own age speaks for promises of an earlier process. One that is as
 * long as a digest is taken to be one: what it says matters to nobody. */
static enum rc judge_link(struct store *s, struct path dir, const struct digest *d,
                          enum verdict *out, struct fault *f)
{
    struct digest target;
    struct file_info info;
    struct path link = layout_link_in(dir.s);
    enum rc rc = file_stat(&s->tree, link.s, &info, f);
    if (rc == RC_OK && info.size != strlen(digest_print(d).s))
        rc = link_read(&s->tree, link.s, &target, &info.mtime, f);
    *out = rc == RC_NOT_FOUND ? VERDICT_GONE : VERDICT_REMOVED;
    if (rc == RC_OK && pins_is_young(&s->pins, info.mtime))
        *out = VERDICT_PINNED;
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc collect_link(struct store *s, struct name repo, const struct digest *d,
                            struct path dir, enum verdict *out, struct fault *f)
{
    bool dry_run = s->pins.current.dry_run;
    *out = pins_condemn_link(&s->pins, repo.s, d);
    if (*out != VERDICT_REMOVED)
        return RC_OK;
    enum rc rc = judge_link(s, dir, d, out, f);
    if (rc == RC_OK && *out != VERDICT_PINNED && !dry_run)
        rc = remove_link(s, dir, f);
    if (!dry_run)
        pins_release(&s->pins);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
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

enum rc collect_manifest_rest(struct store *s, struct name repo, const struct digest *d,
                              struct fault *f)
{
    struct path dir = layout_revision(repo, d);
    enum verdict v = pins_condemn_link(&s->pins, repo.s, d);
    bool gone = v == VERDICT_REMOVED && file_remove_empty(&s->tree, dir.s);
    if (v == VERDICT_REMOVED)
        pins_release(&s->pins);
    if (gone)
        return RC_OK;
    /* Whoever has just removed the link may not have synced that yet. */
    enum rc rc = file_sync_dir(&s->tree, dir.s, f);
    return rc == RC_OK ? collect_manifest(s, repo, d, &v, f) : rc;
}

enum rc collect_manifests_end(struct store *s, struct name repo, struct fault *f)
{
    enum rc rc = RC_OK;
    for (int alg = 0; rc == RC_OK && alg < DIGEST_ALGS; alg++)
        rc = file_sync_dir(&s->tree, layout_repo_revisions(repo.s, (enum digest_alg)alg).s, f);
    return rc;
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
    enum rc rc = RC_OK;
    for (int alg = 0; rc == RC_OK && alg < DIGEST_ALGS; alg++) {
        h.alg = (enum digest_alg)alg;
        rc = file_list(&s->tree, layout_tag_history(repo, tag, h.alg).s, history_entry, &h, f);
        rc = rc == RC_NOT_FOUND ? RC_OK : rc;
    }
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
    (void)f;
    *out = pins_condemn_repo(&s->pins, repo.s);
    if (*out != VERDICT_REMOVED || s->pins.current.dry_run)
        return RC_OK;
    if (is_hollow(s, repo))
        remove_hollow(s, repo);
    else
        *out = VERDICT_PINNED;
    pins_release(&s->pins);
    return RC_OK;
}

/* ---- The data. -------------------------------------------------------------------------- */

/* A large file's space is given back when its last handle is closed, which takes a while: with one
 * of our own that is after the release, and nobody waits for it. */
enum { LARGE_BYTES = 16 << 20 };

static enum rc remove_data(struct store *s, const struct digest *d, struct fault *f)
{
    struct path dir = layout_blob_dir(d);
    enum rc rc = file_drop(&s->tree, layout_data_in(dir.s).s, f);
    if ((rc == RC_OK || rc == RC_NOT_FOUND) && !file_remove_empty(&s->tree, dir.s)) {
        enum rc left = file_remove_tree(&s->tree, dir.s, f); /* by a crash, beside it */
        rc = left != RC_OK ? left : rc;
    }
    return rc;
}

enum rc collect_blob(struct store *s, const struct digest *d, uint64_t bytes, enum verdict *out,
                     struct fault *f)
{
    int fd = -1;
    enum rc rc = RC_OK;
    *out = pins_condemn_content(&s->pins, d);
    if (*out != VERDICT_REMOVED || s->pins.current.dry_run)
        return RC_OK;
    if (bytes >= LARGE_BYTES)
        rc = file_open(&s->tree, layout_blob(d).s, FILE_READ, &fd, f);
    if (rc == RC_OK)
        rc = remove_data(s, d, f);
    pins_release(&s->pins);
    file_close(fd);
    if (rc == RC_NOT_FOUND)
        *out = VERDICT_GONE;
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

void collect_blob_end(struct store *s, const struct digest *d)
{
    (void)file_remove_empty(&s->tree, layout_blob_fan(d).s);
}

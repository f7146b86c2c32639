/* SPDX-License-Identifier: Apache-2.0
 *
 * walk: everything there is, an entry a call. A walk is a stack of open directories; what an entry
 * means depends on its depth:
 *
 *   repositories   any depth         a directory with _layers, _manifests or _uploads is one
 *   manifests      <alg> / <hex>     and layers
 *   tags           <tag>             and uploads: <uuid>
 *   blobs          <alg> / <hh> / <hex>
 *   temporary      any depth         a file, by its name
 *
 * Symbolic links are followed, as requests follow them: what can be pulled must be seen.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "storage/store.h"

enum {
    LONGEST_NAME = 512,
    DEPTH_MAX = LONGEST_NAME / 2 + 1 /* directories with names of one character */
};

struct level {
    struct dir *dir;
    struct path path;
};

struct walk {
    struct store *store;
    enum walk_kind kind;
    struct arena arena; /* the name of the repository */
    struct name repo;
    struct level *levels; /* the deepest one is read */
    unsigned depth, cap;
    enum digest_alg alg;  /* of the things, from the directory that they are in */
    enum rc begun;        /* how opening the first directory went */
    struct buf name, why; /* of what was found last */
};

/* ---- The stack. ------------------------------------------------------------------------- */

static void keep_reason(struct walk *w, const char *what, const struct fault *f)
{
    const char *detail = f && f->first ? f->first->detail : NULL;
    buf_clear(&w->why);
    buf_printf(&w->why, "%s", detail ? detail : what);
}

/* RC_NOT_FOUND: it is not there, or not a directory; nothing was pushed. */
static enum rc push(struct walk *w, const struct path *path)
{
    struct dir *dir = NULL;
    struct arena a;
    struct fault f;
    if (w->depth == DEPTH_MAX) {
        keep_reason(w, "directories are nested too deeply", NULL);
        return RC_IO;
    }
    arena_init(&a);
    fault_init(&f, &a);
    enum rc rc = dir_open(&w->store->tree, path->s, &dir, &f);
    if (rc == RC_OK) {
        if (w->depth == w->cap) {
            w->cap = w->cap ? 2 * w->cap : 4;
            w->levels = must_realloc(w->levels, w->cap * sizeof(*w->levels));
        }
        w->levels[w->depth++] = (struct level){.dir = dir, .path = *path};
    } else if (rc != RC_NOT_FOUND) {
        keep_reason(w, "the directory cannot be read", &f);
    }
    arena_fini(&a);
    return rc;
}

static void pop(struct walk *w)
{
    dir_close(w->levels[--w->depth].dir);
}

/* ---- What is found. --------------------------------------------------------------------- */

static bool found_bad(struct walk *w, enum found_state state, struct found *out)
{
    *out = (struct found){.state = state, .name = buf_span(&w->name), .why = w->why.p};
    return true;
}

static void keep_name(struct walk *w, struct span name)
{
    buf_clear(&w->name);
    buf_add_span(&w->name, name);
}

/* The deepest directory is over, or cannot be read further. */
static void leave(struct walk *w, enum rc rc)
{
    if (rc != RC_NOT_FOUND) {
        keep_name(w, span_of(w->levels[w->depth - 1].path.s));
        keep_reason(w, "the directory cannot be read", NULL);
    }
    pop(w);
}

/* An entry of the deepest directory. */
static struct path path_of(const struct walk *w, const char *entry)
{
    return layout_below(w->levels[w->depth - 1].path.s, entry);
}

/* Does a symbolic link lead to a directory? RC_NOT_FOUND: no. */
static enum rc follow(struct walk *w, const char *entry)
{
    struct file_info info;
    struct path link = path_of(w, entry);
    enum rc rc = file_stat(&w->store->tree, link.s, &info, NULL);
    if (rc == RC_OK)
        return info.is_dir ? RC_OK : RC_NOT_FOUND;
    if (rc != RC_NOT_FOUND) {
        keep_name(w, span_of(link.s));
        keep_reason(w, "the symbolic link cannot be followed", NULL);
    }
    return rc;
}

/* The next directory of the deepest level. RC_NOT_FOUND: that one has no more, and is left. */
static enum rc next_dir(struct walk *w, const char **name)
{
    struct level *top = &w->levels[w->depth - 1];
    enum dir_entry kind;
    for (;;) {
        enum rc rc = dir_next(top->dir, name, &kind, NULL);
        if (rc != RC_OK) {
            leave(w, rc);
            return rc;
        }
        if (kind == DIR_ENTRY_DIR)
            return RC_OK;
        if (kind == DIR_ENTRY_LINK && (rc = follow(w, *name)) != RC_NOT_FOUND)
            return rc;
    }
}

static bool is_there(struct walk *w, struct path path)
{
    struct file_info info;
    enum rc rc = file_stat(&w->store->tree, path.s, &info, NULL);
    return rc != RC_NOT_FOUND; /* what cannot be looked at is there */
}

/* ---- Repositories. ---------------------------------------------------------------------- */

/* The part of a path that is a repository's name. */
static struct span name_in(const struct path *path)
{
    struct path top = layout_repositories();
    return span_skip(span_of(path->s), strlen(top.s) + 1);
}

static bool is_repo(struct walk *w, const struct path *path)
{
    struct span name = name_in(path);
    for (int part = 0; part < REPO_PARTS; part++)
        if (is_there(w, layout_repo_part(name, (enum repo_part)part)))
            return true;
    return false;
}

/* Enters a directory. No client can name one whose path is too long to be a name's. */
static enum rc enter(struct walk *w, const struct path *path)
{
    keep_name(w, name_in(path));
    return w->name.n > LONGEST_NAME ? RC_NOT_FOUND : push(w, path);
}

/* One step; true: there is something to tell. */
static bool step_repo(struct walk *w, struct found *out)
{
    struct path path;
    const char *entry;
    enum rc rc = next_dir(w, &entry);
    if (rc == RC_OK && layout_is_reserved(entry))
        return false;
    if (rc == RC_OK) {
        path = path_of(w, entry);
        rc = enter(w, &path);
    }
    if (rc == RC_NOT_FOUND || (rc == RC_OK && !is_repo(w, &path)))
        return false;
    if (rc != RC_OK)
        return found_bad(w, FOUND_UNREADABLE, out);
    *out = (struct found){.state = FOUND, .name = buf_span(&w->name)};
    return true;
}

/* ---- Things with a digest. -------------------------------------------------------------- */

/* The directory that is read, as a tree: paths in it are short, and quickly found. */
static struct tree here(const struct walk *w)
{
    return dir_tree(w->levels[w->depth - 1].dir);
}

static void look_at_link(struct walk *w, const char *entry, struct found *out)
{
    struct arena a;
    struct fault f;
    time_t modified;
    struct tree tree = here(w);
    struct path dir = layout_entry(entry);
    struct path link = w->kind == WALK_TAGS ? layout_current_in(dir.s) : layout_link_in(dir.s);
    arena_init(&a);
    fault_init(&f, &a);
    out->state = FOUND;
    enum rc rc = link_read(&tree, link.s, &out->target, &modified, &f);
    if (rc == RC_NOT_FOUND) {
        out->state = FOUND_EMPTY;
    } else if (rc != RC_OK) {
        keep_reason(w, "the link cannot be read", &f);
        out->state = FOUND_BAD;
    } else if (w->kind == WALK_MANIFESTS && !digest_eq(&out->target, &out->digest)) {
        keep_reason(w, "the link names another digest", NULL);
        out->state = FOUND_BAD;
    }
    out->why = w->why.p;
    arena_fini(&a);
}

/* Only the registry image's aliases, which are not sha256, say something else than their names. */
static void look_at_layer(struct walk *w, const char *entry, struct found *out)
{
    if (out->digest.alg == DIGEST_SHA256)
        out->target = out->digest;
    else
        look_at_link(w, entry, out);
}

static void look_at_data(struct walk *w, const char *entry, struct found *out)
{
    struct file_info info;
    struct tree tree = here(w);
    enum rc rc = file_stat(&tree, layout_data_in(layout_entry(entry).s).s, &info, NULL);
    out->state = rc == RC_OK ? FOUND : rc == RC_NOT_FOUND ? FOUND_EMPTY : FOUND_BAD;
    out->size = rc == RC_OK ? info.size : 0;
    if (out->state == FOUND_BAD)
        keep_reason(w, "the data cannot be looked at", NULL);
    out->why = w->why.p;
}

/* How deep below the walk's first directory the things stand. */
static unsigned depth_of(enum walk_kind kind)
{
    switch (kind) {
    case WALK_REPOS:
    case WALK_TAGS:
    case WALK_UPLOADS:
    case WALK_TEMPORARY:
        return 1;
    case WALK_MANIFESTS:
    case WALK_LAYERS:
        return 2;
    case WALK_BLOBS:
        return 3;
    }
    return 1;
}

/* At the things' depth. false: it is nothing that counts. */
static bool look_at(struct walk *w, const char *entry, struct found *out)
{
    *out = (struct found){.state = FOUND, .name = buf_span(&w->name)};
    out->has_digest =
        depth_of(w->kind) > 1 && digest_from_hex(w->alg, span_of(entry), &out->digest);
    switch (w->kind) {
    case WALK_REPOS:
    case WALK_TEMPORARY:
    case WALK_UPLOADS:
        return true;
    case WALK_TAGS:
        look_at_link(w, entry, out);
        return true;
    case WALK_MANIFESTS:
    case WALK_LAYERS:
        if (out->has_digest && w->kind == WALK_LAYERS)
            look_at_layer(w, entry, out);
        else if (out->has_digest)
            look_at_link(w, entry, out);
        if (out->has_digest)
            return true;
        keep_reason(w, "the directory's name is no digest", NULL);
        return !layout_is_reserved(entry) && found_bad(w, FOUND_BAD, out);
    case WALK_BLOBS:
        if (out->has_digest)
            look_at_data(w, entry, out);
        return out->has_digest;
    }
    return false;
}

/* Above it: goes down. */
static enum rc go_down(struct walk *w, const char *entry)
{
    if (w->depth == 1 && !digest_alg_find(span_of(entry), &w->alg)) {
        keep_reason(w, "not a known digest algorithm", NULL);
        return layout_is_reserved(entry) || w->kind == WALK_BLOBS ? RC_NOT_FOUND : RC_IO;
    }
    struct path path = path_of(w, entry);
    return push(w, &path);
}

static bool step_thing(struct walk *w, struct found *out)
{
    const char *entry;
    enum rc rc = next_dir(w, &entry);
    if (rc == RC_OK) {
        keep_name(w, span_of(entry));
        if (w->depth == depth_of(w->kind))
            return look_at(w, entry, out);
        rc = go_down(w, entry);
    }
    return rc != RC_OK && rc != RC_NOT_FOUND && found_bad(w, FOUND_UNREADABLE, out);
}

/* ---- Temporary files. ------------------------------------------------------------------- */

/* A directory is told of so that a call is short; what cannot be opened is for others to tell. */
static bool step_temporary(struct walk *w, struct found *out)
{
    const char *entry;
    enum dir_entry kind;
    enum rc rc = dir_next(w->levels[w->depth - 1].dir, &entry, &kind, NULL);
    if (rc != RC_OK) {
        leave(w, rc);
        return false;
    }
    if (kind == DIR_ENTRY_FILE && !layout_is_temporary(entry))
        return false;
    struct path path = path_of(w, entry);
    keep_name(w, span_of(path.s));
    if (kind != DIR_ENTRY_FILE)
        rc = push(w, &path);
    *out = (struct found){.state = kind == DIR_ENTRY_FILE ? FOUND : FOUND_EMPTY,
                          .name = buf_span(&w->name)};
    return true;
}

/* ---- The walk. -------------------------------------------------------------------------- */

static bool step(struct walk *w, struct found *out)
{
    switch (w->kind) {
    case WALK_REPOS:
        return step_repo(w, out);
    case WALK_TEMPORARY:
        return step_temporary(w, out);
    case WALK_MANIFESTS:
    case WALK_LAYERS:
    case WALK_TAGS:
    case WALK_UPLOADS:
    case WALK_BLOBS:
        return step_thing(w, out);
    }
    return false;
}

static struct path top_of(const struct walk *w)
{
    switch (w->kind) {
    case WALK_REPOS:
        return layout_repositories();
    case WALK_MANIFESTS:
        return layout_repo_revisions_dir(w->repo.s);
    case WALK_LAYERS:
        return layout_repo_layers(w->repo);
    case WALK_TAGS:
        return layout_repo_tags(w->repo);
    case WALK_UPLOADS:
        return layout_repo_uploads(w->repo.s);
    case WALK_BLOBS:
        return layout_blobs();
    case WALK_TEMPORARY:
        return layout_tree();
    }
    return layout_blobs();
}

struct walk *walk_begin(struct store *s, enum walk_kind kind, struct name repo)
{
    struct walk *w = must_calloc(sizeof(*w));
    w->store = s;
    w->kind = kind;
    arena_init(&w->arena);
    buf_init(&w->name);
    buf_init(&w->why);
    w->repo = (struct name){arena_span(&w->arena, repo.s)};
    struct path top = top_of(w);
    w->begun = push(w, &top);
    top = layout_run();
    if (kind == WALK_TEMPORARY) {
        enum rc ignored = push(w, &top);
        (void)ignored;
    }
    return w;
}

bool walk_next(struct walk *w, struct found *out)
{
    if (w->begun != RC_OK && w->begun != RC_NOT_FOUND) {
        w->begun = RC_NOT_FOUND;
        buf_clear(&w->name);
        return found_bad(w, FOUND_UNREADABLE, out);
    }
    while (w->depth > 0)
        if (step(w, out))
            return true;
    return false;
}

void walk_end(struct walk *w)
{
    if (!w)
        return;
    while (w->depth > 0)
        pop(w);
    free(w->levels);
    buf_fini(&w->name);
    buf_fini(&w->why);
    arena_fini(&w->arena);
    free(w);
}

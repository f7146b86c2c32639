/* SPDX-License-Identifier: Apache-2.0
 *
 * repo: which repositories there are. One exists while it has a manifest or an
 * upload; an empty folder is nothing.
 *
 * A page is made by walking in the order of the names, from where the page before ended, and only
 * until it is full: "a" comes before "a-b", and that before "a/c", whose directory is in that of
 * "a".
 */
#include <string.h>

#include "storage/store.h"

enum rc repo_prepare(struct store *s, struct name repo, struct fault *f)
{
    enum rc rc = file_mkdirs(&s->tree, layout_repo_layers(repo).s, f);
    if (rc == RC_OK)
        rc = file_mkdirs(&s->tree, layout_repo_tags(repo).s, f);
    return rc;
}

/* ---- Is there anything in it? ----------------------------------------------------------- */

struct probe {
    struct store *store;
    const char *dir;
    struct path (*file_in)(const char *dir); /* the file that makes an entry real */
    bool found;
    struct fault *fault;
};

/* Ends the walk, as an outcome, once something is found. */
static enum rc probe_entry(void *ctx, const char *name, bool is_dir)
{
    struct probe *p = ctx;
    struct file_info info;
    if (!is_dir)
        return RC_OK;
    struct path file = p->file_in(layout_below(p->dir, name).s);
    enum rc rc = file_stat(&p->store->tree, file.s, &info, p->fault);
    if (rc != RC_OK)
        return rc == RC_NOT_FOUND ? RC_OK : rc;
    p->found = true;
    return RC_NOT_FOUND;
}

static enum rc probe_dir(struct probe *p, const char *dir, struct fault *f)
{
    p->dir = dir;
    p->fault = f;
    enum rc rc = file_list(&p->store->tree, dir, probe_entry, p, f);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static bool takes_any(const char *name)
{
    (void)name;
    return true;
}

/* Is there a file? */
typedef bool looks_fn(struct tree *t, const char *path);

static bool looks(struct tree *t, const char *path)
{
    struct file_info ignored;
    return file_stat(t, path, &ignored, NULL) == RC_OK;
}

static bool looks_at_once(struct tree *t, const char *path)
{
    struct file_info ignored;
    return file_known(t, path, &ignored) == RC_OK;
}

static bool has_one_of(struct tree *t, const char *revisions, const struct name_set *set,
                       looks_fn *there)
{
    bool found = false;
    for (size_t i = 0; i < names_count(set) && !found; i++)
        found = there(t, layout_link_of(revisions, names_item(set, i)).s);
    return found;
}

/* Is one of a few manifests there that were at some time? */
static bool has_remembered(struct store *s, struct tree *t, const char *revisions, looks_fn *there)
{
    struct name_set *set = names_remembered(&s->names, revisions);
    bool found = set && has_one_of(t, revisions, set, there);
    names_give(&s->names, set);
    return found;
}

/* Most often one still is, and it is of no matter what else the directory has by now. That none of
 * them is there says nothing. */
static bool has_known_manifest(struct store *s, struct tree *t, const char *revisions)
{
    static const struct names_kind few = {.takes = takes_any, .most = 4};
    struct name_set *set;
    if (has_remembered(s, t, revisions, looks))
        return true;
    if (names_take(&s->names, t, revisions, &few, &set, NULL) != RC_OK)
        return false;
    bool found = has_one_of(t, revisions, set, looks);
    names_give(&s->names, set);
    return found;
}

static enum rc search(struct store *s, struct span repo, bool *out, struct fault *f)
{
    struct probe p = {.store = s, .file_in = layout_link_in};
    enum rc rc = RC_OK;
    for (int alg = 0; rc == RC_OK && !p.found && alg < DIGEST_ALGS; alg++)
        rc = probe_dir(&p, layout_repo_revisions(repo, (enum digest_alg)alg).s, f);
    p.file_in = layout_data_in;
    if (rc == RC_OK && !p.found)
        rc = probe_dir(&p, layout_repo_uploads(repo).s, f);
    if (rc == RC_OK)
        *out = p.found;
    return rc;
}

/* t: the store's, or, for who looks at many, the same held at a directory above. */
static enum rc exists_in(struct store *s, struct tree *t, struct span repo, bool *out,
                         struct fault *f)
{
    *out = has_known_manifest(s, t, layout_repo_revisions(repo, DIGEST_SHA256).s);
    return *out ? RC_OK : search(s, repo, out, f);
}

enum rc repo_exists(struct store *s, struct span repo, bool *out, struct fault *f)
{
    return exists_in(s, &s->tree, repo, out, f);
}

bool repo_exists_again(struct store *s, struct span repo)
{
    struct path revisions = layout_repo_revisions(repo, DIGEST_SHA256);
    return has_remembered(s, &s->tree, revisions.s, looks_at_once);
}

/* ---- A page of all of them. ------------------------------------------------------------- */

struct repo_walk {
    struct store *store;
    const struct page *page;
    struct lister *lister;
    struct arena *arena;
    struct fault *fault;
};

static bool is_full(const struct repo_walk *w)
{
    return w->lister->count > w->page->limit; /* one more says that there are more */
}

static bool takes_part(const char *name)
{
    return !layout_is_reserved(name);
}

static enum rc add_if_exists(struct repo_walk *w, struct tree *t, struct span repo)
{
    struct name name;
    bool exists = false;
    /* What is not a valid name was put there by hand, and no request can reach it. */
    if (span_cmp(repo, w->page->last) <= 0 || name_parse(repo, &name, NULL) != RC_OK)
        return RC_OK;
    enum rc rc = exists_in(w->store, t, repo, &exists, w->fault);
    if (rc == RC_OK && exists)
        lister_add(w->lister, repo);
    return rc;
}

/* Where to begin: at what comes after the page before, or at the directory that holds its last
 * name. before: what all names here begin with. */
static size_t begin_at(const struct repo_walk *w, const struct name_set *set, struct span before)
{
    if (!span_starts(w->page->last, before))
        return 0; /* all before it was not entered */
    struct span last = span_skip(w->page->last, before.n);
    size_t i = names_after(set, last);
    bool in_the_one_before = i > 0 && span_ends(names_item(set, i - 1), SPAN("/")) &&
                             span_starts(last, names_item(set, i - 1));
    return in_the_one_before ? i - 1 : i;
}

static enum rc walk_below(struct repo_walk *w, struct tree *t, const char *dir, struct span before);

static struct span join(struct arena *a, struct span before, struct span item)
{
    char *p = arena_alloc(a, before.n + item.n + 1);
    memcpy(p, before.p, before.n);
    memcpy(p + before.n, item.p, item.n);
    return span_from(p, before.n + item.n);
}

static enum rc walk_item(struct repo_walk *w, struct tree *t, struct span before, struct span item)
{
    struct span name = join(w->arena, before, item);
    if (!span_ends(item, SPAN("/")))
        return name.n > NAME_MAX_LEN ? RC_OK : add_if_exists(w, t, name);
    struct span repo = span_head(name, name.n - 1);
    return repo.n > NAME_MAX_LEN ? RC_OK : walk_below(w, t, layout_repo(repo).s, name);
}

static enum rc walk_items(struct repo_walk *w, struct tree *t, const struct name_set *set,
                          struct span before)
{
    enum rc rc = RC_OK;
    for (size_t i = begin_at(w, set, before); i < names_count(set) && rc == RC_OK && !is_full(w);
         i++)
        rc = walk_item(w, t, before, names_item(set, i));
    return rc;
}

/* Opened, so that what is in it is found without the way from the root. */
static enum rc walk_inside(struct repo_walk *w, struct tree *t, const char *dir,
                           const struct name_set *set, struct span before)
{
    struct tree below;
    enum rc rc = tree_enter(t, dir, &below, w->fault);
    if (rc != RC_OK)
        return rc == RC_NOT_FOUND ? RC_OK : rc;
    rc = walk_items(w, &below, set, before);
    tree_leave(&below);
    return rc;
}

static enum rc walk_below(struct repo_walk *w, struct tree *t, const char *dir, struct span before)
{
    enum { WORTH_OPENING = 8 }; /* items; and few are open at a time */
    static const struct names_kind parts = {.takes = takes_part, .nested = true};
    struct memory *names = &w->store->names;
    struct name_set *set = NULL;
    enum rc rc = names_take(names, t, dir, &parts, &set, w->fault);
    if (rc != RC_OK)
        return rc == RC_NOT_FOUND ? RC_OK : rc;
    if (names_count(set) < WORTH_OPENING)
        rc = walk_items(w, t, set, before);
    else
        rc = walk_inside(w, t, dir, set, before);
    names_give(names, set);
    return rc;
}

enum rc repo_list(struct store *s, const struct page *p, struct arena *a, struct list *out,
                  struct fault *f)
{
    struct arena scratch;
    struct lister l = {.arena = a};
    arena_init(&scratch);
    struct repo_walk w = {.store = s, .page = p, .lister = &l, .arena = &scratch, .fault = f};
    enum rc rc = walk_below(&w, &s->tree, layout_repositories().s, SPAN(""));
    if (rc == RC_OK)
        lister_page(&l, p, out);
    lister_fini(&l);
    arena_fini(&scratch);
    return rc;
}

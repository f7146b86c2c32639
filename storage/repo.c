/* SPDX-License-Identifier: Apache-2.0
 *
 * repo: which repositories there are. One exists while it has a manifest or an
 * upload; an empty folder is nothing.
 */
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
    struct path dir;
    struct path (*file_in)(struct path dir); /* the file that makes an entry real */
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
    struct path file = p->file_in(layout_below(p->dir, name));
    enum rc rc = file_stat(&p->store->tree, file.s, &info, p->fault);
    if (rc != RC_OK)
        return rc == RC_NOT_FOUND ? RC_OK : rc;
    p->found = true;
    return RC_NOT_FOUND;
}

static enum rc probe_dir(struct probe *p, struct path dir, struct fault *f)
{
    p->dir = dir;
    p->fault = f;
    enum rc rc = file_list(&p->store->tree, dir.s, probe_entry, p, f);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

enum rc repo_exists(struct store *s, struct span repo, bool *out, struct fault *f)
{
    struct probe p = {.store = s, .file_in = layout_link_in};
    enum rc rc = RC_OK;
    for (int alg = 0; rc == RC_OK && !p.found && alg < DIGEST_ALGS; alg++)
        rc = probe_dir(&p, layout_repo_revisions(repo, (enum digest_alg)alg), f);
    p.file_in = layout_data_in;
    if (rc == RC_OK && !p.found)
        rc = probe_dir(&p, layout_repo_uploads(repo), f);
    if (rc == RC_OK)
        *out = p.found;
    return rc;
}

/* ---- The walk over all of them. --------------------------------------------------------- */

struct repo_walk {
    struct store *store;
    struct lister *lister;
    struct fault *fault;
    struct span at; /* the name of the directory being walked; empty at the top */
};

static enum rc walk_below(struct repo_walk *w, struct span at);

static enum rc add_if_exists(struct repo_walk *w, struct span repo)
{
    struct name name;
    bool exists = false;
    /* What is not a valid name was put there by hand, and no request can reach it. */
    if (name_parse(repo, &name, NULL) != RC_OK)
        return RC_OK;
    enum rc rc = repo_exists(w->store, repo, &exists, w->fault);
    if (rc == RC_OK && exists)
        lister_add(w->lister, repo);
    return rc;
}

static enum rc walk_entry(void *ctx, const char *name, bool is_dir)
{
    struct repo_walk *w = ctx;
    if (!is_dir || layout_is_reserved(name))
        return RC_OK;
    struct span parent = w->at;
    struct arena *a = w->lister->arena;
    struct span repo = parent.n > 0 ? span_of(arena_printf(a, "%.*s/%s", SPAN_ARG(parent), name))
                                    : span_of(arena_printf(a, "%s", name));
    if (repo.n > NAME_MAX_LEN)
        return RC_OK;
    enum rc rc = add_if_exists(w, repo);
    if (rc == RC_OK)
        rc = walk_below(w, repo);
    w->at = parent;
    return rc;
}

static enum rc walk_below(struct repo_walk *w, struct span at)
{
    w->at = at;
    struct path dir = at.n > 0 ? layout_repo(at) : layout_repositories();
    enum rc rc = file_list(&w->store->tree, dir.s, walk_entry, w, w->fault);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

enum rc repo_list(struct store *s, const struct page *p, struct arena *a, struct list *out,
                  struct fault *f)
{
    struct lister l = {.arena = a};
    struct repo_walk w = {.store = s, .lister = &l, .fault = f};
    enum rc rc = walk_below(&w, SPAN(""));
    if (rc == RC_OK)
        lister_page(&l, p, out);
    lister_fini(&l);
    return rc;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * tag: names for manifests. A tag exists while its current/link does.
 *
 * A tag comes and goes in one piece, also for those who list them, and when something fails or in a
 * crash: its directory is made, or taken apart, beside the tree. From another file system it cannot
 * come in one piece: then it is made in its place.
 */
#include "storage/store.h"

#include <sodium.h>

static enum rc unknown(struct tag tag, enum rc rc, struct fault *f)
{
    if (rc != RC_NOT_FOUND)
        return rc;
    return fault(f, RC_MANIFEST_UNKNOWN, "unknown tag=%.*s", SPAN_ARG(tag.s));
}

enum rc tag_get(struct store *s, struct name repo, struct tag tag, struct digest *out,
                struct fault *f)
{
    return unknown(tag, link_get(s, layout_tag_current(repo, tag).s, out, f), f);
}

/* What a tag points at. */
struct target {
    struct digest digest;
    bool pinned;
};

/* As long as a change to a tag is not on the disk, a crash may undo it: until then, what the tag
 * pointed at before is still needed. With the tag's lock held. */
static struct target target_hold(struct store *s, struct name repo, struct tag tag)
{
    struct target old;
    old.pinned = link_get(s, layout_tag_current(repo, tag).s, &old.digest, NULL) == RC_OK;
    if (old.pinned)
        pins_begin(&s->pins, repo.s, PIN_MANIFEST, &old.digest);
    return old;
}

static void target_release(struct store *s, struct name repo, const struct target *old)
{
    if (old->pinned)
        pins_end(&s->pins, repo.s, &old->digest, PIN_DROPPED);
}

struct aside_id {
    char s[17];
};

static struct aside_id new_id(void)
{
    unsigned char bytes[8];
    struct aside_id id;
    randombytes_buf(bytes, sizeof(bytes));
    (void)sodium_bin2hex(id.s, sizeof(id.s), bytes, sizeof(bytes));
    return id;
}

static struct path new_aside(void)
{
    return layout_run_tag(new_id().s);
}

static enum tag_way tag_way(struct store *s)
{
    int known = atomic_load(&s->tag_way);
    if (known != TAG_WAY_UNKNOWN)
        return (enum tag_way)known;
    struct aside_id id = new_id();
    enum rc rc = file_try_move(&s->tree, layout_run_tag(id.s).s, layout_no_repository(id.s).s);
    enum tag_way way = rc == RC_UNSUPPORTED ? TAG_WAY_IN_PLACE : TAG_WAY_ASIDE;
    if (rc == RC_OK || rc == RC_UNSUPPORTED)
        atomic_store(&s->tag_way, (int)way);
    return way;
}

/* The history first: `current` is what makes the tag move. */
static enum rc put_links(struct store *s, struct path dir, const struct digest *d, struct fault *f)
{
    enum rc rc = link_put(s, layout_index_in(dir.s, d).s, d, f);
    return rc == RC_OK ? link_put(s, layout_current_in(dir.s).s, d, f) : rc;
}

static void drop_aside(struct store *s, struct path aside)
{
    enum rc ignored = file_remove_tree(&s->tree, aside.s, NULL); /* the next start does it */
    (void)ignored;
}

/* In no order, since nobody sees it before it is whole, and on the disk. */
static enum rc put_links_aside(struct store *s, struct path aside, const struct digest *d,
                               struct fault *f)
{
    struct digest_text text = digest_print(d);
    struct path history = layout_index_in(aside.s, d), current = layout_current_in(aside.s);
    struct tree *t = &s->tree;
    enum rc rc = file_mkdirs_aside(t, aside.s, f);
    if (rc == RC_OK)
        rc = file_put_aside(t, aside.s, history.s, span_of(text.s), f);
    if (rc == RC_OK)
        rc = file_put_aside(t, aside.s, current.s, span_of(text.s), f);
    if (rc == RC_OK)
        rc = file_sync_aside(t, aside.s, history.s, f);
    if (rc == RC_OK)
        rc = file_sync_aside(t, aside.s, current.s, f);
    return rc == RC_OK ? file_sync_dir(t, aside.s, f) : rc;
}

static enum rc put_new(struct store *s, struct path dir, const struct digest *d, struct fault *f)
{
    struct path aside = new_aside();
    enum rc rc = put_links_aside(s, aside, d, f);
    if (rc == RC_OK)
        rc = file_move(&s->tree, aside.s, dir.s, f);
    if (rc != RC_OK)
        drop_aside(s, aside);
    return rc;
}

static bool is_there(struct store *s, struct path dir)
{
    struct file_info info;
    return file_stat(&s->tree, dir.s, &info, NULL) == RC_OK;
}

static enum rc put_locked(struct store *s, struct path dir, const struct digest *d, struct fault *f)
{
    struct file_info info;
    enum rc rc = file_stat(&s->tree, dir.s, &info, f);
    if (rc == RC_OK || (rc == RC_NOT_FOUND && tag_way(s) == TAG_WAY_IN_PLACE))
        return put_links(s, dir, d, f);
    if (rc == RC_NOT_FOUND)
        rc = put_new(s, dir, d, f);
    /* Another process was faster, or only the fsync has failed? */
    if (rc != RC_OK && is_there(s, dir) && put_links(s, dir, d, NULL) == RC_OK)
        return RC_OK;
    return rc;
}

enum rc tag_put(struct store *s, struct name repo, struct tag tag, const struct digest *d,
                struct fault *f)
{
    pthread_mutex_t *lock = locks_take(&s->tag_locks, repo.s, tag.s);
    struct target old = target_hold(s, repo, tag);
    enum rc rc = put_locked(s, layout_tag(repo, tag), d, f);
    target_release(s, repo, &old);
    (void)pthread_mutex_unlock(lock);
    return rc;
}

static enum rc delete_in_place(struct store *s, struct path dir, struct fault *f)
{
    enum rc rc = file_remove(&s->tree, layout_current_in(dir.s).s, f);
    return rc == RC_OK ? file_remove_tree(&s->tree, dir.s, f) : rc;
}

static enum rc take_out(struct store *s, struct path dir, struct fault *f)
{
    struct path aside = new_aside();
    enum rc rc = file_take_out(&s->tree, dir.s, aside.s, f);
    /* Only the fsync has failed? */
    if (rc != RC_OK && is_there(s, aside) && tree_settle(&s->tree, NULL) == RC_OK)
        rc = RC_OK;
    if (rc == RC_OK)
        drop_aside(s, aside);
    return rc;
}

/* With the tag's lock held. */
static enum rc delete_locked(struct store *s, struct name repo, struct tag tag, struct fault *f)
{
    struct file_info info;
    struct path dir = layout_tag(repo, tag);
    enum rc rc = file_stat(&s->tree, layout_current_in(dir.s).s, &info, f);
    if (rc != RC_OK)
        return rc;
    struct target old = target_hold(s, repo, tag);
    rc = tag_way(s) == TAG_WAY_ASIDE ? take_out(s, dir, f) : delete_in_place(s, dir, f);
    target_release(s, repo, &old);
    return rc;
}

enum rc tag_delete(struct store *s, struct name repo, struct tag tag, struct fault *f)
{
    pthread_mutex_t *lock = locks_take(&s->tag_locks, repo.s, tag.s);
    enum rc rc = delete_locked(s, repo, tag, f);
    (void)pthread_mutex_unlock(lock);
    return unknown(tag, rc, f);
}

/* The valid tags of a repository, by name. */
static enum rc add_tag(void *ctx, const char *name, bool is_dir)
{
    struct lister *l = ctx;
    struct tag tag;
    if (is_dir && tag_parse(span_of(name), &tag, NULL) == RC_OK)
        lister_add(l, tag.s);
    return RC_OK;
}

static enum rc tag_names(struct store *s, struct name repo, struct lister *l, struct fault *f)
{
    enum rc rc = file_list(&s->tree, layout_repo_tags(repo).s, add_tag, l, f);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc delete_if(struct store *s, struct name repo, struct tag tag, const struct digest *d,
                         struct lister *gone, struct fault *f)
{
    struct digest current;
    pthread_mutex_t *lock = locks_take(&s->tag_locks, repo.s, tag.s);
    enum rc rc = link_get(s, layout_tag_current(repo, tag).s, &current, f);
    if (rc == RC_OK && digest_eq(&current, d)) {
        rc = delete_locked(s, repo, tag, f);
        if (rc == RC_OK)
            lister_add(gone, tag.s);
    }
    (void)pthread_mutex_unlock(lock);
    return rc == RC_NOT_FOUND ? RC_OK : rc; /* somebody else was faster */
}

enum rc tag_delete_all(struct store *s, struct name repo, const struct digest *d,
                       struct lister *gone, struct fault *f)
{
    struct arena a;
    arena_init(&a);
    struct lister l = {.arena = &a};
    enum rc rc = tag_names(s, repo, &l, f);
    for (size_t i = 0; rc == RC_OK && i < l.count; i++)
        rc = delete_if(s, repo, (struct tag){l.items[i]}, d, gone, f);
    lister_fini(&l);
    arena_fini(&a);
    return rc;
}

static bool takes_tag(const char *name)
{
    struct tag tag;
    return tag_parse(span_of(name), &tag, NULL) == RC_OK;
}

static struct list page_of(const struct name_set *set, const struct page *p, struct arena *a)
{
    size_t from = p->last.n > 0 ? names_after(set, p->last) : 0;
    size_t left = names_count(set) - from;
    size_t n = p->limit < left ? (size_t)p->limit : left;
    struct span *items = arena_alloc(a, n * sizeof(*items) + 1);
    for (size_t i = 0; i < n; i++)
        items[i] = arena_span(a, names_item(set, from + i));
    return (struct list){.items = items, .count = n, .more = n < left};
}

enum rc tag_list(struct store *s, struct name repo, const struct page *p, struct arena *a,
                 struct list *out, struct fault *f)
{
    static const struct names_kind tags = {.takes = takes_tag};
    bool exists = false;
    enum rc rc = repo_exists(s, repo.s, &exists, f);
    if (rc != RC_OK)
        return rc;
    if (!exists)
        return fault(f, RC_NAME_UNKNOWN, "%.*s", SPAN_ARG(repo.s));
    struct name_set *set = NULL;
    struct path dir = layout_repo_tags(repo);
    rc = names_take(&s->names, &s->tree, dir.s, &tags, &set, f);
    if (rc == RC_NOT_FOUND) {
        *out = (struct list){0};
        return RC_OK;
    }
    if (rc == RC_OK)
        *out = page_of(set, p, a);
    names_give(&s->names, set);
    return rc;
}

enum rc tag_list_again(struct store *s, struct name repo, const struct page *p, struct arena *a,
                       struct list *out)
{
    enum { AT_ONCE_MAX = 1000 };
    if (p->limit > AT_ONCE_MAX || !repo_exists_again(s, repo.s))
        return RC_NOT_FOUND;
    struct path dir = layout_repo_tags(repo);
    struct name_set *set = names_take_again(&s->names, &s->tree, dir.s);
    if (!set)
        return RC_NOT_FOUND;
    *out = page_of(set, p, a);
    names_give(&s->names, set);
    return RC_OK;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * tag: names for manifests. A tag exists while its current/link does.
 */
#include "storage/store.h"

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

enum rc tag_put(struct store *s, struct name repo, struct tag tag, const struct digest *d,
                struct fault *f)
{
    pthread_mutex_t *lock = locks_take(&s->tag_locks, repo.s, tag.s);
    struct target old = target_hold(s, repo, tag);
    /* The history first: `current` is what makes the tag move. */
    enum rc rc = link_put(s, layout_tag_index(repo, tag, d).s, d, f);
    if (rc == RC_OK)
        rc = link_put(s, layout_tag_current(repo, tag).s, d, f);
    target_release(s, repo, &old);
    (void)pthread_mutex_unlock(lock);
    return rc;
}

/* With the tag's lock held. */
static enum rc delete_locked(struct store *s, struct name repo, struct tag tag, struct fault *f)
{
    struct target old = target_hold(s, repo, tag);
    /* `current` first, for good: a crash half way through leaves no tag behind. */
    enum rc rc = file_remove(&s->tree, layout_tag_current(repo, tag).s, f);
    target_release(s, repo, &old);
    if (rc == RC_OK)
        rc = file_remove_tree(&s->tree, layout_tag(repo, tag).s, f);
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

enum rc tag_list(struct store *s, struct name repo, const struct page *p, struct arena *a,
                 struct list *out, struct fault *f)
{
    bool exists = false;
    enum rc rc = repo_exists(s, repo.s, &exists, f);
    if (rc != RC_OK)
        return rc;
    if (!exists)
        return fault(f, RC_NAME_UNKNOWN, "%.*s", SPAN_ARG(repo.s));
    struct lister l = {.arena = a};
    rc = tag_names(s, repo, &l, f);
    if (rc == RC_OK)
        lister_page(&l, p, out);
    lister_fini(&l);
    return rc;
}

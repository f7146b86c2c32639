/* SPDX-License-Identifier: Apache-2.0
 *
 * store: opening the tree, links, and cutting pages out of lists.
 */
#include "storage/store.h"

#include <stdlib.h>

/* A volume that cannot be written to can be served, too. */
static void share(struct store *s)
{
    enum rc ignored = file_mkdirs(&s->tree, layout_run().s, NULL);
    (void)ignored;
    tree_share(&s->tree, layout_run_lock().s);
}

/* Tags that came or went when the last process ended, unless another one is at work on some. */
static void tidy_tags(struct store *s)
{
    struct path tags = layout_run_tags();
    if (!tree_lock(&s->tree))
        return;
    if (!file_remove_empty(&s->tree, tags.s)) {
        enum rc ignored = file_remove_tree(&s->tree, tags.s, NULL);
        (void)ignored; /* the next start does it */
    }
    tree_unlock(&s->tree);
}

enum rc store_open(const char *root, struct store **out, struct fault *f)
{
    struct store *s = must_calloc(sizeof(*s));
    enum rc rc = tree_open(&s->tree, root, store_places, f);
    if (rc != RC_OK) {
        free(s);
        return rc;
    }
    s->tree.actions = &s->actions;
    locks_init(&s->revision_locks);
    locks_init(&s->tag_locks);
    pins_init(&s->pins);
    names_init(&s->names);
    answers_init(&s->answers, &s->tree);
    (void)pthread_mutex_init(&s->suspects.mutex, NULL);
    atomic_init(&s->distrusts, false);
    struct path blobs = layout_blobs(), repositories = layout_repositories();
    rc = file_mkdirs(&s->tree, blobs.s, f);
    if (rc == RC_OK)
        rc = file_mkdirs(&s->tree, repositories.s, f);
    if (rc != RC_OK) {
        store_close(s);
        return rc;
    }
    share(s);
    atomic_init(&s->tag_way, TAG_WAY_UNKNOWN);
    tree_doubt(&s->tree); /* whoever worked on it before may have been killed */
    tidy_tags(s);
    *out = s;
    return rc;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    locks_fini(&s->revision_locks);
    locks_fini(&s->tag_locks);
    pins_fini(&s->pins);
    memory_fini(&s->names);
    memory_fini(&s->answers);
    (void)pthread_mutex_destroy(&s->suspects.mutex);
    tree_close(&s->tree);
    free(s);
}

static enum rc probe_read(struct store *s, struct fault *f)
{
    const char *name;
    enum dir_entry kind;
    struct dir *dir = NULL;
    enum rc rc = dir_open(&s->tree, layout_repositories().s, &dir, f);
    if (rc == RC_OK)
        rc = dir_next(dir, &name, &kind, f);
    dir_close(dir);
    return rc == RC_NOT_FOUND ? RC_OK : rc; /* there is nothing yet */
}

static enum rc probe_write(struct store *s, struct fault *f)
{
    struct path path = layout_run_probe();
    enum rc rc = file_put(&s->tree, path.s, SPAN("written to see whether that can be done\n"), f);
    if (rc == RC_OK)
        rc = file_drop(&s->tree, path.s, f);
    return rc == RC_NOT_FOUND ? RC_OK : rc; /* another server's probe took it away */
}

enum rc store_probe(struct store *s, bool writes, struct store_probe *out, struct fault *f)
{
    *out = (struct store_probe){.readable = true};
    enum rc rc = store_room(s, &out->free_bytes, &out->total_bytes, NULL);
    out->room_known = rc == RC_OK;
    rc = probe_read(s, f);
    out->readable = rc == RC_OK;
    return rc == RC_OK && writes ? probe_write(s, f) : rc;
}

enum rc store_room(struct store *s, uint64_t *free_bytes, uint64_t *total, struct fault *f)
{
    return tree_room(&s->tree, free_bytes, total, f);
}

static enum rc link_parse(struct span text, struct digest *out, struct fault *f)
{
    while (text.n > 0 && (text.p[text.n - 1] == '\n' || text.p[text.n - 1] == '\r'))
        text.n--;
    return digest_parse(text, out, f);
}

struct link_text {
    char s[DIGEST_TEXT_MAX + 8];
    size_t n;
    time_t modified;
    struct file_times times;
};

static enum rc link_load(struct tree *t, const char *path, struct link_text *out, struct fault *f)
{
    struct file_info info;
    enum rc rc = file_get_head(t, path, out->s, sizeof(out->s), &out->n, &info, f);
    if (rc == RC_OK) {
        out->modified = info.mtime;
        out->times = info.times;
    }
    return rc;
}

/* What is no digest means nothing. */
static enum rc link_load_digest(struct store *s, const char *path, struct link_text *text,
                                struct digest *out, struct fault *f)
{
    enum rc rc = link_load(&s->tree, path, text, f);
    if (rc == RC_OK && link_parse(span_from(text->s, text->n), out, NULL) != RC_OK)
        rc = RC_NOT_FOUND;
    return rc;
}

enum rc link_get_timed(struct store *s, const char *path, struct digest *out, time_t *modified,
                       struct fault *f)
{
    struct link_text text;
    enum rc rc = link_load_digest(s, path, &text, out, f);
    if (rc == RC_OK)
        *modified = text.modified;
    return rc;
}

enum rc link_get_origin(struct store *s, const struct path *path, struct digest *out,
                        struct origins *from, struct fault *f)
{
    struct link_text text;
    enum rc rc = link_load_digest(s, path->s, &text, out, f);
    if (rc == RC_OK && from) {
        from->paths[from->count] = *path;
        from->times[from->count++] = text.times;
    }
    return rc;
}

enum rc link_get(struct store *s, const char *path, struct digest *out, struct fault *f)
{
    time_t ignored;
    return link_get_timed(s, path, out, &ignored, f);
}

enum rc link_read(struct tree *t, const char *path, struct digest *out, time_t *modified,
                  struct fault *f)
{
    struct link_text text;
    enum rc rc = link_load(t, path, &text, f);
    if (rc == RC_OK)
        *modified = text.modified;
    return rc == RC_OK ? link_parse(span_from(text.s, text.n), out, f) : rc;
}

void link_promised(struct store *s, const char *path, time_t modified)
{
    time_t now = time(NULL);
    if (modified != now)
        file_set_time(&s->tree, path, now);
}

void link_used(struct store *s, const char *path)
{
    file_set_time(&s->tree, path, 0);
}

enum rc link_put(struct store *s, const char *path, const struct digest *d, struct fault *f)
{
    struct digest_text text = digest_print(d);
    return file_put(&s->tree, path, span_of(text.s), f);
}

enum rc settle_put(struct store *s, struct path link_dir, const struct digest *d, unsigned own,
                   struct fault *f)
{
    if (!pins_are_putting(&s->pins, d, own))
        return RC_OK;
    enum rc rc = file_sync_chain(&s->tree, layout_blob_dir(d).s, f);
    return rc == RC_OK ? file_sync_chain(&s->tree, link_dir.s, f) : rc;
}

void lister_add(struct lister *l, struct span item)
{
    if (l->count == l->cap) {
        l->cap = l->cap ? 2 * l->cap : 64;
        l->items = must_realloc(l->items, l->cap * sizeof(*l->items));
    }
    l->items[l->count++] = arena_span(l->arena, item);
}

void lister_fini(struct lister *l)
{
    free(l->items);
    l->items = NULL;
}

static int compare_spans(const void *a, const void *b)
{
    const struct span *x = a, *y = b;
    return span_cmp(*x, *y);
}

void lister_page(struct lister *l, const struct page *p, struct list *out)
{
    if (l->count > 0)
        qsort(l->items, l->count, sizeof(*l->items), compare_spans);
    size_t from = 0;
    while (p->last.n > 0 && from < l->count && span_cmp(l->items[from], p->last) <= 0)
        from++;
    size_t left = l->count - from;
    size_t n = p->limit < left ? (size_t)p->limit : left;
    struct span *items = arena_alloc(l->arena, n * sizeof(*items) + 1);
    for (size_t i = 0; i < n; i++)
        items[i] = l->items[from + i];
    *out = (struct list){.items = items, .count = n, .more = n < left};
}

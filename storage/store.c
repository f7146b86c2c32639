/* SPDX-License-Identifier: Apache-2.0
 *
 * store: opening the tree, links, and cutting pages out of lists.
 */
#include "storage/store.h"

#include <stdlib.h>

enum rc store_open(const char *root, struct store **out, struct fault *f)
{
    struct store *s = must_calloc(sizeof(*s));
    enum rc rc = tree_open(&s->tree, root, f);
    if (rc != RC_OK) {
        free(s);
        return rc;
    }
    locks_init(&s->revision_locks);
    locks_init(&s->tag_locks);
    struct path blobs = layout_blobs(), repositories = layout_repositories();
    rc = file_mkdirs(&s->tree, blobs.s, f);
    if (rc == RC_OK)
        rc = file_mkdirs(&s->tree, repositories.s, f);
    if (rc == RC_OK)
        *out = s;
    else
        store_close(s);
    return rc;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    locks_fini(&s->revision_locks);
    locks_fini(&s->tag_locks);
    tree_close(&s->tree);
    free(s);
}

enum rc link_get(struct store *s, const char *path, struct digest *out, struct fault *f)
{
    struct arena a;
    arena_init(&a);
    struct span text;
    enum { LINK_MAX_BYTES = 4096 };
    enum rc rc = file_get(&s->tree, path, LINK_MAX_BYTES, &a, &text, f);
    if (rc == RC_OK) {
        while (text.n > 0 && (text.p[text.n - 1] == '\n' || text.p[text.n - 1] == '\r'))
            text.n--;
        rc = digest_parse(text, out, NULL) == RC_OK ? RC_OK : RC_NOT_FOUND;
    }
    arena_fini(&a);
    return rc;
}

enum rc link_put(struct store *s, const char *path, const struct digest *d, struct fault *f)
{
    struct digest_text text = digest_print(d);
    return file_put(&s->tree, path, span_of(text.s), f);
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

/* SPDX-License-Identifier: Apache-2.0
 *
 * names: reading and sorting.
 */
#include "storage/names.h"

#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"

enum { REMEMBERED_MAX = 6 << 20 };

struct name_set {
    struct memo memo;
    struct file_times times;
    struct span *items;
    size_t count;
    char *text; /* of the items */
    char path[];
};

static struct name_set *of(struct memo *m)
{
    return container_of(m, struct name_set, memo);
}

static void set_free(struct memo *m)
{
    struct name_set *set = of(m);
    free(set->items);
    free(set->text);
    free(set);
}

void names_init(struct memory *m)
{
    memory_init(m, REMEMBERED_MAX, set_free);
}

/* One that is as the directory is now, or NULL. */
static struct name_set *recall(struct memory *m, const char *path, const struct file_times *now)
{
    struct memo *memo = memory_find(m, path, strlen(path));
    if (memo && file_times_eq(&of(memo)->times, now))
        return of(memo);
    memory_give(m, memo);
    return NULL;
}

struct name_set *names_remembered(struct memory *m, const char *path)
{
    struct memo *memo = memory_find(m, path, strlen(path));
    return memo ? of(memo) : NULL;
}

/* ---- Reading a directory. --------------------------------------------------------------- */

struct reading {
    const struct names_kind *kind;
    struct buf text; /* each with a "/" behind it */
    size_t count;
};

static enum rc read_entry(void *ctx, const char *name, bool is_dir)
{
    struct reading *r = ctx;
    if (r->kind->most > 0 && r->count == r->kind->most)
        return RC_NOT_FOUND; /* ends the list */
    if (is_dir && r->kind->takes(name)) {
        buf_add_str(&r->text, name);
        buf_add_char(&r->text, '/');
        r->count++;
    }
    return RC_OK;
}

static int compare(const void *a, const void *b)
{
    const struct span *x = a, *y = b;
    return span_cmp(*x, *y);
}

static struct name_set *set_new(const struct reading *r, const char *path)
{
    size_t n = strlen(path);
    struct name_set *set = must_calloc(sizeof(*set) + n + 1);
    memcpy(set->path, path, n);
    set->count = r->kind->nested ? 2 * r->count : r->count;
    set->memo.key = set->path;
    set->memo.key_len = n;
    set->memo.bytes = sizeof(*set) + n + r->text.n + set->count * sizeof(*set->items);
    if (set->count == 0)
        return set;
    set->items = must_alloc(set->count * sizeof(*set->items));
    set->text = must_alloc(r->text.n);
    memcpy(set->text, r->text.p, r->text.n);
    struct span rest = span_from(set->text, r->text.n), name;
    for (size_t i = 0; i < set->count && span_cut(rest, '/', &name, &rest); i++) {
        set->items[i] = name;
        if (r->kind->nested)
            set->items[++i] = span_from(name.p, name.n + 1);
        else
            set->text[name.p - set->text + (ptrdiff_t)name.n] = 0;
    }
    qsort(set->items, set->count, sizeof(*set->items), compare);
    return set;
}

enum rc names_take(struct memory *m, struct tree *t, const char *path, const struct names_kind *k,
                   struct name_set **out, struct fault *f)
{
    struct file_info info;
    struct reading r = {.kind = k};
    enum rc rc = file_stat(t, path, &info, f);
    if (rc != RC_OK)
        return rc;
    *out = recall(m, path, &info.times);
    if (*out)
        return RC_OK;
    buf_init(&r.text);
    rc = file_list(t, path, read_entry, &r, f);
    if (rc == RC_OK || (rc == RC_NOT_FOUND && r.count > 0)) {
        rc = RC_OK;
        *out = set_new(&r, path);
        (*out)->times = info.times; /* from before: what changed meanwhile has others */
        if (file_has_settled(&info.times))
            memory_put(m, &(*out)->memo);
        else
            memory_use(&(*out)->memo);
    }
    buf_fini(&r.text);
    return rc;
}

struct name_set *names_take_again(struct memory *m, struct tree *t, const char *path)
{
    struct file_info now;
    enum rc rc = file_known(t, path, &now);
    return rc == RC_OK ? recall(m, path, &now.times) : NULL;
}

void names_give(struct memory *m, struct name_set *set)
{
    memory_give(m, set ? &set->memo : NULL);
}

/* ---- The items. ------------------------------------------------------------------------- */

size_t names_count(const struct name_set *set)
{
    return set->count;
}

struct span names_item(const struct name_set *set, size_t i)
{
    return set->items[i];
}

size_t names_after(const struct name_set *set, struct span last)
{
    size_t from = 0, to = set->count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (span_cmp(set->items[middle], last) <= 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * names: reading, sorting, and the sets that are remembered.
 */
#include "storage/names.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "lib/buf.h"

enum {
    REMEMBERED_MAX = 6 << 20, /* bytes, of all sets; a set may have a quarter of it */
    SETTLED_S = 3             /* the coarsest clock of a file system, and a second */
};

struct name_set {
    struct file_times times;
    unsigned users;
    bool remembered;
    size_t bytes;
    struct span *items;
    size_t count;
    char *text; /* of the items */
    struct name_set *prev, *next;
    UT_hash_handle hh;
    size_t path_len;
    char path[]; /* key */
};

void names_init(struct names *n)
{
    *n = (struct names){0};
    (void)pthread_mutex_init(&n->mutex, NULL);
}

static void set_free(struct name_set *set)
{
    free(set->items);
    free(set->text);
    free(set);
}

/* ---- What is remembered; with the mutex held. ------------------------------------------- */

/* NOLINTBEGIN(readability-function-size): uthash's macros are counted as what they become */
static void forget(struct names *n, struct name_set *set)
{
    HASH_DEL(n->sets, set);
    DL_DELETE(n->used, set);
    n->bytes -= set->bytes;
    set->remembered = false;
    if (set->users == 0)
        set_free(set);
}

static struct name_set *find(struct names *n, const char *path)
{
    struct name_set *set;
    HASH_FIND(hh, n->sets, path, strlen(path), set);
    return set;
}

static void remember(struct names *n, struct name_set *set)
{
    struct name_set *old = find(n, set->path);
    if (old)
        forget(n, old);
    while (n->used && n->bytes + set->bytes > REMEMBERED_MAX)
        forget(n, n->used);
    HASH_ADD(hh, n->sets, path, set->path_len, set);
    DL_APPEND(n->used, set);
    n->bytes += set->bytes;
    set->remembered = true;
}
/* NOLINTEND(readability-function-size) */

void names_fini(struct names *n)
{
    while (n->used)
        forget(n, n->used);
    (void)pthread_mutex_destroy(&n->mutex);
}

/* One that is as the directory is now, or NULL. */
static struct name_set *recall(struct names *n, const char *path, const struct file_times *now)
{
    (void)pthread_mutex_lock(&n->mutex);
    struct name_set *set = find(n, path);
    if (set && file_times_eq(&set->times, now)) {
        set->users++;
        DL_DELETE(n->used, set);
        DL_APPEND(n->used, set);
    } else {
        set = NULL;
    }
    (void)pthread_mutex_unlock(&n->mutex);
    return set;
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
    set->path_len = n;
    set->count = r->kind->nested ? 2 * r->count : r->count;
    set->bytes = sizeof(*set) + n + r->text.n + set->count * sizeof(*set->items);
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

static bool may_be_remembered(const struct name_set *set)
{
    time_t now = time(NULL);
    return set->bytes <= REMEMBERED_MAX / 4 && now - set->times.modified.tv_sec > SETTLED_S &&
           now - set->times.changed.tv_sec > SETTLED_S;
}

enum rc names_take(struct names *n, struct tree *t, const char *path, const struct names_kind *k,
                   struct name_set **out, struct fault *f)
{
    struct file_info info;
    struct reading r = {.kind = k};
    enum rc rc = file_stat(t, path, &info, f);
    if (rc != RC_OK)
        return rc;
    *out = recall(n, path, &info.times);
    if (*out)
        return RC_OK;
    buf_init(&r.text);
    rc = file_list(t, path, read_entry, &r, f);
    if (rc == RC_OK || (rc == RC_NOT_FOUND && r.count > 0)) {
        rc = RC_OK;
        struct name_set *set = set_new(&r, path);
        set->times = info.times; /* from before: what changed meanwhile has others */
        set->users = 1;
        if (may_be_remembered(set)) {
            (void)pthread_mutex_lock(&n->mutex);
            remember(n, set);
            (void)pthread_mutex_unlock(&n->mutex);
        }
        *out = set;
    }
    buf_fini(&r.text);
    return rc;
}

void names_give(struct names *n, struct name_set *set)
{
    if (!set)
        return;
    (void)pthread_mutex_lock(&n->mutex);
    bool last = --set->users == 0 && !set->remembered;
    (void)pthread_mutex_unlock(&n->mutex);
    if (last)
        set_free(set);
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

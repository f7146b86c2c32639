/* SPDX-License-Identifier: Apache-2.0
 *
 * disk: nodes, what is safe of each, and what is not.
 */
#include "test/crash/disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPEN_MAX_NAMES = 63, FEW = 3, PATH_BYTES = 2048 };

struct entry {
    const char *name;
    int node;
};

struct entries {
    struct entry *items;
    size_t count, cap;
};

/* An entry is set, and another one may go with it. */
struct naming {
    const char *name, *from;
    int node;
};

struct node {
    bool is_dir;
    bool seen; /* disk_choices: can be reached */
    const char *first_name;

    char *bytes;
    size_t size, cap, safe_size;
    int64_t time, safe_time;

    struct entries safe;
    struct naming *open;
    size_t open_count, open_cap;

    /* As was chosen. */
    uint64_t names_kept;
    size_t size_kept, valid_kept;
    int64_t time_kept;
};

struct disk {
    struct node *nodes; /* by number */
    int count;
    struct choice *choices;
    size_t choice_count, choice_cap;
};

/* Room for one more element. */
static void *grow(void *items, size_t count, size_t *cap, size_t size)
{
    if (count < *cap)
        return items;
    *cap = *cap ? 2 * *cap : 8;
    return must_realloc(items, *cap * size);
}

static struct node *node_of(struct disk *d, int node)
{
    if (node <= DISK_NONE || node >= d->count)
        abort();
    return &d->nodes[node];
}

static void add_node(struct disk *d, int node, bool is_dir, const char *name)
{
    if (node < d->count)
        abort();
    d->nodes = must_realloc(d->nodes, (size_t)(node + 1) * sizeof(*d->nodes));
    for (; d->count <= node; d->count++)
        d->nodes[d->count] = (struct node){.time = DISK_TIME_NOW, .safe_time = DISK_TIME_NOW};
    d->nodes[node].is_dir = is_dir;
    d->nodes[node].first_name = name;
}

struct disk *disk_new(void)
{
    struct disk *d = must_calloc(sizeof(*d));
    add_node(d, DISK_TOP, true, "");
    return d;
}

void disk_free(struct disk *d)
{
    for (int i = 0; i < d->count; i++) {
        free(d->nodes[i].bytes);
        free(d->nodes[i].safe.items);
        free(d->nodes[i].open);
    }
    free(d->nodes);
    free(d->choices);
    free(d);
}

/* ---- Entries. --------------------------------------------------------------------------- */

static void set_entry(struct entries *e, const char *name, int node)
{
    size_t i = 0;
    while (i < e->count && strcmp(e->items[i].name, name) != 0)
        i++;
    if (node == DISK_NONE) {
        if (i < e->count)
            e->items[i] = e->items[--e->count];
        return;
    }
    if (i == e->count) {
        e->items = grow(e->items, e->count, &e->cap, sizeof(*e->items));
        e->count++;
    }
    e->items[i] = (struct entry){.name = name, .node = node};
}

static void apply_naming(struct entries *e, const struct naming *n)
{
    if (n->from)
        set_entry(e, n->from, DISK_NONE);
    set_entry(e, n->name, n->node);
}

static void add_naming(struct node *dir, const struct change *c)
{
    if (dir->open_count == OPEN_MAX_NAMES)
        abort();
    dir->open = grow(dir->open, dir->open_count, &dir->open_cap, sizeof(*dir->open));
    dir->open[dir->open_count++] =
        (struct naming){.name = c->name, .from = c->from, .node = c->target};
}

/* ---- Changes. --------------------------------------------------------------------------- */

static void make_safe(struct node *n)
{
    for (size_t i = 0; i < n->open_count; i++)
        apply_naming(&n->safe, &n->open[i]);
    n->open_count = 0;
    n->safe_size = n->size;
    n->safe_time = n->time;
}

static void add_bytes(struct node *n, struct span bytes)
{
    if (n->size + bytes.n > n->cap) {
        n->cap = 2 * (n->size + bytes.n);
        n->bytes = must_realloc(n->bytes, n->cap);
    }
    memcpy(n->bytes + n->size, bytes.p, bytes.n);
    n->size += bytes.n;
}

static void cut_bytes(struct node *n, size_t size)
{
    n->size = size < n->size ? size : n->size;
    n->safe_size = size < n->safe_size ? size : n->safe_size;
}

void disk_apply(struct disk *d, const struct change *c)
{
    switch (c->kind) {
    case CHANGE_FILE:
    case CHANGE_DIR:
        add_node(d, c->target, c->kind == CHANGE_DIR, c->name);
        add_naming(node_of(d, c->node), c);
        break;
    case CHANGE_NAME:
        add_naming(node_of(d, c->node), c);
        break;
    case CHANGE_BYTES:
        add_bytes(node_of(d, c->node), c->bytes);
        break;
    case CHANGE_CUT:
        cut_bytes(node_of(d, c->node), c->size);
        break;
    case CHANGE_TIME:
        node_of(d, c->node)->time = c->time;
        break;
    case CHANGE_SYNC:
        make_safe(node_of(d, c->node));
        break;
    case CHANGE_SYNC_ALL:
        for (int i = DISK_TOP; i < d->count; i++)
            make_safe(&d->nodes[i]);
        break;
    }
}

/* ---- Choices. --------------------------------------------------------------------------- */

static unsigned name_options(const struct node *n)
{
    unsigned open = (unsigned)n->open_count;
    return open <= FEW ? 1U << open : 3 * open + 1;
}

/* Which of the open changes are left. */
static uint64_t names_left(const struct node *n, unsigned option)
{
    unsigned open = (unsigned)n->open_count;
    uint64_t all = (UINT64_C(1) << open) - 1;
    if (open <= FEW)
        return option;
    if (option < open)
        return (UINT64_C(1) << option) - 1;
    if (option < 2 * open)
        return all & ~(UINT64_C(1) << (option - open));
    return option < 3 * open ? UINT64_C(1) << (option - 2 * open) : all;
}

enum bytes_left { BYTES_NONE, BYTES_HALF, BYTES_ZEROS, BYTES_HALF_ZEROS, BYTES_ALL, BYTES_OPTIONS };

static void keep_bytes(struct node *n, enum bytes_left left)
{
    size_t middle = n->safe_size + (n->size - n->safe_size) / 2;
    switch (left) {
    case BYTES_NONE:
        n->size_kept = n->valid_kept = n->safe_size;
        break;
    case BYTES_HALF:
        n->size_kept = n->valid_kept = middle;
        break;
    case BYTES_ZEROS:
        n->size_kept = n->size;
        n->valid_kept = n->safe_size;
        break;
    case BYTES_HALF_ZEROS:
        n->size_kept = n->size;
        n->valid_kept = middle;
        break;
    case BYTES_ALL:
    case BYTES_OPTIONS:
        n->size_kept = n->valid_kept = n->size;
        break;
    }
}

void disk_choose(struct disk *d, const struct choice *c, unsigned option)
{
    struct node *n = node_of(d, c->node);
    switch (c->of) {
    case CHOICE_NAMES:
        n->names_kept = names_left(n, option);
        break;
    case CHOICE_BYTES:
        keep_bytes(n, (enum bytes_left)option);
        break;
    case CHOICE_TIME:
        n->time_kept = option ? n->time : n->safe_time;
        break;
    }
}

static void add_choice(struct disk *d, struct choice c)
{
    if (c.options < 2)
        return;
    d->choices = grow(d->choices, d->choice_count, &d->choice_cap, sizeof(*d->choices));
    d->choices[d->choice_count++] = c;
}

/* All that any outcome can show is reached through safe entries and open ones. */
static void look_for_choices(struct disk *d, int node)
{
    struct node *n = node_of(d, node);
    if (n->seen)
        return;
    n->seen = true;
    keep_bytes(n, BYTES_ALL);
    n->time_kept = n->time;
    add_choice(d, (struct choice){.node = node, .of = CHOICE_NAMES, .options = name_options(n)});
    if (n->size > n->safe_size)
        add_choice(d, (struct choice){.node = node, .of = CHOICE_BYTES, .options = BYTES_OPTIONS});
    if (n->time != n->safe_time)
        add_choice(d, (struct choice){.node = node, .of = CHOICE_TIME, .options = 2});
    for (size_t i = 0; i < n->safe.count; i++)
        look_for_choices(d, n->safe.items[i].node);
    for (size_t i = 0; i < n->open_count; i++)
        if (n->open[i].node != DISK_NONE)
            look_for_choices(d, n->open[i].node);
}

size_t disk_choices(struct disk *d, const struct choice **out)
{
    d->choice_count = 0;
    for (int i = DISK_TOP; i < d->count; i++)
        d->nodes[i].seen = false;
    look_for_choices(d, DISK_TOP);
    *out = d->choices;
    return d->choice_count;
}

/* ---- Words. ----------------------------------------------------------------------------- */

static const char *describe_names(const struct node *n, unsigned option, struct arena *a)
{
    uint64_t left = names_left(n, option);
    const char *text = "";
    for (size_t i = 0; i < n->open_count; i++) {
        const struct naming *o = &n->open[i];
        text = arena_printf(a, "%s %s %s%s%s;", text, left >> i & 1 ? "kept" : "LOST",
                            o->node == DISK_NONE ? "removal of " : "", o->name,
                            o->from ? " (renamed)" : "");
    }
    return arena_printf(a, "%s/:%s", n->first_name, text);
}

void disk_describe(const struct disk *d, const struct choice *c, unsigned option, struct arena *a,
                   const char **out)
{
    static const char *const words[BYTES_OPTIONS] = {
        "no new bytes", "half of the new bytes", "zeros for the new bytes",
        "zeros for half of the new bytes", "all bytes"};
    const struct node *n = &d->nodes[c->node];
    switch (c->of) {
    case CHOICE_NAMES:
        *out = describe_names(n, option, a);
        break;
    case CHOICE_BYTES:
        *out = arena_printf(a, "%s: %s", n->first_name, words[option]);
        break;
    case CHOICE_TIME:
        *out = arena_printf(a, "%s: the %s time", n->first_name, option ? "new" : "old");
        break;
    }
}

/* ---- What is left. ---------------------------------------------------------------------- */

struct visit {
    struct disk *disk;
    disk_visit_fn *visit;
    void *ctx;
    char path[PATH_BYTES];
};

static void visit_node(struct visit *v, int node);

static void visit_entries(struct visit *v, const struct node *n)
{
    struct entries left = {0};
    for (size_t i = 0; i < n->safe.count; i++)
        set_entry(&left, n->safe.items[i].name, n->safe.items[i].node);
    for (size_t i = 0; i < n->open_count; i++)
        if (n->names_kept >> i & 1)
            apply_naming(&left, &n->open[i]);
    size_t end = strlen(v->path);
    for (size_t i = 0; i < left.count; i++) {
        (void)snprintf(v->path + end, PATH_BYTES - end, "%s%s", end > 0 ? "/" : "",
                       left.items[i].name);
        visit_node(v, left.items[i].node);
    }
    v->path[end] = 0;
    free(left.items);
}

static void visit_node(struct visit *v, int node)
{
    const struct node *n = node_of(v->disk, node);
    if (node != DISK_TOP)
        v->visit(v->ctx, &(struct found_node){.path = v->path,
                                              .node = node,
                                              .is_dir = n->is_dir,
                                              .bytes = n->bytes,
                                              .valid = n->valid_kept,
                                              .size = n->size_kept,
                                              .time = n->time_kept});
    if (n->is_dir)
        visit_entries(v, n);
}

void disk_visit(struct disk *d, disk_visit_fn *visit, void *ctx)
{
    struct visit v = {.disk = d, .visit = visit, .ctx = ctx};
    visit_node(&v, DISK_TOP);
}

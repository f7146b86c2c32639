/* SPDX-License-Identifier: Apache-2.0
 *
 * data: what is stored under a digest, whoever links it: is it what the digest says?
 */
#include <stdlib.h>
#include <string.h>

#include "storage/store.h"

/* ---- Suspects. -------------------------------------------------------------------------- */

static unsigned find_suspect(const struct suspects *x, const struct digest *d)
{
    unsigned i = 0;
    while (i < x->count && !digest_eq(&x->items[i], d))
        i++;
    return i;
}

static void remove_suspect(struct suspects *x, unsigned i)
{
    memmove(&x->items[i], &x->items[i + 1], (x->count - i - 1) * sizeof(x->items[0]));
    x->count--;
    x->taken -= i < x->taken;
}

void data_suspect(struct store *s, const struct digest *d)
{
    struct suspects *x = &s->suspects;
    (void)pthread_mutex_lock(&x->mutex);
    if (find_suspect(x, d) == x->count) {
        if (x->count == SUSPECTS_MAX && x->taken > 0)
            remove_suspect(x, 0);
        if (x->count < SUSPECTS_MAX)
            x->items[x->count++] = *d;
    }
    (void)pthread_mutex_unlock(&x->mutex);
}

bool data_next_suspect(struct store *s, struct digest *out)
{
    struct suspects *x = &s->suspects;
    (void)pthread_mutex_lock(&x->mutex);
    bool found = x->taken < x->count;
    if (found)
        *out = x->items[x->taken++];
    (void)pthread_mutex_unlock(&x->mutex);
    return found;
}

bool data_has_suspects(struct store *s)
{
    struct suspects *x = &s->suspects;
    (void)pthread_mutex_lock(&x->mutex);
    bool found = x->taken < x->count;
    (void)pthread_mutex_unlock(&x->mutex);
    return found;
}

void data_settle_suspect(struct store *s, const struct digest *d)
{
    struct suspects *x = &s->suspects;
    (void)pthread_mutex_lock(&x->mutex);
    unsigned i = find_suspect(x, d);
    if (i < x->taken)
        remove_suspect(x, i);
    (void)pthread_mutex_unlock(&x->mutex);
}

void data_renew_suspects(struct store *s)
{
    struct suspects *x = &s->suspects;
    (void)pthread_mutex_lock(&x->mutex);
    x->taken = 0;
    (void)pthread_mutex_unlock(&x->mutex);
}

/* ---- Looking at it. --------------------------------------------------------------------- */

enum rc data_check_length(struct store *s, const struct digest *d, uint64_t size)
{
    if (size > 0)
        return RC_OK;
    struct digest empty = digest_of(d->alg, SPAN(""));
    if (digest_eq(d, &empty))
        return RC_OK;
    data_suspect(s, d);
    return RC_NOT_FOUND;
}

enum rc data_stat(struct store *s, const struct digest *d, struct file_info *out, struct fault *f)
{
    enum rc rc = file_stat(&s->tree, layout_blob(d).s, out, f);
    return rc == RC_OK ? data_check_length(s, d, out->size) : rc;
}

static int by_bytes(const void *a, const void *b)
{
    const struct digest *x = a, *y = b;
    return memcmp(x->bytes, y->bytes, sizeof(x->bytes));
}

enum rc data_list(struct store *s, enum digest_alg alg, unsigned char first, struct arena *a,
                  struct digests *out, struct fault *f)
{
    struct digest d = {.alg = alg, .bytes = {first}}, *items = NULL;
    struct dir *dir = NULL;
    const char *name;
    enum dir_entry ignored;
    size_t count = 0, cap = 0;
    *out = (struct digests){.count = 0};
    enum rc rc = dir_open(&s->tree, layout_blob_fan(&d).s, &dir, f);
    while (rc == RC_OK && (rc = dir_next(dir, &name, &ignored, f)) == RC_OK) {
        if (!digest_from_hex(alg, span_of(name), &d) || d.bytes[0] != first)
            continue;
        if (count == cap) {
            cap = cap ? 2 * cap : 64;
            items = must_realloc(items, cap * sizeof(*items));
        }
        items[count++] = d;
    }
    dir_close(dir);
    if (count > 0) {
        qsort(items, count, sizeof(*items), by_bytes);
        out->items = memcpy(arena_alloc(a, count * sizeof(*items)), items, count * sizeof(*items));
        out->count = count;
    }
    free(items);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

enum rc data_open(struct store *s, const struct digest *d, struct data *out, struct fault *f)
{
    struct file_info info;
    int fd = -1;
    enum rc rc = file_open(&s->tree, layout_blob(d).s, FILE_READ, &fd, f);
    if (rc == RC_OK)
        rc = file_stat_fd(fd, &info, f);
    if (rc == RC_OK)
        *out = (struct data){.digest = *d, .fd = fd, .size = info.size, .inode = info.inode};
    else
        file_close(fd);
    return rc;
}

enum rc data_read(const struct data *d, uint64_t offset, char *p, size_t n, size_t *got,
                  struct fault *f)
{
    return file_read_aside(d->fd, offset, p, n, got, f);
}

void data_forget(const struct data *d)
{
    file_forget(d->fd);
}

void data_close(struct data *d)
{
    file_close(d->fd);
    d->fd = -1;
}

/* ---- Links to it. ----------------------------------------------------------------------- */

static enum rc check(struct store *s, struct path link, struct fault *f)
{
    struct digest target, again;
    struct file_info info;
    time_t ignored;
    enum rc rc = link_read(&s->tree, link.s, &target, &ignored, f);
    if (rc != RC_OK)
        return rc;
    rc = data_stat(s, &target, &info, f);
    if (rc != RC_NOT_FOUND)
        return rc;
    /* A link that has gone meanwhile has led to something. */
    rc = link_read(&s->tree, link.s, &again, &ignored, f);
    return rc == RC_OK ? RC_BLOB_UNKNOWN : rc;
}

enum rc layer_check(struct store *s, struct name repo, const struct digest *d, struct fault *f)
{
    return check(s, layout_layer_link(repo, d), f);
}

enum rc manifest_check(struct store *s, struct name repo, const struct digest *d, struct fault *f)
{
    return check(s, layout_revision_link(repo, d), f);
}

/* ---- Moving it aside. ------------------------------------------------------------------- */

/* Nothing is ever moved over what was moved aside before. */
static enum rc find_place(struct store *s, const struct digest *d, unsigned *nth, struct fault *f)
{
    struct file_info info;
    enum rc rc = RC_OK;
    unsigned n = 0;
    while (rc == RC_OK) {
        rc = file_stat(&s->tree, layout_quarantine(d, n).s, &info, f);
        if (rc == RC_OK)
            n++;
    }
    *nth = n;
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* With nobody else at work on it. */
static enum rc move_aside(struct store *s, const struct data *d, unsigned *nth, struct fault *f)
{
    struct file_info there;
    struct path dir = layout_blob_dir(&d->digest), from = layout_data_in(dir.s);
    enum rc rc = file_stat(&s->tree, from.s, &there, f);
    if (rc == RC_OK && there.inode != d->inode)
        rc = RC_NOT_FOUND;
    if (rc == RC_OK)
        rc = find_place(s, &d->digest, nth, f);
    if (rc == RC_OK)
        rc = file_move(&s->tree, from.s, layout_quarantine(&d->digest, *nth).s, f);
    if (rc == RC_OK)
        rc = file_sync_parent(&s->tree, from.s, f);
    if (rc == RC_OK)
        (void)file_remove_empty(&s->tree, dir.s);
    return rc;
}

enum rc data_set_aside(struct store *s, const struct data *d, enum verdict *out, unsigned *nth,
                       struct fault *f)
{
    if (!tree_lock(&s->tree))
        return fault(f, RC_GC_RUNNING, "another process works on the same directory");
    enum rc rc = RC_OK;
    *out = pins_condemn_damaged(&s->pins, &d->digest);
    if (*out == VERDICT_REMOVED) {
        rc = move_aside(s, d, nth, f);
        pins_release(&s->pins);
    }
    tree_unlock(&s->tree);
    if (rc == RC_NOT_FOUND)
        *out = VERDICT_GONE;
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* ---- What nobody has come to name. ------------------------------------------------------ */

enum rc temporary_remove(struct store *s, struct span name, enum verdict *out, struct fault *f)
{
    enum { STALE_S = 3600 };
    struct arena a;
    struct file_info info;
    arena_init(&a);
    const char *path = arena_str(&a, name);
    enum rc rc = file_stat(&s->tree, path, &info, f);
    int64_t age = rc == RC_OK ? pins_wall_time(&s->pins) - (int64_t)info.mtime : 0;
    *out = VERDICT_PINNED;
    /* A clock that was wrong once must not keep it for ever. */
    if (rc == RC_OK && (age > STALE_S || age < -STALE_S)) {
        rc = file_drop(&s->tree, path, f);
        *out = VERDICT_REMOVED;
    }
    arena_fini(&a);
    if (rc == RC_NOT_FOUND)
        *out = VERDICT_GONE;
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

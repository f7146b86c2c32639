/* SPDX-License-Identifier: Apache-2.0
 *
 * upload: bytes on their way to becoming a blob.
 *
 *   offset   bytes in the file
 *   hashed   bytes in the hash: equal to offset, except after a crash that lost the
 *            saved state; then the file is read again before the next use
 *   flushed  bytes that the kernel was told to write to the disk
 *
 *   0 ≤ hashed ≤ offset        0 ≤ flushed ≤ offset
 *
 * Write-back runs along with the upload, so that the last fsync finds little to do
 * and the answer to the final PUT does not depend on the layer's size.
 *
 * The kernel tells once that it could not write, and then may have nothing left to write again: so
 * after that only what was synced before, up to the saved state, is the upload's (fall_back).
 */
#include "storage/store.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FLUSH_BYTES = 8 << 20,  /* write-back begins every so many bytes … */
    BEHIND_BYTES = 64 << 20 /* … and waits for what is so far behind */
};

/* Where the hash comes from. One that was loaded may be wrong, so a mismatch is only
 * believed after reading the file. */
enum hash_origin { HASH_COMPUTED, HASH_LOADED };

struct upload {
    struct store *store;
    struct name repo; /* in text */
    struct span id;   /* in text */
    int fd;
    uint64_t offset, hashed, flushed;
    uint64_t from;  /* the offset when it was opened */
    uint64_t saved; /* the offset of the saved hash state, if any; unless it cannot be read */
    enum rc saved_rc;
    bool synced; /* everything received is on the disk, with its hash state */
    bool over;   /* it is a blob or gone: the file is no longer to be touched */
    enum hash_origin origin;
    struct hash hash;
    char text[]; /* and no arena: slow clients hold uploads by the thousand */
};

static enum rc unknown(struct span id, enum rc rc, struct fault *f)
{
    if (rc != RC_NOT_FOUND)
        return rc;
    return fault(f, RC_UPLOAD_UNKNOWN, "%.*s", SPAN_ARG(id));
}

/* A random UUID (RFC 9562, version 4): the registry image's purge looks for one. */
static struct upload_id new_id(void)
{
    unsigned char b[16];
    char hex[2 * sizeof(b) + 1];
    struct upload_id id;
    randombytes_buf(b, sizeof(b));
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    (void)sodium_bin2hex(hex, sizeof(hex), b, sizeof(b));
    (void)snprintf(id.s, sizeof(id.s), "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12,
                   hex + 16, hex + 20);
    return id;
}

static enum rc put_started(struct store *s, struct name repo, struct span id, struct fault *f)
{
    char text[32];
    struct tm tm;
    time_t now = time(NULL);
    size_t n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
    return file_put_new(&s->tree, layout_upload_started(repo, id).s, span_from(text, n), f);
}

/* Its directories are made one by one: not those above, which are for others, too, and synced. */
static enum rc put_state(struct store *s, struct name repo, struct span id, const struct hash *h,
                         struct fault *f)
{
    unsigned char bytes[HASH_STATE_MAX];
    struct span state = span_from(bytes, hash_save(h, bytes));
    struct path path = layout_upload_hash(repo, id, h->alg, hash_count(h));
    enum rc rc = file_put_unsynced(&s->tree, path.s, state, f);
    if (rc != RC_NOT_FOUND)
        return rc;
    rc = file_mkdir(&s->tree, layout_upload_states(repo, id).s, f);
    if (rc == RC_OK)
        rc = file_mkdir(&s->tree, layout_upload_hashes(repo, id, h->alg).s, f);
    if (rc == RC_OK)
        rc = file_put_unsynced(&s->tree, path.s, state, f);
    return unknown(id, rc, f);
}

/* A saved state of no bytes says which hash the upload has. Without one it is sha256. */
static enum rc put_first_state(struct store *s, struct name repo, struct span id,
                               enum digest_alg alg, struct fault *f)
{
    struct hash h;
    if (alg == DIGEST_SHA256)
        return RC_OK;
    hash_init(&h, alg);
    return put_state(s, repo, id, &h, f);
}

enum rc upload_begin(struct store *s, struct name repo, enum digest_alg alg, struct upload_id *out,
                     struct fault *f)
{
    struct upload_id id = new_id();
    struct span text = span_of(id.s);
    int fd = -1;
    pins_enter(&s->pins, repo.s);
    enum rc rc = file_mkdirs(&s->tree, layout_repo_uploads(repo.s).s, f);
    if (rc == RC_OK)
        rc = file_mkdir(&s->tree, layout_upload(repo, text).s, f);
    if (rc == RC_OK)
        rc = put_started(s, repo, text, f);
    if (rc == RC_OK)
        rc = put_first_state(s, repo, text, alg, f);
    if (rc == RC_OK)
        rc = file_open(&s->tree, layout_upload_data(repo, text).s, FILE_CREATE, &fd, f);
    file_close(fd);
    if (rc != RC_OK) { /* nobody will ask for it */
        enum rc ignored = file_remove_tree(&s->tree, layout_upload(repo, text).s, NULL);
        (void)ignored;
    }
    pins_leave(&s->pins, repo.s);
    if (rc == RC_OK)
        *out = id;
    return rc;
}

enum rc upload_size(struct store *s, struct name repo, struct span id, uint64_t *out,
                    struct fault *f)
{
    struct file_info info;
    if (!upload_id_valid(id))
        return unknown(id, RC_NOT_FOUND, f);
    enum rc rc = file_stat(&s->tree, layout_upload_data(repo, id).s, &info, f);
    if (rc == RC_OK)
        *out = info.size;
    return unknown(id, rc, f);
}

/* ---- The hash: saved, loaded, caught up. ------------------------------------------------ */

struct best_state {
    uint64_t offset, limit;
    bool found;
};

static enum rc consider_state(void *ctx, const char *name, bool is_dir)
{
    struct best_state *best = ctx;
    uint64_t offset;
    if (is_dir || !span_to_u64(span_of(name), &offset) || offset > best->limit)
        return RC_OK;
    if (!best->found || offset > best->offset)
        *best = (struct best_state){.offset = offset, .limit = best->limit, .found = true};
    return RC_OK;
}

/* The newest saved state of one hash; RC_NOT_FOUND if there is none. */
static enum rc find_state(struct upload *u, enum digest_alg alg, uint64_t *offset, struct fault *f)
{
    struct best_state best = {.limit = u->offset};
    struct path dir = layout_upload_hashes(u->repo, u->id, alg);
    enum rc rc = file_list(&u->store->tree, dir.s, consider_state, &best, f);
    if (rc == RC_OK && !best.found)
        rc = RC_NOT_FOUND;
    if (rc == RC_OK)
        *offset = best.offset;
    return rc;
}

/* Takes up the newest saved state. Any doubt: begin again at 0. */
static void load_hash(struct upload *u, struct fault *f)
{
    static const enum digest_alg algs[] = {DIGEST_SHA512, DIGEST_SHA384, DIGEST_SHA256};
    struct hash loaded;
    struct span state;
    struct arena a;
    struct file_info info;
    uint64_t offset = 0;
    arena_init(&a);
    /* Most have none: they come in one piece. */
    enum rc rc = file_stat(&u->store->tree, layout_upload_states(u->repo, u->id).s, &info, f);
    size_t i = rc == RC_OK ? 0 : array_len(algs);
    while (i < array_len(algs) && (rc = find_state(u, algs[i], &offset, f)) == RC_NOT_FOUND)
        i++;
    enum digest_alg alg = i < array_len(algs) ? algs[i] : DIGEST_SHA256;
    struct path path = layout_upload_hash(u->repo, u->id, alg, offset);
    if (rc == RC_OK)
        rc = file_get(&u->store->tree, path.s, HASH_STATE_MAX, &a, &state, f);
    hash_init(&u->hash, alg);
    u->hashed = u->saved = 0;
    u->saved_rc = rc == RC_NOT_FOUND || rc == RC_SIZE_INVALID ? RC_OK : rc;
    u->origin = HASH_COMPUTED;
    bool is_loaded = rc == RC_OK && hash_load(&loaded, alg, state);
    arena_fini(&a);
    if (!is_loaded || hash_count(&loaded) != offset)
        return;
    u->hash = loaded;
    u->hashed = u->saved = offset;
    u->origin = HASH_LOADED;
}

static enum rc save_hash(struct upload *u, struct fault *f)
{
    enum rc rc = put_state(u->store, u->repo, u->id, &u->hash, f);
    if (rc != RC_OK)
        return rc;
    if (u->saved > 0 && u->saved != u->offset) {
        struct path old = layout_upload_hash(u->repo, u->id, u->hash.alg, u->saved);
        enum rc ignored = file_drop(&u->store->tree, old.s, NULL);
        (void)ignored;
    }
    u->saved = u->offset;
    return RC_OK;
}

/* Reads what is in the file and not yet in the hash. */
static enum rc catch_up(struct upload *u, struct fault *f)
{
    enum { READ_BYTES = 256 << 10 };
    if (u->hashed == u->offset)
        return RC_OK;
    char *p = must_alloc(READ_BYTES);
    enum rc rc = RC_OK;
    while (rc == RC_OK && u->hashed < u->offset) {
        uint64_t left = u->offset - u->hashed;
        size_t got = 0;
        rc = file_read_at(u->fd, u->hashed, p, left < READ_BYTES ? (size_t)left : READ_BYTES, &got,
                          f);
        if (rc == RC_OK && got == 0)
            rc = fault(f, RC_IO, "an upload's file has become shorter");
        hash_add(&u->hash, span_from(p, rc == RC_OK ? got : 0));
        u->hashed += rc == RC_OK ? got : 0;
    }
    free(p);
    return rc;
}

static enum rc rehash(struct upload *u, enum digest_alg alg, struct fault *f)
{
    hash_init(&u->hash, alg);
    u->hashed = 0;
    u->origin = HASH_COMPUTED;
    return catch_up(u, f);
}

/* ---- Taking hold and letting go. -------------------------------------------------------- */

/* To what it was when it had so many bytes. */
static enum rc cut(struct upload *u, uint64_t size, struct fault *f)
{
    enum rc rc = file_cut(u->fd, size, f);
    if (rc != RC_OK)
        return rc;
    u->offset = u->flushed = size;
    load_hash(u, NULL);
    return RC_OK;
}

/* After a failure to write back. Where even the cut fails, whoever opens an upload makes it. */
static void fall_back(struct upload *u)
{
    u->synced = true;
    if (u->saved_rc != RC_OK || cut(u, u->saved, NULL) != RC_OK)
        atomic_store(&u->store->distrusts, true);
}

/* Opens the data and locks it; then checks that it is still this upload's: between the
 * two, another request may have made it a blob, which must not be written to. */
static enum rc take_hold(struct upload *u, struct fault *f)
{
    struct file_info mine, there;
    struct path path = layout_upload_data(u->repo, u->id);
    enum rc rc = file_open(&u->store->tree, path.s, FILE_APPEND, &u->fd, f);
    if (rc == RC_OK)
        rc = file_lock(u->fd, f);
    if (rc == RC_OK)
        rc = file_stat_fd(u->fd, &mine, f);
    if (rc == RC_OK)
        rc = file_stat(&u->store->tree, path.s, &there, f);
    if (rc == RC_OK && mine.inode != there.inode)
        rc = RC_NOT_FOUND;
    if (rc == RC_OK)
        u->offset = u->flushed = u->from = mine.size;
    return unknown(u->id, rc, f);
}

static struct upload *upload_new(struct store *s, struct name repo, struct span id)
{
    struct upload *u = must_calloc(sizeof(*u) + repo.s.n + id.n);
    char *behind = u->text + repo.s.n;
    memcpy(u->text, repo.s.p, repo.s.n);
    memcpy(behind, id.p, id.n);
    u->store = s;
    u->repo = (struct name){span_from(u->text, repo.s.n)};
    u->id = span_from(behind, id.n);
    u->fd = -1;
    pins_enter(&s->pins, u->repo.s);
    return u;
}

static void upload_free(struct upload *u)
{
    file_close(u->fd);
    pins_leave(&u->store->pins, u->repo.s);
    free(u);
}

enum rc upload_open(struct store *s, struct name repo, struct span id, struct upload **out,
                    struct fault *f)
{
    if (!upload_id_valid(id))
        return unknown(id, RC_NOT_FOUND, f);
    struct upload *u = upload_new(s, repo, id);
    bool distrusts = atomic_load(&s->distrusts);
    enum rc rc = take_hold(u, f);
    if (rc == RC_OK)
        load_hash(u, distrusts ? f : NULL);
    if (rc == RC_OK && distrusts)
        rc = u->saved_rc;
    if (rc == RC_OK && distrusts && u->saved < u->offset)
        rc = cut(u, u->saved, f);
    if (rc != RC_OK) {
        upload_free(u);
        return rc;
    }
    u->synced = u->saved == u->offset;
    *out = u;
    return RC_OK;
}

uint64_t upload_offset(const struct upload *u)
{
    return u->offset;
}

static enum rc flush_along(struct upload *u, struct fault *f)
{
    enum rc rc = RC_OK;
    while (rc == RC_OK && u->offset - u->flushed >= FLUSH_BYTES) {
        rc = file_write_back(u->fd, u->flushed, FLUSH_BYTES, f);
        if (rc == RC_OK && u->flushed >= BEHIND_BYTES)
            rc = file_write_wait(u->fd, u->flushed - BEHIND_BYTES, FLUSH_BYTES, f);
        u->flushed += FLUSH_BYTES;
    }
    if (rc != RC_OK)
        fall_back(u);
    return rc;
}

enum rc upload_append(struct upload *u, struct span bytes, struct fault *f)
{
    enum rc rc = catch_up(u, f);
    if (rc != RC_OK)
        return rc;
    u->synced = false;
    rc = file_write(u->fd, bytes, f);
    if (rc != RC_OK) {
        /* Some of it may have been written: what counts is the file. */
        struct file_info info;
        if (file_stat_fd(u->fd, &info, NULL) == RC_OK)
            u->offset = info.size;
        return rc;
    }
    hash_add(&u->hash, bytes);
    u->offset += bytes.n;
    u->hashed += bytes.n;
    return flush_along(u, f);
}

static enum rc sync_data(struct upload *u, struct fault *f)
{
    enum rc rc = file_sync(u->fd, f);
    if (rc != RC_OK)
        fall_back(u);
    return rc;
}

enum rc upload_sync(struct upload *u, struct fault *f)
{
    if (u->synced)
        return RC_OK;
    enum rc rc = catch_up(u, f);
    /* The data before the state: after a crash, a state never speaks of lost bytes. */
    if (rc == RC_OK)
        rc = sync_data(u, f);
    if (rc == RC_OK)
        rc = save_hash(u, f);
    u->synced = rc == RC_OK || u->synced;
    return rc;
}

void upload_forget(struct upload *u)
{
    if (u->over || u->offset <= u->from)
        return;
    if (cut(u, u->from, NULL) == RC_OK)
        u->synced = true;
}

void upload_close(struct upload *u)
{
    if (!u)
        return;
    /* The client was told nothing. */
    if (!u->synced && sync_data(u, NULL) == RC_OK && u->hashed == u->offset) {
        enum rc ignored = save_hash(u, NULL);
        (void)ignored;
    }
    upload_free(u);
}

/* ---- The end: a blob, or nothing. ------------------------------------------------------- */

static enum rc remove_upload(struct upload *u, struct fault *f)
{
    u->synced = u->over = true; /* nothing left to keep */
    return file_remove_tree(&u->store->tree, layout_upload(u->repo, u->id).s, f);
}

static void upload_end(struct upload *u)
{
    enum rc ignored = remove_upload(u, NULL);
    (void)ignored;
}

/* Most often nothing else is left of it when its data is a blob's. Not synced: upload_end does
 * that, and finds it done together with what was synced since. */
static void drop_rest(struct upload *u)
{
    struct tree *t = &u->store->tree;
    enum rc ignored = file_drop(t, layout_upload_started(u->repo, u->id).s, NULL);
    (void)ignored;
    (void)file_remove_empty(t, layout_upload(u->repo, u->id).s);
}

static enum rc check_digest(struct upload *u, const struct digest *d, struct fault *f)
{
    struct digest content;
    enum rc rc = d->alg == u->hash.alg ? catch_up(u, f) : rehash(u, d->alg, f);
    if (rc != RC_OK)
        return rc;
    hash_end(&u->hash, &content);
    if (!digest_eq(&content, d) && u->origin == HASH_LOADED) {
        rc = rehash(u, d->alg, f);
        if (rc != RC_OK)
            return rc;
        hash_end(&u->hash, &content);
    }
    if (digest_eq(&content, d))
        return RC_OK;
    return fault(f, RC_DIGEST_INVALID,
                 "invalid digest for referenced layer: %s, content does not match digest",
                 digest_print(d).s);
}

static enum rc become_blob(struct upload *u, const struct digest *d, struct fault *f)
{
    struct store *s = u->store;
    enum rc rc = repo_prepare(s, u->repo, f);
    /* Over a blob that is there already: these bytes are known to be right, and the
     * ones there may not be. */
    if (rc == RC_OK)
        rc = file_move(&s->tree, layout_upload_data(u->repo, u->id).s, layout_blob(d).s, f);
    if (rc == RC_OK) {
        drop_rest(u);
        rc = link_put(s, layout_layer_link(u->repo, d).s, d, f);
    }
    return rc;
}

/* Is the file still the upload's? One that is a blob must not be written to. */
static bool is_mine(struct upload *u)
{
    struct file_info mine, there;
    struct path path = layout_upload_data(u->repo, u->id);
    return file_stat_fd(u->fd, &mine, NULL) == RC_OK &&
           file_stat(&u->store->tree, path.s, &there, NULL) == RC_OK && mine.inode == there.inode;
}

static enum rc commit_pinned(struct upload *u, const struct digest *d, struct fault *f)
{
    struct pins *pins = &u->store->pins;
    pins_begin_put(pins, u->repo.s, PIN_BLOB, d);
    enum rc rc = become_blob(u, d, f);
    pins_end_put(pins, u->repo.s, d, rc == RC_OK ? PIN_KEPT : PIN_DROPPED);
    u->over = rc != RC_OK && !is_mine(u);
    return rc;
}

enum rc upload_commit(struct upload *u, const struct digest *d, struct fault *f)
{
    enum rc rc = check_digest(u, d, f);
    if (rc == RC_OK)
        rc = sync_data(u, f);
    if (rc == RC_OK)
        rc = commit_pinned(u, d, f);
    /* Who has no room gives some back: clients begin anew, and not where they were. What cannot be
     * removed of a blob that is there is the purge's. */
    if (rc == RC_OK || rc == RC_DIGEST_INVALID || rc == RC_NO_SPACE || u->over)
        upload_end(u);
    return rc;
}

void upload_abandon(struct upload *u)
{
    if (!u)
        return;
    upload_end(u);
    upload_free(u);
}

enum rc upload_cancel(struct store *s, struct name repo, struct span id, struct fault *f)
{
    struct upload *u = NULL;
    enum rc rc = upload_open(s, repo, id, &u, f);
    if (rc != RC_OK)
        return rc;
    rc = remove_upload(u, f);
    upload_free(u);
    return rc;
}

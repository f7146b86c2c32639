/* SPDX-License-Identifier: Apache-2.0 */
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "test/unit/gc/shelf.h"

enum { HOUR_MS = 3600 * 1000, WEEK_MS = 7 * 24 * HOUR_MS };

void shelf_init(struct shelf *s)
{
    const char *memory = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    *s = (struct shelf){.options = {.grace_ms = HOUR_MS, .upload_age_ms = WEEK_MS}};
    (void)snprintf(s->root, sizeof(s->root), "%s/registry-gc-XXXXXX", memory);
    assert_non_null(mkdtemp(s->root));
    assert_int_equal(store_open(s->root, &s->store, NULL), RC_OK);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void shelf_fini(struct shelf *s)
{
    enum { DESCRIPTORS = 16 };
    store_close(s->store);
    assert_int_equal(nftw(s->root, remove_one, DESCRIPTORS, FTW_DEPTH | FTW_PHYS), 0);
}

void shelf_restart(struct shelf *s)
{
    store_close(s->store);
    assert_int_equal(store_open(s->root, &s->store, NULL), RC_OK);
}

void shelf_pass(struct shelf *s, uint64_t ms)
{
    pins_pass_time(&s->store->pins, ms);
}

int shelf_setup(void **state)
{
    struct shelf *s = malloc(sizeof(*s));
    assert_non_null(s);
    shelf_init(s);
    *state = s;
    return 0;
}

int shelf_teardown(void **state)
{
    shelf_fini(*state);
    free(*state);
    return 0;
}

/* ---- Names. ----------------------------------------------------------------------------- */

struct name repo_named(const char *name)
{
    struct name n;
    assert_int_equal(name_parse(span_of(name), &n, NULL), RC_OK);
    return n;
}

struct reference by_tag(const char *tag)
{
    struct reference r;
    assert_int_equal(reference_parse(span_of(tag), &r, NULL), RC_OK);
    return r;
}

struct reference by_digest(const struct digest *d)
{
    return (struct reference){.kind = REFERENCE_DIGEST, .digest = *d};
}

struct span blob_bytes(int blob, char text[64])
{
    int n = snprintf(text, 64, "these are the bytes of blob %d", blob);
    return span_from(text, (size_t)n);
}

struct digest blob_digest(int blob)
{
    char text[64];
    return digest_of(DIGEST_SHA256, blob_bytes(blob, text));
}

/* ---- Documents. ------------------------------------------------------------------------- */

static void add_descriptor(struct buf *b, const char *type, const struct digest *d, size_t size)
{
    buf_printf(b, "{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu}", type, digest_print(d).s,
               size);
}

static void add_blob(struct buf *b, const char *type, int blob)
{
    char text[64];
    struct digest d = blob_digest(blob);
    add_descriptor(b, type, &d, blob_bytes(blob, text).n);
}

static void add_image(struct buf *b, const int *blobs, const struct digest *subject)
{
    buf_printf(b, "{\"schemaVersion\":2,\"mediaType\":\"%s\",\"config\":", OCI_MEDIA_MANIFEST);
    add_blob(b, "application/vnd.oci.image.config.v1+json", blobs[0]);
    buf_add_str(b, ",\"layers\":[");
    for (int i = 1; blobs[i] >= 0; i++) {
        buf_add_str(b, i > 1 ? "," : "");
        add_blob(b, "application/vnd.oci.image.layer.v1.tar", blobs[i]);
    }
    buf_add_char(b, ']');
    if (subject) {
        buf_add_str(b, ",\"subject\":");
        add_descriptor(b, OCI_MEDIA_MANIFEST, subject, 1);
    }
    buf_add_char(b, '}');
}

struct digest image_json(char json[4096], const int *blobs)
{
    struct buf b;
    buf_init(&b);
    add_image(&b, blobs, NULL);
    assert_true(b.n < 4096);
    memcpy(json, b.p, b.n);
    json[b.n] = 0;
    struct digest d = digest_of(DIGEST_SHA256, buf_span(&b));
    buf_fini(&b);
    return d;
}

static enum rc put(struct shelf *s, const char *repo, const char *tag, struct span json,
                   struct digest *out)
{
    struct arena a;
    struct oci_manifest m;
    struct tag t = {tag ? span_of(tag) : SPAN("")};
    arena_init(&a);
    assert_int_equal(oci_parse(json, SPAN(""), &a, &m, NULL), RC_OK);
    *out = digest_of(DIGEST_SHA256, json);
    struct manifest_new put = {
        .bytes = json, .digest = *out, .parsed = &m, .tags = &t, .tag_count = tag ? 1 : 0};
    enum rc rc = manifest_put(s->store, repo_named(repo), &put, NULL);
    arena_fini(&a);
    return rc;
}

/* ---- Clients. --------------------------------------------------------------------------- */

enum rc put_blob(struct shelf *s, const char *repo, int blob)
{
    char text[64];
    struct name name = repo_named(repo);
    struct upload_id id;
    struct upload *u = NULL;
    struct digest d = blob_digest(blob);
    enum rc rc = upload_begin(s->store, name, DIGEST_SHA256, &id, NULL);
    if (rc == RC_OK)
        rc = upload_open(s->store, name, span_of(id.s), &u, NULL);
    if (rc == RC_OK)
        rc = upload_append(u, blob_bytes(blob, text), NULL);
    if (rc == RC_OK)
        rc = upload_commit(u, &d, NULL);
    upload_close(u);
    return rc;
}

struct digest push_blob(struct shelf *s, const char *repo, int blob)
{
    assert_int_equal(put_blob(s, repo, blob), RC_OK);
    return blob_digest(blob);
}

enum rc put_image(struct shelf *s, const char *repo, const char *tag, const int *blobs)
{
    char json[4096];
    struct digest d = image_json(json, blobs);
    return put(s, repo, tag, span_of(json), &d);
}

struct digest push_image(struct shelf *s, const char *repo, const char *tag, const int *blobs)
{
    char json[4096];
    for (int i = 0; blobs[i] >= 0; i++)
        (void)push_blob(s, repo, blobs[i]);
    assert_int_equal(put_image(s, repo, tag, blobs), RC_OK);
    return image_json(json, blobs);
}

static void add_index(struct buf *b, const struct digest *children, size_t n)
{
    buf_printf(b, "{\"schemaVersion\":2,\"mediaType\":\"%s\",\"manifests\":[", OCI_MEDIA_INDEX);
    for (size_t i = 0; i < n; i++) {
        buf_add_str(b, i > 0 ? "," : "");
        add_descriptor(b, OCI_MEDIA_MANIFEST, &children[i], 1);
    }
    buf_add_str(b, "]}");
}

struct digest index_digest(const struct digest *children, size_t n)
{
    struct buf b;
    buf_init(&b);
    add_index(&b, children, n);
    struct digest d = digest_of(DIGEST_SHA256, buf_span(&b));
    buf_fini(&b);
    return d;
}

struct digest referrer_digest(const struct digest *subject, int blob)
{
    struct buf b;
    buf_init(&b);
    add_image(&b, IMAGE(blob, blob), subject);
    struct digest d = digest_of(DIGEST_SHA256, buf_span(&b));
    buf_fini(&b);
    return d;
}

enum rc put_index(struct shelf *s, const char *repo, const char *tag, const struct digest *children,
                  size_t n, struct digest *out)
{
    struct buf b;
    buf_init(&b);
    add_index(&b, children, n);
    enum rc rc = put(s, repo, tag, buf_span(&b), out);
    buf_fini(&b);
    return rc;
}

struct digest push_index(struct shelf *s, const char *repo, const char *tag,
                         const struct digest *children, size_t n)
{
    struct digest d;
    assert_int_equal(put_index(s, repo, tag, children, n, &d), RC_OK);
    return d;
}

enum rc put_referrer(struct shelf *s, const char *repo, const struct digest *subject, int blob,
                     struct digest *out)
{
    struct buf b;
    buf_init(&b);
    add_image(&b, IMAGE(blob, blob), subject);
    enum rc rc = put(s, repo, NULL, buf_span(&b), out);
    buf_fini(&b);
    return rc;
}

struct digest push_referrer(struct shelf *s, const char *repo, const struct digest *subject,
                            int blob)
{
    struct digest d;
    (void)push_blob(s, repo, blob);
    assert_int_equal(put_referrer(s, repo, subject, blob, &d), RC_OK);
    return d;
}

enum rc delete_reference(struct shelf *s, const char *repo, const struct reference *r)
{
    struct list tags = {0};
    struct arena a;
    arena_init(&a);
    enum rc rc = manifest_delete(s->store, repo_named(repo), r, &a, &tags, NULL);
    arena_fini(&a);
    return rc;
}

void delete_tag(struct shelf *s, const char *repo, const char *tag)
{
    struct reference r = by_tag(tag);
    assert_int_equal(delete_reference(s, repo, &r), RC_OK);
}

void delete_manifest(struct shelf *s, const char *repo, const struct digest *d)
{
    struct reference r = by_digest(d);
    assert_int_equal(delete_reference(s, repo, &r), RC_OK);
}

enum rc head_blob(struct shelf *s, const char *repo, int blob)
{
    struct blob b;
    struct digest d = blob_digest(blob);
    return blob_promise(s->store, repo_named(repo), &d, &b, NULL);
}

enum rc mount_blob(struct shelf *s, const char *from, const char *to, int blob)
{
    struct name source = repo_named(from);
    struct digest d = blob_digest(blob);
    return blob_mount(s->store, &source, repo_named(to), &d, NULL);
}

/* ---- What there is. --------------------------------------------------------------------- */

bool has_blob(struct shelf *s, const char *repo, int blob)
{
    struct blob b;
    struct digest d = blob_digest(blob);
    return blob_stat(s->store, repo_named(repo), &d, &b, NULL) == RC_OK;
}

bool has_manifest(struct shelf *s, const char *repo, const struct digest *d)
{
    struct arena a;
    struct manifest m;
    struct reference r = by_digest(d);
    arena_init(&a);
    enum rc rc = manifest_get(s->store, repo_named(repo), &r, &a, &m, NULL);
    arena_fini(&a);
    return rc == RC_OK;
}

bool is_whole(struct shelf *s, const char *repo, const int *blobs)
{
    char json[4096];
    struct digest d = image_json(json, blobs);
    bool whole = has_manifest(s, repo, &d);
    for (int i = 0; blobs[i] >= 0; i++)
        whole = whole && has_blob(s, repo, blobs[i]);
    return whole;
}

bool has_path(struct shelf *s, const char *below)
{
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/docker/registry/v2/%s", s->root, below);
    return access(path, F_OK) == 0;
}

bool has_data(struct shelf *s, const struct digest *d)
{
    char below[256];
    struct digest_text text = digest_hex(d);
    const char *hex = text.s;
    (void)snprintf(below, sizeof(below), "blobs/sha256/%.2s/%s/data", hex, hex);
    return has_path(s, below);
}

unsigned count_data(struct shelf *s)
{
    unsigned n = 0;
    struct found found;
    struct walk *w = walk_begin(s->store, WALK_BLOBS, (struct name){SPAN("")});
    while (walk_next(w, &found))
        n += found.state == FOUND;
    walk_end(w);
    return n;
}

/* ---- Collecting. ------------------------------------------------------------------------ */

struct gc_report shelf_collect(struct shelf *s)
{
    struct gc *gc = NULL;
    enum gc_next next;
    assert_int_equal(gc_begin(s->store, &s->options, &gc, NULL), RC_OK);
    while ((next = gc_step(gc, 1000)) != GC_END)
        if (next == GC_PAUSE)
            pins_pass_time(&s->store->pins, GC_PAUSE_MS);
    struct gc_report report = *gc_report(gc);
    gc_end(gc);
    return report;
}

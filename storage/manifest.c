/* SPDX-License-Identifier: Apache-2.0
 *
 * manifest: documents by digest, in a repository, stored byte for byte among the
 * blobs. The media type is not stored: it is what the document says.
 */
#include "storage/store.h"

static enum rc unknown(struct name repo, const struct digest *d, enum rc rc, struct fault *f)
{
    if (rc != RC_NOT_FOUND)
        return rc;
    return fault(f, RC_MANIFEST_UNKNOWN, "unknown manifest name=%.*s revision=%s", SPAN_ARG(repo.s),
                 digest_print(d).s);
}

static enum rc reference_resolve(struct store *s, struct name repo, const struct reference *ref,
                                 struct digest *out, struct origins *from, struct fault *f)
{
    struct path current;
    enum rc rc = RC_OK;
    switch (ref->kind) {
    case REFERENCE_TAG:
        current = layout_tag_current(repo, ref->tag);
        rc = link_get_origin(s, &current, out, from, f);
        return rc == RC_NOT_FOUND ? tag_get(s, repo, ref->tag, out, f) : rc;
    case REFERENCE_DIGEST:
        *out = ref->digest;
        return RC_OK;
    }
    return RC_INTERNAL;
}

static bool is_of(struct span bytes, const struct digest *d)
{
    struct digest content = digest_of(d->alg, bytes);
    return digest_eq(&content, d);
}

/* RC_MANIFEST_INVALID, without words, if the data is not what the digest says. */
static enum rc document_read(struct store *s, const struct digest *d, struct arena *a,
                             struct span *out, struct fault *f)
{
    struct span bytes;
    enum rc rc = file_get(&s->tree, layout_blob(d).s, OCI_MANIFEST_MAX, a, &bytes, f);
    if (rc == RC_SIZE_INVALID || (rc == RC_OK && !is_of(bytes, d))) {
        data_suspect(s, d);
        return RC_MANIFEST_INVALID;
    }
    if (rc == RC_OK)
        *out = bytes;
    return rc;
}

/* A crash of the registry image can leave an empty or torn file under a digest: it is as
 * good as none. */
enum rc document_get(struct store *s, const struct digest *d, struct arena *a, struct span *out,
                     struct fault *f)
{
    enum rc rc = document_read(s, d, a, out, f);
    return rc == RC_MANIFEST_INVALID ? RC_NOT_FOUND : rc;
}

enum rc manifest_read(struct store *s, const struct digest *d, struct arena *a,
                      struct oci_manifest *out, struct fault *f)
{
    struct span bytes;
    enum rc rc = document_read(s, d, a, &bytes, f);
    if (rc == RC_NOT_FOUND)
        return fault(f, RC_MANIFEST_UNKNOWN, "the manifest's data is missing");
    if (rc == RC_MANIFEST_INVALID)
        return fault(f, RC_MANIFEST_INVALID, "the manifest's data is not what its digest says");
    return rc == RC_OK ? oci_parse(bytes, SPAN(""), a, out, f) : rc;
}

/* The document, and when its data was last changed before that was read. */
static enum rc document_get_origin(struct store *s, const struct digest *d, struct arena *a,
                                   struct span *out, struct origins *from, struct fault *f)
{
    struct file_info info;
    struct path data = layout_blob(d);
    enum rc rc = file_stat(&s->tree, data.s, &info, f);
    if (rc != RC_OK)
        return rc;
    from->paths[from->count] = data;
    from->times[from->count++] = info.times;
    return document_get(s, d, a, out, f);
}

enum rc manifest_get(struct store *s, struct name repo, const struct reference *ref,
                     struct arena *a, struct manifest *out, struct fault *f)
{
    struct digest d, linked;
    struct span bytes;
    struct oci_manifest parsed;
    struct origins from = {.count = 0};
    enum rc rc = reference_resolve(s, repo, ref, &d, &from, f);
    if (rc != RC_OK)
        return rc;
    struct path link = layout_revision_link(repo, &d);
    rc = link_get_origin(s, &link, &linked, &from, f);
    if (rc == RC_OK)
        rc = document_get_origin(s, &d, a, &bytes, &from, f);
    if (rc != RC_OK)
        return unknown(repo, &d, rc, f);
    rc = oci_parse(bytes, SPAN(""), a, &parsed, NULL);
    if (rc != RC_OK)
        return unknown(repo, &d, RC_NOT_FOUND, f);
    *out = (struct manifest){.digest = d, .media_type = parsed.media_type, .bytes = bytes};
    answer_remember(s, repo, ref, &from, out);
    return RC_OK;
}

enum rc manifest_promise(struct store *s, struct name repo, const struct digest *d, struct fault *f)
{
    struct digest linked;
    time_t modified;
    struct path link = layout_revision_link(repo, d);
    pins_begin(&s->pins, repo.s, PIN_MANIFEST, d);
    enum rc rc = link_get_timed(s, link.s, &linked, &modified, f);
    if (rc == RC_OK)
        link_promised(s, link.s, modified);
    pins_end(&s->pins, repo.s, d, rc == RC_OK ? PIN_KEPT : PIN_DROPPED);
    return unknown(repo, d, rc, f);
}

/* ---- Pushing. --------------------------------------------------------------------------- */

static enum rc check_reference(struct store *s, struct name repo, const struct oci_descriptor *r,
                               struct fault *f)
{
    struct blob b;
    if (r->role == OCI_CHILD)
        return settle_put(s, layout_revision(repo, &r->digest), &r->digest, 0, f);
    if (r->foreign)
        return RC_OK;
    enum rc rc = blob_find(s, repo, &r->digest, &b, NULL, f);
    if (rc == RC_OK)
        return settle_put(s, layout_layer(repo, &r->digest), &r->digest, 0, f);
    if (rc == RC_NOT_FOUND)
        rc = fault(f, RC_MANIFEST_BLOB_UNKNOWN, "%s", digest_print(&r->digest).s);
    return rc;
}

/* Every blob that the manifest needs must be in the repository. Children of an index
 * need not: an index may be pushed for some platforms only. */
static enum rc check_references(struct store *s, struct name repo, const struct oci_manifest *m,
                                struct fault *f)
{
    enum rc first = RC_OK;
    for (size_t i = 0; i < m->ref_count; i++) {
        enum rc rc = check_reference(s, repo, &m->refs[i], f);
        if (rc == RC_MANIFEST_BLOB_UNKNOWN)
            first = rc;
        else if (rc != RC_OK)
            return rc;
    }
    return first;
}

static enum rc revision_put(struct store *s, struct name repo, const struct manifest_new *m,
                            struct fault *f)
{
    struct digest_text name = digest_print(&m->digest);
    pthread_mutex_t *lock = locks_take(&s->revision_locks, repo.s, span_of(name.s));
    enum rc rc = link_put(s, layout_revision_link(repo, &m->digest).s, &m->digest, f);
    for (size_t i = 0; rc == RC_OK && i < m->tag_count; i++)
        rc = tag_put(s, repo, m->tags[i], &m->digest, f);
    (void)pthread_mutex_unlock(lock);
    return rc;
}

static enum rc put_pinned(struct store *s, struct name repo, const struct manifest_new *m,
                          struct fault *f)
{
    enum rc rc = check_references(s, repo, m->parsed, f);
    /* Also if it is there already: that one may be damaged, or not yet synced by whoever is
     * writing it at this moment. */
    if (rc == RC_OK)
        rc = file_put(&s->tree, layout_blob(&m->digest).s, m->bytes, f);
    if (rc == RC_OK)
        rc = repo_prepare(s, repo, f);
    if (rc == RC_OK)
        rc = revision_put(s, repo, m, f);
    return rc;
}

static enum pin_kind kind_of(const struct oci_descriptor *r)
{
    return r->role == OCI_CHILD ? PIN_MANIFEST : PIN_BLOB;
}

/* All that the manifest reaches, and itself. */
static void pin_all(struct store *s, struct name repo, const struct manifest_new *m)
{
    for (size_t i = 0; i < m->parsed->ref_count; i++) {
        const struct oci_descriptor *r = &m->parsed->refs[i];
        pins_begin(&s->pins, repo.s, kind_of(r), &r->digest);
    }
    pins_begin_put(&s->pins, repo.s, PIN_MANIFEST, &m->digest);
}

static void unpin_all(struct store *s, struct name repo, const struct manifest_new *m)
{
    for (size_t i = 0; i < m->parsed->ref_count; i++)
        pins_end(&s->pins, repo.s, &m->parsed->refs[i].digest, PIN_DROPPED);
    pins_end_put(&s->pins, repo.s, &m->digest, PIN_DROPPED);
}

static void use(struct store *s, struct name repo, const struct oci_descriptor *r)
{
    struct path link = r->role == OCI_CHILD ? layout_revision_link(repo, &r->digest)
                                            : layout_layer_link(repo, &r->digest);
    link_used(s, link.s);
    pins_end(&s->pins, repo.s, &r->digest, PIN_USED);
}

/* For good? Nothing keeps the referrer by a subject that a crash may still take away. */
static bool has_subject(struct store *s, struct name repo, const struct digest *d)
{
    struct file_info info;
    return file_stat(&s->tree, layout_revision_link(repo, d).s, &info, NULL) == RC_OK &&
           !pins_are_putting(&s->pins, d, 0) && tree_settle(&s->tree, NULL) == RC_OK;
}

/* Is there something that keeps it: a tag, or as a referrer its subject? One without waits for the
 * index that will hold it, or for the subject that is still to come. */
static bool is_kept(struct store *s, struct name repo, const struct manifest_new *m)
{
    return m->tag_count > 0 ||
           (m->parsed->has_subject && has_subject(s, repo, &m->parsed->subject));
}

/* The manifest is accepted: from now on it is what keeps the rest. */
static void use_all(struct store *s, struct name repo, const struct manifest_new *m)
{
    bool kept = is_kept(s, repo, m);
    for (size_t i = 0; i < m->parsed->ref_count; i++)
        use(s, repo, &m->parsed->refs[i]);
    if (kept)
        link_used(s, layout_revision_link(repo, &m->digest).s);
    pins_end_put(&s->pins, repo.s, &m->digest, kept ? PIN_USED : PIN_KEPT);
}

enum rc manifest_put(struct store *s, struct name repo, const struct manifest_new *m,
                     struct fault *f)
{
    pin_all(s, repo, m);
    enum rc rc = put_pinned(s, repo, m, f);
    if (rc == RC_OK)
        use_all(s, repo, m);
    else
        unpin_all(s, repo, m);
    return rc;
}

/* ---- Deleting. -------------------------------------------------------------------------- */

/* It was there, and has lost its tags: a collection may have been faster, which is as well. */
static enum rc remove_link(struct store *s, struct path link, struct fault *f)
{
    enum rc rc = file_remove(&s->tree, link.s, f);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc revision_delete(struct store *s, struct name repo, const struct digest *d,
                               struct lister *gone, struct fault *f)
{
    struct file_info info;
    struct path link = layout_revision_link(repo, d);
    struct digest_text name = digest_print(d);
    pthread_mutex_t *lock = locks_take(&s->revision_locks, repo.s, span_of(name.s));
    enum rc rc = file_stat(&s->tree, link.s, &info, f);
    /* Tags first: a crash in between leaves a manifest without a tag, and never a tag
     * without a manifest. */
    if (rc == RC_OK)
        rc = tag_delete_all(s, repo, d, gone, f);
    if (rc == RC_OK)
        rc = remove_link(s, link, f);
    if (rc == RC_OK) {
        (void)file_remove_empty(&s->tree, layout_revision(repo, d).s);
        pins_forget(&s->pins, repo.s, d);
    }
    (void)pthread_mutex_unlock(lock);
    return unknown(repo, d, rc, f);
}

static enum rc reference_delete(struct store *s, struct name repo, const struct reference *ref,
                                struct lister *gone, struct fault *f)
{
    enum rc rc = RC_INTERNAL;
    switch (ref->kind) {
    case REFERENCE_TAG:
        rc = tag_delete(s, repo, ref->tag, f);
        if (rc == RC_OK)
            lister_add(gone, ref->tag.s);
        return rc;
    case REFERENCE_DIGEST:
        return revision_delete(s, repo, &ref->digest, gone, f);
    }
    return rc;
}

enum rc manifest_delete(struct store *s, struct name repo, const struct reference *ref,
                        struct arena *a, struct list *tags, struct fault *f)
{
    const struct page all = {.limit = UINT64_MAX};
    struct lister gone = {.arena = a};
    enum rc rc = reference_delete(s, repo, ref, &gone, f);
    if (rc == RC_OK)
        lister_page(&gone, &all, tags);
    lister_fini(&gone);
    return rc;
}

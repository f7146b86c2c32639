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
                                 struct digest *out, struct fault *f)
{
    switch (ref->kind) {
    case REFERENCE_TAG:
        return tag_get(s, repo, ref->tag, out, f);
    case REFERENCE_DIGEST:
        *out = ref->digest;
        return RC_OK;
    }
    return RC_INTERNAL;
}

/* A crash of the registry image can leave an empty or torn file under a digest: it is as
 * good as none. */
enum rc document_get(struct store *s, const struct digest *d, struct arena *a, struct span *out,
                     struct fault *f)
{
    struct span bytes;
    enum rc rc = file_get(&s->tree, layout_blob(d).s, OCI_MANIFEST_MAX, a, &bytes, f);
    if (rc != RC_OK)
        return rc;
    struct digest content = digest_of(d->alg, bytes);
    if (!digest_eq(&content, d))
        return RC_NOT_FOUND;
    *out = bytes;
    return RC_OK;
}

enum rc manifest_get(struct store *s, struct name repo, const struct reference *ref,
                     struct arena *a, struct manifest *out, struct fault *f)
{
    struct digest d, linked;
    struct span bytes;
    struct oci_manifest parsed;
    enum rc rc = reference_resolve(s, repo, ref, &d, f);
    if (rc != RC_OK)
        return rc;
    rc = link_get(s, layout_revision_link(repo, &d).s, &linked, f);
    if (rc == RC_OK)
        rc = document_get(s, &d, a, &bytes, f);
    if (rc != RC_OK)
        return unknown(repo, &d, rc, f);
    rc = oci_parse(bytes, SPAN(""), a, &parsed, NULL);
    if (rc != RC_OK)
        return unknown(repo, &d, RC_NOT_FOUND, f);
    *out = (struct manifest){.digest = d, .media_type = parsed.media_type, .bytes = bytes};
    return RC_OK;
}

/* Every blob that the manifest needs must be in the repository. Children of an index
 * need not: an index may be pushed for some platforms only. */
static enum rc check_references(struct store *s, struct name repo, const struct oci_manifest *m,
                                struct fault *f)
{
    enum rc first = RC_OK;
    for (size_t i = 0; i < m->ref_count; i++) {
        const struct oci_descriptor *r = &m->refs[i];
        struct blob b;
        if (r->role == OCI_CHILD || r->foreign)
            continue;
        enum rc rc = blob_stat(s, repo, &r->digest, &b, NULL);
        if (rc == RC_OK)
            continue;
        if (rc != RC_BLOB_UNKNOWN)
            return rc;
        first = fault(f, RC_MANIFEST_BLOB_UNKNOWN, "%s", digest_print(&r->digest).s);
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

enum rc manifest_put(struct store *s, struct name repo, const struct manifest_new *m,
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

static enum rc revision_delete(struct store *s, struct name repo, const struct digest *d,
                               struct fault *f)
{
    struct file_info info;
    struct path link = layout_revision_link(repo, d);
    struct digest_text name = digest_print(d);
    pthread_mutex_t *lock = locks_take(&s->revision_locks, repo.s, span_of(name.s));
    enum rc rc = file_stat(&s->tree, link.s, &info, f);
    /* Tags first: a crash in between leaves a manifest without a tag, and never a tag
     * without a manifest. */
    if (rc == RC_OK)
        rc = tag_delete_all(s, repo, d, f);
    if (rc == RC_OK)
        rc = file_remove(&s->tree, link.s, f);
    if (rc == RC_OK)
        file_remove_empty(&s->tree, layout_revision(repo, d).s);
    (void)pthread_mutex_unlock(lock);
    return unknown(repo, d, rc, f);
}

enum rc manifest_delete(struct store *s, struct name repo, const struct reference *ref,
                        struct fault *f)
{
    switch (ref->kind) {
    case REFERENCE_TAG:
        return tag_delete(s, repo, ref->tag, f);
    case REFERENCE_DIGEST:
        return revision_delete(s, repo, &ref->digest, f);
    }
    return RC_INTERNAL;
}

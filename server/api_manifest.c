/* SPDX-License-Identifier: Apache-2.0
 *
 * api_manifest: manifests by tag and digest (distribution-spec, "Pulling manifests",
 * "Pushing Manifests", "Deleting Manifests", "Deleting tags").
 *
 * What was pushed is what is served, whatever the Accept header says: a document that
 * was converted would have another digest.
 */
#include <inttypes.h>

#include "server/api.h"
#include "server/event.h"
#include "server/space.h"

enum { TAGS_MAX = 100 }; /* in one request */

struct manifest_op {
    struct op op;
    struct name repo;
    struct reference ref;
    struct span content_type, if_none_match; /* headers; empty if absent */
    struct buf body;                         /* put */
    struct digest digest;                    /* put: of the body */
    struct tag *tags;                        /* put: to point at it */
    size_t tag_count;
    struct oci_manifest parsed; /* put */
    struct manifest manifest;   /* get */
};

static struct manifest_op *of(struct op *op)
{
    return container_of(op, struct manifest_op, op);
}

static enum rc parse(struct op *op, const struct request *rq)
{
    struct manifest_op *m = of(op);
    enum rc rc = name_parse(rq->vars[VAR_NAME], &m->repo, op->fault);
    if (rc == RC_OK)
        rc = reference_parse(rq->vars[VAR_REFERENCE], &m->ref, op->fault);
    m->content_type = http_header_find(rq->head, SPAN("Content-Type"));
    m->if_none_match = http_header_list(rq->head, SPAN("If-None-Match"), op->arena);
    return rc;
}

/* What cannot be a tag is not there: for reading, 404 and not 400. */
static enum rc read_parse(struct op *op, const struct request *rq)
{
    enum rc rc = parse(op, rq);
    if (rc != RC_TAG_INVALID)
        return rc;
    fault_init(op->fault, op->arena);
    return fault(op->fault, RC_MANIFEST_UNKNOWN, "unknown tag=%.*s",
                 SPAN_ARG(rq->vars[VAR_REFERENCE]));
}

static bool is_known(const struct manifest_op *m)
{
    struct digest_text d = digest_print(&m->manifest.digest);
    return http_etag_matches(m->if_none_match, span_of(d.s));
}

static void tell_pull(struct manifest_op *m)
{
    event_tell(&m->op, &(struct event){
                           .action = EVENT_PULL,
                           .repo = m->repo,
                           .digest = &m->manifest.digest,
                           .media_type = m->manifest.media_type,
                           .size = m->manifest.bytes.n,
                           .tag = m->ref.tag.s,
                           .manifest = m->manifest.bytes,
                       });
}

static enum rc get_open(struct op *op)
{
    struct manifest_op *m = of(op);
    enum rc rc = manifest_get(op->store, m->repo, &m->ref, op->arena, &m->manifest, op->fault);
    if (rc == RC_OK && !is_known(m))
        tell_pull(m);
    return rc;
}

static bool get_quick(struct op *op)
{
    struct manifest_op *m = of(op);
    return manifest_get_again(op->store, m->repo, &m->ref, op->moment, op->arena, &m->manifest) ==
           RC_OK;
}

/* Who asks for a digest whether it is there will not push it, but put it into an index. */
static enum rc head_open(struct op *op)
{
    struct manifest_op *m = of(op);
    enum rc rc = RC_OK;
    if (m->ref.kind == REFERENCE_DIGEST)
        rc = manifest_promise(op->store, m->repo, &m->ref.digest, op->fault);
    return rc == RC_OK ? get_open(op) : rc;
}

static bool head_quick(struct op *op)
{
    return of(op)->ref.kind == REFERENCE_TAG && get_quick(op);
}

static void get_reply(struct op *op, struct reply *r)
{
    struct manifest_op *m = of(op);
    struct digest_text d = digest_print(&m->manifest.digest);
    reply_header(r, "Docker-Content-Digest", d.s);
    reply_headerf(r, "Etag", "\"%s\"", d.s);
    if (is_known(m)) {
        reply_status(r, STATUS_NOT_MODIFIED);
        return;
    }
    reply_bytes(r, m->manifest.media_type, m->manifest.bytes);
}

/* ---- PUT. ------------------------------------------------------------------------------- */

static size_t largest(const struct op *op)
{
    uint64_t most = op->config->manifest_max;
    return most > 0 && most < OCI_MANIFEST_MAX ? (size_t)most : OCI_MANIFEST_MAX;
}

static enum rc too_large(struct op *op)
{
    return fault(op->fault, RC_MANIFEST_TOO_LARGE, "a manifest has at most %zu bytes", largest(op));
}

static enum rc add_tag(struct manifest_op *m, struct span text)
{
    enum rc rc = tag_parse(text, &m->tags[m->tag_count], m->op.fault);
    m->tag_count += rc == RC_OK;
    return rc;
}

/* By tag: that one. By digest: those of the query, "?tag=a&tag=b" (distribution-spec,
 * "Pushing Manifests with Tags"). */
static enum rc parse_tags(struct manifest_op *m, const struct request *rq)
{
    struct arena *a = m->op.arena;
    struct span rest = rq->head->query, text;
    m->tags = arena_alloc(a, (TAGS_MAX + 1) * sizeof(*m->tags));
    if (m->ref.kind == REFERENCE_TAG)
        return add_tag(m, m->ref.tag.s);
    while (http_query_next(&rest, SPAN("tag"), a, &text)) {
        if (m->tag_count == TAGS_MAX)
            return fault(m->op.fault, RC_TAG_INVALID, "more than %d tags", TAGS_MAX);
        enum rc rc = add_tag(m, text);
        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}

static enum rc put_parse(struct op *op, const struct request *rq)
{
    enum rc rc = parse(op, rq);
    if (rc == RC_OK)
        rc = parse_tags(of(op), rq);
    if (rc != RC_OK)
        return rc;
    if (rq->head->framing == HTTP_LENGTH && rq->head->content_length > largest(op))
        return too_large(op);
    return RC_OK;
}

static enum rc put_open(struct op *op)
{
    return space_check(op, 0); /* storage.minfree is larger than manifests are */
}

static enum rc put_chunk(struct op *op, struct span bytes)
{
    struct manifest_op *m = of(op);
    if (bytes.n > largest(op) - m->body.n)
        return too_large(op);
    buf_add_span(&m->body, bytes);
    return RC_OK;
}

/* By digest: the body must have it. */
static enum rc check_digest(struct manifest_op *m)
{
    enum digest_alg alg = m->ref.kind == REFERENCE_DIGEST ? m->ref.digest.alg : DIGEST_SHA256;
    m->digest = digest_of(alg, buf_span(&m->body));
    if (m->ref.kind == REFERENCE_TAG || digest_eq(&m->digest, &m->ref.digest))
        return RC_OK;
    return fault(m->op.fault, RC_DIGEST_INVALID, "the manifest's digest is %s",
                 digest_print(&m->digest).s);
}

/* One event for each tag, and one if there is none. */
static void tell_push(struct manifest_op *m)
{
    struct event e = {
        .action = EVENT_PUSH,
        .repo = m->repo,
        .digest = &m->digest,
        .media_type = m->parsed.media_type,
        .size = m->body.n,
        .manifest = buf_span(&m->body),
    };
    if (m->tag_count == 0)
        event_tell(&m->op, &e);
    for (size_t i = 0; i < m->tag_count; i++) {
        e.tag = m->tags[i].s;
        event_tell(&m->op, &e);
    }
}

static enum rc put_finish(struct op *op)
{
    struct manifest_op *m = of(op);
    enum rc rc = check_digest(m);
    if (rc == RC_OK)
        rc = oci_parse(buf_span(&m->body), m->content_type, op->arena, &m->parsed, op->fault);
    if (rc != RC_OK)
        return rc;
    struct manifest_new put = {
        .bytes = buf_span(&m->body),
        .digest = m->digest,
        .parsed = &m->parsed,
        .tags = m->tags,
        .tag_count = m->tag_count,
    };
    rc = manifest_put(op->store, m->repo, &put, op->fault);
    if (rc == RC_OK)
        tell_push(m);
    return rc;
}

static void put_close(struct op *op)
{
    buf_fini(&of(op)->body);
}

static void put_reply(struct op *op, struct reply *r)
{
    struct manifest_op *m = of(op);
    struct digest_text d = digest_print(&m->digest);
    reply_status(r, STATUS_CREATED);
    reply_headerf(r, "Location", "%.*s/v2/%.*s/manifests/%s", SPAN_ARG(op->base),
                  SPAN_ARG(m->repo.s), d.s);
    reply_header(r, "Docker-Content-Digest", d.s);
    if (m->parsed.has_subject)
        reply_header(r, "OCI-Subject", digest_print(&m->parsed.subject).s);
    for (size_t i = 0; m->ref.kind == REFERENCE_DIGEST && i < m->tag_count; i++)
        reply_headerf(r, "OCI-Tag", "%.*s", SPAN_ARG(m->tags[i].s));
}

/* By digest, the manifest is told first, then its tags. */
static enum rc delete_open(struct op *op)
{
    struct manifest_op *m = of(op);
    struct list tags = {0};
    enum rc rc = manifest_delete(op->store, m->repo, &m->ref, op->arena, &tags, op->fault);
    if (rc != RC_OK)
        return rc;
    if (m->ref.kind == REFERENCE_DIGEST)
        event_tell(
            op, &(struct event){.action = EVENT_DELETE, .repo = m->repo, .digest = &m->ref.digest});
    for (size_t i = 0; i < tags.count; i++)
        event_tell(op,
                   &(struct event){.action = EVENT_DELETE, .repo = m->repo, .tag = tags.items[i]});
    return RC_OK;
}

static void delete_reply(struct op *op, struct reply *r)
{
    (void)op;
    reply_status(r, STATUS_ACCEPTED);
}

const struct operation api_manifest_get = {
    .size = sizeof(struct manifest_op),
    .parse = read_parse,
    .quick = get_quick,
    .open = get_open,
    .reply = get_reply,
};

const struct operation api_manifest_head = {
    .size = sizeof(struct manifest_op),
    .parse = read_parse,
    .quick = head_quick,
    .open = head_open,
    .reply = get_reply,
};

const struct operation api_manifest_put = {
    .size = sizeof(struct manifest_op),
    .parse = put_parse,
    .open = put_open,
    .chunk = put_chunk,
    .finish = put_finish,
    .close = put_close,
    .reply = put_reply,
};

const struct operation api_manifest_delete = {
    .size = sizeof(struct manifest_op),
    .parse = read_parse,
    .open = delete_open,
    .reply = delete_reply,
};

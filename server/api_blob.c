/* SPDX-License-Identifier: Apache-2.0
 *
 * api_blob: content by digest (distribution-spec, "Pulling blobs", "Deleting Blobs").
 */
#include <inttypes.h>

#include "server/api.h"
#include "server/event.h"

struct blob_op {
    struct op op;
    struct name repo;
    struct digest digest;
    struct span range, if_range, if_match, if_none_match; /* headers; empty if absent */
    struct blob blob;
};

static enum rc parse(struct op *op, const struct request *rq)
{
    struct blob_op *b = container_of(op, struct blob_op, op);
    enum rc rc = name_parse(rq->vars[VAR_NAME], &b->repo, op->fault);
    if (rc == RC_OK)
        rc = digest_parse(rq->vars[VAR_DIGEST], &b->digest, op->fault);
    b->range = http_header_find(rq->head, SPAN("Range"));
    b->if_range = http_header_find(rq->head, SPAN("If-Range"));
    b->if_match = http_header_list(rq->head, SPAN("If-Match"), op->arena);
    b->if_none_match = http_header_list(rq->head, SPAN("If-None-Match"), op->arena);
    return rc;
}

static enum rc get_open(struct op *op)
{
    struct blob_op *b = container_of(op, struct blob_op, op);
    enum rc rc = blob_open(op->store, b->repo, &b->digest, &b->blob, op->fault);
    if (rc == RC_OK)
        op->file = b->blob.fd;
    return rc;
}

/* Who asks whether it is there will not upload it: the answer is a promise. */
static enum rc head_open(struct op *op)
{
    struct blob_op *b = container_of(op, struct blob_op, op);
    return blob_promise(op->store, b->repo, &b->digest, &b->blob, op->fault);
}

static struct digest_text tag_of(const struct blob_op *b)
{
    return digest_print(&b->blob.digest);
}

static bool is_held_back(const struct blob_op *b)
{
    return b->if_match.n > 0 && !http_etag_matches_strongly(b->if_match, span_of(tag_of(b).s));
}

static bool is_known(const struct blob_op *b)
{
    return http_etag_matches(b->if_none_match, span_of(tag_of(b).s));
}

/* Which part is asked for. RFC 9110 §13.1.5: an If-Range that is of another content asks for
 * the whole one. */
static enum http_range_answer range_of(const struct blob_op *b, struct http_range *out)
{
    if (b->if_range.n > 0 && !http_etag_matches_strongly(b->if_range, span_of(tag_of(b).s)))
        return HTTP_RANGE_WHOLE;
    return http_range_parse(b->range, b->blob.size, out);
}

/* Of a part and of what the client knows, too: so does the registry image. */
static void tell_pull(struct blob_op *b)
{
    event_tell(&b->op, &(struct event){
                           .action = EVENT_PULL,
                           .repo = b->repo,
                           .digest = &b->blob.digest,
                           .media_type = EVENT_BLOB_TYPE,
                           .size = b->blob.size,
                       });
}

/* RFC 9110 §13.2.2, the order of conditions; §15.5.17: a 416 says how long the content is. */
static enum rc get_finish(struct op *op)
{
    struct blob_op *b = container_of(op, struct blob_op, op);
    struct http_range part;
    if (is_held_back(b))
        return fault(op->fault, RC_PRECONDITION, NULL);
    if (is_known(b) || range_of(b, &part) != HTTP_RANGE_UNSATISFIABLE) {
        tell_pull(b);
        return RC_OK;
    }
    op->error_headers =
        arena_printf(op->arena, "Content-Range: bytes */%" PRIu64 "\r\n", b->blob.size);
    return fault(op->fault, RC_RANGE_INVALID, "the blob has %" PRIu64 " bytes", b->blob.size);
}

/* A condition that fails has words for them: the long way. */
static bool head_quick(struct op *op)
{
    struct blob_op *b = container_of(op, struct blob_op, op);
    return b->range.n == 0 && b->if_match.n == 0 &&
           blob_promise_again(op->store, b->repo, &b->digest, &b->blob) == RC_OK;
}

static void get_reply(struct op *op, struct reply *r)
{
    static const char type[] = "application/octet-stream";
    struct blob_op *b = container_of(op, struct blob_op, op);
    struct digest_text d = tag_of(b);
    struct http_range part;
    reply_header(r, "Docker-Content-Digest", d.s);
    reply_headerf(r, "Etag", "\"%s\"", d.s);
    reply_header(r, "Cache-Control", "max-age=31536000");
    reply_header(r, "Accept-Ranges", "bytes");
    if (is_known(b)) {
        reply_status(r, STATUS_NOT_MODIFIED);
        return;
    }
    if (range_of(b, &part) != HTTP_RANGE_PART) {
        reply_file(r, type, 0, b->blob.size);
        return;
    }
    reply_status(r, STATUS_PARTIAL_CONTENT);
    reply_headerf(r, "Content-Range", "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, part.first,
                  part.last, b->blob.size);
    reply_file(r, type, part.first, part.last - part.first + 1);
}

static enum rc delete_open(struct op *op)
{
    struct blob_op *b = container_of(op, struct blob_op, op);
    enum rc rc = blob_unlink(op->store, b->repo, &b->digest, op->fault);
    if (rc == RC_OK)
        event_tell(op,
                   &(struct event){.action = EVENT_DELETE, .repo = b->repo, .digest = &b->digest});
    return rc;
}

static void delete_reply(struct op *op, struct reply *r)
{
    (void)op;
    reply_status(r, STATUS_ACCEPTED);
}

const struct operation api_blob_get = {
    .size = sizeof(struct blob_op),
    .parse = parse,
    .open = get_open,
    .finish = get_finish,
    .reply = get_reply,
};

const struct operation api_blob_head = {
    .size = sizeof(struct blob_op),
    .parse = parse,
    .quick = head_quick,
    .open = head_open,
    .finish = get_finish,
    .reply = get_reply,
};

const struct operation api_blob_delete = {
    .size = sizeof(struct blob_op),
    .parse = parse,
    .open = delete_open,
    .reply = delete_reply,
};

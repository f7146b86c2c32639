/* SPDX-License-Identifier: Apache-2.0
 *
 * api_upload: pushing blobs (distribution-spec, "Pushing blobs": POST then PUT,
 * single POST, in chunks; "Mounting a blob from another repository").
 *
 * The state of an upload is on the disk and nowhere else, so its Location needs no
 * secret; the query string is there because scripts append "&digest=…" to it.
 */
#include <inttypes.h>

#include "server/api.h"
#include "server/auth.h"
#include "server/event.h"
#include "server/space.h"

enum mount { MOUNT_NONE, MOUNT_FROM, MOUNT_ANY };

struct upload_op {
    struct op op;
    struct name repo;
    struct span id;
    struct upload_id begun; /* begin: the id's memory */
    struct digest digest;   /* of the blob, where the request names it */
    bool has_digest;
    enum digest_alg alg;    /* begin: to hash with as it arrives */
    enum mount mount;       /* begin */
    struct name mount_from; /* MOUNT_FROM: this repository's */
    struct span content_range;
    uint64_t content_length; /* UINT64_MAX if the request does not say */
    uint64_t offset;         /* bytes received, for the answer */
    uint64_t unasked;        /* bytes received since space_check was last asked */
    bool done;               /* begin: it is a blob already, mounted or sent along */
    bool wanted;             /* begin: it stays, for requests that follow */
    struct upload *upload;
};

static struct upload_op *of(struct op *op)
{
    return container_of(op, struct upload_op, op);
}

/* ---- What the answers have in common. --------------------------------------------------- */

static void add_location(struct upload_op *u, struct reply *r)
{
    reply_headerf(r, "Location", "%.*s/v2/%.*s/blobs/uploads/%.*s?_state=%" PRIu64,
                  SPAN_ARG(u->op.base), SPAN_ARG(u->repo.s), SPAN_ARG(u->id), u->offset);
    reply_headerf(r, "Range", "0-%" PRIu64, u->offset > 0 ? u->offset - 1 : 0);
    reply_headerf(r, "Docker-Upload-Uuid", "%.*s", SPAN_ARG(u->id));
}

static void accepted_reply(struct op *op, struct reply *r)
{
    reply_status(r, STATUS_ACCEPTED);
    add_location(of(op), r);
}

static void created_reply(struct op *op, struct reply *r)
{
    struct upload_op *u = of(op);
    struct digest_text d = digest_print(&u->digest);
    reply_status(r, STATUS_CREATED);
    reply_headerf(r, "Location", "%.*s/v2/%.*s/blobs/%s", SPAN_ARG(op->base), SPAN_ARG(u->repo.s),
                  d.s);
    reply_header(r, "Docker-Content-Digest", d.s);
}

static uint64_t length_of(const struct http_head *head)
{
    if (head->framing == HTTP_NO_BODY)
        return 0;
    return head->framing == HTTP_LENGTH ? head->content_length : UINT64_MAX;
}

/* Is there room for the body, as far as its length is known? */
static enum rc check_space(struct upload_op *u)
{
    return space_check(&u->op, u->content_length == UINT64_MAX ? 0 : u->content_length);
}

/* Of a request that is refused nothing stays: clients begin anew, and what they have sent before
 * would be in their way where there is little room. */
static enum rc append(struct upload_op *u, struct span bytes)
{
    enum rc rc = RC_OK;
    u->unasked += bytes.n;
    if (u->unasked >= SPACE_STEP) {
        u->unasked = 0;
        rc = space_check(&u->op, 0);
    }
    if (rc == RC_OK)
        rc = upload_append(u->upload, bytes, u->op.fault);
    if (rc != RC_OK)
        upload_forget(u->upload);
    return rc;
}

static void release(struct op *op)
{
    struct upload_op *u = of(op);
    upload_close(u->upload);
    u->upload = NULL;
}

static enum rc commit(struct upload_op *u)
{
    uint64_t size = upload_offset(u->upload);
    enum rc rc = upload_commit(u->upload, &u->digest, u->op.fault);
    if (rc != RC_OK)
        upload_forget(u->upload);
    if (rc == RC_OK)
        event_tell(&u->op, &(struct event){
                               .action = EVENT_PUSH,
                               .repo = u->repo,
                               .digest = &u->digest,
                               .media_type = EVENT_BLOB_TYPE,
                               .size = size,
                           });
    return rc;
}

/* ---- POST: begin, mount, or all at once. ------------------------------------------------ */

/* A mount that cannot be done is an ordinary begin, whatever the reason: who may not pull from the
 * source does not learn what is there. */
static void parse_mount(struct upload_op *u, const struct request *rq)
{
    struct span mount, from;
    struct arena *a = u->op.arena;
    if (!http_query_find(rq->head->query, SPAN("mount"), a, &mount) ||
        digest_parse(mount, &u->digest, NULL) != RC_OK)
        return;
    if (!http_query_find(rq->head->query, SPAN("from"), a, &from))
        u->mount = who_may_pull_all(u->op.who) ? MOUNT_ANY : MOUNT_NONE;
    else if (name_parse(from, &u->mount_from, NULL) == RC_OK &&
             who_may(u->op.who, RIGHT_PULL, from))
        u->mount = MOUNT_FROM;
}

/* What the blob will be hashed with: the digest's, or what the client says beforehand. */
static enum rc parse_algorithm(struct upload_op *u, const struct request *rq)
{
    struct span digest, name;
    struct arena *a = u->op.arena;
    struct fault *f = u->op.fault;
    if (http_query_find(rq->head->query, SPAN("digest"), a, &digest)) {
        u->has_digest = true;
        enum rc rc = digest_parse(digest, &u->digest, f);
        u->alg = u->digest.alg;
        return rc;
    }
    if (!http_query_find(rq->head->query, SPAN("digest-algorithm"), a, &name) ||
        digest_alg_find(name, &u->alg))
        return RC_OK;
    return fault(f, RC_DIGEST_INVALID, "unsupported digest algorithm");
}

static enum rc begin_parse(struct op *op, const struct request *rq)
{
    struct upload_op *u = of(op);
    enum rc rc = name_parse(rq->vars[VAR_NAME], &u->repo, op->fault);
    if (rc != RC_OK)
        return rc;
    u->alg = DIGEST_SHA256;
    u->content_length = length_of(rq->head);
    parse_mount(u, rq);
    return u->mount == MOUNT_NONE ? parse_algorithm(u, rq) : RC_OK;
}

static void tell_mount(struct upload_op *u, const struct name *from)
{
    struct blob blob = {0};
    if (!u->op.events || blob_stat(u->op.store, u->repo, &u->digest, &blob, NULL) != RC_OK)
        return;
    event_tell(&u->op, &(struct event){
                           .action = EVENT_MOUNT,
                           .repo = u->repo,
                           .digest = &u->digest,
                           .media_type = EVENT_BLOB_TYPE,
                           .size = blob.size,
                           .from = from,
                       });
}

static enum rc try_mount(struct upload_op *u)
{
    if (u->mount == MOUNT_NONE)
        return RC_OK;
    const struct name *from = u->mount == MOUNT_FROM ? &u->mount_from : NULL;
    enum rc rc = blob_mount(u->op.store, from, u->repo, &u->digest, u->op.fault);
    u->done = rc == RC_OK;
    if (u->done)
        tell_mount(u, from);
    if (rc != RC_BLOB_UNKNOWN)
        return rc;
    fault_init(u->op.fault, u->op.arena);
    return RC_OK;
}

static enum rc begin_open(struct op *op)
{
    struct upload_op *u = of(op);
    enum rc rc = try_mount(u);
    if (rc == RC_OK && !u->done)
        rc = check_space(u);
    if (rc != RC_OK || u->done)
        return rc;
    rc = upload_begin(op->store, u->repo, u->alg, &u->begun, op->fault);
    u->id = span_of(u->begun.s);
    if (rc != RC_OK || !u->has_digest)
        return rc;
    rc = upload_open(op->store, u->repo, u->id, &u->upload, op->fault);
    if (rc != RC_OK) {
        enum rc ignored = upload_cancel(op->store, u->repo, u->id, NULL);
        (void)ignored;
    }
    return rc;
}

static enum rc begin_chunk(struct op *op, struct span bytes)
{
    struct upload_op *u = of(op);
    if (!u->upload)
        return RC_OK; /* without a digest, the body means nothing */
    return append(u, bytes);
}

static enum rc begin_finish(struct op *op)
{
    struct upload_op *u = of(op);
    struct digest empty = digest_of(u->digest.alg, SPAN(""));
    if (!u->upload)
        return RC_OK;
    /* No body, and the digest of something: the client means to PUT it. */
    u->wanted = upload_offset(u->upload) == 0 && !digest_eq(&empty, &u->digest);
    if (u->wanted)
        return RC_OK;
    enum rc rc = commit(u);
    u->done = rc == RC_OK;
    return rc;
}

/* Who has not got as far as an answer does not know its id. */
static void begin_close(struct op *op)
{
    struct upload_op *u = of(op);
    if (u->done || u->wanted)
        upload_close(u->upload);
    else
        upload_abandon(u->upload);
}

static void begin_reply(struct op *op, struct reply *r)
{
    if (of(op)->done)
        created_reply(op, r);
    else
        accepted_reply(op, r);
}

/* ---- GET: how far is it? ---------------------------------------------------------------- */

static enum rc upload_parse(struct op *op, const struct request *rq)
{
    struct upload_op *u = of(op);
    enum rc rc = name_parse(rq->vars[VAR_NAME], &u->repo, op->fault);
    u->id = rq->vars[VAR_UPLOAD];
    u->content_range = http_header_find(rq->head, SPAN("Content-Range"));
    u->content_length = length_of(rq->head);
    return rc;
}

static enum rc status_open(struct op *op)
{
    struct upload_op *u = of(op);
    /* Held by somebody: what it says would be out of date at once, so better wait; but not for
     * ever, somebody may be sending a large layer. */
    enum rc rc = upload_open(op->store, u->repo, u->id, &u->upload, op->fault);
    if (rc == RC_UPLOAD_BUSY && op->last_try)
        return upload_size(op->store, u->repo, u->id, &u->offset, op->fault);
    if (rc == RC_OK)
        u->offset = upload_offset(u->upload);
    return rc;
}

static void status_reply(struct op *op, struct reply *r)
{
    reply_status(r, STATUS_NO_CONTENT);
    add_location(of(op), r);
}

/* ---- PATCH and PUT: more bytes. --------------------------------------------------------- */

/* Content-Range is optional, and must continue what is there (distribution-spec, "Pushing
 * a blob in chunks": out of order is 416). An empty PUT may carry one of no bytes. */
static enum rc check_range(struct upload_op *u)
{
    struct fault *f = u->op.fault;
    struct http_range range;
    uint64_t offset = upload_offset(u->upload);
    if (u->content_range.n == 0)
        return RC_OK;
    if (!http_content_range_parse(u->content_range, &range))
        return fault(f, RC_RANGE_INVALID, "Content-Range is not <first>-<last>");
    if (range.first != offset)
        return fault(f, RC_RANGE_INVALID, "the upload has %" PRIu64 " bytes", offset);
    if (u->content_length != UINT64_MAX && u->content_length != range.last - range.first + 1)
        return fault(f, RC_SIZE_INVALID, "Content-Range and Content-Length differ");
    return RC_OK;
}

static enum rc write_open(struct op *op)
{
    struct upload_op *u = of(op);
    enum rc rc = upload_open(op->store, u->repo, u->id, &u->upload, op->fault);
    if (rc == RC_OK)
        rc = check_range(u);
    if (rc == RC_OK && u->content_length > 0) /* what ends an upload that is all here fits */
        rc = check_space(u);
    return rc;
}

static enum rc write_chunk(struct op *op, struct span bytes)
{
    return append(of(op), bytes);
}

static enum rc chunk_finish(struct op *op)
{
    struct upload_op *u = of(op);
    u->offset = upload_offset(u->upload);
    enum rc rc = upload_sync(u->upload, op->fault);
    if (rc != RC_OK)
        upload_forget(u->upload);
    return rc;
}

static enum rc finish_parse(struct op *op, const struct request *rq)
{
    struct upload_op *u = of(op);
    struct span digest;
    enum rc rc = upload_parse(op, rq);
    if (rc != RC_OK)
        return rc;
    if (!http_query_find(rq->head->query, SPAN("digest"), op->arena, &digest))
        return fault(op->fault, RC_DIGEST_INVALID, "digest missing");
    return digest_parse(digest, &u->digest, op->fault);
}

static enum rc finish_finish(struct op *op)
{
    struct upload_op *u = of(op);
    return commit(u);
}

/* ---- DELETE: never mind. ---------------------------------------------------------------- */

static enum rc cancel_open(struct op *op)
{
    struct upload_op *u = of(op);
    return upload_cancel(op->store, u->repo, u->id, op->fault);
}

static void cancel_reply(struct op *op, struct reply *r)
{
    reply_status(r, STATUS_NO_CONTENT);
    reply_headerf(r, "Docker-Upload-Uuid", "%.*s", SPAN_ARG(of(op)->id));
}

const struct operation api_upload_begin = {
    .size = sizeof(struct upload_op),
    .parse = begin_parse,
    .open = begin_open,
    .chunk = begin_chunk,
    .finish = begin_finish,
    .close = begin_close,
    .reply = begin_reply,
};

const struct operation api_upload_status = {
    .size = sizeof(struct upload_op),
    .parse = upload_parse,
    .open = status_open,
    .close = release,
    .reply = status_reply,
};

const struct operation api_upload_chunk = {
    .size = sizeof(struct upload_op),
    .parse = upload_parse,
    .open = write_open,
    .chunk = write_chunk,
    .finish = chunk_finish,
    .close = release,
    .reply = accepted_reply,
};

const struct operation api_upload_finish = {
    .size = sizeof(struct upload_op),
    .parse = finish_parse,
    .open = write_open,
    .chunk = write_chunk,
    .finish = finish_finish,
    .close = release,
    .reply = created_reply,
};

const struct operation api_upload_cancel = {
    .size = sizeof(struct upload_op),
    .parse = upload_parse,
    .open = cancel_open,
    .reply = cancel_reply,
};

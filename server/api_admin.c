/* SPDX-License-Identifier: Apache-2.0
 *
 * api_admin: collections and verifications, for who looks after the registry: start one, see how it
 * goes, stop it, and read what it says.
 */
#include <cjson/cJSON.h>
#include <inttypes.h>

#include "server/api.h"
#include "server/lines.h"
#include "server/maint.h"
#include "server/scrub.h"

enum { BODY_MAX = 64 << 10 };

struct admin_op {
    struct op op;
    struct buf body;   /* start */
    struct span range; /* lines: the header; empty if absent */
    uint64_t size;     /* lines: of the file */
};

static struct admin_op *of(struct op *op)
{
    return container_of(op, struct admin_op, op);
}

static enum rc parse(struct op *op, const struct request *rq)
{
    of(op)->range = http_header_find(rq->head, SPAN("Range"));
    return RC_OK;
}

static void json_reply(struct op *op, struct reply *r, struct buf *json)
{
    reply_header(r, "Cache-Control", "no-store");
    reply_bytes(r, "application/json", arena_span(op->arena, buf_span(json)));
    buf_fini(json);
}

static void gc_reply(struct op *op, struct reply *r)
{
    struct buf b;
    buf_init(&b);
    maint_gc_status(op->maint, &b);
    json_reply(op, r, &b);
}

static void verify_reply(struct op *op, struct reply *r)
{
    struct buf b;
    buf_init(&b);
    scrub_status(maint_scrub(op->maint), &b);
    json_reply(op, r, &b);
}

static void gc_accepted_reply(struct op *op, struct reply *r)
{
    reply_status(r, STATUS_ACCEPTED);
    reply_header(r, "Location", "/admin/gc");
    gc_reply(op, r);
}

static void verify_accepted_reply(struct op *op, struct reply *r)
{
    reply_status(r, STATUS_ACCEPTED);
    reply_header(r, "Location", "/admin/verify");
    verify_reply(op, r);
}

/* ---- POST. ------------------------------------------------------------------------------ */

static enum rc start_chunk(struct op *op, struct span bytes)
{
    struct buf *body = &of(op)->body;
    if (bytes.n > BODY_MAX - body->n)
        return fault(op->fault, RC_BAD_REQUEST, "the body has at most %d bytes", BODY_MAX);
    buf_add_span(body, bytes);
    return RC_OK;
}

/* What can be said in the body; ends with name NULL. */
struct choice {
    const char *name;
    bool *value;
};

static enum rc read_member(const cJSON *member, const struct choice *known, struct fault *f)
{
    for (; known->name; known++) {
        if (!span_eq(span_of(member->string), span_of(known->name)))
            continue;
        if (!cJSON_IsBool(member))
            return fault(f, RC_BAD_REQUEST, "%s: true or false", known->name);
        *known->value = cJSON_IsTrue(member);
        return RC_OK;
    }
    return fault(f, RC_BAD_REQUEST, "%.64s: no such option", member->string);
}

static enum rc read_choices(struct span text, const struct choice *known, struct fault *f)
{
    const char *end = NULL;
    const cJSON *member;
    cJSON *root = cJSON_ParseWithLengthOpts(text.p, text.n, &end, false);
    enum rc rc = RC_OK;
    while (end && end < text.p + text.n && (*end == '\r' || *end == '\n' || *end == ' '))
        end++;
    if (!cJSON_IsObject(root) || end != text.p + text.n)
        rc = fault(f, RC_BAD_REQUEST, "the body is not a JSON object");
    else
        cJSON_ArrayForEach(member, root) rc = rc == RC_OK ? read_member(member, known, f) : rc;
    cJSON_Delete(root);
    return rc;
}

static enum rc read_body(struct op *op, const struct choice *known)
{
    struct span body = buf_span(&of(op)->body);
    return body.n > 0 ? read_choices(body, known, op->fault) : RC_OK;
}

static enum rc gc_start_finish(struct op *op)
{
    struct gc_request rq = {.scope = GC_EVERYTHING,
                            .delete_untagged = op->config->gc_delete_untagged};
    const struct choice known[] = {{"dry_run", &rq.dry_run},
                                   {"delete_untagged", &rq.delete_untagged},
                                   {"lines", &rq.lines},
                                   {NULL, NULL}};
    enum rc rc = read_body(op, known);
    return rc == RC_OK ? maint_gc_start(op->maint, &rq, op->fault) : rc;
}

static enum rc verify_start_finish(struct op *op)
{
    struct scrub_request rq = {.dry_run = false};
    const struct choice known[] = {{"dry_run", &rq.dry_run}, {"lines", &rq.lines}, {NULL, NULL}};
    enum rc rc = read_body(op, known);
    return rc == RC_OK ? scrub_start(maint_scrub(op->maint), &rq, op->fault) : rc;
}

static void start_close(struct op *op)
{
    buf_fini(&of(op)->body);
}

/* ---- DELETE. ---------------------------------------------------------------------------- */

static enum rc gc_stop_open(struct op *op)
{
    maint_gc_stop(op->maint);
    return RC_OK;
}

static enum rc verify_stop_open(struct op *op)
{
    scrub_stop(maint_scrub(op->maint));
    return RC_OK;
}

/* ---- What it says. ---------------------------------------------------------------------- */

static enum rc lines_open(struct op *op, const char *whose)
{
    struct admin_op *a = of(op);
    struct http_range part;
    enum rc rc = lines_read(op->config->root_directory, whose, &op->file, &a->size, op->fault);
    if (rc != RC_OK || http_range_parse(a->range, a->size, &part) != HTTP_RANGE_UNSATISFIABLE)
        return rc;
    op->error_headers = arena_printf(op->arena, "Content-Range: bytes */%" PRIu64 "\r\n", a->size);
    return fault(op->fault, RC_RANGE_INVALID, "there are %" PRIu64 " bytes so far", a->size);
}

static enum rc gc_lines_open(struct op *op)
{
    return lines_open(op, MAINT_GC);
}

static enum rc verify_lines_open(struct op *op)
{
    return lines_open(op, SCRUB_LINES);
}

static void lines_reply(struct op *op, struct reply *r)
{
    static const char type[] = "text/plain; charset=utf-8";
    struct admin_op *a = of(op);
    struct http_range part;
    reply_header(r, "Cache-Control", "no-store");
    reply_header(r, "Accept-Ranges", "bytes");
    if (http_range_parse(a->range, a->size, &part) != HTTP_RANGE_PART) {
        reply_file(r, type, 0, a->size);
        return;
    }
    reply_status(r, STATUS_PARTIAL_CONTENT);
    reply_headerf(r, "Content-Range", "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, part.first,
                  part.last, a->size);
    reply_file(r, type, part.first, part.last - part.first + 1);
}

/* ---- The operations. -------------------------------------------------------------------- */

const struct operation api_gc_start = {
    .size = sizeof(struct admin_op),
    .parse = parse,
    .chunk = start_chunk,
    .finish = gc_start_finish,
    .close = start_close,
    .reply = gc_accepted_reply,
};

const struct operation api_gc_status = {
    .size = sizeof(struct admin_op),
    .parse = parse,
    .reply = gc_reply,
};

const struct operation api_gc_stop = {
    .size = sizeof(struct admin_op),
    .parse = parse,
    .open = gc_stop_open,
    .reply = gc_accepted_reply,
};

const struct operation api_gc_lines = {
    .size = sizeof(struct admin_op),
    .parse = parse,
    .open = gc_lines_open,
    .reply = lines_reply,
};

const struct operation api_verify_start = {
    .size = sizeof(struct admin_op),
    .parse = parse,
    .chunk = start_chunk,
    .finish = verify_start_finish,
    .close = start_close,
    .reply = verify_accepted_reply,
};

const struct operation api_verify_status = {
    .size = sizeof(struct admin_op),
    .parse = parse,
    .reply = verify_reply,
};

const struct operation api_verify_stop = {
    .size = sizeof(struct admin_op),
    .parse = parse,
    .open = verify_stop_open,
    .reply = verify_accepted_reply,
};

const struct operation api_verify_lines = {
    .size = sizeof(struct admin_op),
    .parse = parse,
    .open = verify_lines_open,
    .reply = lines_reply,
};

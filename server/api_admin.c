/* SPDX-License-Identifier: Apache-2.0
 *
 * api_admin: collections, for who looks after the registry: start one, see how it goes, stop it,
 * and read what it says.
 */
#include <cjson/cJSON.h>
#include <inttypes.h>

#include "server/api.h"
#include "server/gc_lines.h"
#include "server/maint.h"

enum { BODY_MAX = 64 << 10 };

struct gc_op {
    struct op op;
    struct buf body;   /* start */
    struct span range; /* lines: the header; empty if absent */
    uint64_t size;     /* lines: of the file */
};

static struct gc_op *of(struct op *op)
{
    return container_of(op, struct gc_op, op);
}

static enum rc parse(struct op *op, const struct request *rq)
{
    of(op)->range = http_header_find(rq->head, SPAN("Range"));
    return RC_OK;
}

static void status_reply(struct op *op, struct reply *r)
{
    struct buf b;
    buf_init(&b);
    maint_gc_status(op->maint, &b);
    reply_header(r, "Cache-Control", "no-store");
    reply_bytes(r, "application/json", arena_span(op->arena, buf_span(&b)));
    buf_fini(&b);
}

static void accepted_reply(struct op *op, struct reply *r)
{
    reply_status(r, STATUS_ACCEPTED);
    reply_header(r, "Location", "/admin/gc");
    status_reply(op, r);
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

static enum rc read_member(const cJSON *member, struct gc_request *rq, struct fault *f)
{
    struct {
        const char *name;
        bool *value;
    } known[] = {
        {"dry_run", &rq->dry_run},
        {"delete_untagged", &rq->delete_untagged},
        {"lines", &rq->lines},
    };
    for (size_t i = 0; i < array_len(known); i++) {
        if (!span_eq(span_of(member->string), span_of(known[i].name)))
            continue;
        if (!cJSON_IsBool(member))
            return fault(f, RC_BAD_REQUEST, "%s: true or false", known[i].name);
        *known[i].value = cJSON_IsTrue(member);
        return RC_OK;
    }
    return fault(f, RC_BAD_REQUEST, "%.64s: no such option", member->string);
}

static enum rc read_options(struct span text, struct gc_request *rq, struct fault *f)
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
        cJSON_ArrayForEach(member, root) rc = rc == RC_OK ? read_member(member, rq, f) : rc;
    cJSON_Delete(root);
    return rc;
}

static enum rc start_finish(struct op *op)
{
    struct gc_request rq = {.scope = GC_EVERYTHING,
                            .delete_untagged = op->config->gc_delete_untagged};
    struct span body = buf_span(&of(op)->body);
    enum rc rc = body.n > 0 ? read_options(body, &rq, op->fault) : RC_OK;
    return rc == RC_OK ? maint_gc_start(op->maint, &rq, op->fault) : rc;
}

static void start_close(struct op *op)
{
    buf_fini(&of(op)->body);
}

/* ---- DELETE. ---------------------------------------------------------------------------- */

static enum rc stop_open(struct op *op)
{
    maint_gc_stop(op->maint);
    return RC_OK;
}

/* ---- What it says. ---------------------------------------------------------------------- */

static enum rc lines_open(struct op *op)
{
    struct gc_op *g = of(op);
    struct http_range part;
    enum rc rc = gc_lines_read(op->config->root_directory, &op->file, &g->size, op->fault);
    if (rc != RC_OK || http_range_parse(g->range, g->size, &part) != HTTP_RANGE_UNSATISFIABLE)
        return rc;
    op->error_headers = arena_printf(op->arena, "Content-Range: bytes */%" PRIu64 "\r\n", g->size);
    return fault(op->fault, RC_RANGE_INVALID, "there are %" PRIu64 " bytes so far", g->size);
}

static void lines_reply(struct op *op, struct reply *r)
{
    static const char type[] = "text/plain; charset=utf-8";
    struct gc_op *g = of(op);
    struct http_range part;
    reply_header(r, "Cache-Control", "no-store");
    reply_header(r, "Accept-Ranges", "bytes");
    if (http_range_parse(g->range, g->size, &part) != HTTP_RANGE_PART) {
        reply_file(r, type, 0, g->size);
        return;
    }
    reply_status(r, STATUS_PARTIAL_CONTENT);
    reply_header(r, "Content-Range", "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, part.first,
                 part.last, g->size);
    reply_file(r, type, part.first, part.last - part.first + 1);
}

const struct operation api_gc_start = {
    .size = sizeof(struct gc_op),
    .parse = parse,
    .chunk = start_chunk,
    .finish = start_finish,
    .close = start_close,
    .reply = accepted_reply,
};

const struct operation api_gc_status = {
    .size = sizeof(struct gc_op),
    .parse = parse,
    .reply = status_reply,
};

const struct operation api_gc_stop = {
    .size = sizeof(struct gc_op),
    .parse = parse,
    .open = stop_open,
    .reply = accepted_reply,
};

const struct operation api_gc_lines = {
    .size = sizeof(struct gc_op),
    .parse = parse,
    .open = lines_open,
    .reply = lines_reply,
};

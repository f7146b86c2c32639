/* SPDX-License-Identifier: Apache-2.0
 *
 * api_referrer: what speaks of a manifest (distribution-spec, "Listing Referrers"): an
 * index, made for the answer, of the manifests whose subject it is.
 */
#include <inttypes.h>

#include "server/api.h"

struct referrer_op {
    struct op op;
    struct name repo;
    struct digest subject;
    struct span artifact_type; /* the filter; p is NULL without one */
    struct referrers found;
};

static enum rc parse(struct op *op, const struct request *rq)
{
    struct referrer_op *o = container_of(op, struct referrer_op, op);
    struct span filter;
    enum rc rc = name_parse(rq->vars[VAR_NAME], &o->repo, op->fault);
    if (rc == RC_OK)
        rc = digest_parse(rq->vars[VAR_DIGEST], &o->subject, op->fault);
    if (http_query_find(rq->head->query, SPAN("artifactType"), op->arena, &filter) && filter.n > 0)
        o->artifact_type = filter;
    return rc;
}

static enum rc open_step(struct op *op)
{
    struct referrer_op *o = container_of(op, struct referrer_op, op);
    return referrer_list(op->store, o->repo, &o->subject, op->arena, &o->found, op->fault);
}

static void add_descriptor(struct buf *b, const struct referrer *r)
{
    buf_printf(b, "{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%" PRIu64, r->media_type,
               digest_print(&r->digest).s, r->size);
    if (r->artifact_type.n > 0) {
        buf_add_str(b, ",\"artifactType\":\"");
        buf_add_json(b, r->artifact_type);
        buf_add_char(b, '"');
    }
    if (r->annotations.n > 0) {
        buf_add_str(b, ",\"annotations\":");
        buf_add_span(b, r->annotations);
    }
    buf_add_char(b, '}');
}

static void add_descriptors(struct buf *b, const struct referrer_op *o)
{
    const char *separator = "";
    for (size_t i = 0; i < o->found.count; i++) {
        const struct referrer *r = &o->found.items[i];
        if (o->artifact_type.p && !span_eq(r->artifact_type, o->artifact_type))
            continue;
        buf_add_str(b, separator);
        add_descriptor(b, r);
        separator = ",";
    }
}

static void reply(struct op *op, struct reply *r)
{
    struct referrer_op *o = container_of(op, struct referrer_op, op);
    struct buf b;
    buf_init(&b);
    buf_printf(&b, "{\"schemaVersion\":2,\"mediaType\":\"%s\",\"manifests\":[", OCI_MEDIA_INDEX);
    add_descriptors(&b, o);
    buf_add_str(&b, "]}\n");
    if (o->artifact_type.p)
        reply_header(r, "OCI-Filters-Applied", "artifactType");
    reply_bytes(r, OCI_MEDIA_INDEX, arena_span(op->arena, buf_span(&b)));
    buf_fini(&b);
}

const struct operation api_referrer_list = {
    .size = sizeof(struct referrer_op),
    .parse = parse,
    .open = open_step,
    .reply = reply,
};

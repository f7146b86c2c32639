/* SPDX-License-Identifier: Apache-2.0
 *
 * api_readonly: the registry read-only, or not, by an administrator's word: until the next start,
 * or until a reload says something else than the settings did.
 */
#include <cjson/cJSON.h>

#include "server/api.h"
#include "server/maint.h"
#include "server/scrub.h"
#include "server/vitals.h"

enum { BODY_MAX = 4 << 10 };

struct readonly_op {
    struct op op;
    struct buf body;
};

static struct readonly_op *of(struct op *op)
{
    return container_of(op, struct readonly_op, op);
}

static enum rc parse(struct op *op, const struct request *rq)
{
    (void)op;
    (void)rq;
    return RC_OK;
}

static enum rc put_chunk(struct op *op, struct span bytes)
{
    struct buf *body = &of(op)->body;
    if (bytes.n > BODY_MAX - body->n)
        return fault(op->fault, RC_BAD_REQUEST, "the body has at most %d bytes", BODY_MAX);
    buf_add_span(body, bytes);
    return RC_OK;
}

/* {"readonly": true}, and nothing else. */
static enum rc put_finish(struct op *op)
{
    struct span body = buf_span(&of(op)->body);
    cJSON *root = cJSON_ParseWithLength(body.p ? body.p : "", body.n);
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(root, "readonly");
    bool good = cJSON_IsObject(root) && cJSON_IsBool(member) && cJSON_GetArraySize(root) == 1;
    bool value = cJSON_IsTrue(member);
    cJSON_Delete(root);
    if (!good)
        return fault(op->fault, RC_BAD_REQUEST, "expected {\"readonly\":true} or false");
    if (op->vitals)
        vitals_set_readonly(op->vitals, op->config, value);
    scrub_set_readonly(maint_scrub(op->maint), value);
    return RC_OK;
}

static void put_close(struct op *op)
{
    buf_fini(&of(op)->body);
}

static void state_reply(struct op *op, struct reply *r)
{
    bool readonly = vitals_state(op->vitals, op->config).readonly;
    reply_header(r, "Cache-Control", "no-store");
    reply_bytes(r, "application/json",
                readonly ? SPAN("{\"readonly\":true}\n") : SPAN("{\"readonly\":false}\n"));
}

const struct operation api_readonly_get = {
    .size = sizeof(struct readonly_op),
    .parse = parse,
    .reply = state_reply,
};

const struct operation api_readonly_put = {
    .size = sizeof(struct readonly_op),
    .parse = parse,
    .chunk = put_chunk,
    .finish = put_finish,
    .close = put_close,
    .reply = state_reply,
};

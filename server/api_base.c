/* SPDX-License-Identifier: Apache-2.0
 *
 * api_base: is there a registry here? (distribution-spec, "Determining Support"),
 * and the bare root, which load balancers ask.
 */
#include "server/api.h"

struct base {
    struct op op;
};

static enum rc parse(struct op *op, const struct request *rq)
{
    (void)op;
    (void)rq;
    return RC_OK;
}

static void base_reply(struct op *op, struct reply *r)
{
    (void)op;
    reply_bytes(r, "application/json", SPAN("{}"));
}

static void root_reply(struct op *op, struct reply *r)
{
    (void)op;
    reply_header(r, "Cache-Control", "no-cache");
}

const struct operation api_base = {
    .size = sizeof(struct base),
    .parse = parse,
    .reply = base_reply,
};

const struct operation api_root = {
    .size = sizeof(struct base),
    .parse = parse,
    .reply = root_reply,
};

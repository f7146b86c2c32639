/* SPDX-License-Identifier: Apache-2.0
 *
 * api_list: tags of a repository (distribution-spec, "Listing Tags") and
 * repositories (Docker's _catalog), a page at a time, in byte order.
 */
#include <inttypes.h>

#include "server/api.h"
#include "server/auth.h"
#include "server/url.h"

enum {
    CATALOG_PAGE = 100 /* without n, as in the registry image */,
    SEEN_PAGE = 1000,
    SEEN_MAX = 10000
};

struct list_op {
    struct op op;
    struct name repo; /* tags only */
    struct page page;
    struct list list;
};

/* What `n` may be: the registry image cuts a large one for tags, and refuses it for
 * the catalog. */
enum too_large { TOO_LARGE_CUT, TOO_LARGE_REFUSED };

static enum rc parse_page(struct list_op *l, const struct request *rq, uint64_t max,
                          enum too_large too_large)
{
    struct op *op = &l->op;
    struct span text, last;
    uint64_t n;
    if (http_query_find(rq->head->query, SPAN("last"), op->arena, &last))
        l->page.last = last;
    if (!http_query_find(rq->head->query, SPAN("n"), op->arena, &text))
        return RC_OK;
    if (!span_to_u64(text, &n))
        return fault(op->fault, RC_PAGINATION_INVALID, "n=%.*s is not a number", SPAN_ARG(text));
    if (n > max && too_large == TOO_LARGE_REFUSED)
        return fault(op->fault, RC_PAGINATION_INVALID, "n=%" PRIu64 " is over %" PRIu64, n, max);
    l->page.limit = n < max ? n : max;
    return RC_OK;
}

static void add_items(struct buf *b, const struct list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        buf_add_str(b, i > 0 ? ",\"" : "\"");
        buf_add_json(b, list->items[i]);
        buf_add_char(b, '"');
    }
}

/* The next page, while there is one; path is the list's own. */
static void add_link(const struct list_op *l, struct reply *r, const char *path)
{
    struct buf last;
    if (!l->list.more || l->list.count == 0)
        return;
    buf_init(&last);
    buf_add_url(&last, l->list.items[l->list.count - 1]);
    reply_headerf(r, "Link", "<%.*s%s?last=%.*s&n=%" PRIu64 ">; rel=\"next\"",
                  SPAN_ARG(url_prefix(l->op.config)), path, SPAN_ARG(buf_span(&last)),
                  l->page.limit);
    buf_fini(&last);
}

static void reply_json(struct op *op, struct reply *r, struct buf *b)
{
    reply_bytes(r, "application/json", arena_span(op->arena, buf_span(b)));
    buf_fini(b);
}

/* ---- Tags. ------------------------------------------------------------------------------ */

static enum rc tags_parse(struct op *op, const struct request *rq)
{
    struct list_op *l = container_of(op, struct list_op, op);
    enum rc rc = name_parse(rq->vars[VAR_NAME], &l->repo, op->fault);
    l->page.limit = UINT64_MAX;
    return rc == RC_OK ? parse_page(l, rq, op->config->tags_max, TOO_LARGE_CUT) : rc;
}

static enum rc tags_open(struct op *op)
{
    struct list_op *l = container_of(op, struct list_op, op);
    return tag_list(op->store, l->repo, &l->page, op->arena, &l->list, op->fault);
}

static bool tags_quick(struct op *op)
{
    struct list_op *l = container_of(op, struct list_op, op);
    return tag_list_again(op->store, l->repo, &l->page, op->arena, &l->list) == RC_OK;
}

static void tags_reply(struct op *op, struct reply *r)
{
    struct list_op *l = container_of(op, struct list_op, op);
    struct buf b;
    buf_init(&b);
    buf_printf(&b, "{\"name\":\"%.*s\",\"tags\":[", SPAN_ARG(l->repo.s));
    add_items(&b, &l->list);
    buf_add_str(&b, "]}\n");
    add_link(l, r, arena_printf(op->arena, "/v2/%.*s/tags/list", SPAN_ARG(l->repo.s)));
    reply_json(op, r, &b);
}

/* ---- Repositories. ---------------------------------------------------------------------- */

static enum rc catalog_parse(struct op *op, const struct request *rq)
{
    struct list_op *l = container_of(op, struct list_op, op);
    uint64_t max = op->config->catalog_max;
    l->page.limit = max < CATALOG_PAGE ? max : CATALOG_PAGE;
    return parse_page(l, rq, max, TOO_LARGE_REFUSED);
}

/* Adds what may be seen of a page; false if there is no more room for it. */
static bool add_seen(struct list_op *l, const struct list *page, struct span *items)
{
    for (size_t i = 0; i < page->count; i++) {
        if (!who_may(l->op.who, RIGHT_PULL, page->items[i]))
            continue;
        if (l->list.count == l->page.limit)
            return false;
        items[l->list.count++] = page->items[i];
    }
    return true;
}

/* As many pages of all as it takes to fill one of what may be seen, and to know of one more. */
static enum rc list_seen(struct list_op *l)
{
    struct op *op = &l->op;
    struct page page = {l->page.last, SEEN_PAGE};
    struct list all = {.more = true};
    if (l->page.limit > SEEN_MAX)
        l->page.limit = SEEN_MAX;
    struct span *items = arena_alloc(op->arena, (size_t)l->page.limit * sizeof(*items));
    l->list = (struct list){.items = items};
    while (all.more && !l->list.more) {
        enum rc rc = repo_list(op->store, &page, op->arena, &all, op->fault);
        if (rc != RC_OK)
            return rc;
        l->list.more = !add_seen(l, &all, items);
        if (all.count == 0)
            break;
        page.last = all.items[all.count - 1];
    }
    return RC_OK;
}

static enum rc catalog_open(struct op *op)
{
    struct list_op *l = container_of(op, struct list_op, op);
    if (who_sees_some(op->who))
        return list_seen(l);
    return repo_list(op->store, &l->page, op->arena, &l->list, op->fault);
}

static void catalog_reply(struct op *op, struct reply *r)
{
    struct list_op *l = container_of(op, struct list_op, op);
    struct buf b;
    buf_init(&b);
    buf_add_str(&b, "{\"repositories\":[");
    add_items(&b, &l->list);
    buf_add_str(&b, "]}\n");
    add_link(l, r, "/v2/_catalog");
    reply_json(op, r, &b);
}

const struct operation api_tag_list = {
    .size = sizeof(struct list_op),
    .parse = tags_parse,
    .quick = tags_quick,
    .open = tags_open,
    .reply = tags_reply,
};

const struct operation api_catalog = {
    .size = sizeof(struct list_op),
    .parse = catalog_parse,
    .open = catalog_open,
    .reply = catalog_reply,
};

/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests, one after the other on one connection: what the parser hands out is what a strict
 * reader finds, and the same however the bytes are cut.
 */
#include "lib/http.h"

#include <string.h>

#include "test/fuzz/fuzz.h"
#include "test/fuzz/strict.h"

enum { REQUESTS_MAX = 32 };

/* What became of one request. */
struct told {
    struct arena arena;
    struct http_head head;
    bool has_head;
    struct buf body;
    enum http_event last; /* HTTP_END, HTTP_FAILED, or HTTP_NEED_MORE */
    size_t end;           /* if HTTP_END: what the connection had taken by then */
};

struct story {
    struct told told[REQUESTS_MAX];
    size_t count;
};

/* How the bytes arrive: in pieces of these sizes, over and over. */
struct cuts {
    size_t sizes[2];
    unsigned at;
};

static size_t next_cut(struct cuts *c)
{
    size_t n = c->sizes[c->at++ % array_len(c->sizes)];
    return n > 0 ? n : SIZE_MAX;
}

/* The event that ends the piece, or the request. */
static enum http_event feed(struct http_parser *p, struct told *t, struct span piece, size_t *taken)
{
    struct span bytes = copy_new(piece);
    struct http_step step;
    *taken = 0;
    do {
        step = http_parser_step(p, span_skip(bytes, *taken));
        HOLDS(step.taken <= bytes.n - *taken);
        *taken += step.taken;
        if (step.event == HTTP_NEED_MORE)
            HOLDS(*taken == bytes.n || !t->has_head);
        if (step.event == HTTP_HEAD_DONE) {
            HOLDS(!t->has_head);
            t->has_head = true;
        }
        if (step.event == HTTP_BODY) {
            HOLDS(t->has_head && step.body.n > 0 && step.body.p >= bytes.p);
            HOLDS(step.body.p + step.body.n == bytes.p + *taken);
            buf_add_span(&t->body, step.body);
        }
        if (step.event == HTTP_FAILED)
            HOLDS(step.rc != RC_OK && step.why != NULL);
    } while (step.event == HTTP_HEAD_DONE || step.event == HTTP_BODY ||
             (step.event == HTTP_NEED_MORE && *taken < bytes.n));
    copy_free(bytes);
    return step.event;
}

static void read_one(struct http_parser *p, struct told *t, struct span *in, struct cuts *cuts)
{
    arena_init(&t->arena);
    buf_init(&t->body);
    http_parser_begin(p, &t->head, &t->arena);
    do {
        size_t taken;
        t->last = feed(p, t, span_head(*in, next_cut(cuts)), &taken);
        *in = span_skip(*in, taken);
    } while (t->last == HTTP_NEED_MORE && in->n > 0);
    /* a body without bytes ends without any */
    if (t->last == HTTP_NEED_MORE && t->has_head && t->head.framing == HTTP_NO_BODY) {
        size_t taken;
        t->last = feed(p, t, SPAN(""), &taken);
    }
}

static void read_all(struct story *s, struct span in, struct cuts cuts)
{
    struct http_parser *p = http_parser_new();
    size_t size = in.n;
    s->count = 0;
    do {
        struct told *t = &s->told[s->count++];
        *t = (struct told){.last = HTTP_NEED_MORE};
        read_one(p, t, &in, &cuts);
        t->end = size - in.n;
    } while (s->told[s->count - 1].last == HTTP_END && in.n > 0 && s->count < REQUESTS_MAX);
    http_parser_free(p);
}

static void story_fini(struct story *s)
{
    for (size_t i = 0; i < s->count; i++) {
        buf_fini(&s->told[i].body);
        arena_fini(&s->told[i].arena);
    }
}

static void check_head(const struct http_head *h)
{
    HOLDS(h->path.n > 0 && (h->path.p[0] == '/' || span_eq(h->path, SPAN("*"))));
    HOLDS(!memchr(h->path.p, '?', h->path.n));
    HOLDS(span_eq(span_from(h->target.p + h->target.n - h->query.n, h->query.n), h->query));
    HOLDS(h->framing == HTTP_LENGTH || h->content_length == 0);
    HOLDS(!h->expect_continue || h->framing != HTTP_NO_BODY);
}

static void check_same_head(const struct http_head *a, const struct http_head *b)
{
    const struct http_header *x = a->headers, *y = b->headers;
    HOLDS(a->method == b->method && span_eq(a->method_text, b->method_text));
    HOLDS(span_eq(a->target, b->target) && span_eq(a->path, b->path));
    HOLDS(span_eq(a->query, b->query) && a->minor == b->minor && a->framing == b->framing);
    HOLDS(a->content_length == b->content_length && a->keep_alive == b->keep_alive);
    HOLDS(a->expect_continue == b->expect_continue);
    for (; x && y; x = x->next, y = y->next)
        HOLDS(span_eq(x->name, y->name) && span_eq(x->value, y->value));
    HOLDS(x == y);
}

static void check_same(const struct story *a, const struct story *b)
{
    HOLDS(a->count == b->count);
    for (size_t i = 0; i < a->count; i++) {
        const struct told *x = &a->told[i], *y = &b->told[i];
        HOLDS(x->last == y->last && x->has_head == y->has_head);
        HOLDS(x->last != HTTP_END || x->end == y->end);
        HOLDS(span_eq(buf_span(&x->body), buf_span(&y->body)));
        if (x->has_head)
            check_same_head(&x->head, &y->head);
    }
}

static void check_read(const struct told *t, const struct strict_request *r)
{
    const struct http_header *h = t->head.headers;
    HOLDS(r->has_head);
    HOLDS(span_eq(t->head.method_text, r->method) && span_eq(t->head.target, r->target));
    HOLDS(t->head.minor == r->minor);
    for (size_t i = 0; i < r->count; i++, h = h->next)
        HOLDS(h && span_eq(h->name, r->fields[i].name) && span_eq(h->value, r->fields[i].value));
    HOLDS(!h && span_eq(buf_span(&t->body), buf_span(&r->body)));
}

/* A strict reader may refuse less, because it knows no limits, but never understand otherwise. */
static void check_strictly(const struct story *s, struct span in)
{
    size_t size = in.n;
    for (size_t i = 0; i < s->count; i++) {
        const struct told *t = &s->told[i];
        struct strict_request r = {.count = 0};
        enum strict_result result = strict_read(&in, &r);
        if (t->last == HTTP_END)
            HOLDS(result == STRICT_OK && size - in.n == t->end);
        if (t->last == HTTP_NEED_MORE)
            HOLDS(result != STRICT_OK);
        if (t->has_head) {
            check_head(&t->head);
            if (t->last != HTTP_FAILED)
                check_read(t, &r);
        }
        buf_fini(&r.body);
    }
}

/* Two bytes say how the rest is cut. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct story whole, pieces;
    struct span in = span_from(data, size);
    struct cuts cuts = {.at = 0};
    cuts.sizes[0] = take_byte(&in) & 63U;
    cuts.sizes[1] = take_byte(&in) & 63U;
    read_all(&whole, in, (struct cuts){.at = 0});
    read_all(&pieces, in, cuts);
    check_same(&whole, &pieces);
    check_strictly(&whole, in);
    story_fini(&whole);
    story_fini(&pieces);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * input: reading and parsing into slabs.
 */
#include "server/input.h"

#include <string.h>

void input_init(struct input *in, struct slabs *slabs)
{
    *in = (struct input){.state = IN_DONE, .slabs = slabs, .parser = http_parser_new()};
}

void input_fini(struct input *in)
{
    http_parser_free(in->parser);
    slab_give(in->slabs, in->slab);
    in->slab = NULL;
}

void input_begin(struct input *in, struct arena *a, size_t head_max)
{
    in->head = (struct http_head){0};
    in->state = IN_HEAD;
    in->last_ready = 0;
    in->received = in->slab ? in->slab->end - in->slab->raw : 0;
    http_parser_limit(in->parser, head_max > 0 ? head_max : HTTP_HEAD_MAX);
    http_parser_begin(in->parser, &in->head, a);
}

bool input_has_room(const struct input *in)
{
    return !in->slab || in->slab->end < in->slab->cap;
}

/* Reads at most so much. */
static enum wire_result read_into(struct input *in, uint64_t most, struct wire *w)
{
    struct slab *b = in->slab;
    size_t n = 0, room = b->cap - b->end;
    enum wire_result r = w->ops->read(w, b->p + b->end, room < most ? room : (size_t)most, &n);
    b->end += n;
    in->received += n;
    if (r == WIRE_END || r == WIRE_BROKEN)
        in->ended = true;
    return r;
}

/* Once nothing is left to parse, the space behind the body is free again. */
static void compact(struct slab *b)
{
    if (b->raw == b->end)
        b->raw = b->end = b->ready;
}

/* A slab without bytes is free for others. */
static void reclaim(struct input *in)
{
    if (!in->slab || in->slab->end > 0)
        return;
    slab_give(in->slabs, in->slab);
    in->slab = NULL;
}

/* A large slab is for bodies: a client that reads its answers slowly is not to keep one for the
 * requests that it has sent already. */
static void leave_large(struct input *in)
{
    struct slab *large = in->slab;
    if (!large || large->cap < SLAB_LARGE)
        return;
    struct span rest = span_from(large->p + large->raw, large->end - large->raw);
    in->slab = NULL;
    if (rest.n <= SLAB_SMALL) {
        in->slab = slab_take(rest.n);
        memcpy(in->slab->p, rest.p, rest.n);
        in->slab->end = rest.n;
    } else if (in->state == IN_DONE) {
        in->state = IN_CUT;
    }
    slab_give(in->slabs, large);
}

enum wire_result input_read(struct input *in, struct wire *w)
{
    if (!in->slab)
        in->slab = slab_take(2 * in->last_ready);
    enum wire_result r = read_into(in, UINT64_MAX, w);
    reclaim(in);
    return r;
}

/* Moves a piece of body down to where the last one ended. */
static void keep_body(struct slab *b, struct span body)
{
    if (body.p != b->p + b->ready)
        memmove(b->p + b->ready, body.p, body.n);
    b->ready += body.n;
}

/* One step of the parser; false if there is no point in another one now. */
static bool parse_step(struct input *in)
{
    struct slab *b = in->slab;
    struct span bytes = b ? span_from(b->p + b->raw, b->end - b->raw) : SPAN("");
    struct http_step step = http_parser_step(in->parser, bytes);
    if (b)
        b->raw += step.taken;
    switch (step.event) {
    case HTTP_NEED_MORE:
        return false;
    case HTTP_HEAD_DONE:
        in->state = IN_BODY;
        return in->head.framing == HTTP_NO_BODY;
    case HTTP_BODY:
        keep_body(b, step.body);
        return true;
    case HTTP_END:
        in->state = IN_DONE;
        return false;
    case HTTP_FAILED:
        in->state = IN_FAILED;
        in->rc = step.rc;
        in->why = step.why;
        return false;
    }
    return false;
}

static void parse(struct input *in)
{
    if (in->state != IN_HEAD && in->state != IN_BODY)
        return;
    while (parse_step(in))
        ;
    if (in->slab)
        compact(in->slab);
}

void input_parse(struct input *in)
{
    parse(in);
    reclaim(in);
}

bool input_is_idle(const struct input *in)
{
    return in->state == IN_HEAD && in->received == 0;
}

struct span input_body(const struct input *in)
{
    return in->slab ? span_from(in->slab->p, in->slab->ready) : SPAN("");
}

static void drop(struct input *in)
{
    struct slab *b = in->slab;
    if (!b || b->ready == 0)
        return;
    in->last_ready = b->ready;
    b->ready = 0;
    compact(b);
}

void input_drop_body(struct input *in)
{
    drop(in);
    reclaim(in);
    leave_large(in);
}

/* A large one, if one is free, in the place of an empty one. */
static void widen(struct input *in)
{
    struct slab *large = in->slab->cap < SLAB_LARGE ? slab_take_large(in->slabs) : NULL;
    if (!large)
        return;
    slab_give(in->slabs, in->slab);
    in->slab = large;
}

bool input_next_body(struct input *in, struct wire *w)
{
    drop(in);
    if (!in->slab || in->slab->end > 0 || in->state != IN_BODY || in->ended)
        return false;
    widen(in);
    if (read_into(in, http_parser_body_left(in->parser), w) != WIRE_OK)
        return false;
    parse(in);
    return true;
}

void input_drop_all(struct input *in)
{
    slab_give(in->slabs, in->slab);
    in->slab = NULL;
}

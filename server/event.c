/* SPDX-License-Identifier: Apache-2.0
 *
 * event: the registry image's envelope, with its names, their order and its three spaces.
 */
#include "server/event.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <time.h>

#include "lib/base64.h"
#include "lib/buf.h"
#include "lib/oci.h"

const char *event_action_name(enum event_action a)
{
    static const char *const names[EVENT_ACTIONS] = {"pull", "push", "mount", "delete"};
    return names[a];
}

void event_id(char out[EVENT_ID_SIZE])
{
    unsigned char b[16];
    randombytes_buf(b, sizeof(b));
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40); /* version 4: random */
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    char *p = out;
    for (size_t i = 0; i < sizeof(b); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *p++ = '-';
        (void)sodium_bin2hex(p, 3, &b[i], 1);
        p += 2;
    }
}

/* ---- JSON. ------------------------------------------------------------------------------ */

/* An object that is being written: its members stand on lines of their own. */
struct object {
    struct buf *b;
    unsigned depth;
    bool has_members;
};

static void add_line(struct buf *b, unsigned depth)
{
    buf_add_char(b, '\n');
    for (unsigned i = 0; i < depth; i++)
        buf_add_str(b, "   ");
}

static void add_member(struct object *o, const char *name)
{
    if (o->has_members)
        buf_add_char(o->b, ',');
    o->has_members = true;
    add_line(o->b, o->depth + 1);
    if (name)
        buf_printf(o->b, "\"%s\": ", name);
}

static void add_any_text(struct object *o, const char *name, struct span s)
{
    add_member(o, name);
    buf_add_char(o->b, '"');
    buf_add_json(o->b, s);
    buf_add_char(o->b, '"');
}

static void add_text(struct object *o, const char *name, struct span s)
{
    if (s.n > 0)
        add_any_text(o, name, s);
}

static void add_number(struct object *o, const char *name, uint64_t n)
{
    if (n == 0)
        return;
    add_member(o, name);
    buf_printf(o->b, "%" PRIu64, n);
}

/* opens: "{" or "["; name NULL: inside a list. */
static struct object begin(struct object *o, const char *name, char opens)
{
    add_member(o, name);
    buf_add_char(o->b, opens);
    return (struct object){.b = o->b, .depth = o->depth + 1};
}

static void end(struct object *o, char closes)
{
    if (o->has_members)
        add_line(o->b, o->depth);
    buf_add_char(o->b, closes);
}

/* ---- The parts of an event. ------------------------------------------------------------- */

static void add_time(struct object *o)
{
    char text[40];
    struct timespec now;
    struct tm tm;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    size_t n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", gmtime_r(&now.tv_sec, &tm));
    (void)snprintf(text + n, sizeof(text) - n, ".%09ldZ", now.tv_nsec);
    add_text(o, "timestamp", span_of(text));
}

static void add_descriptor(struct object *o, struct span media_type, uint64_t size,
                           const struct digest *d)
{
    struct digest_text text = {.s = ""};
    if (d)
        text = digest_print(d);
    add_text(o, "mediaType", media_type);
    add_number(o, "size", size);
    add_text(o, "digest", span_of(text.s));
}

static void add_references(struct object *target, const struct event *e, struct arena *a)
{
    struct oci_manifest m;
    if (e->manifest.n == 0 || oci_parse(e->manifest, SPAN(""), a, &m, NULL) != RC_OK ||
        m.ref_count == 0)
        return;
    struct object list = begin(target, "references", '[');
    for (size_t i = 0; i < m.ref_count; i++) {
        struct object o = begin(&list, NULL, '{');
        add_descriptor(&o, m.refs[i].media_type, m.refs[i].size, &m.refs[i].digest);
        end(&o, '}');
    }
    end(&list, ']');
}

/* What is gone has no address any more. */
static void add_url(struct object *o, const struct event *e, struct span base)
{
    struct buf b;
    if (!e->digest || e->action == EVENT_DELETE)
        return;
    buf_init(&b);
    buf_printf(&b, "%.*s/v2/%.*s/%s/%s", SPAN_ARG(base), SPAN_ARG(e->repo.s),
               e->manifest.n > 0 ? "manifests" : "blobs", digest_print(e->digest).s);
    add_text(o, "url", buf_span(&b));
    buf_fini(&b);
}

static void add_target(struct object *event, const struct event *e, const struct op *op)
{
    struct object o = begin(event, "target", '{');
    add_descriptor(&o, span_of(e->media_type), e->size, e->digest);
    add_number(&o, "length", e->size);
    add_text(&o, "repository", e->repo.s);
    add_text(&o, "fromRepository", e->from ? e->from->s : SPAN(""));
    add_url(&o, e, op->base);
    add_text(&o, "tag", e->tag);
    if (op->events->references)
        add_references(&o, e, op->arena);
    end(&o, '}');
}

static void add_request(struct object *event, const struct events *all)
{
    struct object o = begin(event, "request", '{');
    add_text(&o, "id", span_of(all->request));
    add_text(&o, "addr", all->addr);
    add_text(&o, "host", all->host);
    add_text(&o, "method", all->method);
    add_any_text(&o, "useragent", all->agent);
    end(&o, '}');
}

static void add_origin(struct object *event, const struct op *op)
{
    const struct events *all = op->events;
    struct object actor = begin(event, "actor", '{');
    add_text(&actor, "name", op->user.p ? op->user : all->claimed);
    end(&actor, '}');
    struct object source = begin(event, "source", '{');
    add_text(&source, "addr", span_of(all->source));
    add_text(&source, "instanceID", span_of(all->instance));
    end(&source, '}');
}

static void print(const struct op *op, const struct event *e, struct buf *b)
{
    char id[EVENT_ID_SIZE];
    struct object envelope = {.b = b};
    event_id(id);
    buf_add_char(b, '{');
    struct object list = begin(&envelope, "events", '[');
    struct object o = begin(&list, NULL, '{');
    add_text(&o, "id", span_of(id));
    add_time(&o);
    add_text(&o, "action", span_of(event_action_name(e->action)));
    add_target(&o, e, op);
    add_request(&o, op->events);
    add_origin(&o, op);
    end(&o, '}');
    end(&list, ']');
    end(&envelope, '}');
}

void event_tell(struct op *op, const struct event *e)
{
    struct events *all = op->events;
    struct buf b;
    if (!all)
        return;
    buf_init(&b);
    print(op, e, &b);
    struct event_text *text = arena_alloc(op->arena, sizeof(*text));
    *text = (struct event_text){
        .action = e->action,
        .media_type = e->media_type,
        .json = arena_span(op->arena, buf_span(&b)),
    };
    buf_fini(&b);
    if (all->last)
        all->last->next = text;
    else
        all->first = text;
    all->last = text;
}

struct span event_basic_user(const struct http_head *head, struct arena *a)
{
    struct span scheme, rest, user = {0}, password;
    struct span header = http_header_find(head, SPAN("Authorization"));
    if (!span_cut(header, ' ', &scheme, &rest) || !span_eq_nocase(scheme, SPAN("Basic")))
        return SPAN("");
    rest = span_trim(rest);
    size_t n = 0;
    char *plain = arena_alloc(a, rest.n + 1);
    if (!base64_decode(BASE64, rest, plain, rest.n, &n) ||
        !span_cut(span_from(plain, n), ':', &user, &password))
        user.n = 0;
    sodium_memzero(plain + user.n, rest.n - user.n); /* the password */
    return span_from(plain, user.n);
}

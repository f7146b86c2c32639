/* SPDX-License-Identifier: Apache-2.0
 *
 * http: llhttp as a machine that stops at the head, at each piece of the body and at the end.
 *
 * llhttp's strictness depends on its version and on how it was built, and where two readers
 * of one request disagree, requests can be smuggled (RFC 9112 §11.2). So what llhttp took for
 * framing is checked here again: line ends, line starts, the version, names and values.
 */

#include <llhttp.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/http.h"

/* What may stand between two pieces of a body: a chunk's size and its extensions. */
enum { CHUNK_LINE_MAX = 4 * 1024 };

/*   http_parser_begin ──► IN_HEAD ──► IN_BODY ──► IN_TRAILERS ──► AT_END
 *                           └────────────┴───────────┴──► BROKEN              */
enum parser_state { IN_HEAD, IN_BODY, IN_TRAILERS, AT_END, BROKEN };

/* What the framing's last byte demands of the next one. */
enum guard { LINE_START, LINE_MIDDLE, NEED_LF, NEED_CR };

struct http_parser {
    llhttp_t llhttp;
    enum parser_state state;
    struct http_step step; /* being made; the failure, when BROKEN */
    struct http_head *head;
    struct arena *arena;
    struct buf text;  /* the target, a header's name or value, as it comes in pieces */
    struct span name; /* of the header whose value comes in */
    struct http_header *last;
    size_t header_count;
    size_t head_max;
    size_t head_bytes;  /* taken for the head and the trailers */
    size_t gap_bytes;   /* taken since the last byte of the body */
    uint64_t body_left; /* of the body, or of the chunk's data */
    uint64_t line_tail; /* the last 8 bytes of the line */
    enum guard guard;
    bool has_request_line;
};

static const char *const method_names[] = {
    [METHOD_GET] = "GET",         [METHOD_HEAD] = "HEAD",   [METHOD_POST] = "POST",
    [METHOD_PUT] = "PUT",         [METHOD_PATCH] = "PATCH", [METHOD_DELETE] = "DELETE",
    [METHOD_OPTIONS] = "OPTIONS", [METHOD_OTHER] = "OTHER",
};

const char *http_method_name(enum http_method m)
{
    return method_names[m];
}

static enum http_method method_find(struct span text)
{
    int m = METHOD_GET;
    while (m < METHOD_OTHER && !span_eq(text, span_of(method_names[m])))
        m++;
    return (enum http_method)m;
}

const struct http_header *http_header_next(const struct http_head *h, struct span name,
                                           const struct http_header *at)
{
    at = at ? at->next : h->headers;
    while (at && !span_eq_nocase(at->name, name))
        at = at->next;
    return at;
}

struct span http_header_find(const struct http_head *h, struct span name)
{
    const struct http_header *at = http_header_next(h, name, NULL);
    return at ? at->value : (struct span){NULL, 0};
}

void http_header_wipe(const struct http_head *h, struct span name)
{
    for (const struct http_header *at = http_header_next(h, name, NULL); at;
         at = http_header_next(h, name, at))
        if (at->value.n > 0) /* the arena's, and so ours to write */
            memset((void *)at->value.p, '*', at->value.n);
}

struct span http_header_list(const struct http_head *h, struct span name, struct arena *a)
{
    const struct http_header *at = http_header_next(h, name, NULL);
    struct span list = at ? at->value : (struct span){NULL, 0};
    while (at && (at = http_header_next(h, name, at)))
        list = span_of(arena_printf(a, "%.*s, %.*s", SPAN_ARG(list), SPAN_ARG(at->value)));
    return list;
}

/* ---- What llhttp calls. ----------------------------------------------------------------- */

static struct http_parser *parser_of(llhttp_t *l)
{
    return container_of(l, struct http_parser, llhttp);
}

/* The first failure is the one that is told. False, for `return fail(…)`. */
static bool fail(struct http_parser *p, enum rc rc, const char *why)
{
    if (p->step.event != HTTP_FAILED)
        p->step = (struct http_step){.event = HTTP_FAILED, .rc = rc, .why = why};
    p->state = BROKEN;
    return false;
}

static int on_text(llhttp_t *l, const char *at, size_t n)
{
    buf_add(&parser_of(l)->text, at, n);
    return 0;
}

static struct span take_text(struct http_parser *p)
{
    struct span s = arena_span(p->arena, buf_span(&p->text));
    buf_clear(&p->text);
    return s;
}

static int on_url_complete(llhttp_t *l)
{
    struct http_parser *p = parser_of(l);
    p->head->target = take_text(p);
    return 0;
}

static bool is_token(struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!alnum && !(c && strchr("!#$%&'*+-.^_`|~", c)))
            return false;
    }
    return s.n > 0;
}

/* Of a header or a trailer. Nobody asks for trailers, and by the time they come the arena
 * may be in use by another thread: nothing of them is kept. */
static int on_name_complete(llhttp_t *l)
{
    struct http_parser *p = parser_of(l);
    if (!is_token(buf_span(&p->text))) {
        fail(p, RC_BAD_REQUEST, "bad header name");
        return HPE_USER;
    }
    if (p->state == IN_HEAD)
        p->name = take_text(p);
    buf_clear(&p->text);
    return 0;
}

static int on_value_complete(llhttp_t *l)
{
    struct http_parser *p = parser_of(l);
    if (p->state != IN_HEAD) {
        buf_clear(&p->text);
        return 0;
    }
    struct span value = span_trim(take_text(p));
    if (++p->header_count > HTTP_HEADERS_MAX) {
        fail(p, RC_HEAD_TOO_LARGE, "too many headers");
        return HPE_USER;
    }
    struct http_header *h = arena_alloc(p->arena, sizeof(*h));
    *h = (struct http_header){.name = p->name, .value = value};
    if (p->last)
        p->last->next = h;
    else
        p->head->headers = h;
    p->last = h;
    return 0;
}

static int on_headers_complete(llhttp_t *l)
{
    struct http_parser *p = parser_of(l);
    if (l->http_major != 1) { /* "GET /HTTP/1.1" has a target, and no version at all */
        fail(p, RC_BAD_REQUEST, "not HTTP/1.0 or HTTP/1.1");
        return HPE_USER;
    }
    p->head->method_text = span_of(llhttp_method_name((llhttp_method_t)l->method));
    p->head->minor = l->http_minor;
    l->upgrade = 0; /* RFC 9110 §7.8: a server may ignore Upgrade, and this one does */
    p->step.event = HTTP_HEAD_DONE;
    return HPE_PAUSED;
}

static int on_body(llhttp_t *l, const char *at, size_t n)
{
    struct http_parser *p = parser_of(l);
    if (n == 0)
        return 0;
    p->step.event = HTTP_BODY;
    p->step.body = span_from(at, n);
    return HPE_PAUSED;
}

static int on_chunk_header(llhttp_t *l)
{
    struct http_parser *p = parser_of(l);
    if (l->content_length > INT64_MAX) { /* no length may be negative to anybody */
        fail(p, RC_BAD_REQUEST, "bad chunk size");
        return HPE_USER;
    }
    p->body_left = l->content_length;
    if (p->body_left == 0)
        p->state = IN_TRAILERS;
    return 0;
}

static int on_message_complete(llhttp_t *l)
{
    parser_of(l)->step.event = HTTP_END;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_url = on_text,
    .on_url_complete = on_url_complete,
    .on_header_field = on_text,
    .on_header_field_complete = on_name_complete,
    .on_header_value = on_text,
    .on_header_value_complete = on_value_complete,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_chunk_header = on_chunk_header,
    .on_message_complete = on_message_complete,
};

/* ---- The framing, checked again. -------------------------------------------------------- */

/* RFC 9112 §2.3; llhttp also knows HTTP/0.9, HTTP/2.0, RTSP and ICE. */
static bool is_version(uint64_t line_tail)
{
    return line_tail == 0x485454502f312e31 || line_tail == 0x485454502f312e30; /* HTTP/1.1, 1.0 */
}

static bool guard_line_end(struct http_parser *p)
{
    if (!p->has_request_line && p->line_tail) {
        if (!is_version(p->line_tail))
            return fail(p, RC_BAD_REQUEST, "not HTTP/1.0 or HTTP/1.1");
        p->has_request_line = true;
    }
    p->line_tail = 0;
    p->guard = NEED_LF;
    return true;
}

/* RFC 9112 §2.2 (no bare CR), §5.2 (no folded lines), §7.1. A reader may take a bare LF for a
 * line's end, but not every reader does. */
static bool guard_byte(struct http_parser *p, char c)
{
    if (p->guard == NEED_LF && c != '\n')
        return fail(p, RC_BAD_REQUEST, "CR without LF");
    if (p->guard != NEED_LF && c == '\n')
        return fail(p, RC_BAD_REQUEST, "LF without CR");
    if (p->guard == NEED_CR && c != '\r')
        return fail(p, RC_BAD_REQUEST, "chunk longer than it says");
    if (p->guard == LINE_START && (c == ' ' || c == '\t'))
        return fail(p, RC_BAD_REQUEST, "line starts with white space");
    if (!p->has_request_line && c == ' ' && (p->line_tail & 0xff) == ' ') /* §3: one SP */
        return fail(p, RC_BAD_REQUEST, "bad request line");
    if (c == 0)
        return fail(p, RC_BAD_REQUEST, "NUL");
    if (c == '\r')
        return guard_line_end(p);
    if (c == '\n') {
        p->guard = LINE_START;
    } else {
        p->guard = LINE_MIDDLE;
        p->line_tail = p->line_tail << 8 | (unsigned char)c;
    }
    return true;
}

/* In the middle of a line, behind the request line, only what is not over a CR can be its end, or a
 * NUL. */
static size_t skip_plain(const struct http_parser *p, struct span framing, size_t i)
{
    if (p->has_request_line && p->guard == LINE_MIDDLE)
        while (i < framing.n && (unsigned char)framing.p[i] > '\r')
            i++;
    return i;
}

static bool guard_framing(struct http_parser *p, struct span framing)
{
    for (size_t i = skip_plain(p, framing, 0); i < framing.n; i = skip_plain(p, framing, i + 1))
        if (!guard_byte(p, framing.p[i]))
            return false;
    return true;
}

static bool count_framing(struct http_parser *p, size_t n)
{
    if (p->state == IN_BODY) {
        p->gap_bytes += n;
        if (p->gap_bytes > CHUNK_LINE_MAX)
            return fail(p, RC_BAD_REQUEST, "chunk extensions too long");
        return true;
    }
    p->head_bytes += n;
    if (p->head_bytes >= p->head_max && p->step.event == HTTP_NEED_MORE)
        return fail(p, RC_HEAD_TOO_LARGE, "request head too large");
    return true;
}

/* ---- The head, as a whole. -------------------------------------------------------------- */

/* RFC 9110 §5.5: visible characters, blanks and bytes over 0x7f. */
static bool is_field_value(struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if ((c < ' ' && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

/* RFC 3986 §3.2.2 and §3.2.3, loosely: enough that the host can stand in a URL. */
static bool is_host(struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c <= ' ' || c > '~' || strchr("\"#/<>?@\\^`{|}", c))
            return false;
    }
    return true;
}

static bool check_host(struct http_parser *p)
{
    const struct http_header *host = http_header_next(p->head, SPAN("Host"), NULL);
    if (!host && p->head->minor > 0)
        return fail(p, RC_BAD_REQUEST, "missing Host");
    if (host && http_header_next(p->head, SPAN("Host"), host))
        return fail(p, RC_BAD_REQUEST, "several Host headers");
    if (host && !is_host(host->value))
        return fail(p, RC_BAD_REQUEST, "bad Host");
    return true;
}

/* RFC 9112 §6.1 and §6.3, with every choice taken on the safe side. */
static bool check_framing(struct http_parser *p)
{
    struct http_head *h = p->head;
    const struct http_header *length = http_header_next(h, SPAN("Content-Length"), NULL);
    const struct http_header *coding = http_header_next(h, SPAN("Transfer-Encoding"), NULL);
    if (length && coding)
        return fail(p, RC_BAD_REQUEST, "both Content-Length and Transfer-Encoding");
    if (length && http_header_next(h, SPAN("Content-Length"), length))
        return fail(p, RC_BAD_REQUEST, "several Content-Length headers");
    if (coding && http_header_next(h, SPAN("Transfer-Encoding"), coding))
        return fail(p, RC_BAD_REQUEST, "several Transfer-Encoding headers");
    if (coding && (h->minor == 0 || !span_eq_nocase(coding->value, SPAN("chunked"))))
        return fail(p, RC_BAD_REQUEST, "Transfer-Encoding other than chunked");
    if (length &&
        (!span_to_u64(length->value, &h->content_length) || h->content_length > INT64_MAX))
        return fail(p, RC_BAD_REQUEST, "bad Content-Length");
    h->framing = coding ? HTTP_CHUNKED : length ? HTTP_LENGTH : HTTP_NO_BODY;
    return true;
}

static bool check_expect(struct http_parser *p)
{
    struct http_head *h = p->head;
    const struct http_header *expect = http_header_next(h, SPAN("Expect"), NULL);
    for (; expect; expect = http_header_next(h, SPAN("Expect"), expect)) {
        if (!span_eq_nocase(expect->value, SPAN("100-continue")))
            return fail(p, RC_EXPECTATION, "unknown expectation");
        /* RFC 9110 §10.1.1: not in HTTP/1.0, and not needed where no body follows. */
        h->expect_continue = h->minor > 0 && (h->framing == HTTP_CHUNKED || h->content_length);
    }
    return true;
}

/* Is the option in some Connection header? RFC 9110 §7.6.1. */
static bool connection_says(const struct http_head *h, struct span option)
{
    const struct http_header *c = http_header_next(h, SPAN("Connection"), NULL);
    for (; c; c = http_header_next(h, SPAN("Connection"), c)) {
        struct span item, rest = c->value;
        while (rest.n) {
            span_cut(rest, ',', &item, &rest);
            if (span_eq_nocase(span_trim(item), option))
                return true;
        }
    }
    return false;
}

/* RFC 9112 §9.3 */
static bool is_persistent(const struct http_head *h)
{
    if (connection_says(h, SPAN("close")))
        return false;
    return h->minor > 0 || connection_says(h, SPAN("keep-alive"));
}

static bool check_headers(struct http_parser *p)
{
    for (const struct http_header *h = p->head->headers; h; h = h->next)
        if (!is_field_value(h->value))
            return fail(p, RC_BAD_REQUEST, "bad header value");
    return check_host(p) && check_framing(p) && check_expect(p);
}

static bool is_target_text(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~' || s.p[i] == '#')
            return false;
    return s.n > 0;
}

/* What follows scheme and host of an absolute-form target; false if it is none. */
static bool absolute_rest(struct span target, struct span *rest)
{
    struct span http = SPAN("http://"), https = SPAN("https://");
    if (span_eq_nocase(span_head(target, http.n), http))
        target = span_skip(target, http.n);
    else if (span_eq_nocase(span_head(target, https.n), https))
        target = span_skip(target, https.n);
    else
        return false;
    size_t n = 0;
    while (n < target.n && target.p[n] != '/' && target.p[n] != '?')
        n++;
    *rest = span_skip(target, n);
    return n > 0; /* RFC 9110 §4.2.1: no empty host */
}

/* RFC 9112 §3.2. CONNECT has the fourth form, and is for proxies. */
static bool check_target(struct http_parser *p)
{
    struct http_head *h = p->head;
    struct span rest = h->target;
    bool fits = is_target_text(rest) && !span_eq(h->method_text, SPAN("CONNECT"));
    if (fits && span_eq(rest, SPAN("*")))
        fits = h->method == METHOD_OPTIONS;
    else if (fits && rest.p[0] != '/')
        fits = absolute_rest(rest, &rest);
    if (!fits)
        return fail(p, RC_BAD_REQUEST, "bad request target");
    span_cut(rest, '?', &h->path, &h->query);
    if (h->path.n == 0)
        h->path = SPAN("/"); /* RFC 9110 §4.2.3 */
    return true;
}

static bool check_head(struct http_parser *p)
{
    struct http_head *h = p->head;
    h->method = method_find(h->method_text);
    if (!check_target(p) || !check_headers(p))
        return false;
    h->keep_alive = is_persistent(h);
    return true;
}

/* ---- The parser. ------------------------------------------------------------------------ */

struct http_parser *http_parser_new(void)
{
    struct http_parser *p = must_calloc(sizeof(*p));
    buf_init(&p->text);
    p->state = AT_END;
    p->head_max = HTTP_HEAD_MAX;
    return p;
}

void http_parser_limit(struct http_parser *p, size_t head_max)
{
    p->head_max = head_max;
}

void http_parser_free(struct http_parser *p)
{
    if (!p)
        return;
    buf_fini(&p->text);
    free(p);
}

void http_parser_begin(struct http_parser *p, struct http_head *head, struct arena *a)
{
    buf_fini(&p->text);
    *head = (struct http_head){0};
    *p = (struct http_parser){
        .head = head, .arena = a, .state = IN_HEAD, .guard = LINE_MIDDLE, .head_max = p->head_max};
    llhttp_init(&p->llhttp, HTTP_REQUEST, &settings);
}

/* Runs llhttp over the bytes up to where it stops. */
static bool run(struct http_parser *p, struct span bytes)
{
    llhttp_errno_t err = llhttp_execute(&p->llhttp, bytes.p, bytes.n);
    if (err == HPE_OK) {
        p->step.taken = bytes.n;
        return true;
    }
    if (err != HPE_PAUSED)
        return fail(p, RC_BAD_REQUEST, llhttp_get_error_reason(&p->llhttp));
    p->step.taken = (size_t)(llhttp_get_error_pos(&p->llhttp) - bytes.p);
    llhttp_resume(&p->llhttp);
    return true;
}

static bool end_head(struct http_parser *p)
{
    p->state = IN_BODY;
    buf_fini(&p->text);
    if (!check_head(p))
        return false;
    p->body_left = p->head->content_length;
    return true;
}

static void end_piece(struct http_parser *p)
{
    p->gap_bytes = 0;
    p->body_left -= p->step.body.n;
    if (p->head->framing == HTTP_CHUNKED)
        p->guard = p->body_left ? LINE_MIDDLE : NEED_CR;
}

/* Everything taken but the body's piece was framing, and came before it. */
static bool check_step(struct http_parser *p, struct span bytes)
{
    struct span framing = span_head(bytes, p->step.taken - p->step.body.n);
    if (!guard_framing(p, framing) || !count_framing(p, framing.n))
        return false;
    switch (p->step.event) {
    case HTTP_NEED_MORE:
    case HTTP_FAILED:
        break;
    case HTTP_HEAD_DONE:
        return end_head(p);
    case HTTP_BODY:
        end_piece(p);
        break;
    case HTTP_END:
        p->state = AT_END;
        break;
    }
    return true;
}

struct http_step http_parser_step(struct http_parser *p, struct span bytes)
{
    if (p->state == BROKEN)
        return p->step;
    if (p->state == AT_END)
        return (struct http_step){.event = HTTP_END};
    if (p->state == IN_HEAD)
        bytes = span_head(bytes, p->head_max - p->head_bytes);
    if (!bytes.p)
        bytes = SPAN("");
    p->step = (struct http_step){.event = HTTP_NEED_MORE};
    if (run(p, bytes))
        check_step(p, bytes);
    return p->step;
}

uint64_t http_parser_body_left(const struct http_parser *p)
{
    return p->state == IN_BODY && p->head->framing == HTTP_LENGTH ? p->body_left : UINT64_MAX;
}

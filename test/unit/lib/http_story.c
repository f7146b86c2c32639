/* SPDX-License-Identifier: Apache-2.0
 *
 * http_story: a request told as text, however its bytes came.
 */
#include "http_story.h"

#include "lib/http.h"

/* What happened, as text: the head, the body in bars, how much was taken; or the refusal. */
static void tell_head(struct buf *story, const struct http_head *h)
{
    static const char *const framings[] = {"-", "length", "chunked"};
    buf_printf(story, "%s %.*s ?%.*s 1.%d %s %s", http_method_name(h->method), SPAN_ARG(h->path),
               SPAN_ARG(h->query), h->minor, framings[h->framing],
               h->keep_alive ? "keep" : "close");
    if (h->expect_continue)
        buf_add_str(story, " expect");
    for (const struct http_header *at = h->headers; at; at = at->next)
        if (!span_eq(at->name, SPAN("Host")))
            buf_printf(story, " {%.*s=%.*s}", SPAN_ARG(at->name), SPAN_ARG(at->value));
}

struct feed {
    struct span all;
    size_t cut;   /* the first piece; 0: a byte at a time */
    size_t at;    /* taken so far */
    size_t given; /* on offer so far */
};

/* More on offer; false if there is nothing left. */
static bool feed_more(struct feed *f)
{
    if (f->given == f->all.n)
        return false;
    f->given = f->cut == 0 ? f->given + 1 : f->given < f->cut ? f->cut : f->all.n;
    return true;
}

/* One step told; false at the story's end. */
static bool tell_step(struct buf *story, struct http_step step, const struct http_head *head,
                      bool *in_body)
{
    if (*in_body && step.event != HTTP_BODY && step.event != HTTP_NEED_MORE) {
        buf_add_char(story, '|');
        *in_body = false;
    }
    switch (step.event) {
    case HTTP_NEED_MORE:
        return true;
    case HTTP_HEAD_DONE:
        tell_head(story, head);
        buf_add_str(story, " |");
        *in_body = true;
        return true;
    case HTTP_BODY:
        buf_add_span(story, step.body);
        return true;
    case HTTP_END:
        return false;
    case HTTP_FAILED:
        assert_non_null(step.why);
        buf_clear(story);
        buf_printf(story, "%s", rc_name(step.rc));
        return false;
    }
    return false;
}

static void run(struct feed f, struct buf *story)
{
    struct arena a;
    struct http_head head;
    struct http_parser *p = http_parser_new();
    bool in_body = false;
    arena_init(&a);
    http_parser_begin(p, &head, &a);
    for (;;) {
        struct span offer = span_from(f.all.p + f.at, f.given - f.at);
        struct http_step step = http_parser_step(p, offer);
        assert_true(step.taken <= offer.n);
        if (step.event == HTTP_BODY) {
            assert_true(step.body.n > 0 && step.body.p >= offer.p);
            assert_ptr_equal(step.body.p + step.body.n, offer.p + step.taken);
        }
        f.at += step.taken;
        if (!tell_step(story, step, &head, &in_body)) {
            if (step.event == HTTP_END)
                buf_printf(story, " %zu left", f.all.n - f.at);
            break;
        }
        if (step.event == HTTP_NEED_MORE) {
            assert_int_equal(step.taken, offer.n);
            if (!feed_more(&f)) {
                buf_add_str(story, " more");
                break;
            }
        }
    }
    http_parser_free(p);
    arena_fini(&a);
}

void story_check_cut(struct span request, size_t cut, const char *expected)
{
    struct buf story;
    buf_init(&story);
    run((struct feed){.all = request, .cut = cut}, &story);
    if (!span_eq(buf_span(&story), span_of(expected)))
        fail_msg("\n%.*s\ncut at %zu: got\n  %s\nexpected\n  %s", SPAN_ARG(request), cut, story.p,
                 expected);
    buf_fini(&story);
}

void story_check(struct span request, const char *expected)
{
    for (size_t cut = 0; cut <= request.n; cut++)
        story_check_cut(request, cut, expected);
}

void story_check_rows(const struct story_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        story_check(rows[i].request, rows[i].story);
}

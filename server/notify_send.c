/* SPDX-License-Identifier: Apache-2.0
 *
 * notify_send: libcurl's multi interface; a descriptor wakes who waits, with it or without.
 */
#include "server/notify_send.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "server/notify_curl.h"

/* The media type of the registry image, version 2. */
#define EVENTS_TYPE "Content-Type: application/vnd.docker.distribution.events.v1+json"

enum {
    REDIRECTS_MAX = 5,
    ANSWER_MAX = 64 << 10, /* nobody reads it */
    WORDS_SIZE = CURL_ERROR_SIZE
};

struct sender {
    int wake;               /* readable: sender_wake was called */
    CURLM *multi;           /* NULL before the first request */
    struct curl_calls curl; /* once there is that */
};

struct post {
    struct sender *sender;
    CURL *easy; /* NULL before its first request */
    struct curl_slist *headers;
    enum post_state state;
    size_t received;
    long status;
    char words[WORDS_SIZE];
};

enum rc sender_check(struct fault *f)
{
    struct curl_calls c;
    return curl_open(&c, f);
}

struct sender *sender_new(void)
{
    struct sender *s = must_calloc(sizeof(*s));
    s->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (s->wake < 0)
        abort();
    return s;
}

void sender_free(struct sender *s)
{
    if (s->multi)
        (void)s->curl.multi_cleanup(s->multi);
    (void)close(s->wake);
    free(s);
}

void sender_wake(struct sender *s)
{
    (void)eventfd_write(s->wake, 1);
}

/* It was there when the options were checked, and what was loaded stays. */
static void need_curl(struct post *p)
{
    struct sender *s = p->sender;
    if (!s->multi && curl_open(&s->curl, NULL) == RC_OK)
        s->multi = s->curl.multi_init();
    if (s->multi && !p->easy)
        p->easy = s->curl.easy_init();
    if (!p->easy)
        abort();
}

static bool is_success(long status)
{
    const long hundred = 100;
    return status / hundred == 2 || status / hundred == 3;
}

/* What the answer says counts, also if the rest of it was too long to listen to. */
static void take_result(struct post *p, CURLcode code)
{
    const struct curl_calls *curl = &p->sender->curl;
    (void)curl->easy_getinfo(p->easy, CURLINFO_RESPONSE_CODE, &p->status);
    (void)curl->multi_remove_handle(p->sender->multi, p->easy);
    if (code != CURLE_OK && code != CURLE_WRITE_ERROR)
        p->state = POST_FAILED;
    else
        p->state = is_success(p->status) ? POST_SUCCEEDED : POST_REFUSED;
    if (p->state != POST_FAILED)
        return;
    p->status = 0;
    if (p->words[0] == '\0')
        (void)snprintf(p->words, sizeof(p->words), "%s", curl->easy_strerror(code));
}

/* In how many ms to look again: at most ms. */
static int transfer(struct sender *s, int ms)
{
    const struct curl_calls *curl = &s->curl;
    int running, left;
    CURLMsg *m;
    (void)curl->multi_perform(s->multi, &running);
    while ((m = curl->multi_info_read(s->multi, &left)) != NULL) {
        struct post *p = NULL;
        CURLcode code = m->data.result;
        if (m->msg != CURLMSG_DONE)
            continue;
        (void)curl->easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&p);
        take_result(p, code);
        ms = 0; /* there is something to do */
    }
    return ms;
}

void sender_work(struct sender *s, int ms)
{
    eventfd_t woken;
    if (s->multi) {
        struct curl_waitfd wake = {.fd = s->wake, .events = CURL_WAIT_POLLIN};
        ms = transfer(s, ms);
        (void)s->curl.multi_poll(s->multi, &wake, 1, ms, NULL);
    } else {
        struct pollfd wake = {.fd = s->wake, .events = POLLIN};
        (void)poll(&wake, 1, ms);
    }
    (void)eventfd_read(s->wake, &woken);
}

struct post *post_new(struct sender *s)
{
    struct post *p = must_calloc(sizeof(*p));
    p->sender = s;
    return p;
}

void post_free(struct post *p)
{
    const struct curl_calls *curl = &p->sender->curl;
    if (p->state == POST_SENT)
        (void)curl->multi_remove_handle(p->sender->multi, p->easy);
    if (p->easy) {
        curl->easy_cleanup(p->easy);
        curl->slist_free_all(p->headers);
    }
    free(p);
}

static void add_header(struct post *p, const char *line)
{
    struct curl_slist *list = p->sender->curl.slist_append(p->headers, line);
    if (!list)
        abort();
    p->headers = list;
}

/* libcurl takes "Name:" for a header to be left out, and "Name;" for an empty one. */
static void add_configured(struct post *p, const char *line, struct arena *a)
{
    struct span name, value;
    span_cut(span_of(line), ':', &name, &value);
    if (span_trim(value).n == 0)
        line = arena_printf(a, "%.*s;", SPAN_ARG(name));
    add_header(p, line);
}

static void set_headers(struct post *p, const struct notify_target *t)
{
    struct arena a;
    arena_init(&a);
    p->sender->curl.slist_free_all(p->headers);
    p->headers = NULL;
    add_header(p, EVENTS_TYPE);
    add_header(p, "Accept:");
    add_header(p, "Expect:"); /* a body goes at once */
    for (const struct notify_word *w = t->headers; w; w = w->next)
        add_configured(p, w->s, &a);
    (void)p->sender->curl.easy_setopt(p->easy, CURLOPT_HTTPHEADER, p->headers);
    arena_fini(&a);
}

static size_t drop_answer(char *bytes, size_t size, size_t n, void *post)
{
    struct post *p = post;
    (void)bytes;
    p->received += size * n;
    return p->received <= ANSWER_MAX ? size * n : 0;
}

/* A redirect takes the body along, and cannot lead from https to http, or to other protocols. */
static void set_url(struct post *p, const char *url)
{
    const struct curl_calls *curl = &p->sender->curl;
    bool tls = span_starts(span_of(url), SPAN("https:"));
    (void)curl->easy_setopt(p->easy, CURLOPT_URL, url);
    (void)curl->easy_setopt(p->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl->easy_setopt(p->easy, CURLOPT_REDIR_PROTOCOLS_STR, tls ? "https" : "http");
    (void)curl->easy_setopt(p->easy, CURLOPT_FOLLOWLOCATION, 1L);
    (void)curl->easy_setopt(p->easy, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
    (void)curl->easy_setopt(p->easy, CURLOPT_POSTREDIR, (long)CURL_REDIR_POST_ALL);
}

/* Certificates are checked, which is the default. SSL_CERT_FILE is how people of the registry image
 * name their own. */
static void set_behaviour(struct post *p, const struct notify_target *t)
{
    const struct curl_calls *curl = &p->sender->curl;
    const char *certificates = getenv("SSL_CERT_FILE");
    (void)curl->easy_setopt(p->easy, CURLOPT_PRIVATE, p);
    (void)curl->easy_setopt(p->easy, CURLOPT_ERRORBUFFER, p->words);
    (void)curl->easy_setopt(p->easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl->easy_setopt(p->easy, CURLOPT_QUICK_EXIT, 1L); /* no waiting for the resolver */
    (void)curl->easy_setopt(p->easy, CURLOPT_TIMEOUT_MS, (long)t->timeout);
    (void)curl->easy_setopt(p->easy, CURLOPT_WRITEFUNCTION, drop_answer);
    (void)curl->easy_setopt(p->easy, CURLOPT_WRITEDATA, p);
    if (certificates && certificates[0])
        (void)curl->easy_setopt(p->easy, CURLOPT_CAINFO, certificates);
}

/* The connection is kept from one event to the next. */
void post_begin(struct post *p, const struct notify_target *t, struct span body)
{
    const struct curl_calls *curl = &p->sender->curl;
    need_curl(p);
    curl->easy_reset(p->easy);
    p->received = 0;
    p->status = 0;
    p->words[0] = '\0';
    set_url(p, t->url);
    set_behaviour(p, t);
    set_headers(p, t);
    (void)curl->easy_setopt(p->easy, CURLOPT_USERAGENT, "registry");
    (void)curl->easy_setopt(p->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.n);
    (void)curl->easy_setopt(p->easy, CURLOPT_POSTFIELDS, body.p);
    p->state = POST_SENT;
    if (curl->multi_add_handle(p->sender->multi, p->easy) != CURLM_OK)
        take_result(p, CURLE_FAILED_INIT);
}

enum post_state post_state(const struct post *p)
{
    return p->state;
}

long post_status(const struct post *p)
{
    return p->status;
}

const char *post_words(const struct post *p)
{
    return p->words;
}

void post_end(struct post *p)
{
    p->state = POST_IDLE;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * notify_send: libcurl's multi interface.
 */
#include "server/notify_send.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

/* The media type of the registry image, version 2. */
#define EVENTS_TYPE "Content-Type: application/vnd.docker.distribution.events.v1+json"

enum {
    REDIRECTS_MAX = 5,
    ANSWER_MAX = 64 << 10, /* nobody reads it */
    WORDS_SIZE = CURL_ERROR_SIZE
};

struct sender {
    CURLM *multi;
};

struct post {
    struct sender *sender;
    CURL *easy;
    struct curl_slist *headers;
    enum post_state state;
    size_t received;
    long status;
    char words[WORDS_SIZE];
};

bool sender_init(void)
{
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

struct sender *sender_new(void)
{
    struct sender *s = must_calloc(sizeof(*s));
    s->multi = curl_multi_init();
    if (!s->multi)
        abort();
    return s;
}

void sender_free(struct sender *s)
{
    if (!s)
        return;
    (void)curl_multi_cleanup(s->multi);
    free(s);
}

void sender_wake(struct sender *s)
{
    (void)curl_multi_wakeup(s->multi);
}

static bool is_success(long status)
{
    const long hundred = 100;
    return status / hundred == 2 || status / hundred == 3;
}

/* What the answer says counts, also if the rest of it was too long to listen to. */
static void take_result(struct post *p, CURLcode code)
{
    (void)curl_easy_getinfo(p->easy, CURLINFO_RESPONSE_CODE, &p->status);
    (void)curl_multi_remove_handle(p->sender->multi, p->easy);
    if (code != CURLE_OK && code != CURLE_WRITE_ERROR)
        p->state = POST_FAILED;
    else
        p->state = is_success(p->status) ? POST_SUCCEEDED : POST_REFUSED;
    if (p->state != POST_FAILED)
        return;
    p->status = 0;
    if (p->words[0] == '\0')
        (void)snprintf(p->words, sizeof(p->words), "%s", curl_easy_strerror(code));
}

void sender_work(struct sender *s, int ms)
{
    int running, left;
    CURLMsg *m;
    (void)curl_multi_perform(s->multi, &running);
    while ((m = curl_multi_info_read(s->multi, &left)) != NULL) {
        struct post *p = NULL;
        CURLcode code = m->data.result;
        if (m->msg != CURLMSG_DONE)
            continue;
        (void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&p);
        take_result(p, code);
        ms = 0; /* there is something to do */
    }
    (void)curl_multi_poll(s->multi, NULL, 0, ms, NULL);
}

struct post *post_new(struct sender *s)
{
    struct post *p = must_calloc(sizeof(*p));
    p->sender = s;
    p->easy = curl_easy_init();
    if (!p->easy)
        abort();
    return p;
}

void post_free(struct post *p)
{
    if (!p)
        return;
    if (p->state == POST_SENT)
        (void)curl_multi_remove_handle(p->sender->multi, p->easy);
    curl_easy_cleanup(p->easy);
    curl_slist_free_all(p->headers);
    free(p);
}

static void add_header(struct post *p, const char *line)
{
    struct curl_slist *list = curl_slist_append(p->headers, line);
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
    curl_slist_free_all(p->headers);
    p->headers = NULL;
    add_header(p, EVENTS_TYPE);
    add_header(p, "Accept:");
    add_header(p, "Expect:"); /* a body goes at once */
    for (const struct notify_word *w = t->headers; w; w = w->next)
        add_configured(p, w->s, &a);
    (void)curl_easy_setopt(p->easy, CURLOPT_HTTPHEADER, p->headers);
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
    bool tls = span_starts(span_of(url), SPAN("https:"));
    (void)curl_easy_setopt(p->easy, CURLOPT_URL, url);
    (void)curl_easy_setopt(p->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(p->easy, CURLOPT_REDIR_PROTOCOLS_STR, tls ? "https" : "http");
    (void)curl_easy_setopt(p->easy, CURLOPT_FOLLOWLOCATION, 1L);
    (void)curl_easy_setopt(p->easy, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
    (void)curl_easy_setopt(p->easy, CURLOPT_POSTREDIR, (long)CURL_REDIR_POST_ALL);
}

/* Certificates are checked, which is the default. SSL_CERT_FILE is how people of the registry image
 * name their own. */
static void set_behaviour(struct post *p, const struct notify_target *t)
{
    const char *certificates = getenv("SSL_CERT_FILE");
    (void)curl_easy_setopt(p->easy, CURLOPT_PRIVATE, p);
    (void)curl_easy_setopt(p->easy, CURLOPT_ERRORBUFFER, p->words);
    (void)curl_easy_setopt(p->easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(p->easy, CURLOPT_QUICK_EXIT, 1L); /* no waiting for the resolver */
    (void)curl_easy_setopt(p->easy, CURLOPT_TIMEOUT_MS, (long)t->timeout);
    (void)curl_easy_setopt(p->easy, CURLOPT_WRITEFUNCTION, drop_answer);
    (void)curl_easy_setopt(p->easy, CURLOPT_WRITEDATA, p);
    if (certificates && certificates[0])
        (void)curl_easy_setopt(p->easy, CURLOPT_CAINFO, certificates);
}

/* The connection is kept from one event to the next. */
void post_begin(struct post *p, const struct notify_target *t, struct span body)
{
    curl_easy_reset(p->easy);
    p->received = 0;
    p->status = 0;
    p->words[0] = '\0';
    set_url(p, t->url);
    set_behaviour(p, t);
    set_headers(p, t);
    (void)curl_easy_setopt(p->easy, CURLOPT_USERAGENT, "registry");
    (void)curl_easy_setopt(p->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.n);
    (void)curl_easy_setopt(p->easy, CURLOPT_POSTFIELDS, body.p);
    p->state = POST_SENT;
    if (curl_multi_add_handle(p->sender->multi, p->easy) != CURLM_OK)
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

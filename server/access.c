/* SPDX-License-Identifier: Apache-2.0
 *
 * access: the lines.
 */
#include "server/access.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/log.h"
#include "server/error.h"
#include "server/metrics.h"

static void print_peer(struct access *a, const struct sockaddr *peer)
{
    const struct sockaddr_in *v4 = (const void *)peer;
    const struct sockaddr_in6 *v6 = (const void *)peer;
    if (peer->sa_family == AF_INET)
        (void)inet_ntop(AF_INET, &v4->sin_addr, a->peer, sizeof(a->peer));
    else if (peer->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
        (void)inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], a->peer, sizeof(a->peer));
    else if (peer->sa_family == AF_INET6)
        (void)inet_ntop(AF_INET6, &v6->sin6_addr, a->peer, sizeof(a->peer));
    else
        (void)strcpy(a->peer, "unix");
}

void access_init(struct access *a, const struct sockaddr *peer, enum door door,
                 struct metrics *metrics)
{
    *a = (struct access){.door = door, .metrics = metrics};
    print_peer(a, peer);
}

void access_begin(struct access *a, const struct config *config)
{
    a->config = config;
    a->method = a->target = a->host = a->referer = a->agent = a->user = (struct span){0};
    a->verb = METHOD_OTHER;
    a->minor = 1;
    a->code = 0;
    a->id[0] = a->client[0] = '\0';
    a->began_ns = 0;
    a->row = NULL;
    a->broken_off = false;
}

static uint64_t now_ns(void)
{
    const uint64_t second_ns = 1000000000;
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * second_ns + (uint64_t)t.tv_nsec;
}

static bool is_address(const char *text)
{
    unsigned char ignored[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, text, ignored) == 1 || inet_pton(AF_INET6, text, ignored) == 1;
}

/* The registry image's order: the first of X-Forwarded-For, X-Real-Ip, the peer. For the log
 * alone: anybody can say anything there. */
static void find_client(struct access *a, const struct http_head *head)
{
    static const struct span names[] = {{"X-Forwarded-For", 15}, {"X-Real-Ip", 9}};
    for (size_t i = 0; i < array_len(names); i++) {
        struct span first, rest;
        span_cut(http_header_find(head, names[i]), ',', &first, &rest);
        first = span_trim(first);
        if (first.n == 0 || first.n >= sizeof(a->client))
            continue;
        memcpy(a->client, first.p, first.n);
        a->client[first.n] = '\0';
        if (is_address(a->client))
            return;
    }
    a->client[0] = '\0';
}

/* A URL may have a password in it: what stands before that is left out with it. */
static struct span without_userinfo(struct span url)
{
    struct span scheme, host, rest, user;
    if (!span_cut(url, ':', &scheme, &rest) || !span_starts(rest, SPAN("//")))
        return url;
    span_cut(span_skip(rest, 2), '/', &host, &rest);
    if (!span_cut_last(host, '@', &user, &host))
        return url;
    return span_from(host.p, url.n - (size_t)(host.p - url.p));
}

void access_request(struct access *a, const struct http_head *head)
{
    a->method = head->method_text;
    a->verb = head->method;
    a->target = without_userinfo(head->target);
    a->minor = head->minor;
    a->host = http_header_find(head, SPAN("Host"));
    a->referer = without_userinfo(http_header_find(head, SPAN("Referer")));
    a->agent = http_header_find(head, SPAN("User-Agent"));
    a->began_ns = now_ns();
    find_client(a, head);
}

/* Who only watches the server is not counted. */
static bool is_counted(const struct access *a)
{
    return a->metrics && a->door != DOOR_DEBUG;
}

void access_row(struct access *a, const struct endpoint *row)
{
    if (a->row || !row)
        return;
    a->row = row;
    if (is_counted(a))
        metrics_begin(a->metrics, row);
}

/* RFC 9562, version 4. */
const char *access_id(struct access *a)
{
    unsigned char b[16];
    char hex[2 * sizeof(b) + 1];
    if (a->id[0] != '\0')
        return a->id;
    randombytes_buf(b, sizeof(b));
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    (void)sodium_bin2hex(hex, sizeof(hex), b, sizeof(b));
    (void)snprintf(a->id, sizeof(a->id), "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12,
                   hex + 16, hex + 20);
    return a->id;
}

static double seconds_of(const struct access *a)
{
    const double second_ns = 1e9;
    return a->began_ns > 0 ? (double)(now_ns() - a->began_ns) / second_ns : 0;
}

/* As Go writes a duration, to the microsecond. */
static void print_duration(const struct access *a, char *text, size_t size)
{
    const double ms = 1e3;
    double seconds = seconds_of(a);
    if (seconds < 1)
        (void)snprintf(text, size, "%.3fms", seconds * ms);
    else
        (void)snprintf(text, size, "%.6fs", seconds);
}

/* ---- The line of each request. ---------------------------------------------------------- */

/* Quotes, backslashes and control characters are escaped: a request cannot forge a line. */
static void add_quoted(struct buf *b, struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '"' || c == '\\')
            buf_add_char(b, '\\');
        if (c < ' ' || c == 0x7f)
            buf_printf(b, "\\x%02x", c);
        else
            buf_add_char(b, (char)c);
    }
}

/* A name with a blank in it must not look like two fields. */
static void add_user(struct buf *b, struct span user)
{
    struct span part;
    if (user.n == 0)
        buf_add_char(b, '-');
    while (user.n > 0) {
        bool more = span_cut(user, ' ', &part, &user);
        add_quoted(b, part);
        if (more)
            buf_add_str(b, "\\x20");
    }
}

static void write_line(const struct buf *b)
{
    struct span s = buf_span(b);
    while (s.n > 0) {
        ssize_t n = write(STDOUT_FILENO, s.p, s.n);
        if (n <= 0)
            return; /* nobody to tell */
        s = span_skip(s, (size_t)n);
    }
}

static void add_request_line(struct buf *b, const struct access *a)
{
    if (a->method.n == 0) {
        buf_add_char(b, '-'); /* what came was not a request */
        return;
    }
    add_quoted(b, a->method);
    buf_add_char(b, ' ');
    add_quoted(b, a->target);
    buf_printf(b, " HTTP/1.%d", a->minor);
}

static void add_combined(struct buf *b, struct access *a, uint64_t sent)
{
    char date[40];
    struct tm tm;
    time_t now = time(NULL);
    (void)strftime(date, sizeof(date), "%d/%b/%Y:%H:%M:%S +0000", gmtime_r(&now, &tm));
    buf_printf(b, "%s - ", a->peer);
    add_user(b, a->user);
    buf_printf(b, " [%s] \"", date);
    add_request_line(b, a);
    buf_printf(b, "\" %d %" PRIu64 " \"", a->code, sent);
    add_quoted(b, a->referer);
    buf_add_str(b, "\" \"");
    add_quoted(b, a->agent);
    buf_add_str(b, "\"\n");
}

static void add_member(struct buf *b, const char *key, struct span value)
{
    buf_printf(b, ",\"%s\":\"", key);
    buf_add_json(b, value);
    buf_add_char(b, '"');
}

static void add_json(struct buf *b, struct access *a, uint64_t sent)
{
    char date[40];
    struct tm tm;
    time_t now = time(NULL);
    (void)strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
    buf_printf(b, "{\"time\":\"%s\"", date);
    add_member(b, "http.request.id", span_of(access_id(a)));
    add_member(b, "http.request.remoteaddr", span_of(a->peer));
    add_member(b, "auth.user.name", a->user);
    add_member(b, "http.request.method", a->method);
    add_member(b, "http.request.host", a->host);
    add_member(b, "http.request.uri", a->target);
    add_member(b, "http.request.referer", a->referer);
    add_member(b, "http.request.useragent", a->agent);
    buf_printf(b,
               ",\"http.response.status\":%d,\"http.response.written\":%" PRIu64
               ",\"http.response.duration\":%.6f}\n",
               a->code, sent, seconds_of(a));
}

/* Load balancers and monitors ask all day long. */
static bool is_health_check(const struct access *a)
{
    bool reads = a->verb == METHOD_GET || a->verb == METHOD_HEAD;
    return a->door == DOOR_DEBUG || (reads && span_eq(a->target, SPAN("/")));
}

static void tell(struct access *a, uint64_t sent)
{
    struct buf b;
    if (a->config->accesslog_disabled || is_health_check(a))
        return;
    buf_init(&b);
    if (a->config->accesslog_format == ACCESSLOG_JSON)
        add_json(&b, a, sent);
    else
        add_combined(&b, a, sent);
    write_line(&b);
    buf_fini(&b);
}

static void count(const struct access *a, uint64_t received, uint64_t sent)
{
    struct metrics_request r = {
        .row = a->row,
        .method = a->verb,
        .code = a->code,
        .seconds = seconds_of(a),
        .received = received,
        .sent = sent,
    };
    if (is_counted(a))
        metrics_end(a->metrics, &r);
}

void access_end(struct access *a, uint64_t received, uint64_t sent)
{
    count(a, received, sent);
    tell(a, sent);
}

void access_abandoned(struct access *a, uint64_t received, uint64_t sent)
{
    if (!a->broken_off)
        a->code = error_code_client_gone();
    access_end(a, received, sent);
}

/* ---- What failed. ----------------------------------------------------------------------- */

void access_failure(struct access *a, enum rc rc, const struct fault *f)
{
    const struct fault_item *first = f ? f->first : NULL;
    enum log_level level = error_is_ours(rc) ? LOG_ERROR : LOG_DEBUG;
    char status[16], duration[32];
    if (!log_enabled(level))
        return;
    (void)snprintf(status, sizeof(status), "%d", a->code);
    print_duration(a, duration, sizeof(duration));
    struct log_field fields[16];
    const struct log_field all[] = {
        {"auth.user.name", a->user},
        {"err.code", span_of(rc_name(rc))},
        {"err.detail", span_of(first ? first->detail : NULL)},
        {"err.message", span_of(error_message(rc))},
        {"http.request.host", a->host},
        {"http.request.id", span_of(access_id(a))},
        {"http.request.method", a->method},
        {"http.request.referer", a->referer},
        {"http.request.remoteaddr", span_of(a->client[0] ? a->client : a->peer)},
        {"http.request.uri", a->target},
        {"http.request.useragent", a->agent},
        {"http.response.duration", span_of(duration)},
        {"http.response.status", span_of(status)},
    };
    size_t n = 0;
    for (size_t i = 0; i < array_len(all); i++)
        if (all[i].value.n > 0)
            fields[n++] = all[i];
    fields[n] = (struct log_field){NULL, {0}};
    log_line(level, fields, "response completed with error");
}

void access_broken_off(struct access *a, enum rc rc, const struct fault *f)
{
    struct reply r = {.code = 0};
    error_status(&r, rc);
    a->code = r.code;
    a->broken_off = true;
    access_failure(a, rc, f);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * access: the lines.
 */
#include "server/access.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/log.h"
#include "server/error.h"

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

void access_init(struct access *a, const struct sockaddr *peer)
{
    *a = (struct access){.code = 0};
    print_peer(a, peer);
}

void access_begin(struct access *a, const struct config *config)
{
    a->config = config;
    a->method = a->target = a->referer = a->agent = (struct span){0};
    a->minor = 1;
    a->code = 0;
}

void access_request(struct access *a, const struct http_head *head)
{
    a->method = head->method_text;
    a->target = head->target;
    a->minor = head->minor;
    a->referer = http_header_find(head, SPAN("Referer"));
    a->agent = http_header_find(head, SPAN("User-Agent"));
}

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

void access_end(const struct access *a, uint64_t body_bytes)
{
    char date[40];
    struct tm tm;
    struct buf b;
    time_t now = time(NULL);
    if (a->config->accesslog_disabled)
        return;
    (void)strftime(date, sizeof(date), "%d/%b/%Y:%H:%M:%S +0000", gmtime_r(&now, &tm));
    buf_init(&b);
    buf_printf(&b, "%s - - [%s] \"", a->peer, date);
    add_request_line(&b, a);
    buf_printf(&b, "\" %d %" PRIu64 " \"", a->code, body_bytes);
    add_quoted(&b, a->referer);
    buf_add_str(&b, "\" \"");
    add_quoted(&b, a->agent);
    buf_add_str(&b, "\"\n");
    write_line(&b);
    buf_fini(&b);
}

void access_abandoned(struct access *a, uint64_t body_bytes)
{
    a->code = error_code_client_gone();
    access_end(a, body_bytes);
}

void access_failure(const struct access *a, enum rc rc, const struct fault *f)
{
    const struct fault_item *first = f ? f->first : NULL;
    const struct log_field fields[] = {
        {"err.code", span_of(rc_name(rc))},
        {"err.detail", span_of(first ? first->detail : NULL)},
        {"http.request.method", a->method},
        {"http.request.uri", a->target},
        {"http.request.remoteaddr", span_of(a->peer)},
        {NULL, {0}},
    };
    log_line(error_is_ours(rc) ? LOG_ERROR : LOG_DEBUG, fields, "response completed with error");
}

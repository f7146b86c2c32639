/* SPDX-License-Identifier: Apache-2.0
 *
 * admin_client: a request goes out, and what comes back is read to its end.
 */
#include "server/admin_client.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "server/error.h"
#include "server/local.h"

enum { PATIENCE_S = 60 };

void admin_answer_fini(struct admin_answer *a)
{
    buf_fini(&a->body);
}

static enum rc silent(struct fault *f, const char *socket)
{
    const char *why = errno == EAGAIN ? "it does not answer" : strerror(errno);
    return fault(f, RC_IO, "the server at %s: %s", socket, why);
}

static enum rc send_all(int fd, struct span text)
{
    while (text.n > 0) {
        ssize_t n = send(fd, text.p, text.n, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR)
            return RC_IO;
        text = span_skip(text, n > 0 ? (size_t)n : 0);
    }
    return RC_OK;
}

static enum rc read_all(int fd, struct buf *out)
{
    enum { PIECE = 64 << 10 };
    for (;;) {
        buf_reserve(out, PIECE);
        ssize_t n = recv(fd, out->p + out->n, PIECE, 0);
        if (n == 0)
            return RC_OK;
        if (n < 0 && errno != EINTR)
            return RC_IO;
        out->n += n > 0 ? (size_t)n : 0;
    }
}

/* The whole answer, head and body, of a server that closes behind it. */
static enum rc exchange(int fd, const struct admin_request *q, struct buf *out)
{
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    struct buf b;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    buf_init(&b);
    buf_printf(&b, "%s %s HTTP/1.1\r\nHost: registry\r\nConnection: close\r\n",
               http_method_name(q->method), q->path);
    buf_printf(&b, "Content-Length: %zu\r\n%s\r\n%s", strlen(q->body), q->headers, q->body);
    enum rc rc = send_all(fd, buf_span(&b));
    buf_fini(&b);
    return rc == RC_OK ? read_all(fd, out) : rc;
}

/* "HTTP/1.1 200 OK\r\n…\r\n\r\nbody" */
static bool take_answer(struct span text, struct admin_answer *out)
{
    const struct span version = SPAN("HTTP/1.1 "), gap = SPAN("\r\n\r\n");
    const char *end = text.n > 0 ? memmem(text.p, text.n, gap.p, gap.n) : NULL;
    struct span code, rest;
    uint64_t number;
    if (!end || !span_starts(text, version))
        return false;
    span_cut(span_skip(text, version.n), ' ', &code, &rest);
    if (!span_to_u64(code, &number) || number > INT_MAX)
        return false;
    out->rc = error_rc_of((int)number);
    buf_add_span(&out->body, span_skip(text, (size_t)(end - text.p) + gap.n));
    return true;
}

enum rc admin_ask(const char *socket, const struct admin_request *q, struct admin_answer *out,
                  struct fault *f)
{
    int fd = -1;
    struct buf text;
    enum rc rc = local_connect(socket, &fd, f);
    if (rc != RC_OK)
        return rc;
    buf_init(&text);
    *out = (struct admin_answer){.rc = RC_INTERNAL};
    buf_init(&out->body);
    errno = 0;
    if (exchange(fd, q, &text) != RC_OK)
        rc = silent(f, socket);
    else if (!take_answer(buf_span(&text), out))
        rc = fault(f, RC_IO, "the server at %s: it has gone away", socket);
    (void)close(fd);
    buf_fini(&text);
    if (rc != RC_OK)
        admin_answer_fini(out);
    return rc;
}

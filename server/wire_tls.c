/* SPDX-License-Identifier: Apache-2.0
 *
 * wire: the encrypted one. OpenSSL's object may be used by one thread at a time; that it is
 * follows from who owns the connection (conn.c reads nothing while the pool sends a file).
 */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/tls.h"
#include "server/tls_context.h"
#include "server/wire.h"

enum {
    RECORD = 16 << 10,        /* the most that one record of TLS takes */
    FILE_BUFFER = 4 * RECORD, /* on a stack of the pool's */
    UNREAD_MAX = 8            /* a client that goes on and on gets no more attention */
};

/* ---- Plain HTTP where TLS is due. ------------------------------------------------------- */

/* As the registry image says it. What the client still sends is taken off the socket first: closing
 * one with unread bytes may destroy the answer on its way. */
static void say_it_is_https(struct wire *w)
{
    static const char text[] = "HTTP/1.0 400 Bad Request\r\n\r\n"
                               "Client sent an HTTP request to an HTTPS server.\n";
    char unread[RECORD];
    for (int i = 0; i < UNREAD_MAX; i++)
        if (recv(w->fd, unread, sizeof(unread), 0) <= 0)
            break;
    (void)send(w->fd, text, sizeof(text) - 1, MSG_NOSIGNAL);
    (void)shutdown(w->fd, SHUT_WR);
}

/* ---- Results. --------------------------------------------------------------------------- */

/* A stream that ends without a goodbye may have been cut by somebody in between. HTTP says itself
 * where a request ends, so that nobody takes a part for the whole. */
static enum wire_result on_failure(struct wire *w)
{
    unsigned long code = ERR_peek_last_error();
    int reason = ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0;
    if (reason == SSL_R_UNEXPECTED_EOF_WHILE_READING)
        return WIRE_END;
    if (reason == SSL_R_HTTP_REQUEST && w->opening)
        say_it_is_https(w);
    w->why = tls_error();
    return WIRE_BROKEN;
}

/* After a call that moved nothing. */
static enum wire_result result_of(struct wire *w, int ret, enum wire_wait *waits)
{
    switch (SSL_get_error(w->ssl, ret)) {
    case SSL_ERROR_WANT_READ:
        *waits = WIRE_READABLE;
        return WIRE_AGAIN;
    case SSL_ERROR_WANT_WRITE:
        *waits = WIRE_WRITABLE;
        return WIRE_AGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return WIRE_END;
    case SSL_ERROR_SSL:
        return on_failure(w);
    default: /* the socket's own errors */
        return WIRE_BROKEN;
    }
}

/* ---- Reading. --------------------------------------------------------------------------- */

/* As many records as are there and fit. OpenSSL takes no more than one off the socket at a time, so
 * what it holds back is at most the rest of one, or the end of the stream. That is read alone: who
 * reads until nothing is held would else never come to an end with a client that is fast enough. */
static enum wire_result tls_read(struct wire *w, char *p, size_t n, size_t *moved)
{
    enum wire_result r = WIRE_OK;
    size_t total = 0, limit = w->held ? 1 : n;
    ERR_clear_error();
    w->read_waits = WIRE_READABLE;
    while (r == WIRE_OK && total < limit) {
        size_t got = 0;
        int ret = SSL_read_ex(w->ssl, p + total, n - total, &got);
        total += got;
        if (ret != 1)
            r = result_of(w, ret, &w->read_waits);
    }
    w->opening = w->opening && !SSL_is_init_finished(w->ssl);
    *moved = total;
    if (total == 0) {
        w->held = false;
        return r;
    }
    w->held = r == WIRE_OK ? SSL_pending(w->ssl) > 0 : r != WIRE_AGAIN;
    return WIRE_OK;
}

/* ---- Writing. --------------------------------------------------------------------------- */

/* As many bytes as go: a record at a time. */
static enum wire_result write_bytes(struct wire *w, const char *p, size_t n, size_t *moved)
{
    enum wire_result r = WIRE_OK;
    size_t total = 0;
    ERR_clear_error();
    w->write_waits = WIRE_WRITABLE;
    while (r == WIRE_OK && total < n) {
        size_t put = 0;
        int ret = SSL_write_ex(w->ssl, p + total, n - total, &put);
        total += put;
        if (ret != 1)
            r = result_of(w, ret, &w->write_waits);
    }
    *moved = total;
    return total > 0 ? WIRE_OK : r;
}

/* Head and bytes in one record: gathered, as far as one takes. */
static enum wire_result tls_write(struct wire *w, const struct iovec *v, int count, bool more,
                                  size_t *moved)
{
    char record[RECORD];
    size_t n = 0;
    (void)more;
    if (count == 1)
        return write_bytes(w, v->iov_base, v->iov_len, moved);
    for (int i = 0; i < count && n < sizeof(record); i++) {
        size_t room = sizeof(record) - n;
        size_t piece = v[i].iov_len < room ? v[i].iov_len : room;
        memcpy(record + n, v[i].iov_base, piece);
        n += piece;
    }
    return write_bytes(w, record, n, moved);
}

static enum wire_result tls_send_file(struct wire *w, int file, uint64_t from, size_t n,
                                      size_t *moved)
{
    char buffer[FILE_BUFFER];
    enum wire_result r = WIRE_OK;
    size_t total = 0;
    while (r == WIRE_OK && total < n) {
        size_t want = n - total < sizeof(buffer) ? n - total : sizeof(buffer), put = 0;
        ssize_t got = pread(file, buffer, want, (off_t)(from + total));
        /* Shorter than it was, or unreadable: what was announced cannot be kept. */
        r = got > 0 ? write_bytes(w, buffer, (size_t)got, &put) : WIRE_BROKEN;
        total += put;
        if (r == WIRE_OK && put < (size_t)got)
            break;
    }
    *moved = total;
    return total > 0 && r == WIRE_AGAIN ? WIRE_OK : r;
}

/* ---- Ending. ---------------------------------------------------------------------------- */

static void tls_end(struct wire *w)
{
    if (!w->opening && !w->why && !(SSL_get_shutdown(w->ssl) & SSL_SENT_SHUTDOWN))
        (void)SSL_shutdown(w->ssl);
    ERR_clear_error();
    (void)shutdown(w->fd, SHUT_WR);
}

static void tls_fini(struct wire *w)
{
    SSL_free(w->ssl);
    w->ssl = NULL;
}

static const struct wire_ops encrypted = {
    .read = tls_read,
    .write = tls_write,
    .send_file = tls_send_file,
    .end = tls_end,
    .fini = tls_fini,
};

void wire_init_tls(struct wire *w, int fd, struct tls *tls)
{
    *w = (struct wire){.ops = &encrypted,
                       .fd = fd,
                       .write_waits = WIRE_WRITABLE,
                       .opening = true,
                       .ssl = tls_accept(tls, fd)};
}

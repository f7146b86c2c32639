/* SPDX-License-Identifier: Apache-2.0
 *
 * output: sending, a piece at a time.
 */
#include "server/output.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Little enough to be fair: between two, others may have their turn. */
enum { FILE_PIECE = 2 << 20 };

void output_init(struct output *o)
{
    *o = (struct output){.file = -1};
}

void output_fini(struct output *o)
{
    if (o->file >= 0)
        (void)close(o->file);
    buf_fini(&o->head);
    output_init(o);
}

void output_begin(struct output *o, const struct reply *r, enum connection c,
                  enum http_method method, int file)
{
    output_init(o);
    o->file = file;
    reply_head(r, c, &o->head);
    if (method == METHOD_HEAD)
        return;
    if (r->body == REPLY_BYTES)
        o->bytes = r->bytes;
    if (r->body == REPLY_FILE) {
        o->file_at = r->file_from;
        o->file_left = r->file_size;
    }
}

uint64_t output_body_sent(const struct output *o)
{
    return o->file_sent + (o->sent > o->head.n ? o->sent - o->head.n : 0);
}

static enum output_next next_of(const struct output *o)
{
    if (o->sent < o->head.n + o->bytes.n)
        return OUTPUT_WAIT;
    return o->file_left > 0 ? OUTPUT_FILE : OUTPUT_DONE;
}

static enum output_next on_failure(enum wire_result r)
{
    return r == WIRE_AGAIN ? OUTPUT_WAIT : OUTPUT_BROKEN;
}

/* What of the head and the bytes has not been sent. */
static int pending(const struct output *o, struct iovec v[2])
{
    int n = 0;
    size_t skip = o->sent;
    if (skip < o->head.n)
        v[n++] = (struct iovec){o->head.p + skip, o->head.n - skip};
    skip = skip > o->head.n ? skip - o->head.n : 0;
    if (skip < o->bytes.n)
        v[n++] = (struct iovec){(char *)o->bytes.p + skip, o->bytes.n - skip};
    return n;
}

enum output_next output_send(struct output *o, struct wire *w)
{
    struct iovec v[2];
    int count;
    while ((count = pending(o, v)) > 0) {
        size_t moved = 0;
        enum wire_result r = w->ops->write(w, v, count, o->file_left > 0, &moved);
        if (r != WIRE_OK)
            return on_failure(r);
        o->sent += moved;
    }
    return next_of(o);
}

/* Whose fault is it that no more goes out? The file is asked, and not the error, which may be
 * anybody's. */
static enum output_next blame(struct output *o)
{
    char one;
    ssize_t n = pread(o->file, &one, 1, (off_t)o->file_at);
    if (n > 0)
        return OUTPUT_BROKEN;
    o->file_why = n < 0 ? strerrordesc_np(errno) : "it has become shorter";
    return OUTPUT_UNREADABLE;
}

enum output_next output_send_file(struct output *o, struct wire *w)
{
    size_t n = o->file_left < FILE_PIECE ? (size_t)o->file_left : FILE_PIECE;
    size_t moved = 0;
    enum wire_result r = w->ops->send_file(w, o->file, o->file_at, n, &moved);
    if (r == WIRE_BROKEN)
        return blame(o);
    if (r != WIRE_OK)
        return on_failure(r);
    o->file_at += moved;
    o->file_left -= moved;
    o->file_sent += moved;
    if (moved < n)
        return OUTPUT_WAIT;
    return o->file_left > 0 ? OUTPUT_FILE : OUTPUT_DONE;
}

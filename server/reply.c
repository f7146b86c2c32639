/* SPDX-License-Identifier: Apache-2.0
 *
 * reply: headers and bodies of responses.
 */
#include "server/reply.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "server/error.h"

enum { USUAL_BYTES = 480 }; /* of headers */

void reply_init(struct reply *r)
{
    *r = (struct reply){.body = REPLY_EMPTY};
    buf_init(&r->headers);
    buf_reserve(&r->headers, USUAL_BYTES);
    reply_status(r, STATUS_OK);
}

void reply_fini(struct reply *r)
{
    buf_fini(&r->headers);
}

void reply_status(struct reply *r, enum status s)
{
    struct status_line line = error_status_line(s);
    r->code = line.code;
    r->phrase = line.phrase;
}

/* What is to be a value; where it begins. */
static size_t begin_value(struct reply *r, const char *name)
{
    buf_add_str(&r->headers, name);
    buf_add_str(&r->headers, ": ");
    return r->headers.n;
}

static void end_value(struct reply *r, size_t begun)
{
    struct buf *b = &r->headers;
    size_t end = begun;
    while (end < b->n && (unsigned char)b->p[end] >= ' ' && b->p[end] != 0x7f)
        end++;
    b->n = end;
    buf_add_str(b, "\r\n");
}

void reply_header(struct reply *r, const char *name, const char *value)
{
    size_t begun = begin_value(r, name);
    buf_add_str(&r->headers, value);
    end_value(r, begun);
}

void reply_headerf(struct reply *r, const char *name, const char *fmt, ...)
{
    va_list args;
    size_t begun = begin_value(r, name);
    va_start(args, fmt);
    buf_vprintf(&r->headers, fmt, args);
    va_end(args);
    end_value(r, begun);
}

void reply_bytes(struct reply *r, const char *content_type, struct span bytes)
{
    reply_header(r, "Content-Type", content_type);
    r->body = REPLY_BYTES;
    r->bytes = bytes;
}

void reply_file(struct reply *r, const char *content_type, uint64_t from, uint64_t size)
{
    reply_header(r, "Content-Type", content_type);
    r->body = REPLY_FILE;
    r->file_from = from;
    r->file_size = size;
}

uint64_t reply_length(const struct reply *r)
{
    switch (r->body) {
    case REPLY_EMPTY:
        return 0;
    case REPLY_BYTES:
        return r->bytes.n;
    case REPLY_FILE:
        return r->file_size;
    }
    return 0;
}

/* RFC 9110 §8.6: no Content-Length in a 204, and none that is not the 200's in a 304. */
static bool has_length(const struct reply *r)
{
    return r->code != error_status_line(STATUS_NO_CONTENT).code &&
           r->code != error_status_line(STATUS_NOT_MODIFIED).code;
}

void reply_head(const struct reply *r, enum connection c, struct buf *out)
{
    char date[40];
    struct tm tm;
    time_t now = time(NULL);
    buf_reserve(out, USUAL_BYTES);
    (void)strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &tm));
    buf_printf(out, "HTTP/1.1 %d %s\r\nDate: %s\r\n", r->code, r->phrase, date);
    buf_add_span(out, buf_span(&r->headers));
    if (has_length(r))
        buf_printf(out, "Content-Length: %" PRIu64 "\r\n", reply_length(r));
    if (c == CONNECTION_CLOSE)
        buf_add_str(out, "Connection: close\r\n");
    buf_add_str(out, "\r\n");
}

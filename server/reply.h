/* SPDX-License-Identifier: Apache-2.0
 *
 * reply: a response being put together, before it goes out. Loop thread.
 */
#ifndef SERVER_REPLY_H
#define SERVER_REPLY_H

#include "lib/buf.h"
#include "lib/http.h"

/* The answers that are not errors; their numbers are in error.c. */
enum status {
    STATUS_OK,
    STATUS_CREATED,
    STATUS_ACCEPTED,
    STATUS_NO_CONTENT,
    STATUS_PARTIAL_CONTENT,
    STATUS_NOT_MODIFIED
};

enum reply_body { REPLY_EMPTY, REPLY_BYTES, REPLY_FILE };

struct reply {
    int code; /* HTTP's number */
    const char *phrase;
    struct buf headers; /* "Name: value\r\n" each */
    enum reply_body body;
    struct span bytes;             /* REPLY_BYTES: borrowed from the request's arena */
    uint64_t file_from, file_size; /* REPLY_FILE: which part of the operation's file */
};

void reply_init(struct reply *r);
void reply_fini(struct reply *r);
void reply_status(struct reply *r, enum status s);
/* Values from outside are safe: a CR, LF or other control character ends the value. */
void reply_header(struct reply *r, const char *name, const char *value);
void reply_headerf(struct reply *r, const char *name, const char *fmt, ...) PRINTF_LIKE(3, 4);
void reply_bytes(struct reply *r, const char *content_type, struct span bytes);
void reply_file(struct reply *r, const char *content_type, uint64_t from, uint64_t size);
uint64_t reply_length(const struct reply *r);

/* The head as it goes out, ending in the empty line. */
enum connection { CONNECTION_KEEP, CONNECTION_CLOSE };
void reply_head(const struct reply *r, enum connection c, struct buf *out);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * strict: a second reader of requests, the plainest there can be: it has all bytes at hand, takes
 * RFC 9112 by the letter, and knows nothing of llhttp. What the server takes for a request, this
 * reader must take for the same one.
 */
#ifndef TEST_FUZZ_STRICT_H
#define TEST_FUZZ_STRICT_H

#include "lib/buf.h"

enum strict_result {
    STRICT_OK,
    STRICT_SHORT, /* it may become one */
    STRICT_BAD
};

enum { STRICT_FIELDS_MAX = 256 };

struct strict_field {
    struct span name, value;
};

/* Spans are of the bytes read. */
struct strict_request {
    struct span method, target;
    int minor;
    struct strict_field fields[STRICT_FIELDS_MAX];
    size_t count;
    struct buf body; /* the caller's, empty at first */
    bool has_head;   /* what is above is there; the body may lack */
};

/* One request at the head of *in, which then is what follows it. */
enum strict_result strict_read(struct span *in, struct strict_request *r);

#endif

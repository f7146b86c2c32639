/* SPDX-License-Identifier: Apache-2.0
 *
 * answers: what a server sent on one connection, read as strictly as what clients send: each head
 * has the names that this server sends, each at most once, and as many bytes follow as it says.
 */
#ifndef TEST_FUZZ_ANSWERS_H
#define TEST_FUZZ_ANSWERS_H

#include "lib/span.h"

enum { ANSWERS_MAX = 64 };

/* Spans are of the bytes that were sent. */
struct sent {
    int code;
    struct span body, type, digest; /* of Content-Type and Docker-Content-Digest */
    bool closes;                    /* it says that it is the last one */
};

struct answers {
    struct sent all[ANSWERS_MAX];
    size_t count; /* without those of 1xx */
};

/* Ends the process over what is no answer. is_head says of each request whether it asked for a head
 * alone; behind those there is one at most. */
void answers_read(struct span in, const bool *is_head, size_t requests, struct answers *out);

#endif

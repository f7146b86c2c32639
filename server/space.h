/* SPDX-License-Identifier: Apache-2.0
 *
 * space: is there room for what a client sends? Pool.
 */
#ifndef SERVER_SPACE_H
#define SERVER_SPACE_H

#include "server/endpoint.h"

enum { SPACE_STEP = 1 << 20 }; /* bytes of a body, after which to ask again */

/* storage.minfree: bytes, and what part of the file system they may be at most, 1/share. */
struct space {
    uint64_t min_free, share;
};
struct space space_of(const struct config *c);
/* Bytes that must stay free of so many. */
uint64_t space_least(const struct space *s, uint64_t total);

/* RC_LOW_SPACE if `more` bytes do not fit above storage.minfree. The log has the beginning and the
 * end of a time in which that is so; a collection is asked for then, if there are any. */
enum rc space_check(struct op *op, uint64_t more) MUST_CHECK;

#endif

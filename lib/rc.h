/* SPDX-License-Identifier: Apache-2.0
 *
 * rc: the closed list of outcomes, and a fault that says more about one.
 *
 * Every function that can fail returns an enum rc. The words that explain a
 * failure to a person go into a fault, which the caller lends; an outcome
 * without words is complete too. What a client is told for an outcome (status,
 * code, message) is one table in server/error.c and nowhere else.
 */
#ifndef LIB_RC_H
#define LIB_RC_H

#include "lib/arena.h"
#include "lib/base.h"

enum rc {
    RC_OK = 0,

    /* The request as HTTP. */
    RC_BAD_REQUEST,    /* not HTTP/1.x, or HTTP that contradicts itself */
    RC_HEAD_TOO_LARGE, /* request line and headers over the limit */
    RC_EXPECTATION,    /* an Expect other than 100-continue */
    RC_NO_ENDPOINT,    /* no such path */
    RC_BAD_METHOD,     /* the path exists, not with this method */
    RC_PRECONDITION,   /* If-Match names another content */

    /* The operation, in the words of the distribution specification. */
    RC_UNSUPPORTED,
    RC_DENIED,
    RC_UNAUTHORIZED,
    RC_NAME_INVALID,
    RC_NAME_UNKNOWN,
    RC_TAG_INVALID,
    RC_DIGEST_INVALID,
    RC_SIZE_INVALID,
    RC_RANGE_INVALID,
    RC_MANIFEST_INVALID,
    RC_MANIFEST_TOO_LARGE,
    RC_MANIFEST_UNKNOWN,
    RC_MANIFEST_BLOB_UNKNOWN,
    RC_BLOB_UNKNOWN,
    RC_UPLOAD_UNKNOWN,
    RC_UPLOAD_INVALID,
    RC_UPLOAD_BUSY, /* another request is writing to this upload */
    RC_PAGINATION_INVALID,

    /* The server's own. */
    RC_NOT_FOUND, /* storage: no such file; never reaches a client as it is */
    RC_UNAVAILABLE,
    RC_GC_RUNNING,     /* a collection is in progress already */
    RC_VERIFY_RUNNING, /* and so is a verification */
    RC_NO_SPACE,
    RC_LOW_SPACE, /* what is left is not for clients */
    RC_EXHAUSTED, /* no descriptor or memory is left, for the moment */
    RC_IO,
    RC_INTERNAL,

    RC_COUNT
};

/* One thing that went wrong; detail may be NULL. */
struct fault_item {
    enum rc rc;
    const char *detail;
    struct fault_item *next;
};

/* The things that went wrong, in order; the first one decides the answer.
 * The memory is the arena's. A fault with no arena keeps no words. */
struct fault {
    struct arena *arena;
    struct fault_item *first, *last;
    unsigned count;
};

enum { FAULT_MAX = 64 }; /* more items than this are counted, not kept */

void fault_init(struct fault *f, struct arena *a);

/* Adds an item and returns rc, so that `return fault(f, RC_X, "…")` reads as
 * one sentence. f may be NULL; fmt may be NULL for an outcome without words. */
enum rc fault(struct fault *f, enum rc rc, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* The same for a failed system call: ENOSPC and EDQUOT become RC_NO_SPACE, EMFILE,
 * ENFILE and ENOMEM RC_EXHAUSTED, everything else RC_IO. ENOENT and ENOTDIR become RC_NOT_FOUND and add no item: that a file is not
 * there is an answer, and whoever asked says whether it is a fault. */
enum rc fault_errno(struct fault *f, int err, const char *what, const char *path);

/* A name for logs: "manifest unknown", in the registry image's spelling. */
const char *rc_name(enum rc rc);

#endif

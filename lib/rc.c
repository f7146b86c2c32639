/* SPDX-License-Identifier: Apache-2.0
 *
 * rc: the names of outcomes, and faults.
 */
#include "lib/rc.h"

#include <errno.h>
#include <string.h>

static const char *const names[RC_COUNT] = {
    [RC_OK] = "ok",
    [RC_BAD_REQUEST] = "bad request",
    [RC_HEAD_TOO_LARGE] = "request head too large",
    [RC_EXPECTATION] = "expectation failed",
    [RC_NO_ENDPOINT] = "page not found",
    [RC_PRECONDITION] = "precondition failed",
    [RC_BAD_METHOD] = "method not allowed",
    [RC_UNSUPPORTED] = "unsupported",
    [RC_DENIED] = "denied",
    [RC_UNAUTHORIZED] = "unauthorized",
    [RC_NAME_INVALID] = "name invalid",
    [RC_NAME_UNKNOWN] = "name unknown",
    [RC_TAG_INVALID] = "tag invalid",
    [RC_DIGEST_INVALID] = "digest invalid",
    [RC_SIZE_INVALID] = "size invalid",
    [RC_RANGE_INVALID] = "range invalid",
    [RC_MANIFEST_INVALID] = "manifest invalid",
    [RC_MANIFEST_TOO_LARGE] = "manifest too large",
    [RC_MANIFEST_UNKNOWN] = "manifest unknown",
    [RC_MANIFEST_BLOB_UNKNOWN] = "manifest blob unknown",
    [RC_BLOB_UNKNOWN] = "blob unknown",
    [RC_UPLOAD_UNKNOWN] = "blob upload unknown",
    [RC_UPLOAD_INVALID] = "blob upload invalid",
    [RC_UPLOAD_BUSY] = "blob upload busy",
    [RC_PAGINATION_INVALID] = "pagination number invalid",
    [RC_NOT_FOUND] = "not found",
    [RC_UNAVAILABLE] = "unavailable",
    [RC_GC_RUNNING] = "garbage collection running",
    [RC_VERIFY_RUNNING] = "verification running",
    [RC_NO_SPACE] = "no space left",
    [RC_LOW_SPACE] = "too little space left",
    [RC_EXHAUSTED] = "out of descriptors or memory",
    [RC_IO] = "input/output error",
    [RC_INTERNAL] = "internal error",
};

const char *rc_name(enum rc rc)
{
    return (unsigned)rc < RC_COUNT ? names[rc] : "unknown";
}

void fault_init(struct fault *f, struct arena *a)
{
    *f = (struct fault){.arena = a};
}

/* The new last item, or NULL if nobody keeps it. */
static struct fault_item *item_add(struct fault *f, enum rc rc)
{
    if (!f)
        return NULL;
    f->count++;
    if (!f->arena || f->count > FAULT_MAX)
        return NULL;
    struct fault_item *item = arena_alloc(f->arena, sizeof(*item));
    item->rc = rc;
    if (f->last)
        f->last->next = item;
    else
        f->first = item;
    f->last = item;
    return item;
}

enum rc fault(struct fault *f, enum rc rc, const char *fmt, ...)
{
    struct fault_item *item = item_add(f, rc);
    if (item && fmt) {
        va_list args;
        va_start(args, fmt);
        item->detail = arena_vprintf(f->arena, fmt, args);
        va_end(args);
    }
    return rc;
}

static enum rc rc_of_errno(int err)
{
    if (err == ENOSPC || err == EDQUOT)
        return RC_NO_SPACE;
    return err == EMFILE || err == ENFILE || err == ENOMEM ? RC_EXHAUSTED : RC_IO;
}

enum rc fault_errno(struct fault *f, int err, const char *what, const char *path)
{
    if (err == ENOENT || err == ENOTDIR)
        return RC_NOT_FOUND;
    enum rc rc = rc_of_errno(err);
    const char *why = strerrordesc_np(err);
    if (!why)
        return fault(f, rc, "%s %s: error %d", what, path, err);
    return fault(f, rc, "%s %s: %s", what, path, why);
}

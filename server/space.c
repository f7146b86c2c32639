/* SPDX-License-Identifier: Apache-2.0
 *
 * space: the file system is asked each time, because others may fill it, too.
 */
#include "server/space.h"

#include <inttypes.h>

#include "lib/log.h"
#include "server/maint.h"
#include "server/vitals.h"

enum { DEFAULT_SHARE = 10 };

/* Who has no collections by itself does not want one now, either. */
static void ask_for_collection(struct op *op)
{
    struct gc_request rq = {.scope = GC_EVERYTHING,
                            .delete_untagged = op->config->gc_delete_untagged};
    if (op->config->gc_interval == 0 || !op->maint)
        return;
    enum rc ignored = maint_gc_start(op->maint, &rq, NULL); /* there may be one already */
    (void)ignored;
}

static void note(struct op *op, bool low, uint64_t free_bytes)
{
    if (!op->vitals || atomic_exchange(&op->vitals->low_space, low) == low)
        return;
    if (!low) {
        log_info("there is room again: %" PRIu64 " bytes are free", free_bytes);
        return;
    }
    log_warn("pushes are refused: %" PRIu64 " bytes are free, less than storage.minfree",
             free_bytes);
    ask_for_collection(op);
}

struct space space_of(const struct config *c)
{
    return (struct space){.min_free = c->min_free, .share = c->min_free_given ? 1 : DEFAULT_SHARE};
}

uint64_t space_least(const struct space *s, uint64_t total)
{
    return s->min_free < total / s->share ? s->min_free : total / s->share;
}

enum rc space_check(struct op *op, uint64_t more)
{
    uint64_t free_bytes, total;
    struct space space = space_of(op->config);
    if (space.min_free == 0 || store_room(op->store, &free_bytes, &total, NULL) != RC_OK)
        return RC_OK; /* what does not fit will fail by itself */
    uint64_t least = space_least(&space, total);
    note(op, free_bytes < least, free_bytes);
    if (free_bytes >= least && free_bytes - least >= more)
        return RC_OK;
    if (free_bytes >= least)
        log_warn("a push of %" PRIu64 " bytes is refused: %" PRIu64 " bytes are free", more,
                 free_bytes);
    return fault(op->fault, RC_LOW_SPACE, "the registry's storage is full");
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * health: can the server do what it is there for? The storage is probed, and files are looked for,
 * every so often in the pool. Loop thread.
 */
#ifndef SERVER_HEALTH_H
#define SERVER_HEALTH_H

#include "lib/buf.h"
#include "server/config.h"
#include "server/pool.h"
#include "storage/storage.h"

struct health;

/* Of the storage, as of the last probes. */
enum health_storage {
    HEALTH_GOOD,
    HEALTH_FULL,       /* what is there can be read and deleted */
    HEALTH_UNWRITABLE, /* what is there can be read */
    HEALTH_UNREADABLE
};

/* Settles health.file. RC_INTERNAL with a line for a person. */
enum rc health_settle(struct config *c, struct fault *f) MUST_CHECK;

/* Borrows all. */
struct health *health_new(struct pool *pool, struct store *s);
/* After the loop has ended. */
void health_free(struct health *h);

/* Call once a second: begins what is due. readonly: nothing will be written, so that it need not be
 * possible. */
void health_tick(struct health *h, const struct config *c, bool readonly);

enum health_storage health_storage(const struct health *h);
/* Is any check failing? Then who sends clients here should send them elsewhere. */
bool health_is_bad(const struct health *h);
/* The failing checks as members of a JSON object, "check":"what is wrong". */
void health_print(const struct health *h, struct buf *json);
/* Bytes free for the storage; false if that is not known. */
bool health_free_bytes(const struct health *h, uint64_t *out);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * notify_sweep: queues whose endpoint has gone: it may come back, but not for ever. Blocks.
 */
#ifndef SERVER_NOTIFY_SWEEP_H
#define SERVER_NOTIFY_SWEEP_H

#include "server/notify_config.h"

/* Removes queues of nobody's that have not been used for a week. */
void notify_sweep(const struct notify_config *c);

#endif

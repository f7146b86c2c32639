/* SPDX-License-Identifier: Apache-2.0
 *
 * process: what the system says of this process, under the names that Prometheus' own clients
 * use. Reads files below /proc: for the pool.
 */
#ifndef SERVER_PROCESS_H
#define SERVER_PROCESS_H

#include "lib/buf.h"

/* What cannot be found out is left out. */
void process_metrics(struct buf *b);

#endif

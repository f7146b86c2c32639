/* SPDX-License-Identifier: Apache-2.0
 *
 * logs: from the options of [log] to the log of the process. Loop thread.
 */
#ifndef SERVER_LOGS_H
#define SERVER_LOGS_H

#include "server/config.h"

/* Settles what the options say together. RC_INTERNAL with a line for a person. */
enum rc logs_settle(struct config *c, struct fault *f) MUST_CHECK;
/* From now on, lines are as these options say. */
void logs_configure(const struct config *c);

#endif

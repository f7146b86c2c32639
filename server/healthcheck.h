/* SPDX-License-Identifier: Apache-2.0
 *
 * healthcheck: the command, for an image that has no shell. Any thread; blocks.
 */
#ifndef SERVER_HEALTHCHECK_H
#define SERVER_HEALTHCHECK_H

#include "server/config.h"

/* Does a server answer at the configuration's public address, within five seconds? Returns the
 * process's status; why not is told on stderr. */
int healthcheck_command(const struct config *config);

#endif

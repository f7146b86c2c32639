/* SPDX-License-Identifier: Apache-2.0
 *
 * verify_command: the command verify. A server on the same root directory does the work, if there
 * is one (api_admin.c), and goes on with it whatever becomes of this process; else it is done here.
 */
#ifndef SERVER_VERIFY_COMMAND_H
#define SERVER_VERIFY_COMMAND_H

#include "server/cli.h"
#include "server/config.h"

/* Blocking. The exit status; what was found, and what went wrong, has been printed. */
int verify_command(const struct cli *cli, const struct config *config);

#endif

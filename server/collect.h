/* SPDX-License-Identifier: Apache-2.0
 *
 * collect: the command garbage-collect. A server on the same root directory does the work, if
 * there is one (api_admin.c), and goes on with it whatever becomes of this process; else it is done
 * here. Prints what the registry image's does.
 */
#ifndef SERVER_COLLECT_H
#define SERVER_COLLECT_H

#include "server/cli.h"
#include "server/config.h"

/* Blocking. The exit status; what went wrong has been printed. */
int collect_command(const struct cli *cli, const struct config *config);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * htpasswd: the command that makes a line for an htpasswd file. The only thread; blocks.
 */
#ifndef SERVER_HTPASSWD_H
#define SERVER_HTPASSWD_H

#include "server/cli.h"

/* Asks for the password twice on a terminal, without showing it; else it is the first line of
 * standard input. Prints "USER:$2y$...". Returns the process's status. */
int htpasswd_command(const struct cli *cli);

#endif

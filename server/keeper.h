/* SPDX-License-Identifier: Apache-2.0
 *
 * keeper: a process of its own, outside of the sandbox, that opens files for the server: what a
 * reload names may be anywhere, and a private key need not be in the server's reach. It reads the
 * configuration itself, opens what that names and nothing else, and only to be read. It ends with
 * the server, however that ends.
 */
#ifndef SERVER_KEEPER_H
#define SERVER_KEEPER_H

#include "server/config.h"

struct keeper;

/* A child of this process: before there are other threads, and before the sandbox. from outlives
 * it. NULL with errno. */
struct keeper *keeper_new(const struct config_sources *from);
/* Waits for its end. k may be NULL. */
void keeper_free(struct keeper *k);

/* A descriptor to read from, the caller's; or -1 with errno: EACCES also for a file that the
 * configuration does not name. Loop thread. */
int keeper_open(struct keeper *k, const char *path);
/* The same by this process, of any file. */
int keeper_open_here(const char *path);

#endif

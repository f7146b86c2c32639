/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox: takes from this process what it does not need of the file system (landlock(7)), so that
 * a hole in it is no way to the rest of the machine. What is left is the root directory, and what
 * the C library reads; nothing can be executed. The files that are configured are opened by the
 * keeper (keeper.h).
 */
#ifndef SERVER_SANDBOX_H
#define SERVER_SANDBOX_H

#include "server/config.h"

/* Does this kernel have what it takes? */
bool sandbox_is_there(void);

/* Before there are other threads: each has its own. For good. false with errno: nothing has
 * changed. */
bool sandbox_enter(const struct config *c);
/* The same for the keeper: it may read everything, and that is all. */
bool sandbox_reader(void);

#endif

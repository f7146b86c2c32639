/* SPDX-License-Identifier: Apache-2.0
 *
 * reload: the next generation of settings takes over from the one that is there. Loop thread.
 */
#ifndef SERVER_RELOAD_H
#define SERVER_RELOAD_H

#include "server/server.h"

/* Reads the sources again. If they are good and the new addresses can be listened on, requests that
 * begin from now on have the new settings; those at work keep theirs. Else nothing changes at all.
 * The log says which. */
void reload(struct server *s);

#endif

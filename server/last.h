/* SPDX-License-Identifier: Apache-2.0
 *
 * last: reports in files of their own below the root directory, so that the next process can tell
 * how a run went, or go on with it. Blocking.
 */
#ifndef SERVER_LAST_H
#define SERVER_LAST_H

#include "lib/buf.h"

/* A JSON object, the caller's to free; NULL if there is none that can be read. name: "gc.last". */
char *last_read(const char *root, const char *name);
/* That it cannot be written is no reason for anything. */
void last_write(const char *root, const char *name, struct span json);
void last_remove(const char *root, const char *name);

#endif

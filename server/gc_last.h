/* SPDX-License-Identifier: Apache-2.0
 *
 * gc_last: the report of the last collection, in a file of its own below the root directory, so
 * that the next process can tell how it went. Blocking.
 */
#ifndef SERVER_GC_LAST_H
#define SERVER_GC_LAST_H

#include "gc/report.h"

/* A JSON object, the caller's to free; NULL if there is none that can be read. */
char *gc_last_read(const char *root);
/* That it cannot be written is no reason for anything. */
void gc_last_write(const char *root, const struct gc_report *r);

#endif

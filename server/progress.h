/* SPDX-License-Identifier: Apache-2.0
 *
 * progress: one line on a terminal that says how far a collection is. It is on standard error,
 * and nothing at all if that is no terminal.
 */
#ifndef SERVER_PROGRESS_H
#define SERVER_PROGRESS_H

#include "gc/report.h"
#include "lib/span.h"

struct progress {
    bool on, drawn;
};

void progress_init(struct progress *p);
void progress_draw(struct progress *p, const struct gc_report *r);
/* Before anything else is printed. */
void progress_erase(struct progress *p);

/* A line of the run, on standard output; one that begins with a tab goes to the log. */
void progress_line(struct progress *p, struct span line);

#endif

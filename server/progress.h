/* SPDX-License-Identifier: Apache-2.0
 *
 * progress: one line on a terminal that says how far something is. It is on standard error, and
 * nothing at all if that is no terminal.
 */
#ifndef SERVER_PROGRESS_H
#define SERVER_PROGRESS_H

#include "lib/span.h"

struct progress {
    bool on, drawn;
};

void progress_init(struct progress *p);
void progress_draw(struct progress *p, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Before anything else is printed. */
void progress_erase(struct progress *p);

/* A line of the run, on standard output; one that begins with a tab goes to the log. */
void progress_line(struct progress *p, struct span line);

/* Until there may be more to tell. */
void progress_wait(unsigned ms);

/* "1.5 GiB" */
struct progress_size {
    char s[32];
};
struct progress_size progress_size(uint64_t bytes);

#endif

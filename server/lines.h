/* SPDX-License-Identifier: Apache-2.0
 *
 * lines: what a run says, line by line, in a file of its own below the root directory, for a
 * client that reads behind. One thread at a time, but for lines_read.
 *
 * It is for a person to look at: that it cannot be written does not stop the run.
 */
#ifndef SERVER_LINES_H
#define SERVER_LINES_H

#include "lib/buf.h"
#include "lib/rc.h"

struct lines {
    char *path;
    int fd; /* -1: nothing is kept */
    struct buf pending;
};

/* name: whose they are, such as "gc". */
void lines_init(struct lines *l, const char *root, const char *name);
/* Removes the file. */
void lines_fini(struct lines *l);

/* Begins a new file. Who still reads the last one's keeps it. */
void lines_begin(struct lines *l);
void lines_add(struct lines *l, const char *text);
/* What was added can be read from now on. */
void lines_flush(struct lines *l);
void lines_end(struct lines *l);

/* The file of the last run that had one, for reading. RC_NO_ENDPOINT if there was none. */
enum rc lines_read(const char *root, const char *name, int *fd, uint64_t *size,
                   struct fault *f) MUST_CHECK;

#endif

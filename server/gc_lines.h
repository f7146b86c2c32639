/* SPDX-License-Identifier: Apache-2.0
 *
 * gc_lines: what a run says, line by line, in a file of its own below the root directory, for a
 * client that reads behind. One thread at a time, but for gc_lines_read.
 *
 * It is for a person to look at: that it cannot be written does not stop the run.
 */
#ifndef SERVER_GC_LINES_H
#define SERVER_GC_LINES_H

#include "lib/buf.h"
#include "lib/rc.h"

struct gc_lines {
    char *path;
    int fd; /* -1: nothing is kept */
    struct buf pending;
};

void gc_lines_init(struct gc_lines *l, const char *root);
/* Removes the file. */
void gc_lines_fini(struct gc_lines *l);

/* Begins a new file. Who still reads the last one's keeps it. */
void gc_lines_begin(struct gc_lines *l);
void gc_lines_add(struct gc_lines *l, const char *text);
/* What was added can be read from now on. */
void gc_lines_flush(struct gc_lines *l);
void gc_lines_end(struct gc_lines *l);

/* The file of the last run that had one, for reading. RC_NO_ENDPOINT if there was none. */
enum rc gc_lines_read(const char *root, int *fd, uint64_t *size, struct fault *f) MUST_CHECK;

#endif

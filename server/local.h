/* SPDX-License-Identifier: Apache-2.0
 *
 * local: sockets in the file system, for who is on the same machine. Their paths may be longer
 * than a socket's address (108 bytes). Blocking calls that return at once; any thread.
 */
#ifndef SERVER_LOCAL_H
#define SERVER_LOCAL_H

#include <sys/stat.h>

#include "lib/rc.h"

/* A socket that listens. */
struct local {
    int fd;
    char *path; /* NULL: there is none */
    dev_t device;
    ino_t inode;
};

/* Binds and listens, for the own user alone (0600). Makes the directory if only that is missing
 * (0700). A socket that a process left behind is replaced; RC_IO if one still listens there, or
 * if there is something else. */
enum rc local_open(struct local *l, const char *path, struct fault *f) MUST_CHECK;
/* Removes the socket's file, unless it is another's by now; fd may be -1. */
void local_close(struct local *l);

/* A connection. RC_NOT_FOUND if nobody listens there; RC_IO if nobody can tell. */
enum rc local_connect(const char *path, int *fd, struct fault *f) MUST_CHECK;

/* The directory that holds the file at path: makes it if only that is missing (0700). */
enum rc local_make_directory(const char *path, struct fault *f) MUST_CHECK;

#endif

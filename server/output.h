/* SPDX-License-Identifier: Apache-2.0
 *
 * output: a response on its way to the client: head and bytes from memory, then part of
 * a file.
 *
 * output_send runs on the loop and never touches a disk; output_send_file runs in the
 * pool, because reading a file may wait for one.
 */
#ifndef SERVER_OUTPUT_H
#define SERVER_OUTPUT_H

#include "server/reply.h"
#include "server/wire.h"

struct output {
    struct buf head;
    struct span bytes; /* borrowed */
    size_t sent;       /* of head and bytes together */
    int file;          /* owned; -1 if there is none */
    uint64_t file_at, file_left, file_sent;
    const char *file_why; /* UNREADABLE: why; static */
};

void output_init(struct output *o);
/* Closes the file. */
void output_fini(struct output *o);
/* A response: takes over the file (may be -1). For HEAD only the head goes out. */
void output_begin(struct output *o, const struct reply *r, enum connection c,
                  enum http_method method, int file);

/* Bytes of body that went out so far. */
uint64_t output_body_sent(const struct output *o);

/* What is left to do. OUTPUT_FILE: call output_send_file in the pool. OUTPUT_WAIT: wait
 * until the socket takes more. OUTPUT_UNREADABLE: what was announced cannot be kept. */
enum output_next { OUTPUT_DONE, OUTPUT_WAIT, OUTPUT_FILE, OUTPUT_BROKEN, OUTPUT_UNREADABLE };

enum output_next output_send(struct output *o, struct wire *w);
/* Sends one bounded piece of the file. */
enum output_next output_send_file(struct output *o, struct wire *w);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * client: the server's loop and a client of it in one thread, over a socket pair, so that a
 * test decides what happens when. Only the pool's threads are others.
 */
#ifndef TEST_LOOP_CLIENT_H
#define TEST_LOOP_CLIENT_H

#include "lib/buf.h"
#include "server/conn.h"
#include "server/server.h"

struct rig {
    char root[64];
    char socket[128];
    struct config config;
    struct settings settings; /* the test is a user of them to the end: nobody frees them */
    struct store *store;
    struct server server;
};

void rig_init(struct rig *r);
/* Stops the server; fails the test if a connection or a descriptor is left. */
void rig_fini(struct rig *r);
/* One turn of the loop, without waiting for events longer than a millisecond. */
void rig_turn(struct rig *r);
/* Turns the loop until no connection is left. */
void rig_until_idle(struct rig *r);

struct client {
    struct rig *rig;
    int fd;
    struct buf got;
    bool ended; /* the server closed its side */
};

void client_open(struct client *c, struct rig *r);
void client_close(struct client *c);
/* Sends everything, turning the loop as often as it takes; false if the server closed. */
bool client_send(struct client *c, struct span bytes);
void client_send_str(struct client *c, const char *text);
/* Reads at most n bytes if there are any. */
void client_read(struct client *c, size_t n);
/* Turns the loop until `text` is in what was received, or the server closed. */
bool client_until(struct client *c, const char *text);
void client_until_end(struct client *c);
/* Waits for one whole response (by its Content-Length) and removes it from `got`; its code,
 * and its body in *body (the caller's buf). -1 if the server closed before. */
int client_response(struct client *c, struct buf *body);
/* The value of a header of the response last taken, or NULL. */
const char *client_header(const char *name);

#endif

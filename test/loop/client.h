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
    char root[128];
    char socket[192];
    struct config config;
    struct config *tls_config;  /* what its TLS was made of … */
    struct config_sources from; /* … which keeps these */
    struct ssl_ctx_st *tls;     /* the clients'; NULL: they and the server speak plainly */
    struct settings settings;   /* the test is a user of them to the end: nobody frees them */
    struct store *store;
    struct server server;
};

void rig_init(struct rig *r);
/* The same with TLS on both sides; version 12 or 13. */
void rig_init_tls(struct rig *r, int version);
/* Stops the server; fails the test if a connection or a descriptor is left. */
void rig_fini(struct rig *r);
/* The fixture of a test. Its state is the version of TLS at first, or 0, and then its rig. */
int rig_setup(void **state);
int rig_teardown(void **state);
/* One turn of the loop, without waiting for events longer than a millisecond. */
void rig_turn(struct rig *r);
/* Turns the loop until no connection is left. */
void rig_until_idle(struct rig *r);

struct client {
    struct rig *rig;
    int fd;
    struct ssl_st *ssl; /* NULL: plain */
    struct buf got;
    bool ended; /* the server closed its side */
};

void client_open(struct client *c, struct rig *r);
/* Without a goodbye, as one that is cut off. */
void client_close(struct client *c);
/* Says that it sends no more, and reads on. */
void client_finish(struct client *c);
/* Sends what goes without turning the loop, and takes it off the bytes; false if the server closed.
 */
bool client_try(struct client *c, struct span *bytes);
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

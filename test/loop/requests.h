/* SPDX-License-Identifier: Apache-2.0
 *
 * requests: what the clients of these tests ask for again and again; an answer that is not the
 * right one fails the test.
 */
#ifndef TEST_LOOP_REQUESTS_H
#define TEST_LOOP_REQUESTS_H

#include "lib/digest.h"
#include "test/loop/client.h"

struct digest_text text_of(struct span bytes);

void send_text(struct client *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* A PATCH of the upload, with more headers: "Name: value\r\n". */
void send_head(struct client *c, const char *path, const char *headers);
/* The body, in chunks of that size. */
void send_chunked(struct client *c, struct span content, size_t piece);

/* The path of a new upload. */
void begin_upload(struct client *c, char path[512]);
void finish_upload(struct client *c, const char *path, struct span content);
/* How many bytes of it the store has. */
uint64_t upload_bytes(struct rig *r, const char *path);
/* Takes it, as another process would; the caller closes it. */
struct upload *hold_upload(struct rig *r, const char *path);

#endif

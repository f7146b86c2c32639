/* SPDX-License-Identifier: Apache-2.0
 *
 * auth_htpasswd: a file of users and the hashes of their passwords, "name:hash" a line, as
 * Apache's htpasswd and the registry image have it. Bytes in, values out.
 */
#ifndef SERVER_AUTH_HTPASSWD_H
#define SERVER_AUTH_HTPASSWD_H

#include "lib/rc.h"
#include "lib/span.h"

enum { HTPASSWD_FILE_MAX = 1024 * 1024, HTPASSWD_LINE_MAX = 1024 };

/* Constant once made; any thread. */
struct htpasswd;

/* Blank lines and those that begin with "#" are skipped; of two lines for one user the later
 * counts. A line without a colon makes all of it invalid: RC_INTERNAL, "PATH:LINE: …", without a
 * word of the line itself. text is not needed afterwards. */
enum rc htpasswd_parse(const char *path, struct span text, struct htpasswd **out,
                       struct fault *f) MUST_CHECK;
void htpasswd_free(struct htpasswd *h); /* h may be NULL */

/* The hash to check a user's password against; it lives as long as h. For a user who is not
 * there, or whose hash is not bcrypt's, it is one that nothing matches, and that costs as much
 * to check as another: the time of the answer does not tell who is there. */
struct span htpasswd_hash(const struct htpasswd *h, struct span user);

/* Slow, by design: for the pool. False for every hash that htpasswd_hash gave for nobody. */
bool htpasswd_matches(struct span hash, struct span password);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * files: reading the files that people configure: the configuration itself, certificates, keys,
 * users. In the sandbox it is the keeper that opens them.
 */
#ifndef SERVER_FILES_H
#define SERVER_FILES_H

#include "lib/buf.h"
#include "server/config.h"

/* Adds the whole file to out, which an empty one makes "", too. RC_INTERNAL with a line for a
 * person: "PATH: …", with "OPTION: " before it unless option is NULL. Loop thread. */
enum rc files_read(const struct config_sources *from, const char *option, const char *path,
                   size_t max, struct buf *out, struct fault *f) MUST_CHECK;
/* Frees what was read, and leaves no secret in memory. */
void files_forget(struct buf *b);

#endif

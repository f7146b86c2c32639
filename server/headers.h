/* SPDX-License-Identifier: Apache-2.0
 *
 * headers: the option http.headers, made ready for answers. Pure.
 */
#ifndef SERVER_HEADERS_H
#define SERVER_HEADERS_H

#include "lib/conf.h"

/* "Name: value\r\n" for each value, in the arena. Names are spelled as the registry image spells
 * them on the wire: "X-Frame-Options". RC_INTERNAL with a line for a person, if one of them cannot
 * be sent or is the server's own to say. */
enum rc headers_build(const struct conf_map *headers, struct arena *a, struct span *out,
                      struct fault *f) MUST_CHECK;

#endif

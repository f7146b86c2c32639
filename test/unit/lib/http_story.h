/* SPDX-License-Identifier: Apache-2.0
 *
 * http_story: what the parser makes of a request, as text: "METHOD PATH ?QUERY 1.MINOR
 * FRAMING keep|close {name=value}… |body| N left", or the name of the refusal. Host is
 * left out, N is what the parser did not take, "more" means that it waits.
 */
#ifndef TEST_UNIT_LIB_HTTP_STORY_H
#define TEST_UNIT_LIB_HTTP_STORY_H

#include "unit.h"

#include "lib/buf.h"

struct story_row {
    struct span request;
    const char *story;
};

/* The bytes in two pieces cut there; one byte at a time if cut is 0. */
void story_check_cut(struct span request, size_t cut, const char *expected);
/* One byte at a time, and in two pieces at every place. */
void story_check(struct span request, const char *expected);
void story_check_rows(const struct story_row *rows, size_t n);

#define BAD "bad request"
#define HOST "Host: x\r\n"
#define GET "GET / HTTP/1.1\r\n" HOST
#define PUT "PUT /a HTTP/1.1\r\n" HOST
#define CHUNKED PUT "Transfer-Encoding: chunked\r\n\r\n"
#define CHUNKED_STORY "PUT /a ? 1.1 chunked keep {Transfer-Encoding=chunked} |"

#endif

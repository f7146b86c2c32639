/* SPDX-License-Identifier: Apache-2.0
 *
 * http: requests as HTTP/1.1 writes them (RFC 9112), in values. The parser is
 * llhttp, seen by http.c alone.
 *
 * A parser is fed bytes and hands back, in turn: a head, the body's bytes
 * (framing removed), the end. It stops at each of them, so that the caller
 * decides when it goes on; bytes it did not take stay the caller's.
 */
#ifndef LIB_HTTP_H
#define LIB_HTTP_H

#include "lib/rc.h"
#include "lib/span.h"

enum http_method {
    METHOD_GET,
    METHOD_HEAD,
    METHOD_POST,
    METHOD_PUT,
    METHOD_PATCH,
    METHOD_DELETE,
    METHOD_OPTIONS,
    METHOD_OTHER
};
const char *http_method_name(enum http_method m);

struct http_header {
    struct span name, value;
    struct http_header *next;
};

enum http_framing { HTTP_NO_BODY, HTTP_LENGTH, HTTP_CHUNKED };

/* A request's head. Memory: the arena that the parser was given. */
struct http_head {
    enum http_method method;
    struct span method_text; /* as sent, for the access log */
    struct span target;      /* as sent: "/v2/a/tags/list?n=1" */
    struct span path;        /* before the "?", still encoded */
    struct span query;       /* after the "?" */
    int minor;               /* HTTP/1.minor */
    struct http_header *headers;
    enum http_framing framing;
    uint64_t content_length; /* if HTTP_LENGTH */
    bool keep_alive;
    bool expect_continue;
};

/* The first header of that name, or the empty span with p NULL. */
struct span http_header_find(const struct http_head *h, struct span name);
/* The next one of the same name after `at` (NULL: the first). */
const struct http_header *http_header_next(const struct http_head *h, struct span name,
                                           const struct http_header *at);

/* All headers of that name as one list, "a, b" (RFC 9110 §5.3); p is NULL if there is none. */
struct span http_header_list(const struct http_head *h, struct span name, struct arena *a);

/* Overwrites all values of that name: credentials, once they have been looked at. */
void http_header_wipe(const struct http_head *h, struct span name);

struct http_parser; /* about 300 bytes; x_new/x_free */

enum http_event {
    HTTP_NEED_MORE, /* all bytes taken */
    HTTP_HEAD_DONE, /* the head is complete; a body may follow */
    HTTP_BODY,      /* body holds some of the body's bytes, inside the bytes given */
    HTTP_END,       /* the request is complete */
    HTTP_FAILED     /* rc says why; the parser is of no further use */
};

struct http_step {
    enum http_event event;
    size_t taken;     /* how many of the bytes were used up */
    struct span body; /* if HTTP_BODY */
    enum rc rc;       /* if HTTP_FAILED: RC_BAD_REQUEST, RC_HEAD_TOO_LARGE, RC_EXPECTATION */
    const char *why;  /* if HTTP_FAILED: static text */
};

/* Of a head, unless it is said otherwise; of headers. */
enum { HTTP_HEAD_MAX = 64 * 1024, HTTP_HEADERS_MAX = 128 };

struct http_parser *http_parser_new(void);
void http_parser_free(struct http_parser *p);
/* Gets ready for the next request on the same connection. head and arena are
 * borrowed until HTTP_HEAD_DONE, and not touched from then on; head is filled as bytes arrive. */
void http_parser_begin(struct http_parser *p, struct http_head *head, struct arena *a);
/* Bytes that the heads of requests may have, from the next request on. */
void http_parser_limit(struct http_parser *p, size_t head_max);
struct http_step http_parser_step(struct http_parser *p, struct span bytes);
/* How much of the body is still to come; UINT64_MAX if nobody knows. */
uint64_t http_parser_body_left(const struct http_parser *p);

/* Percent-decoding into the arena (a copy only if there is something to decode).
 * False on a broken escape, on %00, and on control characters. */
bool http_decode(struct span s, struct arena *a, struct span *out);

/* The first value of a query parameter, decoded ("+" is a space); false if it is
 * absent or badly encoded. */
bool http_query_find(struct span query, struct span key, struct arena *a, struct span *out);

/* The same for a parameter that may come several times: the first in *query, which then is what
 * follows it. One that is badly encoded is passed over. */
bool http_query_next(struct span *query, struct span key, struct arena *a, struct span *out);

/* One range of bytes, first ≤ last, both inclusive. */
struct http_range {
    uint64_t first, last;
};

/* What a Range header asks of a body of `size` bytes (RFC 9110 §14.2). Several
 * ranges and unknown units are served as the whole body, which the RFC allows. */
enum http_range_answer { HTTP_RANGE_WHOLE, HTTP_RANGE_PART, HTTP_RANGE_UNSATISFIABLE };
enum http_range_answer http_range_parse(struct span header, uint64_t size, struct http_range *out);

/* Content-Range of a PATCH or PUT as the distribution-spec writes it: "<first>-<last>",
 * without "bytes"; the form of RFC 9110 ("bytes 0-9/…") is taken too. */
bool http_content_range_parse(struct span header, struct http_range *out);

/* Does an If-None-Match header name this strong tag? RFC 9110 §13.1.2, and the
 * bare digest without quotes, which clients of the registry image send. */
bool http_etag_matches(struct span header, struct span tag);
/* The same for If-Match and If-Range, which compare strongly: a weak tag matches nothing. */
bool http_etag_matches_strongly(struct span header, struct span tag);

#endif

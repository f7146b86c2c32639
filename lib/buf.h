/* SPDX-License-Identifier: Apache-2.0
 *
 * buf: bytes that grow. p[n] is always NUL once anything was added.
 */
#ifndef LIB_BUF_H
#define LIB_BUF_H

#include <stdarg.h>

#include "lib/span.h"

struct buf {
    char *p;
    size_t n, cap;
};

void buf_init(struct buf *b);
void buf_fini(struct buf *b);
void buf_reserve(struct buf *b, size_t more);
void buf_add(struct buf *b, const void *p, size_t n);
void buf_add_span(struct buf *b, struct span s);
void buf_add_str(struct buf *b, const char *cstr);
void buf_add_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_vprintf(struct buf *b, const char *fmt, va_list args) PRINTF_LIKE(2, 0);
/* s as the inside of a JSON string: escapes; bytes that are not UTF-8 become U+FFFD. */
void buf_add_json(struct buf *b, struct span s);
/* s percent-encoded but for RFC 3986 unreserved characters. */
void buf_add_url(struct buf *b, struct span s);
void buf_clear(struct buf *b); /* keeps the memory */
struct span buf_span(const struct buf *b);

#endif

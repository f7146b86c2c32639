/* SPDX-License-Identifier: Apache-2.0
 *
 * base64: bytes as text (RFC 4648). Pure, any thread.
 */
#ifndef LIB_BASE64_H
#define LIB_BASE64_H

#include "lib/span.h"

enum base64 {
    BASE64,      /* §4, with its padding */
    BASE64_BARE, /* the same without */
    BASE64_URL   /* §5, without padding */
};

/* False if s is none, or says more than `size` bytes; what is at `to` then is of no meaning. There
 * is only one text for the same bytes: blanks and spare bits that are set are refused, too. */
bool base64_decode(enum base64 form, struct span s, void *to, size_t size, size_t *n);

#endif

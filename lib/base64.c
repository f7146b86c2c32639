/* SPDX-License-Identifier: Apache-2.0
 *
 * base64: libsodium's, which takes the same time for all text of one length.
 */
#include "lib/base64.h"

#include <sodium.h>

/* libsodium (1.0.18) takes a byte over 0x7f for the last digit: a signature could be written in
 * many ways. */
static bool is_ascii(struct span s)
{
    unsigned char all = 0;
    for (size_t i = 0; i < s.n; i++)
        all |= (unsigned char)s.p[i];
    return all < 0x80;
}

bool base64_decode(enum base64 form, struct span s, void *to, size_t size, size_t *n)
{
    static const int variants[] = {
        [BASE64] = sodium_base64_VARIANT_ORIGINAL,
        [BASE64_BARE] = sodium_base64_VARIANT_ORIGINAL_NO_PADDING,
        [BASE64_URL] = sodium_base64_VARIANT_URLSAFE_NO_PADDING,
    };
    size_t length = 0;
    if (!is_ascii(s) ||
        sodium_base642bin(to, size, s.p, s.n, NULL, &length, NULL, variants[form]) != 0)
        return false;
    *n = length;
    return true;
}

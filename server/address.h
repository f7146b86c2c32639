/* SPDX-License-Identifier: Apache-2.0
 *
 * address: "host:port", ":port", "[v6]:port", as the options have it. Pure.
 */
#ifndef SERVER_ADDRESS_H
#define SERVER_ADDRESS_H

#include "lib/span.h"

/* Parts of the text. */
struct address {
    struct span host; /* without brackets; empty: all addresses */
    struct span port; /* a number, or a service's name; "0": any that is free */
};

/* False if the text is none. An empty one, and an empty port, mean any port that is free. */
bool address_read(struct span text, struct address *out);

#endif

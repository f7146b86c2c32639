/* SPDX-License-Identifier: Apache-2.0
 *
 * address: what getaddrinfo would make something else of is none: it takes port 99999 for 34463.
 */
#include "server/address.h"

#include <string.h>

enum { PORT_MAX = 65535 };

static bool is_port(struct span s)
{
    uint64_t number;
    if (span_to_u64(s, &number))
        return number <= PORT_MAX;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && (i == 0 || c != '-') && (i == 0 || c < '0' || c > '9'))
            return false;
    }
    return s.n > 0;
}

bool address_read(struct span text, struct address *out)
{
    *out = (struct address){.port = SPAN("0")};
    if (text.n == 0)
        return true;
    if (!span_cut_last(text, ':', &out->host, &out->port))
        return false;
    if (out->port.n == 0)
        out->port = SPAN("0");
    bool bracketed = span_starts(out->host, SPAN("[")) && span_ends(out->host, SPAN("]"));
    if (bracketed)
        out->host = span_from(out->host.p + 1, out->host.n - 2);
    else if (out->host.n > 0 && memchr(out->host.p, ':', out->host.n) != NULL)
        return false;
    return is_port(out->port);
}

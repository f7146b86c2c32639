/* SPDX-License-Identifier: Apache-2.0
 *
 * url: what a Location begins with. Pure; loop thread.
 */
#ifndef SERVER_URL_H
#define SERVER_URL_H

#include "lib/http.h"
#include "server/config.h"

/* http.host without a last slash; empty if there is none, or it is no URL. */
struct span url_public(const struct config *config);
/* http.prefix without its last slash: what stands before "/v2/" in every path. */
struct span url_prefix(const struct config *config);

/* What stands before "/v2/" in a Location: http.host alone, which says itself what path clients
 * see; else "scheme://host" and the prefix, or the prefix alone for a relative one. In this order:
 * relative if http.relativeurls; what a proxy says in Forwarded (RFC 7239), or else in
 * X-Forwarded-Proto and X-Forwarded-Host; the Host header, and https if the client came by TLS.
 * What is not a host and port gives a relative Location. */
struct span url_base(const struct http_head *head, const struct config *config, bool https,
                     struct arena *a);

/* Where clients get tokens with auth.token.autoredirect: on the host that they speak to. As in the
 * registry image it is https unless X-Forwarded-Proto says http. Empty if Host is none. */
struct span url_of_token_server(const struct http_head *head, const struct config *config,
                                struct arena *a);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * url: where does the client believe the registry is?
 */
#include "server/url.h"

#include <string.h>

struct origin {
    struct span scheme, host;
};

static struct span unquote(struct span s)
{
    s = span_trim(s);
    if (s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"')
        return span_from(s.p + 1, s.n - 2);
    return s;
}

/* The first element of the list: the proxy nearest to the client. */
static void from_forwarded(struct span header, struct origin *o)
{
    struct span element, rest, pair;
    span_cut(header, ',', &element, &rest);
    while (element.n > 0) {
        struct span key, value;
        span_cut(element, ';', &pair, &element);
        if (!span_cut(pair, '=', &key, &value))
            continue;
        if (span_eq_nocase(span_trim(key), SPAN("proto")))
            o->scheme = unquote(value);
        else if (span_eq_nocase(span_trim(key), SPAN("host")))
            o->host = unquote(value);
    }
}

static void from_x_forwarded(const struct http_head *head, struct origin *o)
{
    struct span first, rest;
    struct span proto = http_header_find(head, SPAN("X-Forwarded-Proto"));
    struct span host = http_header_find(head, SPAN("X-Forwarded-Host"));
    span_cut(proto, ',', &first, &rest);
    if (first.n > 0)
        o->scheme = span_trim(first);
    span_cut(host, ',', &first, &rest);
    if (first.n > 0)
        o->host = span_trim(first);
}

/* A host, an IPv6 address in brackets, a port: nothing that could be more than that. */
static bool is_host(struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!alnum && !memchr("-._:[]", c, 6))
            return false;
    }
    return s.n > 0;
}

static struct span without_slash(struct span s)
{
    while (span_ends(s, SPAN("/")))
        s.n--;
    return s;
}

/* The path counts up to its last slash, as in the registry image. */
struct span url_public(const struct config *config)
{
    struct span scheme, rest, host, path, after = SPAN("//");
    struct span url = span_from(config->http_host, strcspn(config->http_host, "?#"));
    if (!span_cut(url, ':', &scheme, &rest) || scheme.n == 0 || !span_starts(rest, after))
        return SPAN("");
    if (span_cut(span_skip(rest, after.n), '/', &host, &path))
        (void)span_cut_last(url, '/', &url, &path);
    return host.n > 0 ? without_slash(url) : SPAN("");
}

struct span url_prefix(const struct config *config)
{
    return without_slash(span_of(config->http_prefix));
}

/* "scheme://host", or empty. */
static struct span find_origin(const struct http_head *head, const struct config *config,
                               bool https, struct arena *a)
{
    if (config->relative_urls)
        return SPAN("");
    struct origin o = {https ? SPAN("https") : SPAN("http"), http_header_find(head, SPAN("Host"))};
    struct span forwarded = http_header_find(head, SPAN("Forwarded"));
    if (forwarded.n > 0)
        from_forwarded(forwarded, &o);
    else
        from_x_forwarded(head, &o);
    https = span_eq_nocase(o.scheme, SPAN("https"));
    if (!is_host(o.host) || (!https && !span_eq_nocase(o.scheme, SPAN("http"))))
        return SPAN("");
    return span_of(arena_printf(a, "%s://%.*s", https ? "https" : "http", SPAN_ARG(o.host)));
}

struct span url_base(const struct http_head *head, const struct config *config, bool https,
                     struct arena *a)
{
    struct span fixed = url_public(config), prefix = url_prefix(config);
    if (fixed.n > 0)
        return fixed;
    struct span origin = find_origin(head, config, https, a);
    if (prefix.n == 0)
        return origin;
    return span_of(arena_printf(a, "%.*s%.*s", SPAN_ARG(origin), SPAN_ARG(prefix)));
}

struct span url_of_token_server(const struct http_head *head, const struct config *config,
                                struct arena *a)
{
    struct origin o = {SPAN("https"), http_header_find(head, SPAN("Host"))};
    from_x_forwarded(head, &o);
    bool plain = span_eq_nocase(o.scheme, SPAN("http"));
    if (!is_host(o.host))
        return SPAN("");
    return span_of(arena_printf(a, "%s://%.*s%s", plain ? "http" : "https", SPAN_ARG(o.host),
                                config->token_autoredirect_path));
}

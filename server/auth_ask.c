/* SPDX-License-Identifier: Apache-2.0
 *
 * auth_ask: the Authorization header (RFC 7617, RFC 6750), and whether it is true.
 */
#include <sodium.h>
#include <string.h>
#include <time.h>

#include "lib/base64.h"
#include "lib/log.h"
#include "server/auth_internal.h"

enum { BASIC_MAX = 4096 };

/* The request's memory, which is written by nobody else. */
static void wipe(struct span s)
{
    if (s.n > 0)
        sodium_memzero((void *)s.p, s.n);
}

static enum auth_answer decide(struct proof *p, enum credentials c)
{
    wipe(p->secret);
    p->secret = (struct span){0};
    p->credentials = c;
    if (c == CREDENTIALS_GOOD) {
        p->who.user = p->user;
        p->who.claims = p->claims;
    }
    return AUTH_KNOWN;
}

/* What follows the scheme; false if it is another one. */
static bool has_scheme(struct span header, struct span scheme, struct span *rest)
{
    struct span word;
    span_cut(header, ' ', &word, rest);
    *rest = span_trim(*rest);
    return span_eq_nocase(word, scheme);
}

/* ---- Basic. ----------------------------------------------------------------------------- */

/* "user:password" in base64, with or without its padding. */
static bool decode_basic(struct proof *p, struct span text)
{
    size_t n = 0;
    if (text.n > BASIC_MAX)
        return false;
    while (span_ends(text, SPAN("=")))
        text.n--;
    char *plain = arena_alloc(p->arena, text.n + 1);
    p->secret = span_from(plain, text.n);
    if (!base64_decode(BASE64_BARE, text, plain, text.n, &n))
        return false;
    struct span user, password, whole = span_from(plain, n);
    if (!span_cut(whole, ':', &user, &password) || (user.n > 0 && memchr(user.p, '\0', user.n)))
        return false;
    p->user = arena_span(p->arena, user);
    p->secret = password;
    return true;
}

/* Is somebody at it with the same credentials, or are there enough at it? */
static bool may_fly(const struct auth *a, const struct auth_mark *mark)
{
    size_t taken = 0;
    for (size_t i = 0; i < FLIGHTS_MAX; i++) {
        if (a->flights[i].taken && auth_mark_eq(&a->flights[i].mark, mark))
            return false;
        taken += a->flights[i].taken;
    }
    return taken < a->flights_max;
}

static void take_off(struct auth *a, struct proof *p)
{
    size_t i = 0;
    while (a->flights[i].taken)
        i++;
    a->flights[i] = (struct flight){true, p->mark};
    p->in_flight = true;
}

static void land(struct auth *a, struct proof *p)
{
    for (size_t i = 0; i < FLIGHTS_MAX && p->in_flight; i++)
        if (a->flights[i].taken && auth_mark_eq(&a->flights[i].mark, &p->mark))
            a->flights[i].taken = false;
    p->in_flight = false;
}

/* The line of the file is copied: the next one may be there before the password is checked. */
static enum auth_answer ask_basic(struct auth *a, struct span header, struct proof *p)
{
    struct span text;
    if (!has_scheme(header, SPAN("Basic"), &text))
        return decide(p, CREDENTIALS_NONE);
    if (!decode_basic(p, text))
        return decide(p, CREDENTIALS_BAD);
    p->hash = arena_span(p->arena, htpasswd_hash(a->users, p->user));
    const struct span parts[] = {p->user, p->secret, p->hash};
    p->mark = auth_cache_mark(a->good, parts, array_len(parts));
    if (auth_cache_has(a->good, &p->mark, 0))
        return decide(p, CREDENTIALS_GOOD);
    if (!may_fly(a, &p->mark)) {
        wipe(p->secret);
        return AUTH_LATER;
    }
    take_off(a, p);
    return AUTH_PROVE;
}

/* ---- Bearer. ---------------------------------------------------------------------------- */

/* Quick: it is all in the token. */
static bool read_claims(struct proof *p)
{
    const char *why;
    p->claims = arena_alloc(p->arena, sizeof(*p->claims));
    if (!jwt_read(&p->auth->terms, p->secret, time(NULL), p->arena, p->claims, &why)) {
        log_debug("a token is refused: %s", why);
        return false;
    }
    if (p->claims->subject.n > 0)
        p->user = p->claims->subject;
    return true;
}

static enum auth_answer ask_bearer(struct auth *a, struct span header, struct proof *p)
{
    struct span token;
    if (!has_scheme(header, SPAN("Bearer"), &token) || token.n == 0)
        return decide(p, CREDENTIALS_NONE);
    if (token.n > JWT_MAX)
        return decide(p, CREDENTIALS_BAD);
    p->secret = arena_span(p->arena, token);
    p->mark = auth_cache_mark(a->good, &p->secret, 1);
    if (!auth_cache_has(a->good, &p->mark, time(NULL))) {
        p->trust = trust_hold(a->trust);
        return AUTH_PROVE;
    }
    return decide(p, read_claims(p) ? CREDENTIALS_GOOD : CREDENTIALS_BAD);
}

static bool prove_bearer(struct proof *p)
{
    struct jwt_terms terms = p->auth->terms;
    const char *why;
    terms.trust = p->trust;
    if (jwt_is_signed(&terms, p->secret, &why))
        return read_claims(p);
    log_debug("a token is refused: %s", why);
    return false;
}

/* ---- Both. ------------------------------------------------------------------------------ */

enum auth_answer auth_ask(struct auth *a, const struct http_head *head, struct arena *arena,
                          struct proof *p)
{
    *p = (struct proof){.auth = a, .arena = arena, .who = {.auth = a}};
    struct span header = http_header_find(head, SPAN("Authorization"));
    if (!a || header.n == 0)
        return AUTH_KNOWN;
    return a->type == AUTH_TOKEN ? ask_bearer(a, header, p) : ask_basic(a, header, p);
}

void auth_prove(struct proof *p)
{
    if (p->auth->type == AUTH_TOKEN)
        p->matches = prove_bearer(p);
    else
        p->matches = htpasswd_matches(p->hash, p->secret);
}

void auth_proved(struct proof *p)
{
    int64_t until = p->claims ? p->claims->expires + JWT_LEEWAY_S : INT64_MAX;
    land(p->auth, p);
    if (p->matches && p->trust == p->auth->trust) /* keys that still count */
        auth_cache_add(p->auth->good, &p->mark, until);
    trust_drop(p->trust);
    p->trust = NULL;
    (void)decide(p, p->matches ? CREDENTIALS_GOOD : CREDENTIALS_BAD);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * auth_jwt: a token's three parts, and the claims in the second.
 */
#include "server/auth_jwt.h"

#include <cjson/cJSON.h>
#include <stdlib.h>

#include "lib/base64.h"
#include "lib/buf.h"
#include "lib/json.h"
#include "server/auth_rules.h"

enum { KEYS_TRIED_MAX = 8, RIGHT_ALL = RIGHT_PULL | RIGHT_PUSH | RIGHT_DELETE | RIGHT_ADMIN };

struct parts {
    struct span text; /* what is signed: head and claims, with the dot between them */
    struct span head, claims, signature;
};

static bool split(struct span token, struct parts *out)
{
    struct span rest;
    if (token.n > JWT_MAX || !span_cut_last(token, '.', &out->text, &out->signature) ||
        !span_cut(out->text, '.', &out->head, &out->claims))
        return false;
    return !span_cut(out->claims, '.', &rest, &rest);
}

static bool decode(struct span s, struct buf *out)
{
    size_t n = 0;
    buf_reserve(out, s.n + 1);
    if (s.n == 0 || !base64_decode(BASE64_URL, s, out->p, s.n, &n))
        return false;
    out->n = n;
    out->p[n] = '\0';
    return true;
}

/* NULL if the part is no object. */
static cJSON *object_of(struct span part)
{
    struct buf b;
    cJSON *root = NULL;
    buf_init(&b);
    if (decode(part, &b) && json_is_sound(buf_span(&b), JWT_DEPTH_MAX, JWT_MAX))
        root = cJSON_ParseWithLength(b.p, b.n);
    buf_fini(&b);
    if (cJSON_IsObject(root))
        return root;
    cJSON_Delete(root);
    return NULL;
}

/* A member that is there and not null. */
static const cJSON *member(const cJSON *object, const char *name)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsNull(v) ? NULL : v;
}

static struct span text_of(const cJSON *v)
{
    return span_of(cJSON_GetStringValue(v));
}

/* ---- The signature. --------------------------------------------------------------------- */

/* What a signature is checked with. */
struct check {
    const struct trust *trust;
    enum jws_alg alg;
    struct span text, signature;
};

static bool signed_by(const struct check *c, struct key *k)
{
    bool ok = k && key_verifies(k, c->alg, c->text, c->signature);
    key_free(k);
    return ok;
}

static bool signed_by_chain(const struct check *c, const cJSON *x5c)
{
    return signed_by(c, trust_chain(c->trust, x5c));
}

/* The key in the head counts if it is a trusted one, or comes with a chain that is about it. */
static bool signed_by_jwk(const struct check *c, const cJSON *jwk)
{
    const char *why;
    struct key *k = key_of_jwk(jwk, &why);
    const cJSON *x5c = member(jwk, "x5c");
    bool trusted = k && !key_is_secret(k) && trust_has(c->trust, k);
    if (k && !trusted && x5c) {
        struct key *certified = trust_chain(c->trust, x5c);
        trusted = certified && key_eq(certified, k);
        key_free(certified);
    }
    if (trusted)
        return signed_by(c, k);
    key_free(k);
    return false;
}

static bool signed_by_name(const struct check *c, struct span kid)
{
    const struct key *k;
    for (size_t n = 0; n < KEYS_TRIED_MAX && (k = trust_find(c->trust, kid, n)); n++)
        if (key_verifies(k, c->alg, c->text, c->signature))
            return true;
    return false;
}

/* The order is the registry image's. */
static bool check_head(const struct check *c, const cJSON *head, const char **why)
{
    const cJSON *x5c = member(head, "x5c"), *jwk = member(head, "jwk");
    *why = "its signature is not by a key that is trusted";
    if (x5c)
        return signed_by_chain(c, x5c);
    if (jwk)
        return signed_by_jwk(c, jwk);
    return signed_by_name(c, text_of(member(head, "kid")));
}

static bool check_signature(const struct jwt_terms *t, const struct parts *p, const cJSON *head,
                            const char **why)
{
    struct check c = {.trust = t->trust, .text = p->text};
    struct buf signature;
    *why = "its algorithm is not accepted";
    if (!jws_alg_find(text_of(member(head, "alg")), &c.alg) || !(t->algs & 1U << c.alg))
        return false;
    *why = "its head wants something that is not understood";
    if (member(head, "crit"))
        return false;
    *why = "its signature cannot be read";
    buf_init(&signature);
    bool ok = decode(p->signature, &signature);
    c.signature = buf_span(&signature);
    ok = ok && check_head(&c, head, why);
    buf_fini(&signature);
    return ok;
}

bool jwt_is_signed(const struct jwt_terms *t, struct span token, const char **why)
{
    struct parts p;
    *why = "it is no token, or a long one";
    if (!split(token, &p))
        return false;
    cJSON *head = object_of(p.head);
    *why = "its head cannot be read";
    bool ok = head && check_signature(t, &p, head, why);
    cJSON_Delete(head);
    return ok;
}

/* ---- The claims. ------------------------------------------------------------------------ */

static bool is_for(const cJSON *audience, struct span service)
{
    const cJSON *item;
    if (cJSON_IsString(audience))
        return span_eq(text_of(audience), service);
    cJSON_ArrayForEach(item, audience)
    {
        if (cJSON_IsString(item) && span_eq(text_of(item), service))
            return true;
    }
    return false;
}

/* Seconds; 0 if it is not there. */
static bool time_of(const cJSON *v, int64_t *out)
{
    const double most = 253402300799.0; /* the end of the year 9999 */
    *out = 0;
    if (!v)
        return true;
    if (!cJSON_IsNumber(v) || !(v->valuedouble >= 0 && v->valuedouble <= most))
        return false;
    *out = (int64_t)v->valuedouble;
    return true;
}

static bool is_now(const cJSON *root, int64_t now, struct claims *out, const char **why)
{
    int64_t from;
    *why = "exp or nbf is not a time";
    if (!time_of(member(root, "exp"), &out->expires) || !time_of(member(root, "nbf"), &from))
        return false;
    *why = "it has expired";
    if (now > out->expires + JWT_LEEWAY_S)
        return false;
    *why = "it is not valid yet";
    return now >= from - JWT_LEEWAY_S;
}

static unsigned right_of(struct span action)
{
    if (span_eq(action, SPAN("*")))
        return RIGHT_ALL;
    if (span_eq(action, SPAN("pull")))
        return RIGHT_PULL;
    if (span_eq(action, SPAN("push")))
        return RIGHT_PUSH;
    return span_eq(action, SPAN("delete")) ? RIGHT_DELETE : 0;
}

static bool read_grant(const cJSON *item, struct arena *a, struct grant *out)
{
    const cJSON *type = member(item, "type"), *name = member(item, "name"), *action;
    const cJSON *actions = member(item, "actions");
    if (!cJSON_IsString(type) || !cJSON_IsString(name) || (actions && !cJSON_IsArray(actions)))
        return false;
    *out = (struct grant){arena_span(a, text_of(type)), arena_span(a, text_of(name)), 0};
    cJSON_ArrayForEach(action, actions)
    {
        if (!cJSON_IsString(action))
            return false;
        out->rights |= right_of(text_of(action));
    }
    return true;
}

static bool read_access(const cJSON *access, struct arena *a, struct claims *out)
{
    const cJSON *item;
    if (!access)
        return true;
    if (!cJSON_IsArray(access))
        return false;
    out->grants = arena_alloc(a, (size_t)cJSON_GetArraySize(access) * sizeof(*out->grants));
    cJSON_ArrayForEach(item, access)
    {
        if (!read_grant(item, a, &out->grants[out->count++]))
            return false;
    }
    return true;
}

static bool read_claims(const struct jwt_terms *t, const cJSON *root, int64_t now, struct arena *a,
                        struct claims *out, const char **why)
{
    const cJSON *issuer = member(root, "iss");
    *why = "it is by another issuer";
    if (!cJSON_IsString(issuer) || !span_eq(text_of(issuer), t->issuer))
        return false;
    *why = "it is for another service";
    if (!is_for(member(root, "aud"), t->service) || !is_now(root, now, out, why))
        return false;
    const cJSON *subject = member(root, "sub");
    *why = "its subject is no text";
    if (subject && !cJSON_IsString(subject) && !cJSON_IsNull(subject))
        return false;
    out->subject = arena_span(a, text_of(subject));
    *why = "its access claim cannot be read";
    return read_access(member(root, "access"), a, out);
}

bool jwt_read(const struct jwt_terms *t, struct span token, int64_t now, struct arena *a,
              struct claims *out, const char **why)
{
    struct parts p;
    struct claims claims = {0};
    *why = "it is no token, or a long one";
    if (!split(token, &p))
        return false;
    cJSON *root = object_of(p.claims);
    *why = "its claims cannot be read";
    bool ok = root && read_claims(t, root, now, a, &claims, why);
    cJSON_Delete(root);
    if (ok)
        *out = claims;
    return ok;
}

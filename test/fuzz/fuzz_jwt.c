/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokens: no signature counts but those that were made with the keys, each over its own text; and
 * what is taken out of claims is in them.
 */
#include <cjson/cJSON.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/json.h"
#include "server/auth_jwt.h"
#include "server/auth_rules.h"
#include "test/fuzz/fuzz.h"

enum { ALL_ALGS = (1 << JWS_COUNT) - 1, NOW = 1000000, TOKENS_MAX = 64, CHANGES_MAX = 8 };
enum { URL64 = sodium_base64_VARIANT_URLSAFE_NO_PADDING };

/* The tokens of the unit test, which were made elsewhere. */
struct known {
    struct buf text, bundle;
    struct trust *trust;
    struct jwt_terms terms;
    struct span good[TOKENS_MAX];
    size_t count;
};

static void read_file(struct buf *b, const char *path)
{
    char piece[4096];
    size_t n;
    FILE *file = fopen(path, "rbe");
    HOLDS(file != NULL);
    while ((n = fread(piece, 1, sizeof(piece), file)) > 0)
        buf_add(b, piece, n);
    (void)fclose(file);
}

static void know(struct known *k)
{
    struct span line, kind, name, jwks = {NULL, 0};
    HOLDS(sodium_init() >= 0);
    read_file(&k->text, "test/unit/server/jwt_vectors.txt");
    for (struct span rest = buf_span(&k->text); rest.n > 0;) {
        span_cut(rest, '\n', &line, &rest);
        span_cut(line, '|', &kind, &line);
        span_cut(line, '|', &name, &line);
        if (span_eq(kind, SPAN("jwks"))) {
            jwks = line;
        } else if (span_eq(kind, SPAN("bundle"))) {
            buf_add_span(&k->bundle, line);
            buf_add_char(&k->bundle, '\n');
        } else if (span_eq(kind, SPAN("good"))) {
            HOLDS(k->count < TOKENS_MAX);
            k->good[k->count++] = line;
        }
    }
    struct trust_file bundle = {"b", buf_span(&k->bundle)}, set = {"j", jwks};
    HOLDS(k->count > 0 && trust_new(bundle, set, &k->trust, NULL) == RC_OK);
    k->terms = (struct jwt_terms){SPAN("issuer"), SPAN("service"), ALL_ALGS, k->trust};
}

static void check_signature(const struct known *k, struct span token)
{
    const char *why = NULL;
    bool is_known = false;
    for (size_t i = 0; i < k->count && !is_known; i++)
        is_known = span_eq(token, k->good[i]);
    HOLDS(jwt_is_signed(&k->terms, token, &why) == is_known);
    HOLDS(is_known || why);
}

/* A good token with some of its bytes changed, or cut off. */
static void check_changed(const struct known *k, struct span in)
{
    struct span token = copy_new(k->good[take_byte(&in) % k->count]);
    struct span changed = token;
    for (int i = 0; i < CHANGES_MAX && in.n > 2; i++) {
        size_t at = (take_byte(&in) << 8 | take_byte(&in)) % token.n;
        char c = (char)take_byte(&in);
        if (c == '\n')
            changed = span_head(token, at + 1);
        else
            ((char *)token.p)[at] = c;
    }
    check_signature(k, changed);
    copy_free(token);
}

static void add_part(struct buf *b, struct span s)
{
    size_t size = sodium_base64_encoded_len(s.n, URL64);
    buf_reserve(b, size);
    (void)sodium_bin2base64(b->p + b->n, size, (const unsigned char *)s.p, s.n, URL64);
    b->n += size - 1;
}

static bool is_text(const cJSON *v, struct span s)
{
    return cJSON_IsString(v) && span_eq(span_of(v->valuestring), s);
}

static void check_grant(const struct grant *g, const cJSON *item)
{
    const cJSON *action, *actions = cJSON_GetObjectItemCaseSensitive(item, "actions");
    unsigned rights = 0;
    HOLDS(is_text(cJSON_GetObjectItemCaseSensitive(item, "type"), g->type));
    HOLDS(is_text(cJSON_GetObjectItemCaseSensitive(item, "name"), g->name));
    cJSON_ArrayForEach(action, actions)
    {
        rights |= is_text(action, SPAN("pull")) ? RIGHT_PULL : 0U;
        rights |= is_text(action, SPAN("push")) ? RIGHT_PUSH : 0U;
        rights |= is_text(action, SPAN("delete")) ? RIGHT_DELETE : 0U;
        if (is_text(action, SPAN("*")))
            rights = RIGHT_PULL | RIGHT_PUSH | RIGHT_DELETE | RIGHT_ADMIN;
    }
    HOLDS((g->rights & ~rights) == 0 && (rights & ~g->rights) == 0);
}

static void check_claims(const struct claims *c, struct span json)
{
    cJSON *root = cJSON_ParseWithLength(json.p, json.n);
    const cJSON *exp = cJSON_GetObjectItemCaseSensitive(root, "exp");
    const cJSON *access = cJSON_GetObjectItemCaseSensitive(root, "access");
    HOLDS(json_is_sound(json, JWT_DEPTH_MAX, JWT_MAX));
    HOLDS(is_text(cJSON_GetObjectItemCaseSensitive(root, "iss"), SPAN("issuer")));
    HOLDS(cJSON_IsNumber(exp) && exp->valuedouble > NOW - JWT_LEEWAY_S - 1);
    HOLDS((double)c->expires <= exp->valuedouble && (double)c->expires > exp->valuedouble - 1);
    HOLDS(c->count == (size_t)cJSON_GetArraySize(access));
    for (size_t i = 0; i < c->count; i++)
        check_grant(&c->grants[i], cJSON_GetArrayItem(access, (int)i));
    cJSON_Delete(root);
}

/* A head and claims as they are, with a signature that was made over others. */
static void check_made(const struct known *k, struct span in)
{
    struct span text, signature, token = k->good[take_byte(&in) % k->count];
    struct span head = take_part(&in);
    struct claims claims;
    struct arena a;
    struct buf b;
    const char *why = NULL;
    buf_init(&b);
    arena_init(&a);
    span_cut_last(token, '.', &text, &signature);
    add_part(&b, head);
    buf_add_char(&b, '.');
    add_part(&b, in);
    buf_add_char(&b, '.');
    buf_add_span(&b, signature);
    struct span made = copy_new(buf_span(&b));
    check_signature(k, made);
    if (jwt_read(&k->terms, made, NOW, &a, &claims, &why))
        check_claims(&claims, in);
    else
        HOLDS(why != NULL);
    copy_free(made);
    arena_fini(&a);
    buf_fini(&b);
}

/* A byte: '0', the rest is a token; '1', it changes one; '2', it is a head, "===" and claims. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct known known;
    struct span in = span_from(data, size);
    unsigned way = take_byte(&in) % 3;
    if (!known.trust)
        know(&known);
    if (way == '1' % 3) {
        check_changed(&known, in);
    } else if (way == '2' % 3) {
        check_made(&known, in);
    } else {
        struct span token = copy_new(in);
        check_signature(&known, token);
        copy_free(token);
    }
    return 0;
}

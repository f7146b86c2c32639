/* SPDX-License-Identifier: Apache-2.0
 *
 * auth_allow: what a request wants, against what somebody may do; and what a refusal says
 * (RFC 7235, and the registry's token specification).
 */
#include <string.h>

#include "lib/buf.h"
#include "server/auth_internal.h"
#include "server/url.h"

/* One resource with actions, as tokens and challenges have it. */
struct access {
    const char *type;
    struct span name;
    const char *actions; /* "pull,push" */
};

enum { ACCESS_MAX = 2 };

static size_t list_access(const struct wish *w, struct access *out)
{
    static const char *const actions[] = {
        [WANT_ENTRY] = "",         [WANT_CATALOG] = "*",     [WANT_PULL] = "pull",
        [WANT_PUSH] = "pull,push", [WANT_DELETE] = "delete", [WANT_CANCEL] = "delete",
        [WANT_ADMIN] = "*",
    };
    if (w->want == WANT_ENTRY)
        return 0;
    out[0] = (struct access){"repository", w->repository, actions[w->want]};
    if (w->want == WANT_CATALOG || w->want == WANT_ADMIN) {
        out[0].type = "registry";
        out[0].name = w->want == WANT_CATALOG ? SPAN("catalog") : SPAN("admin");
    }
    if (w->source.n == 0)
        return 1;
    out[1] = (struct access){"repository", w->source, "pull"};
    return 2;
}

/* ---- Who may what. ---------------------------------------------------------------------- */

/* Of all that a token says of one resource. */
static unsigned claimed(const struct claims *c, struct span type, struct span name)
{
    unsigned rights = 0;
    for (size_t i = 0; i < c->count; i++)
        if (span_eq(c->grants[i].type, type) && span_eq(c->grants[i].name, name))
            rights |= c->grants[i].rights;
    return rights;
}

static unsigned rights_in(const struct who *w, struct span repository)
{
    const unsigned all = RIGHT_PULL | RIGHT_PUSH | RIGHT_DELETE;
    if (!w->auth)
        return all;
    if (w->claims)
        return claimed(w->claims, SPAN("repository"), repository);
    if (w->auth->rules)
        return rules_rights(w->auth->rules, w->user, repository);
    return w->user.p ? all : 0;
}

bool who_may(const struct who *w, enum right right, struct span repository)
{
    return (rights_in(w, repository) & right) != 0;
}

bool who_may_pull_all(const struct who *w)
{
    return !w->auth || (w->auth->type == AUTH_HTPASSWD && !w->auth->rules);
}

bool who_sees_some(const struct who *w)
{
    return w->auth && w->auth->rules;
}

/* Only "*" gives all rights, and only that is enough for what is not a repository. */
static bool may_token(const struct who *w, const struct wish *wish)
{
    unsigned rights = rights_in(w, wish->repository);
    switch (wish->want) {
    case WANT_ENTRY:
        return true;
    case WANT_CATALOG:
        return (claimed(w->claims, SPAN("registry"), SPAN("catalog")) & RIGHT_ADMIN) != 0;
    case WANT_ADMIN:
        return (claimed(w->claims, SPAN("registry"), SPAN("admin")) & RIGHT_ADMIN) != 0;
    case WANT_PULL:
        return (rights & RIGHT_PULL) != 0;
    case WANT_PUSH: /* both, as the registry image asks for both */
        return (rights & RIGHT_PULL) != 0 && (rights & RIGHT_PUSH) != 0;
    case WANT_DELETE:
        return (rights & RIGHT_DELETE) != 0;
    case WANT_CANCEL:
        return (rights & (RIGHT_PUSH | RIGHT_DELETE)) != 0;
    }
    return false;
}

static bool may_by_rules(const struct who *w, const struct wish *wish)
{
    const struct rules *rules = w->auth->rules;
    if (!rules)
        return w->user.p != NULL;
    unsigned rights = rules_rights(rules, w->user, wish->repository);
    switch (wish->want) {
    case WANT_ENTRY:
    case WANT_CATALOG: /* it shows what there is for them */
        return w->user.p || rules_open(rules);
    case WANT_ADMIN:
        return rules_admin(rules, w->user);
    case WANT_PULL:
        return (rights & RIGHT_PULL) != 0;
    case WANT_PUSH:
        return (rights & RIGHT_PUSH) != 0;
    case WANT_DELETE:
        return (rights & RIGHT_DELETE) != 0;
    case WANT_CANCEL:
        return (rights & (RIGHT_PUSH | RIGHT_DELETE)) != 0;
    }
    return false;
}

/* ---- What is said to whom may not. ------------------------------------------------------- */

/* As Go prints a quoted string; the bytes may be a client's. */
static void add_quoted(struct buf *b, struct span s)
{
    buf_add_char(b, '"');
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < ' ' || c == 0x7f)
            continue;
        if (c == '"' || c == '\\')
            buf_add_char(b, '\\');
        buf_add_char(b, (char)c);
    }
    buf_add_char(b, '"');
}

static void add_scope(struct buf *b, const struct access *access, size_t count)
{
    struct buf scope;
    if (count == 0)
        return;
    buf_init(&scope);
    for (size_t i = 0; i < count; i++)
        buf_printf(&scope, "%s%s:%.*s:%s", i > 0 ? " " : "", access[i].type,
                   SPAN_ARG(access[i].name), access[i].actions);
    buf_add_str(b, ",scope=");
    add_quoted(b, buf_span(&scope));
    buf_fini(&scope);
}

static void add_bearer(struct buf *b, const struct proof *p, const struct http_head *head,
                       const struct access *access, size_t count)
{
    const struct config *c = p->auth->config;
    struct span realm = span_of(c->token_realm);
    if (c->token_autoredirect)
        realm = url_of_token_server(head, c, p->arena);
    buf_add_str(b, "Www-Authenticate: Bearer realm=");
    add_quoted(b, realm);
    buf_add_str(b, ",service=");
    add_quoted(b, span_of(c->token_service));
    add_scope(b, access, count);
    if (p->credentials == CREDENTIALS_BAD)
        buf_add_str(b, ",error=\"invalid_token\"");
    if (p->credentials == CREDENTIALS_GOOD)
        buf_add_str(b, ",error=\"insufficient_scope\"");
}

static const char *challenge(const struct proof *p, const struct http_head *head,
                             const struct access *access, size_t count)
{
    struct buf b;
    buf_init(&b);
    if (p->auth->type == AUTH_TOKEN) {
        add_bearer(&b, p, head, access, count);
    } else {
        const char *realm = p->auth->config->htpasswd_realm;
        buf_add_str(&b, "Www-Authenticate: Basic realm=");
        add_quoted(&b, span_of(realm[0] ? realm : "Registry"));
    }
    buf_add_str(&b, "\r\n");
    const char *text = arena_str(p->arena, buf_span(&b));
    buf_fini(&b);
    return text;
}

/* One element an action, as the registry image has it. */
static void add_details(struct buf *b, const struct access *access)
{
    struct span action, rest = span_of(access->actions);
    while (rest.n > 0) {
        span_cut(rest, ',', &action, &rest);
        buf_printf(b, "%s{\"Type\":\"%s\",\"Class\":\"\",\"Name\":\"", b->n > 1 ? "," : "",
                   access->type);
        buf_add_json(b, access->name);
        buf_printf(b, "\",\"Action\":\"%.*s\"}", SPAN_ARG(action));
    }
}

static enum rc refuse(enum rc rc, const struct access *access, size_t count, struct fault *f)
{
    struct buf b;
    if (count == 0)
        return fault(f, rc, "null");
    buf_init(&b);
    buf_add_char(&b, '[');
    for (size_t i = 0; i < count; i++)
        add_details(&b, &access[i]);
    buf_add_char(&b, ']');
    rc = fault(f, rc, "%s", b.p);
    buf_fini(&b);
    return rc;
}

/* Who is known, and lacks a right, is told so; a token can be replaced by one that has it. */
enum rc auth_allow(const struct proof *p, const struct wish *wish, const struct http_head *head,
                   const char **headers, struct fault *f)
{
    struct access access[ACCESS_MAX];
    const struct auth *a = p->auth;
    bool token = a && a->type == AUTH_TOKEN;
    if (!a)
        return RC_OK;
    if (token && p->credentials == CREDENTIALS_GOOD && may_token(&p->who, wish))
        return RC_OK;
    if (!token && p->credentials != CREDENTIALS_BAD && may_by_rules(&p->who, wish))
        return RC_OK;
    size_t count = list_access(wish, access);
    if (!token && p->credentials == CREDENTIALS_GOOD)
        return refuse(RC_DENIED, access, count, f);
    *headers = challenge(p, head, access, count);
    return refuse(RC_UNAUTHORIZED, access, count, f);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * auth: what the options and the files say, made once, and the files read again when they change.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/log.h"
#include "server/auth_internal.h"
#include "server/files.h"

/* ---- Files. ----------------------------------------------------------------------------- */

static struct file_state state_of(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return (struct file_state){.there = false};
    return (struct file_state){st.st_mtim, st.st_size, st.st_ino, true};
}

static bool same_state(const struct file_state *a, const struct file_state *b)
{
    return a->there == b->there && a->size == b->size && a->inode == b->inode &&
           a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

/* ---- htpasswd. -------------------------------------------------------------------------- */

static enum rc read_users(struct auth *a, struct fault *f)
{
    const char *path = a->config->htpasswd_path;
    struct htpasswd *users = NULL;
    struct buf text;
    buf_init(&text);
    enum rc rc = files_read(a->config->from, NULL, path, HTPASSWD_FILE_MAX, &text, f);
    if (rc == RC_OK)
        rc = htpasswd_parse(path, buf_span(&text), &users, f);
    files_forget(&text);
    if (rc != RC_OK)
        return rc;
    htpasswd_free(a->users);
    a->users = users;
    auth_cache_clear(a->good);
    return RC_OK;
}

/* The registry image makes a file with a user and a password of its own, and tells both to its log;
 * here that is left to the one who runs it. */
static enum rc check_htpasswd(const struct auth *a, struct fault *f)
{
    const char *path = a->config->htpasswd_path;
    if (path[0] == '\0')
        return fault(f, RC_INTERNAL, "auth.htpasswd.path: expected the path of a file of users");
    if (!state_of(path).there)
        return fault(
            f, RC_INTERNAL,
            "auth.htpasswd.path: %s does not exist; make it with `registry htpasswd USER >> %s`",
            path, path);
    return RC_OK;
}

/* ---- token. ----------------------------------------------------------------------------- */

static enum rc check_token_options(const struct config *c, struct fault *f)
{
    const struct {
        const char *key, *value;
    } needed[] = {
        {"issuer", c->token_issuer},
        {"service", c->token_service},
        {"realm", c->token_autoredirect ? "by itself" : c->token_realm},
    };
    for (size_t i = 0; i < array_len(needed); i++)
        if (needed[i].value[0] == '\0')
            return fault(f, RC_INTERNAL, "auth.token.%s: expected a value", needed[i].key);
    if (c->token_bundle[0] == '\0' && c->token_jwks[0] == '\0')
        return fault(f, RC_INTERNAL, "auth.token: expected rootcertbundle or jwks");
    return RC_OK;
}

static enum rc read_keys(const struct auth *a, const char *path, struct buf *text,
                         struct trust_file *out, struct fault *f)
{
    *out = (struct trust_file){path, {0}};
    if (path[0] == '\0')
        return RC_OK;
    enum rc rc = files_read(a->config->from, NULL, path, TRUST_FILE_MAX, text, f);
    out->text = buf_span(text);
    return rc;
}

/* Also what was remembered of tokens goes: it may be by a key that no longer counts. */
static enum rc read_trust(struct auth *a, struct fault *f)
{
    struct buf bundle_text, jwks_text;
    struct trust_file bundle, jwks;
    struct trust *trust = NULL;
    buf_init(&bundle_text);
    buf_init(&jwks_text);
    enum rc rc = read_keys(a, a->config->token_bundle, &bundle_text, &bundle, f);
    if (rc == RC_OK)
        rc = read_keys(a, a->config->token_jwks, &jwks_text, &jwks, f);
    if (rc == RC_OK)
        rc = trust_new(bundle, jwks, &trust, f);
    files_forget(&bundle_text);
    files_forget(&jwks_text);
    if (rc != RC_OK)
        return rc;
    trust_drop(a->trust);
    a->trust = trust;
    auth_cache_clear(a->good);
    return RC_OK;
}

static enum rc check_token(struct auth *a, struct fault *f)
{
    const struct config *c = a->config;
    enum rc rc = check_token_options(c, f);
    if (rc == RC_OK && a->rules)
        rc = fault(f, RC_INTERNAL, "rule: with auth.token it is the token that says who may what");
    if (rc == RC_OK)
        rc = auth_make_algs(c, &a->terms.algs, f);
    a->terms.issuer = span_of(c->token_issuer);
    a->terms.service = span_of(c->token_service);
    return rc;
}

/* ---- Files that change. ----------------------------------------------------------------- */

/* Their state is taken first: what changes while they are read, is read again. */
static enum rc read_files(struct auth *a, const struct file_state *now, struct fault *f)
{
    memcpy(a->seen, now, sizeof(a->seen));
    return a->type == AUTH_TOKEN ? read_trust(a, f) : read_users(a, f);
}

/* Returns what there is of them. */
static void look_at_files(const struct auth *a, struct file_state *out)
{
    const struct config *c = a->config;
    bool token = a->type == AUTH_TOKEN;
    out[0] = state_of(token ? c->token_bundle : c->htpasswd_path);
    out[1] = state_of(token ? c->token_jwks : "");
}

static bool have_changed(const struct auth *a, const struct file_state *now)
{
    for (size_t i = 0; i < FILES_MAX; i++)
        if (!same_state(&now[i], &a->seen[i]))
            return true;
    return false;
}

void auth_tick(struct auth *a)
{
    struct file_state now[FILES_MAX];
    struct arena arena;
    struct fault f;
    if (!a)
        return;
    look_at_files(a, now);
    if (!have_changed(a, now))
        return;
    const char *what = a->type == AUTH_TOKEN ? "keys of tokens" : "users";
    arena_init(&arena);
    fault_init(&f, &arena);
    if (read_files(a, now, &f) == RC_OK)
        log_info("the %s have changed, and were read again", what);
    else
        log_error("the %s stay as they were: %s", what, f.first->detail);
    arena_fini(&arena);
}

/* ---- All of it. ------------------------------------------------------------------------- */

static enum rc check(struct auth *a, struct fault *f)
{
    switch (a->type) {
    case AUTH_NONE:
        return fault(f, RC_INTERNAL, "rule: rules need auth.htpasswd, to know who somebody is");
    case AUTH_HTPASSWD:
        return check_htpasswd(a, f);
    case AUTH_TOKEN:
        return check_token(a, f);
    }
    return RC_INTERNAL;
}

static enum rc make(struct auth *a, struct fault *f)
{
    struct file_state now[FILES_MAX];
    enum rc rc = check(a, f);
    if (rc != RC_OK)
        return rc;
    look_at_files(a, now);
    return read_files(a, now, f);
}

enum rc auth_new(const struct config *config, struct auth **out, struct fault *f)
{
    struct auth *a = must_calloc(sizeof(*a));
    size_t half = (size_t)config->max_threads / 2;
    a->config = config;
    a->type = (enum auth_type)config->auth_type;
    a->good = auth_cache_new();
    a->flights_max = half < 1 ? 1 : half < FLIGHTS_MAX ? half : FLIGHTS_MAX;
    enum rc rc = auth_make_rules(config, &a->rules, f);
    bool wanted = a->type != AUTH_NONE || a->rules;
    if (rc == RC_OK && wanted)
        rc = make(a, f);
    if (rc != RC_OK || !wanted) {
        auth_free(a);
        a = NULL;
    }
    if (rc == RC_OK)
        *out = a;
    return rc;
}

void auth_free(struct auth *a)
{
    if (!a)
        return;
    rules_free(a->rules);
    trust_drop(a->trust);
    htpasswd_free(a->users);
    auth_cache_free(a->good);
    free(a);
}

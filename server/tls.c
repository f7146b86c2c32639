/* SPDX-License-Identifier: Apache-2.0
 *
 * tls: the context of the moment, and the files it was made of.
 */
#include "server/tls.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "lib/log.h"
#include "server/tls_context.h"

struct tls {
    const struct config *config;
    SSL_CTX *ctx;
    uint64_t stamp; /* of the files, when they were last looked into */
};

/* ---- The files. ------------------------------------------------------------------------- */

static uint64_t mix(uint64_t sum, uint64_t value)
{
    return (sum ^ value) * 1099511628211U; /* FNV-1a */
}

/* Another file, or another content, is another number. Links are followed, so that a directory
 * of Kubernetes', which is a link that is replaced, is noticed too. */
static uint64_t stamp_file(uint64_t sum, const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return mix(sum, 0);
    sum = mix(sum, st.st_dev);
    sum = mix(sum, st.st_ino);
    sum = mix(sum, (uint64_t)st.st_size);
    sum = mix(sum, (uint64_t)st.st_mtim.tv_sec);
    sum = mix(sum, (uint64_t)st.st_mtim.tv_nsec);
    return mix(sum, (uint64_t)st.st_ctim.tv_nsec);
}

static uint64_t stamp_of(const struct config *c)
{
    uint64_t sum = 14695981039346656037U;
    sum = stamp_file(sum, c->tls_certificate);
    sum = stamp_file(sum, c->tls_key);
    for (const struct conf_pair *p = c->tls_client_cas.first; p; p = p->next)
        sum = stamp_file(sum, p->value);
    return sum;
}

/* The pair is often replaced one file after the other: the first alone does not fit, and the old
 * pair is kept until the second is there. */
static void load_again(struct tls *t)
{
    SSL_CTX *ctx = NULL;
    struct arena a;
    struct fault f;
    arena_init(&a);
    fault_init(&f, &a);
    if (tls_context_new(t->config, &ctx, &f) == RC_OK) {
        SSL_CTX_free(t->ctx);
        t->ctx = ctx;
        const char *doubt = tls_context_doubt(ctx);
        log_info("%s: the new certificate is used from now on", t->config->tls_certificate);
        if (doubt)
            log_warn("%s: %s", t->config->tls_certificate, doubt);
    } else {
        log_warn("the certificate in use is kept, the new files are no good: %s", f.first->detail);
    }
    arena_fini(&a);
}

void tls_tick(struct tls *t)
{
    uint64_t now = t ? stamp_of(t->config) : 0;
    if (!t || now == t->stamp)
        return;
    /* Looked at before they are read: what changes meanwhile is noticed the next time. */
    t->stamp = now;
    load_again(t);
}

/* ---- Life. ------------------------------------------------------------------------------ */

/* Somebody who sets one of these means TLS, and must not get plain HTTP. */
static enum rc check_complete(const struct config *c, struct fault *f)
{
    bool key = c->tls_key[0] != '\0', certificate = c->tls_certificate[0] != '\0';
    if (certificate && !key)
        return fault(f, RC_INTERNAL, "http.tls.certificate: it needs http.tls.key");
    if (certificate)
        return RC_OK;
    if (key)
        return fault(f, RC_INTERNAL, "http.tls.key: it needs http.tls.certificate");
    if (c->tls_client_cas.first)
        return fault(f, RC_INTERNAL, "%s: http.tls.clientcas: it needs http.tls.certificate",
                     c->tls_client_cas.first->where);
    if (conf_source_of(c->conf, "http.tls.clientauth") != CONF_FROM_DEFAULT)
        return fault(f, RC_INTERNAL, "http.tls.clientauth: it needs http.tls.certificate");
    return RC_OK;
}

enum rc tls_open(const struct config *c, struct tls **out, struct fault *f)
{
    enum rc rc = check_complete(c, f);
    if (rc != RC_OK)
        return rc;
    *out = NULL;
    if (c->tls_certificate[0] == '\0')
        return RC_OK;
    struct tls made = {.config = c, .stamp = stamp_of(c)};
    rc = tls_context_new(c, &made.ctx, f);
    if (rc != RC_OK)
        return rc;
    const char *doubt = tls_context_doubt(made.ctx);
    if (doubt)
        conf_warn(c->conf, "http.tls.certificate: %s: %s", c->tls_certificate, doubt);
    struct tls *t = must_alloc(sizeof(*t));
    *t = made;
    *out = t;
    return RC_OK;
}

void tls_close(struct tls *t)
{
    if (!t)
        return;
    SSL_CTX_free(t->ctx);
    free(t);
}

SSL *tls_accept(struct tls *t, int fd)
{
    SSL *ssl = SSL_new(t->ctx);
    if (!ssl || SSL_set_fd(ssl, fd) != 1)
        abort(); /* only for want of memory */
    SSL_set_accept_state(ssl);
    return ssl;
}

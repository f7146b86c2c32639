/* SPDX-License-Identifier: Apache-2.0
 *
 * tls_context: each option in turn.
 */
#include "server/tls_context.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include "server/files.h"

const char *tls_error(void)
{
    unsigned long code =
        ERR_peek_error(); /* the first says it best, the last that loading failed */
    const char *text = ERR_SYSTEM_ERROR(code) ? NULL : ERR_reason_error_string(code);
    ERR_clear_error();
    return text ? text : "it cannot be used";
}

enum { PEM_MAX = 1024 * 1024 };

/* A file's text; OpenSSL's words for one that is not there are not for people. */
static enum rc read_pem(const struct config *c, const char *option, const char *path,
                        struct buf *out, BIO **bio, struct fault *f)
{
    enum rc rc = files_read(c->from, option, path, PEM_MAX, out, f);
    if (rc == RC_OK && out->n == 0)
        rc = fault(f, RC_INTERNAL, "%s: %s: it is empty", option, path);
    *bio = rc == RC_OK ? BIO_new_mem_buf(out->p, (int)out->n) : NULL;
    return rc;
}

static void forget_pem(struct buf *text, BIO *bio)
{
    BIO_free(bio);
    files_forget(text);
}

static enum rc fail_file(const char *option, const char *path, struct fault *f)
{
    return fault(f, RC_INTERNAL, "%s: %s: %s", option, path, tls_error());
}

/* ---- The pair. -------------------------------------------------------------------------- */

/* The end of a file is told as an error. */
static bool at_end_of_pem(void)
{
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        return false;
    ERR_clear_error();
    return true;
}

/* The first is the server's own, the others lead from it to a CA. */
static bool add_chain(SSL_CTX *ctx, BIO *bio)
{
    X509 *x = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL);
    bool good = x && SSL_CTX_use_certificate(ctx, x) == 1 && ERR_peek_error() == 0;
    X509_free(x);
    while (good && (x = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        good = SSL_CTX_add0_chain_cert(ctx, x) == 1;
        if (!good)
            X509_free(x);
    }
    return good && at_end_of_pem();
}

static enum rc use_certificate(SSL_CTX *ctx, const struct config *c, struct fault *f)
{
    static const char option[] = "http.tls.certificate";
    struct buf text;
    BIO *bio;
    buf_init(&text);
    enum rc rc = read_pem(c, option, c->tls_certificate, &text, &bio, f);
    if (rc == RC_OK && !add_chain(ctx, bio))
        rc = fail_file(option, c->tls_certificate, f);
    forget_pem(&text, bio);
    return rc;
}

/* Nobody is there to type it: a key that is encrypted cannot be read. */
static int no_pass_phrase(char *to, int size, int writing, void *asked)
{
    (void)to;
    (void)size;
    (void)writing;
    *(bool *)asked = true;
    return -1;
}

static enum rc fail_key(const char *option, const char *path, bool encrypted, struct fault *f)
{
    int reason = ERR_GET_REASON(ERR_peek_error());
    if (encrypted)
        return fault(f, RC_INTERNAL, "%s: %s: it is encrypted", option, path);
    if (ERR_GET_LIB(ERR_peek_error()) == ERR_LIB_OSSL_DECODER || reason == PEM_R_NO_START_LINE)
        return fault(f, RC_INTERNAL, "%s: %s: there is no private key in it", option, path);
    return fail_file(option, path, f); /* it is another certificate's, for one */
}

static enum rc use_key(SSL_CTX *ctx, const struct config *c, struct fault *f)
{
    static const char option[] = "http.tls.key";
    struct buf text;
    BIO *bio;
    buf_init(&text);
    enum rc rc = read_pem(c, option, c->tls_key, &text, &bio, f);
    if (rc == RC_OK) {
        bool encrypted = false;
        EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_pass_phrase, &encrypted);
        if (!key || SSL_CTX_use_PrivateKey(ctx, key) != 1)
            rc = fail_key(option, c->tls_key, encrypted, f);
        EVP_PKEY_free(key);
    }
    forget_pem(&text, bio);
    return rc;
}

const char *tls_context_doubt(const SSL_CTX *ctx)
{
    const X509 *x = SSL_CTX_get0_certificate(ctx);
    if (X509_cmp_current_time(X509_get0_notAfter(x)) < 0)
        return "it has expired";
    if (X509_cmp_current_time(X509_get0_notBefore(x)) > 0)
        return "it is not valid yet";
    return NULL;
}

/* ---- Versions and ciphers. -------------------------------------------------------------- */

/* The registry image's own, in its order. */
#define DEFAULT_CIPHERS                                                                            \
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"                                   \
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"                                   \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256"

/* The names that the registry image knows. "": of TLS 1.3, which has no choice there either.
 * NULL: not safe, and OpenSSL has it no longer. */
static const struct {
    const char *name, *cipher;
} suites[] = {
    {"TLS_RSA_WITH_3DES_EDE_CBC_SHA", NULL},
    {"TLS_RSA_WITH_AES_128_CBC_SHA", "AES128-SHA"},
    {"TLS_RSA_WITH_AES_256_CBC_SHA", "AES256-SHA"},
    {"TLS_RSA_WITH_AES_128_GCM_SHA256", "AES128-GCM-SHA256"},
    {"TLS_RSA_WITH_AES_256_GCM_SHA384", "AES256-GCM-SHA384"},
    {"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "ECDHE-ECDSA-AES128-SHA"},
    {"TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "ECDHE-ECDSA-AES256-SHA"},
    {"TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA", NULL},
    {"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "ECDHE-RSA-AES128-SHA"},
    {"TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", "ECDHE-RSA-AES256-SHA"},
    {"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"},
    {"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"},
    {"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256"},
    {"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384"},
    {"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"},
    {"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305"},
    {"TLS_AES_128_GCM_SHA256", ""},
    {"TLS_AES_256_GCM_SHA384", ""},
    {"TLS_CHACHA20_POLY1305_SHA256", ""},
};

static enum rc add_suite(struct buf *b, const struct conf_pair *p, struct span name,
                         struct fault *f)
{
    for (size_t i = 0; i < array_len(suites); i++) {
        const char *cipher = suites[i].cipher;
        if (!span_eq(name, span_of(suites[i].name)))
            continue;
        if (!cipher)
            return fault(f, RC_INTERNAL, "%s: http.tls.ciphersuites: %.*s is not safe any longer",
                         p->where, SPAN_ARG(name));
        if (b->n > 0 && *cipher)
            buf_add_char(b, ':');
        buf_add_str(b, cipher);
        return RC_OK;
    }
    return fault(f, RC_INTERNAL, "%s: http.tls.ciphersuites: there is no cipher suite \"%.*s\"",
                 p->where, SPAN_ARG(name));
}

/* An item may be several with commas between them, which an ini file has on one line. */
static enum rc list_suites(struct buf *b, const struct config *c, struct fault *f)
{
    enum rc rc = RC_OK;
    for (const struct conf_pair *p = c->tls_cipher_suites.first; p && rc == RC_OK; p = p->next) {
        struct span name, rest = span_of(p->value);
        while (rest.n > 0 && rc == RC_OK) {
            span_cut(rest, ',', &name, &rest);
            name = span_trim(name);
            if (name.n > 0)
                rc = add_suite(b, p, name, f);
        }
    }
    return rc;
}

static enum rc set_ciphers(SSL_CTX *ctx, const struct config *c, struct fault *f)
{
    struct buf b;
    buf_init(&b);
    enum rc rc = list_suites(&b, c, f);
    bool any = c->tls_cipher_suites.first;
    /* Who names those of TLS 1.3 alone has left none for 1.2. */
    if (rc == RC_OK && any && b.n == 0)
        (void)SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
    else if (rc == RC_OK && SSL_CTX_set_cipher_list(ctx, any ? b.p : DEFAULT_CIPHERS) != 1)
        rc = fault(f, RC_INTERNAL, "http.tls.ciphersuites: %s", tls_error());
    buf_fini(&b);
    return rc;
}

/* ---- Clients. --------------------------------------------------------------------------- */

static int take_any(int verified, X509_STORE_CTX *store)
{
    (void)verified;
    (void)store;
    return 1;
}

/* Each certificate of a file: what clients' may end at, and what they are told of that. */
static bool add_cas(SSL_CTX *ctx, BIO *bio)
{
    size_t count = 0;
    bool good = true;
    for (X509 *x; good && (x = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL; count++) {
        good = X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), x) == 1 &&
               SSL_CTX_add_client_CA(ctx, x) == 1;
        X509_free(x);
    }
    return good && count > 0 && at_end_of_pem();
}

static enum rc use_client_cas(SSL_CTX *ctx, const struct config *c, struct fault *f)
{
    static const char option[] = "http.tls.clientcas";
    enum rc rc = RC_OK;
    for (const struct conf_pair *p = c->tls_client_cas.first; p && rc == RC_OK; p = p->next) {
        struct buf text;
        BIO *bio;
        buf_init(&text);
        rc = read_pem(c, option, p->value, &text, &bio, f);
        if (rc == RC_OK && !add_cas(ctx, bio))
            rc = fail_file(option, p->value, f);
        forget_pem(&text, bio);
    }
    return rc;
}

static enum rc ask_clients(SSL_CTX *ctx, const struct config *c, struct fault *f)
{
    enum rc rc = use_client_cas(ctx, c, f);
    bool cas = c->tls_client_cas.first;
    if (rc != RC_OK)
        return rc;
    switch ((enum tls_client_auth)c->tls_client_auth) {
    case TLS_CLIENT_VERIFIED:
        if (cas)
            SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
        break;
    case TLS_CLIENT_ASKED:
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, take_any);
        return RC_OK;
    case TLS_CLIENT_ANY:
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, take_any);
        return RC_OK;
    case TLS_CLIENT_VERIFIED_IF_GIVEN:
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
        break;
    }
    if (!cas && conf_source_of(c->conf, "http.tls.clientauth") != CONF_FROM_DEFAULT)
        return fault(f, RC_INTERNAL, "http.tls.clientauth: it needs http.tls.clientcas");
    return RC_OK;
}

/* ---- All together. ---------------------------------------------------------------------- */

/* HTTP/1.1 is what there is; a client that insists on something else is told so. */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_n,
                           const unsigned char *offered, unsigned offered_n, void *user)
{
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *chosen = NULL;
    (void)ssl;
    (void)user;
    if (SSL_select_next_proto(&chosen, out_n, ours, sizeof(ours) - 1, offered, offered_n) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static void harden(SSL_CTX *ctx, const struct config *c)
{
    static const unsigned char id[] = "registry";
    (void)SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                       SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    /* A retried write comes from the same bytes, read anew; an idle connection keeps no buffers. */
    (void)SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    (void)SSL_CTX_set_min_proto_version(ctx, c->tls_minimum == TLS_MINIMUM_1_3 ? TLS1_3_VERSION
                                                                               : TLS1_2_VERSION);
    /* Tickets are the clients' memory, a cache would be ours. */
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    (void)SSL_CTX_set_session_id_context(ctx, id, sizeof(id) - 1);
    SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
}

enum rc tls_context_new(const struct config *c, SSL_CTX **out, struct fault *f)
{
    ERR_clear_error();
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    if (!ctx)
        return fault(f, RC_INTERNAL, "TLS: %s", tls_error());
    harden(ctx, c);
    enum rc rc = set_ciphers(ctx, c, f);
    if (rc == RC_OK)
        rc = use_certificate(ctx, c, f);
    if (rc == RC_OK)
        rc = use_key(ctx, c, f);
    if (rc == RC_OK)
        rc = ask_clients(ctx, c, f);
    ERR_clear_error();
    if (rc != RC_OK) {
        SSL_CTX_free(ctx);
        return rc;
    }
    *out = ctx;
    return RC_OK;
}

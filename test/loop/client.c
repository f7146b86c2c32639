/* SPDX-License-Identifier: Apache-2.0
 *
 * client: turning the loop by hand.
 */
#include "test/loop/client.h"

#include <dirent.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/log.h"
#include "server/tls.h"
#include "test/place.h"

enum { TURNS_MAX = 60000 }; /* about a minute: something that never comes fails the test */

static char last_head[8192];

void rig_init(struct rig *r)
{
    log_setup(LOG_WARN, LOG_TEXT, STDERR_FILENO);
    *r = (struct rig){.root = ""};
    assert_true(place_make(r->root, sizeof(r->root), "loop"));
    (void)snprintf(r->socket, sizeof(r->socket), "%s/run/admin.sock", r->root);
    assert_int_equal(store_open(r->root, &r->store, NULL), RC_OK);
    r->config = (struct config){.http_addr = "127.0.0.1:0",
                                .http_host = "",
                                .http_prefix = "",
                                .root_directory = r->root,
                                .debug_addr = "",
                                .admin_addr = "",
                                .admin_socket = r->socket,
                                .delete_enabled = true,
                                .accesslog_disabled = true,
                                .max_threads = 4,
                                .catalog_max = 1000,
                                .tags_max = 1000,
                                .drain_timeout = 5000,
                                .timeout_idle = 60000,
                                .timeout_head = 60000,
                                .timeout_stall = 60000};
    r->settings = (struct settings){.config = &r->config, .users = 1};
    assert_int_equal(server_init(&r->server, &r->settings, r->store, NULL), RC_OK);
}

/* The server's side is made of options, as in a server. */
static void open_tls(struct rig *r)
{
    static char *const no_env[] = {NULL};
    char folder[192], text[640], path[256];
    (void)snprintf(folder, sizeof(folder), "%s/tls", r->root);
    assert_int_equal(mkdir(folder, 0700), 0);
    (void)snprintf(text, sizeof(text),
                   "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 "
                   "-subj /CN=localhost -keyout %s/key -out %s/certificate 2>/dev/null",
                   folder, folder);
    assert_int_equal(system(text), 0);
    (void)snprintf(path, sizeof(path), "%s/options.ini", folder);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    (void)fprintf(file, "[http.tls]\ncertificate = %s/certificate\nkey = %s/key\n", folder, folder);
    assert_int_equal(fclose(file), 0);
    r->from = (struct config_sources){.path = path, .env = no_env};
    assert_int_equal(config_load(&r->from, &r->tls_config, NULL), RC_OK);
    r->from.path = NULL; /* it is read */
    assert_int_equal(tls_open(r->tls_config, &r->settings.tls, NULL), RC_OK);
}

void rig_init_tls(struct rig *r, int version)
{
    int number = version == 12 ? TLS1_2_VERSION : TLS1_3_VERSION;
    (void)signal(SIGPIPE, SIG_IGN); /* as the server does: OpenSSL writes without asking for none */
    rig_init(r);
    open_tls(r);
    r->tls = SSL_CTX_new(TLS_client_method());
    assert_int_equal(SSL_CTX_set_min_proto_version(r->tls, number), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(r->tls, number), 1);
    (void)SSL_CTX_set_mode(r->tls,
                           SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

static void remove_tree(const char *dir)
{
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        char path[2048];
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        (void)snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
        if (e->d_type == DT_DIR)
            remove_tree(path);
        else
            (void)unlink(path);
    }
    (void)closedir(d);
    (void)rmdir(dir);
}

void rig_turn(struct rig *r)
{
    struct pollfd p = {.fd = uv_backend_fd(&r->server.loop), .events = POLLIN};
    (void)poll(&p, 1, 1);
    (void)uv_run(&r->server.loop, UV_RUN_NOWAIT);
}

void rig_until_idle(struct rig *r)
{
    for (int i = 0; i < TURNS_MAX && r->server.conn_count > 0; i++)
        rig_turn(r);
    assert_int_equal(r->server.conn_count, 0);
}

void rig_fini(struct rig *r)
{
    if (r->server.state == SERVER_UP)
        (void)raise(SIGTERM);
    server_run(&r->server);
    assert_null(r->server.conns);
    server_fini(&r->server);
    assert_int_equal(r->settings.users, 1);
    tls_close(r->settings.tls);
    config_free(r->tls_config);
    SSL_CTX_free(r->tls);
    store_close(r->store);
    remove_tree(r->root);
}

int rig_setup(void **state)
{
    int version = *(const int *)*state;
    struct rig *r = calloc(1, sizeof(*r));
    if (version == 0)
        rig_init(r);
    else
        rig_init_tls(r, version);
    *state = r;
    return 0;
}

int rig_teardown(void **state)
{
    rig_fini(*state);
    free(*state);
    return 0;
}

void client_open(struct client *c, struct rig *r)
{
    int fds[2];
    struct sockaddr local = {.sa_family = AF_UNIX};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    *c = (struct client){.rig = r, .fd = fds[0]};
    buf_init(&c->got);
    if (r->tls) {
        c->ssl = SSL_new(r->tls);
        assert_int_equal(SSL_set_fd(c->ssl, c->fd), 1);
        SSL_set_connect_state(c->ssl);
    }
    conn_open(&r->server, fds[1], &local, DOOR_PUBLIC);
}

void client_close(struct client *c)
{
    SSL_free(c->ssl);
    (void)close(c->fd);
    buf_fini(&c->got);
}

void client_finish(struct client *c)
{
    if (c->ssl)
        assert_int_equal(SSL_shutdown(c->ssl), 0);
    else
        assert_int_equal(shutdown(c->fd, SHUT_WR), 0);
}

/* May the call be made again? */
static bool tls_waits(const struct client *c, int ret)
{
    int error = SSL_get_error(c->ssl, ret);
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

bool client_try(struct client *c, struct span *bytes)
{
    size_t put = 0;
    if (bytes->n == 0)
        return true;
    if (c->ssl) {
        ERR_clear_error();
        int ret = SSL_write_ex(c->ssl, bytes->p, bytes->n, &put);
        *bytes = span_skip(*bytes, put);
        return ret == 1 || tls_waits(c, ret);
    }
    ssize_t n = send(c->fd, bytes->p, bytes->n, MSG_NOSIGNAL);
    *bytes = span_skip(*bytes, n > 0 ? (size_t)n : 0);
    return n >= 0 || errno == EAGAIN;
}

bool client_send(struct client *c, struct span bytes)
{
    for (int i = 0; i < TURNS_MAX && bytes.n > 0; i++) {
        if (!client_try(c, &bytes))
            return false;
        rig_turn(c->rig);
    }
    assert_int_equal(bytes.n, 0);
    return true;
}

void client_send_str(struct client *c, const char *text)
{
    assert_true(client_send(c, span_of(text)));
}

static void read_tls(struct client *c, size_t n)
{
    int ret = 1;
    ERR_clear_error();
    for (size_t got = 0; ret == 1 && n > 0; n -= got) {
        got = 0;
        ret = SSL_read_ex(c->ssl, c->got.p + c->got.n, n, &got);
        c->got.n += got;
    }
    if (ret != 1 && !tls_waits(c, ret))
        c->ended = true;
}

static void read_plain(struct client *c, size_t n)
{
    ssize_t got = recv(c->fd, c->got.p + c->got.n, n, 0);
    if (got > 0)
        c->got.n += (size_t)got;
    else if (got == 0 || errno != EAGAIN)
        c->ended = true;
}

void client_read(struct client *c, size_t n)
{
    buf_reserve(&c->got, n + 1);
    if (c->ssl)
        read_tls(c, n);
    else
        read_plain(c, n);
    c->got.p[c->got.n] = 0;
}

bool client_until(struct client *c, const char *text)
{
    for (int i = 0; i < TURNS_MAX; i++) {
        if (c->got.n > 0 && memmem(c->got.p, c->got.n, text, strlen(text)))
            return true;
        if (c->ended)
            return false;
        rig_turn(c->rig);
        client_read(c, 1 << 16);
    }
    fail_msg("never received: %s", text);
    return false;
}

void client_until_end(struct client *c)
{
    for (int i = 0; i < TURNS_MAX && !c->ended; i++) {
        rig_turn(c->rig);
        client_read(c, 1 << 16);
    }
    assert_true(c->ended);
}

const char *client_header(const char *name)
{
    static char value[1024];
    size_t n = strlen(name);
    for (char *line = last_head; line && *line; line = strstr(line, "\r\n") + 2) {
        if (strncmp(line, name, n) != 0 || line[n] != ':')
            continue;
        (void)snprintf(value, sizeof(value), "%.*s", (int)strcspn(line + n + 2, "\r"),
                       line + n + 2);
        return value;
    }
    return NULL;
}

static void take(struct client *c, size_t n)
{
    memmove(c->got.p, c->got.p + n, c->got.n - n);
    c->got.n -= n;
    c->got.p[c->got.n] = 0;
}

int client_response(struct client *c, struct buf *body)
{
    if (!client_until(c, "\r\n\r\n"))
        return -1;
    size_t head = (size_t)(strstr(c->got.p, "\r\n\r\n") - c->got.p) + 4;
    assert_true(head < sizeof(last_head));
    memcpy(last_head, c->got.p, head - 2);
    last_head[head - 2] = 0;
    take(c, head);
    const char *length = client_header("Content-Length");
    size_t want = length ? strtoul(length, NULL, 10) : 0;
    for (int i = 0; i < TURNS_MAX && c->got.n < want && !c->ended; i++) {
        rig_turn(c->rig);
        client_read(c, 1 << 18);
    }
    if (c->got.n < want)
        return -1;
    if (body)
        buf_add(body, c->got.p, want);
    take(c, want);
    return atoi(last_head + strlen("HTTP/1.1 "));
}

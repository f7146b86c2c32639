/* SPDX-License-Identifier: Apache-2.0
 *
 * listen: bind and accept.
 */
#include "server/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "server/address.h"
#include "server/conn.h"
#include "server/local.h"
#include "server/vitals.h"

enum { BACKLOG = 1024, ACCEPTS_PER_EVENT = 64 };

struct listener {
    struct server *server;
    struct listener *next;
    enum door door;
    uv_poll_t poll;
    int fd;
    struct local local; /* owns fd if it has a path */
    int reserve;        /* a descriptor to give up when there are none left */
};

/* ---- Accepting. ------------------------------------------------------------------------- */

/* No descriptor is left: the client is told by closing, with the one kept for this. A
 * connection that stays in the queue would wake the loop for ever. */
static void turn_away(struct listener *l)
{
    (void)close(l->reserve);
    int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0)
        (void)close(fd);
    l->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
    struct vitals *v = l->server->vitals;
    v->turned_away++;
    if (v->refused_now++ == 0)
        log_warn("out of file descriptors: connections are turned away");
}

static void set_options(int fd)
{
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

static bool accept_one(struct listener *l)
{
    struct sockaddr_storage peer = {0};
    socklen_t n = sizeof(peer);
    int fd = accept4(l->fd, (struct sockaddr *)&peer, &n, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) {
        set_options(fd);
        conn_open(l->server, fd, (struct sockaddr *)&peer, l->door);
        return true;
    }
    if (errno == EMFILE || errno == ENFILE)
        turn_away(l);
    return errno == ECONNABORTED || errno == EINTR;
}

static void on_readable(uv_poll_t *p, int status, int events)
{
    struct listener *l = container_of(p, struct listener, poll);
    (void)status;
    (void)events;
    for (int i = 0; i < ACCEPTS_PER_EVENT && accept_one(l); i++)
        ;
}

/* ---- Binding. --------------------------------------------------------------------------- */

static int bind_one(const struct addrinfo *ai, bool shares)
{
    int on = 1, off = 0;
    int fd = socket(ai->ai_family, ai->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (shares)
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    if (ai->ai_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if (bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int err = errno;
    (void)close(fd);
    errno = err;
    return -1;
}

/* ":port" means every address: IPv6 and IPv4 with one socket, or IPv4 where a machine
 * has no IPv6. */
static enum rc bind_any(const char *host, const char *port, bool shares, int *fd, struct fault *f)
{
    static const int families[] = {AF_INET6, AF_INET};
    int err = 0;
    for (size_t i = 0; i < array_len(families); i++) {
        struct addrinfo *found = NULL;
        struct addrinfo hints = {.ai_family = host ? AF_UNSPEC : families[i],
                                 .ai_socktype = SOCK_STREAM,
                                 .ai_flags = AI_PASSIVE};
        int failed = getaddrinfo(host, port, &hints, &found);
        if (failed) {
            err = EADDRNOTAVAIL;
            continue;
        }
        *fd = bind_one(found, shares);
        err = errno;
        freeaddrinfo(found);
        if (*fd >= 0)
            return RC_OK;
        if (err == EADDRINUSE)
            break;
    }
    return fault(f, RC_IO, "listen tcp %s:%s: bind: %s", host ? host : "", port, strerror(err));
}

static enum rc bind_address(const char *addr, bool shares, int *fd, struct fault *f)
{
    struct arena a;
    struct address at;
    if (!address_read(span_of(addr), &at))
        return fault(f, RC_INTERNAL, "%s: no address", addr);
    arena_init(&a);
    const char *host = at.host.n > 0 ? arena_str(&a, at.host) : NULL;
    enum rc rc = bind_any(host, arena_str(&a, at.port), shares, fd, f);
    arena_fini(&a);
    return rc;
}

/* Takes over fd. */
static struct listener *add_listener(struct server *s, enum door door, int fd)
{
    struct listener *l = must_calloc(sizeof(*l)), **end = &s->listeners;
    while (*end)
        end = &(*end)->next;
    *end = l;
    l->server = s;
    l->door = door;
    l->fd = fd;
    l->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
    (void)uv_poll_init(&s->loop, &l->poll, fd);
    (void)uv_poll_start(&l->poll, UV_READABLE, on_readable);
    return l;
}

static void share_port(const struct listener *l, bool shares)
{
    int value = shares;
    (void)setsockopt(l->fd, SOL_SOCKET, SO_REUSEPORT, &value, sizeof(value));
}

/* Who moves from one address of a port to another opens the new one before the old one closes:
 * for this moment the two may have the port together. Another process never may. */
enum rc listener_open(struct server *s, enum door door, const char *addr, struct fault *f)
{
    int fd = -1;
    struct listener *old = listener_find(s, door);
    if (old)
        share_port(old, true);
    enum rc rc = bind_address(addr, old != NULL, &fd, f);
    if (rc == RC_OK)
        share_port(add_listener(s, door, fd), false);
    if (old)
        share_port(old, false);
    return rc;
}

enum rc listener_open_local(struct server *s, enum door door, const char *path, struct fault *f)
{
    struct local local;
    enum rc rc = local_open(&local, path, f);
    if (rc == RC_OK)
        add_listener(s, door, local.fd)->local = local;
    return rc;
}

/* ---- The list. -------------------------------------------------------------------------- */

static void on_closed(uv_handle_t *h)
{
    struct listener *l = container_of((uv_poll_t *)h, struct listener, poll);
    free(l);
}

static void destroy(struct listener *l)
{
    (void)uv_poll_stop(&l->poll);
    if (l->local.path)
        local_close(&l->local);
    else
        (void)close(l->fd);
    if (l->reserve >= 0)
        (void)close(l->reserve);
    uv_close((uv_handle_t *)&l->poll, on_closed);
}

void listener_close_all(struct server *s)
{
    struct listener *next;
    for (struct listener *l = s->listeners; l; l = next) {
        next = l->next;
        destroy(l);
    }
    s->listeners = NULL;
}

void listener_close(struct server *s, struct listener *l)
{
    struct listener **at = &s->listeners;
    while (*at != l)
        at = &(*at)->next;
    *at = l->next;
    for (int i = 0; i < BACKLOG && accept_one(l); i++)
        ;
    destroy(l);
}

struct listener *listener_find(struct server *s, enum door door)
{
    struct listener *l = s->listeners;
    while (l && (l->door != door || l->local.path))
        l = l->next;
    return l;
}

struct listener *listener_last(struct server *s)
{
    struct listener *l = s->listeners;
    while (l && l->next)
        l = l->next;
    return l;
}

const struct listener *listener_next(const struct server *s, const struct listener *l)
{
    return l ? l->next : s->listeners;
}

const char *listener_address(const struct listener *l, struct arena *a)
{
    struct sockaddr_storage at = {0};
    socklen_t n = sizeof(at);
    char host[NI_MAXHOST], port[NI_MAXSERV];
    if (l->local.path)
        return arena_str(a, span_of(l->local.path));
    if (getsockname(l->fd, (struct sockaddr *)&at, &n) != 0 ||
        getnameinfo((struct sockaddr *)&at, n, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return "?";
    return arena_printf(a, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
}

void listener_log(const struct listener *l)
{
    struct arena a;
    arena_init(&a);
    const char *address = listener_address(l, &a);
    switch (l->door) {
    case DOOR_PUBLIC:
        log_info("listening on %s%s", address, l->server->settings->tls ? ", tls" : "");
        break;
    case DOOR_ADMIN:
        log_info("administrators are served on %s", address);
        break;
    case DOOR_DEBUG:
        log_info("health and metrics are on %s", address);
        break;
    }
    arena_fini(&a);
}

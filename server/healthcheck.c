/* SPDX-License-Identifier: Apache-2.0
 *
 * healthcheck: one request to the own machine.
 */
#include "server/healthcheck.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "server/address.h"
#include "server/url.h"

enum { PATIENCE_MS = 5000 };

struct probe {
    int fd;
    uint64_t until_ms;
    const char *why; /* NULL: all is well */
};

static uint64_t now_ms(void)
{
    const uint64_t s_ms = 1000, ms_ns = 1000000;
    struct timespec t = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * s_ms + (uint64_t)t.tv_nsec / ms_ns;
}

static bool give_up(struct probe *p, const char *why)
{
    p->why = why;
    return false;
}

static bool wait_for(struct probe *p, short events)
{
    struct pollfd one = {.fd = p->fd, .events = events};
    uint64_t now = now_ms();
    int n = now < p->until_ms ? poll(&one, 1, (int)(p->until_ms - now)) : 0;
    return n > 0 || give_up(p, "no answer within 5 seconds");
}

static bool connect_to(struct probe *p, const struct addrinfo *ai)
{
    int err = 0;
    socklen_t n = sizeof(err);
    p->fd = socket(ai->ai_family, ai->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (p->fd < 0)
        return give_up(p, strerror(errno));
    if (connect(p->fd, ai->ai_addr, ai->ai_addrlen) == 0)
        return true;
    if (errno != EINPROGRESS)
        return give_up(p, strerror(errno));
    if (!wait_for(p, POLLOUT))
        return false;
    (void)getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &err, &n);
    return err == 0 || give_up(p, strerror(err));
}

/* A server that has an address of all kinds is asked at this machine's own. */
static bool reach(struct probe *p, const char *addr, struct arena *a)
{
    struct address at;
    struct addrinfo *found = NULL, hints = {.ai_socktype = SOCK_STREAM};
    if (!address_read(span_of(addr), &at) || span_eq(at.port, SPAN("0")))
        return give_up(p, "http.addr has no port that one could ask at");
    if (at.host.n == 0 || span_eq(at.host, SPAN("0.0.0.0")))
        at.host = SPAN("127.0.0.1");
    else if (span_eq(at.host, SPAN("::")))
        at.host = SPAN("::1");
    if (getaddrinfo(arena_str(a, at.host), arena_str(a, at.port), &hints, &found) != 0)
        return give_up(p, "there is no such address");
    bool done = connect_to(p, found);
    freeaddrinfo(found);
    return done;
}

/* Whatever is answered comes from a server that is at work, but for its own failures. */
static bool ask(struct probe *p, const struct config *c, struct arena *a)
{
    char line[] = "HTTP/1.1 000";
    size_t got = 0;
    ssize_t n;
    const char *request =
        arena_printf(a, "GET %.*s/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
                     SPAN_ARG(url_prefix(c)));
    if (send(p->fd, request, strlen(request), MSG_NOSIGNAL) < 0)
        return give_up(p, strerror(errno));
    do {
        if (!wait_for(p, POLLIN))
            return false;
        n = recv(p->fd, line + got, sizeof(line) - 1 - got, 0);
        got += n > 0 ? (size_t)n : 0;
    } while (n > 0 && got < sizeof(line) - 1);
    if (got < sizeof(line) - 1)
        return give_up(p, "the connection ended before an answer");
    return line[sizeof("HTTP/1.1 ") - 1] != '5' || give_up(p, "the server answers with an error");
}

int healthcheck_command(const struct config *config)
{
    struct arena a;
    struct probe p = {.fd = -1, .until_ms = now_ms() + PATIENCE_MS};
    arena_init(&a);
    bool there = reach(&p, config->http_addr, &a);
    /* With TLS, that it takes the connection has to do: the name in its certificate is others'. */
    if (there && config->tls_certificate[0] == '\0')
        there = ask(&p, config, &a);
    if (!there)
        (void)fprintf(stderr, "%s: %s\n", config->http_addr, p.why);
    if (p.fd >= 0)
        (void)close(p.fd);
    arena_fini(&a);
    return p.why ? EXIT_FAILURE : EXIT_SUCCESS;
}

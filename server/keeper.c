/* SPDX-License-Identifier: Apache-2.0
 *
 * keeper: a path one way, a descriptor (unix(7), SCM_RIGHTS) and errno the other.
 */
#include "server/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/sandbox.h"

struct keeper {
    int socket;
    pid_t pid;
};

/* One answer: errno of what was tried, and the descriptor if that is 0. */
union answer_control {
    struct cmsghdr head;
    char room[CMSG_SPACE(sizeof(int))];
};

int keeper_open_here(const char *path)
{
    /* a FIFO without a writer would keep everybody waiting */
    return open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
}

/* ---- In the child. ---------------------------------------------------------------------- */

static bool is_among(const struct conf_map *paths, const char *path)
{
    for (const struct conf_pair *p = paths->first; p; p = p->next)
        if (strcmp(p->value, path) == 0)
            return true;
    return false;
}

static bool names(const struct config *c, const char *path)
{
    const char *const files[] = {c->tls_certificate, c->tls_key, c->htpasswd_path, c->token_bundle,
                                 c->token_jwks};
    for (size_t i = 0; i < array_len(files); i++)
        if (strcmp(files[i], path) == 0)
            return true;
    return is_among(&c->tls_client_cas, path);
}

static bool is_configured(const struct config_sources *from, const char *path)
{
    const char *own = config_file_of(from);
    struct config *config = NULL;
    if (path[0] == '\0')
        return false;
    if (own && strcmp(own, path) == 0)
        return true;
    if (config_load(from, &config, NULL) != RC_OK)
        return false;
    bool named = names(config, path);
    config_free(config);
    return named;
}

static void answer(int socket, int fd, int error)
{
    union answer_control control = {.room = {0}};
    struct iovec bytes = {&error, sizeof(error)};
    struct msghdr m = {.msg_iov = &bytes, .msg_iovlen = 1};
    if (fd >= 0) {
        m.msg_control = control.room;
        m.msg_controllen = sizeof(control.room);
        control.head = (struct cmsghdr){
            .cmsg_len = CMSG_LEN(sizeof(fd)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
    }
    (void)sendmsg(socket, &m, MSG_NOSIGNAL);
}

static void serve_one(const struct config_sources *from, int socket, const char *path)
{
    bool may = is_configured(from, path);
    int fd = may ? keeper_open_here(path) : -1;
    answer(socket, fd, fd >= 0 ? 0 : may ? errno : EACCES);
    if (fd >= 0)
        (void)close(fd);
}

/* Until the server is gone. What ends the server by a signal to all of a terminal does not end this
 * one before it. */
static _Noreturn void keep(const struct config_sources *from, int socket)
{
    char path[PATH_MAX];
    (void)signal(SIGTERM, SIG_IGN);
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    sandbox_reader();
    for (;;) {
        ssize_t n = recv(socket, path, sizeof(path) - 1, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            _exit(EXIT_SUCCESS);
        path[n] = '\0';
        serve_one(from, socket, path);
    }
}

/* ---- In the server. --------------------------------------------------------------------- */

struct keeper *keeper_new(const struct config_sources *from)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return NULL;
    pid_t pid = fork();
    if (pid == 0) {
        (void)close(ends[0]);
        keep(from, ends[1]);
    }
    (void)close(ends[1]);
    if (pid < 0) {
        (void)close(ends[0]);
        return NULL;
    }
    struct keeper *k = must_calloc(sizeof(*k));
    *k = (struct keeper){.socket = ends[0], .pid = pid};
    return k;
}

void keeper_free(struct keeper *k)
{
    if (!k)
        return;
    (void)close(k->socket);
    while (waitpid(k->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    free(k);
}

/* The answer's descriptor; -1 with errno. */
static int read_answer(int socket)
{
    union answer_control control;
    int error = EIO, fd = -1;
    struct iovec bytes = {&error, sizeof(error)};
    struct msghdr m = {.msg_iov = &bytes,
                       .msg_iovlen = 1,
                       .msg_control = control.room,
                       .msg_controllen = sizeof(control.room)};
    ssize_t n;
    while ((n = recvmsg(socket, &m, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR)
        ;
    const struct cmsghdr *head = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
    if (head && head->cmsg_type == SCM_RIGHTS)
        memcpy(&fd, CMSG_DATA(head), sizeof(fd));
    else if (n == sizeof(error) && error == 0)
        error = EMFILE; /* there was no room for it here */
    errno = error;
    return fd;
}

int keeper_open(struct keeper *k, const char *path)
{
    size_t n = strlen(path);
    if (n >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return -1;
    }
    if (n == 0 || send(k->socket, path, n, MSG_NOSIGNAL) != (ssize_t)n) {
        errno = n == 0 ? ENOENT : errno;
        return -1;
    }
    return read_answer(k->socket);
}

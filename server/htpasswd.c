/* SPDX-License-Identifier: Apache-2.0
 *
 * htpasswd: a password in, a line out.
 */
#include "server/htpasswd.h"

#include <crypt.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* bcrypt looks at so many bytes of a password; more would be a promise that is not kept. */
enum { PASSWORD_MAX = 72 };

/* Room for a byte too many, and the end. */
struct password {
    char text[PASSWORD_MAX + 2];
    size_t n;
};

static int fail(const char *why)
{
    (void)fprintf(stderr, "htpasswd: %s\n", why);
    return EXIT_FAILURE;
}

static const char *check_user(const char *user)
{
    if (user[0] == '\0')
        return "the name of the user is empty";
    for (const char *p = user; *p; p++)
        if (*p == ':' || (unsigned char)*p < ' ' || *p == 0x7f)
            return "the name of a user has no colon and no control characters";
    return NULL;
}

/* ---- Reading. --------------------------------------------------------------------------- */

/* Signals that are caught come in here and nowhere else, so that none is missed between a question
 * and the wait for its answer. */
static ssize_t read_byte(char *c)
{
    struct pollfd one = {.fd = STDIN_FILENO, .events = POLLIN};
    sigset_t none;
    (void)sigemptyset(&none);
    return ppoll(&one, 1, NULL, &none) > 0 ? read(STDIN_FILENO, c, 1) : -1;
}

/* A line without its end; what does not fit is read, too. Unbuffered: nothing of it stays behind.
 * False if there is none: the input is at its end, or a signal came. */
static bool read_line(struct password *p)
{
    char c = 0;
    ssize_t n;
    p->n = 0;
    while ((n = read_byte(&c)) == 1 && c != '\n')
        if (p->n < sizeof(p->text) - 1)
            p->text[p->n++] = c;
    p->text[p->n] = '\0';
    return n == 1 || (n == 0 && p->n > 0);
}

static void on_signal(int signum)
{
    (void)signum; /* it only has to end the wait */
}

/* A signal must not leave a terminal behind that shows nothing. */
static void catch_signals(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    struct sigaction ours = {.sa_handler = on_signal};
    sigset_t caught;
    (void)sigemptyset(&caught);
    for (size_t i = 0; i < array_len(signals); i++) {
        (void)sigaction(signals[i], &ours, NULL);
        (void)sigaddset(&caught, signals[i]);
    }
    (void)sigprocmask(SIG_BLOCK, &caught, NULL);
}

static bool ask(const char *question, struct password *p)
{
    (void)fputs(question, stderr);
    bool done = read_line(p);
    (void)fputc('\n', stderr);
    return done;
}

/* Twice, as nobody sees what is typed. */
static const char *read_terminal(struct password *p, struct password *again)
{
    struct termios before, silent;
    if (tcgetattr(STDIN_FILENO, &before) != 0)
        return strerror(errno);
    catch_signals();
    silent = before;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    bool done = ask("Password: ", p) && ask("The same again: ", again);
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    if (!done)
        return "no password was given";
    return p->n == again->n && memcmp(p->text, again->text, p->n) == 0 ? NULL
                                                                       : "the two are not the same";
}

static const char *read_password(struct password *p)
{
    struct password again;
    const char *why = NULL;
    if (isatty(STDIN_FILENO))
        why = read_terminal(p, &again);
    else if (!read_line(p))
        why = "no password was given";
    else if (p->n > 0 && p->text[p->n - 1] == '\r')
        p->text[--p->n] = '\0';
    sodium_memzero(&again, sizeof(again));
    if (why)
        return why;
    if (p->n == 0)
        return "the password is empty";
    if (p->n > PASSWORD_MAX)
        return "the password has more than 72 bytes: bcrypt would not look at the others";
    return memchr(p->text, '\0', p->n) ? "the password has a NUL byte" : NULL;
}

/* ---- Writing. --------------------------------------------------------------------------- */

static int print_line(const char *user, unsigned cost, const struct password *p)
{
    char salt[CRYPT_GENSALT_OUTPUT_SIZE];
    struct crypt_data *data = must_calloc(sizeof(*data));
    const char *hash = NULL;
    if (crypt_gensalt_rn("$2y$", cost, NULL, 0, salt, sizeof(salt)))
        hash = crypt_r(p->text, salt, data);
    bool good = hash && hash[0] == '$';
    if (good)
        (void)printf("%s:%s\n", user, hash);
    sodium_memzero(data, sizeof(*data));
    free(data);
    return good ? EXIT_SUCCESS : fail("the password cannot be hashed");
}

int htpasswd_command(const struct cli *cli)
{
    struct password p;
    const char *why = check_user(cli->operand);
    if (!why)
        why = read_password(&p);
    int status = why ? fail(why) : print_line(cli->operand, cli->cost, &p);
    sodium_memzero(&p, sizeof(p));
    return status;
}

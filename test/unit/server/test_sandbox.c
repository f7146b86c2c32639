/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox: what a process can still do after it went in. Each test does it in a child.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/keeper.h"
#include "server/sandbox.h"
#include "test/unit/server/config_fixture.h"

/*   root/            the data, with root/docker a link to moved/
 *   moved/
 *   keys/users       configured: for the keeper
 *   keys/tls         OpenSSL's own configuration
 *   other/secret     for nobody
 */
struct world {
    char top[64];
    struct fixture fixture;
};

static const char *at(const struct world *w, const char *name)
{
    static char text[8][256];
    static size_t next;
    char *to = text[next++ % array_len(text)];
    (void)snprintf(to, sizeof(text[0]), "%s/%s", w->top, name);
    return to;
}

static void make_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "x", 1), 1);
    assert_int_equal(close(fd), 0);
}

/* Anew, in the same file. */
static void configure(struct world *w, const char *users)
{
    char text[1024];
    int n = snprintf(text, sizeof(text),
                     "[storage.filesystem]\nrootdirectory = %s\n[auth.htpasswd]\npath = %s\n",
                     at(w, "root"), at(w, users));
    if (!w->fixture.config) {
        fixture_load(&w->fixture, ".ini", text, no_env);
        return;
    }
    int fd = open(w->fixture.path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, (size_t)n), n);
    assert_int_equal(close(fd), 0);
}

static void world_begin(struct world *w)
{
    static const char *const directories[] = {"root", "root/a", "root/b", "moved", "keys", "other"};
    *w = (struct world){.top = "/tmp/registry-sandbox-XXXXXX"};
    assert_non_null(mkdtemp(w->top));
    for (size_t i = 0; i < array_len(directories); i++)
        assert_int_equal(mkdir(at(w, directories[i]), 0700), 0);
    assert_int_equal(symlink(at(w, "moved"), at(w, "root/docker")), 0);
    make_file(at(w, "root/a/file"));
    make_file(at(w, "keys/users"));
    make_file(at(w, "keys/tls"));
    make_file(at(w, "other/secret"));
    fixture_begin(&w->fixture);
    configure(w, "keys/users");
}

static void world_end(struct world *w)
{
    static const char *const files[] = {"root/a/file", "root/b/file", "root/a/new",
                                        "root/docker", "moved/file",  "keys/users",
                                        "keys/new",    "keys/tls",    "other/secret"};
    static const char *const directories[] = {"root/c", "root/a", "root/b", "root",
                                              "moved",  "keys",   "other"};
    fixture_end(&w->fixture);
    for (size_t i = 0; i < array_len(files); i++)
        (void)unlink(at(w, files[i]));
    for (size_t i = 0; i < array_len(directories); i++)
        (void)rmdir(at(w, directories[i]));
    assert_int_equal(rmdir(w->top), 0);
}

/* 0, or what open said. */
static int error_of(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno;
    (void)close(fd);
    return 0;
}

/* The number of the first thing that is not as it should be; 0: all is well. */
static int look(const struct world *w)
{
    int n = 0;
#define EXPECT(condition)                                                                          \
    n++;                                                                                           \
    if (!(condition))                                                                              \
    return n
    EXPECT(error_of(at(w, "root/a/file"), O_RDWR | O_TRUNC) == 0);
    EXPECT(error_of(at(w, "root/a/new"), O_WRONLY | O_CREAT) == 0);
    EXPECT(mkdir(at(w, "root/c"), 0700) == 0);
    EXPECT(rename(at(w, "root/a/file"), at(w, "root/b/file")) == 0);
    EXPECT(unlink(at(w, "root/a/new")) == 0);
    EXPECT(error_of(at(w, "root/docker/file"), O_WRONLY | O_CREAT) == 0);
    EXPECT(error_of(at(w, "keys/users"), O_RDONLY) == EACCES);
    EXPECT(error_of(at(w, "keys"), O_RDONLY | O_DIRECTORY) == EACCES);
    EXPECT(error_of(at(w, "keys/users"), O_WRONLY) == EACCES);
    EXPECT(error_of(at(w, "keys/new"), O_WRONLY | O_CREAT) == EACCES);
    EXPECT(error_of(at(w, "keys/tls"), O_RDONLY) == 0);
    EXPECT(error_of(at(w, "keys/tls"), O_WRONLY) == EACCES);
    EXPECT(error_of(at(w, "other/secret"), O_RDONLY) == EACCES);
    EXPECT(error_of(at(w, "other"), O_RDONLY | O_DIRECTORY) == EACCES);
    EXPECT(rename(at(w, "root/b/file"), at(w, "other/file")) != 0);
    EXPECT(link(at(w, "other/secret"), at(w, "root/a/stolen")) != 0);
    EXPECT(error_of("/etc/passwd", O_RDONLY) == EACCES);
    EXPECT(error_of("/etc/hosts", O_RDONLY) != EACCES);
    EXPECT(error_of("/dev/null", O_RDONLY) == 0);
    EXPECT(error_of("/proc/self/stat", O_RDONLY) == 0);
    EXPECT(execl("/bin/true", "true", (char *)NULL) == -1 && errno == EACCES);
#undef EXPECT
    return 0;
}

/* What a child found, after it went in. */
static int child_finds(const struct world *w, int (*f)(const struct world *w))
{
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        bool entered = sandbox_enter(w->fixture.config);
        _exit(entered ? f(w) : 255);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void test_what_is_in_reach(void **state)
{
    struct world w;
    (void)state;
    world_begin(&w);
    assert_int_equal(setenv("OPENSSL_CONF", at(&w, "keys/tls"), 1), 0);
    assert_int_equal(child_finds(&w, look), 0);
    assert_int_equal(unsetenv("OPENSSL_CONF"), 0);
    world_end(&w);
}

/* ---- The keeper, from inside. ------------------------------------------------------------ */

static int keeper_error(struct keeper *k, const char *path)
{
    char text[2] = "";
    int fd = keeper_open(k, path);
    if (fd < 0)
        return errno;
    bool read_one = read(fd, text, 1) == 1 && text[0] == 'x' && write(fd, "y", 1) < 0;
    (void)close(fd);
    return read_one ? 0 : EIO;
}

/* The configuration names two files, one of which is not there; then another. */
static void test_the_keeper_opens_what_is_configured(void **state)
{
    struct world w;
    (void)state;
    world_begin(&w);
    struct config_sources from = {.path = w.fixture.path, .env = (char *const *)no_env};
    struct keeper *k = keeper_new(&from);
    assert_non_null(k);
    assert_int_equal(keeper_error(k, at(&w, "keys/users")), 0);
    assert_int_equal(keeper_error(k, at(&w, "other/secret")), EACCES);
    assert_int_equal(keeper_error(k, at(&w, "keys")), EACCES);
    assert_int_equal(keeper_error(k, "/etc/passwd"), EACCES);
    assert_int_equal(keeper_error(k, ""), ENOENT);
    int fd = keeper_open(k, w.fixture.path);
    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
    assert_int_equal(unlink(at(&w, "keys/users")), 0);
    assert_int_equal(keeper_error(k, at(&w, "keys/users")), ENOENT);
    configure(&w, "other/secret");
    assert_int_equal(keeper_error(k, at(&w, "other/secret")), 0);
    keeper_free(k);
    world_end(&w);
}

static void test_the_keeper_ends_with_the_server(void **state)
{
    struct world w;
    int ends[2];
    char one;
    (void)state;
    world_begin(&w);
    assert_int_equal(pipe(ends), 0); /* the keeper has it, too: its end is the end of the pipe */
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct config_sources from = {.path = w.fixture.path, .env = (char *const *)no_env};
        struct keeper *k = keeper_new(&from);
        if (k)
            (void)keeper_error(k, "/etc/passwd");
        _exit(k == NULL);
    }
    assert_int_equal(close(ends[1]), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(read(ends[0], &one, 1), 0);
    assert_int_equal(close(ends[0]), 0);
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_in_reach),
        cmocka_unit_test(test_the_keeper_opens_what_is_configured),
        cmocka_unit_test(test_the_keeper_ends_with_the_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

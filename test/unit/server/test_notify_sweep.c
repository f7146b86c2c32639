/* SPDX-License-Identifier: Apache-2.0
 *
 * notify_sweep: whose queue goes, and when.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "server/notify_sink.h"
#include "server/notify_sweep.h"

enum { DAY = 24 * 3600 };

static void make_queue(const char *root, const char *name, int days)
{
    char path[256];
    struct timespec times[2] = {{.tv_sec = time(NULL) - days * DAY}};
    times[1] = times[0];
    (void)snprintf(path, sizeof(path), "%s/%s", root, name);
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof(path), "%s/%s/1.events", root, name);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    (void)close(fd);
    (void)snprintf(path, sizeof(path), "%s/%s", root, name);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* Is it there? It is gone then. */
static bool remove_queue(const char *root, const char *name)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s/1.events", root, name);
    (void)unlink(path);
    (void)snprintf(path, sizeof(path), "%s/%s", root, name);
    return rmdir(path) == 0;
}

static void test_old_ones_of_nobody(void **state)
{
    char root[] = "/tmp/registry-sweep-XXXXXX";
    struct notify_target used = {.name = "a/b", .url = "http://x/"};
    struct notify_config c = {.directory = root, .targets = &used};
    (void)state;
    assert_non_null(mkdtemp(root));
    make_queue(root, "a%2Fb", 30);
    make_queue(root, "old", 8);
    make_queue(root, "young", 6);
    notify_sweep(&c);
    assert_true(remove_queue(root, "a%2Fb"));
    assert_false(remove_queue(root, "old"));
    assert_true(remove_queue(root, "young"));
    assert_int_equal(rmdir(root), 0);
    notify_sweep(&c); /* there is no directory */
}

static void test_names_of_directories(void **state)
{
    static const char *const rows[][2] = {
        {"plain-1", "/q/plain-1"},       {"..", "/q/%2E."},
        {".hidden", "/q/%2Ehidden"},     {"a/../b", "/q/a%2F..%2Fb"},
        {"two words", "/q/two%20words"},
    };
    struct notify_config c = {.directory = "/q"};
    (void)state;
    for (size_t i = 0; i < array_len(rows); i++) {
        char *directory = sink_directory(&c, rows[i][0]);
        assert_string_equal(directory, rows[i][1]);
        free(directory);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_old_ones_of_nobody),
        cmocka_unit_test(test_names_of_directories),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

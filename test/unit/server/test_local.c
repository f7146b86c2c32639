/* SPDX-License-Identifier: Apache-2.0
 *
 * local: sockets with short and long paths, and what may be in their way.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/local.h"

struct place {
    char root[64];
    char directory[512];
    char path[600]; /* of the socket */
};

/* length: of the directory's name, which is not made. */
static void place_begin(struct place *p, size_t length)
{
    char name[256] = {0};
    memset(name, 'd', length);
    *p = (struct place){.root = "/tmp/registry-local-XXXXXX"};
    assert_non_null(mkdtemp(p->root));
    (void)snprintf(p->directory, sizeof(p->directory), "%s/%s", p->root, name);
    (void)snprintf(p->path, sizeof(p->path), "%s/s.sock", p->directory);
}

static void place_end(struct place *p)
{
    (void)unlink(p->path);
    (void)rmdir(p->directory);
    assert_int_equal(rmdir(p->root), 0);
}

static mode_t mode_of(const char *path)
{
    struct stat st;
    assert_int_equal(lstat(path, &st), 0);
    return st.st_mode & 0777;
}

static void test_listen_connect_close(void **state)
{
    static const size_t lengths[] = {1, 60, 75, 76, 77, 78, 79, 80, 81, 82, 200, 255};
    (void)state;
    for (size_t i = 0; i < array_len(lengths); i++) {
        struct place p;
        struct local l;
        int fd = -1;
        place_begin(&p, lengths[i]);
        assert_int_equal(local_connect(p.path, &fd, NULL), RC_NOT_FOUND);
        assert_int_equal(local_open(&l, p.path, NULL), RC_OK);
        assert_int_equal(mode_of(p.directory), 0700);
        assert_int_equal(mode_of(p.path), 0600);
        assert_int_equal(local_connect(p.path, &fd, NULL), RC_OK);
        (void)close(fd);
        local_close(&l);
        assert_int_equal(access(p.path, F_OK), -1);
        assert_int_equal(local_connect(p.path, &fd, NULL), RC_NOT_FOUND);
        place_end(&p);
    }
}

static void test_what_a_dead_process_left_is_replaced(void **state)
{
    struct place p;
    struct local left, l;
    int fd = -1;
    (void)state;
    place_begin(&p, 1);
    assert_int_equal(local_open(&left, p.path, NULL), RC_OK);
    (void)close(left.fd);
    left.fd = -1;
    assert_int_equal(local_connect(p.path, &fd, NULL), RC_NOT_FOUND);
    assert_int_equal(local_open(&l, p.path, NULL), RC_OK);
    left.inode = 0; /* the number may be given again at once */
    local_close(&left);
    assert_int_equal(local_connect(p.path, &fd, NULL), RC_OK);
    (void)close(fd);
    local_close(&l);
    place_end(&p);
}

static void test_what_is_in_use_stays(void **state)
{
    struct place p;
    struct local first, second;
    struct arena a;
    struct fault f;
    int fd = -1;
    (void)state;
    arena_init(&a);
    fault_init(&f, &a);
    place_begin(&p, 1);
    assert_int_equal(local_open(&first, p.path, NULL), RC_OK);
    assert_int_equal(local_open(&second, p.path, &f), RC_IO);
    assert_non_null(strstr(f.first->detail, ": another server listens there"));
    local_close(&second);
    assert_int_equal(local_connect(p.path, &fd, NULL), RC_OK);
    (void)close(fd);
    local_close(&first);
    place_end(&p);
    arena_fini(&a);
}

static void test_what_is_no_socket_stays(void **state)
{
    struct place p;
    struct local l;
    (void)state;
    place_begin(&p, 1);
    assert_int_equal(local_make_directory(p.path, NULL), RC_OK);
    FILE *file = fopen(p.path, "w");
    assert_non_null(file);
    (void)fclose(file);
    assert_int_equal(local_open(&l, p.path, NULL), RC_IO);
    local_close(&l);
    assert_int_equal(access(p.path, F_OK), 0);
    place_end(&p);
}

static void test_only_one_directory_is_made(void **state)
{
    struct local l;
    struct arena a;
    struct fault f;
    (void)state;
    arena_init(&a);
    fault_init(&f, &a);
    assert_int_equal(local_open(&l, "/tmp/registry-local-none/x/s.sock", &f), RC_IO);
    assert_string_equal(f.first->detail,
                        "/tmp/registry-local-none/x: cannot be made: No such file or directory");
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_listen_connect_close),
        cmocka_unit_test(test_what_a_dead_process_left_is_replaced),
        cmocka_unit_test(test_what_is_in_use_stays),
        cmocka_unit_test(test_what_is_no_socket_stays),
        cmocka_unit_test(test_only_one_directory_is_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * base: allocations are there, writable, and keep what was in them.
 */
#include "unit.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base.h"

static void test_sizes(void **state)
{
    (void)state;
    for (size_t n = 0; n < 70000; n = n * 3 + 1) {
        char *p = must_alloc(n);
        memset(p, 0x5a, n);
        p = must_realloc(p, 2 * n);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(p[i], 0x5a);
        free(p);
    }
}

static void test_calloc_is_zero(void **state)
{
    (void)state;
    unsigned char *p = must_calloc(5000);
    for (size_t i = 0; i < 5000; i++)
        assert_int_equal(p[i], 0);
    free(p);
    p = must_calloc(0);
    assert_non_null(p);
    free(p);
}

static void test_zero_is_not_null(void **state)
{
    (void)state;
    void *p = must_alloc(0);
    assert_non_null(p);
    p = must_realloc(p, 0);
    assert_non_null(p);
    free(p);
}

static void ask_too_much(void)
{
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    if (!freopen("/dev/null", "w", stderr))
        _exit(1);
    volatile size_t n = PTRDIFF_MAX;
    free(must_alloc(n));
    _exit(0);
}

static void test_failure_ends_the_process(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0)
        ask_too_much();
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void test_container_of(void **state)
{
    (void)state;
    struct outer {
        int a, b;
    } o = {1, 2};
    assert_ptr_equal(container_of(&o.b, struct outer, b), &o);
    int five[5] = {0};
    assert_int_equal(array_len(five), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_calloc_is_zero),
        cmocka_unit_test(test_zero_is_not_null),
        cmocka_unit_test(test_failure_ends_the_process),
        cmocka_unit_test(test_container_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * rc: faults keep their order and their bound, and work with nobody listening.
 */
#include "unit.h"

#include <errno.h>

#include "lib/rc.h"

static void test_names(void **state)
{
    (void)state;
    for (int rc = 0; rc < RC_COUNT; rc++)
        assert_non_null(rc_name((enum rc)rc));
    assert_string_equal(rc_name(RC_MANIFEST_UNKNOWN), "manifest unknown");
    assert_string_equal(rc_name(RC_UPLOAD_UNKNOWN), "blob upload unknown");
}

static void test_order(void **state)
{
    (void)state;
    struct arena a;
    struct fault f;
    arena_init(&a);
    fault_init(&f, &a);
    assert_int_equal(fault(&f, RC_NAME_INVALID, "%s-%d", "a", 1), RC_NAME_INVALID);
    assert_int_equal(fault(&f, RC_DENIED, NULL), RC_DENIED);
    assert_int_equal(f.count, 2);
    assert_int_equal(f.first->rc, RC_NAME_INVALID);
    assert_string_equal(f.first->detail, "a-1");
    assert_int_equal(f.first->next->rc, RC_DENIED);
    assert_null(f.first->next->detail);
    assert_ptr_equal(f.last, f.first->next);
    assert_null(f.last->next);
    arena_fini(&a);
}

static void test_bound(void **state)
{
    (void)state;
    struct arena a;
    struct fault f;
    unsigned kept = 0;
    arena_init(&a);
    fault_init(&f, &a);
    for (unsigned i = 0; i < FAULT_MAX + 10; i++)
        assert_int_equal(fault(&f, RC_BLOB_UNKNOWN, "%u", i), RC_BLOB_UNKNOWN);
    for (struct fault_item *item = f.first; item; item = item->next)
        kept++;
    assert_int_equal(kept, FAULT_MAX);
    assert_int_equal(f.count, FAULT_MAX + 10);
    assert_string_equal(f.last->detail, "63");
    arena_fini(&a);
}

static void test_nobody_listens(void **state)
{
    (void)state;
    struct fault f;
    fault_init(&f, NULL);
    assert_int_equal(fault(NULL, RC_IO, "%d", 1), RC_IO);
    assert_int_equal(fault(&f, RC_IO, "%d", 1), RC_IO);
    assert_null(f.first);
    assert_int_equal(fault_errno(NULL, EACCES, "open", "/x"), RC_IO);
}

static void test_errno(void **state)
{
    (void)state;
    struct arena a;
    struct fault f;
    arena_init(&a);
    fault_init(&f, &a);
    assert_int_equal(fault_errno(&f, ENOENT, "open", "/x"), RC_NOT_FOUND);
    assert_int_equal(fault_errno(&f, ENOTDIR, "open", "/x"), RC_NOT_FOUND);
    assert_int_equal(f.count, 0);
    assert_int_equal(fault_errno(&f, ENOSPC, "write", "/x/y"), RC_NO_SPACE);
    assert_int_equal(fault_errno(&f, EDQUOT, "write", "/x/y"), RC_NO_SPACE);
    assert_int_equal(fault_errno(NULL, EMFILE, "open", "/x/y"), RC_EXHAUSTED);
    assert_int_equal(fault_errno(NULL, ENFILE, "open", "/x/y"), RC_EXHAUSTED);
    assert_int_equal(fault_errno(NULL, ENOMEM, "open", "/x/y"), RC_EXHAUSTED);
    assert_int_equal(fault_errno(&f, EACCES, "open", "/z"), RC_IO);
    assert_int_equal(fault_errno(&f, 99999, "open", "/z"), RC_IO);
    assert_string_equal(f.first->detail, "write /x/y: No space left on device");
    assert_string_equal(f.first->next->next->detail, "open /z: Permission denied");
    assert_string_equal(f.last->detail, "open /z: error 99999");
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names), cmocka_unit_test(test_order),
        cmocka_unit_test(test_bound), cmocka_unit_test(test_nobody_listens),
        cmocka_unit_test(test_errno),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

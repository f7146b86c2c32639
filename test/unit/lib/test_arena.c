/* SPDX-License-Identifier: Apache-2.0
 *
 * arena: pieces are aligned, zeroed, and do not overlap.
 */
#include "unit.h"

#include "lib/arena.h"

enum { PIECES = 3000 };

static size_t size_of_piece(size_t i)
{
    return i % 97 == 0 ? 9000 + i : i % 61; /* also 0, also larger than a block's quarter */
}

static void test_pieces(void **state)
{
    (void)state;
    static unsigned char *pieces[PIECES];
    struct arena a;
    arena_init(&a);
    for (size_t i = 0; i < PIECES; i++) {
        size_t n = size_of_piece(i);
        pieces[i] = arena_alloc(&a, n);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
        for (size_t k = 0; k < n; k++)
            assert_int_equal(pieces[i][k], 0);
        memset(pieces[i], (int)(i % 255 + 1), n);
    }
    for (size_t i = 0; i < PIECES; i++)
        for (size_t k = 0; k < size_of_piece(i); k++)
            assert_int_equal(pieces[i][k], i % 255 + 1);
    arena_fini(&a);
}

static void test_reuse(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a);
    for (int round = 0; round < 3; round++) {
        memset(arena_alloc(&a, 100), 1, 100);
        memset(arena_alloc(&a, 1000000), 1, 1000000);
        char *p = arena_alloc(&a, 100);
        assert_int_equal(p[0], 0);
        assert_true(a.used >= 1000200);
        arena_fini(&a);
        assert_int_equal(a.used, 0);
        assert_null(a.blocks);
    }
}

static void test_copies(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a);
    struct span s = arena_span(&a, SPAN("a\0b"));
    assert_int_equal(s.n, 3);
    assert_memory_equal(s.p, "a\0b", 4);
    assert_string_equal(arena_str(&a, span_from("hello", 4)), "hell");
    assert_string_equal(arena_str(&a, span_of(NULL)), "");
    assert_non_null(arena_span(&a, span_of(NULL)).p);
    assert_string_equal(arena_printf(&a, "%s/%05d", "x", 42), "x/00042");
    assert_string_equal(arena_printf(&a, "%s", ""), "");
    assert_int_equal(strlen(arena_printf(&a, "%*d", 70000, 1)), 70000);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_reuse),
        cmocka_unit_test(test_copies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

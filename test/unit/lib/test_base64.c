/* SPDX-License-Identifier: Apache-2.0
 *
 * base64: RFC 4648 §10's vectors, and text that only nearly is some.
 */
#include "unit.h"

#include "lib/base64.h"

static void check(enum base64 form, struct span s, const char *want)
{
    char to[64];
    size_t n = 77;
    bool good = base64_decode(form, s, to, sizeof(to), &n);
    if (good != (want != NULL))
        fail_msg("%.*s", SPAN_ARG(s));
    if (good)
        assert_span(span_from(to, n), want);
    else
        assert_int_equal(n, 77);
}

static void test_vectors(void **state)
{
    static const char *const rows[][3] = {
        {"", "", ""},
        {"Zg==", "Zg", "f"},
        {"Zm8=", "Zm8", "fo"},
        {"Zm9v", "Zm9v", "foo"},
        {"Zm9vYg==", "Zm9vYg", "foob"},
        {"Zm9vYmE=", "Zm9vYmE", "fooba"},
        {"Zm9vYmFy", "Zm9vYmFy", "foobar"},
    };
    (void)state;
    for (size_t i = 0; i < array_len(rows); i++) {
        bool padded = strcmp(rows[i][0], rows[i][1]) != 0;
        check(BASE64, span_of(rows[i][0]), rows[i][2]);
        check(BASE64_BARE, span_of(rows[i][1]), rows[i][2]);
        check(BASE64_URL, span_of(rows[i][1]), rows[i][2]);
        check(BASE64, span_of(rows[i][1]), padded ? NULL : rows[i][2]);
        check(BASE64_BARE, span_of(rows[i][0]), padded ? NULL : rows[i][2]);
    }
    check(BASE64_BARE, SPAN("+/+/"), "\xfb\xff\xbf");
    check(BASE64_URL, SPAN("-_-_"), "\xfb\xff\xbf");
}

static void test_none(void **state)
{
    static const struct span rows[] = {
        SPAN("A"),      SPAN("Zh"),     SPAN("Zm9"),       SPAN("Zm9v "), SPAN(" Zm9v"),
        SPAN("Zm\n9v"), SPAN("Zm9v\0"), SPAN("Zm9v\0AAA"), SPAN("Zm9v="), SPAN("=AAA"),
        SPAN("Zm.v"),   SPAN("Zm@v"),   SPAN("Zm[v"),      SPAN("Zm`v"),  SPAN("Zm{v"),
    };
    (void)state;
    for (size_t i = 0; i < array_len(rows); i++) {
        check(BASE64, rows[i], NULL);
        check(BASE64_BARE, rows[i], NULL);
        check(BASE64_URL, rows[i], NULL);
    }
    check(BASE64_URL, SPAN("+AAA"), NULL);
    check(BASE64_URL, SPAN("/AAA"), NULL);
    check(BASE64_BARE, SPAN("-AAA"), NULL);
    check(BASE64_BARE, SPAN("_AAA"), NULL);
}

/* 64 bytes are digits, and no others. */
static void test_digits(void **state)
{
    (void)state;
    for (int form = BASE64; form <= BASE64_URL; form++) {
        unsigned count = 0;
        for (unsigned c = 0; c < 256; c++) {
            char text[4] = {'A', (char)c, 'A', 'A'}, to[4];
            size_t n;
            bool good = base64_decode((enum base64)form, span_from(text, 4), to, sizeof(to), &n);
            assert_false(good && c > 0x7f);
            count += good;
        }
        assert_int_equal(count, 64);
    }
}

static void test_room(void **state)
{
    char to[3];
    size_t n;
    (void)state;
    assert_true(base64_decode(BASE64, SPAN("Zm9v"), to, 3, &n));
    assert_false(base64_decode(BASE64, SPAN("Zm9v"), to, 2, &n));
    assert_false(base64_decode(BASE64, SPAN("Zm9vYg=="), to, 3, &n));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_digits),
        cmocka_unit_test(test_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

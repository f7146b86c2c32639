/* SPDX-License-Identifier: Apache-2.0
 *
 * conf: free keys below a row, from each source.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "test/unit/lib/conf_fixture.h"

/* "key=value" each, in order. */
static void assert_map(const struct fixture *x, const char *const *wanted)
{
    const struct conf_pair *p = x->target.map.first;

    for (; *wanted != NULL; wanted++, p = p->next) {
        assert_non_null(p);
        size_t n = strlen(p->key);
        assert_memory_equal(*wanted, p->key, n);
        assert_int_equal((*wanted)[n], '=');
        assert_string_equal(*wanted + n + 1, p->value);
    }
    assert_null(p);
}

struct load_row {
    const char *name, *text;
    const char *env[4];
    const char *wanted[6];
};

static const struct load_row load_rows[] = {
    {"f.ini", "[free]\n", {NULL}, {NULL}},
    {"f.ini",
     "[free]\nX-One = 1\nX-Two = a\nX-Two = b, \"c\"\n",
     {NULL},
     {"X-One=1", "X-Two=a", "X-Two=b, \"c\"", NULL}},
    {"f.ini",
     "[free.door]\nwho = me\n[free.gate]\nwho = you\n",
     {NULL},
     {"door.who=me", "gate.who=you", NULL}},
    {"f.yml",
     "version: 0.1\nfree:\n  X-One: 1\n  X-Two: [a, '*']\n",
     {NULL},
     {"X-One=1", "X-Two=a", "X-Two=*", NULL}},
    {"f.yml", "version: 0.1\nfree:\n", {NULL}, {NULL}},
    {"f.yml", "version: 0.1\nfree: [a, b]\n", {NULL}, {"=a", "=b", NULL}},
    {"f.yml",
     "version: 0.1\nfree:\n- name: n\n  deep: {types: [a, b]}\n- name: m\n",
     {NULL},
     {"0.name=n", "0.deep.types=a", "0.deep.types=b", "1.name=m", NULL}},
    {NULL, NULL, {"REGISTRY_FREE_X-One=*", NULL}, {"x-one=*", NULL}},
    {NULL, NULL, {"REGISTRY_FREE_X-One=[a, 'b']", NULL}, {"x-one=a", "x-one=b", NULL}},
    {NULL, NULL, {"REGISTRY_FREE={X-One: [a], Y: b}", NULL}, {"X-One=a", "Y=b", NULL}},
    {NULL, NULL, {"REGISTRY_FREE_0_NAME='n'", NULL}, {"0.name=n", NULL}},
    {NULL,
     NULL,
     {"REGISTRY_FREE=- name: n\n  X: [a]\n- name: m\n", NULL},
     {"0.name=n", "0.X=a", "1.name=m", NULL}},
    {NULL, NULL, {"REGISTRY_FREE=X-One: [a]\nY: b\n", NULL}, {"X-One=a", "Y=b", NULL}},
    {NULL, NULL, {"REGISTRY_FREE_X-One=- a\n- b\n", NULL}, {"x-one=a", "x-one=b", NULL}},
    /* the environment wins: one key, all below one, all */
    {"f.ini", "[free]\nA = 1\nA = 2\nB = 3\n", {"REGISTRY_FREE_A=4", NULL}, {"B=3", "a=4", NULL}},
    {"f.ini", "[free]\nA = 1\nB = 3\n", {"REGISTRY_FREE_A=", NULL}, {"B=3", NULL}},
    {"f.ini",
     "[free.a]\nx = 1\n[free.ab]\ny = 2\n",
     {"REGISTRY_FREE_A={z: 3}", NULL},
     {"ab.y=2", "a.z=3", NULL}},
    {"f.ini",
     "[free]\nA = 1\nB = 3\n",
     {"REGISTRY_FREE={C: 4}", "REGISTRY_FREE_D=5", NULL},
     {"C=4", "d=5", NULL}},
    {"f.ini", "[free]\nA = 1\n", {"REGISTRY_FREE={}", NULL}, {NULL}},
};

static void test_what_is_kept(void **state)
{
    (void)state;
    for (size_t i = 0; i < array_len(load_rows); i++) {
        struct fixture x;
        fixture_begin(&x);
        if (load_rows[i].name != NULL)
            fixture_load(&x, load_rows[i].name, load_rows[i].text);
        fixture_env(&x, load_rows[i].env);
        assert_map(&x, load_rows[i].wanted);
        assert_string_equal(fixture_warning(&x, 0), "");
        fixture_end(&x);
    }
}

static void test_an_earlier_source_that_comes_late(void **state)
{
    static const char *const env[] = {"REGISTRY_FREE_A=env", NULL};
    static const char *const wanted[] = {"a=env", "b=file", NULL};
    struct fixture x;

    (void)state;
    fixture_begin(&x);
    fixture_env(&x, env);
    fixture_load(&x, "f.ini", "[free]\na = file\nb = file\n");
    assert_map(&x, wanted);
    fixture_end(&x);
}

static void test_where_a_value_stands(void **state)
{
    static const char *const env[] = {"REGISTRY_FREE_B=2", NULL};
    struct fixture x;

    (void)state;
    fixture_begin(&x);
    assert_int_equal(conf_source_of(x.conf, "free.a"), CONF_FROM_DEFAULT);
    fixture_load(&x, "f.ini", "[free]\n\na = 1\n");
    assert_int_equal(conf_source_of(x.conf, "free"), CONF_FROM_FILE);
    fixture_env(&x, env);
    const struct conf_pair *a = conf_map_next(&x.target.map, "A", NULL);
    const struct conf_pair *b = conf_map_next(&x.target.map, "b", NULL);
    assert_string_equal(a->where, "f.ini:3");
    assert_int_equal(a->source, CONF_FROM_FILE);
    assert_string_equal(b->where, "REGISTRY_FREE_B");
    assert_int_equal(b->source, CONF_FROM_ENV);
    assert_null(conf_map_next(&x.target.map, "b", b));
    assert_int_equal(conf_source_of(x.conf, "free"), CONF_FROM_ENV);
    fixture_end(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_kept),
        cmocka_unit_test(test_an_earlier_source_that_comes_late),
        cmocka_unit_test(test_where_a_value_stands),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

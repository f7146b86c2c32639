/* SPDX-License-Identifier: Apache-2.0
 *
 * config: each row of the table through each source, in registry.ini, and in the help.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "test/unit/server/config_fixture.h"

static bool is_settable(const struct conf_option *o)
{
    return o->type != CONF_LATER && o->type != CONF_REFUSED;
}

/* A value that is not the default, for any row. */
static const char *other_value(const struct conf_option *o, struct arena *a)
{
    struct span first, rest;

    switch (o->type) {
    case CONF_STRING:
        return span_ends(span_of(o->key), SPAN("addr")) ? "some.thing:1" : "/some/thing:1/";
    case CONF_BOOL:
        return strcmp(o->initial, "true") == 0 ? "false" : "true";
    case CONF_COUNT:
        return "17";
    case CONF_SIZE:
        return "17KiB";
    case CONF_DURATION:
        return "17s";
    case CONF_ENUM:
        span_cut_last(span_of(o->expects), '|', &first, &rest);
        return arena_str(a, rest);
    case CONF_MAP:
        return "17";
    case CONF_LATER:
    case CONF_REFUSED:
        return NULL;
    }
    return NULL;
}

/* A key that belongs to the row. */
static const char *key_of(const struct conf_option *o, struct arena *a)
{
    return o->type == CONF_MAP ? arena_printf(a, "%s.some", o->key) : o->key;
}

static void assert_same_map(const struct conf_map *a, const struct conf_map *b)
{
    const struct conf_pair *p = a->first, *q = b->first;

    for (; p != NULL && q != NULL; p = p->next, q = q->next) {
        assert_string_equal(p->key, q->key);
        assert_string_equal(p->value, q->value);
    }
    assert_null(p);
    assert_null(q);
}

static char *as_ini(const char *key, const char *value, struct arena *a)
{
    struct span section, name;

    if (!span_cut_last(span_of(key), '.', &section, &name))
        return arena_printf(a, "%s = %s\n", key, value);
    return arena_printf(a, "[%.*s]\n%.*s = %s\n", SPAN_ARG(section), SPAN_ARG(name), value);
}

static char *as_yaml(const char *key, const char *value, struct arena *a)
{
    struct span part, rest = span_of(key);
    char *text = arena_printf(a, "version: 0.1\n");

    for (int depth = 0; rest.n > 0; depth++) {
        span_cut(rest, '.', &part, &rest);
        text = arena_printf(a, "%s%*s%.*s:%s", text, 2 * depth, "", SPAN_ARG(part),
                            rest.n > 0 ? "\n" : "");
    }
    return arena_printf(a, "%s %s\n", text, value);
}

static char *as_variable(const char *key, const char *value, struct arena *a)
{
    char *text = arena_printf(a, "REGISTRY_%s=%s", key, value);

    for (char *p = text + strlen("REGISTRY_"); *p != '='; p++)
        *p = *p == '.' || *p == '_' ? '_' : (char)(*p >= 'a' && *p <= 'z' ? *p - 'a' + 'A' : *p);
    return text;
}

/* The value of one row, in two configurations. */
static void assert_same(const struct config *a, const struct config *b, const struct conf_option *o)
{
    size_t n = sizeof(uint64_t);

    if (o->type == CONF_MAP) {
        assert_same_map((const void *)((const char *)a + o->offset),
                        (const void *)((const char *)b + o->offset));
        return;
    }
    if (o->type == CONF_STRING) {
        const char *const *p = (const void *)((const char *)a + o->offset);
        const char *const *q = (const void *)((const char *)b + o->offset);
        assert_string_equal(*p, *q);
        return;
    }
    if (o->type == CONF_BOOL)
        n = sizeof(bool);
    if (o->type == CONF_ENUM)
        n = sizeof(int);
    assert_memory_equal((const char *)a + o->offset, (const char *)b + o->offset, n);
}

static void test_each_row_from_each_source(void **state)
{
    (void)state;
    for (size_t i = 0; i < config_table_count; i++) {
        const struct conf_option *o = &config_table[i];
        struct fixture ini, yaml, env, flag;
        if (!is_settable(o))
            continue;
        fixture_begin(&ini);
        fixture_begin(&yaml);
        fixture_begin(&env);
        fixture_begin(&flag);
        const char *value = other_value(o, &ini.arena);
        const char *key = key_of(o, &ini.arena);
        const char *variables[] = {as_variable(key, value, &ini.arena), NULL};
        fixture_load(&ini, ".ini", as_ini(key, value, &ini.arena), no_env);
        fixture_load(&yaml, ".yml", as_yaml(key, value, &ini.arena), no_env);
        fixture_load(&env, NULL, NULL, variables);
        flag.flag = (struct config_flag){span_of(key), span_of(value)};
        fixture_load(&flag, NULL, NULL, no_env);
        for (size_t k = 0; k < config_table_count; k++) {
            if (!is_settable(&config_table[k]))
                continue;
            assert_same(ini.config, yaml.config, &config_table[k]);
            assert_same(ini.config, env.config, &config_table[k]);
            assert_same(ini.config, flag.config, &config_table[k]);
        }
        assert_int_equal(conf_source_of(ini.config->conf, o->key), CONF_FROM_FILE);
        assert_int_equal(conf_source_of(yaml.config->conf, o->key), CONF_FROM_FILE);
        assert_int_equal(conf_source_of(env.config->conf, o->key), CONF_FROM_ENV);
        assert_int_equal(conf_source_of(flag.config->conf, o->key), CONF_FROM_FLAG);
        fixture_end(&ini);
        fixture_end(&yaml);
        fixture_end(&env);
        fixture_end(&flag);
    }
}

static void test_the_table_is_in_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < config_table_count; i++) {
        const struct conf_option *o = &config_table[i];
        assert_true(strlen(o->help) > 0);
        assert_int_equal(strcspn(o->key, " -ABCDEFGHIJKLMNOPQRSTUVWXYZ"), strlen(o->key));
        assert_int_equal(o->type == CONF_ENUM, o->expects != NULL);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(o->key, config_table[k].key);
    }
}

/* registry.ini */

enum { SAMPLE_MAX = 64 * 1024 };

/* Beside this file's own folders, or in the current one. */
static char *read_sample(void)
{
    char path[4096];
    const char *up = strstr(__FILE__, "test/unit/server/");
    int n = up != NULL ? (int)(up - __FILE__) : 0;
    char *text = calloc(1, SAMPLE_MAX);

    snprintf(path, sizeof(path), "%.*sregistry.ini", n, __FILE__);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        file = fopen("registry.ini", "r");
    assert_non_null(file);
    assert_true(fread(text, 1, SAMPLE_MAX - 1, file) > 0);
    fclose(file);
    return text;
}

static void test_the_sample_loads(void **state)
{
    struct fixture x;
    char *text = read_sample();

    (void)state;
    fixture_begin(&x);
    fixture_load(&x, ".ini", text, no_env);
    assert_string_equal(x.config->http_addr, "127.0.0.1:5000");
    assert_string_equal(x.config->root_directory, "./data");
    assert_true(x.config->delete_enabled);
    assert_null(conf_warning(x.config->conf, 0));
    fixture_end(&x);
    free(text);
}

static const struct conf_option *find_option(struct span section, struct span name)
{
    for (size_t i = 0; i < config_table_count; i++) {
        struct span row_section, row_name;
        struct span key = span_of(config_table[i].key);
        bool inside =
            span_eq(section, key) || (span_starts(section, key) && section.p[key.n] == '.');
        if (config_table[i].type == CONF_MAP && inside)
            return &config_table[i];
        span_cut_last(span_of(config_table[i].key), '.', &row_section, &row_name);
        if (span_eq(row_section, section) && span_eq(row_name, name))
            return &config_table[i];
    }
    return NULL;
}

/* A line of the sample that is an option, commented out or not; else NULL. */
static const struct conf_option *option_of(struct span line, struct span section)
{
    struct span name, value;
    bool commented = span_starts(line, SPAN(";"));

    if (line.n == 0 || span_starts(line, SPAN("; ")) || span_eq(line, SPAN(";")))
        return NULL;
    assert_true(span_cut(commented ? span_skip(line, 1) : line, '=', &name, &value));
    const struct conf_option *o = find_option(section, span_trim(name));
    if (o == NULL)
        print_error("not in the table: %.*s\n", SPAN_ARG(line));
    assert_non_null(o);
    /* what is commented out is the default or an example, what is not is worth saying */
    if (o->type == CONF_MAP)
        assert_true(commented);
    else
        assert_int_equal(commented, span_eq(span_trim(value), span_of(o->initial)));
    return o;
}

static void test_the_sample_and_the_table_agree(void **state)
{
    bool *seen = calloc(config_table_count, sizeof(*seen));
    char *text = read_sample();
    struct span line, rest = span_of(text), section = SPAN("");

    (void)state;
    while (rest.n > 0) {
        span_cut(rest, '\n', &line, &rest);
        assert_true(line.n <= 100);
        if (span_starts(line, SPAN("["))) {
            section = span_head(span_skip(line, 1), line.n - 2);
            continue;
        }
        const struct conf_option *o = option_of(line, section);
        if (o == NULL)
            continue;
        assert_true(is_settable(o));
        assert_true(o->type == CONF_MAP || !seen[o - config_table]);
        seen[o - config_table] = true;
    }
    for (size_t i = 0; i < config_table_count; i++) {
        if (is_settable(&config_table[i]) && !seen[i])
            print_error("not in registry.ini: %s\n", config_table[i].key);
        assert_int_equal(seen[i], is_settable(&config_table[i]));
    }
    free(seen);
    free(text);
}

static void test_help_has_each_option(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b);
    config_add_help(&b);
    for (size_t i = 0; i < config_table_count; i++) {
        if (is_settable(&config_table[i]))
            assert_non_null(strstr(b.p, config_table[i].help));
    }
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_row_from_each_source),
        cmocka_unit_test(test_the_table_is_in_order),
        cmocka_unit_test(test_the_sample_loads),
        cmocka_unit_test(test_the_sample_and_the_table_agree),
        cmocka_unit_test(test_help_has_each_option),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * conf_fixture: the table, and what each test of conf begins and ends with.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test/unit/lib/conf_fixture.h"

#define AT(member) offsetof(struct target, member)

const struct conf_option fixture_table[] = {
    {"a.text", CONF_STRING, AT(text), "start", CONF_RELOAD, NULL, ""},
    {"a.password", CONF_STRING, AT(password), "", CONF_RELOAD, NULL, ""},
    {"a.flag", CONF_BOOL, AT(flag), "false", CONF_RELOAD, NULL, ""},
    {"a.b.count", CONF_COUNT, AT(count), "1", CONF_RELOAD, NULL, ""},
    {"a.b.size", CONF_SIZE, AT(size), "1k", CONF_RELOAD, NULL, ""},
    {"a.b.time", CONF_DURATION, AT(time), "1s", CONF_RELOAD, NULL, ""},
    {"word", CONF_ENUM, AT(word), "red", CONF_RELOAD, "red|green=lime=olive|blue", ""},
    {"driver", CONF_ENUM, AT(driver), "disk", CONF_RELOAD, "disk", ""},
    {"driver.cloud", CONF_REFUSED, 0, NULL, CONF_RELOAD, NULL, "there is only disk"},
    {"free", CONF_MAP, AT(map), "", CONF_RELOAD, NULL, ""},
    {"old", CONF_LATER, 0, NULL, CONF_RELOAD, NULL, ""},
    {"guard", CONF_REFUSED, 0, "none", CONF_RELOAD, NULL, "not without a guard"},
    {"guard.key", CONF_REFUSED, 0, "", CONF_RELOAD, NULL, "not without a key"},
};

void fixture_begin(struct fixture *x)
{
    arena_init(&x->arena);
    fault_init(&x->fault, &x->arena);
    x->conf = conf_new(fixture_table, array_len(fixture_table), &x->target);
}

void fixture_end(struct fixture *x)
{
    conf_free(x->conf);
    arena_fini(&x->arena);
}

const char *fixture_detail(const struct fixture *x)
{
    return x->fault.first != NULL ? x->fault.first->detail : "";
}

const char *fixture_warning(const struct fixture *x, size_t i)
{
    const char *w = conf_warning(x->conf, i);
    return w != NULL ? w : "";
}

void fixture_load(struct fixture *x, const char *name, const char *text)
{
    enum rc rc = conf_load_file(x->conf, name, span_of(text), &x->fault);
    if (rc != RC_OK)
        print_error("%s\n", fixture_detail(x));
    assert_int_equal(rc, RC_OK);
}

void fixture_env(struct fixture *x, const char *const *env)
{
    enum rc rc = conf_load_env(x->conf, (char *const *)env, &x->fault);
    if (rc != RC_OK)
        print_error("%s\n", fixture_detail(x));
    assert_int_equal(rc, RC_OK);
}

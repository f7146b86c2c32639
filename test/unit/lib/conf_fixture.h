/* SPDX-License-Identifier: Apache-2.0
 *
 * conf_fixture: a small table of options with a row of each kind, for the tests of conf.
 */
#ifndef TEST_UNIT_LIB_CONF_FIXTURE_H
#define TEST_UNIT_LIB_CONF_FIXTURE_H

#include "lib/conf.h"

#define BOOL_WANTED "expected true or false"
#define COUNT_WANTED "expected a whole number"
#define SIZE_WANTED "expected a size such as 4096, 64KiB or 4MiB"
#define TIME_WANTED "expected a duration such as 10s, 1h30m or 500ms"

struct target {
    const char *text, *password;
    bool flag;
    uint64_t count, size, time;
    int word, driver;
    struct conf_map map;
};

extern const struct conf_option fixture_table[];

struct fixture {
    struct target target;
    struct conf *conf;
    struct arena arena;
    struct fault fault;
};

void fixture_begin(struct fixture *x);
void fixture_end(struct fixture *x);
const char *fixture_detail(const struct fixture *x);
const char *fixture_warning(const struct fixture *x, size_t i);
void fixture_load(struct fixture *x, const char *name, const char *text);
void fixture_env(struct fixture *x, const char *const *env);

#endif

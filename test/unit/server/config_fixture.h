/* SPDX-License-Identifier: Apache-2.0
 *
 * config_fixture: a configuration read from a file of the test's own and from variables.
 */
#ifndef TEST_UNIT_SERVER_CONFIG_FIXTURE_H
#define TEST_UNIT_SERVER_CONFIG_FIXTURE_H

#include "server/config.h"

extern const char *const no_env[];

struct fixture {
    char path[64]; /* a file of this test's own; empty: there is none */
    struct config *config;
    struct config_flag flag; /* key.n 0: there is none */
    struct arena arena;
    struct fault fault;
};

void fixture_begin(struct fixture *x);
void fixture_end(struct fixture *x);
/* suffix is ".ini" or ".yml". */
void fixture_write(struct fixture *x, const char *suffix, const char *text, size_t n);
enum rc fixture_try(struct fixture *x, const char *path, const char *const *env);
const char *fixture_detail(const struct fixture *x);
/* suffix NULL: no file. */
void fixture_load(struct fixture *x, const char *suffix, const char *text, const char *const *env);
/* These and no others; the path of the file is left out of them. */
void fixture_warnings(const struct fixture *x, const char *const *wanted);

#endif

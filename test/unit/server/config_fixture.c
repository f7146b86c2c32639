/* SPDX-License-Identifier: Apache-2.0
 *
 * config_fixture: see the header.
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

#include "test/unit/server/config_fixture.h"

const char *const no_env[] = {NULL};

void fixture_begin(struct fixture *x)
{
    *x = (struct fixture){.config = NULL};
    arena_init(&x->arena);
    fault_init(&x->fault, &x->arena);
}

void fixture_end(struct fixture *x)
{
    if (x->path[0] != '\0')
        unlink(x->path);
    config_free(x->config);
    arena_fini(&x->arena);
}

void fixture_write(struct fixture *x, const char *suffix, const char *text, size_t n)
{
    snprintf(x->path, sizeof(x->path), "/tmp/test_config.XXXXXX%s", suffix);
    int fd = mkstemps(x->path, (int)strlen(suffix));
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, n), n);
    close(fd);
}

enum rc fixture_try(struct fixture *x, const char *path, const char *const *env)
{
    struct config_sources from = {.path = path,
                                  .env = (char *const *)env,
                                  .flags = &x->flag,
                                  .flag_count = x->flag.key.n > 0};
    return config_load(&from, &x->config, &x->fault);
}

const char *fixture_detail(const struct fixture *x)
{
    return x->fault.first != NULL ? x->fault.first->detail : "";
}

void fixture_load(struct fixture *x, const char *suffix, const char *text, const char *const *env)
{
    if (suffix != NULL)
        fixture_write(x, suffix, text, strlen(text));
    enum rc rc = fixture_try(x, suffix != NULL ? x->path : NULL, env);
    if (rc != RC_OK)
        print_error("%s\n", fixture_detail(x));
    assert_int_equal(rc, RC_OK);
}

void fixture_warnings(const struct fixture *x, const char *const *wanted)
{
    size_t i = 0;

    for (; wanted[i] != NULL; i++) {
        const char *w = conf_warning(x->config->conf, i);
        assert_non_null(w);
        assert_memory_equal(w, x->path, strlen(x->path));
        assert_string_equal(w + strlen(x->path), wanted[i]);
    }
    assert_null(conf_warning(x->config->conf, i));
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * unit: what every unit test of lib needs: cmocka, and spans compared as values.
 */
#ifndef TEST_UNIT_LIB_UNIT_H
#define TEST_UNIT_LIB_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/span.h"

#define assert_span(s, text) check_span((s), (text), __FILE__, __LINE__)

static inline void check_span(struct span s, const char *text, const char *file, int line)
{
    if (span_eq(s, span_of(text)))
        return;
    print_error("got \"%.*s\", expected \"%s\"\n", (int)s.n, s.p ? s.p : "", text);
    _fail(file, line);
}

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz: what the targets have in common.
 */
#include "test/fuzz/fuzz.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fuzz_broken(const char *file, int line, const char *what)
{
    (void)fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
    abort();
}

unsigned take_byte(struct span *in)
{
    unsigned byte = in->n > 0 ? (unsigned char)in->p[0] : 0;
    *in = span_skip(*in, 1);
    return byte;
}

struct span take_line(struct span *in)
{
    struct span line;
    span_cut(*in, '\n', &line, in);
    return line;
}

struct span take_part(struct span *in)
{
    static const char end[] = "\n===\n";
    const char *at = in->n > 0 ? memmem(in->p, in->n, end, strlen(end)) : NULL;
    struct span part = at ? span_head(*in, (size_t)(at - in->p)) : *in;
    *in = span_skip(*in, part.n + strlen(end));
    return part;
}

struct span copy_new(struct span s)
{
    char *p = malloc(s.n > 0 ? s.n : 1);
    if (!p)
        abort();
    if (s.n > 0)
        memcpy(p, s.p, s.n);
    return span_from(p, s.n);
}

void copy_free(struct span s)
{
    free((void *)s.p);
}

bool is_one_line(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
            return false;
    return true;
}

/* A copy with a NUL behind it: sanitizers do not know of REG_STARTEND. */
bool is_match(struct pattern *p, struct span s)
{
    regmatch_t all;
    if (!p->made) {
        p->made = malloc(sizeof(regex_t));
        if (!p->made || regcomp(p->made, p->text, REG_EXTENDED) != 0)
            abort();
    }
    if (s.n > 0 && memchr(s.p, '\0', s.n))
        return false;
    char *text = strndup(s.n > 0 ? s.p : "", s.n);
    bool found = text && regexec(p->made, text, 1, &all, 0) == 0;
    free(text);
    return found && all.rm_so == 0 && all.rm_eo == (regoff_t)s.n;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz: a target is LLVMFuzzerTestOneInput in a file fuzz_NAME.c: it reads an input as somebody's
 * bytes and says with HOLDS what must be true of every one. libFuzzer makes the inputs; replay.c
 * gives it those of corpus/NAME again, in trees without libFuzzer. words/NAME is its dictionary.
 *
 * A case that was found is made small, and kept under a name that says what it is:
 *
 *   build/fuzz/fuzz.NAME -minimize_crash=1 -max_total_time=60 build/fuzz/found/NAME/crash-…
 */
#ifndef TEST_FUZZ_FUZZ_H
#define TEST_FUZZ_FUZZ_H

#include "lib/span.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HOLDS(what) ((what) ? (void)0 : fuzz_broken(__FILE__, __LINE__, #what))
_Noreturn void fuzz_broken(const char *file, int line, const char *what);

/* What is decided by the head of the input; 0 once that is used up. */
unsigned take_byte(struct span *in);
/* What is before the next line's end; all of it if there is none. */
struct span take_line(struct span *in);
/* What is before the next line that consists of "===". */
struct span take_part(struct span *in);

/* A copy in memory that ends where it does, so that the sanitizer sees who reads on. */
struct span copy_new(struct span s);
void copy_free(struct span s);

/* Can it stand in one line of a log or a header: has it no control characters? */
bool is_one_line(struct span s);

/* Does all of it match the POSIX pattern? The pattern is compiled once, and kept in *made. */
struct pattern {
    const char *text;
    void *made;
};
bool is_match(struct pattern *p, struct span s);

#endif

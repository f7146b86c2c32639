/* SPDX-License-Identifier: Apache-2.0
 *
 * fail: a disk that does not do what it is asked. The linker puts the functions of fail.c in the
 * place of the system calls on files (--wrap, see CMakeLists.txt), and between fail_begin and
 * fail_end one of them, or one and all that follow, fail with an error that they can have.
 *
 * For one thread.
 */
#ifndef TEST_FAIL_H
#define TEST_FAIL_H

#include <stdbool.h>
#include <stddef.h>

enum fail_how {
    FAIL_ONCE, /* the at-th call */
    FAIL_FROM  /* that and all after it */
};

/* Not an error: a read or a write that moves half of what it could. */
enum { FAIL_SHORT = -1 };

struct fail {
    int error; /* an errno, or FAIL_SHORT */
    enum fail_how how;
    unsigned at;      /* counts from 0 the calls that this error is for */
    const char *call; /* those of this name alone; NULL: of all */
};

void fail_begin(const struct fail *f);
/* The name of the first call that has failed since; NULL: there was none. */
const char *fail_end(void);

/* Has a file become a blob of which a part may not be on the disk, because that could not be
 * written back? */
bool fail_has_lied(void);
/* Forgets that, and which files there are. */
void fail_forget(void);

/* Once, in the next syncfs: what another thread does at that time. */
void fail_meanwhile(void (*act)(void *ctx), void *ctx);
/* From now on directories do not say what their entries are, as on some file systems. */
void fail_hide_kinds(bool hidden);
/* From now on only what is open for writing can be locked for one alone, as on other machines'. */
void fail_lock_as_remote(bool remote);

/* A call that has never been made since the program began; NULL: there is none. */
const char *fail_never_called(void);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * record: writes down what the storage does to its files, call by call, and what clients were told
 * in between. The linker puts the functions of record.c in the place of the system calls (--wrap,
 * see CMakeLists.txt); before each call that changes something another thread may have its turn
 * (turns.h).
 *
 * One recording at a time.
 */
#ifndef TEST_CRASH_RECORD_H
#define TEST_CRASH_RECORD_H

#include "test/crash/disk.h"

enum { WORDS_MAX = 24 };

/* A thing (ledger.h) and what becomes of it. */
struct word {
    int thing, value;
};

enum step_kind {
    STEP_CHANGE, /* a system call */
    STEP_BEGIN,  /* a client asks for something … */
    STEP_ACK,    /* … is told that it is done … */
    STEP_FAIL,   /* … or that it is not */
    STEP_DOOM    /* from now on a collection may take the things */
};

struct step {
    enum step_kind kind;
    const char *text;     /* for people */
    struct change change; /* CHANGE */
    const char *sort;     /* CHANGE_SYNC: what is synced, without what is only its name */
    int asked;            /* BEGIN, ACK, FAIL: which request */
    struct word words[WORDS_MAX];
    int word_count;
};

struct log {
    struct arena arena;
    struct step *steps;
    int count, cap;
};

/* Everything below `top`, an empty directory, is recorded from now on. seed: of the names that the
 * storage makes up. */
void record_begin(struct log *l, const char *top, unsigned seed);
void record_end(void); /* the log stays */
void log_fini(struct log *l);

/* What is not a system call; returns the number of the request that begins. */
int record_request(const char *text, const struct word *words, int count);
void record_answer(int request, bool done);
void record_doom(const char *text, const struct word *words, int count);

/* ---- When calls fail. ------------------------------------------------------------------- */

enum failing {
    FAIL_ONE,  /* that call does nothing, and says EIO */
    FAIL_SYNC, /* that one, and each syncfs after it */
    FAIL_ALL   /* that one and all after it: as if the process had been killed */
};
/* Of the calls that change or sync something, from the n-th one from now on, counted from 0. */
void record_fail(enum failing how, unsigned n);
/* No more. Was there an n-th call? */
bool record_failed(void);

#endif

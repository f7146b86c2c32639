/* SPDX-License-Identifier: Apache-2.0
 *
 * turns: runs a few threads one at a time, and switches between them in every order there is.
 *
 * A switch can happen before each system call on files and each lock that the threads take: the
 * linker puts the functions of turns.c and calls.c in their place (--wrap, see CMakeLists.txt).
 * Every schedule with at most so many switches away from a thread that could go on is tried, each
 * once; a thread that has to wait costs none. With a rarity only one in so many places is taken for
 * the second switch and those after it; which, the seed says.
 */
#ifndef TEST_UNIT_GC_TURNS_H
#define TEST_UNIT_GC_TURNS_H

#include <stdbool.h>

enum { TURNS_ACTORS_MAX = 3 };

struct turns {
    void *ctx;
    void (*before)(void *ctx); /* makes what the actors work on */
    void (*actors[TURNS_ACTORS_MAX])(void *ctx);
    int actor_count;
    void (*after)(void *ctx); /* checks, and takes it away again */
    unsigned switches;
    unsigned rarity, seed; /* rarity 1: every place */
};

/* How many schedules were tried. Fails the test at a deadlock. The first failing check leaves the
 * schedule's number in turns_schedule(). */
unsigned turns_explore(const struct turns *t);
/* The number of the schedule being tried. */
unsigned turns_schedule(void);

/* A place where another thread may go on. */
void turns_point(void);
/* Which of the actors this thread is; -1: none. */
int turns_actor(void);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * turns: a depth-first search over schedules, by running each from the beginning.
 */
#include "test/unit/gc/turns.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { POINTS_MAX = 1 << 16 };

enum actor_state { ACTOR_READY, ACTOR_WAITS_LOCK, ACTOR_WAITS_COND, ACTOR_DONE };

struct actor {
    pthread_t thread;
    sem_t turn;
    enum actor_state state;
    const void *waits_for;
};

/* A place where there was a choice. */
struct point {
    int options, chosen;
};

static struct {
    const struct turns *turns;
    struct actor actors[TURNS_ACTORS_MAX];
    sem_t all_done;
    struct point points[POINTS_MAX];
    int point_count; /* of the schedule that is repeated, up to its last choice */
    int at;          /* the next point */
    unsigned switches_left;
    unsigned steps;    /* choices and non-choices so far in this schedule … */
    unsigned switched; /* … and when the last switch was */
    unsigned schedule;
} t;

static __thread int self = -1;

unsigned turns_schedule(void)
{
    return t.schedule;
}

int turns_actor(void)
{
    return self;
}

/* ---- Who is next. ----------------------------------------------------------------------- */

static void give_up(const char *why)
{
    (void)fprintf(stderr, "turns: %s in schedule %u\n", why, t.schedule);
    abort();
}

/* The ready ones, the current one first. */
static int ready(int current, int out[TURNS_ACTORS_MAX])
{
    int n = 0;
    if (current >= 0 && t.actors[current].state == ACTOR_READY)
        out[n++] = current;
    for (int i = 0; i < t.turns->actor_count; i++)
        if (i != current && t.actors[i].state == ACTOR_READY)
            out[n++] = i;
    return n;
}

static int choose(int options)
{
    if (t.at == POINTS_MAX)
        give_up("too many points");
    struct point *p = &t.points[t.at++];
    if (t.at > t.point_count) {
        *p = (struct point){.options = options};
        t.point_count = t.at;
    }
    if (p->options != options)
        give_up("another run of the same schedule has other choices");
    return p->chosen;
}

/* May the one who could go on be interrupted here? */
static bool may_switch(void)
{
    if (t.switches_left == 0)
        return false;
    if (t.switches_left == t.turns->switches)
        return true;
    unsigned mix = (t.steps * 2654435761u) ^ (t.switched * 40503u) ^ (t.turns->seed * 2246822519u);
    return (mix >> 7) % t.turns->rarity == 0;
}

/* Who goes on; -1: all are done. */
static int pick(int current)
{
    int ways[TURNS_ACTORS_MAX];
    int n = ready(current, ways);
    if (n == 0) {
        for (int i = 0; i < t.turns->actor_count; i++)
            if (t.actors[i].state != ACTOR_DONE)
                give_up("deadlock");
        return -1;
    }
    bool can_go_on = ways[0] == current;
    t.steps++;
    if (n == 1 || (can_go_on && !may_switch()))
        return ways[0];
    int way = choose(n);
    if (can_go_on && way > 0) {
        t.switches_left--;
        t.switched = t.steps;
    }
    return ways[way];
}

static void hand_over(void)
{
    int next = pick(self);
    bool done = t.actors[self].state == ACTOR_DONE; /* whoever goes on may wake this one */
    if (next == self)
        return;
    if (next < 0)
        (void)sem_post(&t.all_done);
    else
        (void)sem_post(&t.actors[next].turn);
    if (!done)
        while (sem_wait(&t.actors[self].turn) != 0)
            ;
}

void turns_point(void)
{
    if (self >= 0)
        hand_over();
}

static void wait_for(enum actor_state state, const void *what)
{
    t.actors[self].state = state;
    t.actors[self].waits_for = what;
    hand_over();
}

static void wake(enum actor_state state, const void *what)
{
    for (int i = 0; self >= 0 && i < t.turns->actor_count; i++)
        if (t.actors[i].state == state && t.actors[i].waits_for == what)
            t.actors[i].state = ACTOR_READY;
}

/* ---- Running one schedule. -------------------------------------------------------------- */

static void *actor_main(void *arg)
{
    self = (int)(intptr_t)arg;
    while (sem_wait(&t.actors[self].turn) != 0)
        ;
    t.turns->actors[self](t.turns->ctx);
    t.actors[self].state = ACTOR_DONE;
    hand_over();
    return NULL;
}

static void run_schedule(void)
{
    t.at = 0;
    t.steps = t.switched = 0;
    t.switches_left = t.turns->switches;
    (void)sem_init(&t.all_done, 0, 0);
    for (int i = 0; i < t.turns->actor_count; i++) {
        t.actors[i] = (struct actor){.state = ACTOR_READY};
        (void)sem_init(&t.actors[i].turn, 0, 0);
        if (pthread_create(&t.actors[i].thread, NULL, actor_main, (void *)(intptr_t)i) != 0)
            give_up("no thread");
    }
    (void)sem_post(&t.actors[pick(-1)].turn);
    while (sem_wait(&t.all_done) != 0)
        ;
    for (int i = 0; i < t.turns->actor_count; i++) {
        (void)pthread_join(t.actors[i].thread, NULL);
        (void)sem_destroy(&t.actors[i].turn);
    }
    (void)sem_destroy(&t.all_done);
}

/* The next schedule: the last choice that has another way takes it. */
static bool next_schedule(void)
{
    while (t.point_count > 0) {
        struct point *last = &t.points[t.point_count - 1];
        if (++last->chosen < last->options)
            return true;
        t.point_count--;
    }
    return false;
}

unsigned turns_explore(const struct turns *turns)
{
    t.turns = turns;
    t.point_count = 0;
    t.schedule = 0;
    do {
        turns->before(turns->ctx);
        run_schedule();
        turns->after(turns->ctx);
        t.schedule++;
    } while (next_schedule());
    return t.schedule;
}

/* ---- What the linker puts in the place of locks. ---------------------------------------- */

int __real_pthread_mutex_unlock(pthread_mutex_t *m);
int __real_pthread_mutex_lock(pthread_mutex_t *m);
int __real_pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m);
int __real_pthread_cond_broadcast(pthread_cond_t *c);

int __wrap_pthread_mutex_unlock(pthread_mutex_t *m);
int __wrap_pthread_mutex_lock(pthread_mutex_t *m);
int __wrap_pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m);
int __wrap_pthread_cond_broadcast(pthread_cond_t *c);

int __wrap_pthread_mutex_lock(pthread_mutex_t *m)
{
    if (self < 0)
        return __real_pthread_mutex_lock(m);
    turns_point();
    while (pthread_mutex_trylock(m) != 0)
        wait_for(ACTOR_WAITS_LOCK, m);
    return 0;
}

int __wrap_pthread_mutex_unlock(pthread_mutex_t *m)
{
    int failed = __real_pthread_mutex_unlock(m);
    wake(ACTOR_WAITS_LOCK, m);
    return failed;
}

int __wrap_pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m)
{
    if (self < 0)
        return __real_pthread_cond_wait(c, m);
    (void)__wrap_pthread_mutex_unlock(m);
    wait_for(ACTOR_WAITS_COND, c);
    return __wrap_pthread_mutex_lock(m);
}

int __wrap_pthread_cond_broadcast(pthread_cond_t *c)
{
    wake(ACTOR_WAITS_COND, c);
    return __real_pthread_cond_broadcast(c);
}

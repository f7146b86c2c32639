/* SPDX-License-Identifier: Apache-2.0
 *
 * replay: goes through a recording step by step, has the machine crash after each, and has what
 * that may leave judged: every outcome if there are few, else those where nothing or all is left of
 * what was not synced, and a sample that the seed picks.
 */
#ifndef TEST_CRASH_REPLAY_H
#define TEST_CRASH_REPLAY_H

#include "test/crash/judge.h"

/* Outcomes that were judged already. Those with the same files and the same promises are one. */
struct judged {
    uint64_t *hashes;
    size_t count, cap;
};
void judged_fini(struct judged *j);

struct replay {
    const struct log *log;
    const struct ledger *ledger;
    struct judged *judged;
    int from;        /* the first step after which it crashes */
    unsigned every;  /* after one of so many it does, and after each answer */
    unsigned sample; /* outcomes of one crash that are looked at */
    unsigned rarity; /* of how many one is not only looked at: collections, and so on */
    uint64_t seed;
    const char *without; /* a sort of fsyncs (record.h) that is as if it had not been; or NULL */

    /* What came of it. */
    unsigned crashes, outcomes, gone_on, uploads_lost;
    struct judgement judgement;
    struct arena arena;  /* of the account of … */
    const char *account; /* … what was lost when something was not good */
};

/* Until something is not good. The caller ends it with replay_fini. */
bool replay_all(struct replay *r);
void replay_fini(struct replay *r);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * judge: opens the store that a crash has left, with the real code, and looks whether
 *
 *   - everything that was acknowledged is there, byte for byte, and what was deleted is not;
 *   - nothing is served that is not what its digest says, no manifest without its blobs, and no tag
 *     is told of that leads nowhere;
 *   - an upload is gone, or has what was acknowledged of it and can be finished;
 *   - collections end, lose nothing that is acknowledged or reached, and leave nothing else;
 *   - the same can be pushed, and deleted, again.
 */
#ifndef TEST_CRASH_JUDGE_H
#define TEST_CRASH_JUDGE_H

#include "test/crash/ledger.h"

struct judgement {
    bool good;
    char why[512];
    bool upload_lost; /* one could not be finished, for torn bytes that nobody had been told of */
};

enum judge_how {
    JUDGE_LOOK, /* only looks */
    JUDGE_ALL
};
/* bits: which of the things that cannot all be done to one store are done to this one. */
struct judgement judge(const char *root, const struct ledger *l, const struct beliefs *b,
                       enum judge_how how, unsigned bits);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * ledger: what clients pushed and deleted, and what they may therefore expect to find.
 *
 * Each thing has values. From the moment at which a client asks for a change the old value and the
 * new one are right; when it has been told that it is done, only the new one is. That holds for
 * deletes, too: storage.h says of every change that it is on the disk when it is answered.
 */
#ifndef TEST_CRASH_LEDGER_H
#define TEST_CRASH_LEDGER_H

#include "storage/storage.h"
#include "test/crash/record.h"

enum { THINGS_MAX = 63, PIECES_MAX = 8 };

enum thing_kind {
    THING_BLOB,     /* a blob in a repository: BLOB_… */
    THING_MANIFEST, /* a manifest in a repository: 0 or 1 */
    THING_TAG,      /* 0, or 1 + the number of the manifest that it points at */
    THING_UPLOAD    /* 0, or 1 + the number of pieces that were acknowledged */
};

/* What is fresh no collection may take, even without a manifest. */
enum { BLOB_ABSENT, BLOB_FRESH, BLOB_USED };

struct thing {
    enum thing_kind kind;
    const char *repo;
    const char *tag;
    struct digest digest;        /* UPLOAD: of all that will be sent */
    struct upload_id upload;     /* empty until it is known */
    bool young;                  /* MANIFEST: no collection may take it yet, even without a tag */
    struct span bytes;           /* UPLOAD: that */
    size_t received[PIECES_MAX]; /* UPLOAD: bytes, by number of pieces */
};

/* The strings are the caller's. */
struct ledger {
    struct thing things[THINGS_MAX];
    int count;
};

/* Its number; new things are entered as absent. */
int ledger_blob(struct ledger *l, const char *repo, const struct digest *d);
int ledger_manifest(struct ledger *l, const char *repo, const struct digest *d);
int ledger_tag(struct ledger *l, const char *repo, const char *tag);
int ledger_upload(struct ledger *l, const char *repo, struct span bytes);
const char *ledger_describe(const struct ledger *l, int thing, struct arena *a);

/* What may be found at a moment. */
struct belief {
    uint64_t right; /* a bit for each value */
    uint64_t asked; /* values of the requests that overlap */
    int requests;
};

struct beliefs {
    struct belief of[THINGS_MAX];
};

void beliefs_init(struct beliefs *b);
/* A step that is no system call. */
void beliefs_step(struct beliefs *b, const struct step *s);
bool belief_is(const struct belief *b, int value); /* that alone */
bool belief_may(const struct belief *b, int value);

#endif

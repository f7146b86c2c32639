/* SPDX-License-Identifier: Apache-2.0 */
#include "test/crash/ledger.h"

#include <stdlib.h>
#include <string.h>

static bool same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static int enter(struct ledger *l, const struct thing *new)
{
    for (int i = 0; i < l->count; i++) {
        const struct thing *t = &l->things[i];
        if (t->kind == new->kind && same(t->repo, new->repo) && same(t->tag, new->tag) &&
            digest_eq(&t->digest, &new->digest) && new->kind != THING_UPLOAD)
            return i;
    }
    if (l->count == THINGS_MAX)
        abort();
    l->things[l->count] = *new;
    return l->count++;
}

int ledger_blob(struct ledger *l, const char *repo, const struct digest *d)
{
    return enter(l, &(struct thing){.kind = THING_BLOB, .repo = repo, .digest = *d});
}

int ledger_manifest(struct ledger *l, const char *repo, const struct digest *d)
{
    return enter(l, &(struct thing){.kind = THING_MANIFEST, .repo = repo, .digest = *d});
}

int ledger_tag(struct ledger *l, const char *repo, const char *tag)
{
    return enter(l, &(struct thing){.kind = THING_TAG, .repo = repo, .tag = tag});
}

int ledger_upload(struct ledger *l, const char *repo, struct span bytes)
{
    return enter(l, &(struct thing){.kind = THING_UPLOAD,
                                    .repo = repo,
                                    .digest = digest_of(DIGEST_SHA256, bytes),
                                    .bytes = bytes});
}

const char *ledger_describe(const struct ledger *l, int thing, struct arena *a)
{
    const struct thing *t = &l->things[thing];
    switch (t->kind) {
    case THING_BLOB:
        return arena_printf(a, "blob %s in %s", digest_print(&t->digest).s, t->repo);
    case THING_MANIFEST:
        return arena_printf(a, "manifest %s in %s", digest_print(&t->digest).s, t->repo);
    case THING_TAG:
        return arena_printf(a, "tag %s:%s", t->repo, t->tag);
    case THING_UPLOAD:
        return arena_printf(a, "upload %s in %s", t->upload.s, t->repo);
    }
    return "";
}

/* ---- Beliefs. --------------------------------------------------------------------------- */

static uint64_t bit(int value)
{
    return UINT64_C(1) << value;
}

void beliefs_init(struct beliefs *b)
{
    for (int i = 0; i < THINGS_MAX; i++)
        b->of[i] = (struct belief){.right = bit(0)};
}

static void ask(struct belief *b, int value)
{
    b->requests++;
    b->asked |= bit(value);
    b->right |= bit(value);
}

/* Of requests at the same time either may have been last. */
static void answer(struct belief *b, bool done)
{
    if (done)
        b->right = b->asked;
    if (--b->requests == 0)
        b->asked = 0;
}

void beliefs_step(struct beliefs *b, const struct step *s)
{
    for (int i = 0; i < s->word_count; i++) {
        struct belief *of = &b->of[s->words[i].thing];
        switch (s->kind) {
        case STEP_CHANGE:
            break;
        case STEP_BEGIN:
            ask(of, s->words[i].value);
            break;
        case STEP_ACK:
        case STEP_FAIL:
            answer(of, s->kind == STEP_ACK);
            break;
        case STEP_DOOM:
            of->right |= bit(s->words[i].value);
            break;
        }
    }
}

bool belief_is(const struct belief *b, int value)
{
    return b->right == bit(value);
}

bool belief_may(const struct belief *b, int value)
{
    return b->right & bit(value);
}

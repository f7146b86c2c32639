/* SPDX-License-Identifier: Apache-2.0
 *
 * answer: manifests as they were asked for, by tag or by digest, to be answered again without
 * reading, hashing and parsing the same bytes. An answer is good as long as the files that it came
 * from have the times that they had before they were read:
 *
 *   the tag's link, if it was asked for by tag
 *   the link in the repository
 *   the data
 */
#include <stdlib.h>
#include <string.h>

#include "storage/store.h"

enum { REMEMBERED_MAX = 4 << 20, LARGE = 64 << 10 };

struct answer {
    struct memo memo;
    struct digest digest;
    const char *media_type; /* static */
    const char *paths[ORIGINS_MAX];
    struct file_times times[ORIGINS_MAX];
    size_t count;
    struct span bytes;
    char text[]; /* the key, the paths, the bytes */
};

static struct answer *of(struct memo *m)
{
    return container_of(m, struct answer, memo);
}

static void answer_free(struct memo *m)
{
    free(of(m));
}

void answers_init(struct memory *m, struct tree *t)
{
    struct file_times now;
    /* Kernels before 5.12 do not know what they know, and some sandboxes do not let them tell. */
    bool can_tell = file_known_times(t, ".", &now) == RC_OK;
    memory_init(m, can_tell ? REMEMBERED_MAX : 0, answer_free);
}

/* ---- What was asked for. ---------------------------------------------------------------- */

struct key {
    char s[NAME_MAX_LEN + 2 + TAG_MAX_LEN];
    size_t n;
};

static void key_add(struct key *k, const void *p, size_t n)
{
    memcpy(k->s + k->n, p, n);
    k->n += n;
}

/* "name:tag", or "name@", the algorithm and the digest's bytes. */
static struct key key_of(struct name repo, const struct reference *ref)
{
    struct key k;
    k.n = 0;
    key_add(&k, repo.s.p, repo.s.n);
    if (ref->kind == REFERENCE_TAG) {
        key_add(&k, ":", 1);
        key_add(&k, ref->tag.s.p, ref->tag.s.n);
    } else {
        char alg = (char)('0' + ref->digest.alg);
        key_add(&k, "@", 1);
        key_add(&k, &alg, 1);
        key_add(&k, ref->digest.bytes, digest_bytes(ref->digest.alg));
    }
    return k;
}

/* ---- Remembering. ----------------------------------------------------------------------- */

static bool may_be_remembered(const struct store *s, const struct origins *from,
                              const struct manifest *m)
{
    bool may = s->answers.max > 0 && m->bytes.n <= LARGE;
    for (size_t i = 0; i < from->count; i++)
        may = may && file_has_settled(&from->times[i]);
    return may;
}

/* Puts it where *at is, with a NUL behind it. */
static char *put(char **at, const char *p, size_t n)
{
    char *begun = *at;
    memcpy(begun, p, n);
    begun[n] = 0;
    *at += n + 1;
    return begun;
}

void answer_remember(struct store *s, struct name repo, const struct reference *ref,
                     const struct origins *from, const struct manifest *m)
{
    if (!may_be_remembered(s, from, m))
        return;
    struct key k = key_of(repo, ref);
    size_t n = sizeof(struct answer) + k.n + 1 + m->bytes.n + 1;
    for (size_t i = 0; i < from->count; i++)
        n += strlen(from->paths[i].s) + 1;
    struct answer *answer = must_calloc(n);
    char *at = answer->text;
    answer->memo = (struct memo){.key = put(&at, k.s, k.n), .key_len = k.n, .bytes = n};
    answer->digest = m->digest;
    answer->media_type = m->media_type;
    answer->bytes = span_from(put(&at, m->bytes.p, m->bytes.n), m->bytes.n);
    for (size_t i = 0; i < from->count; i++) {
        answer->paths[i] = put(&at, from->paths[i].s, strlen(from->paths[i].s));
        answer->times[i] = from->times[i];
    }
    answer->count = from->count;
    memory_put(&s->answers, &answer->memo);
    memory_give(&s->answers, &answer->memo);
}

/* ---- Answering again. ------------------------------------------------------------------- */

static bool is_still_good(struct tree *t, const struct answer *answer)
{
    struct file_times now;
    for (size_t i = 0; i < answer->count; i++)
        if (file_known_times(t, answer->paths[i], &now) != RC_OK ||
            !file_times_eq(&now, &answer->times[i]))
            return false;
    return true;
}

enum rc manifest_get_again(struct store *s, struct name repo, const struct reference *ref,
                           struct arena *a, struct manifest *out)
{
    struct key k = key_of(repo, ref);
    struct memo *memo = memory_find(&s->answers, k.s, k.n);
    enum rc rc = RC_NOT_FOUND;
    if (memo && is_still_good(&s->tree, of(memo))) {
        const struct answer *answer = of(memo);
        *out = (struct manifest){.digest = answer->digest,
                                 .media_type = answer->media_type,
                                 .bytes = arena_span(a, answer->bytes)};
        rc = RC_OK;
    }
    memory_give(&s->answers, memo);
    return rc;
}

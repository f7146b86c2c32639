/* SPDX-License-Identifier: Apache-2.0
 *
 * answer: manifests as they were asked for, by tag or by digest, to be answered again without
 * reading, hashing and parsing the same bytes; and blobs that were promised. An answer is good as
 * long as the files that it came from have the times that they had before they were read:
 *
 *   the tag's link, if it was asked for by tag
 *   the link in the repository
 *   the data
 *
 * For a manifest they are looked at once in each moment (manifest_get_again); for a promise each
 * time, after the pin has begun. A promise is noted in the link's time, in whole seconds
 * (link_promised): until the second is over there is nothing to note, and whoever writes to the
 * link meanwhile gives it a time that is no whole second.
 */
#include <stdlib.h>
#include <string.h>

#include "storage/store.h"

enum { REMEMBERED_MAX = 4 << 20, LARGE = 64 << 10 };

struct answer {
    struct memo memo;
    struct digest digest;
    const char *media_type; /* static */
    uint64_t size;          /* of a blob */
    const char *paths[ORIGINS_MAX];
    struct file_times times[ORIGINS_MAX];
    size_t count;
    uint64_t moment; /* in which they were last found to be the same */
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
    struct file_info now;
    /* Kernels before 5.12 do not know what they know, and some sandboxes do not let them tell. */
    bool can_tell = file_known(t, ".", &now) == RC_OK;
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

static void key_add_digest(struct key *k, const char *kind, const struct digest *d)
{
    char alg = (char)('0' + d->alg);
    key_add(k, kind, 1);
    key_add(k, &alg, 1);
    key_add(k, d->bytes, digest_bytes(d->alg));
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
        key_add_digest(&k, "@", &ref->digest);
    }
    return k;
}

/* "name#", and so on. */
static struct key key_of_blob(struct name repo, const struct digest *d)
{
    struct key k;
    k.n = 0;
    key_add(&k, repo.s.p, repo.s.n);
    key_add_digest(&k, "#", d);
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

static struct answer *answer_new(const struct key *k, const struct origins *from, struct span bytes)
{
    size_t n = sizeof(struct answer) + k->n + 1 + bytes.n + 1;
    for (size_t i = 0; i < from->count; i++)
        n += strlen(from->paths[i].s) + 1;
    struct answer *answer = must_calloc(n);
    char *at = answer->text;
    answer->memo = (struct memo){.key = put(&at, k->s, k->n), .key_len = k->n, .bytes = n};
    answer->bytes = span_from(put(&at, bytes.p, bytes.n), bytes.n);
    for (size_t i = 0; i < from->count; i++) {
        answer->paths[i] = put(&at, from->paths[i].s, strlen(from->paths[i].s));
        answer->times[i] = from->times[i];
    }
    answer->count = from->count;
    return answer;
}

static void remember(struct store *s, struct answer *answer)
{
    memory_put(&s->answers, &answer->memo);
    memory_give(&s->answers, &answer->memo);
}

void answer_remember(struct store *s, struct name repo, const struct reference *ref,
                     const struct origins *from, const struct manifest *m)
{
    if (!may_be_remembered(s, from, m))
        return;
    struct key k = key_of(repo, ref);
    struct answer *answer = answer_new(&k, from, m->bytes);
    answer->digest = m->digest;
    answer->media_type = m->media_type;
    remember(s, answer);
}

/* Was it promised in this second? A file system that has but whole seconds cannot say. */
static bool was_promised_now(const struct file_times *link)
{
    return link->modified.tv_sec == time(NULL) && link->modified.tv_nsec == 0 &&
           link->changed.tv_nsec != 0;
}

void answer_remember_promise(struct store *s, struct name repo, const struct digest *d,
                             struct origins *from)
{
    struct file_info info;
    struct path data = layout_blob(d);
    if (s->answers.max == 0 || !was_promised_now(&from->times[0]) ||
        data_stat(s, d, &info, NULL) != RC_OK || !file_has_settled(&info.times))
        return;
    from->paths[from->count] = data;
    from->times[from->count++] = info.times;
    struct key k = key_of_blob(repo, d);
    struct answer *answer = answer_new(&k, from, SPAN(""));
    answer->digest = *d;
    answer->size = info.size;
    remember(s, answer);
}

/* ---- Answering again. ------------------------------------------------------------------- */

static bool has_not_changed(struct tree *t, const struct answer *answer)
{
    struct file_info now;
    for (size_t i = 0; i < answer->count; i++)
        if (file_known(t, answer->paths[i], &now) != RC_OK ||
            !file_times_eq(&now.times, &answer->times[i]))
            return false;
    return true;
}

static bool is_still_good(struct tree *t, struct answer *answer, uint64_t moment)
{
    if (answer->moment != moment && has_not_changed(t, answer))
        answer->moment = moment;
    return answer->moment == moment;
}

enum rc manifest_get_again(struct store *s, struct name repo, const struct reference *ref,
                           uint64_t moment, struct arena *a, struct manifest *out)
{
    struct key k = key_of(repo, ref);
    struct memo *memo = memory_find(&s->answers, k.s, k.n);
    enum rc rc = RC_NOT_FOUND;
    if (memo && is_still_good(&s->tree, of(memo), moment)) {
        const struct answer *answer = of(memo);
        *out = (struct manifest){.digest = answer->digest,
                                 .media_type = answer->media_type,
                                 .bytes = arena_span(a, answer->bytes)};
        rc = RC_OK;
    }
    memory_give(&s->answers, memo);
    return rc;
}

enum rc blob_promise_again(struct store *s, struct name repo, const struct digest *d,
                           struct blob *out)
{
    struct key k = key_of_blob(repo, d);
    struct memo *memo = memory_find(&s->answers, k.s, k.n);
    enum rc rc = RC_NOT_FOUND;
    if (memo && was_promised_now(&of(memo)->times[0]) &&
        pins_try_begin(&s->pins, repo.s, PIN_BLOB, d)) {
        if (has_not_changed(&s->tree, of(memo))) {
            *out = (struct blob){.fd = -1, .size = of(memo)->size, .digest = *d};
            rc = RC_OK;
        }
        pins_end(&s->pins, repo.s, d, rc == RC_OK ? PIN_KEPT : PIN_DROPPED);
    }
    memory_give(&s->answers, memo);
    return rc;
}

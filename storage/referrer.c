/* SPDX-License-Identifier: Apache-2.0
 *
 * referrer: which manifests speak of another one. The repository's manifests are the truth,
 * and are looked through: no list is kept that another server on the same volume could
 * make wrong.
 */
#include "storage/store.h"

#include <stdlib.h>
#include <string.h>

struct search {
    struct store *store;
    struct name repo;
    const struct digest *subject;
    enum digest_alg alg; /* of the manifests being looked through */
    struct arena *arena; /* of what is found */
    struct fault *fault;
    struct referrer *items;
    size_t count, cap;
};

static void add(struct search *s, const struct digest *d, uint64_t size,
                const struct oci_manifest *m)
{
    if (s->count == s->cap) {
        s->cap = s->cap ? 2 * s->cap : 16;
        s->items = must_realloc(s->items, s->cap * sizeof(*s->items));
    }
    s->items[s->count++] = (struct referrer){
        .digest = *d,
        .media_type = m->media_type,
        .size = size,
        .artifact_type = arena_span(s->arena, m->artifact_type),
        .annotations = arena_span(s->arena, m->annotations),
    };
}

/* Most manifests have no subject: that the word is not in them is seen faster than by
 * reading JSON. */
static bool may_have_subject(struct span json)
{
    static const char word[] = "\"subject\"";
    return json.n > 0 && memmem(json.p, json.n, word, sizeof(word) - 1) != NULL;
}

static enum rc look_at(struct search *s, const struct digest *d)
{
    struct arena a; /* a repository may have thousands: each one's memory goes at once */
    struct span bytes;
    struct oci_manifest m;
    arena_init(&a);
    enum rc rc = document_get(s->store, d, &a, &bytes, s->fault);
    if (rc == RC_OK && may_have_subject(bytes) &&
        oci_parse(bytes, SPAN(""), &a, &m, NULL) == RC_OK && m.has_subject &&
        digest_eq(&m.subject, s->subject))
        add(s, d, bytes.n, &m);
    arena_fini(&a);
    return rc;
}

static enum rc look_at_entry(void *ctx, const char *name, bool is_dir)
{
    struct search *s = ctx;
    struct digest d, linked;
    if (!is_dir || !digest_from_hex(s->alg, span_of(name), &d))
        return RC_OK;
    enum rc rc = link_get(s->store, layout_revision_link(s->repo, &d).s, &linked, s->fault);
    if (rc == RC_OK)
        rc = look_at(s, &d);
    return rc == RC_NOT_FOUND ? RC_OK : rc; /* but a list with a gap would be no answer */
}

static int by_digest(const void *a, const void *b)
{
    const struct referrer *x = a, *y = b;
    if (x->digest.alg != y->digest.alg)
        return x->digest.alg < y->digest.alg ? -1 : 1;
    return memcmp(x->digest.bytes, y->digest.bytes, sizeof(x->digest.bytes));
}

static void take_found(struct search *s, struct referrers *out)
{
    struct referrer *items = arena_alloc(s->arena, (s->count + 1) * sizeof(*items));
    if (s->count > 0) {
        qsort(s->items, s->count, sizeof(*s->items), by_digest);
        memcpy(items, s->items, s->count * sizeof(*items));
    }
    *out = (struct referrers){.items = items, .count = s->count};
}

enum rc referrer_list(struct store *s, struct name repo, const struct digest *d, struct arena *a,
                      struct referrers *out, struct fault *f)
{
    struct search search = {.store = s, .repo = repo, .subject = d, .arena = a, .fault = f};
    enum rc rc = RC_OK;
    for (int alg = 0; rc == RC_OK && alg < DIGEST_ALGS; alg++) {
        search.alg = (enum digest_alg)alg;
        rc = file_list(&s->tree, layout_repo_revisions(repo.s, search.alg).s, look_at_entry,
                       &search, f);
        rc = rc == RC_NOT_FOUND ? RC_OK : rc;
    }
    if (rc == RC_OK)
        take_found(&search, out);
    free(search.items);
    return rc;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Digests, names, tags, references and ids of uploads: the grammars of the specifications as
 * patterns, and what is accepted as a path.
 */
#include "lib/name.h"

#include <string.h>

#include "storage/layout.h"
#include "test/fuzz/fuzz.h"

#define COMPONENT "[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*"
#define LABEL "([A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9-]*[A-Za-z0-9])"
#define HEX4 "[0-9a-f][0-9a-f][0-9a-f][0-9a-f]"

/* distribution-spec, "Pulling manifests"; and a host in front, for volumes that are there. */
static struct pattern name_pattern = {"((" COMPONENT ")|" LABEL "(\\." LABEL ")*/" COMPONENT ")"
                                      "(/" COMPONENT ")*",
                                      NULL};
static struct pattern tag_pattern = {"[A-Za-z0-9_][A-Za-z0-9._-]*", NULL};
static struct pattern digest_pattern = {
    "(sha256:[a-f0-9]{64}|sha384:[a-f0-9]{96}|sha512:[a-f0-9]{128})", NULL};
static struct pattern id_pattern = {HEX4 HEX4 "-" HEX4 "-" HEX4 "-" HEX4 "-" HEX4 HEX4 HEX4, NULL};

/* Below the store's root, whatever the names in it are: no way up, no component that is empty or
 * that the layout keeps for itself, and nothing cut off. */
static void check_path(struct path p, struct span repo)
{
    const char *top = "docker/registry/v2/repositories/";
    HOLDS(memchr(p.s, '\0', sizeof(p.s)) != NULL);
    HOLDS(strlen(p.s) < sizeof(p.s) - 1);
    HOLDS(strncmp(p.s, top, strlen(top)) == 0);
    HOLDS(strncmp(p.s + strlen(top), repo.p, repo.n) == 0 && p.s[strlen(top) + repo.n] == '/');
    struct span component, rest = span_of(p.s);
    for (bool more = true; more;) {
        more = span_cut(rest, '/', &component, &rest);
        HOLDS(component.n > 0 && component.n <= 255);
        HOLDS(!span_eq(component, SPAN(".")) && !span_eq(component, SPAN("..")));
    }
    for (rest = repo; rest.n > 0;) {
        span_cut(rest, '/', &component, &rest);
        HOLDS(component.p[0] != '_' && component.p[0] != '.');
    }
}

static void check_digest(struct span s, struct digest *d)
{
    bool valid = digest_parse(s, d, NULL) == RC_OK;
    HOLDS(valid == is_match(&digest_pattern, s));
    for (unsigned alg = 0; alg < DIGEST_ALGS; alg++) {
        struct digest same;
        bool is_hex = digest_from_hex((enum digest_alg)alg, s, &same);
        HOLDS(!is_hex || span_eq(span_of(digest_hex(&same).s), s));
    }
    if (valid)
        HOLDS(span_eq(span_of(digest_print(d).s), s));
    else
        *d = digest_of(DIGEST_SHA512, s);
}

static void check_paths(struct name repo, struct tag tag, const struct digest *d, struct span id)
{
    check_path(layout_repo_part(repo.s, REPO_UPLOADS), repo.s);
    check_path(layout_layer_link(repo, d), repo.s);
    check_path(layout_revision_link(repo, d), repo.s);
    check_path(layout_tag_current(repo, tag), repo.s);
    check_path(layout_tag_index(repo, tag, d), repo.s);
    check_path(layout_upload_data(repo, id), repo.s);
    check_path(layout_upload_hash(repo, id, d->alg, UINT64_MAX), repo.s);
}

static void check_reference(struct span s)
{
    struct reference r;
    if (reference_parse(s, &r, NULL) != RC_OK) {
        HOLDS(!is_match(&digest_pattern, s));
        HOLDS(s.n > TAG_MAX_LEN || !is_match(&tag_pattern, s));
        return;
    }
    if (r.kind == REFERENCE_TAG)
        HOLDS(span_eq(r.tag.s, s) && is_match(&tag_pattern, s));
    else
        HOLDS(span_eq(span_of(digest_print(&r.digest).s), s));
}

/* A state is somebody's file: what is taken up can go on, and is what it is written as. */
static void check_state(struct span s)
{
    for (unsigned alg = 0; alg < DIGEST_ALGS; alg++) {
        struct hash h, again;
        unsigned char state[HASH_STATE_MAX];
        struct digest a, b;
        if (!hash_load(&h, (enum digest_alg)alg, s))
            continue;
        size_t n = hash_save(&h, state);
        HOLDS(n == s.n && hash_load(&again, (enum digest_alg)alg, span_from(state, n)));
        HOLDS(hash_count(&h) == hash_count(&again));
        hash_add(&h, s);
        hash_add(&again, s);
        hash_end(&h, &a);
        hash_end(&again, &b);
        HOLDS(digest_eq(&a, &b));
    }
}

/* A line each: a name, a tag or reference, a digest, an id; what follows is a hash's state. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_from(data, size);
    struct span repo = copy_new(take_line(&in)), reference = copy_new(take_line(&in)),
                text = copy_new(take_line(&in)), id = copy_new(take_line(&in));
    struct name name;
    struct tag tag;
    struct digest d;
    bool is_name = name_parse(repo, &name, NULL) == RC_OK;
    bool is_tag = tag_parse(reference, &tag, NULL) == RC_OK;
    HOLDS(is_name == (repo.n <= NAME_MAX_LEN && is_match(&name_pattern, repo)));
    HOLDS(is_tag == (reference.n <= TAG_MAX_LEN && is_match(&tag_pattern, reference)));
    HOLDS(upload_id_valid(id) == is_match(&id_pattern, id));
    check_reference(reference);
    check_digest(text, &d);
    check_state(in);
    if (!is_tag)
        tag.s = SPAN("latest");
    if (is_name)
        check_paths(name, tag, &d,
                    upload_id_valid(id) ? id : SPAN("01234567-89ab-4cde-8f01-23456789abcd"));
    copy_free(repo);
    copy_free(reference);
    copy_free(text);
    copy_free(id);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * verify_links: one repository after the other: is there what its links and manifests lead to?
 *
 * What seems to be missing is believed only if what leads to it is still there then: clients delete
 * things meanwhile.
 */
#include <stdio.h>

#include "gc/verify_run.h"

void verify_links_fini(struct verify *v)
{
    walk_end(v->links.walk);
    walk_end(v->links.repos);
    v->links.walk = v->links.repos = NULL;
}

struct what {
    char s[sizeof(((struct verify_finding *)0)->what)];
};

/* "repository: manifest sha256:…" */
static struct what name_of(const struct verify *v, const char *kind, struct span name)
{
    struct what w;
    (void)snprintf(w.s, sizeof(w.s), "%.*s: %s%s%.*s", SPAN_ARG(v->links.repo.s), kind,
                   *kind ? " " : "", SPAN_ARG(name));
    return w;
}

static struct what name_of_digest(const struct verify *v, const char *kind, const struct digest *d)
{
    struct digest_text text = digest_print(d);
    return name_of(v, kind, span_of(text.s));
}

static void found_unreadable(struct verify *v, const struct what *what, const char *why)
{
    v->report.unreadable++;
    verify_found(v, what->s, "%s", why);
}

/* ---- MANIFESTS. ------------------------------------------------------------------------- */

static const char *role_of(const struct oci_descriptor *r)
{
    switch (r->role) {
    case OCI_CONFIG:
        return "config";
    case OCI_LAYER:
        return "layer";
    case OCI_CHILD:
        return "manifest";
    }
    return "part";
}

/* NULL: nothing. */
static const char *wrong_of(enum rc rc)
{
    if (rc == RC_OK)
        return NULL;
    bool missing = rc == RC_NOT_FOUND || rc == RC_BLOB_UNKNOWN || rc == RC_DIGEST_INVALID;
    return missing ? "missing" : "not to be read";
}

/* NULL: nothing is wrong with it. */
static const char *what_is_wrong(struct verify *v, const struct oci_descriptor *r)
{
    struct name repo = v->links.repo;
    if (r->foreign)
        return NULL;
    if (marks_has(&v->left, &r->digest))
        return "damaged";
    enum rc rc = r->role == OCI_CHILD ? manifest_check(v->store, repo, &r->digest, NULL)
                                      : layer_check(v->store, repo, &r->digest, NULL);
    return wrong_of(rc);
}

static bool is_gone(struct verify *v, const struct digest *d)
{
    return manifest_check(v->store, v->links.repo, d, NULL) == RC_NOT_FOUND;
}

static void look_at_parts(struct verify *v, const struct digest *d, const struct oci_manifest *m)
{
    for (size_t i = 0; i < m->ref_count; i++) {
        const struct oci_descriptor *r = &m->refs[i];
        const char *wrong = what_is_wrong(v, r);
        if (!wrong || is_gone(v, d))
            continue;
        struct what what = name_of_digest(v, "manifest", d);
        v->report.missing++;
        verify_found(v, what.s, "its %s %s is %s", role_of(r), digest_print(&r->digest).s, wrong);
    }
}

static void look_at_manifest(struct verify *v, const struct digest *d)
{
    struct arena a;
    struct fault f;
    struct oci_manifest m;
    arena_init(&a);
    fault_init(&f, &a);
    v->report.manifests++;
    v->cost += VERIFY_SEEK_BYTES;
    struct what what = name_of_digest(v, "manifest", d);
    enum rc rc = manifest_read(v->store, d, &a, &m, &f);
    if (rc == RC_OK) {
        look_at_parts(v, d, &m);
    } else if (rc == RC_MANIFEST_UNKNOWN && !is_gone(v, d)) {
        v->report.missing++;
        verify_found(v, what.s, "%s", verify_words(rc, &f));
    } else if (rc != RC_MANIFEST_UNKNOWN) {
        found_unreadable(v, &what, verify_words(rc, &f));
    }
    arena_fini(&a);
}

/* ---- TAGS, LAYERS. ---------------------------------------------------------------------- */

static bool still_leads_to(struct verify *v, struct span name, const struct digest *d)
{
    struct tag tag;
    struct digest now;
    return tag_parse(name, &tag, NULL) == RC_OK &&
           tag_get(v->store, v->links.repo, tag, &now, NULL) == RC_OK && digest_eq(&now, d);
}

static void look_at_tag(struct verify *v, const struct found *found)
{
    v->report.tags++;
    const char *wrong = wrong_of(manifest_check(v->store, v->links.repo, &found->target, NULL));
    if (!wrong || !still_leads_to(v, found->name, &found->target))
        return;
    struct what what = name_of(v, "tag", found->name);
    v->report.missing++;
    verify_found(v, what.s, "its manifest %s is %s", digest_print(&found->target).s, wrong);
}

static void look_at_layer(struct verify *v, const struct digest *d)
{
    struct what what = name_of_digest(v, "layer", d);
    v->report.links++;
    switch (layer_check(v->store, v->links.repo, d, NULL)) {
    case RC_OK:
    case RC_NOT_FOUND: /* it has gone meanwhile */
        return;
    case RC_BLOB_UNKNOWN:
        v->report.missing++;
        verify_found(v, what.s, "it is linked, and its data is missing");
        return;
    default:
        found_unreadable(v, &what, "the link cannot be read");
        return;
    }
}

/* ---- The repositories. ------------------------------------------------------------------ */

static void look_at(struct verify *v, const struct found *found)
{
    struct what what =
        found->has_digest ? name_of_digest(v, "", &found->digest) : name_of(v, "", found->name);
    v->cost += VERIFY_SEEK_BYTES;
    switch (found->state) {
    case FOUND_EMPTY:
        return;
    case FOUND_BAD:
    case FOUND_UNREADABLE:
        found_unreadable(v, &what, found->why);
        return;
    case FOUND:
        break;
    }
    if (v->links.stage == LINKS_MANIFESTS)
        look_at_manifest(v, &found->digest);
    else if (v->links.stage == LINKS_TAGS)
        look_at_tag(v, found);
    else
        look_at_layer(v, &found->digest);
}

static bool next_repo(struct verify *v)
{
    struct verify_links *l = &v->links;
    struct found found;
    struct name valid;
    if (!l->repos)
        l->repos = walk_begin(v->store, WALK_REPOS, (struct name){SPAN("")});
    if (!walk_next(l->repos, &found))
        return false;
    arena_fini(&l->arena);
    arena_init(&l->arena);
    l->repo = (struct name){arena_span(&l->arena, found.name)};
    if (found.state != FOUND) {
        v->report.unreadable++;
        verify_found(v, arena_str(&l->arena, found.name), "%s", found.why);
    } else if (name_parse(found.name, &valid, NULL) != RC_OK) {
        v->report.unreadable++;
        verify_found(v, arena_str(&l->arena, found.name), "not a repository's name");
    } else {
        v->report.repositories++;
        l->stage = LINKS_MANIFESTS;
    }
    return true;
}

bool verify_links_step(struct verify *v)
{
    static const enum walk_kind kinds[] = {
        [LINKS_MANIFESTS] = WALK_MANIFESTS, [LINKS_TAGS] = WALK_TAGS, [LINKS_LAYERS] = WALK_LAYERS};
    struct verify_links *l = &v->links;
    struct found found;
    if (l->stage == LINKS_REPO)
        return next_repo(v);
    if (!l->walk)
        l->walk = walk_begin(v->store, kinds[l->stage], l->repo);
    if (walk_next(l->walk, &found)) {
        look_at(v, &found);
        return true;
    }
    walk_end(l->walk);
    l->walk = NULL;
    l->stage = l->stage == LINKS_LAYERS ? LINKS_REPO : l->stage + 1;
    return true;
}

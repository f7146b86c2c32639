/* SPDX-License-Identifier: Apache-2.0
 *
 * layout: the tree of `registry:2` and `registry:3`, below the root directory.
 *
 *   docker/registry/v2/
 *     blobs/<alg>/<hh>/<hex>/data                          layers, configs and manifests
 *     repositories/<name>/
 *       _layers/<alg>/<hex>/link                           this repository may read that blob
 *       _manifests/revisions/<alg>/<hex>/link              it has that manifest
 *       _manifests/tags/<tag>/current/link                 the tag's manifest
 *       _manifests/tags/<tag>/index/<alg>/<hex>/link       every manifest the tag ever had
 *       _uploads/<uuid>/data                               what was received so far
 *       _uploads/<uuid>/startedat                          RFC 3339
 *       _uploads/<uuid>/hashstates/<alg>/<offset>          the hash of data up to there
 *     quarantine/<alg>/<hex>.<n>                           ours; data that was damaged, moved aside
 *
 *   run/                                                  ours; the registry image ignores it
 *     lock                                                 each process on the tree has it locked
 *     tags/<random>/                                       a tag that comes or goes
 *
 * <hh> are the first two characters of <hex>. A link holds a digest's text and
 * no newline. Its time of modification is a pin's (storage.h): when the blob or manifest was last
 * promised to a client, or 1970 once it was used. A temporary file stands beside the file it will
 * become, with ".<random>.tmp" behind its name; both servers ignore it, and what a process leaves
 * that is killed, ours or the registry image, a verification removes.
 */
#include "storage/layout.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BASE "docker/registry/v2"
#define REPO BASE "/repositories/%.*s"
#define PATH(...) path_format(__VA_ARGS__)

const char *const store_places[] = {
    "docker", "docker/registry", BASE, BASE "/blobs", BASE "/repositories", NULL,
};

PRINTF_LIKE(1, 2) static struct path path_format(const char *fmt, ...)
{
    struct path p;
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(p.s, sizeof(p.s), fmt, args);
    va_end(args);
    return p;
}

struct path layout_blobs(void)
{
    return PATH(BASE "/blobs");
}

struct path layout_blobs_alg(enum digest_alg alg)
{
    return PATH(BASE "/blobs/%s", digest_alg_name(alg));
}

struct path layout_run(void)
{
    return PATH("run");
}

struct path layout_tree(void)
{
    return PATH(BASE);
}

struct path layout_run_probe(void)
{
    return PATH("run/probe");
}

struct path layout_run_lock(void)
{
    return PATH("run/lock");
}

struct path layout_run_tags(void)
{
    return PATH("run/tags");
}

struct path layout_run_tag(const char *id)
{
    return PATH("run/tags/%s", id);
}

struct path layout_no_repository(const char *id)
{
    return PATH(BASE "/repositories/.%s", id);
}

struct path layout_repositories(void)
{
    return PATH(BASE "/repositories");
}

struct path layout_blob(const struct digest *d)
{
    struct digest_text hex = digest_hex(d);
    return PATH(BASE "/blobs/%s/%.2s/%s/data", digest_alg_name(d->alg), hex.s, hex.s);
}

struct path layout_blob_dir(const struct digest *d)
{
    struct digest_text hex = digest_hex(d);
    return PATH(BASE "/blobs/%s/%.2s/%s", digest_alg_name(d->alg), hex.s, hex.s);
}

struct path layout_blob_fan(const struct digest *d)
{
    return PATH(BASE "/blobs/%s/%.2s", digest_alg_name(d->alg), digest_hex(d).s);
}

struct path layout_quarantine(const struct digest *d, unsigned n)
{
    return PATH(BASE "/quarantine/%s/%s.%u", digest_alg_name(d->alg), digest_hex(d).s, n);
}

struct path layout_repo_part(struct span repo, enum repo_part part)
{
    static const char *const names[REPO_PARTS] = {"_layers", "_manifests", "_uploads"};
    return PATH(REPO "/%s", SPAN_ARG(repo), names[part]);
}

struct path layout_repo(struct span repo)
{
    return PATH(REPO, SPAN_ARG(repo));
}

struct path layout_repo_layers(struct name repo)
{
    return PATH(REPO "/_layers", SPAN_ARG(repo.s));
}

struct path layout_repo_tags(struct name repo)
{
    return PATH(REPO "/_manifests/tags", SPAN_ARG(repo.s));
}

struct path layout_repo_uploads(struct span repo)
{
    return PATH(REPO "/_uploads", SPAN_ARG(repo));
}

struct path layout_repo_revisions_dir(struct span repo)
{
    return PATH(REPO "/_manifests/revisions", SPAN_ARG(repo));
}

struct path layout_repo_revisions(struct span repo, enum digest_alg alg)
{
    return PATH(REPO "/_manifests/revisions/%s", SPAN_ARG(repo), digest_alg_name(alg));
}

struct path layout_layer(struct name repo, const struct digest *d)
{
    struct digest_text hex = digest_hex(d);
    return PATH(REPO "/_layers/%s/%s", SPAN_ARG(repo.s), digest_alg_name(d->alg), hex.s);
}

struct path layout_layer_link(struct name repo, const struct digest *d)
{
    return layout_link_in(layout_layer(repo, d));
}

struct path layout_revision(struct name repo, const struct digest *d)
{
    struct digest_text hex = digest_hex(d);
    return PATH(REPO "/_manifests/revisions/%s/%s", SPAN_ARG(repo.s), digest_alg_name(d->alg),
                hex.s);
}

struct path layout_revision_link(struct name repo, const struct digest *d)
{
    return layout_link_in(layout_revision(repo, d));
}

struct path layout_tag(struct name repo, struct tag tag)
{
    return PATH(REPO "/_manifests/tags/%.*s", SPAN_ARG(repo.s), SPAN_ARG(tag.s));
}

struct path layout_tag_current(struct name repo, struct tag tag)
{
    return PATH(REPO "/_manifests/tags/%.*s/current/link", SPAN_ARG(repo.s), SPAN_ARG(tag.s));
}

struct path layout_tag_history(struct name repo, struct tag tag, enum digest_alg alg)
{
    return PATH(REPO "/_manifests/tags/%.*s/index/%s", SPAN_ARG(repo.s), SPAN_ARG(tag.s),
                digest_alg_name(alg));
}

struct path layout_tag_index_dir(struct name repo, struct tag tag, const struct digest *d)
{
    struct digest_text hex = digest_hex(d);
    return PATH(REPO "/_manifests/tags/%.*s/index/%s/%s", SPAN_ARG(repo.s), SPAN_ARG(tag.s),
                digest_alg_name(d->alg), hex.s);
}

struct path layout_tag_index(struct name repo, struct tag tag, const struct digest *d)
{
    return layout_link_in(layout_tag_index_dir(repo, tag, d));
}

struct path layout_upload(struct name repo, struct span id)
{
    return PATH(REPO "/_uploads/%.*s", SPAN_ARG(repo.s), SPAN_ARG(id));
}

struct path layout_upload_data(struct name repo, struct span id)
{
    return layout_data_in(layout_upload(repo, id));
}

struct path layout_upload_started(struct name repo, struct span id)
{
    return PATH(REPO "/_uploads/%.*s/startedat", SPAN_ARG(repo.s), SPAN_ARG(id));
}

struct path layout_upload_states(struct name repo, struct span id)
{
    return PATH(REPO "/_uploads/%.*s/hashstates", SPAN_ARG(repo.s), SPAN_ARG(id));
}

struct path layout_upload_hashes(struct name repo, struct span id, enum digest_alg alg)
{
    return PATH(REPO "/_uploads/%.*s/hashstates/%s", SPAN_ARG(repo.s), SPAN_ARG(id),
                digest_alg_name(alg));
}

struct path layout_upload_hash(struct name repo, struct span id, enum digest_alg alg,
                               uint64_t offset)
{
    return PATH(REPO "/_uploads/%.*s/hashstates/%s/%" PRIu64, SPAN_ARG(repo.s), SPAN_ARG(id),
                digest_alg_name(alg), offset);
}

struct path layout_below(struct path dir, const char *entry)
{
    return PATH("%s/%s", dir.s, entry);
}

bool layout_is_reserved(const char *entry)
{
    return entry[0] == '_' || entry[0] == '.';
}

/* Ours have 16 digits, those of the registry image a UUID. */
bool layout_is_temporary(const char *entry)
{
    enum { OURS = 16, THEIRS = 36 };
    struct span name = span_of(entry), before, random, ending;
    if (!span_cut_last(name, '.', &before, &ending) || !span_eq(ending, SPAN("tmp")) ||
        !span_cut_last(before, '.', &before, &random))
        return false;
    size_t digits = strspn(random.p, "0123456789abcdef-");
    return before.n > 0 && digits == random.n && (random.n == OURS || random.n == THEIRS);
}

static struct store_place place_of(struct path p)
{
    struct store_place place;
    (void)snprintf(place.s, sizeof(place.s), "/%s", p.s);
    return place;
}

struct store_place place_of_blob(const struct digest *d)
{
    return place_of(layout_blob_dir(d));
}

struct store_place place_of_quarantine(const struct digest *d, unsigned n)
{
    return place_of(layout_quarantine(d, n));
}

struct store_place place_of_layer(struct name repo, const struct digest *d)
{
    return place_of(layout_layer(repo, d));
}

struct store_place place_of_manifest(struct name repo, const struct digest *d)
{
    return place_of(layout_revision(repo, d));
}

struct path layout_link_in(struct path dir)
{
    return layout_below(dir, "link");
}

struct path layout_current_in(struct path dir)
{
    return layout_below(dir, "current/link");
}

struct path layout_index_in(struct path dir, const struct digest *d)
{
    struct digest_text hex = digest_hex(d);
    return PATH("%s/index/%s/%s/link", dir.s, digest_alg_name(d->alg), hex.s);
}

struct path layout_data_in(struct path dir)
{
    return layout_below(dir, "data");
}

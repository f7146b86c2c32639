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
#define BLOBS SPAN(BASE "/blobs")
#define REPOSITORIES SPAN(BASE "/repositories")
#define REVISIONS SPAN("_manifests/revisions")
#define TAGS SPAN("_manifests/tags")

enum { NAME_BYTES = 256 }; /* of an entry that is printed */

/* A path from its parts, which are spans. */
#define PATH(...)                                                                                  \
    path_join((const struct span[]){__VA_ARGS__}, array_len(((const struct span[]){__VA_ARGS__})))

const char *const store_places[] = {
    "docker", "docker/registry", BASE, BASE "/blobs", BASE "/repositories", NULL,
};

/* By hand, because each look at the disk begins with it. What does not fit is cut off. */
static void join(char *to, size_t size, const struct span *parts, size_t count)
{
    const char *end = to + size - 1;
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && to < end)
            *to++ = '/';
        struct span part = span_head(parts[i], (size_t)(end - to));
        if (part.n > 0)
            memcpy(to, part.p, part.n);
        to += part.n;
    }
    *to = 0;
}

static struct path path_join(const struct span *parts, size_t count)
{
    struct path p;
    join(p.s, sizeof(p.s), parts, count);
    return p;
}

static struct span name_of(enum digest_alg alg)
{
    return span_of(digest_alg_name(alg));
}

static struct span hex_of(const struct digest *d, const struct digest_text *hex)
{
    return span_from(hex->s, 2 * digest_bytes(d->alg));
}

static struct span fan_of(const struct digest_text *hex)
{
    return span_from(hex->s, 2);
}

struct path layout_blobs(void)
{
    return PATH(BLOBS);
}

struct path layout_blobs_alg(enum digest_alg alg)
{
    return PATH(BLOBS, name_of(alg));
}

struct path layout_run(void)
{
    return PATH(SPAN("run"));
}

struct path layout_tree(void)
{
    return PATH(SPAN(BASE));
}

struct path layout_run_probe(void)
{
    return PATH(SPAN("run/probe"));
}

struct path layout_run_lock(void)
{
    return PATH(SPAN("run/lock"));
}

struct path layout_run_tags(void)
{
    return PATH(SPAN("run/tags"));
}

struct path layout_run_tag(const char *id)
{
    return PATH(SPAN("run/tags"), span_of(id));
}

struct path layout_no_repository(const char *id)
{
    char name[NAME_BYTES];
    (void)snprintf(name, sizeof(name), ".%s", id);
    return PATH(REPOSITORIES, span_of(name));
}

struct path layout_repositories(void)
{
    return PATH(REPOSITORIES);
}

struct path layout_blob(const struct digest *d)
{
    struct digest_text hex = digest_hex(d);
    return PATH(BLOBS, name_of(d->alg), fan_of(&hex), hex_of(d, &hex), SPAN("data"));
}

struct path layout_blob_dir(const struct digest *d)
{
    struct digest_text hex = digest_hex(d);
    return PATH(BLOBS, name_of(d->alg), fan_of(&hex), hex_of(d, &hex));
}

struct path layout_blob_fan(const struct digest *d)
{
    struct digest_text hex = digest_hex(d);
    return PATH(BLOBS, name_of(d->alg), fan_of(&hex));
}

struct path layout_quarantine(const struct digest *d, unsigned n)
{
    char name[NAME_BYTES];
    (void)snprintf(name, sizeof(name), "%s.%u", digest_hex(d).s, n);
    return PATH(SPAN(BASE "/quarantine"), name_of(d->alg), span_of(name));
}

struct path layout_repo_part(struct span repo, enum repo_part part)
{
    static const char *const names[REPO_PARTS] = {"_layers", "_manifests", "_uploads"};
    return PATH(REPOSITORIES, repo, span_of(names[part]));
}

struct path layout_repo(struct span repo)
{
    return PATH(REPOSITORIES, repo);
}

struct path layout_repo_layers(struct name repo)
{
    return PATH(REPOSITORIES, repo.s, SPAN("_layers"));
}

struct path layout_repo_tags(struct name repo)
{
    return PATH(REPOSITORIES, repo.s, TAGS);
}

struct path layout_repo_uploads(struct span repo)
{
    return PATH(REPOSITORIES, repo, SPAN("_uploads"));
}

struct path layout_repo_revisions_dir(struct span repo)
{
    return PATH(REPOSITORIES, repo, REVISIONS);
}

struct path layout_repo_revisions(struct span repo, enum digest_alg alg)
{
    return PATH(REPOSITORIES, repo, REVISIONS, name_of(alg));
}

struct path layout_layer(struct name repo, const struct digest *d)
{
    struct digest_text hex = digest_hex(d);
    return PATH(REPOSITORIES, repo.s, SPAN("_layers"), name_of(d->alg), hex_of(d, &hex));
}

struct path layout_layer_link(struct name repo, const struct digest *d)
{
    return layout_link_in(layout_layer(repo, d).s);
}

struct path layout_revision(struct name repo, const struct digest *d)
{
    struct digest_text hex = digest_hex(d);
    return PATH(REPOSITORIES, repo.s, REVISIONS, name_of(d->alg), hex_of(d, &hex));
}

struct path layout_revision_link(struct name repo, const struct digest *d)
{
    return layout_link_in(layout_revision(repo, d).s);
}

struct path layout_tag(struct name repo, struct tag tag)
{
    return PATH(REPOSITORIES, repo.s, TAGS, tag.s);
}

struct path layout_tag_current(struct name repo, struct tag tag)
{
    return PATH(REPOSITORIES, repo.s, TAGS, tag.s, SPAN("current/link"));
}

struct path layout_tag_history(struct name repo, struct tag tag, enum digest_alg alg)
{
    return PATH(REPOSITORIES, repo.s, TAGS, tag.s, SPAN("index"), name_of(alg));
}

struct path layout_tag_index_dir(struct name repo, struct tag tag, const struct digest *d)
{
    struct digest_text hex = digest_hex(d);
    return PATH(REPOSITORIES, repo.s, TAGS, tag.s, SPAN("index"), name_of(d->alg), hex_of(d, &hex));
}

struct path layout_tag_index(struct name repo, struct tag tag, const struct digest *d)
{
    return layout_link_in(layout_tag_index_dir(repo, tag, d).s);
}

struct path layout_upload(struct name repo, struct span id)
{
    return PATH(REPOSITORIES, repo.s, SPAN("_uploads"), id);
}

struct path layout_upload_data(struct name repo, struct span id)
{
    return layout_data_in(layout_upload(repo, id).s);
}

struct path layout_upload_started(struct name repo, struct span id)
{
    return PATH(REPOSITORIES, repo.s, SPAN("_uploads"), id, SPAN("startedat"));
}

struct path layout_upload_states(struct name repo, struct span id)
{
    return PATH(REPOSITORIES, repo.s, SPAN("_uploads"), id, SPAN("hashstates"));
}

struct path layout_upload_hashes(struct name repo, struct span id, enum digest_alg alg)
{
    return PATH(REPOSITORIES, repo.s, SPAN("_uploads"), id, SPAN("hashstates"), name_of(alg));
}

struct path layout_upload_hash(struct name repo, struct span id, enum digest_alg alg,
                               uint64_t offset)
{
    char name[NAME_BYTES];
    (void)snprintf(name, sizeof(name), "%" PRIu64, offset);
    return layout_below(layout_upload_hashes(repo, id, alg).s, name);
}

struct path layout_entry(const char *entry)
{
    return PATH(span_of(entry));
}

struct path layout_below(const char *dir, const char *entry)
{
    return PATH(span_of(dir), span_of(entry));
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
    const struct span parts[] = {SPAN(""), span_of(p.s)};
    join(place.s, sizeof(place.s), parts, array_len(parts));
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

struct path layout_link_in(const char *dir)
{
    return layout_below(dir, "link");
}

struct path layout_link_of(const char *dir, struct span entry)
{
    return PATH(span_of(dir), entry, SPAN("link"));
}

struct path layout_current_in(const char *dir)
{
    return layout_below(dir, "current/link");
}

struct path layout_index_in(const char *dir, const struct digest *d)
{
    struct digest_text hex = digest_hex(d);
    return PATH(span_of(dir), SPAN("index"), name_of(d->alg), hex_of(d, &hex), SPAN("link"));
}

struct path layout_data_in(const char *dir)
{
    return layout_below(dir, "data");
}

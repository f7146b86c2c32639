/* SPDX-License-Identifier: Apache-2.0
 *
 * oci: cJSON's tree, read once, into descriptors. Field names are case-sensitive.
 */
#include "lib/oci.h"

#include <cjson/cJSON.h>

#include "lib/json.h"

/* image-index.md and manifest.md: the OCI types may leave mediaType out, Docker's may not. */
static const struct media {
    const char *type;
    enum oci_kind kind;
    bool is_docker;
} medias[] = {
    {OCI_MEDIA_DOCKER_MANIFEST, OCI_IMAGE, true},
    {OCI_MEDIA_DOCKER_LIST, OCI_INDEX, true},
    {OCI_MEDIA_MANIFEST, OCI_IMAGE, false},
    {OCI_MEDIA_INDEX, OCI_INDEX, false},
};

/* Layers that registries do not hold (image-spec layer.md, "Non-Distributable Layers"). */
static const char *const foreign_types[] = {
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
};

/* Doubles hold every integer up to here. */
static const double size_max = 9007199254740991.0;

static const struct media *media_find(struct span type)
{
    for (size_t i = 0; i < array_len(medias); i++)
        if (span_eq(type, span_of(medias[i].type)))
            return &medias[i];
    return NULL;
}

/* Media types are compared without regard to case (RFC 9110 §8.3.1). */
static const struct media *media_find_header(struct span s)
{
    struct span parameters;
    span_cut(s, ';', &s, &parameters);
    s = span_trim(s);
    for (size_t i = 0; i < array_len(medias); i++)
        if (span_eq_nocase(s, span_of(medias[i].type)))
            return &medias[i];
    return NULL;
}

const char *oci_media_type_find(struct span s)
{
    const struct media *m = media_find_header(s);
    return m ? m->type : NULL;
}

/* What parsing knows. */
struct reader {
    const cJSON *root;
    struct arena *arena;
    struct fault *fault;
    struct oci_manifest out;
};

/* A field that is there and not null. */
static const cJSON *field(const cJSON *object, const char *name)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsNull(v) ? NULL : v;
}

static enum rc invalid(struct reader *r, const char *why)
{
    return fault(r->fault, RC_MANIFEST_INVALID, "%s", why);
}

/* The letters of a name, as Go folds them: also U+017F is an s. */
static bool is_spelled(const char *found, const char *name)
{
    for (; *name; name++) {
        bool long_s = found[0] == '\xc5' && found[1] == '\xbf';
        char c = long_s ? 's' : *found;
        if ((c | 0x20) != (*name | 0x20))
            return false;
        found += long_s ? 2 : 1;
    }
    return *found == '\0';
}

/* Clients in Go take a name in any case of letters, and the last of several: they would see another
 * manifest than this server. */
static enum rc check_names(struct reader *r, const cJSON *object, const char *const *names)
{
    for (; *names; names++) {
        const cJSON *member;
        unsigned seen = 0;
        cJSON_ArrayForEach(member, object)
        {
            if (!is_spelled(member->string, *names))
                continue;
            if (seen++ > 0 || !span_eq(span_of(member->string), span_of(*names)))
                return fault(r->fault, RC_MANIFEST_INVALID,
                             "%s is there twice, or in other letters", *names);
        }
    }
    return RC_OK;
}

static enum rc check_version(struct reader *r)
{
    const cJSON *v = field(r->root, "schemaVersion");
    if (!cJSON_IsNumber(v))
        return invalid(r, "schemaVersion is missing or not a number");
    if (v->valuedouble != 2)
        return fault(r->fault, RC_MANIFEST_INVALID, "unrecognized manifest schema version %.15g",
                     v->valuedouble);
    return RC_OK;
}

/* A name from a client, short enough to be shown. */
static enum rc unknown_type(struct reader *r, struct span type)
{
    type = span_head(type, 128);
    return fault(r->fault, RC_MANIFEST_INVALID, "unsupported manifest media type \"%.*s\"",
                 SPAN_ARG(type));
}

/* What a manifest is whose sender said nothing. */
static const struct media *media_by_shape(const struct reader *r)
{
    bool index = cJSON_IsArray(field(r->root, "manifests"));
    return media_find(index ? SPAN(OCI_MEDIA_INDEX) : SPAN(OCI_MEDIA_MANIFEST));
}

static enum rc find_media(struct reader *r, struct span content_type, const struct media **out)
{
    const struct media *said = NULL, *media;
    const cJSON *in_body = field(r->root, "mediaType");
    if (in_body && !cJSON_IsString(in_body))
        return invalid(r, "mediaType is not a string");
    struct span body_type = span_of(in_body ? in_body->valuestring : NULL);
    if (content_type.n && !(said = media_find_header(content_type)))
        return unknown_type(r, content_type);
    media = said;
    if (body_type.n && !(media = media_find(body_type)))
        return unknown_type(r, body_type);
    if (said && media != said)
        return invalid(r, "mediaType does not match the Content-Type");
    if (said && said->is_docker && !body_type.n)
        return invalid(r, "mediaType is missing");
    *out = media ? media : media_by_shape(r);
    return RC_OK;
}

/* A document that is both could be an image to one reader and an index to the next
 * (CVE-2021-41190). Docker's types have a mediaType that decides. */
static enum rc check_shape(struct reader *r, const struct media *media)
{
    if (media->is_docker)
        return RC_OK;
    if (r->out.kind == OCI_IMAGE && field(r->root, "manifests"))
        return invalid(r, "an image manifest must not have manifests");
    if (r->out.kind == OCI_INDEX && (field(r->root, "config") || field(r->root, "layers")))
        return invalid(r, "an index must not have config or layers");
    return RC_OK;
}

static enum rc read_digest(struct reader *r, const cJSON *descriptor, struct digest *out)
{
    const cJSON *d = field(descriptor, "digest");
    if (!cJSON_IsString(d))
        return invalid(r, "a descriptor has no digest");
    return digest_parse(span_of(d->valuestring), out, r->fault);
}

static enum rc read_size(struct reader *r, const cJSON *descriptor, uint64_t *out)
{
    const cJSON *size = field(descriptor, "size");
    *out = 0;
    if (!size)
        return RC_OK; /* the registry image takes it so, and nothing here depends on it */
    if (!cJSON_IsNumber(size) || !(size->valuedouble >= 0 && size->valuedouble <= size_max))
        return invalid(r, "a descriptor's size is no size");
    *out = (uint64_t)size->valuedouble;
    if ((double)*out != size->valuedouble)
        return invalid(r, "a descriptor's size is not an integer");
    return RC_OK;
}

static bool is_foreign(const cJSON *descriptor, struct span media_type)
{
    for (size_t i = 0; i < array_len(foreign_types); i++)
        if (span_eq(media_type, span_of(foreign_types[i])))
            return true;
    const cJSON *urls = field(descriptor, "urls");
    return cJSON_IsArray(urls) && urls->child;
}

static enum rc read_descriptor(struct reader *r, enum oci_role role, const cJSON *descriptor)
{
    static const char *const names[] = {"mediaType", "digest", "size", "urls", NULL};
    struct oci_descriptor *d = &r->out.refs[r->out.ref_count];
    const cJSON *type = field(descriptor, "mediaType");
    if (!cJSON_IsObject(descriptor))
        return invalid(r, "a descriptor is not an object");
    if (type && !cJSON_IsString(type))
        return invalid(r, "a descriptor's mediaType is not a string");
    enum rc rc = check_names(r, descriptor, names);
    if (rc == RC_OK)
        rc = read_digest(r, descriptor, &d->digest);
    if (rc == RC_OK)
        rc = read_size(r, descriptor, &d->size);
    if (rc != RC_OK)
        return rc;
    d->role = role;
    d->media_type = arena_span(r->arena, span_of(type ? type->valuestring : NULL));
    d->foreign = is_foreign(descriptor, d->media_type);
    r->out.ref_count++;
    return RC_OK;
}

static enum rc read_list(struct reader *r, enum oci_role role, const cJSON *list)
{
    const cJSON *descriptor;
    cJSON_ArrayForEach(descriptor, list)
    {
        enum rc rc = read_descriptor(r, role, descriptor);
        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}

static enum rc read_refs(struct reader *r)
{
    bool image = r->out.kind == OCI_IMAGE;
    const cJSON *config = image ? field(r->root, "config") : NULL;
    const cJSON *list = field(r->root, image ? "layers" : "manifests");
    if (image && !config)
        return invalid(r, "config is missing");
    if (list && !cJSON_IsArray(list))
        return invalid(r, image ? "layers is not an array" : "manifests is not an array");

    size_t count = 1 + (list ? (size_t)cJSON_GetArraySize(list) : 0);
    r->out.refs = arena_alloc(r->arena, count * sizeof(*r->out.refs));
    enum rc rc = image ? read_descriptor(r, OCI_CONFIG, config) : RC_OK;
    if (rc == RC_OK)
        rc = read_list(r, image ? OCI_LAYER : OCI_CHILD, list);
    return rc;
}

static enum rc read_subject(struct reader *r)
{
    static const char *const names[] = {"digest", NULL};
    const cJSON *subject = field(r->root, "subject");
    if (!subject)
        return RC_OK;
    if (!cJSON_IsObject(subject))
        return invalid(r, "subject is not an object");
    enum rc rc = check_names(r, subject, names);
    r->out.has_subject = true;
    return rc == RC_OK ? read_digest(r, subject, &r->out.subject) : rc;
}

/* An image that says nothing of its type has its config's. What is not a string says nothing. */
static void read_artifact_type(struct reader *r)
{
    const cJSON *type = field(r->root, "artifactType");
    struct span s = span_of(cJSON_IsString(type) ? type->valuestring : NULL);
    if (s.n == 0 && r->out.kind == OCI_IMAGE)
        s = r->out.refs[0].media_type;
    r->out.artifact_type = arena_span(r->arena, s);
}

static void read_annotations(struct reader *r)
{
    const cJSON *annotations = field(r->root, "annotations");
    char *text = cJSON_IsObject(annotations) ? cJSON_PrintUnformatted(annotations) : NULL;
    r->out.annotations = arena_span(r->arena, span_of(text));
    cJSON_free(text);
}

static enum rc read_root(struct reader *r, struct span content_type)
{
    static const char *const names[] = {"schemaVersion", "mediaType",   "config",
                                        "layers",        "manifests",   "subject",
                                        "artifactType",  "annotations", NULL};
    const struct media *media = NULL;
    if (!cJSON_IsObject(r->root))
        return invalid(r, "not a JSON object");
    enum rc rc = check_names(r, r->root, names);
    if (rc == RC_OK)
        rc = check_version(r);
    if (rc == RC_OK)
        rc = find_media(r, content_type, &media);
    if (rc != RC_OK)
        return rc;
    r->out.kind = media->kind;
    r->out.media_type = media->type;
    rc = check_shape(r, media);
    if (rc == RC_OK)
        rc = read_refs(r);
    if (rc == RC_OK)
        rc = read_subject(r);
    if (rc != RC_OK)
        return rc;
    read_artifact_type(r);
    read_annotations(r);
    return RC_OK;
}

/* Room for every manifest of OCI_MANIFEST_MAX whose values are not all tiny: each costs cJSON
 * an allocation of 64 bytes, and "[0,0,…" would make 130 MB of 4 MiB. */
enum { VALUES_MAX = 256 * 1024, DEPTH_MAX = 64 };

enum rc oci_parse(struct span json, struct span content_type, struct arena *a,
                  struct oci_manifest *out, struct fault *f)
{
    struct reader r = {.arena = a, .fault = f};
    enum rc rc;
    if (!json_is_sound(json, DEPTH_MAX, VALUES_MAX))
        return invalid(&r, "not JSON");
    cJSON *root = cJSON_ParseWithLength(json.p, json.n);
    r.root = root;
    rc = root ? read_root(&r, content_type) : invalid(&r, "not JSON");
    if (rc == RC_OK)
        *out = r.out;
    cJSON_Delete(root);
    return rc;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * oci: a manifest or an index as descriptors (OCI image-spec manifest.md,
 * image-index.md, descriptor.md; Docker's image manifest v2 schema 2).
 * The bytes themselves are stored and served as they came. Pure, any thread.
 */
#ifndef LIB_OCI_H
#define LIB_OCI_H

#include "lib/digest.h"

enum oci_kind { OCI_IMAGE, OCI_INDEX };

/* How a descriptor is reached from the manifest that holds it. */
enum oci_role { OCI_CONFIG, OCI_LAYER, OCI_CHILD };

struct oci_descriptor {
    enum oci_role role;
    struct digest digest;
    uint64_t size;
    struct span media_type; /* empty if it has none */
    bool foreign;           /* its bytes live elsewhere: urls, or a nondistributable type */
};

struct oci_manifest {
    enum oci_kind kind;
    const char *media_type; /* one of the four; derived from the shape if the body has none */
    struct oci_descriptor *refs;
    size_t ref_count;
    bool has_subject;
    struct digest subject;
    /* What a list of referrers says of it (distribution-spec, "Listing Referrers"). */
    struct span artifact_type; /* its own, else its config's type; empty if there is neither */
    struct span annotations;   /* a JSON object; empty if there are none */
};

#define OCI_MEDIA_DOCKER_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"
#define OCI_MEDIA_DOCKER_LIST "application/vnd.docker.distribution.manifest.list.v2+json"
#define OCI_MEDIA_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define OCI_MEDIA_INDEX "application/vnd.oci.image.index.v1+json"

enum { OCI_MANIFEST_MAX = 4 * 1024 * 1024 }; /* distribution-spec, "Pushing Manifests" */

/* The four, or NULL. Parameters (";…") are ignored. */
const char *oci_media_type_find(struct span s);

/* json → out, whose memory is the arena's. content_type is what the client said
 * (empty: nothing said, as when reading a stored one) and must agree with the
 * body. RC_MANIFEST_INVALID with the reason. */
enum rc oci_parse(struct span json, struct span content_type, struct arena *a,
                  struct oci_manifest *out, struct fault *f) MUST_CHECK;

#endif

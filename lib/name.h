/* SPDX-License-Identifier: Apache-2.0
 *
 * name: the grammar of repositories, tags and references
 * (OCI distribution-spec, "Pulling manifests"). Pure, any thread.
 */
#ifndef LIB_NAME_H
#define LIB_NAME_H

#include "lib/digest.h"

enum { NAME_MAX_LEN = 255, TAG_MAX_LEN = 128, UPLOAD_ID_LEN = 36 };

/* A valid repository name. The only way to get one is name_parse, so whoever
 * holds one may use it as a path: no "..", no empty and no leading-"_" component. */
struct name {
    struct span s; /* borrowed from what was parsed */
};

/* A valid tag: [A-Za-z0-9_][A-Za-z0-9_.-]{0,127} */
struct tag {
    struct span s;
};

/* What stands behind /manifests/: a tag or a digest. */
enum reference_kind { REFERENCE_TAG, REFERENCE_DIGEST };
struct reference {
    enum reference_kind kind;
    struct tag tag;       /* if REFERENCE_TAG */
    struct digest digest; /* if REFERENCE_DIGEST */
};

/* component ("/" component)*, where component = [a-z0-9]+ ((\.|_|__|-+) [a-z0-9]+)*.
 * Volumes of the registry image also hold names whose first component is a host
 * (`Example.COM/app`): accepted when another component follows. RC_NAME_INVALID. */
enum rc name_parse(struct span s, struct name *out, struct fault *f) MUST_CHECK;
/* RC_TAG_INVALID. */
enum rc tag_parse(struct span s, struct tag *out, struct fault *f) MUST_CHECK;
/* With a ":" it is a digest (RC_DIGEST_INVALID), else a tag (RC_TAG_INVALID). */
enum rc reference_parse(struct span s, struct reference *out, struct fault *f) MUST_CHECK;
/* The text form of an upload's id: 8-4-4-4-12 lower-case hex digits. */
bool upload_id_valid(struct span s);

#endif

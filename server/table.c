/* SPDX-License-Identifier: Apache-2.0
 *
 * table: every endpoint, a row each, in the order of the distribution-spec's table
 * of endpoints (end-1 … end-12b), then what Docker's registry adds.
 */
#include "server/api.h"
#include "server/endpoint.h"

#define UPLOADS "/v2/{name}/blobs/uploads/"
#define UPLOAD "/v2/{name}/blobs/uploads/{upload}"
#define BLOB "/v2/{name}/blobs/{digest}"
#define REFERRERS "/v2/{name}/referrers/{digest}"
#define MANIFEST "/v2/{name}/manifests/{reference}"

/* clang-format off */
const struct endpoint endpoints[] = {
    /* resource           method         path                     scope          needs                 operation */
    {"base",              METHOD_GET,    "/v2/",                  SCOPE_BASE,    NEEDS_NOTHING,        &api_base},
    {"base",              METHOD_HEAD,   "/v2/",                  SCOPE_BASE,    NEEDS_NOTHING,        &api_base},
    {"blob",              METHOD_GET,    BLOB,                    SCOPE_PULL,    NEEDS_NOTHING,        &api_blob_get},
    {"blob",              METHOD_HEAD,   BLOB,                    SCOPE_PULL,    NEEDS_NOTHING,        &api_blob_head},
    {"manifest",          METHOD_GET,    MANIFEST,                SCOPE_PULL,    NEEDS_NOTHING,        &api_manifest_get},
    {"manifest",          METHOD_HEAD,   MANIFEST,                SCOPE_PULL,    NEEDS_NOTHING,        &api_manifest_get},
    {"blob_upload",       METHOD_POST,   UPLOADS,                 SCOPE_PUSH,    NEEDS_NOTHING,        &api_upload_begin},
    {"blob_upload_chunk", METHOD_GET,    UPLOAD,                  SCOPE_PULL,    NEEDS_NOTHING,        &api_upload_status},
    {"blob_upload_chunk", METHOD_HEAD,   UPLOAD,                  SCOPE_PULL,    NEEDS_NOTHING,        &api_upload_status},
    {"blob_upload_chunk", METHOD_PATCH,  UPLOAD,                  SCOPE_PUSH,    NEEDS_NOTHING,        &api_upload_chunk},
    {"blob_upload_chunk", METHOD_PUT,    UPLOAD,                  SCOPE_PUSH,    NEEDS_NOTHING,        &api_upload_finish},
    {"blob_upload_chunk", METHOD_DELETE, UPLOAD,                  SCOPE_DELETE,  NEEDS_NOTHING,        &api_upload_cancel},
    {"manifest",          METHOD_PUT,    MANIFEST,                SCOPE_PUSH,    NEEDS_NOTHING,        &api_manifest_put},
    {"tags",              METHOD_GET,    "/v2/{name}/tags/list",  SCOPE_PULL,    NEEDS_NOTHING,        &api_tag_list},
    {"manifest",          METHOD_DELETE, MANIFEST,                SCOPE_DELETE,  NEEDS_DELETE_ENABLED, &api_manifest_delete},
    {"blob",              METHOD_DELETE, BLOB,                    SCOPE_DELETE,  NEEDS_DELETE_ENABLED, &api_blob_delete},
    {"referrers",         METHOD_GET,    REFERRERS,               SCOPE_PULL,    NEEDS_NOTHING,        &api_referrer_list},
    {"catalog",           METHOD_GET,    "/v2/_catalog",          SCOPE_CATALOG, NEEDS_NOTHING,        &api_catalog},
    {"root",              METHOD_GET,    "/",                     SCOPE_NONE,    NEEDS_NOTHING,        &api_root},
    {"root",              METHOD_HEAD,   "/",                     SCOPE_NONE,    NEEDS_NOTHING,        &api_root},
};
/* clang-format on */

const size_t endpoint_count = array_len(endpoints);

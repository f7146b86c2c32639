/* SPDX-License-Identifier: Apache-2.0
 *
 * table: every endpoint, a row each, in the order of the distribution-spec's table
 * of endpoints (end-1 … end-12b), then what Docker's registry adds; then those of other doors.
 */
#include "server/api.h"
#include "server/endpoint.h"

#define UPLOADS "/v2/{name}/blobs/uploads/"
#define UPLOAD "/v2/{name}/blobs/uploads/{upload}"
#define BLOB "/v2/{name}/blobs/{digest}"
#define REFERRERS "/v2/{name}/referrers/{digest}"
#define GC "/admin/gc"
#define READONLY "/admin/readonly"
#define VERIFY "/admin/verify"
#define MANIFEST "/v2/{name}/manifests/{reference}"

/* clang-format off */
const struct endpoint endpoints[] = {
    /* resource           method         path                     door         scope          needs                  operation */
    {"base",              METHOD_GET,    "/v2/",                  DOOR_PUBLIC, SCOPE_BASE,    NEEDS_NOTHING,         &api_base},
    {"base",              METHOD_HEAD,   "/v2/",                  DOOR_PUBLIC, SCOPE_BASE,    NEEDS_NOTHING,         &api_base},
    {"blob",              METHOD_GET,    BLOB,                    DOOR_PUBLIC, SCOPE_PULL,    NEEDS_NOTHING,         &api_blob_get},
    {"blob",              METHOD_HEAD,   BLOB,                    DOOR_PUBLIC, SCOPE_PULL,    NEEDS_NOTHING,         &api_blob_head},
    {"manifest",          METHOD_GET,    MANIFEST,                DOOR_PUBLIC, SCOPE_PULL,    NEEDS_NOTHING,         &api_manifest_get},
    {"manifest",          METHOD_HEAD,   MANIFEST,                DOOR_PUBLIC, SCOPE_PULL,    NEEDS_NOTHING,         &api_manifest_head},
    {"blob_upload",       METHOD_POST,   UPLOADS,                 DOOR_PUBLIC, SCOPE_PUSH,    NEEDS_NOTHING,         &api_upload_begin},
    {"blob_upload_chunk", METHOD_GET,    UPLOAD,                  DOOR_PUBLIC, SCOPE_PULL,    NEEDS_NOTHING,         &api_upload_status},
    {"blob_upload_chunk", METHOD_HEAD,   UPLOAD,                  DOOR_PUBLIC, SCOPE_PULL,    NEEDS_NOTHING,         &api_upload_status},
    {"blob_upload_chunk", METHOD_PATCH,  UPLOAD,                  DOOR_PUBLIC, SCOPE_PUSH,    NEEDS_NOTHING,         &api_upload_chunk},
    {"blob_upload_chunk", METHOD_PUT,    UPLOAD,                  DOOR_PUBLIC, SCOPE_PUSH,    NEEDS_NOTHING,         &api_upload_finish},
    {"blob_upload_chunk", METHOD_DELETE, UPLOAD,                  DOOR_PUBLIC, SCOPE_CANCEL,  NEEDS_NOTHING,         &api_upload_cancel},
    {"manifest",          METHOD_PUT,    MANIFEST,                DOOR_PUBLIC, SCOPE_PUSH,    NEEDS_NOTHING,         &api_manifest_put},
    {"tags",              METHOD_GET,    "/v2/{name}/tags/list",  DOOR_PUBLIC, SCOPE_PULL,    NEEDS_NOTHING,         &api_tag_list},
    {"manifest",          METHOD_DELETE, MANIFEST,                DOOR_PUBLIC, SCOPE_DELETE,  NEEDS_DELETE_ENABLED,  &api_manifest_delete},
    {"blob",              METHOD_DELETE, BLOB,                    DOOR_PUBLIC, SCOPE_DELETE,  NEEDS_DELETE_ENABLED,  &api_blob_delete},
    {"referrers",         METHOD_GET,    REFERRERS,               DOOR_PUBLIC, SCOPE_PULL,    NEEDS_NOTHING,         &api_referrer_list},
    {"catalog",           METHOD_GET,    "/v2/_catalog",          DOOR_PUBLIC, SCOPE_CATALOG, NEEDS_NOTHING,         &api_catalog},
    {"root",              METHOD_GET,    "/",                     DOOR_PUBLIC, SCOPE_NONE,    NEEDS_NOTHING,         &api_root},
    {"root",              METHOD_HEAD,   "/",                     DOOR_PUBLIC, SCOPE_NONE,    NEEDS_NOTHING,         &api_root},

    {"gc",                METHOD_GET,    GC,                      DOOR_ADMIN,  SCOPE_ADMIN,   NEEDS_NOTHING,         &api_gc_status},
    {"gc",                METHOD_HEAD,   GC,                      DOOR_ADMIN,  SCOPE_ADMIN,   NEEDS_NOTHING,         &api_gc_status},
    {"gc",                METHOD_POST,   GC,                      DOOR_ADMIN,  SCOPE_ADMIN,   NEEDS_NOTHING,         &api_gc_start},
    {"gc",                METHOD_DELETE, GC,                      DOOR_ADMIN,  SCOPE_ADMIN,   NEEDS_NOTHING,         &api_gc_stop},
    {"gc_lines",          METHOD_GET,    "/admin/gc/lines",       DOOR_ADMIN,  SCOPE_ADMIN,   NEEDS_NOTHING,         &api_gc_lines},
    {"gc_lines",          METHOD_HEAD,   "/admin/gc/lines",       DOOR_ADMIN,  SCOPE_ADMIN,   NEEDS_NOTHING,         &api_gc_lines},
    {"verify",            METHOD_GET,    VERIFY,                  DOOR_ADMIN,  SCOPE_ADMIN,   NEEDS_NOTHING,         &api_verify_status},
    {"verify",            METHOD_HEAD,   VERIFY,                  DOOR_ADMIN,  SCOPE_ADMIN,   NEEDS_NOTHING,         &api_verify_status},
    {"verify",            METHOD_POST,   VERIFY,                  DOOR_ADMIN,  SCOPE_ADMIN,   NEEDS_NOTHING,         &api_verify_start},
    {"verify",            METHOD_DELETE, VERIFY,                  DOOR_ADMIN,  SCOPE_ADMIN,   NEEDS_NOTHING,         &api_verify_stop},
    {"verify_lines",      METHOD_GET,    "/admin/verify/lines",   DOOR_ADMIN,  SCOPE_ADMIN,   NEEDS_NOTHING,         &api_verify_lines},
    {"verify_lines",      METHOD_HEAD,   "/admin/verify/lines",   DOOR_ADMIN,  SCOPE_ADMIN,   NEEDS_NOTHING,         &api_verify_lines},
    {"readonly",          METHOD_GET,    READONLY,                DOOR_ADMIN,  SCOPE_ADMIN,   NEEDS_NOTHING,         &api_readonly_get},
    {"readonly",          METHOD_HEAD,   READONLY,                DOOR_ADMIN,  SCOPE_ADMIN,   NEEDS_NOTHING,         &api_readonly_get},
    {"readonly",          METHOD_PUT,    READONLY,                DOOR_ADMIN,  SCOPE_ADMIN,   NEEDS_NOTHING,         &api_readonly_put},

    {"health",            METHOD_GET,    "/debug/health",         DOOR_DEBUG,  SCOPE_NONE,    NEEDS_NOTHING,         &api_health},
    {"health",            METHOD_HEAD,   "/debug/health",         DOOR_DEBUG,  SCOPE_NONE,    NEEDS_NOTHING,         &api_health},
    {"metrics",           METHOD_GET,    METRICS_PATH,            DOOR_DEBUG,  SCOPE_NONE,    NEEDS_METRICS_ENABLED, &api_metrics},
    {"metrics",           METHOD_HEAD,   METRICS_PATH,            DOOR_DEBUG,  SCOPE_NONE,    NEEDS_METRICS_ENABLED, &api_metrics},
};
/* clang-format on */

const size_t endpoint_count = array_len(endpoints);

/* SPDX-License-Identifier: Apache-2.0
 *
 * api: the operations that the table's rows name. One file a noun; the headers each
 * request and answer has are in the file's functions.
 */
#ifndef SERVER_API_H
#define SERVER_API_H

#include "server/endpoint.h"

/* api_base.c */
extern const struct operation api_base, api_root;
/* api_blob.c */
extern const struct operation api_blob_get, api_blob_head, api_blob_delete;
/* api_upload.c */
extern const struct operation api_upload_begin, api_upload_status, api_upload_chunk,
    api_upload_finish, api_upload_cancel;
/* api_manifest.c */
extern const struct operation api_manifest_get, api_manifest_head, api_manifest_put,
    api_manifest_delete;
/* api_referrer.c */
extern const struct operation api_referrer_list;
/* api_list.c */
extern const struct operation api_tag_list, api_catalog;
/* api_admin.c */
extern const struct operation api_gc_start, api_gc_status, api_gc_stop, api_gc_lines;
extern const struct operation api_verify_start, api_verify_status, api_verify_stop,
    api_verify_lines;
/* api_readonly.c */
extern const struct operation api_readonly_get, api_readonly_put;
/* api_debug.c */
extern const struct operation api_health, api_metrics;

#endif

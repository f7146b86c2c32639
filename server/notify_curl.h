/* SPDX-License-Identifier: Apache-2.0
 *
 * notify_curl: libcurl, which is for notifications alone. Debian's brings two dozen libraries
 * along, and they take more memory than the rest of the server: so it is loaded when the first
 * endpoint is there, and not before. The image has one of its own, that is linked.
 *
 * Any thread.
 */
#ifndef SERVER_NOTIFY_CURL_H
#define SERVER_NOTIFY_CURL_H

#include <curl/curl.h>

#include "lib/rc.h"

/* What of it is called. */
#define CURL_CALLS(CALL)                                                                           \
    CALL(global_init)                                                                              \
    CALL(multi_init)                                                                               \
    CALL(multi_cleanup)                                                                            \
    CALL(multi_add_handle)                                                                         \
    CALL(multi_remove_handle)                                                                      \
    CALL(multi_perform)                                                                            \
    CALL(multi_info_read)                                                                          \
    CALL(multi_poll)                                                                               \
    CALL(easy_init)                                                                                \
    CALL(easy_cleanup)                                                                             \
    CALL(easy_reset)                                                                               \
    CALL(easy_setopt)                                                                              \
    CALL(easy_getinfo)                                                                             \
    CALL(easy_strerror)                                                                            \
    CALL(slist_append)                                                                             \
    CALL(slist_free_all)

struct curl_calls {
#define CALL(name) typeof(curl_##name) *name;
    CURL_CALLS(CALL)
#undef CALL
};

/* From then on it stays. RC_INTERNAL with a line for a person: it is not to be had. */
enum rc curl_open(struct curl_calls *out, struct fault *f) MUST_CHECK;

#endif

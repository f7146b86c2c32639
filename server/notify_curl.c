/* SPDX-License-Identifier: Apache-2.0
 *
 * notify_curl: found by its name, or linked.
 */
#include "server/notify_curl.h"

#include <dlfcn.h>
#include <string.h>

#ifdef CURL_LIBRARY

static bool find(void *library, const char *name, void *call)
{
    void *found = dlsym(library, name);
    memcpy(call, &found, sizeof(found));
    return found != NULL;
}

static enum rc find_calls(struct curl_calls *c, struct fault *f)
{
    void *library = dlopen(CURL_LIBRARY, RTLD_NOW | RTLD_NODELETE);
#define CALL(name) &&find(library, "curl_" #name, &c->name)
    if (library CURL_CALLS(CALL))
        return RC_OK;
#undef CALL
    return fault(f, RC_INTERNAL, "notifications.endpoints: they take libcurl: %s", dlerror());
}

#else

static enum rc find_calls(struct curl_calls *c, struct fault *f)
{
#define CALL(name) .name = curl_##name,
    *c = (struct curl_calls){CURL_CALLS(CALL)};
#undef CALL
    (void)f;
    return RC_OK;
}

#endif

enum rc curl_open(struct curl_calls *out, struct fault *f)
{
    struct curl_calls c;
    enum rc rc = find_calls(&c, f);
    if (rc != RC_OK)
        return rc;
    if (c.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return fault(f, RC_INTERNAL, "notifications.endpoints: libcurl does not start");
    *out = c;
    return RC_OK;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * gate: the rules that hold for every endpoint alike.
 */
#include "server/gate.h"

#include <string.h>

static bool changes_something(enum scope s)
{
    switch (s) {
    case SCOPE_NONE:
    case SCOPE_BASE:
    case SCOPE_CATALOG:
    case SCOPE_PULL:
    case SCOPE_ADMIN: /* not what is for the registry's clients */
        return false;
    case SCOPE_PUSH:
    case SCOPE_DELETE:
    case SCOPE_CANCEL:
        return true;
    }
    return true;
}

/* The registry image refuses everything while any check fails. Here, what can be done is done; but
 * load balancers, which ask for the root, are told. */
static bool is_out_of_service(const struct endpoint *row, const struct gate_state *now)
{
    bool is_root = row->scope == SCOPE_NONE;
    return row->door == DOOR_PUBLIC && (now->unreadable || (now->ill && is_root));
}

enum rc gate_check(const struct endpoint *row, const struct config *config,
                   const struct gate_state *now, struct fault *f)
{
    if (now->by_page && row->door == DOOR_ADMIN)
        return fault(f, RC_DENIED, "\"administration is not for web pages\"");
    if (is_out_of_service(row, now))
        return fault(f, RC_UNAVAILABLE, "health check failed: please see /debug/health");
    if (now->readonly && changes_something(row->scope))
        return fault(f, RC_UNSUPPORTED, "the registry is in read-only mode");
    if (row->needs == NEEDS_DELETE_ENABLED && !config->delete_enabled)
        return fault(f, RC_UNSUPPORTED, "deleting is switched off (storage.delete.enabled)");
    if (row->needs == NEEDS_METRICS_ENABLED && !config->metrics_enabled)
        return fault(f, RC_NO_ENDPOINT, "metrics are switched off (http.debug.prometheus.enabled)");
    if (now->unwritable && changes_something(row->scope))
        return fault(f, RC_UNAVAILABLE, "the storage cannot be written to: try again later");
    if (now->collecting && changes_something(row->scope))
        return fault(f, RC_UNAVAILABLE, "garbage is being collected: try again later");
    return RC_OK;
}

/* As the registry image lists them. */
const char *gate_methods(const struct endpoint *row, const struct config *config,
                         const struct gate_state *now, struct arena *a)
{
    static const enum http_method by_name[] = {METHOD_DELETE, METHOD_GET,  METHOD_HEAD,
                                               METHOD_PATCH,  METHOD_POST, METHOD_PUT};
    const char *list = "";
    struct fault unused;
    fault_init(&unused, a);
    for (size_t m = 0; m < array_len(by_name); m++) {
        for (size_t i = 0; i < endpoint_count; i++) {
            const struct endpoint *e = &endpoints[i];
            if (e->method != by_name[m] || e->door != row->door || strcmp(e->path, row->path) != 0)
                continue;
            if (gate_check(e, config, now, &unused) != RC_UNSUPPORTED)
                list =
                    arena_printf(a, "%s%s%s", list, *list ? ", " : "", http_method_name(e->method));
        }
    }
    return list;
}

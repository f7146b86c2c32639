/* SPDX-License-Identifier: Apache-2.0
 *
 * gate: the rules that hold for every endpoint alike.
 */
#include "server/gate.h"

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

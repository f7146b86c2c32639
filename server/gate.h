/* SPDX-License-Identifier: Apache-2.0
 *
 * gate: may this request reach its endpoint? Decided from the row and the settings,
 * before anything of the operation runs. Pure; loop thread.
 */
#ifndef SERVER_GATE_H
#define SERVER_GATE_H

#include "server/endpoint.h"

/* RC_UNSUPPORTED if the registry is read-only or deleting is switched off; RC_NO_ENDPOINT if
 * what the row needs is; RC_UNAVAILABLE if only a collection that `refuses` writes is in the way.
 */
enum rc gate_check(const struct endpoint *row, const struct config *config, bool refuses,
                   struct fault *f) MUST_CHECK;

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * gate: may this request reach its endpoint? Decided from the row and the settings,
 * before anything of the operation runs. Pure; loop thread.
 */
#ifndef SERVER_GATE_H
#define SERVER_GATE_H

#include "server/endpoint.h"

/* RC_UNSUPPORTED if the registry is read-only or deleting is switched off. */
enum rc gate_check(const struct endpoint *row, const struct config *config,
                   struct fault *f) MUST_CHECK;

#endif

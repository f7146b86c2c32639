/* SPDX-License-Identifier: Apache-2.0
 *
 * vitals: what the server knows of itself, for those who watch it. Loop thread, unless a function
 * says otherwise.
 */
#ifndef SERVER_VITALS_H
#define SERVER_VITALS_H

#include <stdatomic.h>

#include "server/gate.h"
#include "server/health.h"
#include "server/metrics.h"
#include "server/server.h"

struct vitals {
    const struct server *server;
    struct metrics *metrics;
    struct health *health;
    atomic_int readonly;   /* enum readonly_word of vitals.c, and of which settings */
    atomic_bool low_space; /* pushes are refused for it */
    uint64_t refused;      /* connections, by limits */
    uint64_t refused_now;  /* … or for want of a descriptor, since one was last accepted */
    uint64_t turned_away;  /* connections for which there was no descriptor */
};

/* The server's pool and store are there already. */
struct vitals *vitals_new(struct server *s);
void vitals_free(struct vitals *v);
/* Call once a second. */
void vitals_tick(struct vitals *v);
/* For the gate; v may be NULL. */
struct gate_state vitals_state(const struct vitals *v, const struct config *c);
/* An administrator's word, instead of what the settings say: until a reload changes what they say.
 * Any thread. */
void vitals_set_readonly(struct vitals *v, const struct config *c, bool readonly);
/* All that is counted here, in Prometheus' text format. */
void vitals_metrics(const struct vitals *v, struct buf *text);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * limits: who is one too many is told so at once, and closed: it costs nothing to speak of.
 */
#include "server/limits.h"

#include <inttypes.h>
#include <netinet/in.h>

#include "lib/http.h"
#include "lib/log.h"
#include "lib/oci.h"
#include "server/access.h"
#include "server/conn.h"
#include "server/error.h"
#include "server/vitals.h"

enum { HEAD_LEAST = 4 << 10, HEAD_MOST = 1 << 20, MANIFEST_LEAST = 4 << 10 };

static enum rc check(const char *key, uint64_t value, uint64_t least, uint64_t most,
                     struct fault *f)
{
    if (value >= least && value <= most)
        return RC_OK;
    return fault(f, RC_INTERNAL,
                 "%s: expected a size from %" PRIu64 " to %" PRIu64 " bytes, got %" PRIu64, key,
                 least, most, value);
}

enum rc limits_settle(struct config *c, struct fault *f)
{
    enum rc rc = check("http.limits.head", c->head_max, HEAD_LEAST, HEAD_MOST, f);
    if (rc == RC_OK)
        rc = check("http.limits.manifest", c->manifest_max, MANIFEST_LEAST, OCI_MANIFEST_MAX, f);
    return rc;
}

/* TLS has no words for it before the handshake. */
static void tell(struct server *s, int fd)
{
    struct span text = error_overload();
    if (!s->settings->tls)
        (void)send(fd, text.p, text.n, MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)shutdown(fd, SHUT_WR);
}

/* Once for each time that it begins. */
static void note(struct server *s, const char *what)
{
    if (s->vitals->refused_now++ == 0)
        log_warn("connections are refused: %s", what);
    s->vitals->refused++;
}

bool limits_admit(struct server *s, int fd, const struct sockaddr *peer)
{
    const struct config *c = s->settings->config;
    const char *what = NULL;
    if (c->connections_max > 0 && s->public_count >= c->connections_max)
        what = "there are http.limits.connections of them";
    else if (c->per_client_max > 0 && conn_count_of(s, peer) >= c->per_client_max)
        what = "a client has http.limits.perclient of them";
    if (!what)
        return true;
    note(s, what);
    tell(s, fd);
    return false;
}

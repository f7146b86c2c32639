/* SPDX-License-Identifier: Apache-2.0
 *
 * settings: made, counted and freed.
 */
#include "server/settings.h"

#include <stdlib.h>

#include "server/auth.h"
#include "server/notify_config.h"
#include "server/tls.h"

enum rc settings_load(const struct config_sources *from, struct settings **out, struct fault *f)
{
    struct config *config = NULL;
    enum rc rc = config_load(from, &config, f);
    if (rc != RC_OK)
        return rc;
    struct settings *s = must_calloc(sizeof(*s));
    *s = (struct settings){.config = config, .users = 1, .from = from};
    rc = notify_config_check(config, f);
    if (rc == RC_OK)
        rc = tls_open(config, &s->tls, f);
    if (rc == RC_OK)
        rc = auth_new(config, &s->auth, f);
    if (rc != RC_OK) {
        settings_drop(s);
        return rc;
    }
    *out = s;
    return RC_OK;
}

struct settings *settings_hold(struct settings *s)
{
    s->users++;
    return s;
}

void settings_drop(struct settings *s)
{
    if (!s || --s->users > 0)
        return;
    auth_free(s->auth);
    tls_close(s->tls);
    config_free(s->config);
    free(s);
}

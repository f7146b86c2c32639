/* SPDX-License-Identifier: Apache-2.0
 *
 * auth_rules: who may do what in which repositories. The first rule that speaks of somebody and
 * a repository decides; what no rule speaks of is refused. Pure; constant once made, any thread.
 */
#ifndef SERVER_AUTH_RULES_H
#define SERVER_AUTH_RULES_H

#include "lib/rc.h"
#include "lib/span.h"

enum right { RIGHT_PULL = 1, RIGHT_PUSH = 2, RIGHT_DELETE = 4, RIGHT_ADMIN = 8 };

/* A rule or a group as somebody wrote it; lists are separated by commas. NULL: not given. */
struct rule_text {
    const char *where;        /* "registry.ini:7: rule.ci", for messages */
    const char *who;          /* user:NAME, group:NAME, * (who is known), anonymous (everybody) */
    const char *repositories; /* "*" stays within a component, "**" does not; not given: "**" */
    const char *allow;        /* pull, push, delete, admin; nothing: refused */
};
struct group_text {
    const char *where, *name, *members;
};

struct rules;

/* RC_INTERNAL with "WHERE: what was expected, got …". The texts are not needed afterwards. */
enum rc rules_new(const struct rule_text *rules, size_t rule_count, const struct group_text *groups,
                  size_t group_count, struct rules **out, struct fault *f) MUST_CHECK;
void rules_free(struct rules *r); /* r may be NULL */

/* Somebody's rights in a repository, of enum right. user with p NULL: nobody knows who. */
unsigned rules_rights(const struct rules *r, struct span user, struct span repository);
/* May they look after the registry as a whole? Rules for some repositories do not speak of that. */
bool rules_admin(const struct rules *r, struct span user);
/* Is there anything for those whom nobody knows? */
bool rules_open(const struct rules *r);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * Rules for repositories: their patterns match what a matcher by the definition matches, at once.
 */
#include "server/auth_rules.h"

#include <string.h>

#include "lib/buf.h"
#include "test/fuzz/fuzz.h"

enum { SIDE_MAX = 64 };

/* Does the pattern from i on match the text from k on? */
struct table {
    bool matches[SIDE_MAX + 1][SIDE_MAX + 1];
};

/* From the ends back: "**" is anything, "*" anything without a slash. */
static bool glob(struct span p, struct span s)
{
    static struct table t;
    for (size_t i = p.n + 1; i-- > 0;) {
        for (size_t k = s.n + 1; k-- > 0;) {
            bool two = i + 1 < p.n && p.p[i] == '*' && p.p[i + 1] == '*';
            bool one = i < p.n && p.p[i] == '*';
            if (i == p.n)
                t.matches[i][k] = k == s.n;
            else if (two)
                t.matches[i][k] = t.matches[i + 2][k] || (k < s.n && t.matches[i][k + 1]);
            else if (one)
                t.matches[i][k] =
                    t.matches[i + 1][k] || (k < s.n && s.p[k] != '/' && t.matches[i][k + 1]);
            else
                t.matches[i][k] = k < s.n && p.p[i] == s.p[k] && t.matches[i + 1][k + 1];
        }
    }
    return t.matches[0][0];
}

static void check_glob(struct span pattern, struct span repository, struct arena *a)
{
    struct rule_text text = {"r", "*", arena_str(a, pattern), "pull"};
    struct span user = SPAN("u"), nobody = {NULL, 0};
    struct rules *r = NULL;
    if (memchr(pattern.p, ',', pattern.n) || memchr(pattern.p, '\0', pattern.n) ||
        span_trim(pattern).n != pattern.n)
        return;
    HOLDS(rules_new(&text, 1, NULL, 0, &r, NULL) == RC_OK);
    HOLDS(rules_rights(r, user, repository) == (glob(pattern, repository) ? RIGHT_PULL : 0U));
    HOLDS(rules_rights(r, nobody, repository) == 0 && !rules_admin(r, user) && !rules_open(r));
    rules_free(r);
}

/* Whatever a rule says: it is refused with one line, or gives no more than its words. */
static void check_rule(const struct rule_text *text, struct span repository, struct arena *a)
{
    const struct group_text group = {"g", "g", "ann, bob"};
    struct rules *r = NULL;
    struct fault f;
    fault_init(&f, a);
    enum rc rc = rules_new(text, 1, &group, 1, &r, &f);
    if (rc != RC_OK) {
        HOLDS(rc == RC_INTERNAL && f.count == 1 && strncmp(f.first->detail, "r: ", 3) == 0);
        return;
    }
    unsigned rights = rules_rights(r, SPAN("ann"), repository);
    HOLDS(!(rights & RIGHT_PULL) || strstr(text->allow, "pull"));
    HOLDS(!(rights & RIGHT_PUSH) || strstr(text->allow, "push"));
    HOLDS(!(rights & RIGHT_DELETE) || strstr(text->allow, "delete"));
    HOLDS(!rules_admin(r, SPAN("ann")) ||
          (strstr(text->allow, "admin") && strstr(text->repositories, "**")));
    HOLDS(!rules_open(r) || strstr(text->who, "anonymous"));
    HOLDS(rights == 0 || strstr(text->who, "ann") || strstr(text->who, "group:g") ||
          strchr(text->who, '*') || strstr(text->who, "anonymous"));
    rules_free(r);
}

/* A line each: a pattern, a repository, who, what. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_from(data, size);
    struct span pattern = span_head(take_line(&in), SIDE_MAX);
    struct span repository = copy_new(span_head(take_line(&in), SIDE_MAX));
    struct arena a;
    arena_init(&a);
    struct rule_text text = {"r", arena_str(&a, take_line(&in)), arena_str(&a, pattern),
                             arena_str(&a, take_line(&in))};
    if (pattern.n > 0)
        check_glob(pattern, repository, &a);
    check_rule(&text, repository, &a);
    arena_fini(&a);
    copy_free(repository);
    return 0;
}

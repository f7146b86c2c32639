/* SPDX-License-Identifier: Apache-2.0
 *
 * pins: who relies on what, and for how long.
 *
 *                 begin/end(KEPT)           end(USED)
 *   (no pin) ───────────────────────► OPEN ───────────► USED
 *       ▲                              ▲ │ grace over,    │ │ lingered, or grace over
 *       │                              └─┼─ begin/end ────┘ │
 *       └────────────────────────────────┴──────────────────┘
 *
 * A pin that was touched during the collection in progress holds whatever its state: the
 * collection may have looked at its repository before.
 */
#include "storage/pins.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

enum {
    PINS_MAX = 16384, /* then the oldest live on as their links' times alone */
    EXPIRE_STEP = 4   /* old pins looked at for each new one */
};

enum pin_state { STATE_NEW, STATE_OPEN, STATE_USED };

/* A digest in a repository. */
struct pin {
    struct digest digest; /* key in repo->pins */
    struct pin_repo *repo;
    struct pin_content *content;
    enum pin_kind kind;
    enum pin_state state;
    unsigned pending; /* operations between begin and end */
    unsigned run;     /* the collection in which it was last touched; 0: none */
    uint64_t at;      /* ms: when last touched, in the repository's idle time */
    struct pin *prev, *next;
    UT_hash_handle hh;
};

/* A repository with pins or with someone at work in it. */
struct pin_repo {
    struct pin *pins; /* hash, by digest */
    unsigned open;    /* blobs promised and not used: a push is under way */
    unsigned entered; /* pins_enter */
    unsigned pending; /* operations on its pins */
    unsigned run;     /* the collection in which one of its pins was last touched */
    uint64_t busy;    /* ms: how long it was entered in all, but for this time … */
    uint64_t since;   /* … which began then */
    UT_hash_handle hh;
    size_t name_len;
    char name[]; /* key */
};

/* A digest, whatever the repository. */
struct pin_content {
    struct digest digest; /* key */
    unsigned pins, pending, open;
    unsigned puts; /* of those pending, how many put it there */
    unsigned run;
    UT_hash_handle hh;
};

void pins_init(struct pins *p)
{
    *p = (struct pins){.current = {.grace_ms = UINT64_MAX}}; /* until a collection says more */
    (void)pthread_mutex_init(&p->mutex, NULL);
    (void)pthread_cond_init(&p->released, NULL);
}

static uint64_t now_ms(const struct pins *p)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000 + p->ahead_ms;
}

/* ---- The tables. With the mutex held. --------------------------------------------------- */
/* NOLINTBEGIN(readability-function-size): uthash's macros are counted as what they become */

static struct pin_repo *find_repo(struct pins *p, struct span name)
{
    struct pin_repo *r = NULL;
    HASH_FIND(hh, p->repos, name.p, name.n, r);
    return r;
}

static struct pin_repo *take_repo(struct pins *p, struct span name)
{
    struct pin_repo *r = find_repo(p, name);
    if (r)
        return r;
    r = must_calloc(sizeof(*r) + name.n + 1);
    memcpy(r->name, name.p, name.n);
    r->name_len = name.n;
    HASH_ADD(hh, p->repos, name, name.n, r);
    return r;
}

static void give_repo(struct pins *p, struct pin_repo *r)
{
    if (r->pins || r->entered > 0 || r->pending > 0)
        return;
    HASH_DEL(p->repos, r);
    free(r);
}

static struct pin_content *find_content(struct pins *p, const struct digest *d)
{
    struct pin_content *c = NULL;
    HASH_FIND(hh, p->contents, d, sizeof(*d), c);
    return c;
}

static struct pin_content *take_content(struct pins *p, const struct digest *d)
{
    struct pin_content *c = find_content(p, d);
    if (!c) {
        c = must_calloc(sizeof(*c));
        c->digest = *d;
        HASH_ADD(hh, p->contents, digest, sizeof(c->digest), c);
    }
    c->pins++;
    return c;
}

static void give_content(struct pins *p, struct pin_content *c)
{
    if (--c->pins > 0)
        return;
    HASH_DEL(p->contents, c);
    free(c);
}

static struct pin *find_pin(struct pin_repo *r, const struct digest *d)
{
    struct pin *pin = NULL;
    if (r)
        HASH_FIND(hh, r->pins, d, sizeof(*d), pin);
    return pin;
}

/* A repository's time stands still while something is uploaded to it: a push that takes longer than
 * the grace period does not lose what it began with. */
static uint64_t idle_ms(const struct pins *p, const struct pin_repo *r)
{
    uint64_t now = now_ms(p);
    return now - r->busy - (r->entered > 0 ? now - r->since : 0);
}

static uint64_t age_of(const struct pins *p, const struct pin *pin)
{
    return idle_ms(p, pin->repo) - pin->at;
}

static void set_state(struct pin *pin, enum pin_state s)
{
    bool was = pin->state == STATE_OPEN, is = s == STATE_OPEN;
    pin->content->open += (unsigned)is - (unsigned)was;
    if (pin->kind == PIN_BLOB)
        pin->repo->open += (unsigned)is - (unsigned)was;
    pin->state = s;
}

static void remove_pin(struct pins *p, struct pin *pin)
{
    struct pin_repo *r = pin->repo;
    set_state(pin, STATE_NEW);
    HASH_DEL(r->pins, pin);
    DL_DELETE(p->oldest, pin);
    give_content(p, pin->content);
    free(pin);
    p->count--;
    give_repo(p, r);
}

/* Is its time over? With many pins, also before: its link's time says the rest. */
static bool has_expired(const struct pins *p, const struct pin *pin)
{
    if (pin->pending > 0 || (p->collecting && pin->run == p->run))
        return false;
    if (p->count > PINS_MAX)
        return true;
    return age_of(p, pin) >= p->current.grace_ms;
}

static void expire(struct pins *p, size_t most)
{
    struct pin *next;
    for (struct pin *pin = p->oldest; pin && most > 0; pin = next, most--) {
        next = pin->next;
        if (has_expired(p, pin))
            remove_pin(p, pin);
    }
}

static struct pin *take_pin(struct pins *p, struct pin_repo *r, enum pin_kind kind,
                            const struct digest *d)
{
    struct pin *pin = find_pin(r, d);
    if (pin)
        return pin;
    pin = must_calloc(sizeof(*pin));
    pin->digest = *d;
    pin->repo = r;
    pin->kind = kind;
    pin->at = idle_ms(p, r);
    pin->content = take_content(p, d);
    HASH_ADD(hh, r->pins, digest, sizeof(pin->digest), pin);
    DL_APPEND(p->oldest, pin);
    p->count++;
    return pin;
}

/* NOLINTEND(readability-function-size) */

static void touch(struct pins *p, struct pin *pin)
{
    pin->at = idle_ms(p, pin->repo);
    pin->run = pin->repo->run = pin->content->run = p->run;
    p->promised_run = p->run;
    DL_DELETE(p->oldest, pin);
    DL_APPEND(p->oldest, pin);
}

void pins_fini(struct pins *p)
{
    while (p->oldest)
        remove_pin(p, p->oldest);
    assert(!p->repos && !p->contents); /* each begin had its end */
    (void)pthread_cond_destroy(&p->released);
    (void)pthread_mutex_destroy(&p->mutex);
}

/* ---- The clients' side. ----------------------------------------------------------------- */

static bool is_condemned(const struct pins *p, struct span repo, const struct digest *d)
{
    switch (p->condemned) {
    case CONDEMNED_NOTHING:
        return false;
    case CONDEMNED_LINK:
        return d && digest_eq(d, &p->condemned_digest) && span_eq(repo, p->condemned_repo);
    case CONDEMNED_CONTENT:
        return d && digest_eq(d, &p->condemned_digest);
    case CONDEMNED_REPO:
        return span_eq(repo, p->condemned_repo);
    }
    return false;
}

static void lock_when_safe(struct pins *p, struct span repo, const struct digest *d)
{
    (void)pthread_mutex_lock(&p->mutex);
    while (is_condemned(p, repo, d))
        (void)pthread_cond_wait(&p->released, &p->mutex);
}

/* With the mutex held, and the thing not condemned. */
static void begin_safe(struct pins *p, struct span repo, enum pin_kind kind, const struct digest *d,
                       unsigned puts)
{
    expire(p, EXPIRE_STEP);
    struct pin *pin = take_pin(p, take_repo(p, repo), kind, d);
    pin->pending++;
    pin->content->pending++;
    pin->content->puts += puts;
    pin->repo->pending++;
}

static void begin(struct pins *p, struct span repo, enum pin_kind kind, const struct digest *d,
                  unsigned puts)
{
    lock_when_safe(p, repo, d);
    begin_safe(p, repo, kind, d, puts);
    (void)pthread_mutex_unlock(&p->mutex);
}

static void end(struct pins *p, struct span repo, const struct digest *d, enum pin_end how,
                unsigned puts)
{
    (void)pthread_mutex_lock(&p->mutex);
    struct pin *pin = find_pin(find_repo(p, repo), d);
    assert(pin && pin->pending > 0);
    pin->pending--;
    pin->content->pending--;
    pin->content->puts -= puts;
    pin->repo->pending--;
    switch (how) {
    case PIN_DROPPED:
        if (pin->state == STATE_NEW && pin->pending == 0)
            remove_pin(p, pin);
        break;
    case PIN_KEPT:
        set_state(pin, STATE_OPEN);
        touch(p, pin);
        break;
    case PIN_USED:
        set_state(pin, STATE_USED);
        touch(p, pin);
        break;
    }
    (void)pthread_mutex_unlock(&p->mutex);
}

void pins_begin(struct pins *p, struct span repo, enum pin_kind kind, const struct digest *d)
{
    begin(p, repo, kind, d, 0);
}

bool pins_try_begin(struct pins *p, struct span repo, enum pin_kind kind, const struct digest *d)
{
    (void)pthread_mutex_lock(&p->mutex);
    bool safe = !is_condemned(p, repo, d);
    if (safe)
        begin_safe(p, repo, kind, d, 0);
    (void)pthread_mutex_unlock(&p->mutex);
    return safe;
}

void pins_end(struct pins *p, struct span repo, const struct digest *d, enum pin_end how)
{
    end(p, repo, d, how, 0);
}

void pins_begin_put(struct pins *p, struct span repo, enum pin_kind kind, const struct digest *d)
{
    begin(p, repo, kind, d, 1);
}

void pins_end_put(struct pins *p, struct span repo, const struct digest *d, enum pin_end how)
{
    end(p, repo, d, how, 1);
}

bool pins_are_putting(struct pins *p, const struct digest *d, unsigned most)
{
    (void)pthread_mutex_lock(&p->mutex);
    const struct pin_content *c = find_content(p, d);
    bool are = c && c->puts > most;
    (void)pthread_mutex_unlock(&p->mutex);
    return are;
}

void pins_forget(struct pins *p, struct span repo, const struct digest *d)
{
    (void)pthread_mutex_lock(&p->mutex);
    struct pin *pin = find_pin(find_repo(p, repo), d);
    if (pin && pin->pending == 0)
        remove_pin(p, pin);
    (void)pthread_mutex_unlock(&p->mutex);
}

void pins_enter(struct pins *p, struct span repo)
{
    lock_when_safe(p, repo, NULL);
    struct pin_repo *r = take_repo(p, repo);
    if (r->entered++ == 0)
        r->since = now_ms(p);
    (void)pthread_mutex_unlock(&p->mutex);
}

void pins_leave(struct pins *p, struct span repo)
{
    (void)pthread_mutex_lock(&p->mutex);
    struct pin_repo *r = find_repo(p, repo);
    assert(r && r->entered > 0);
    if (--r->entered == 0)
        r->busy += now_ms(p) - r->since;
    give_repo(p, r);
    (void)pthread_mutex_unlock(&p->mutex);
}

/* ---- The collection's side. ------------------------------------------------------------- */

enum rc pins_collect(struct pins *p, const struct collection *c, struct fault *f)
{
    enum rc rc = RC_OK;
    (void)pthread_mutex_lock(&p->mutex);
    if (p->collecting)
        rc = fault(f, RC_GC_RUNNING, NULL);
    if (rc == RC_OK) {
        p->collecting = true;
        p->run++;
        p->current = *c;
        p->begun = now_ms(p);
        expire(p, SIZE_MAX);
    }
    (void)pthread_mutex_unlock(&p->mutex);
    return rc;
}

void pins_collected(struct pins *p)
{
    (void)pthread_mutex_lock(&p->mutex);
    assert(p->condemned == CONDEMNED_NOTHING);
    p->collecting = false;
    (void)pthread_mutex_unlock(&p->mutex);
}

static uint64_t linger_ms(const struct pins *p)
{
    uint64_t grace = p->current.grace_ms;
    return grace < STORE_LINGER_MS ? grace : STORE_LINGER_MS;
}

bool pins_have_settled(struct pins *p)
{
    (void)pthread_mutex_lock(&p->mutex);
    bool settled = p->promised_run == p->run || now_ms(p) - p->begun > linger_ms(p);
    (void)pthread_mutex_unlock(&p->mutex);
    return settled;
}

/* Another push may rely on what this one has used. */
static bool push_under_way(const struct pin_repo *r)
{
    return r->open > 0 || r->entered > 0;
}

static enum verdict judge_used(const struct pins *p, const struct pin *pin, uint64_t age)
{
    if (age < p->current.grace_ms && push_under_way(pin->repo))
        return VERDICT_PINNED;
    return age < linger_ms(p) ? VERDICT_SETTLING : VERDICT_REMOVED;
}

static enum verdict judge(const struct pins *p, const struct pin *pin)
{
    if (!pin)
        return VERDICT_REMOVED;
    if (pin->pending > 0 || pin->run == p->run)
        return VERDICT_PINNED;
    uint64_t age = age_of(p, pin);
    switch (pin->state) {
    case STATE_NEW:
        return VERDICT_PINNED;
    case STATE_OPEN:
        return age < p->current.grace_ms ? VERDICT_PINNED : VERDICT_REMOVED;
    case STATE_USED:
        return judge_used(p, pin, age);
    }
    return VERDICT_PINNED;
}

/* With the mutex held. */
static void set_condemned(struct pins *p, enum condemned what, struct span repo,
                          const struct digest *d)
{
    assert(p->condemned == CONDEMNED_NOTHING);
    p->condemned = what;
    p->condemned_repo = repo;
    if (d)
        p->condemned_digest = *d;
}

static enum verdict condemn(struct pins *p, enum verdict v, enum condemned what, struct span repo,
                            const struct digest *d)
{
    assert(p->collecting);
    if (v == VERDICT_REMOVED && !p->current.dry_run)
        set_condemned(p, what, repo, d);
    (void)pthread_mutex_unlock(&p->mutex);
    return v;
}

enum verdict pins_condemn_link(struct pins *p, struct span repo, const struct digest *d)
{
    (void)pthread_mutex_lock(&p->mutex);
    struct pin *pin = find_pin(find_repo(p, repo), d);
    return condemn(p, judge(p, pin), CONDEMNED_LINK, repo, d);
}

/* No link leads to it any more; a pin without a link is of an operation at work, or of a link
 * that was made since. */
enum verdict pins_condemn_content(struct pins *p, const struct digest *d)
{
    (void)pthread_mutex_lock(&p->mutex);
    const struct pin_content *c = find_content(p, d);
    bool held = c && (c->pending > 0 || c->open > 0 || c->run == p->run);
    return condemn(p, held ? VERDICT_PINNED : VERDICT_REMOVED, CONDEMNED_CONTENT, SPAN(""), d);
}

enum verdict pins_condemn_repo(struct pins *p, struct span repo)
{
    (void)pthread_mutex_lock(&p->mutex);
    const struct pin_repo *r = find_repo(p, repo);
    bool held = r && (r->entered > 0 || r->pending > 0 || r->open > 0 || r->run == p->run);
    return condemn(p, held ? VERDICT_PINNED : VERDICT_REMOVED, CONDEMNED_REPO, repo, NULL);
}

enum verdict pins_condemn_damaged(struct pins *p, const struct digest *d)
{
    (void)pthread_mutex_lock(&p->mutex);
    const struct pin_content *c = find_content(p, d);
    bool busy = c && c->pending > 0;
    if (!busy)
        set_condemned(p, CONDEMNED_CONTENT, SPAN(""), d);
    (void)pthread_mutex_unlock(&p->mutex);
    return busy ? VERDICT_PINNED : VERDICT_REMOVED;
}

void pins_release(struct pins *p)
{
    (void)pthread_mutex_lock(&p->mutex);
    p->condemned = CONDEMNED_NOTHING;
    (void)pthread_cond_broadcast(&p->released);
    (void)pthread_mutex_unlock(&p->mutex);
}

int64_t pins_wall_time(struct pins *p)
{
    (void)pthread_mutex_lock(&p->mutex);
    int64_t now = (int64_t)time(NULL) + (int64_t)(p->ahead_ms / 1000);
    (void)pthread_mutex_unlock(&p->mutex);
    return now;
}

bool pins_is_young(struct pins *p, time_t modified)
{
    int64_t grace = (int64_t)(p->current.grace_ms / 1000);
    int64_t age = pins_wall_time(p) - (int64_t)modified;
    /* A clock that was wrong once must not keep things for ever. */
    return age > -grace && age < grace;
}

void pins_pass_time(struct pins *p, uint64_t ms)
{
    (void)pthread_mutex_lock(&p->mutex);
    p->ahead_ms += ms;
    (void)pthread_mutex_unlock(&p->mutex);
}

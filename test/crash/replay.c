/* SPDX-License-Identifier: Apache-2.0 */
#include "test/crash/replay.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/unit/gc/shelf.h"

enum { TOLD_STEPS = 14, NODES_MAX = 4096, PATHS = 128 };

/* ---- Hashes. ---------------------------------------------------------------------------- */

static uint64_t hash_bytes(uint64_t h, const void *p, size_t n)
{
    const unsigned char *bytes = p;
    for (size_t i = 0; i < n; i++)
        h = (h ^ bytes[i]) * 0x100000001b3;
    return h;
}

static uint64_t hash_number(uint64_t h, uint64_t number)
{
    return hash_bytes(h, &number, sizeof(number));
}

static uint64_t mix(uint64_t h)
{
    h ^= h >> 33;
    h *= 0xff51afd7ed558ccd;
    return h ^ h >> 29;
}

static const uint64_t hash_start = 0xcbf29ce484222325;

/* What a temporary file is called does not matter. */
static size_t telling_length(const char *path)
{
    enum { MADE_UP = sizeof("0123456789abcdef.tmp") - 1 };
    size_t n = strlen(path);
    return n > MADE_UP && strcmp(path + n - 4, ".tmp") == 0 ? n - MADE_UP : n;
}

static void hash_found(void *ctx, const struct found_node *n)
{
    uint64_t *sum = ctx;
    uint64_t h = hash_bytes(hash_start, n->path, telling_length(n->path));
    h = hash_number(h, n->is_dir);
    h = hash_bytes(h, n->bytes, n->valid);
    h = hash_number(h, n->size);
    h = hash_number(h, (uint64_t)n->time);
    *sum += mix(h);
}

static uint64_t hash_promises(const struct ledger *l, const struct beliefs *b)
{
    uint64_t h = hash_start;
    for (int i = 0; i < l->count; i++) {
        h = hash_number(h, l->things[i].kind);
        h = hash_bytes(h, &l->things[i].digest, sizeof(l->things[i].digest));
        h = hash_number(h, b->of[i].right);
    }
    return h;
}

/* false: it was there already. */
static bool judged_add(struct judged *j, uint64_t hash)
{
    hash |= hash == 0;
    if (2 * j->count >= j->cap) {
        struct judged larger = {.cap = j->cap ? 2 * j->cap : 1024};
        larger.hashes = must_calloc(larger.cap * sizeof(*larger.hashes));
        for (size_t i = 0; i < j->cap; i++)
            if (j->hashes[i])
                (void)judged_add(&larger, j->hashes[i]);
        free(j->hashes);
        *j = larger;
    }
    size_t i = hash % j->cap;
    for (; j->hashes[i]; i = (i + 1) % j->cap)
        if (j->hashes[i] == hash)
            return false;
    j->hashes[i] = hash;
    j->count++;
    return true;
}

void judged_fini(struct judged *j)
{
    free(j->hashes);
    *j = (struct judged){0};
}

/* ---- Files again. ----------------------------------------------------------------------- */

struct place {
    char top[32];
    int fd;
    const char *first_path[NODES_MAX]; /* by node; for those that have two names */
    struct arena arena;
};

static void put_file(struct place *p, const struct found_node *n)
{
    int fd = openat(p->fd, n->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = n->time}};
    if (fd < 0 || (n->valid > 0 && write(fd, n->bytes, n->valid) != (ssize_t)n->valid) ||
        (n->size > n->valid && ftruncate(fd, (off_t)n->size) != 0) ||
        (n->time != DISK_TIME_NOW && futimens(fd, times) != 0))
        abort();
    (void)close(fd);
}

static void put_found(void *ctx, const struct found_node *n)
{
    struct place *p = ctx;
    const char **first = &p->first_path[n->node];
    if (n->is_dir) {
        if (mkdirat(p->fd, n->path, 0777) != 0)
            abort();
    } else if (*first) {
        if (linkat(p->fd, *first, p->fd, n->path, 0) != 0)
            abort();
    } else {
        *first = arena_printf(&p->arena, "%s", n->path);
        put_file(p, n);
    }
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static struct judgement judge_outcome(struct replay *r, struct disk *d, const struct beliefs *b,
                                      uint64_t hash)
{
    enum { DESCRIPTORS = 16 };
    char root[64];
    struct place *p = must_calloc(sizeof(*p));
    arena_init(&p->arena);
    (void)snprintf(p->top, sizeof(p->top), "%s",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm/registry-crash-XXXXXX"
                                                 : "/tmp/registry-crash-XXXXXX");
    if (!mkdtemp(p->top) || (p->fd = open(p->top, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        abort();
    disk_visit(d, put_found, p);
    (void)snprintf(root, sizeof(root), "%s/root", p->top);
    enum judge_how how = hash % r->rarity == 0 ? JUDGE_ALL : JUDGE_LOOK;
    r->gone_on += how == JUDGE_ALL;
    struct judgement out = judge(root, r->ledger, b, how, (unsigned)(hash >> 32));
    (void)close(p->fd);
    if (nftw(p->top, remove_one, DESCRIPTORS, FTW_DEPTH | FTW_PHYS) != 0)
        abort();
    arena_fini(&p->arena);
    free(p);
    return out;
}

/* ---- Outcomes of one crash. ------------------------------------------------------------- */

struct crash {
    struct replay *replay;
    struct disk *disk;
    const struct beliefs *beliefs;
    uint64_t promises; /* hash */
    int step;
    const struct choice *choices;
    size_t count;
    unsigned *picked; /* an option for each choice */
};

static uint64_t next_random(struct replay *r)
{
    r->seed += 0x9e3779b97f4a7c15;
    return mix(r->seed ^ r->seed >> 31);
}

static void tell_account(const struct crash *c)
{
    struct replay *r = c->replay;
    struct arena *a = &r->arena;
    const char *text = arena_printf(a, "%s\nafter these steps:\n", r->judgement.why);
    for (int i = c->step > TOLD_STEPS ? c->step - TOLD_STEPS : 0; i <= c->step; i++) {
        static const char *const kinds[] = {"",
                                            "asked: ", "acknowledged: ", "failed: ", "doomed: "};
        const struct step *s = &r->log->steps[i];
        text = arena_printf(a, "%s  %4d %s%s\n", text, i, kinds[s->kind], s->text);
    }
    text = arena_printf(a, "%sthe crash left of what was not synced:\n", text);
    for (size_t i = 0; i < c->count; i++) {
        const char *words = "";
        disk_describe(c->disk, &c->choices[i], c->picked[i], a, &words);
        text = arena_printf(a, "%s  %s\n", text, words);
    }
    r->account = text;
}

static bool outcome_is_good(struct crash *c)
{
    struct replay *r = c->replay;
    uint64_t hash = 0;
    for (size_t i = 0; i < c->count; i++)
        disk_choose(c->disk, &c->choices[i], c->picked[i]);
    disk_visit(c->disk, hash_found, &hash);
    hash = mix(hash ^ c->promises);
    if (!judged_add(r->judged, hash))
        return true;
    r->outcomes++;
    r->judgement = judge_outcome(r, c->disk, c->beliefs, hash);
    r->uploads_lost += r->judgement.upload_lost;
    if (!r->judgement.good)
        tell_account(c);
    return r->judgement.good;
}

/* The next one in order; false: there is no more. */
static bool pick_next(struct crash *c)
{
    for (size_t i = 0; i < c->count; i++) {
        if (++c->picked[i] < c->choices[i].options)
            return true;
        c->picked[i] = 0;
    }
    return false;
}

static void pick_same(struct crash *c, bool all)
{
    for (size_t i = 0; i < c->count; i++)
        c->picked[i] = all ? c->choices[i].options - 1 : 0;
}

static void pick_option(struct crash *c, size_t i)
{
    c->picked[i] = (unsigned)(next_random(c->replay) % c->choices[i].options);
}

/* All or nothing but for one, two or three choices; or anything. */
static void pick_any(struct crash *c)
{
    uint64_t how = next_random(c->replay);
    pick_same(c, how & 1);
    if ((how >> 1 & 3) == 0)
        for (size_t i = 0; i < c->count; i++)
            pick_option(c, i);
    else
        for (uint64_t i = 0; i < (how >> 1 & 3); i++)
            pick_option(c, next_random(c->replay) % c->count);
}

static bool sample_is_good(struct crash *c)
{
    pick_same(c, true);
    bool good = outcome_is_good(c);
    pick_same(c, false);
    good = good && outcome_is_good(c);
    for (unsigned i = 2; good && i < c->replay->sample; i++) {
        pick_any(c);
        good = outcome_is_good(c);
    }
    return good;
}

static bool all_are_good(struct crash *c)
{
    pick_same(c, false);
    do
        if (!outcome_is_good(c))
            return false;
    while (pick_next(c));
    return true;
}

static bool crash_is_good(struct replay *r, struct disk *d, const struct beliefs *b, int step)
{
    struct crash c = {.replay = r, .disk = d, .beliefs = b, .step = step};
    c.promises = hash_promises(r->ledger, b);
    c.count = disk_choices(d, &c.choices);
    c.picked = must_calloc((c.count + 1) * sizeof(*c.picked));
    uint64_t outcomes = 1;
    for (size_t i = 0; i < c.count && outcomes <= r->sample; i++)
        outcomes *= c.choices[i].options;
    r->crashes++;
    bool good = outcomes <= r->sample ? all_are_good(&c) : sample_is_good(&c);
    free(c.picked);
    return good;
}

/* ---- All crashes. ----------------------------------------------------------------------- */

static bool crashes_after(struct replay *r, int step)
{
    return step >= r->from &&
           (r->log->steps[step].kind == STEP_ACK || next_random(r) % r->every == 0);
}

static bool is_left_out(const struct replay *r, const struct step *s)
{
    return r->without && s->sort && strcmp(r->without, s->sort) == 0;
}

bool replay_all(struct replay *r)
{
    struct disk *d = disk_new();
    struct beliefs *b = must_calloc(sizeof(*b));
    bool good = true;
    arena_init(&r->arena);
    beliefs_init(b);
    for (int i = 0; good && i < r->log->count; i++) {
        const struct step *s = &r->log->steps[i];
        if (s->kind != STEP_CHANGE)
            beliefs_step(b, s);
        else if (!is_left_out(r, s))
            disk_apply(d, &s->change);
        if (crashes_after(r, i))
            good = crash_is_good(r, d, b, i);
    }
    free(b);
    disk_free(d);
    return good;
}

void replay_fini(struct replay *r)
{
    arena_fini(&r->arena);
}

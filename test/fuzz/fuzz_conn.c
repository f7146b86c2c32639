/* SPDX-License-Identifier: Apache-2.0
 *
 * A whole connection, from the socket to the disk: whatever is sent, what comes back is answers to
 * the requests that a strict reader finds in it, the same however it was cut; logs have a line for
 * each; and what is stored afterwards is what its name says.
 *
 * The pool has no threads here: hops run on the loop, one after the other, and random ids are the
 * same in every run, so that an upload can be gone on with by an input that was made before.
 */
#include <dirent.h>
#include <ftw.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/json.h"
#include "lib/log.h"
#include "server/access.h"
#include "test/fuzz/answers.h"
#include "test/fuzz/fuzz.h"
#include "test/fuzz/strict.h"
#include "test/loop/client.h"

enum { QUIET_TURNS = 3, END_TURNS = 3000 };

/* ---- The pool, instead of server/pool.c. ------------------------------------------------ */

static uv_idle_t idle;

void pool_end_moment(struct pool *p)
{
    p->moment++;
}

static struct hop *first_hop, **last_hop = &first_hop;

static void run_hops(uv_idle_t *i)
{
    (void)uv_idle_stop(i);
    while (first_hop) {
        struct hop *h = first_hop;
        first_hop = h->next;
        if (!first_hop)
            last_hop = &first_hop;
        h->run(h);
        h->pool->in_flight--;
        pool_end_moment(h->pool);
        h->done(h);
    }
}

enum rc pool_init(struct pool *p, uv_loop_t *loop, unsigned threads, struct fault *f)
{
    (void)threads;
    (void)f;
    *p = (struct pool){.loop = loop, .moment = 1};
    (void)uv_idle_init(loop, &idle);
    return RC_OK;
}

void pool_close(struct pool *p)
{
    (void)p;
}

bool pool_is_short(const struct pool *p)
{
    (void)p;
    return false;
}

void pool_submit(struct pool *p, struct hop *h)
{
    h->pool = p;
    h->next = NULL;
    p->in_flight++;
    *last_hop = h;
    last_hop = &h->next;
    (void)uv_idle_start(&idle, run_hops);
}

void pool_submit_aside(struct pool *p, struct hop *h)
{
    pool_submit(p, h);
}

void pool_assert_loop(const struct pool *p)
{
    (void)p;
}

void pool_assert_worker(const struct pool *p)
{
    (void)p;
}

/* ---- Chance that is none. --------------------------------------------------------------- */

static uint64_t chance;

static const char *chance_name(void)
{
    return "counted";
}

static uint32_t chance_word(void)
{
    chance = chance * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)(chance >> 32);
}

static void chance_fill(void *p, const size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((unsigned char *)p)[i] = (unsigned char)chance_word();
}

static struct randombytes_implementation counted = {
    .implementation_name = chance_name, .random = chance_word, .buf = chance_fill};

/* ---- The server. ------------------------------------------------------------------------ */

static struct rig rig;
static int log_file, access_file;

static void stop(void)
{
    rig_fini(&rig);
}

static void start(void)
{
    HOLDS(randombytes_set_implementation(&counted) == 0 && sodium_init() >= 0);
    log_file = memfd_create("log", MFD_CLOEXEC);
    access_file = memfd_create("access", MFD_CLOEXEC);
    HOLDS(log_file >= 0 && access_file >= 0 && dup2(access_file, STDOUT_FILENO) >= 0);
    rig_init(&rig);
    rig.config.accesslog_disabled = false;
    HOLDS(atexit(stop) == 0);
}

static void configure(unsigned flags)
{
    rig.config.delete_enabled = !(flags & 1);
    rig.config.relative_urls = flags & 2;
    rig.config.accesslog_format = flags & 4 ? ACCESSLOG_JSON : ACCESSLOG_COMBINED;
    rig.config.http_prefix = flags & 8 ? "/x/" : "";
    rig.config.head_max = flags & 16 ? 300 : 0;
    rig.config.readonly = (flags & 32) != 0;
    log_setup(LOG_DEBUG, flags & 4 ? LOG_JSON : LOG_TEXT, log_file);
}

/* Until nothing moves any more. */
static void settle(struct client *c)
{
    for (int quiet = 0; quiet < QUIET_TURNS; quiet++) {
        size_t had = c->got.n;
        bool busy = first_hop != NULL;
        (void)uv_run(&rig.server.loop, UV_RUN_NOWAIT);
        client_read(c, 1 << 16);
        if (busy || first_hop || c->got.n > had)
            quiet = 0;
    }
}

/* All of it, in pieces of that size, by a client that then only listens. */
static void converse(struct span in, size_t piece, struct buf *got)
{
    struct client c;
    chance = 1;
    client_open(&c, &rig);
    while (in.n > 0 && !c.ended) {
        struct span bytes = span_head(in, piece);
        size_t n = bytes.n;
        if (!client_try(&c, &bytes))
            break;
        in = span_skip(in, n - bytes.n);
        settle(&c);
    }
    if (!c.ended)
        client_finish(&c);
    for (int i = 0; i < END_TURNS && !c.ended; i++) {
        settle(&c);
        if (!c.ended)
            rig_turn(&rig);
    }
    HOLDS(c.ended);
    buf_add_span(got, buf_span(&c.got));
    if (getenv("FUZZ_SHOW")) /* for who makes an input by hand */
        (void)fprintf(stderr, "%s----\n", got->p ? got->p : "");
    client_close(&c);
    rig_until_idle(&rig);
}

/* ---- What it leaves behind. ------------------------------------------------------------- */

/* What was written since the last time; read through a mapping, and cut. */
static void check_log(int fd, bool is_json)
{
    off_t size = lseek(fd, 0, SEEK_END);
    if (size <= 0)
        return;
    char *p = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, fd, 0);
    HOLDS(p != MAP_FAILED && p[size - 1] == '\n');
    for (struct span line, rest = span_from(p, (size_t)size); rest.n > 0;) {
        span_cut(rest, '\n', &line, &rest);
        HOLDS(line.n > 0 && is_one_line(line));
        HOLDS(!is_json || json_is_sound(line, 1, 64));
    }
    (void)munmap(p, (size_t)size);
    HOLDS(ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0);
}

/* blobs/<alg>/<hh>/<hex>/data: the hex is that of the content. */
static void check_data(const char *path, const struct stat *st)
{
    char *bytes = malloc((size_t)st->st_size + 1);
    struct span dir, hex, rest, alg_dir, name, file;
    enum digest_alg alg;
    struct digest want, is;
    span_cut_last(span_of(path), '/', &dir, &file);
    span_cut_last(dir, '/', &rest, &hex);
    span_cut_last(rest, '/', &alg_dir, &rest);
    span_cut_last(alg_dir, '/', &rest, &name);
    HOLDS(digest_alg_find(name, &alg) && digest_from_hex(alg, hex, &want) && bytes);
    FILE *f = fopen(path, "rbe");
    HOLDS(f && fread(bytes, 1, (size_t)st->st_size, f) == (size_t)st->st_size);
    (void)fclose(f);
    is = digest_of(alg, span_from(bytes, (size_t)st->st_size));
    HOLDS(digest_eq(&want, &is));
    free(bytes);
}

static int check_entry(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    const char *stored = path + strlen(rig.root);
    struct span s = span_of(stored);
    if (at->level > 0 && kind == FTW_F) {
        HOLDS(!span_ends(s, SPAN(".tmp")));
        if (strstr(stored, "/v2/blobs/") && span_ends(s, SPAN("/data")))
            check_data(path, st);
        (void)unlink(path);
    } else if (kind == FTW_DP && at->level > 3) {
        (void)rmdir(path); /* not what is there without anybody's doing */
    }
    return 0;
}

static int is_stray(const struct dirent *e)
{
    static const char *const ours[] = {".", "..", "docker", "run"};
    for (size_t i = 0; i < array_len(ours); i++)
        if (strcmp(e->d_name, ours[i]) == 0)
            return 0;
    return 1;
}

static void check_store(void)
{
    char path[sizeof(rig.root) + 16];
    struct dirent **strays;
    (void)snprintf(path, sizeof(path), "%s/docker", rig.root);
    HOLDS(scandir(rig.root, &strays, is_stray, NULL) == 0);
    free(strays);
    HOLDS(nftw(path, check_entry, 16, FTW_DEPTH | FTW_PHYS) == 0);
}

/* ---- What was said. --------------------------------------------------------------------- */

struct run {
    struct buf got;
    struct answers answers;
};

static void run(struct run *r, struct span in, size_t piece, const bool *is_head, size_t requests)
{
    buf_init(&r->got);
    converse(in, piece, &r->got);
    check_log(log_file, rig.config.accesslog_format == ACCESSLOG_JSON);
    check_log(access_file, rig.config.accesslog_format == ACCESSLOG_JSON);
    check_store();
    answers_read(buf_span(&r->got), is_head, requests, &r->answers);
    for (size_t i = 0; i < r->answers.count; i++) {
        const struct sent *s = &r->answers.all[i];
        struct digest d, is;
        if (s->code != 200 || !s->digest.p || is_head[i])
            continue;
        HOLDS(digest_parse(s->digest, &d, NULL) == RC_OK);
        is = digest_of(d.alg, s->body);
        HOLDS(digest_eq(&d, &is));
    }
}

/* What is no request can be wrong in two ways, of which one is found first. */
static bool is_refusal(const struct sent *s)
{
    return s->closes && (s->code == 400 || s->code == 431);
}

/* One of them may have said earlier that it stops there. */
static void check_same(const struct answers *a, const struct answers *b)
{
    size_t n = a->count < b->count ? a->count : b->count;
    HOLDS(a->count == b->count || (n > 0 && (a->count == n ? a : b)->all[n - 1].closes));
    for (size_t i = 0; i < n; i++) {
        if (is_refusal(&a->all[i]) && is_refusal(&b->all[i]))
            continue;
        HOLDS(a->all[i].code == b->all[i].code);
        HOLDS(span_eq(a->all[i].body, b->all[i].body));
    }
}

/* The requests in it, and the one that is none. */
static size_t find_requests(struct span in, bool is_head[ANSWERS_MAX])
{
    enum strict_result result = STRICT_OK;
    size_t count = 0;
    while (result == STRICT_OK && in.n > 0 && count < ANSWERS_MAX) {
        struct strict_request r = {.count = 0};
        result = strict_read(&in, &r);
        if (result == STRICT_OK || r.has_head)
            is_head[count++] = span_eq(r.method, SPAN("HEAD"));
        buf_fini(&r.body);
    }
    return count;
}

/* Two bytes: settings, and the size of pieces; the rest is what a client sends. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct run whole, pieces;
    bool is_head[ANSWERS_MAX + 1] = {false};
    struct span in = span_from(data, size);
    if (!rig.store)
        start();
    configure(take_byte(&in));
    size_t piece = 1 + take_byte(&in) % 128;
    size_t requests = find_requests(in, is_head);
    if (requests == ANSWERS_MAX)
        return -1;
    run(&whole, in, SIZE_MAX, is_head, requests);
    run(&pieces, in, piece, is_head, requests);
    check_same(&whole.answers, &pieces.answers);
    buf_fini(&whole.got);
    buf_fini(&pieces.got);
    return 0;
}

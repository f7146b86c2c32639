/* SPDX-License-Identifier: Apache-2.0
 *
 * harness: a request as conn.c would run it, one step after the other.
 */
#define _XOPEN_SOURCE 700
#include "test/row/harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <dirent.h>
#include <ftw.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/error.h"
#include "server/run.h"
#include "server/scrub.h"
#include "test/place.h"

void bench_init(struct bench *b)
{
    *b = (struct bench){.root = ""};
    assert_true(place_make(b->root, sizeof(b->root), "row"));
    assert_int_equal(store_open(b->root, &b->store, NULL), RC_OK);
    b->config = (struct config){.delete_enabled = true,
                                .catalog_max = 1000,
                                .tags_max = 1000,
                                .http_host = "",
                                .http_prefix = "",
                                .root_directory = b->root,
                                .purge_age = 1000,
                                .gc_grace = 1000,
                                .gc_slice = 10};
    assert_int_equal(uv_loop_init(&b->loop), 0);
    assert_int_equal(pool_init(&b->pool, &b->loop, 4, NULL), RC_OK);
    b->maint = maint_new(&b->loop, &b->pool, b->store, &b->config);
}

/* ---- Walking the store from outside. ---------------------------------------------------- */

static unsigned walk_dir(const char *dir, const char *ending, bool remove_all)
{
    unsigned n = 0;
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        char path[2048];
        size_t name = strlen(e->d_name), end = strlen(ending);
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        (void)snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
        if (e->d_type == DT_DIR)
            n += walk_dir(path, ending, remove_all);
        else if (name >= end && strcmp(e->d_name + name - end, ending) == 0)
            n++;
        if (remove_all)
            (void)remove(path);
    }
    (void)closedir(d);
    return n;
}

unsigned count_files(const struct bench *b, const char *ending)
{
    char stored[sizeof(b->root) + 8];
    (void)snprintf(stored, sizeof(stored), "%s/docker", b->root);
    return walk_dir(stored, ending, false);
}

unsigned count_descriptors(void)
{
    unsigned n = 0;
    DIR *d = opendir("/proc/self/fd");
    assert_non_null(d);
    while (readdir(d))
        n++;
    (void)closedir(d);
    return n;
}

void bench_fini(struct bench *b)
{
    unsigned left = count_files(b, ".tmp");
    maint_close(b->maint);
    pool_close(&b->pool);
    (void)uv_run(&b->loop, UV_RUN_DEFAULT);
    maint_free(b->maint);
    assert_int_equal(uv_loop_close(&b->loop), 0);
    store_close(b->store);
    (void)walk_dir(b->root, "", true);
    (void)rmdir(b->root);
    assert_int_equal(left, 0);
}

/* ---- One request. ----------------------------------------------------------------------- */

static void parse_head(const struct call *c, struct http_head *head, struct arena *a)
{
    struct http_parser *p = http_parser_new();
    char *text = arena_printf(
        a, "%s %s HTTP/1.1\r\nHost: reg.test\r\nContent-Length: %zu\r\n%s\r\n",
        http_method_name(c->method), c->target, c->body.n, c->headers ? c->headers : "");
    http_parser_begin(p, head, a);
    struct http_step step = http_parser_step(p, span_of(text));
    assert_int_equal(step.event, HTTP_HEAD_DONE);
    http_parser_free(p);
}

static bool feed(struct run *run, const struct call *c)
{
    size_t piece = c->piece ? c->piece : c->body.n;
    struct span left = c->body;
    size_t sent = 0;
    while (run->state != RUN_CLOSED && left.n > 0) {
        size_t n = left.n < piece ? left.n : piece;
        if (sent + n > c->gone)
            n = c->gone - sent;
        if (n > 0)
            run_turn(run, span_head(left, n), RUN_MORE);
        sent += n;
        left = span_skip(left, n);
        if (sent == c->gone && left.n > 0)
            break;
    }
    if (run->state != RUN_CLOSED)
        run_turn(run, SPAN(""), c->gone == SIZE_MAX ? RUN_LAST : RUN_ABORT);
    return c->gone == SIZE_MAX;
}

static void add_file(struct answer *a, int file, const struct reply *r)
{
    char chunk[4096];
    uint64_t left = r->file_size;
    assert_int_equal(lseek(file, (off_t)r->file_from, SEEK_SET), r->file_from);
    while (left > 0) {
        ssize_t n = read(file, chunk, left < sizeof(chunk) ? left : sizeof(chunk));
        assert_true(n > 0);
        buf_add(&a->body, chunk, (size_t)n);
        left -= (uint64_t)n;
    }
}

static struct answer take_answer(struct reply *r, int file, enum http_method method)
{
    struct answer a = {.code = r->code};
    buf_init(&a.headers);
    buf_init(&a.body);
    buf_add_span(&a.headers, buf_span(&r->headers));
    if (method != METHOD_HEAD && r->body == REPLY_BYTES)
        buf_add_span(&a.body, r->bytes);
    if (method != METHOD_HEAD && r->body == REPLY_FILE)
        add_file(&a, file, r);
    if (file >= 0)
        (void)close(file);
    reply_fini(r);
    return a;
}

struct answer bench_call(struct bench *b, const struct call *c)
{
    struct arena arena;
    struct http_head head = {0};
    struct run run;
    struct reply r;
    bool stayed = true;
    arena_init(&arena);
    reply_init(&r);
    parse_head(c, &head, &arena);
    struct run_env env = {.door = b->door,
                          .store = b->store,
                          .config = &b->config,
                          .auth = b->auth,
                          .maint = b->maint,
                          .arena = &arena};
    enum rc rc = run_begin(&run, &head, &env);
    if (rc == RC_OK && run.state == RUN_PROOF) {
        run_prove(&run);
        rc = run_proved(&run);
    }
    if (rc == RC_OK) {
        stayed = feed(&run, c);
        assert_int_equal(run.state, RUN_CLOSED);
        rc = run.rc;
    }
    if (run.error_headers)
        buf_add_str(&r.headers, run.error_headers);
    if (rc != RC_OK)
        error_reply(&r, rc, &run.fault, &arena);
    else if (stayed)
        run.row->operation->reply(run.op, &r);
    else
        r.code = 0;
    struct answer answer = take_answer(&r, run_take_file(&run), c->method);
    if (run.fault.first && run.fault.first->detail)
        (void)snprintf(answer.why, sizeof(answer.why), "%s", run.fault.first->detail);
    arena_fini(&arena);
    return answer;
}

void answer_fini(struct answer *a)
{
    buf_fini(&a->headers);
    buf_fini(&a->body);
}

const char *answer_header(struct answer *a, const char *name)
{
    static char value[512];
    size_t n = strlen(name);
    for (char *line = a->headers.p; line && *line; line = strstr(line, "\r\n") + 2) {
        if (strncmp(line, name, n) != 0 || line[n] != ':')
            continue;
        (void)snprintf(value, sizeof(value), "%.*s", (int)strcspn(line + n + 2, "\r"),
                       line + n + 2);
        return value;
    }
    return NULL;
}

int bench_setup(void **state)
{
    struct bench *b = calloc(1, sizeof(*b));
    assert_non_null(b);
    bench_init(b);
    *state = b;
    return 0;
}

int bench_teardown(void **state)
{
    bench_fini(*state);
    free(*state);
    return 0;
}

void bench_turn_until_idle(struct bench *b)
{
    while (maint_is_collecting(b->maint) || scrub_is_at_work(maint_scrub(b->maint)))
        (void)uv_run(&b->loop, UV_RUN_ONCE);
}

struct answer bench_ask(struct bench *b, enum http_method m, const char *target, struct span body)
{
    struct call c = {.method = m, .target = target, .body = body, .gone = SIZE_MAX};
    return bench_call(b, &c);
}

int bench_code(struct bench *b, enum http_method m, const char *target, struct span body)
{
    struct answer a = bench_ask(b, m, target, body);
    answer_fini(&a);
    return a.code;
}

struct answer bench_ask_admin(struct bench *b, enum http_method m, const char *target,
                              const char *body)
{
    b->door = DOOR_ADMIN;
    struct answer a = bench_ask(b, m, target, span_of(body));
    b->door = DOOR_PUBLIC;
    return a;
}

int bench_code_admin(struct bench *b, enum http_method m, const char *target, const char *body)
{
    struct answer a = bench_ask_admin(b, m, target, body);
    answer_fini(&a);
    return a.code;
}

void bench_assert_admin_says(struct bench *b, const char *target, const char *words)
{
    struct answer a = bench_ask_admin(b, METHOD_GET, target, "");
    assert_int_equal(a.code, 200);
    if (!strstr(a.body.p, words))
        fail_msg("%s is not in %s", words, a.body.p);
    answer_fini(&a);
}

struct digest_text push_blob(struct bench *b, const char *repo, struct span bytes)
{
    char target[512];
    struct digest d = digest_of(DIGEST_SHA256, bytes);
    struct digest_text text = digest_print(&d);
    (void)snprintf(target, sizeof(target), "/v2/%s/blobs/uploads/?digest=%s", repo, text.s);
    struct call c = {.method = METHOD_POST, .target = target, .body = bytes, .gone = SIZE_MAX};
    struct answer a = bench_call(b, &c);
    assert_int_equal(a.code, 201);
    answer_fini(&a);
    return text;
}

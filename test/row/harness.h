/* SPDX-License-Identifier: Apache-2.0
 *
 * harness: calls endpoints as plain functions, without a loop or a socket, on a
 * store in a temporary directory.
 */
#ifndef TEST_ROW_HARNESS_H
#define TEST_ROW_HARNESS_H

#include "server/endpoint.h"
#include "server/maint.h"
#include "storage/storage.h"
#include "test/pattern.h"

struct auth;

struct bench {
    char root[128]; /* the store's directory */
    struct store *store;
    struct config config;
    enum door door;      /* where calls come in */
    struct auth *auth;   /* the test's, or NULL: nobody is asked */
    struct maint *maint; /* its loop stands still, but for bench_turn_until_idle */
    uv_loop_t loop;
    struct pool pool;
};

void bench_init(struct bench *b);
/* Closes the store and removes it; fails the test if a temporary file was left. */
void bench_fini(struct bench *b);

/* What a client would get. */
struct answer {
    int code;
    struct buf headers; /* "Name: value\r\n" each */
    struct buf body;
    char why[256]; /* the first word about a failure, for the log */
};
void answer_fini(struct answer *a);
/* The value of a header, or NULL; valid until the next call. */
const char *answer_header(struct answer *a, const char *name);

struct call {
    enum http_method method;
    const char *target;  /* path and query, as a client sends them */
    const char *headers; /* "Name: value\r\n" each, or NULL */
    struct span body;
    size_t piece; /* the body arrives in pieces of this size; 0: all at once */
    size_t gone;  /* the client goes away after so many bytes; SIZE_MAX: it stays */
};

/* Runs one request through route, gate and every step of its operation. A client that
 * goes away gets no answer: code 0. */
struct answer bench_call(struct bench *b, const struct call *c);

/* Until no collection runs, and no verification. */
void bench_turn_until_idle(struct bench *b);

/* Counts files whose name has this ending, anywhere below the store. */
unsigned count_files(const struct bench *b, const char *ending);
unsigned count_descriptors(void);

/* For cmocka: a bench of its own for each test. */
int bench_setup(void **state);
int bench_teardown(void **state);
#define ROW_TEST(f) cmocka_unit_test_setup_teardown(f, bench_setup, bench_teardown)

/* A plain request, and its code alone. */
struct answer bench_ask(struct bench *b, enum http_method m, const char *target, struct span body);
int bench_code(struct bench *b, enum http_method m, const char *target, struct span body);
/* The same at the administrators' door. */
struct answer bench_ask_admin(struct bench *b, enum http_method m, const char *target,
                              const char *body);
int bench_code_admin(struct bench *b, enum http_method m, const char *target, const char *body);
void bench_assert_admin_says(struct bench *b, const char *target, const char *words);

/* One blob through POST and PUT; its digest. */
struct digest_text push_blob(struct bench *b, const char *repo, struct span bytes);

#endif

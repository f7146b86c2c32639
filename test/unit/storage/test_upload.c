/* SPDX-License-Identifier: Apache-2.0
 *
 * Uploads on the disk: what survives, who may write, what a lying state does.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "storage/storage.h"

struct place {
    char root[64];
    struct store *store;
    struct name repo;
    struct upload_id id;
};

static int setup(void **state)
{
    struct place *p = calloc(1, sizeof(*p));
    strcpy(p->root, "/tmp/registry-unit-XXXXXX");
    assert_non_null(mkdtemp(p->root));
    assert_int_equal(store_open(p->root, &p->store, NULL), RC_OK);
    assert_int_equal(name_parse(SPAN("a/b"), &p->repo, NULL), RC_OK);
    assert_int_equal(upload_begin(p->store, p->repo, DIGEST_SHA256, &p->id, NULL), RC_OK);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    char command[128];
    struct place *p = *state;
    store_close(p->store);
    (void)snprintf(command, sizeof(command), "rm -r %s", p->root);
    assert_int_equal(system(command), 0);
    free(p);
    return 0;
}

/* A path of the layout, as the registry image has it. */
static const char *path_of(const struct place *p, const char *below)
{
    static char path[512];
    (void)snprintf(path, sizeof(path), "%s/docker/registry/v2/%s", p->root, below);
    return path;
}

static const char *upload_path(const struct place *p, const char *file)
{
    char below[256];
    (void)snprintf(below, sizeof(below), "repositories/a/b/_uploads/%s/%s", p->id.s, file);
    return path_of(p, below);
}

static struct upload *take(struct place *p)
{
    struct upload *u = NULL;
    assert_int_equal(upload_open(p->store, p->repo, span_of(p->id.s), &u, NULL), RC_OK);
    return u;
}

static void append(struct upload *u, const char *text)
{
    assert_int_equal(upload_append(u, span_of(text), NULL), RC_OK);
}

static struct digest sha256_of(const char *text)
{
    return digest_of(DIGEST_SHA256, span_of(text));
}

static bool exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

static void test_id_is_a_uuid(void **state)
{
    struct place *p = *state;
    assert_true(upload_id_valid(span_of(p->id.s)));
    assert_int_equal(p->id.s[14], '4');
    assert_true(exists(upload_path(p, "data")));
    assert_true(exists(upload_path(p, "startedat")));
}

/* The state beside the data is what the registry image would write: its name is the count. */
static void test_state_is_saved(void **state)
{
    struct place *p = *state;
    struct stat st;
    struct upload *u = take(p);
    append(u, "0123456789");
    upload_close(u);
    assert_int_equal(stat(upload_path(p, "hashstates/sha256/10"), &st), 0);
    assert_int_equal(st.st_size, 108);
    u = take(p);
    append(u, "abc");
    upload_close(u);
    assert_true(exists(upload_path(p, "hashstates/sha256/13")));
    assert_false(exists(upload_path(p, "hashstates/sha256/10")));
}

static void commit_and_check(struct place *p, const char *content)
{
    struct digest d = sha256_of(content);
    struct upload *u = take(p);
    struct blob b;
    char got[64] = {0};
    assert_int_equal(upload_commit(u, &d, NULL), RC_OK);
    upload_close(u);
    assert_int_equal(blob_open(p->store, p->repo, &d, &b, NULL), RC_OK);
    assert_int_equal(b.size, strlen(content));
    assert_int_equal(pread(b.fd, got, sizeof(got), 0), strlen(content));
    assert_string_equal(got, content);
    blob_close(&b);
    assert_false(exists(upload_path(p, "")));
}

static void test_goes_on_after_a_restart(void **state)
{
    struct place *p = *state;
    struct upload *u = take(p);
    append(u, "first ");
    upload_close(u);
    store_close(p->store);
    assert_int_equal(store_open(p->root, &p->store, NULL), RC_OK);
    u = take(p);
    assert_int_equal(upload_offset(u), 6);
    append(u, "second");
    upload_close(u);
    commit_and_check(p, "first second");
}

/* No state, an older state, a torn one, one that lies: the file decides. */
static void test_states_that_do_not_fit(void **state)
{
    struct place *p = *state;
    struct upload *u = take(p);
    append(u, "0123456789");
    upload_close(u);
    assert_int_equal(unlink(upload_path(p, "hashstates/sha256/10")), 0);
    u = take(p);
    append(u, "abc");
    upload_close(u);
    assert_int_equal(truncate(upload_path(p, "hashstates/sha256/13"), 50), 0);
    u = take(p);
    append(u, "def");
    upload_close(u);
    int fd = open(upload_path(p, "hashstates/sha256/16"), O_WRONLY);
    assert_int_equal(pwrite(fd, "lies", 4, 4), 4);
    close(fd);
    commit_and_check(p, "0123456789abcdef");
}

static void test_one_writer(void **state)
{
    struct place *p = *state;
    struct upload *u = take(p), *other = NULL;
    struct span id = span_of(p->id.s);
    assert_int_equal(upload_open(p->store, p->repo, id, &other, NULL), RC_UPLOAD_BUSY);
    assert_int_equal(upload_cancel(p->store, p->repo, id, NULL), RC_UPLOAD_BUSY);
    upload_close(u);
    u = take(p);
    upload_close(u);
}

static void test_wrong_digest_removes_it(void **state)
{
    struct place *p = *state;
    struct digest d = sha256_of("something else");
    struct upload *u = take(p);
    append(u, "content");
    assert_int_equal(upload_commit(u, &d, NULL), RC_DIGEST_INVALID);
    upload_close(u);
    assert_false(exists(upload_path(p, "")));
}

/* Content pushed again over a damaged blob heals it. */
static void test_heals(void **state)
{
    struct place *p = *state;
    struct digest d = sha256_of("content");
    struct upload *u = take(p);
    append(u, "content");
    assert_int_equal(upload_commit(u, &d, NULL), RC_OK);
    upload_close(u);
    char below[256];
    struct digest_text hex = digest_hex(&d);
    (void)snprintf(below, sizeof(below), "blobs/sha256/%.2s/%s/data", hex.s, hex.s);
    assert_int_equal(truncate(path_of(p, below), 3), 0);
    assert_int_equal(upload_begin(p->store, p->repo, DIGEST_SHA256, &p->id, NULL), RC_OK);
    u = take(p);
    append(u, "content");
    upload_close(u);
    commit_and_check(p, "content");
}

static void test_sha512(void **state)
{
    struct place *p = *state;
    struct digest d = digest_of(DIGEST_SHA512, SPAN("content"));
    struct upload *u = take(p);
    struct blob b;
    append(u, "content");
    assert_int_equal(upload_commit(u, &d, NULL), RC_OK);
    upload_close(u);
    assert_int_equal(blob_stat(p->store, p->repo, &d, &b, NULL), RC_OK);
    assert_true(digest_eq(&b.digest, &d));
}

/* What the registry image needs to find in a repository, and the exact form of links. */
static void test_layout(void **state)
{
    struct place *p = *state;
    char link[128] = {0}, below[256];
    struct digest d = sha256_of("content");
    struct upload *u = take(p);
    append(u, "content");
    upload_close(u);
    commit_and_check(p, "content");
    assert_true(exists(path_of(p, "repositories/a/b/_manifests/tags")));
    (void)snprintf(below, sizeof(below), "repositories/a/b/_layers/sha256/%s/link",
                   digest_hex(&d).s);
    int fd = open(path_of(p, below), O_RDONLY);
    assert_int_equal(read(fd, link, sizeof(link) - 1), 71);
    assert_string_equal(link, digest_print(&d).s);
    close(fd);
}

static void test_ids_that_are_none(void **state)
{
    struct place *p = *state;
    static const char *const ids[] = {"", ".", "..", "../../x", "11111111-2222-4333-8444"};
    for (size_t i = 0; i < array_len(ids); i++) {
        struct upload *u = NULL;
        assert_int_equal(upload_open(p->store, p->repo, span_of(ids[i]), &u, NULL),
                         RC_UPLOAD_UNKNOWN);
        assert_null(u);
    }
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_id_is_a_uuid),
        TEST(test_state_is_saved),
        TEST(test_goes_on_after_a_restart),
        TEST(test_states_that_do_not_fit),
        TEST(test_one_writer),
        TEST(test_wrong_digest_removes_it),
        TEST(test_heals),
        TEST(test_sha512),
        TEST(test_layout),
        TEST(test_ids_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

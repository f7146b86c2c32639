/* SPDX-License-Identifier: Apache-2.0
 *
 * Files: put, moved, listed and removed, with the directories they need.
 */
#include <pthread.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "storage/file.h"
#include "test/pattern.h"

static const char *const NOWHERE[] = {NULL};

struct place {
    char root[64];
    struct tree tree;
    struct arena arena;
};

static int setup(void **state)
{
    struct place *p = calloc(1, sizeof(*p));
    strcpy(p->root, "/tmp/registry-unit-XXXXXX");
    assert_non_null(mkdtemp(p->root));
    assert_int_equal(tree_open(&p->tree, p->root, NOWHERE, NULL), RC_OK);
    arena_init(&p->arena);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    char command[128];
    struct place *p = *state;
    tree_close(&p->tree);
    arena_fini(&p->arena);
    (void)snprintf(command, sizeof(command), "rm -r %s", p->root);
    assert_int_equal(system(command), 0);
    free(p);
    return 0;
}

static void assert_content(struct place *p, const char *path, const char *want)
{
    struct span got;
    assert_int_equal(file_get(&p->tree, path, 1000, &p->arena, &got, NULL), RC_OK);
    assert_true(span_eq(got, span_of(want)));
}

static enum rc count_entry(void *ctx, const char *name, bool is_dir)
{
    (void)name;
    (void)is_dir;
    (*(unsigned *)ctx)++;
    return RC_OK;
}

static unsigned entries(struct place *p, const char *path)
{
    unsigned n = 0;
    assert_int_equal(file_list(&p->tree, path, count_entry, &n, NULL), RC_OK);
    return n;
}

static void test_put_replaces(void **state)
{
    struct place *p = *state;
    assert_int_equal(file_put(&p->tree, "a/b/c/file", SPAN("one"), NULL), RC_OK);
    assert_content(p, "a/b/c/file", "one");
    assert_int_equal(file_put(&p->tree, "a/b/c/file", SPAN("two"), NULL), RC_OK);
    assert_content(p, "a/b/c/file", "two");
    assert_int_equal(file_put_unsynced(&p->tree, "a/b/c/file", SPAN(""), NULL), RC_OK);
    assert_content(p, "a/b/c/file", "");
    assert_int_equal(entries(p, "a/b/c"), 1);
}

static void test_put_at_the_top(void **state)
{
    struct place *p = *state;
    assert_int_equal(file_put(&p->tree, "file", SPAN("one"), NULL), RC_OK);
    assert_content(p, "file", "one");
}

/* A name that is taken by a directory fails, and leaves no temporary file. */
static void test_put_fails_cleanly(void **state)
{
    struct place *p = *state;
    struct fault f;
    fault_init(&f, &p->arena);
    assert_int_equal(file_mkdirs(&p->tree, "a/dir", NULL), RC_OK);
    assert_int_equal(file_put(&p->tree, "a/dir", SPAN("x"), &f), RC_IO);
    assert_non_null(f.first);
    assert_int_equal(entries(p, "a"), 1);
}

static void test_missing_is_an_answer(void **state)
{
    struct place *p = *state;
    struct span got;
    struct fault f;
    struct file_info info;
    fault_init(&f, &p->arena);
    assert_int_equal(file_get(&p->tree, "none", 10, &p->arena, &got, &f), RC_NOT_FOUND);
    assert_int_equal(file_stat(&p->tree, "none/x", &info, &f), RC_NOT_FOUND);
    assert_int_equal(file_remove(&p->tree, "none", &f), RC_NOT_FOUND);
    assert_int_equal(file_remove_tree(&p->tree, "none", &f), RC_OK);
    assert_null(f.first);
}

static void test_get_has_a_limit(void **state)
{
    struct place *p = *state;
    struct span got;
    assert_int_equal(file_put(&p->tree, "file", SPAN("12345"), NULL), RC_OK);
    assert_int_equal(file_get(&p->tree, "file", 5, &p->arena, &got, NULL), RC_OK);
    assert_int_equal(file_get(&p->tree, "file", 4, &p->arena, &got, NULL), RC_SIZE_INVALID);
}

/* The paths are the same ones from wherever in the tree they are looked at. */
static void test_held_at_a_directory(void **state)
{
    struct place *p = *state;
    struct tree at_a, at_b, nowhere;
    struct file_info whole, held;
    struct span got;
    unsigned n = 0;
    assert_int_equal(file_put(&p->tree, "a/b/c", span_of("12345"), NULL), RC_OK);
    assert_int_equal(file_put(&p->tree, "c", span_of("another"), NULL), RC_OK);
    assert_int_equal(tree_enter(&p->tree, "a", &at_a, NULL), RC_OK);
    assert_int_equal(tree_enter(&at_a, "a/b", &at_b, NULL), RC_OK);
    assert_int_equal(tree_enter(&at_a, "a/x", &nowhere, NULL), RC_NOT_FOUND);
    assert_int_equal(file_stat(&p->tree, "a/b/c", &whole, NULL), RC_OK);
    assert_int_equal(file_stat(&at_b, "a/b/c", &held, NULL), RC_OK);
    assert_int_equal(held.inode, whole.inode);
    assert_int_equal(file_known(&at_b, "a/b/c", &held), RC_OK);
    assert_int_equal(held.inode, whole.inode);
    assert_int_equal(file_stat(&at_b, "a/b/d", &held, NULL), RC_NOT_FOUND);
    assert_int_equal(file_list(&at_b, "a/b", count_entry, &n, NULL), RC_OK);
    assert_int_equal(n, 1);
    assert_int_equal(file_stat(&at_b, "a/b", &held, NULL), RC_OK);
    assert_true(held.is_dir);
    assert_int_equal(file_get(&at_b, "a/b/c", 1000, &p->arena, &got, NULL), RC_OK);
    assert_true(span_eq(got, span_of("12345")));
    tree_leave(&at_b);
    tree_leave(&at_a);
}

static void test_move(void **state)
{
    struct place *p = *state;
    struct file_info info;
    assert_int_equal(file_put(&p->tree, "from", SPAN("x"), NULL), RC_OK);
    assert_int_equal(file_move(&p->tree, "from", "some/where/else", NULL), RC_OK);
    assert_content(p, "some/where/else", "x");
    assert_int_equal(file_stat(&p->tree, "from", &info, NULL), RC_NOT_FOUND);
    assert_int_equal(file_move(&p->tree, "from", "some/where/else", NULL), RC_NOT_FOUND);
}

static void test_remove_tree(void **state)
{
    struct place *p = *state;
    assert_int_equal(file_put(&p->tree, "a/b/c", SPAN("x"), NULL), RC_OK);
    assert_int_equal(file_put(&p->tree, "a/d", SPAN("x"), NULL), RC_OK);
    assert_int_equal(file_put(&p->tree, "outside", SPAN("x"), NULL), RC_OK);
    assert_int_equal(symlinkat("../outside", p->tree.fd, "a/link"), 0);
    assert_int_equal(file_remove_tree(&p->tree, "a", NULL), RC_OK);
    assert_int_equal(entries(p, "."), 1);
    assert_content(p, "outside", "x");
}

static void test_lock(void **state)
{
    struct place *p = *state;
    int one = -1, two = -1;
    assert_int_equal(file_put(&p->tree, "file", SPAN("x"), NULL), RC_OK);
    assert_int_equal(file_open(&p->tree, "file", FILE_APPEND, &one, NULL), RC_OK);
    assert_int_equal(file_open(&p->tree, "file", FILE_APPEND, &two, NULL), RC_OK);
    assert_int_equal(file_lock(one, NULL), RC_OK);
    assert_int_equal(file_lock(two, NULL), RC_UPLOAD_BUSY);
    file_close(one);
    assert_int_equal(file_lock(two, NULL), RC_OK);
    file_close(two);
}

/* ---- Side by side. ---------------------------------------------------------------------- */

struct worker {
    struct place *place;
    int number;
};

static void *make_files(void *ctx)
{
    struct worker *w = ctx;
    for (int i = 0; i < 50; i++) {
        char path[128];
        (void)snprintf(path, sizeof(path), "x/%d/y/%d/file", i, w->number);
        if (file_put(&w->place->tree, path, SPAN("x"), NULL) != RC_OK)
            return ctx;
        (void)snprintf(path, sizeof(path), "x/%d/y/same", i);
        if (file_put(&w->place->tree, path, SPAN("x"), NULL) != RC_OK)
            return ctx;
    }
    return NULL;
}

static void test_same_directories_from_many_threads(void **state)
{
    enum { WORKERS = 8 };
    pthread_t threads[WORKERS];
    struct worker workers[WORKERS];
    for (int i = 0; i < WORKERS; i++) {
        workers[i] = (struct worker){*state, i};
        assert_int_equal(pthread_create(&threads[i], NULL, make_files, &workers[i]), 0);
    }
    for (int i = 0; i < WORKERS; i++) {
        void *failed = NULL;
        (void)pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    assert_int_equal(entries(*state, "x"), 50);
    assert_int_equal(entries(*state, "x/49/y"), WORKERS + 1);
}

/* ---- Reading aside. --------------------------------------------------------------------- */

/* Pages of the file that are in memory. */
static size_t count_cached(int fd, size_t size)
{
    enum { PAGE = 4096, PAGES = 1024 };
    unsigned char pages[PAGES];
    size_t n = 0;
    assert_true(size <= sizeof(pages) * PAGE);
    void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(map, MAP_FAILED);
    assert_int_equal(mincore(map, size, pages), 0);
    for (size_t i = 0; i < size / PAGE; i++)
        n += pages[i] & 1;
    (void)munmap(map, size);
    return n;
}

/* On a disk, with nothing of it in memory; -1 where the file system keeps everything there. */
static int make_cold(struct span body)
{
    char path[] = "/var/tmp/registry-unit-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(write(fd, body.p, body.n), body.n);
    assert_int_equal(fsync(fd), 0);
    file_forget(fd);
    if (count_cached(fd, body.n) == 0)
        return fd;
    print_message("/var/tmp is in memory: there is nothing to test\n");
    (void)close(fd);
    return -1;
}

/* What one reads once does not push out what others read. */
static void test_reading_aside_leaves_memory_as_it_was(void **state)
{
    enum { SIZE = 1 << 20, PIECE = 256 << 10, PAGE = 4096 };
    static const size_t cached[] = {0, PIECE, SIZE};
    struct span body = pattern_bytes(SIZE, 5);
    char *piece = malloc(PIECE);
    int fd = make_cold(body);
    (void)state;
    assert_non_null(piece);
    for (size_t i = 0; fd >= 0 && i < array_len(cached); i++) {
        size_t got;
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
        for (size_t at = 0; at < cached[i]; at += PAGE)
            assert_int_equal(pread(fd, piece, PAGE, (off_t)at), PAGE);
        assert_int_equal(count_cached(fd, SIZE), cached[i] / PAGE);
        for (size_t at = 0; at < SIZE; at += PIECE) {
            assert_int_equal(file_read_aside(fd, at, piece, PIECE, &got, NULL), RC_OK);
            assert_int_equal(got, PIECE);
            assert_memory_equal(piece, body.p + at, PIECE);
        }
        assert_int_equal(file_read_aside(fd, SIZE, piece, PIECE, &got, NULL), RC_OK);
        assert_int_equal(got, 0);
        assert_int_equal(count_cached(fd, SIZE), cached[i] / PAGE);
    }
    file_close(fd);
    free(piece);
    free((char *)body.p);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_put_replaces),
        TEST(test_put_at_the_top),
        TEST(test_put_fails_cleanly),
        TEST(test_missing_is_an_answer),
        TEST(test_get_has_a_limit),
        TEST(test_held_at_a_directory),
        TEST(test_move),
        TEST(test_remove_tree),
        TEST(test_lock),
        TEST(test_same_directories_from_many_threads),
        cmocka_unit_test(test_reading_aside_leaves_memory_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

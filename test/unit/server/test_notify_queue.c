/* SPDX-License-Identifier: Apache-2.0
 *
 * notify_queue: first in, first out, over restarts, crashes and disks that cannot be written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <fcntl.h>
#include <glob.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "server/notify_queue.h"

struct place {
    char root[64];
    char dir[128];
    struct queue q;
};

static int setup(void **state)
{
    struct place *p = calloc(1, sizeof(*p));
    (void)snprintf(p->root, sizeof(p->root), "/tmp/registry-queue-XXXXXX");
    assert_non_null(mkdtemp(p->root));
    (void)snprintf(p->dir, sizeof(p->dir), "%s/run/notify/name", p->root);
    *state = p;
    queue_open(&p->q, p->dir);
    return 0;
}

static glob_t find(const struct place *p, const char *pattern)
{
    char path[256];
    glob_t g;
    (void)snprintf(path, sizeof(path), "%s/%s", p->dir, pattern);
    (void)glob(path, 0, NULL, &g);
    return g;
}

static size_t count_files(const struct place *p, const char *pattern)
{
    glob_t g = find(p, pattern);
    size_t n = g.gl_pathc;
    globfree(&g);
    return n;
}

static int teardown(void **state)
{
    struct place *p = *state;
    char up[64];
    queue_close(&p->q);
    glob_t g = find(p, "*");
    for (size_t i = 0; i < g.gl_pathc; i++)
        (void)unlink(g.gl_pathv[i]);
    globfree(&g);
    (void)rmdir(p->dir);
    (void)snprintf(up, sizeof(up), "%.30s/run/notify", p->root);
    (void)rmdir(up);
    (void)snprintf(up, sizeof(up), "%.30s/run", p->root);
    (void)rmdir(up);
    assert_int_equal(rmdir(p->root), 0);
    free(p);
    return 0;
}

/* Without the last word of queue_close: what a process leaves that is killed. */
static void crash(struct place *p)
{
    struct queue *q = &p->q;
    int *const files[] = {&q->reader, &q->writer, &q->position};
    for (size_t i = 0; i < array_len(files); i++)
        if (*files[i] >= 0)
            (void)close(*files[i]);
    buf_fini(&q->memory);
    free(q->dir);
    queue_open(q, p->dir);
}

static void restart(struct place *p)
{
    queue_close(&p->q);
    queue_open(&p->q, p->dir);
}

/* Events tell their number, and are long enough to fill segments. */
static void text_of(struct buf *b, unsigned number)
{
    buf_init(b);
    buf_printf(b, "event %u ", number);
    for (unsigned i = 0; i < number % 97 * 20; i++)
        buf_add_char(b, (char)('a' + (i + number) % 26));
}

static void add(struct place *p, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        struct buf b;
        text_of(&b, i);
        queue_add(&p->q, buf_span(&b));
        buf_fini(&b);
    }
    queue_flush(&p->q);
}

static void see(struct place *p, unsigned number)
{
    struct buf got, wanted;
    buf_init(&got);
    text_of(&wanted, number);
    assert_true(queue_first(&p->q, &got));
    assert_int_equal(got.n, wanted.n);
    assert_memory_equal(got.p, wanted.p, got.n);
    buf_fini(&got);
    buf_fini(&wanted);
}

static void take(struct place *p, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        see(p, i);
        see(p, i); /* it is there until it is dropped */
        queue_drop(&p->q);
    }
}

static void expect_empty(struct place *p)
{
    struct buf b;
    buf_init(&b);
    assert_false(queue_first(&p->q, &b));
    assert_int_equal(p->q.count, 0);
    assert_int_equal(p->q.bytes, 0);
    buf_fini(&b);
}

static void test_in_order(void **state)
{
    struct place *p = *state;
    expect_empty(p);
    add(p, 0, 10);
    assert_int_equal(p->q.count, 10);
    take(p, 0, 4);
    add(p, 10, 20);
    assert_int_equal(p->q.count, 16);
    take(p, 4, 20);
    expect_empty(p);
}

static void test_nothing_stays_of_an_empty_queue(void **state)
{
    struct place *p = *state;
    add(p, 0, 10);
    take(p, 0, 10);
    queue_close(&p->q);
    assert_int_equal(access(p->dir, F_OK), -1);
    queue_open(&p->q, p->dir);
    expect_empty(p);
}

static void test_segments_come_and_go(void **state)
{
    struct place *p = *state;
    for (unsigned i = 0; i < 5000; i += 100)
        add(p, i, i + 100);
    assert_in_range(count_files(p, "*.events"), 4, 10);
    take(p, 0, 4999);
    assert_int_equal(count_files(p, "*.events"), 1);
    take(p, 4999, 5000);
    expect_empty(p);
}

static void test_a_restart(void **state)
{
    struct place *p = *state;
    uint64_t bytes;
    for (unsigned i = 0; i < 3000; i += 100)
        add(p, i, i + 100);
    take(p, 0, 1234);
    bytes = p->q.bytes;
    restart(p);
    assert_int_equal(p->q.count, 3000 - 1234);
    assert_int_equal(p->q.bytes, bytes);
    take(p, 1234, 1240);
    crash(p);
    assert_int_equal(p->q.count, 3000 - 1240);
    add(p, 3000, 3100);
    take(p, 1240, 3100);
    expect_empty(p);
    crash(p);
    expect_empty(p);
    add(p, 0, 3);
    take(p, 0, 3);
}

static char *last_segment(const struct place *p)
{
    glob_t g = find(p, "*.events");
    assert_true(g.gl_pathc > 0);
    char *path = strdup(g.gl_pathv[g.gl_pathc - 1]);
    globfree(&g);
    return path;
}

/* At every length of what reached the disk, the whole records are there, and the queue goes on. */
static void test_a_torn_tail(void **state)
{
    struct place *p = *state;
    for (unsigned cut = 1; cut < 60; cut++) {
        struct stat st;
        add(p, 0, 3);
        char *path = last_segment(p);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(truncate(path, st.st_size - cut), 0);
        free(path);
        crash(p);
        unsigned whole = (unsigned)p->q.count;
        assert_in_range(whole, 1, 2);
        take(p, 0, whole);
        expect_empty(p);
        add(p, 7, 9);
        take(p, 7, 9);
        expect_empty(p);
    }
}

/* A machine without power may leave zeros, or other bytes. */
static void test_garbage(void **state)
{
    struct place *p = *state;
    static const unsigned char bytes[] = {0, 1, 0x80, 0xff};
    for (size_t i = 0; i < array_len(bytes); i++) {
        char block[512];
        add(p, 0, 5);
        char *path = last_segment(p);
        int fd = open(path, O_WRONLY | O_APPEND);
        memset(block, bytes[i], sizeof(block));
        assert_int_equal(write(fd, block, sizeof(block)), sizeof(block));
        (void)close(fd);
        free(path);
        crash(p);
        assert_int_equal(p->q.count, 5);
        add(p, 5, 8);
        take(p, 0, 8);
        expect_empty(p);
    }
}

/* What is damaged while it waits is passed over, up to the next segment; the counts stay right. */
static void test_a_damaged_segment(void **state)
{
    struct place *p = *state;
    add(p, 0, 5);
    crash(p);
    add(p, 5, 8);
    glob_t g = find(p, "*.events");
    int fd = open(g.gl_pathv[0], O_WRONLY);
    assert_int_equal(pwrite(fd, "x", 1, 30), 1);
    (void)close(fd);
    globfree(&g);
    struct buf b;
    buf_init(&b);
    take(p, 0, 1);
    see(p, 5);
    queue_drop(&p->q);
    take(p, 6, 8);
    assert_false(queue_first(&p->q, &b));
    assert_int_equal(p->q.count, 0);
    buf_fini(&b);
}

static void test_a_lost_position(void **state)
{
    static const char *const texts[] = {"", "x", "99 3\n", "1 99999\n", "0 0\n"};
    struct place *p = *state;
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/position", p->dir);
    for (size_t i = 0; i < array_len(texts); i++) {
        add(p, 0, 5);
        FILE *f = fopen(path, "w");
        (void)fputs(texts[i], f);
        (void)fclose(f);
        crash(p);
        struct buf b;
        buf_init(&b);
        while (queue_first(&p->q, &b))
            queue_drop(&p->q);
        buf_fini(&b);
        add(p, 0, 3);
        take(p, 0, 3);
        expect_empty(p);
    }
}

/* Another process has the queue: this one's waits in memory, and goes there once it can. */
static void test_another_process(void **state)
{
    struct place *p = *state;
    struct queue other;
    add(p, 0, 2);
    queue_open(&other, p->dir);
    assert_int_equal(other.count, 0);
    queue_add(&other, SPAN("mine"));
    queue_flush(&other);
    struct buf b;
    buf_init(&b);
    assert_true(queue_first(&other, &b));
    assert_string_equal(b.p, "mine");
    queue_drop(&other);
    assert_false(queue_first(&other, &b));
    queue_close(&p->q);
    queue_add(&other, SPAN("later"));
    assert_int_equal(other.count, 3);
    buf_fini(&b);
    p->q = other;
    take(p, 0, 2);
    queue_flush(&p->q);
    queue_drop(&p->q);
    expect_empty(p);
}

/* A disk that cannot be written: events wait in memory, and reach it when it can. */
static void test_a_full_disk(void **state)
{
    struct place *p = *state;
    struct stat st;
    add(p, 0, 3);
    int writer = p->q.writer;
    p->q.writer = open("/dev/full", O_WRONLY);
    add(p, 3, 6);
    assert_int_equal(p->q.count, 6);
    take(p, 0, 5);
    if (p->q.writer >= 0)
        (void)close(p->q.writer);
    p->q.writer = -1;
    add(p, 6, 8);
    char *path = last_segment(p);
    assert_int_equal(stat(path, &st), 0);
    assert_true(st.st_size > 0);
    free(path);
    (void)close(writer);
    crash(p);
    take(p, 5, 8);
    expect_empty(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nothing_stays_of_an_empty_queue, setup, teardown),
        cmocka_unit_test_setup_teardown(test_segments_come_and_go, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_restart, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_torn_tail, setup, teardown),
        cmocka_unit_test_setup_teardown(test_garbage, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_damaged_segment, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_lost_position, setup, teardown),
        cmocka_unit_test_setup_teardown(test_another_process, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_full_disk, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * notify_queue: segments, a position, and what is not on the disk yet.
 */
#include "server/notify_queue.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/log.h"

enum {
    SEGMENT_MAX = 1 << 20, /* a new one begins behind it */
    RECORD_MAX = 64 << 20, /* a longer one is garbage */
    NAME_SIZE = 32,
    FILE_MODE = 0600,
    DIRECTORY_MODE = 0700
};

#define POSITION_FORMAT "%020" PRIu64 " %020" PRIu64 "\n"

/* ---- Records. --------------------------------------------------------------------------- */

struct record {
    uint32_t length; /* of the text behind it */
    uint32_t check;
};

/* Against what a crash has left behind, not against anybody. */
static struct record record_of(struct span text)
{
    static const unsigned char key[crypto_shorthash_KEYBYTES] = {0};
    unsigned char hash[crypto_shorthash_BYTES];
    struct record r = {.length = (uint32_t)text.n};
    (void)crypto_shorthash(hash, (const unsigned char *)text.p, text.n, key);
    memcpy(&r.check, hash, sizeof(r.check));
    return r;
}

static bool read_all(int fd, uint64_t offset, void *to, size_t n)
{
    for (size_t got = 0; got < n;) {
        ssize_t more = pread(fd, (char *)to + got, n - got, (off_t)(offset + got));
        if (more == 0 || (more < 0 && errno != EINTR))
            return false;
        got += more > 0 ? (size_t)more : 0;
    }
    return true;
}

static bool write_all(int fd, uint64_t offset, struct span s)
{
    while (s.n > 0) {
        ssize_t n = pwrite(fd, s.p, s.n, (off_t)offset);
        if (n < 0 && errno != EINTR)
            return false;
        offset += n > 0 ? (size_t)n : 0;
        s = span_skip(s, n > 0 ? (size_t)n : 0);
    }
    return true;
}

/* The text of the record at the offset; false at the end of the file, or if it is torn. */
static bool read_record(int fd, uint64_t offset, struct buf *out)
{
    struct record r;
    struct stat st;
    if (!read_all(fd, offset, &r, sizeof(r)) || fstat(fd, &st) != 0)
        return false;
    uint64_t left = (uint64_t)st.st_size - offset - sizeof(r);
    if (r.length == 0 || r.length > RECORD_MAX || r.length > left)
        return false;
    buf_clear(out);
    buf_reserve(out, r.length);
    if (!read_all(fd, offset + sizeof(r), out->p, r.length))
        return false;
    out->n = r.length;
    out->p[out->n] = '\0';
    return record_of(buf_span(out)).check == r.check;
}

/* ---- Files. ----------------------------------------------------------------------------- */

static void close_file(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

struct segment_path {
    char s[4096];
};

static struct segment_path segment_path(const struct queue *q, uint64_t segment)
{
    struct segment_path p;
    (void)snprintf(p.s, sizeof(p.s), "%s/%012" PRIu64 ".events", q->dir, segment);
    return p;
}

static struct segment_path position_path(const struct queue *q)
{
    struct segment_path p;
    (void)snprintf(p.s, sizeof(p.s), "%s/position", q->dir);
    return p;
}

static bool make_directories(const char *dir)
{
    char path[sizeof(struct segment_path)];
    (void)snprintf(path, sizeof(path), "%s", dir);
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, DIRECTORY_MODE);
        *slash = '/';
    }
    return mkdir(path, DIRECTORY_MODE) == 0 || errno == EEXIST;
}

/* The numbers of the segments that are there, lowest and highest; 0 if there is none. */
static void find_segments(const struct queue *q, uint64_t *low, uint64_t *high)
{
    DIR *d = opendir(q->dir);
    *low = *high = 0;
    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
        struct span number, rest;
        uint64_t n;
        if (!span_cut(span_of(e->d_name), '.', &number, &rest) || !span_to_u64(number, &n) ||
            n == 0)
            continue;
        *low = *low == 0 || n < *low ? n : *low;
        *high = n > *high ? n : *high;
    }
    if (d)
        (void)closedir(d);
}

static void write_position(struct queue *q)
{
    char text[64];
    int n = snprintf(text, sizeof(text), POSITION_FORMAT, q->first.segment, q->first.offset);
    (void)write_all(q->position, 0, span_from(text, (size_t)n));
}

static void read_position(struct queue *q)
{
    char text[64] = {0};
    struct span segment, offset;
    ssize_t n = pread(q->position, text, sizeof(text) - 1, 0);
    q->first = (struct queue_place){0};
    struct span s = span_trim(span_head(span_of(text), n > 0 ? strcspn(text, "\n") : 0));
    if (span_cut(s, ' ', &segment, &offset) && span_to_u64(segment, &q->first.segment))
        (void)span_to_u64(offset, &q->first.offset);
}

/* ---- The oldest event on the disk. ------------------------------------------------------ */

static bool open_reader(struct queue *q)
{
    if (q->reader < 0)
        q->reader = open(segment_path(q, q->first.segment).s, O_RDONLY | O_CLOEXEC);
    return q->reader >= 0;
}

/* The reader goes to the next segment, and the one behind it goes. */
static void leave_segment(struct queue *q)
{
    close_file(&q->reader);
    (void)unlink(segment_path(q, q->first.segment).s);
    q->first = (struct queue_place){.segment = q->first.segment + 1};
    write_position(q);
}

/* What cannot be read any further is left, but for the segment that is being written. */
static bool disk_first(struct queue *q, struct buf *out)
{
    while (q->position >= 0 && q->first.segment <= q->end.segment) {
        bool last = q->first.segment == q->end.segment;
        if (last && q->first.offset >= q->end.offset)
            return false;
        if (open_reader(q) && read_record(q->reader, q->first.offset, out))
            return true;
        leave_segment(q);
        if (last) {
            close_file(&q->writer);
            q->end = q->first;
        }
    }
    return false;
}

/* Counts what a process before this one has left. */
static void count_events(struct queue *q)
{
    struct queue_place begin = q->first;
    struct buf text;
    buf_init(&text);
    for (; q->first.segment <= q->end.segment; q->first.segment++, q->first.offset = 0) {
        int fd = open(segment_path(q, q->first.segment).s, O_RDONLY | O_CLOEXEC);
        while (fd >= 0 && read_record(fd, q->first.offset, &text)) {
            q->disk_count++;
            q->count++;
            q->bytes += text.n;
            q->first.offset += sizeof(struct record) + text.n;
        }
        close_file(&fd);
    }
    q->first = begin;
    buf_fini(&text);
}

/* ---- Opening and closing. --------------------------------------------------------------- */

/* New events go into a segment of their own: the last one may end in a torn record. */
static void take_over(struct queue *q)
{
    uint64_t low, high;
    read_position(q);
    find_segments(q, &low, &high);
    if (q->first.segment < low || q->first.segment > high + 1)
        q->first = (struct queue_place){.segment = low > 0 ? low : 1};
    for (; low > 0 && low < q->first.segment; low++)
        (void)unlink(segment_path(q, low).s);
    q->end.segment = (high >= q->first.segment ? high : q->first.segment) + 1;
    q->end.offset = 0;
    count_events(q);
}

/* Why it is not on the disk. */
static void warn(struct queue *q, const char *why)
{
    if (!q->warned)
        log_warn("notifications wait in memory, not in %s: %s", q->dir, why);
    q->warned = true;
}

static bool open_disk(struct queue *q)
{
    if (!make_directories(q->dir)) {
        warn(q, strerror(errno));
        return false;
    }
    int fd = open(position_path(q).s, O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE);
    if (fd < 0) {
        warn(q, strerror(errno));
        return false;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        (void)close(fd);
        warn(q, "another process has it");
        return false;
    }
    q->position = fd;
    q->warned = false;
    take_over(q);
    return true;
}

void queue_open(struct queue *q, const char *dir)
{
    *q = (struct queue){.position = -1, .reader = -1, .writer = -1};
    q->dir = must_alloc(strlen(dir) + 1);
    memcpy(q->dir, dir, strlen(dir) + 1);
    buf_init(&q->memory);
    (void)open_disk(q);
}

static void remove_directory(struct queue *q)
{
    for (uint64_t n = q->first.segment; n <= q->end.segment; n++)
        (void)unlink(segment_path(q, n).s);
    (void)unlink(position_path(q).s);
    (void)rmdir(q->dir);
}

void queue_close(struct queue *q)
{
    if (q->position >= 0 && q->count == 0)
        remove_directory(q);
    else if (q->position >= 0)
        (void)utimensat(AT_FDCWD, q->dir, NULL, 0); /* how long it has been left alone */
    close_file(&q->reader);
    close_file(&q->writer);
    close_file(&q->position);
    buf_fini(&q->memory);
    free(q->dir);
}

/* ---- In and out. ------------------------------------------------------------------------ */

void queue_add(struct queue *q, struct span event)
{
    struct record r = record_of(event);
    /* Not while one is out: what is on the disk would come before it. */
    if (q->position < 0 && q->count == 0)
        (void)open_disk(q);
    buf_add(&q->memory, &r, sizeof(r));
    buf_add_span(&q->memory, event);
    q->count++;
    q->bytes += event.n;
}

static void next_segment(struct queue *q)
{
    close_file(&q->writer);
    q->end = (struct queue_place){.segment = q->end.segment + 1};
}

/* A part of what was to be written. Where it cannot be taken back, nothing goes behind it. */
static void take_back(struct queue *q)
{
    if (ftruncate(q->writer, (off_t)q->end.offset) != 0)
        next_segment(q);
}

/* What is in memory, all of it, goes behind what is on the disk; or nothing does. */
static bool append(struct queue *q)
{
    struct span s = span_skip(buf_span(&q->memory), q->memory_from);
    if (q->end.offset > SEGMENT_MAX)
        next_segment(q);
    if (q->writer < 0)
        q->writer =
            open(segment_path(q, q->end.segment).s, O_WRONLY | O_CREAT | O_CLOEXEC, FILE_MODE);
    if (q->writer < 0)
        return false;
    if (!write_all(q->writer, q->end.offset, s)) {
        int err = errno;
        take_back(q);
        errno = err;
        return false;
    }
    q->end.offset += s.n;
    return true;
}

void queue_flush(struct queue *q)
{
    if (q->position < 0 || q->memory.n == q->memory_from)
        return;
    if (!append(q)) {
        warn(q, strerror(errno));
        return;
    }
    q->disk_count = q->count;
    q->warned = false;
    buf_clear(&q->memory);
    q->memory_from = 0;
}

static struct span memory_first(const struct queue *q)
{
    struct record r;
    struct span s = span_skip(buf_span(&q->memory), q->memory_from);
    memcpy(&r, s.p, sizeof(r));
    return span_head(span_skip(s, sizeof(r)), r.length);
}

/* What could not be read again has gone, and is not counted any longer. */
static void count_lost(struct queue *q)
{
    if (q->disk_count > 0)
        log_warn("%s: %" PRIu64 " events cannot be read and are lost", q->dir, q->disk_count);
    q->count -= q->disk_count;
    q->disk_count = 0;
}

bool queue_first(struct queue *q, struct buf *out)
{
    if (disk_first(q, out))
        return true;
    count_lost(q);
    if (q->count == 0) {
        q->bytes = 0;
        return false;
    }
    buf_clear(out);
    buf_add_span(out, memory_first(q));
    return true;
}

/* It is looked for again: it may have come here from memory since it was found. */
static void drop_from_disk(struct queue *q)
{
    struct buf text;
    buf_init(&text);
    if (disk_first(q, &text)) {
        q->first.offset += sizeof(struct record) + text.n;
        q->bytes -= text.n;
        q->count--;
        q->disk_count--;
        write_position(q);
    }
    buf_fini(&text);
}

static void drop_from_memory(struct queue *q)
{
    struct span text = memory_first(q);
    q->memory_from += sizeof(struct record) + text.n;
    q->bytes -= text.n;
    q->count--;
    if (q->memory_from < q->memory.n)
        return;
    buf_clear(&q->memory);
    q->memory_from = 0;
}

void queue_drop(struct queue *q)
{
    if (q->disk_count > 0)
        drop_from_disk(q);
    else if (q->count > 0)
        drop_from_memory(q);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * record: what the linker puts in the place of system calls.
 *
 * A file is known by the number that the file system gives it, from the call that makes it on.
 */
#include "test/crash/record.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "test/unit/gc/turns.h"

enum { NODES_MAX = 4096, PATH_BYTES = 2048 };

static struct {
    struct log *log; /* NULL: nothing is recorded */
    size_t top_length;
    dev_t device;
    ino_t inodes[NODES_MAX]; /* by node */
    int node_count;
    int requests;
    unsigned seed;
    time_t now;
    enum failing failing;
    bool fails, has_failed;
    unsigned left; /* calls until it fails */
} r;

int __real_openat(int dir, const char *path, int flags, ...);
int __real_mkdir(const char *path, mode_t mode);
int __real_mkdirat(int dir, const char *path, mode_t mode);
int __real_renameat(int from_dir, const char *from, int to_dir, const char *to);
int __real_unlinkat(int dir, const char *path, int flags);
int __real_utimensat(int dir, const char *path, const struct timespec times[2], int flags);
int __real_fsync(int fd);
int __real_syncfs(int fd);
int __real_ftruncate(int fd, off_t size);
ssize_t __real_write(int fd, const void *p, size_t n);
time_t __real_time(time_t *out);

int __wrap_openat(int dir, const char *path, int flags, ...);
int __wrap_mkdir(const char *path, mode_t mode);
int __wrap_mkdirat(int dir, const char *path, mode_t mode);
int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to);
int __wrap_unlinkat(int dir, const char *path, int flags);
int __wrap_utimensat(int dir, const char *path, const struct timespec times[2], int flags);
int __wrap_fsync(int fd);
int __wrap_syncfs(int fd);
int __wrap_ftruncate(int fd, off_t size);
ssize_t __wrap_write(int fd, const void *p, size_t n);
time_t __wrap_time(time_t *out);

/* ---- The log. --------------------------------------------------------------------------- */

static struct step *add_step(enum step_kind kind, const char *text)
{
    struct log *l = r.log;
    if (l->count == l->cap) {
        l->cap = l->cap ? 2 * l->cap : 256;
        l->steps = must_realloc(l->steps, (size_t)l->cap * sizeof(*l->steps));
    }
    l->steps[l->count] = (struct step){.kind = kind, .text = text};
    return &l->steps[l->count++];
}

void log_fini(struct log *l)
{
    arena_fini(&l->arena);
    free(l->steps);
    *l = (struct log){0};
}

static struct step *add_words(enum step_kind kind, const char *text, const struct word *words,
                              int count)
{
    if (count > WORDS_MAX)
        abort();
    struct step *s = add_step(kind, arena_str(&r.log->arena, span_of(text)));
    for (int i = 0; i < count; i++)
        s->words[i] = words[i];
    s->word_count = count;
    return s;
}

int record_request(const char *text, const struct word *words, int count)
{
    add_words(STEP_BEGIN, text, words, count)->asked = ++r.requests;
    return r.requests;
}

void record_answer(int request, bool done)
{
    const struct log *l = r.log;
    int i = l->count - 1;
    while (l->steps[i].kind != STEP_BEGIN || l->steps[i].asked != request)
        i--;
    struct step asked = l->steps[i];
    add_words(done ? STEP_ACK : STEP_FAIL, asked.text, asked.words, asked.word_count)->asked =
        request;
}

void record_doom(const char *text, const struct word *words, int count)
{
    (void)add_words(STEP_DOOM, text, words, count);
}

/* ---- Made-up names and times are the same each time. ------------------------------------ */

static __thread uint64_t random_state;

static void random_bytes(void *const p, const size_t n)
{
    unsigned char *out = p;
    if (random_state == 0)
        random_state = ((uint64_t)r.seed << 8 | (uint64_t)(turns_actor() + 2)) * 0x9e3779b97f4a7c15;
    for (size_t i = 0; i < n; i++) {
        random_state ^= random_state << 13;
        random_state ^= random_state >> 7;
        random_state ^= random_state << 17;
        out[i] = (unsigned char)(random_state >> 32);
    }
}

static uint32_t random_word(void)
{
    uint32_t word;
    random_bytes(&word, sizeof(word));
    return word;
}

static const char *random_name(void)
{
    return "recorded";
}

static struct randombytes_implementation random_source = {
    .implementation_name = random_name, .random = random_word, .buf = random_bytes};

time_t __wrap_time(time_t *out)
{
    time_t now = r.now ? r.now : __real_time(NULL);
    if (out)
        *out = now;
    return now;
}

/* ---- Which file is it? ------------------------------------------------------------------ */

static int node_of_stat(const struct stat *st)
{
    if (st->st_dev == r.device)
        for (int i = r.node_count - 1; i >= DISK_TOP; i--)
            if (r.inodes[i] == st->st_ino)
                return i;
    return DISK_NONE;
}

static int node_of_fd(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 ? node_of_stat(&st) : DISK_NONE;
}

static int node_at(int dir, const char *path)
{
    struct stat st;
    return fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0 ? node_of_stat(&st) : DISK_NONE;
}

/* The directory that a path is in, and *name in it. */
static int parent_at(int dir, const char *path, const char **name)
{
    char parent[PATH_BYTES];
    const char *slash = strrchr(path, '/');
    *name = arena_str(&r.log->arena, span_of(slash ? slash + 1 : path));
    (void)snprintf(parent, sizeof(parent), "%.*s", slash ? (int)(slash - path) : 1,
                   slash ? path : ".");
    return node_at(dir, parent);
}

static int new_node(int dir, const char *path)
{
    struct stat st;
    if (fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) != 0 || r.node_count == NODES_MAX)
        abort();
    r.inodes[r.node_count] = st.st_ino;
    return r.node_count++;
}

/* The path below the top, whatever it was opened by. */
static const char *path_of_fd(int fd)
{
    char link[64], path[PATH_BYTES];
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof(path) - 1);
    if (n < (ssize_t)r.top_length)
        abort();
    size_t skipped = r.top_length + ((size_t)n > r.top_length);
    return arena_str(&r.log->arena, span_skip(span_from(path, (size_t)n), skipped));
}

/* Without digests, names of uploads and of temporary files. */
static const char *sort_of(const char *path)
{
    char *sort = arena_str(&r.log->arena, span_of(path));
    size_t n = 0;
    for (const char *p = path; *p;) {
        size_t word = strcspn(p, "/.");
        bool is_hex = strspn(p, "0123456789abcdef-") == word && (word == 2 || word >= 16);
        if (is_hex)
            sort[n++] = '*';
        else
            memcpy(sort + n, p, word), n += word;
        p += word;
        if (*p)
            sort[n++] = *p++;
    }
    sort[n] = 0;
    return sort;
}

void record_begin(struct log *l, const char *top, unsigned seed)
{
    struct stat st;
    if (stat(top, &st) != 0)
        abort();
    *l = (struct log){0};
    arena_init(&l->arena);
    r.log = l;
    r.top_length = strlen(top);
    r.device = st.st_dev;
    r.inodes[DISK_TOP] = st.st_ino;
    r.node_count = DISK_TOP + 1;
    r.requests = 0;
    r.seed = seed;
    r.fails = false;
    if (r.now == 0)
        r.now = __real_time(NULL);
    random_state = 0;
    (void)randombytes_set_implementation(&random_source);
}

void record_end(void)
{
    r.log = NULL;
    r.fails = false;
}

/* ---- Failing. --------------------------------------------------------------------------- */

void record_fail(enum failing how, unsigned n)
{
    r.failing = how;
    r.fails = true;
    r.has_failed = false;
    r.left = n;
}

bool record_failed(void)
{
    r.fails = false;
    return r.has_failed;
}

/* Does a call fail that comes after the one that had to? */
static bool fails_later(bool is_syncfs)
{
    switch (r.failing) {
    case FAIL_ONE:
        return false;
    case FAIL_SYNC:
        return is_syncfs;
    case FAIL_ALL:
        return true;
    }
    return false;
}

/* Has this call to fail? Before it, another thread may go on. */
static bool must_fail_if(bool is_syncfs)
{
    if (!r.log)
        return false;
    turns_point();
    if (!r.fails)
        return false;
    if (r.left > 0) {
        r.left--;
        return false;
    }
    if (r.has_failed && !fails_later(is_syncfs))
        return false;
    r.has_failed = true;
    errno = EIO;
    return true;
}

static bool must_fail(void)
{
    return must_fail_if(false);
}

/* ---- The calls. ------------------------------------------------------------------------- */

#define TEXT(...) arena_printf(&r.log->arena, __VA_ARGS__)

int __wrap_openat(int dir, const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    if (!(flags & O_CREAT) || !r.log)
        return __real_openat(dir, path, flags, mode);
    if (must_fail())
        return -1;
    bool is_new = faccessat(dir, path, F_OK, 0) != 0;
    int fd = __real_openat(dir, path, flags, mode);
    if (fd < 0 || !is_new)
        return fd;
    struct change c = {.kind = CHANGE_FILE};
    c.node = parent_at(dir, path, &c.name);
    c.target = new_node(dir, path);
    add_step(STEP_CHANGE, TEXT("create %s", path))->change = c;
    return fd;
}

static int made_dir(int failed, int dir, const char *path)
{
    struct change c = {.kind = CHANGE_DIR};
    if (failed || !r.log)
        return failed;
    c.node = parent_at(dir, path, &c.name);
    c.target = new_node(dir, path);
    add_step(STEP_CHANGE, TEXT("mkdir %s", path))->change = c;
    return 0;
}

int __wrap_mkdir(const char *path, mode_t mode)
{
    return must_fail() ? -1 : made_dir(__real_mkdir(path, mode), AT_FDCWD, path);
}

int __wrap_mkdirat(int dir, const char *path, mode_t mode)
{
    return must_fail() ? -1 : made_dir(__real_mkdirat(dir, path, mode), dir, path);
}

int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    if (must_fail())
        return -1;
    int node = r.log ? node_at(from_dir, from) : DISK_NONE;
    bool same = r.log && node_at(to_dir, to) == node;
    int failed = __real_renameat(from_dir, from, to_dir, to);
    if (failed || !r.log || same)
        return failed;
    struct change c = {.kind = CHANGE_NAME, .target = node};
    c.node = parent_at(to_dir, to, &c.name);
    struct change gone = {.kind = CHANGE_NAME};
    gone.node = parent_at(from_dir, from, &gone.name);
    if (gone.node == c.node)
        c.from = gone.name;
    add_step(STEP_CHANGE, TEXT("rename %s to %s", from, to))->change = c;
    if (gone.node != c.node)
        add_step(STEP_CHANGE, TEXT("rename from %s", from))->change = gone;
    return 0;
}

int __wrap_unlinkat(int dir, const char *path, int flags)
{
    if (must_fail())
        return -1;
    int failed = __real_unlinkat(dir, path, flags);
    if (failed || !r.log)
        return failed;
    struct change c = {.kind = CHANGE_NAME};
    c.node = parent_at(dir, path, &c.name);
    add_step(STEP_CHANGE, TEXT("%s %s", flags & AT_REMOVEDIR ? "rmdir" : "unlink", path))->change =
        c;
    return 0;
}

int __wrap_utimensat(int dir, const char *path, const struct timespec times[2], int flags)
{
    if (must_fail())
        return -1;
    int failed = __real_utimensat(dir, path, times, flags);
    if (failed || !r.log)
        return failed;
    time_t t = times[1].tv_sec;
    struct change c = {.kind = CHANGE_TIME, .node = node_at(dir, path)};
    c.time = t == r.now ? DISK_TIME_NOW : t;
    add_step(STEP_CHANGE, TEXT("time of %s: %lld", path, (long long)t))->change = c;
    return 0;
}

ssize_t __wrap_write(int fd, const void *p, size_t n)
{
    int node = r.log ? node_of_fd(fd) : DISK_NONE;
    if (node == DISK_NONE)
        return __real_write(fd, p, n);
    if (must_fail())
        return -1;
    ssize_t done = __real_write(fd, p, n);
    if (done <= 0)
        return done;
    struct change c = {.kind = CHANGE_BYTES, .node = node};
    c.bytes = arena_span(&r.log->arena, span_from(p, (size_t)done));
    add_step(STEP_CHANGE, TEXT("write %zd bytes to %s", done, path_of_fd(fd)))->change = c;
    return done;
}

int __wrap_ftruncate(int fd, off_t size)
{
    if (must_fail())
        return -1;
    int failed = __real_ftruncate(fd, size);
    if (failed || !r.log)
        return failed;
    struct change c = {.kind = CHANGE_CUT, .node = node_of_fd(fd), .size = (size_t)size};
    add_step(STEP_CHANGE, TEXT("cut %s to %lld bytes", path_of_fd(fd), (long long)size))->change =
        c;
    return 0;
}

int __wrap_fsync(int fd)
{
    if (must_fail())
        return -1;
    int failed = __real_fsync(fd);
    if (failed || !r.log)
        return failed;
    const char *path = path_of_fd(fd);
    struct step *s = add_step(STEP_CHANGE, TEXT("fsync %s", path));
    s->change = (struct change){.kind = CHANGE_SYNC, .node = node_of_fd(fd)};
    s->sort = sort_of(path);
    return 0;
}

int __wrap_syncfs(int fd)
{
    if (must_fail_if(true))
        return -1;
    int failed = __real_syncfs(fd);
    if (failed || !r.log)
        return failed;
    struct step *s = add_step(STEP_CHANGE, "syncfs");
    s->change = (struct change){.kind = CHANGE_SYNC_ALL};
    s->sort = "syncfs";
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * file_dir: directories: making them for good, walking them, and taking all of them away.
 *
 *   file_mkdirs, making_end  for each directory made: fsync the one above it
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base.h"
#include "storage/actions.h"
#include "storage/file.h"

enum { TREE_DEPTH_MAX = 256 };

/* ---- Making them, and syncing them. ----------------------------------------------------- */

/* The part of a path before its last "/": "" for the tree itself. */
static void parent_of(const char *path, char out[FILE_PATH_BYTES])
{
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;
    memmove(out, path, n); /* also in place */
    out[n] = 0;
}

/* "" is the tree itself. */
static enum rc open_dir(struct tree *t, const char *path, int *out, struct fault *f)
{
    int fd;
    do
        fd = openat(t->fd, tree_rest(t, path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (fd < 0 && errno == EINTR);
    if (fd < 0)
        return fault_errno(f, errno, "open", path);
    *out = fd;
    return RC_OK;
}

static enum rc sync_dir(struct tree *t, const char *path, struct fault *f)
{
    int fd = -1;
    enum rc rc = open_dir(t, path, &fd, f);
    if (rc == RC_OK)
        rc = file_sync(fd, f);
    file_close(fd);
    return rc;
}

enum rc file_sync_dir(struct tree *t, const char *path, struct fault *f)
{
    enum rc rc = sync_dir(t, path, f);
    if (rc == RC_NOT_FOUND)
        return RC_OK; /* what was put there and taken away since needs no syncing */
    if (rc != RC_OK)
        tree_doubt(t);
    return rc;
}

enum rc file_sync_parent(struct tree *t, const char *path, struct fault *f)
{
    char dir[FILE_PATH_BYTES];
    parent_of(path, dir);
    return file_sync_dir(t, dir, f);
}

enum rc file_sync_chain(struct tree *t, const char *path, struct fault *f)
{
    char dir[FILE_PATH_BYTES];
    (void)snprintf(dir, sizeof(dir), "%s", path);
    for (;;) {
        enum rc rc = file_sync_dir(t, dir, f);
        if (rc != RC_OK || dir[0] == 0)
            return rc;
        parent_of(dir, dir);
    }
}

/* A call that makes directories is listed as long as it has not synced them: others see them before
 * that. */
static void list_making(struct tree *t, struct making *m)
{
    (void)atomic_fetch_add(&t->makers, 1);
    (void)pthread_mutex_lock(&t->mutex);
    m->top = strlen(m->dir);
    m->next = t->making;
    m->listed = true;
    t->making = m;
    (void)pthread_mutex_unlock(&t->mutex);
}

static void unlist_making(struct tree *t, struct making *m)
{
    if (!m->listed)
        return;
    (void)pthread_mutex_lock(&t->mutex);
    struct making **at = &t->making;
    while (*at != m)
        at = &(*at)->next;
    *at = m->next;
    (void)pthread_mutex_unlock(&t->mutex);
    (void)atomic_fetch_sub(&t->makers, 1);
}

/* A part of the path may be new, too. */
static void making_part(struct tree *t, struct making *m, const char *part)
{
    size_t n = strlen(part);
    (void)pthread_mutex_lock(&t->mutex);
    if (n < m->top)
        m->top = n;
    (void)pthread_mutex_unlock(&t->mutex);
}

/* Is somebody else making a part of this path? Asked after it was seen. */
static bool others_make(struct tree *t, const struct making *self)
{
    bool make = false;
    if (atomic_load(&t->makers) == (self->listed ? 1 : 0))
        return false;
    (void)pthread_mutex_lock(&t->mutex);
    for (const struct making *m = t->making; m && !make; m = m->next)
        make = m != self && strncmp(m->dir, self->dir, m->top) == 0 &&
               (self->dir[m->top] == '/' || self->dir[m->top] == 0);
    (void)pthread_mutex_unlock(&t->mutex);
    return make;
}

/* Makes what is missing from the deepest directory that exists. */
static enum rc make_missing(struct tree *t, const char *path, struct making *m, struct fault *f)
{
    if (path[0] == 0 || mkdirat(t->fd, path, 0777) == 0) {
        m->made += path[0] != 0;
        return RC_OK;
    }
    if (errno == EEXIST)
        return RC_OK;
    if (errno != ENOENT)
        return fault_errno(f, errno, "make directory", path);
    char dir[FILE_PATH_BYTES];
    parent_of(path, dir);
    making_part(t, m, dir);
    enum rc rc = make_missing(t, dir, m, f);
    if (rc != RC_OK)
        return rc;
    if (mkdirat(t->fd, path, 0777) != 0 && errno != EEXIST)
        return fault_errno(f, errno, "make directory", path);
    m->made++;
    return RC_OK;
}

/* fsyncs the directories above the ones that were made. */
static enum rc sync_made(struct tree *t, const struct making *m, struct fault *f)
{
    char dir[FILE_PATH_BYTES];
    (void)snprintf(dir, sizeof(dir), "%s", m->dir);
    enum rc rc = RC_OK;
    for (unsigned made = m->made; rc == RC_OK && made > 0; made--) {
        parent_of(dir, dir);
        rc = file_sync_dir(t, dir, f);
    }
    return rc;
}

static bool is_dir(struct tree *t, const char *path)
{
    struct file_info info;
    return file_stat(t, path, &info, NULL) == RC_OK && info.is_dir;
}

static enum rc make(struct tree *t, struct making *m, struct fault *f)
{
    enum rc rc = RC_NOT_FOUND;
    list_making(t, m);
    for (int i = 0; i < FILE_TRIES && rc == RC_NOT_FOUND; i++)
        rc = make_missing(t, m->dir, m, f);
    if (rc != RC_OK && m->made > 0) { /* and not the deepest ones */
        tree_doubt(t);
        m->made = 0;
    }
    return rc;
}

/* m->dir is set, and nothing else. */
static enum rc begin(struct tree *t, struct making *m, struct fault *f)
{
    enum rc rc = is_dir(t, m->dir) ? RC_OK : make(t, m, f);
    if (rc == RC_OK && others_make(t, m))
        rc = file_sync_chain(t, m->dir, f);
    if (rc == RC_OK)
        rc = tree_settle(t, f); /* last: they may have failed, too */
    return rc == RC_OK ? RC_OK : making_end(t, m, rc, f);
}

enum rc making_begin(struct tree *t, const char *path, struct making *m, struct fault *f)
{
    *m = (struct making){.made = 0};
    parent_of(path, m->dir);
    return begin(t, m, f);
}

/* Also after a failure: others may have seen what was made. */
enum rc making_end(struct tree *t, struct making *m, enum rc rc, struct fault *f)
{
    enum rc synced = sync_made(t, m, rc == RC_OK ? f : NULL);
    unlist_making(t, m);
    return rc == RC_OK ? synced : rc;
}

enum rc file_mkdirs(struct tree *t, const char *path, struct fault *f)
{
    struct making m = {.made = 0};
    (void)snprintf(m.dir, sizeof(m.dir), "%s", path);
    enum rc rc = begin(t, &m, f);
    return rc == RC_OK ? making_end(t, &m, rc, f) : rc;
}

enum rc file_mkdir(struct tree *t, const char *path, struct fault *f)
{
    if (mkdirat(t->fd, path, 0777) != 0 && errno != EEXIST)
        return fault_errno(f, errno, "make directory", path);
    return RC_OK;
}

/* ---- What nobody else knows of. --------------------------------------------------------- */

enum rc file_mkdirs_aside(struct tree *t, const char *path, struct fault *f)
{
    char above[FILE_PATH_BYTES];
    if (mkdirat(t->fd, path, 0777) == 0 || errno == EEXIST)
        return RC_OK;
    if (errno != ENOENT || !strchr(path, '/'))
        return fault_errno(f, errno, "make directory", path);
    parent_of(path, above);
    enum rc rc = file_mkdirs_aside(t, above, f);
    return rc == RC_OK ? file_mkdir(t, path, f) : rc;
}

enum rc file_put_aside(struct tree *t, const char *top, const char *path, struct span bytes,
                       struct fault *f)
{
    char dir[FILE_PATH_BYTES];
    (void)snprintf(dir, sizeof(dir), "%s", path);
    char *slash = dir + strlen(top);
    enum rc rc = RC_OK;
    while (rc == RC_OK && (slash = strchr(slash + 1, '/'))) {
        *slash = 0;
        rc = file_mkdir(t, dir, f);
        *slash = '/';
    }
    return rc == RC_OK ? file_put_new(t, path, bytes, f) : rc;
}

enum rc file_sync_aside(struct tree *t, const char *top, const char *path, struct fault *f)
{
    char dir[FILE_PATH_BYTES];
    int fd = -1;
    enum rc rc = file_open(t, path, FILE_READ, &fd, f);
    if (rc == RC_OK)
        rc = file_sync(fd, f);
    file_close(fd);
    parent_of(path, dir);
    for (; rc == RC_OK && strlen(dir) > strlen(top); parent_of(dir, dir))
        rc = file_sync_dir(t, dir, f);
    return rc;
}

/* Another file system, no right to be there, or a file in the way. */
static bool is_for_good(int error)
{
    return error == EXDEV || error == EACCES || error == EPERM || error == EROFS ||
           error == ENOTDIR;
}

enum rc file_try_move(struct tree *t, const char *from, const char *to)
{
    enum rc rc = file_mkdirs_aside(t, from, NULL);
    if (rc == RC_OK && renameat(t->fd, from, t->fd, to) != 0)
        rc = fault_errno(NULL, errno, "move", from);
    if (rc != RC_OK && is_for_good(errno))
        rc = RC_UNSUPPORTED;
    (void)file_remove_empty(t, from);
    (void)file_remove_empty(t, to);
    return rc;
}

/* ---- Walking. --------------------------------------------------------------------------- */

struct dir {
    DIR *dir;
    struct actions *actions;
};

enum rc dir_open(struct tree *t, const char *path, struct dir **out, struct fault *f)
{
    int fd = -1;
    enum rc rc = open_dir(t, path, &fd, f);
    if (rc != RC_OK)
        return rc;
    DIR *d = fdopendir(fd);
    if (!d) {
        int err = errno;
        file_close(fd);
        return fault_errno(f, err, "list", path);
    }
    *out = must_calloc(sizeof(**out));
    (*out)->dir = d;
    (*out)->actions = t->actions;
    return RC_OK;
}

void dir_close(struct dir *d)
{
    if (!d)
        return;
    (void)closedir(d->dir);
    free(d);
}

enum rc tree_enter(struct tree *t, const char *path, struct tree *below, struct fault *f)
{
    *below =
        (struct tree){.fd = -1, .skip = strlen(path), .locks = {-1, -1}, .actions = t->actions};
    return open_dir(t, path, &below->fd, f);
}

void tree_leave(struct tree *below)
{
    file_close(below->fd);
}

struct tree dir_tree(const struct dir *d)
{
    return (struct tree){.fd = dirfd(d->dir), .locks = {-1, -1}, .actions = d->actions};
}

/* Some file systems do not say what an entry is. What has gone meanwhile may be taken for a file;
 * what cannot be looked at may not: there could be a directory with all that counts. */
static enum rc kind_of(int dirfd, const struct dirent *e, enum dir_entry *out, struct fault *f)
{
    struct stat st = {.st_mode = DTTOIF(e->d_type)};
    if (e->d_type == DT_UNKNOWN && fstatat(dirfd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        enum rc rc = fault_errno(f, errno, "stat", e->d_name);
        if (rc != RC_NOT_FOUND)
            return rc;
    }
    *out = S_ISDIR(st.st_mode) ? DIR_ENTRY_DIR : DIR_ENTRY_FILE;
    if (S_ISLNK(st.st_mode))
        *out = DIR_ENTRY_LINK;
    return RC_OK;
}

enum rc dir_next(struct dir *d, const char **name, enum dir_entry *kind, struct fault *f)
{
    const struct dirent *e;
    do {
        errno = 0;
        e = readdir(d->dir);
        if (!e)
            return errno ? fault_errno(f, errno, "list", "a directory") : RC_NOT_FOUND;
    } while (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0);
    *name = e->d_name;
    return kind_of(dirfd(d->dir), e, kind, f);
}

/* counts: whose time it is, but for what is done with the entries; NULL: nobody's. */
static enum rc list(struct tree *t, const char *path, file_entry_fn *entry, void *ctx,
                    struct actions *counts, struct fault *f)
{
    struct dir *d = NULL;
    const char *name;
    enum dir_entry kind;
    uint64_t begun = actions_begin(counts);
    enum rc rc = dir_open(t, path, &d, f), next = rc;
    while (rc == RC_OK && (next = dir_next(d, &name, &kind, f)) == RC_OK) {
        uint64_t from = actions_begin(counts);
        rc = entry(ctx, name, kind == DIR_ENTRY_DIR);
        begun = actions_pause(counts, begun, from);
    }
    dir_close(d);
    actions_end(counts, ACTION_LIST, begun);
    return rc == RC_OK && next != RC_NOT_FOUND ? next : rc;
}

enum rc file_list(struct tree *t, const char *path, file_entry_fn *entry, void *ctx,
                  struct fault *f)
{
    return list(t, path, entry, ctx, t->actions, f);
}

/* ---- Taking all of it away. ------------------------------------------------------------- */

struct removal {
    struct tree *tree;
    const char *dir;
    int depth;
    struct fault *fault;
};

static enum rc remove_below(struct tree *t, const char *path, int depth, struct fault *f);

static enum rc remove_entry(void *ctx, const char *name, bool is_dir)
{
    struct removal *r = ctx;
    char path[FILE_PATH_BYTES];
    int n = snprintf(path, sizeof(path), "%s/%s", r->dir, name);
    if (n < 0 || (size_t)n >= sizeof(path))
        return fault(r->fault, RC_IO, "a path below %s is too long", r->dir);
    if (is_dir)
        return remove_below(r->tree, path, r->depth + 1, r->fault);
    if (unlinkat(r->tree->fd, path, 0) != 0 && errno != ENOENT)
        return fault_errno(r->fault, errno, "remove", path);
    return RC_OK;
}

static enum rc remove_below(struct tree *t, const char *path, int depth, struct fault *f)
{
    if (depth > TREE_DEPTH_MAX)
        return fault(f, RC_IO, "%s is nested too deeply", path);
    if (file_remove_empty(t, path))
        return RC_OK;
    struct removal r = {.tree = t, .dir = path, .depth = depth, .fault = f};
    enum rc rc = list(t, path, remove_entry, &r, NULL, f);
    if (rc != RC_OK)
        return rc == RC_NOT_FOUND ? RC_OK : rc;
    /* Not empty: somebody has put something new there meanwhile, which stays. */
    if (unlinkat(t->fd, path, AT_REMOVEDIR) != 0 && errno != ENOENT && errno != ENOTEMPTY)
        return fault_errno(f, errno, "remove directory", path);
    return RC_OK;
}

enum rc file_remove_tree(struct tree *t, const char *path, struct fault *f)
{
    uint64_t begun = actions_begin(t->actions);
    enum rc rc = tree_settle(t, f);
    if (rc == RC_OK && (rc = remove_below(t, path, 0, f)) != RC_OK)
        tree_doubt(t);
    if (rc == RC_OK)
        rc = file_sync_parent(t, path, f);
    actions_end(t->actions, ACTION_DELETE, begun);
    return rc;
}

static enum rc prune_entry(void *ctx, const char *name, bool is_dir)
{
    struct removal *r = ctx;
    char path[FILE_PATH_BYTES];
    int n = snprintf(path, sizeof(path), "%s/%s", r->dir, name);
    if (!is_dir || n < 0 || (size_t)n >= sizeof(path) || r->depth > TREE_DEPTH_MAX)
        return RC_OK;
    struct removal below = {.tree = r->tree, .dir = path, .depth = r->depth + 1};
    enum rc ignored = list(r->tree, path, prune_entry, &below, NULL, NULL);
    (void)ignored;
    (void)file_remove_empty(r->tree, path);
    return RC_OK;
}

void file_prune(struct tree *t, const char *path)
{
    struct removal r = {.tree = t, .dir = path};
    enum rc ignored = list(t, path, prune_entry, &r, NULL, NULL);
    (void)ignored;
    (void)file_remove_empty(t, path);
}

/* ---- What is empty. --------------------------------------------------------------------- */

static enum rc stop_at_file(void *ctx, const char *name, bool is_dir)
{
    struct removal *r = ctx;
    char path[FILE_PATH_BYTES];
    int n = snprintf(path, sizeof(path), "%s/%s", r->dir, name);
    if (!is_dir || n < 0 || (size_t)n >= sizeof(path) || r->depth > TREE_DEPTH_MAX)
        return RC_IO;
    struct removal below = {.tree = r->tree, .dir = path, .depth = r->depth + 1};
    enum rc rc = list(r->tree, path, stop_at_file, &below, NULL, NULL);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

bool file_is_hollow(struct tree *t, const char *path)
{
    struct removal r = {.tree = t, .dir = path};
    enum rc rc = list(t, path, stop_at_file, &r, NULL, NULL);
    return rc == RC_OK || rc == RC_NOT_FOUND;
}

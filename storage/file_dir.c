/* SPDX-License-Identifier: Apache-2.0
 *
 * file_dir: directories as lists: walking them, and taking all of them away.
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
#include "storage/file.h"

enum { PATH_BYTES = 1100, TREE_DEPTH_MAX = 256 };

/* ---- Walking. --------------------------------------------------------------------------- */

struct dir {
    DIR *dir;
};

enum rc dir_open(struct tree *t, const char *path, struct dir **out, struct fault *f)
{
    int fd;
    do
        fd = openat(t->fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (fd < 0 && errno == EINTR);
    if (fd < 0)
        return fault_errno(f, errno, "open", path);
    DIR *d = fdopendir(fd);
    if (!d) {
        int err = errno;
        file_close(fd);
        return fault_errno(f, err, "list", path);
    }
    *out = must_calloc(sizeof(**out));
    (*out)->dir = d;
    return RC_OK;
}

void dir_close(struct dir *d)
{
    if (!d)
        return;
    (void)closedir(d->dir);
    free(d);
}

struct tree dir_tree(const struct dir *d)
{
    return (struct tree){.fd = dirfd(d->dir), .lock = -1};
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

enum rc file_list(struct tree *t, const char *path, file_entry_fn *entry, void *ctx,
                  struct fault *f)
{
    struct dir *d = NULL;
    const char *name;
    enum dir_entry kind;
    enum rc rc = dir_open(t, path, &d, f);
    if (rc != RC_OK)
        return rc;
    enum rc next = RC_OK;
    while (rc == RC_OK && (next = dir_next(d, &name, &kind, f)) == RC_OK)
        rc = entry(ctx, name, kind == DIR_ENTRY_DIR);
    dir_close(d);
    return rc == RC_OK && next != RC_NOT_FOUND ? next : rc;
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
    char path[PATH_BYTES];
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
    struct removal r = {.tree = t, .dir = path, .depth = depth, .fault = f};
    enum rc rc = file_list(t, path, remove_entry, &r, f);
    if (rc != RC_OK)
        return rc == RC_NOT_FOUND ? RC_OK : rc;
    /* Not empty: somebody has put something new there meanwhile, which stays. */
    if (unlinkat(t->fd, path, AT_REMOVEDIR) != 0 && errno != ENOENT && errno != ENOTEMPTY)
        return fault_errno(f, errno, "remove directory", path);
    return RC_OK;
}

enum rc file_remove_tree(struct tree *t, const char *path, struct fault *f)
{
    enum rc rc = remove_below(t, path, 0, f);
    return rc == RC_OK ? file_sync_parent(t, path, f) : rc;
}

static enum rc prune_entry(void *ctx, const char *name, bool is_dir)
{
    struct removal *r = ctx;
    char path[PATH_BYTES];
    int n = snprintf(path, sizeof(path), "%s/%s", r->dir, name);
    if (!is_dir || n < 0 || (size_t)n >= sizeof(path) || r->depth > TREE_DEPTH_MAX)
        return RC_OK;
    struct removal below = {.tree = r->tree, .dir = path, .depth = r->depth + 1};
    enum rc ignored = file_list(r->tree, path, prune_entry, &below, NULL);
    (void)ignored;
    (void)file_remove_empty(r->tree, path);
    return RC_OK;
}

void file_prune(struct tree *t, const char *path)
{
    struct removal r = {.tree = t, .dir = path};
    enum rc ignored = file_list(t, path, prune_entry, &r, NULL);
    (void)ignored;
    (void)file_remove_empty(t, path);
}

/* ---- What is empty. --------------------------------------------------------------------- */

static enum rc stop_at_file(void *ctx, const char *name, bool is_dir)
{
    struct removal *r = ctx;
    char path[PATH_BYTES];
    int n = snprintf(path, sizeof(path), "%s/%s", r->dir, name);
    if (!is_dir || n < 0 || (size_t)n >= sizeof(path) || r->depth > TREE_DEPTH_MAX)
        return RC_IO;
    struct removal below = {.tree = r->tree, .dir = path, .depth = r->depth + 1};
    enum rc rc = file_list(r->tree, path, stop_at_file, &below, NULL);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

bool file_is_hollow(struct tree *t, const char *path)
{
    struct removal r = {.tree = t, .dir = path};
    enum rc rc = file_list(t, path, stop_at_file, &r, NULL);
    return rc == RC_OK || rc == RC_NOT_FOUND;
}

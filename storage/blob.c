/* SPDX-License-Identifier: Apache-2.0
 *
 * blob: content seen through the repositories that link it.
 */
#include "storage/store.h"

/* The content's digest behind a repository's link. It is the one asked for, except
 * where the registry image left an alias: _layers/sha512/<hex>/link with a sha256 in it. */
static enum rc resolve(struct store *s, struct name repo, const struct digest *d,
                       struct digest *out, struct fault *f)
{
    return link_get(s, layout_layer_link(repo, d).s, out, f);
}

static enum rc unknown(const struct digest *d, enum rc rc, struct fault *f)
{
    if (rc != RC_NOT_FOUND)
        return rc;
    return fault(f, RC_BLOB_UNKNOWN, "%s", digest_print(d).s);
}

enum rc blob_stat(struct store *s, struct name repo, const struct digest *d, struct blob *out,
                  struct fault *f)
{
    struct digest content;
    struct file_info info;
    enum rc rc = resolve(s, repo, d, &content, f);
    if (rc == RC_OK)
        rc = file_stat(&s->tree, layout_blob(&content).s, &info, f);
    if (rc != RC_OK)
        return unknown(d, rc, f);
    *out = (struct blob){.fd = -1, .size = info.size, .digest = content};
    return RC_OK;
}

enum rc blob_open(struct store *s, struct name repo, const struct digest *d, struct blob *out,
                  struct fault *f)
{
    struct digest content;
    struct file_info info;
    int fd = -1;
    enum rc rc = resolve(s, repo, d, &content, f);
    if (rc == RC_OK)
        rc = file_open(&s->tree, layout_blob(&content).s, FILE_READ, &fd, f);
    if (rc == RC_OK)
        rc = file_stat_fd(fd, &info, f);
    if (rc != RC_OK) {
        file_close(fd);
        return unknown(d, rc, f);
    }
    *out = (struct blob){.fd = fd, .size = info.size, .digest = content};
    return RC_OK;
}

void blob_close(struct blob *b)
{
    file_close(b->fd);
    b->fd = -1;
}

enum rc blob_unlink(struct store *s, struct name repo, const struct digest *d, struct fault *f)
{
    return unknown(d, file_remove(&s->tree, layout_layer_link(repo, d).s, f), f);
}

static enum rc stat_any(struct store *s, const struct digest *d, struct blob *out, struct fault *f)
{
    struct file_info info;
    enum rc rc = file_stat(&s->tree, layout_blob(d).s, &info, f);
    if (rc != RC_OK)
        return unknown(d, rc, f);
    *out = (struct blob){.fd = -1, .size = info.size, .digest = *d};
    return RC_OK;
}

enum rc blob_mount(struct store *s, const struct name *from, struct name to, const struct digest *d,
                   struct fault *f)
{
    struct blob b;
    enum rc rc = from ? blob_stat(s, *from, d, &b, f) : stat_any(s, d, &b, f);
    if (rc == RC_OK)
        rc = repo_prepare(s, to, f);
    if (rc == RC_OK)
        rc = link_put(s, layout_layer_link(to, d).s, &b.digest, f);
    return rc;
}

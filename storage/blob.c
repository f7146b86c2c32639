/* SPDX-License-Identifier: Apache-2.0
 *
 * blob: content seen through the repositories that link it.
 */
#include "storage/store.h"

static enum rc unknown(const struct digest *d, enum rc rc, struct fault *f)
{
    if (rc != RC_NOT_FOUND)
        return rc;
    return fault(f, RC_BLOB_UNKNOWN, "%s", digest_print(d).s);
}

/* The link's digest is the one asked for, except where the registry image left an alias:
 * _layers/sha512/<hex>/link with a sha256 in it. */
enum rc blob_find(struct store *s, struct name repo, const struct digest *d, struct blob *out,
                  struct origins *from, struct fault *f)
{
    struct digest content;
    struct file_info info;
    struct path link = layout_layer_link(repo, d);
    enum rc rc = link_get_origin(s, &link, &content, from, f);
    if (rc == RC_OK)
        rc = data_stat(s, &content, &info, f);
    if (rc == RC_OK)
        *out = (struct blob){.fd = -1, .size = info.size, .digest = content};
    return rc;
}

enum rc blob_stat(struct store *s, struct name repo, const struct digest *d, struct blob *out,
                  struct fault *f)
{
    return unknown(d, blob_find(s, repo, d, out, NULL, f), f);
}

/* An alias's content has to stay, too: it is pinned under its own name, and looked for again. */
static enum rc promise_content(struct store *s, struct name repo, const struct digest *content,
                               struct fault *f)
{
    struct file_info info;
    pins_begin(&s->pins, repo.s, PIN_BLOB, content);
    enum rc rc = data_stat(s, content, &info, f);
    pins_end(&s->pins, repo.s, content, rc == RC_OK ? PIN_KEPT : PIN_DROPPED);
    return rc;
}

enum rc blob_promise(struct store *s, struct name repo, const struct digest *d, struct blob *out,
                     struct fault *f)
{
    struct blob b;
    struct origins from = {.count = 0};
    pins_begin(&s->pins, repo.s, PIN_BLOB, d);
    enum rc rc = blob_find(s, repo, d, &b, &from, f);
    if (rc == RC_OK && !digest_eq(&b.digest, d))
        rc = promise_content(s, repo, &b.digest, f);
    if (rc == RC_OK) {
        link_promised(s, from.paths[0].s, from.times[0].modified.tv_sec);
        *out = b;
    }
    pins_end(&s->pins, repo.s, d, rc == RC_OK ? PIN_KEPT : PIN_DROPPED);
    if (rc == RC_OK && digest_eq(&b.digest, d))
        answer_remember_promise(s, repo, d, &from);
    return unknown(d, rc, f);
}

enum rc blob_open(struct store *s, struct name repo, const struct digest *d, struct blob *out,
                  struct fault *f)
{
    struct digest content;
    struct file_info info;
    int fd = -1;
    enum rc rc = link_get(s, layout_layer_link(repo, d).s, &content, f);
    if (rc == RC_OK)
        rc = file_open(&s->tree, layout_blob(&content).s, FILE_READ, &fd, f);
    if (rc == RC_OK)
        rc = file_stat_fd(fd, &info, f);
    if (rc == RC_OK)
        rc = data_check_length(s, &content, info.size);
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
    enum rc rc = file_remove(&s->tree, layout_layer_link(repo, d).s, f);
    if (rc == RC_OK)
        pins_forget(&s->pins, repo.s, d);
    return unknown(d, rc, f);
}

static enum rc stat_any(struct store *s, const struct digest *d, struct blob *out, struct fault *f)
{
    struct file_info info;
    enum rc rc = data_stat(s, d, &info, f);
    if (rc != RC_OK)
        return unknown(d, rc, f);
    *out = (struct blob){.fd = -1, .size = info.size, .digest = *d};
    return RC_OK;
}

/* Pinned before it is looked for: what is found then, stays. */
enum rc blob_mount(struct store *s, const struct name *from, struct name to, const struct digest *d,
                   struct fault *f)
{
    struct blob b;
    pins_begin_put(&s->pins, to.s, PIN_BLOB, d);
    enum rc rc = from ? blob_stat(s, *from, d, &b, f) : stat_any(s, d, &b, f);
    if (rc == RC_OK && !digest_eq(&b.digest, d))
        rc = unknown(d, promise_content(s, to, &b.digest, f), f);
    if (rc == RC_OK)
        rc = settle_put(s, layout_layer(to, d), &b.digest, digest_eq(&b.digest, d), f);
    if (rc == RC_OK)
        rc = repo_prepare(s, to, f);
    if (rc == RC_OK)
        rc = link_put(s, layout_layer_link(to, d).s, &b.digest, f);
    pins_end_put(&s->pins, to.s, d, rc == RC_OK ? PIN_KEPT : PIN_DROPPED);
    return rc;
}

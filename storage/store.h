/* SPDX-License-Identifier: Apache-2.0
 *
 * store: what the files of this folder share. Not for others.
 */
#ifndef STORAGE_STORE_H
#define STORAGE_STORE_H

#include "storage/actions.h"
#include "storage/file.h"
#include "storage/layout.h"
#include "storage/locks.h"
#include "storage/names.h"
#include "storage/pins.h"

/* Data that is to be verified: first what was taken already, and could not be helped. */
enum { SUSPECTS_MAX = 64 };
struct suspects {
    pthread_mutex_t mutex;
    struct digest items[SUSPECTS_MAX];
    unsigned count, taken;
};

/* Tags are made and taken apart below run/, but in place where that cannot be written to, or is
 * another file system. The first tag that comes or goes finds out. */
enum tag_way { TAG_WAY_UNKNOWN, TAG_WAY_ASIDE, TAG_WAY_IN_PLACE };

struct store {
    struct tree tree;
    struct actions actions; /* of the tree */
    /* Held over a change to a manifest's link, together with the tags that it brings or takes, so
     * that a push and a delete of the same one never leave a tag without its manifest. */
    struct locks revision_locks;
    /* Held over a look at a tag and the change that follows from it. */
    struct locks tag_locks;
    struct pins pins;
    struct memory names;   /* what directories have in them */
    struct memory answers; /* manifests, as they were asked for */
    struct suspects suspects;
    atomic_int tag_way; /* enum tag_way */
    /* An upload's file may have bytes that could not be written to the disk, and could not be cut
     * off either: from then on, uploads begin where their saved state ends. */
    atomic_bool distrusts;
};

/* The files that an answer came from, with their times before they were read. */
enum { ORIGINS_MAX = 3 };
struct origins {
    struct path paths[ORIGINS_MAX];
    struct file_times times[ORIGINS_MAX];
    size_t count;
};

/* A link file's digest. RC_NOT_FOUND if it is missing, empty or not a digest: a crash
 * of the registry image can leave such a file, and it means nothing. */
enum rc link_get(struct store *s, const char *path, struct digest *out, struct fault *f) MUST_CHECK;
/* The same, and adds it to what an answer comes from, which may be NULL. */
enum rc link_get_origin(struct store *s, const struct path *path, struct digest *out,
                        struct origins *from, struct fault *f) MUST_CHECK;
/* The same, with the time of its pin. */
enum rc link_get_timed(struct store *s, const char *path, struct digest *out, time_t *modified,
                       struct fault *f) MUST_CHECK;
/* The same, telling a missing link, RC_NOT_FOUND, from one that is no digest,
 * RC_DIGEST_INVALID. */
enum rc link_read(struct tree *t, const char *path, struct digest *out, time_t *modified,
                  struct fault *f) MUST_CHECK;
enum rc link_put(struct store *s, const char *path, const struct digest *d,
                 struct fault *f) MUST_CHECK;
/* Call it for what was found before telling a client of something that rests on it: if others than
 * so many are just putting it there, its data and the link in this directory are synced. */
enum rc settle_put(struct store *s, struct path link_dir, const struct digest *d, unsigned own,
                   struct fault *f) MUST_CHECK;

/* Notes in a link's time that a client relies on it, or that it has been used. The time it has
 * now saves writing the same again. */
void link_promised(struct store *s, const char *path, time_t modified);
void link_used(struct store *s, const char *path);

/* What the data is like. RC_NOT_FOUND also for a file that is empty and should not be. */
enum rc data_stat(struct store *s, const struct digest *d, struct file_info *out,
                  struct fault *f) MUST_CHECK;
/* The same of an open file. */
enum rc data_check_length(struct store *s, const struct digest *d, uint64_t size) MUST_CHECK;
void data_suspect(struct store *s, const struct digest *d);

/* Manifests as they were asked for, to be answered again (manifest_get_again), and blobs that were
 * promised (blob_promise_again). */
void answers_init(struct memory *m, struct tree *t);
void answer_remember(struct store *s, struct name repo, const struct reference *ref,
                     const struct origins *from, const struct manifest *manifest);

/* from: the link, which says the digest that it has in its name, too. */
void answer_remember_promise(struct store *s, struct name repo, const struct digest *d,
                             struct origins *from);

/* A manifest's bytes, if they are what the digest says; else RC_NOT_FOUND. */
enum rc document_get(struct store *s, const struct digest *d, struct arena *a, struct span *out,
                     struct fault *f) MUST_CHECK;

/* Makes the directories that the registry image expects in every repository: without
 * _layers its v2, without _manifests and tags its v3 loses manifests in a collection. */
enum rc repo_prepare(struct store *s, struct name repo, struct fault *f) MUST_CHECK;
/* Does it have a manifest or an upload? */
enum rc repo_exists(struct store *s, struct span repo, bool *out, struct fault *f) MUST_CHECK;
/* The same for who must not wait, of one that was asked for before; false says nothing. */
bool repo_exists_again(struct store *s, struct span repo);

enum rc tag_put(struct store *s, struct name repo, struct tag tag, const struct digest *d,
                struct fault *f) MUST_CHECK;
/* RC_MANIFEST_UNKNOWN. */
enum rc tag_delete(struct store *s, struct name repo, struct tag tag, struct fault *f) MUST_CHECK;
struct lister;

/* Removes the tags that point at d, and lists them. */
enum rc tag_delete_all(struct store *s, struct name repo, const struct digest *d,
                       struct lister *gone, struct fault *f) MUST_CHECK;

/* Looks at a link and the data behind it. RC_NOT_FOUND, without words, if one is missing. from:
 * what the link is added to, or NULL. */
enum rc blob_find(struct store *s, struct name repo, const struct digest *d, struct blob *out,
                  struct origins *from, struct fault *f) MUST_CHECK;

/* Collects names for a list and cuts the page out of them. */
struct lister {
    struct arena *arena;
    struct span *items;
    size_t count, cap;
};
void lister_add(struct lister *l, struct span item); /* copies */
void lister_fini(struct lister *l);
/* Sorts, and copies the page's items into the arena. */
void lister_page(struct lister *l, const struct page *p, struct list *out);

#endif

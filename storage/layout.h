/* SPDX-License-Identifier: Apache-2.0
 *
 * layout: where everything is on the disk. The tree is drawn in layout.c.
 * Pure, any thread.
 */
#ifndef STORAGE_LAYOUT_H
#define STORAGE_LAYOUT_H

#include "storage/storage.h"

/* A path relative to the root directory. Everything valid fits: a name has 255
 * characters at most, a tag 128, a digest's hex 128. */
struct path {
    char s[1024];
};

struct path layout_blobs(void);
struct path layout_blobs_alg(enum digest_alg alg);
struct path layout_repositories(void);
struct path layout_run(void);       /* this server's own directory, for what is of now */
struct path layout_tree(void);      /* what both servers know */
struct path layout_run_probe(void); /* comes and goes, to see whether it can */
struct path layout_run_lock(void);  /* held by each process that works on the tree */
struct path layout_run_tags(void);  /* where tags are made and taken apart */
struct path layout_run_tag(const char *id);
struct path layout_no_repository(const char *id); /* among them, and nobody takes it for one */

struct path layout_blob(const struct digest *d); /* the data */
struct path layout_blob_dir(const struct digest *d);
struct path layout_blob_fan(const struct digest *d); /* the directory that holds blob_dir */

/* Where damaged data goes, the nth of a digest. */
struct path layout_quarantine(const struct digest *d, unsigned n);

struct path layout_repo(struct span repo); /* also of a name not yet known to be valid */
/* What a repository consists of; a directory that has one of them is a repository. */
enum repo_part { REPO_LAYERS, REPO_MANIFESTS, REPO_UPLOADS };
enum { REPO_PARTS = 3 };
struct path layout_repo_part(struct span repo, enum repo_part part);
struct path layout_repo_layers(struct name repo);
struct path layout_repo_tags(struct name repo);
struct path layout_repo_uploads(struct span repo);
struct path layout_repo_revisions_dir(struct span repo); /* all algorithms' */
struct path layout_repo_revisions(struct span repo, enum digest_alg alg);

struct path layout_layer(struct name repo, const struct digest *d); /* the directory */
struct path layout_layer_link(struct name repo, const struct digest *d);
struct path layout_revision(struct name repo, const struct digest *d); /* the directory */
struct path layout_revision_link(struct name repo, const struct digest *d);
struct path layout_tag(struct name repo, struct tag tag); /* the directory */
struct path layout_tag_current(struct name repo, struct tag tag);
struct path layout_tag_history(struct name repo, struct tag tag, enum digest_alg alg);
struct path layout_index_in(const char *dir, const struct digest *d); /* a tag's */
struct path layout_tag_index_dir(struct name repo, struct tag tag, const struct digest *d);
struct path layout_tag_index(struct name repo, struct tag tag, const struct digest *d);

struct path layout_upload(struct name repo, struct span id); /* the directory */
struct path layout_upload_data(struct name repo, struct span id);
struct path layout_upload_started(struct name repo, struct span id);
struct path layout_upload_states(struct name repo, struct span id); /* all algorithms' */
struct path layout_upload_hashes(struct name repo, struct span id, enum digest_alg alg);
struct path layout_upload_hash(struct name repo, struct span id, enum digest_alg alg,
                               uint64_t offset);

/* An entry, seen from its directory (dir_tree). */
struct path layout_entry(const char *entry);
/* path + "/" + entry, for walks. */
struct path layout_below(const char *dir, const char *entry);
/* Names that a walk over repositories meets beside nested repositories. */
bool layout_is_reserved(const char *entry);
/* Names of files that are being written, or that nobody has come to name. */
bool layout_is_temporary(const char *entry);
/* The file in a revision's or upload's directory without which it does not exist. */
struct path layout_link_in(const char *dir);
struct path layout_link_of(const char *dir, struct span entry); /* in dir/entry */
struct path layout_data_in(const char *dir);
struct path layout_current_in(const char *dir); /* a tag's */

#endif

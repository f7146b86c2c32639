/* SPDX-License-Identifier: Apache-2.0
 *
 * storage: repositories, blobs, uploads, manifests and tags on a disk.
 *
 * The only header of this folder that others include. It speaks in names and
 * digests; where that is on the disk is layout.c's alone.
 *
 * Ordinary blocking C. Every function may be called from any thread, at the
 * same time as any other; a handle (struct upload, struct blob) belongs to one
 * thread at a time. The disk is the truth, so that what changes by hand or by
 * another process is seen at once: what is remembered between calls is used only
 * if the times of the files that it came from are still the same (memory.h).
 *
 * A function that answers RC_OK after a change has put it on the disk: data
 * fsynced, renamed into place, directories fsynced.
 *
 * Outcomes that any function can have, not repeated below: RC_NO_SPACE, RC_EXHAUSTED, RC_IO.
 */
#ifndef STORAGE_STORAGE_H
#define STORAGE_STORAGE_H

#include "lib/arena.h"
#include "lib/digest.h"
#include "lib/name.h"
#include "lib/oci.h"
#include "lib/rc.h"

struct store;

/* Directories below the root, where an administrator may have put a link to another place; NULL
 * ends them. */
extern const char *const store_places[];

/* ---- Pins. ------------------------------------------------------------------------------
 *
 * A client that was told that something is there will build on it: a blob it has uploaded,
 * mounted or asked for (blob_promise), a manifest (manifest_put, manifest_promise). From then on
 * that is pinned in its repository: a collection leaves it alone
 *
 *   - until a manifest that needs it is accepted, or the manifest itself gets a tag; then for
 *     STORE_LINGER_MS more, or, while another push to the repository is under way, for the grace
 *     period: that one may have been told the same;
 *   - else until the grace period is over; while an upload in the repository is being written to,
 *     its time stands still.
 *
 * Pins are memory. What is left of them for the next process, or when there are too many, is
 * the link's time of modification: when it was last promised, or 1970 once it was used.
 * An operation on something that is being removed at this moment waits until that is over: as
 * long as one unlink takes.
 */
enum { STORE_LINGER_MS = 2000 };

/* Opens the tree below root, making what is missing. RC_IO if it cannot be used. */
enum rc store_open(const char *root, struct store **out, struct fault *f) MUST_CHECK;
void store_close(struct store *s);

/* Is the store of use? */
struct store_probe {
    bool readable;
    bool room_known;
    uint64_t free_bytes; /* for whoever may not use what is kept for the administrator */
    uint64_t total_bytes;
};
/* Looks at it and, with `writes`, puts a small file there for good and removes it again. Anything
 * but RC_OK says what it cannot be used for; out is written in any case. */
enum rc store_probe(struct store *s, bool writes, struct store_probe *out,
                    struct fault *f) MUST_CHECK;
/* Bytes that are free, and all that there are; cheap. RC_IO if the file system does not say. */
enum rc store_room(struct store *s, uint64_t *free_bytes, uint64_t *total,
                   struct fault *f) MUST_CHECK;

/* How often the store has worked on its files by their names, and how long each time took, in the
 * words and with the bounds of the registry image. What is done with an open file is not in it. */
enum { STORE_ACTIONS = 6, STORE_ACTION_BUCKETS = 11 };
struct store_action {
    const char *name;
    uint64_t buckets[STORE_ACTION_BUCKETS]; /* each without those below it */
    uint64_t count;
    double seconds;
};
extern const double store_action_bounds[STORE_ACTION_BUCKETS]; /* seconds */
void store_actions(struct store *s, struct store_action out[STORE_ACTIONS]);

/* ---- Blobs. A blob is seen through a repository that links it. -------------------------- */

/* An open blob. fd is at any offset; use pread or sendfile. */
struct blob {
    int fd;
    uint64_t size;
    struct digest digest; /* of the content: may differ from what was asked for, if
                             the registry image left an alias link */
};

/* RC_BLOB_UNKNOWN if the repository does not link it or its data is gone. */
enum rc blob_stat(struct store *s, struct name repo, const struct digest *d, struct blob *out,
                  struct fault *f) MUST_CHECK; /* out->fd is -1 */
/* The same, and pins it: for whoever will rely on the answer. */
enum rc blob_promise(struct store *s, struct name repo, const struct digest *d, struct blob *out,
                     struct fault *f) MUST_CHECK;
/* The same for who must not wait, such as the loop: one that was promised in this second before, if
 * nothing of it has changed, and the system can tell that without asking a disk. RC_NOT_FOUND says
 * nothing. */
enum rc blob_promise_again(struct store *s, struct name repo, const struct digest *d,
                           struct blob *out) MUST_CHECK; /* out->fd is -1 */
enum rc blob_open(struct store *s, struct name repo, const struct digest *d, struct blob *out,
                  struct fault *f) MUST_CHECK;
void blob_close(struct blob *b);
/* Takes away the repository's link; the data stays for the collection. RC_BLOB_UNKNOWN. */
enum rc blob_unlink(struct store *s, struct name repo, const struct digest *d,
                    struct fault *f) MUST_CHECK;
/* Links a blob of one repository in another. RC_BLOB_UNKNOWN if `from` does not have it. from
 * NULL: any repository's (distribution-spec, "Mounting a blob from another repository"). */
enum rc blob_mount(struct store *s, const struct name *from, struct name to, const struct digest *d,
                   struct fault *f) MUST_CHECK;

/* ---- Uploads. An upload outlives the connection and the process. ------------------------ */

struct upload;

struct upload_id {
    char s[UPLOAD_ID_LEN + 1];
};

/* Begins an empty upload and hands out its id. alg is what it will be hashed with as it
 * arrives; committing it under another one reads it once more. */
enum rc upload_begin(struct store *s, struct name repo, enum digest_alg alg, struct upload_id *out,
                     struct fault *f) MUST_CHECK;
/* Takes hold of it for writing. RC_UPLOAD_UNKNOWN; RC_UPLOAD_BUSY if someone else has it. */
enum rc upload_open(struct store *s, struct name repo, struct span id, struct upload **out,
                    struct fault *f) MUST_CHECK;
/* Bytes received so far, without taking hold. RC_UPLOAD_UNKNOWN. */
enum rc upload_size(struct store *s, struct name repo, struct span id, uint64_t *out,
                    struct fault *f) MUST_CHECK;
uint64_t upload_offset(const struct upload *u);
enum rc upload_append(struct upload *u, struct span bytes, struct fault *f) MUST_CHECK;
/* Back to what it was when it was opened: its room is others'. */
void upload_forget(struct upload *u);
/* Puts what was received on the disk, so that it can go on after a restart. If that fails it is
 * back to what was put there before. Until it is a blob it is not promised to outlive a crash of
 * the machine; if it does, it has at least these bytes. */
enum rc upload_sync(struct upload *u, struct fault *f) MUST_CHECK;
/* Makes it the blob d of its repository, and the upload is over. RC_DIGEST_INVALID if
 * the content is another, RC_NO_SPACE: then the upload is over too, and nothing of it stays. */
enum rc upload_commit(struct upload *u, const struct digest *d, struct fault *f) MUST_CHECK;
/* Lets go of it. What was received stays for a later upload_open. u may be NULL. */
void upload_close(struct upload *u);
/* Ends it, and nothing of it stays: for one that nobody was told of. u may be NULL. */
void upload_abandon(struct upload *u);
/* Ends it and removes what was received. RC_UPLOAD_UNKNOWN, RC_UPLOAD_BUSY. */
enum rc upload_cancel(struct store *s, struct name repo, struct span id,
                      struct fault *f) MUST_CHECK;

/* ---- Manifests and tags. ---------------------------------------------------------------- */

struct manifest {
    struct digest digest;
    const char *media_type; /* static */
    struct span bytes;      /* the arena's */
};

/* RC_MANIFEST_UNKNOWN for an unknown tag or digest, or if its data is gone. */
enum rc manifest_get(struct store *s, struct name repo, const struct reference *ref,
                     struct arena *a, struct manifest *out, struct fault *f) MUST_CHECK;

/* The same for who must not wait, such as the loop: one that was answered before, if nothing of it
 * has changed, and the system can tell that without asking a disk. RC_NOT_FOUND says nothing. What
 * has not changed is not looked at again in the same moment: the caller counts them, from 1
 * (server/pool.h). By one thread at a time. */
enum rc manifest_get_again(struct store *s, struct name repo, const struct reference *ref,
                           uint64_t moment, struct arena *a, struct manifest *out) MUST_CHECK;

/* The manifest that a tag points at. RC_MANIFEST_UNKNOWN. */
enum rc tag_get(struct store *s, struct name repo, struct tag tag, struct digest *out,
                struct fault *f) MUST_CHECK;

/* Pins the manifest, if it is there: for whoever will put it into an index. RC_MANIFEST_UNKNOWN. */
enum rc manifest_promise(struct store *s, struct name repo, const struct digest *d,
                         struct fault *f) MUST_CHECK;

/* What a client pushes. */
struct manifest_new {
    struct span bytes;
    struct digest digest;              /* of the bytes */
    const struct oci_manifest *parsed; /* of the bytes */
    const struct tag *tags;            /* to point at it, in this order */
    size_t tag_count;
};
/* Checks that what it refers to is in the repository, stores it, moves the tags.
 * RC_MANIFEST_BLOB_UNKNOWN, one fault item for each missing digest. */
enum rc manifest_put(struct store *s, struct name repo, const struct manifest_new *m,
                     struct fault *f) MUST_CHECK;
struct list;

/* By digest: the manifest and the tags that point at it. By tag: that tag alone. tags: those that
 * have gone, in the arena. RC_MANIFEST_UNKNOWN. */
enum rc manifest_delete(struct store *s, struct name repo, const struct reference *ref,
                        struct arena *a, struct list *tags, struct fault *f) MUST_CHECK;

/* ---- Referrers: manifests whose subject is another one. ------------------------- */

struct referrer {
    struct digest digest;
    const char *media_type; /* static */
    uint64_t size;
    struct span artifact_type; /* empty if it has none */
    struct span annotations;   /* a JSON object; empty if it has none */
};

struct referrers {
    struct referrer *items; /* the arena's, by digest */
    size_t count;
};

/* The repository's manifests that name d as their subject. That there are none, or no such
 * manifest, or no such repository, is an empty list and no failure. */
enum rc referrer_list(struct store *s, struct name repo, const struct digest *d, struct arena *a,
                      struct referrers *out, struct fault *f) MUST_CHECK;

/* ---- Lists, in byte order. -------------------------------------------------------------- */

/* Which part of a list: the first `limit` entries after `last`. */
struct page {
    struct span last; /* empty: from the start; need not exist */
    uint64_t limit;
};

struct list {
    struct span *items; /* the arena's */
    size_t count;
    bool more; /* there are entries after the last one */
};

/* RC_NAME_UNKNOWN if there is no such repository. */
enum rc tag_list(struct store *s, struct name repo, const struct page *p, struct arena *a,
                 struct list *out, struct fault *f) MUST_CHECK;
/* The same for who must not wait, such as the loop: a page that is not large, of tags that were
 * listed before and have not changed, if the system can tell that without asking a disk.
 * RC_NOT_FOUND says nothing. */
enum rc tag_list_again(struct store *s, struct name repo, const struct page *p, struct arena *a,
                       struct list *out) MUST_CHECK;
/* Repositories that have a manifest or an upload. */
enum rc repo_list(struct store *s, const struct page *p, struct arena *a, struct list *out,
                  struct fault *f) MUST_CHECK;

/* ---- For the collection (gc/): looking at everything. ----------------------------------- */

enum walk_kind {
    WALK_REPOS,     /* every directory that holds a repository's parts */
    WALK_MANIFESTS, /* of a repository, and so on */
    WALK_LAYERS,
    WALK_TAGS,
    WALK_UPLOADS,
    WALK_BLOBS,    /* the data, all repositories' */
    WALK_TEMPORARY /* files that are being written, or that a process has left that was killed */
};

enum found_state {
    FOUND,           /* all of it */
    FOUND_EMPTY,     /* a directory without the file that counts: nothing, for every client;
                        temporary: any directory */
    FOUND_BAD,       /* one thing that cannot be read; `why` says more */
    FOUND_UNREADABLE /* a directory, so that nobody knows what else there is; `why` says more */
};

struct found {
    enum found_state state;
    struct span name;     /* repository, tag, upload or temporary file; until the next call */
    struct digest digest; /* manifest, layer or blob, by the name of its place */
    bool has_digest;      /* false: the name is none */
    struct digest target; /* FOUND, tag: what the link says; layer: that, or what its name says if
                             that alone can be meant: then the link was not looked at */
    uint64_t size;        /* FOUND, blob */
    const char *why;      /* until the next call */
};

struct walk;

/* In no order. What comes or goes meanwhile may be seen or not. One entry a call, so that a
 * step is short however large the directory. repo is not looked at for repositories and blobs. */
struct walk *walk_begin(struct store *s, enum walk_kind kind, struct name repo);
bool walk_next(struct walk *w, struct found *out); /* false: there is no more */
void walk_end(struct walk *w);                     /* w may be NULL */

/* A manifest's document, whatever the repository. RC_MANIFEST_UNKNOWN: its data is gone;
 * RC_MANIFEST_INVALID: it is not what its digest says, or no manifest. */
enum rc manifest_read(struct store *s, const struct digest *d, struct arena *a,
                      struct oci_manifest *out, struct fault *f) MUST_CHECK;

/* Where things are, for people: "/docker/registry/v2/blobs/sha256/ab/abcd…". */
struct store_place {
    char s[1100];
};
struct store_place place_of_blob(const struct digest *d);
struct store_place place_of_quarantine(const struct digest *d, unsigned n);
struct store_place place_of_layer(struct name repo, const struct digest *d);
struct store_place place_of_manifest(struct name repo, const struct digest *d);

/* ---- For the collection: removing. ------------------------------------------------------
 *
 * The caller has found that nothing it has read needs a thing. These look for what a client has
 * been told or has pushed since collection_begin, and remove only what neither keeps.
 */

enum verdict {
    VERDICT_REMOVED,  /* with dry_run: would be */
    VERDICT_PINNED,   /* kept: a pin holds it, or it was used since collection_begin */
    VERDICT_SETTLING, /* kept: a pin holds it that ends in STORE_LINGER_MS */
    VERDICT_GONE      /* it was not there any more */
};

struct collection {
    uint64_t grace_ms;
    bool dry_run;
};

/* RC_GC_RUNNING if there is one already, in this process or in another on the same tree. */
enum rc collection_begin(struct store *s, const struct collection *c, struct fault *f) MUST_CHECK;
void collection_end(struct store *s);
/* Around each slice: a process that begins to work on the tree waits for its end. RC_GC_RUNNING if
 * one has begun since: what it has promised is not known here. */
enum rc collection_enter(struct store *s, struct fault *f) MUST_CHECK;
void collection_leave(struct store *s);

/* All of these within a slice. RC_DIGEST_INVALID: the link is no digest, and stays. */
enum rc collect_layer(struct store *s, struct name repo, const struct digest *d, enum verdict *out,
                      struct fault *f) MUST_CHECK;
/* The manifest's link, not its data. Call it for what reaches others before those: a client that
 * pushes an index keeps its children, if they are still there, and theirs. */
enum rc collect_manifest(struct store *s, struct name repo, const struct digest *d,
                         enum verdict *out, struct fault *f) MUST_CHECK;
/* The directory of a manifest whose link has gone. Not in a dry run. */
enum rc collect_manifest_rest(struct store *s, struct name repo, const struct digest *d,
                              struct fault *f) MUST_CHECK;
/* Manifests of the repository that were removed are gone for good: call it before anything that
 * they reached is removed. */
enum rc collect_manifests_end(struct store *s, struct name repo, struct fault *f) MUST_CHECK;
/* What the tag remembers of manifests that the repository has no longer. */
enum rc collect_history(struct store *s, struct name repo, struct tag tag,
                        struct fault *f) MUST_CHECK;
/* An upload that was begun age_ms ago and that nobody is writing to. */
enum rc collect_upload(struct store *s, struct name repo, struct span id, uint64_t age_ms,
                       enum verdict *out, struct fault *f) MUST_CHECK;
/* Empty directories in the repository; all of it, if it has nothing but those. */
enum rc collect_repo(struct store *s, struct name repo, enum verdict *out,
                     struct fault *f) MUST_CHECK;
/* The data, of so many bytes. */
enum rc collect_blob(struct store *s, const struct digest *d, uint64_t bytes, enum verdict *out,
                     struct fault *f) MUST_CHECK;
/* The directory that it shared with others, if it is empty: once for those that follow each
 * other. */
void collect_blob_end(struct store *s, const struct digest *d);
/* Have the pins ended that were about to when the collection began? Or is there no use in waiting,
 * because a client has been promised something since? */
bool collection_has_settled(struct store *s);

/* ---- For the verification (gc/): reading all data, and moving aside what is damaged. ----
 *
 * Data that is not what its digest says was damaged: by the disk, or by a crash of the registry
 * image. Manifests are compared with their digests each time they are read, and an empty file is
 * taken for nothing but the empty content; both are unknown then, and suspect. All else is found by
 * a verification. What it moves aside is unknown from then on, whatever a client was told before,
 * until somebody pushes it again: pushing always replaces what is there.
 */

/* Open data, whoever links it. */
struct data {
    struct digest digest;
    int fd;
    uint64_t size, inode;
};

struct digests {
    struct digest *items; /* the arena's, in the order of their bytes */
    size_t count;
};

/* The data there is whose digest is of this kind and begins with this byte. */
enum rc data_list(struct store *s, enum digest_alg alg, unsigned char first, struct arena *a,
                  struct digests *out, struct fault *f) MUST_CHECK;
/* RC_NOT_FOUND: it is not there. */
enum rc data_open(struct store *s, const struct digest *d, struct data *out,
                  struct fault *f) MUST_CHECK;
/* *got is less than n only at the end. What was not in the system's memory before is not there
 * afterwards: clients' files stay in it. offset is a multiple of n, and n one of 64 KiB. */
enum rc data_read(const struct data *d, uint64_t offset, char *p, size_t n, size_t *got,
                  struct fault *f) MUST_CHECK;
/* Has the next data_read come from the disk. */
void data_forget(const struct data *d);
void data_close(struct data *d);

/* Moves it aside, for good, if it is still what was opened: it becomes the *nth at
 * place_of_quarantine. VERDICT_PINNED: an operation is at work on it: ask again; VERDICT_GONE: it
 * is not there any more, or has been replaced. RC_GC_RUNNING: another process works on the tree. By
 * one thread at a time, and not during another's slice of a collection. */
enum rc data_set_aside(struct store *s, const struct data *d, enum verdict *out, unsigned *nth,
                       struct fault *f) MUST_CHECK;

/* Looks at a link of the repository and at what it leads to, as clients see it. RC_NOT_FOUND: there
 * is none; RC_DIGEST_INVALID: it is torn; RC_BLOB_UNKNOWN: it leads to nothing. */
enum rc layer_check(struct store *s, struct name repo, const struct digest *d,
                    struct fault *f) MUST_CHECK;
enum rc manifest_check(struct store *s, struct name repo, const struct digest *d,
                       struct fault *f) MUST_CHECK;

/* Removes what WALK_TEMPORARY has found. VERDICT_PINNED: somebody may still be writing it. */
enum rc temporary_remove(struct store *s, struct span name, enum verdict *out,
                         struct fault *f) MUST_CHECK;

/* Data that somebody has come across. Any thread; a few are remembered. */
bool data_next_suspect(struct store *s, struct digest *out); /* false: there is no new one */
bool data_has_suspects(struct store *s);
/* What was taken is clear of suspicion, or gone; one that is not is not suspected again. */
void data_settle_suspect(struct store *s, const struct digest *d);
/* What was taken and not settled is new again: there is hope for it now. */
void data_renew_suspects(struct store *s);

#endif

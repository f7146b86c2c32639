/* SPDX-License-Identifier: Apache-2.0
 *
 * scene: a store that is recorded, and what clients and collections do to it. The words are those
 * of shelf.h; here they also enter what the client was told.
 */
#ifndef TEST_CRASH_SCENE_H
#define TEST_CRASH_SCENE_H

#include "test/crash/replay.h"
#include "test/unit/gc/shelf.h"

struct scene {
    char top[48]; /* the root is a directory in it */
    struct shelf shelf;
    struct log log;
    struct ledger ledger;
    int from;   /* the first step that is of interest */
    bool quiet; /* a request that fails is no failure of the test */
};

void scene_init(struct scene *s);
void scene_fini(struct scene *s);
/* The machine crashes after each step of interest; then the scene is over. Fails the test if an
 * outcome is not good. */
void scene_crash(struct scene *s, const char *what);
/* The same with outcomes that other scenes have had, too; counts what it does in *sum. */
struct crash_sum {
    struct judged judged;
    unsigned sample; /* 0: as many as for a scene alone */
    unsigned every;  /* without CRASH=all; 0: after each step */
    unsigned scenes, crashes, outcomes, gone_on, uploads_lost;
};
void scene_crash_like(struct scene *s, const char *what, struct crash_sum *sum);
void crash_sum_tell(struct crash_sum *sum, const char *what);

/* CRASH=all */
bool crash_all(void);
/* TEST_SEED, or another one each time. */
unsigned crash_seed(void);

/* All that was done so far is on the disk for good, and no longer of interest. */
void scene_settle(struct scene *s);
/* Another process. */
void scene_restart(struct scene *s);
/* As if that had been hours ago. */
void scene_pass(struct scene *s);
/* From now on a collection may take the image's manifest (or NULL) and the blobs. */
void scene_doom(struct scene *s, const char *repo, const int *image, const int *blobs);

/* Each is one request, or as many as a client needs. */
void act_push(struct scene *s, const char *repo, int blob);
/* In pieces; its number in the ledger is the upload's. */
int act_begin(struct scene *s, const char *repo, int blob);
void act_piece(struct scene *s, int number, size_t n);
void act_commit(struct scene *s, int number);
void act_commit_wrongly(struct scene *s, int number);
void act_cancel(struct scene *s, int number);
void act_mount(struct scene *s, const char *from, const char *to, int blob); /* from NULL: any */
void act_delete_blob(struct scene *s, const char *repo, int blob);
enum rc act_head(struct scene *s, const char *repo, int blob);
enum rc act_head_manifest(struct scene *s, const char *repo, const int *blobs);

/* tag may be NULL. */
void act_put(struct scene *s, const char *repo, const char *tag, const int *blobs);
void act_image(struct scene *s, const char *repo, const char *tag, const int *blobs);
void act_index(struct scene *s, const char *repo, const char *tag, const int *const *children);
void act_referrer(struct scene *s, const char *repo, const int *subject, int blob);
/* Nothing that comes later takes its subject away. */
void scene_keep_referrer(struct scene *s, const char *repo, const int *subject, int blob);
void act_delete_tag(struct scene *s, const char *repo, const char *tag);
/* tags: those that point at it; ends with NULL. */
void act_delete(struct scene *s, const char *repo, const int *blobs, const char *const *tags);
#define TAGS(...) ((const char *const[]){__VA_ARGS__, NULL})

void act_collect(struct scene *s, bool delete_untagged);
/* Nobody did it; what is damaged is moved aside. */
void act_damage(struct scene *s, int blob);
void act_set_aside(struct scene *s, const char *repo, int blob);

#endif

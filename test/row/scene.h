/* SPDX-License-Identifier: Apache-2.0
 *
 * scene: a repository with content of its own, the requests that a client makes of it, and what
 * may be seen of it whatever has happened.
 */
#ifndef TEST_ROW_SCENE_H
#define TEST_ROW_SCENE_H

#include "test/row/harness.h"

enum { SCENE_LAYER = 3000, SCENE_CUT = 1000 };

struct scene {
    struct bench *bench;
    char repo[64];
    char location[512]; /* of an upload, if there is one */
    struct span layer;  /* the first SCENE_CUT bytes of it go first, where there are two parts */
    char *images[2];    /* manifests of the same blobs: the second has the first as subject */
    struct digest_text layer_digest, digests[2];
};

/* Content that no other seed has; nothing is pushed. */
void scene_init(struct scene *s, struct bench *b, unsigned seed);
void scene_fini(struct scene *s);

/* In "/v2/<repo>/<tail>", %s is the argument. */
struct answer scene_ask(struct scene *s, enum http_method m, const char *tail, const char *arg,
                        struct span body);
struct answer scene_put_image(struct scene *s, int image, const char *reference);

/* Each of these must succeed. */
void scene_begin(struct scene *s); /* an upload */
void scene_patch(struct scene *s, struct span bytes);
void scene_push_blobs(struct scene *s);
void scene_push_image(struct scene *s, int image, const char *tag);

/* Bytes that the upload has; -1: there is none. */
long scene_offset(struct scene *s);
/* Sends what is missing of the layer, or all of it anew if there is no such upload any more. */
void scene_complete_layer(struct scene *s);

/* What a GET says is there: 1; 404: 0. Anything else, and content that is not what it is called,
 * fails the test. */
int scene_has_layer(struct scene *s);
int scene_image_at(struct scene *s, const char *reference); /* which one; -1: none */

/* Two hours later: whatever nobody needs goes, abandoned uploads too. */
void scene_collect(struct bench *b);
/* Is it in the list of tags? */
bool scene_lists(struct scene *s, const char *tag);
/* As somebody does by hand: a repository, and those below it. */
void scene_remove(struct bench *b, const char *repo);

#endif

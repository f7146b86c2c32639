/* SPDX-License-Identifier: Apache-2.0
 *
 * shelf: a store in a temporary directory, with words for what clients and collections do to it.
 * A name of a blob is a number: its bytes follow from it. Anything that should not fail and does,
 * fails the test.
 */
#ifndef TEST_UNIT_GC_SHELF_H
#define TEST_UNIT_GC_SHELF_H

#include "gc/gc.h"
#include "storage/store.h"

struct shelf {
    char root[64];
    struct store *store;
    struct gc_options options; /* of shelf_collect; grace is an hour */
};

void shelf_init(struct shelf *s);
void shelf_fini(struct shelf *s);
/* The process ends and another one begins. */
void shelf_restart(struct shelf *s);
/* As if so much time had passed. */
void shelf_pass(struct shelf *s, uint64_t ms);
/* For cmocka. */
int shelf_setup(void **state);
int shelf_teardown(void **state);
#define SHELF_TEST(f) cmocka_unit_test_setup_teardown(f, shelf_setup, shelf_teardown)

struct name repo_named(const char *name);
struct reference by_tag(const char *tag);
struct reference by_digest(const struct digest *d);

/* The document of an image of these blobs: the first is the config. Ends with -1. */
struct digest image_json(char json[4096], const int *blobs);
struct digest index_digest(const struct digest *children, size_t n);
struct digest referrer_digest(const struct digest *subject, int blob);
struct span blob_bytes(int blob, char text[64]);
struct digest blob_digest(int blob);

/* What a client does; enum rc where the outcome is the test's question. */
enum rc put_blob(struct shelf *s, const char *repo, int blob);
struct digest push_blob(struct shelf *s, const char *repo, int blob);
/* Only the manifest: its blobs are there. tag may be NULL. */
enum rc put_image(struct shelf *s, const char *repo, const char *tag, const int *blobs);
/* Its blobs, then the manifest. */
struct digest push_image(struct shelf *s, const char *repo, const char *tag, const int *blobs);
#define IMAGE(...) ((const int[]){__VA_ARGS__, -1})
enum rc put_index(struct shelf *s, const char *repo, const char *tag, const struct digest *children,
                  size_t n, struct digest *out);
struct digest push_index(struct shelf *s, const char *repo, const char *tag,
                         const struct digest *children, size_t n);
/* An artifact of one blob, with a subject. */
enum rc put_referrer(struct shelf *s, const char *repo, const struct digest *subject, int blob,
                     struct digest *out);
struct digest push_referrer(struct shelf *s, const char *repo, const struct digest *subject,
                            int blob);
enum rc delete_reference(struct shelf *s, const char *repo, const struct reference *r);
void delete_tag(struct shelf *s, const char *repo, const char *tag);
void delete_manifest(struct shelf *s, const char *repo, const struct digest *d);
enum rc head_blob(struct shelf *s, const char *repo, int blob);
enum rc mount_blob(struct shelf *s, const char *from, const char *to, int blob);

/* What there is. */
bool has_blob(struct shelf *s, const char *repo, int blob); /* as a client sees it */
bool has_manifest(struct shelf *s, const char *repo, const struct digest *d);
/* The image is there, and each of its blobs. */
bool is_whole(struct shelf *s, const char *repo, const int *blobs);
bool has_data(struct shelf *s, const struct digest *d);
bool has_path(struct shelf *s, const char *below); /* docker/registry/v2 */
unsigned count_data(struct shelf *s);

/* A whole run with s->options; pauses are waited for by putting the clock ahead. */
struct gc_report shelf_collect(struct shelf *s);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * inspect: verifications of a shelf, and damage for them to find.
 */
#ifndef TEST_UNIT_GC_INSPECT_H
#define TEST_UNIT_GC_INSPECT_H

#include "gc/verify.h"
#include "test/unit/gc/shelf.h"

/* Everything, and damage is moved aside. */
extern const struct verify_options plain;

/* A whole one, in the smallest steps there are. The report has as many findings as lines. */
struct verify_report verify_with(struct shelf *s, const struct verify_options *o);
struct verify_report verify(struct shelf *s);

void assert_clean(const struct verify_report *r);
/* One finding has these words. */
void assert_found(const struct verify_report *r, const char *what, const char *reason);

struct where {
    char s[1200];
};
struct where path_of(struct shelf *s, const char *below); /* what a place_of… says */
struct where data_of(struct shelf *s, const struct digest *d);

/* A small file. The caller frees p. */
struct span read_whole(const char *path);
void write_whole(const char *path, struct span bytes);

enum damage { FLIPPED, SHORT, LONG, EMPTY, DAMAGES };
void damage(struct shelf *s, const struct digest *d, enum damage how);

#endif

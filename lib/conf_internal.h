/* SPDX-License-Identifier: Apache-2.0
 *
 * conf_internal: what conf's readers (ini, yaml, environment) share with its table.
 */
#ifndef LIB_CONF_INTERNAL_H
#define LIB_CONF_INTERNAL_H

#include "lib/buf.h"
#include "lib/conf.h"

/* Where a value stands, for messages and for precedence. */
struct conf_place {
    enum conf_source source;
    const char *name; /* file, variable or flag */
    size_t line;      /* 0: has none */
    struct span says; /* the key that the name already says: not repeated */
};

/* A scalar; null is one that says nothing, which is not the same as "". */
struct conf_text {
    struct span s;
    bool null;
};

/* conf.c */

/* The row of the key itself, else the nearest row above it that stands for all below. */
const struct conf_option *conf_find(const struct conf *c, struct span key);
/* The row whose key is this one when its underscores are taken for dots, or NULL. */
const struct conf_option *conf_find_spelled(const struct conf *c, struct span key);
/* Are there rows below the key? */
bool conf_is_section(const struct conf *c, struct span key);
/* Does the key belong to a CONF_MAP row? */
bool conf_is_free(const struct conf *c, struct span key);
enum rc conf_put(struct conf *c, const struct conf_place *at, struct span key,
                 struct conf_text text, struct fault *f) MUST_CHECK;
/* A mapping or a list stands at the key. */
enum rc conf_put_mapping(struct conf *c, const struct conf_place *at, struct span key,
                         struct fault *f) MUST_CHECK;
enum rc conf_put_list(struct conf *c, const struct conf_place *at, struct span key,
                      struct fault *f) MUST_CHECK;
/* "NAME:LINE: KEY: …" with what there is of these; key may be empty. */
enum rc conf_fail(const struct conf_place *at, struct span key, struct fault *f, const char *fmt,
                  ...) PRINTF_LIKE(4, 5);
void conf_warn_at(struct conf *c, const struct conf_place *at, struct span key, const char *fmt,
                  ...) PRINTF_LIKE(4, 5);

/* conf_map.c: key is what is below the row's */

/* A text that says nothing takes away what earlier sources gave. */
void conf_map_add(struct conf_map *m, struct arena *a, const struct conf_place *at, struct span key,
                  struct conf_text text);
/* Drops what lesser sources gave to the key and to what is below it. */
void conf_map_drop(struct conf_map *m, enum conf_source below, struct span key);

/* conf_value.c: text to value; false if it is none */

bool conf_to_size(struct span s, uint64_t *out);
bool conf_to_word(struct span s, const char *words, int *out);
/* "expected a duration such as …" */
void conf_add_expected(struct buf *b, const struct conf_option *o);

/* conf_ini.c, conf_yaml.c: a whole file */

enum rc conf_read_ini(struct conf *c, const char *name, struct span text,
                      struct fault *f) MUST_CHECK;
enum rc conf_read_yaml(struct conf *c, const char *name, struct span text,
                       struct fault *f) MUST_CHECK;
/* The value of the section `key`, as yaml. */
enum rc conf_read_yaml_section(struct conf *c, const struct conf_place *at, struct span key,
                               struct span text, struct fault *f) MUST_CHECK;
/* One scalar as yaml writes it, without its quotes; text that yaml reads as something
 * else ("[::1]:5000") stands for itself. The memory is out's. */
void conf_read_yaml_scalar(struct span text, struct buf *out, bool *null);

#endif

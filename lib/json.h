/* SPDX-License-Identifier: Apache-2.0
 *
 * json: is it what other readers take for JSON (RFC 8259), too? Asked before cJSON reads it, which
 * takes more than that, and goes as deep and becomes as large as its input says. Pure, any thread.
 */
#ifndef LIB_JSON_H
#define LIB_JSON_H

#include "lib/span.h"

enum { JSON_DEPTH_MAX = 64 }; /* the most that can be asked for */

/* One value and nothing else, with so many objects and arrays in each other and so many values in
 * all at most. False also for the character U+0000, where cJSON's strings would end. Bytes that are
 * not UTF-8 are let through, as by Go. */
bool json_is_sound(struct span text, unsigned depth_max, size_t values_max);

#endif

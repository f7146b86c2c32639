/* SPDX-License-Identifier: Apache-2.0
 *
 * base: the few words every file needs.
 */
#ifndef LIB_BASE_H
#define LIB_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr) - offsetof(type, member)))
#define array_len(a) (sizeof(a) / sizeof((a)[0]))

/* Heap memory that is never NULL: a small allocation that fails ends the process. */
void *must_alloc(size_t n);
void *must_calloc(size_t n);
void *must_realloc(void *p, size_t n);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * log: one line per event on stderr, as `time="…" level=info msg="…" key=value`
 * or as a JSON object, in the registry image's fields, or in those of logstash. The context of a
 * request is a prefix of ready-made fields, so that messages do not repeat it. Any thread: a line
 * is one write.
 */
#ifndef LIB_LOG_H
#define LIB_LOG_H

#include "lib/buf.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_TEXT, LOG_JSON, LOG_LOGSTASH };

/* Settings of the process; call from the loop thread. fd is borrowed. */
void log_setup(enum log_level level, enum log_format format, int fd);
bool log_enabled(enum log_level level);

/* A field of a line. An array of them ends with key NULL. */
struct log_field {
    const char *key;
    struct span value;
};

/* Fields of every line, after its own, until the next call; copied. NULL: none. */
void log_set_fields(const struct log_field *fields);

/* fields may be NULL. */
void log_line(enum log_level level, const struct log_field *fields, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

#define log_error(...) log_line(LOG_ERROR, NULL, __VA_ARGS__)
#define log_warn(...) log_line(LOG_WARN, NULL, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, NULL, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, NULL, __VA_ARGS__)

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * log: a line is put together in memory and leaves in one write. Nothing that a
 * client sends can end a line or a value early, or make a line long.
 */
#include "lib/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A value is cut at the first, a line gets no more fields after the second. */
enum { VALUE_MAX = 2048, LINE_MAX_BYTES = 16 * 1024 };

static struct {
    _Atomic(enum log_level) level;
    _Atomic(enum log_format) format;
    atomic_int fd;
    pthread_rwlock_t lock; /* for the fields: every line reads them */
    struct log_field *fields;
} settings = {
    .level = LOG_INFO, .format = LOG_TEXT, .fd = STDERR_FILENO, .lock = PTHREAD_RWLOCK_INITIALIZER};

void log_setup(enum log_level level, enum log_format format, int fd)
{
    settings.level = level;
    settings.format = format;
    settings.fd = fd;
}

static struct log_field *copy_fields(const struct log_field *fields)
{
    size_t count = 0, bytes = 0;
    for (const struct log_field *f = fields; f && f->key; f++, count++)
        bytes += strlen(f->key) + 1 + f->value.n;
    if (count == 0)
        return NULL;
    struct log_field *copy = must_calloc((count + 1) * sizeof(*copy) + bytes);
    char *text = (char *)(copy + count + 1);
    for (size_t i = 0; i < count; i++) {
        size_t n = strlen(fields[i].key) + 1;
        copy[i] = (struct log_field){memcpy(text, fields[i].key, n),
                                     span_from(text + n, fields[i].value.n)};
        memcpy(text + n, fields[i].value.p, fields[i].value.n);
        text += n + fields[i].value.n;
    }
    return copy;
}

void log_set_fields(const struct log_field *fields)
{
    struct log_field *fresh = copy_fields(fields);
    (void)pthread_rwlock_wrlock(&settings.lock);
    struct log_field *old = settings.fields;
    settings.fields = fresh;
    (void)pthread_rwlock_unlock(&settings.lock);
    free(old);
}

bool log_enabled(enum log_level level)
{
    return level <= settings.level;
}

static const char *level_name(enum log_level level)
{
    switch (level) {
    case LOG_ERROR:
        return "error";
    case LOG_WARN:
        return "warning";
    case LOG_INFO:
        return "info";
    case LOG_DEBUG:
        return "debug";
    }
    return "error";
}

/* Needs no quotes: the set of logrus, which the registry image logs with. */
static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && memchr("-._/@^+", c, 7));
}

/* Stands for itself between quotes. */
static bool is_quotable(char c)
{
    return c >= ' ' && c <= '~' && c != '"' && c != '\\';
}

/* How many there are at its beginning. */
static size_t count_all(bool (*is)(char), struct span s)
{
    size_t n = 0;
    while (n < s.n && is(s.p[n]))
        n++;
    return n;
}

static void add_escaped(struct buf *line, char c)
{
    if (c == '"' || c == '\\')
        buf_printf(line, "\\%c", c);
    else if (c == '\n')
        buf_add_str(line, "\\n");
    else
        buf_printf(line, "\\x%02x", (unsigned)(unsigned char)c);
}

static void add_quoted(struct buf *line, struct span s)
{
    buf_add_char(line, '"');
    while (s.n > 0) {
        size_t n = count_all(is_quotable, s);
        buf_add_span(line, span_head(s, n));
        if (n < s.n)
            add_escaped(line, s.p[n++]);
        s = span_skip(s, n);
    }
    buf_add_char(line, '"');
}

static void add_text(struct buf *line, const char *key, struct span value)
{
    if (line->n > 0)
        buf_add_char(line, ' ');
    buf_add_str(line, key);
    buf_add_char(line, '=');
    if (count_all(is_plain, value) == value.n)
        buf_add_span(line, value);
    else
        add_quoted(line, value);
}

static void add_json(struct buf *line, const char *key, struct span value)
{
    buf_add_str(line, line->n ? ",\"" : "{\"");
    buf_add_json(line, span_of(key));
    buf_add_str(line, "\":\"");
    buf_add_json(line, value);
    buf_add_char(line, '"');
}

static void add(struct buf *line, enum log_format format, const char *key, struct span value)
{
    value = span_head(value, VALUE_MAX);
    switch (format) {
    case LOG_TEXT:
        add_text(line, key, value);
        return;
    case LOG_JSON:
    case LOG_LOGSTASH:
        add_json(line, key, value);
        return;
    }
}

static void add_time(struct buf *line, enum log_format format)
{
    struct timespec now;
    struct tm tm;
    char text[40], fraction[16];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    size_t n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
    int m = snprintf(fraction, sizeof(fraction), ".%09ldZ", now.tv_nsec);
    memcpy(text + n, fraction, (size_t)m + 1);
    add(line, format, format == LOG_LOGSTASH ? "@timestamp" : "time", span_of(text));
}

static void add_fields(struct buf *line, enum log_format format, const struct log_field *fields)
{
    for (; fields && fields->key && line->n < LINE_MAX_BYTES; fields++)
        add(line, format, fields->key, fields->value);
}

static void add_all(struct buf *line, enum log_format format, enum log_level level,
                    struct span message, const struct log_field *fields)
{
    add_time(line, format);
    if (format == LOG_LOGSTASH)
        add(line, format, "@version", SPAN("1"));
    add(line, format, "level", span_of(level_name(level)));
    add(line, format, format == LOG_LOGSTASH ? "message" : "msg", message);
    add_fields(line, format, fields);
    (void)pthread_rwlock_rdlock(&settings.lock);
    add_fields(line, format, settings.fields);
    (void)pthread_rwlock_unlock(&settings.lock);
    buf_add_str(line, format == LOG_TEXT ? "\n" : "}\n");
}

void log_line(enum log_level level, const struct log_field *fields, const char *fmt, ...)
{
    if (!log_enabled(level))
        return;
    enum log_format format = settings.format;
    char message[VALUE_MAX + 1];
    va_list args;
    va_start(args, fmt);
    vsnprintf(message, sizeof(message), fmt, args);
    va_end(args);

    struct buf line;
    buf_init(&line);
    add_all(&line, format, level, span_of(message), fields);
    while (write(settings.fd, line.p, line.n) < 0 && errno == EINTR)
        ;
    buf_fini(&line);
}

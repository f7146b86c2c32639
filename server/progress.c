/* SPDX-License-Identifier: Apache-2.0
 *
 * progress: a carriage return, and what changes.
 */
#include "server/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "lib/log.h"

#define ERASE "\r\033[K"

void progress_init(struct progress *p)
{
    *p = (struct progress){.on = isatty(STDERR_FILENO) == 1};
}

struct progress_size progress_size(uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    const double step = 1024;
    struct progress_size size;
    double n = (double)bytes;
    size_t i = 0;
    while (n >= step && i + 1 < array_len(units)) {
        n /= step;
        i++;
    }
    (void)snprintf(size.s, sizeof(size.s), "%.1f %s", n, units[i]);
    return size;
}

void progress_draw(struct progress *p, const char *fmt, ...)
{
    va_list args;
    if (!p->on)
        return;
    (void)fputs(ERASE, stderr);
    va_start(args, fmt);
    (void)vfprintf(stderr, fmt, args);
    va_end(args);
    (void)fflush(stderr);
    p->drawn = true;
}

void progress_erase(struct progress *p)
{
    if (!p->drawn)
        return;
    (void)fputs(ERASE, stderr);
    (void)fflush(stderr);
    p->drawn = false;
}

void progress_line(struct progress *p, struct span line)
{
    progress_erase(p);
    if (line.n > 0 && line.p[0] == '\t') {
        (void)fflush(stdout);
        log_info("%.*s", SPAN_ARG(span_skip(line, 1)));
    } else {
        (void)printf("%.*s\n", SPAN_ARG(line));
    }
}

void progress_wait(unsigned ms)
{
    const unsigned second_ms = 1000;
    const long ms_ns = 1000L * 1000;
    struct timespec t = {.tv_sec = ms / second_ms, .tv_nsec = ms % second_ms * ms_ns};
    (void)nanosleep(&t, NULL);
}

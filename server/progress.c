/* SPDX-License-Identifier: Apache-2.0
 *
 * progress: a carriage return, and what changes.
 */
#include "server/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/log.h"

#define ERASE "\r\033[K"

void progress_init(struct progress *p)
{
    *p = (struct progress){.on = isatty(STDERR_FILENO) == 1};
}

static const char *unit_of(double *bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    const double step = 1024;
    size_t i = 0;
    while (*bytes >= step && i + 1 < array_len(units)) {
        *bytes /= step;
        i++;
    }
    return units[i];
}

void progress_draw(struct progress *p, const struct gc_report *r)
{
    double freed = (double)r->bytes_freed;
    if (!p->on)
        return;
    const char *unit = unit_of(&freed);
    (void)fprintf(
        stderr,
        ERASE "%s: %" PRIu64 " repositories, %" PRIu64 " blobs, %" PRIu64 " deleted, %.1f %s freed",
        gc_phase_name(r->phase), r->repositories, r->blobs, r->blobs_deleted, freed, unit);
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

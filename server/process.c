/* SPDX-License-Identifier: Apache-2.0
 *
 * process: proc(5), read.
 */
#include "server/process.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "server/metrics.h"

/* What counts in /proc/self/stat, by their numbers in proc(5). */
enum { STAT_UTIME = 14, STAT_STIME = 15, STAT_STARTTIME = 22, STAT_VSIZE = 23, STAT_RSS = 24 };
enum { STAT_FIRST = 3 /* behind the name, which may hold blanks */ };

static bool read_file(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    size_t n = fread(text, 1, size - 1, file);
    (void)fclose(file);
    text[n] = '\0';
    return n > 0;
}

/* The second at which the machine was started; 0: unknown. */
static uint64_t boot_time(void)
{
    char line[256];
    uint64_t seconds = 0;
    bool found = false;
    FILE *file = fopen("/proc/stat", "re");
    while (!found && file && fgets(line, sizeof(line), file)) {
        struct span word, rest;
        span_cut(span_head(span_of(line), strcspn(line, "\n")), ' ', &word, &rest);
        found = span_eq(word, SPAN("btime")) && span_to_u64(rest, &seconds);
    }
    if (file)
        (void)fclose(file);
    return seconds;
}

static bool read_stat(uint64_t values[STAT_RSS + 1])
{
    char text[1024];
    struct span word, rest;
    if (!read_file("/proc/self/stat", text, sizeof(text)))
        return false;
    const char *behind = strrchr(text, ')');
    if (!behind)
        return false;
    rest = span_trim(span_of(behind + 1));
    for (size_t i = STAT_FIRST; i <= STAT_RSS; i++) {
        span_cut(rest, ' ', &word, &rest);
        values[i] = 0;
        if (!span_to_u64(word, &values[i]))
            values[i] = 0; /* the state's letter, and what may be negative */
    }
    return true;
}

static void add_stat(struct buf *b)
{
    uint64_t values[STAT_RSS + 1];
    double ticks = (double)sysconf(_SC_CLK_TCK);
    uint64_t boot = boot_time();
    if (!read_stat(values))
        return;
    metrics_add(b, "process_cpu_seconds_total", "counter", "Time on processors.",
                (double)(values[STAT_UTIME] + values[STAT_STIME]) / ticks);
    metrics_add(b, "process_resident_memory_bytes", "gauge", "Memory in use.",
                (double)values[STAT_RSS] * (double)sysconf(_SC_PAGESIZE));
    metrics_add(b, "process_virtual_memory_bytes", "gauge", "Addresses in use.",
                (double)values[STAT_VSIZE]);
    if (boot > 0)
        metrics_add(b, "process_start_time_seconds", "gauge", "When it was started.",
                    (double)boot + (double)values[STAT_STARTTIME] / ticks);
}

static void add_limit(struct buf *b)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) == 0)
        metrics_add(b, "process_virtual_memory_max_bytes", "gauge", "Addresses that it may have.",
                    (double)limit.rlim_cur);
}

static void add_descriptors(struct buf *b)
{
    struct rlimit limit;
    size_t n = 0;
    DIR *dir = opendir("/proc/self/fd");
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        metrics_add(b, "process_max_fds", "gauge", "File descriptors that it may have.",
                    (double)limit.rlim_cur);
    if (!dir)
        return;
    while (readdir(dir))
        n++;
    (void)closedir(dir);
    enum { NOT_ITS = 3 }; /* ".", "..", and this look's own */
    metrics_add(b, "process_open_fds", "gauge", "File descriptors that it has.",
                n > NOT_ITS ? (double)(n - NOT_ITS) : 0);
}

void process_metrics(struct buf *b)
{
    add_stat(b);
    add_limit(b);
    add_descriptors(b);
}

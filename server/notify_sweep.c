/* SPDX-License-Identifier: Apache-2.0
 *
 * notify_sweep: the age of a queue is its directory's.
 */
#include "server/notify_sweep.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/log.h"
#include "server/notify_sink.h"

enum { KEPT_SECONDS = 7 * 24 * 3600 };

static bool is_used(const struct notify_config *c, const char *name)
{
    bool used = false;
    for (const struct notify_target *t = c->targets; t && !used; t = t->next) {
        char *directory = sink_directory(c, t->name);
        used = strcmp(strrchr(directory, '/') + 1, name) == 0;
        free(directory);
    }
    return used;
}

static void remove_queue(int parent, const char *name)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d))
        (void)unlinkat(fd, e->d_name, 0);
    if (d)
        (void)closedir(d);
    if (unlinkat(parent, name, AT_REMOVEDIR) == 0)
        log_info("notifications: %s: not used for a week: its events are removed", name);
}

void notify_sweep(const struct notify_config *c)
{
    DIR *d = opendir(c->directory);
    struct stat st;
    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
        if (e->d_name[0] == '.' || is_used(c, e->d_name))
            continue;
        if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode) &&
            st.st_mtime < time(NULL) - KEPT_SECONDS)
            remove_queue(dirfd(d), e->d_name);
    }
    if (d)
        (void)closedir(d);
}

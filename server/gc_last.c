/* SPDX-License-Identifier: Apache-2.0
 *
 * gc_last: written beside, then renamed.
 */
#include "server/gc_last.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { TEXT_MAX = 128 << 10, PATH_MAX_BYTES = 4096 };

static void path_below(const char *root, const char *name, char out[PATH_MAX_BYTES])
{
    (void)snprintf(out, PATH_MAX_BYTES, "%s/run/%s", root, name);
}

static bool is_object(const char *text)
{
    cJSON *root = cJSON_Parse(text);
    bool object = cJSON_IsObject(root);
    cJSON_Delete(root);
    return object;
}

char *gc_last_read(const char *root)
{
    char path[PATH_MAX_BYTES];
    path_below(root, "gc.last", path);
    FILE *f = fopen(path, "re");
    if (!f)
        return NULL;
    char *text = must_calloc(TEXT_MAX + 1);
    size_t n = fread(text, 1, TEXT_MAX, f);
    (void)fclose(f);
    text[n] = '\0';
    if (is_object(text))
        return text;
    free(text);
    return NULL;
}

static bool write_text(const char *path, const struct gc_report *r)
{
    struct buf b;
    FILE *f = fopen(path, "we");
    if (!f)
        return false;
    buf_init(&b);
    gc_report_print(r, &b);
    bool written = fwrite(b.p, 1, b.n, f) == b.n;
    buf_fini(&b);
    return fclose(f) == 0 && written;
}

void gc_last_write(const char *root, const struct gc_report *r)
{
    char path[PATH_MAX_BYTES], beside[PATH_MAX_BYTES];
    path_below(root, "gc.last", path);
    path_below(root, "gc.last.new", beside);
    if (!write_text(beside, r) || rename(beside, path) != 0)
        (void)unlink(beside);
}

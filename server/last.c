/* SPDX-License-Identifier: Apache-2.0
 *
 * last: written beside, then renamed.
 */
#include "server/last.h"

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

char *last_read(const char *root, const char *name)
{
    char path[PATH_MAX_BYTES];
    path_below(root, name, path);
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

static bool write_text(const char *path, struct span json)
{
    FILE *f = fopen(path, "we");
    if (!f)
        return false;
    bool written = fwrite(json.p, 1, json.n, f) == json.n;
    return fclose(f) == 0 && written;
}

void last_write(const char *root, const char *name, struct span json)
{
    char path[PATH_MAX_BYTES], beside[PATH_MAX_BYTES + sizeof(".new")];
    path_below(root, name, path);
    (void)snprintf(beside, sizeof(beside), "%s.new", path);
    if (!write_text(beside, json) || rename(beside, path) != 0)
        (void)unlink(beside);
}

void last_remove(const char *root, const char *name)
{
    char path[PATH_MAX_BYTES];
    path_below(root, name, path);
    (void)unlink(path);
}

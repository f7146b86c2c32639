/* SPDX-License-Identifier: Apache-2.0
 *
 * replay: the inputs of a corpus, one after the other, for trees that have no libFuzzer.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/buf.h"
#include "test/fuzz/fuzz.h"

static int is_file(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

static void read_file(const char *path, struct buf *b)
{
    char piece[4096];
    size_t n;
    FILE *file = fopen(path, "rbe");
    HOLDS(file != NULL);
    while ((n = fread(piece, 1, sizeof(piece), file)) > 0)
        buf_add(b, piece, n);
    HOLDS(!ferror(file));
    (void)fclose(file);
}

/* The last path printed is that of the input that fails. */
static void replay(const char *directory, const char *name)
{
    char path[1024];
    struct buf b;
    buf_init(&b);
    HOLDS(snprintf(path, sizeof(path), "%s/%s", directory, name) < (int)sizeof(path));
    (void)fprintf(stderr, "%s\n", path);
    read_file(path, &b);
    struct span copy = copy_new(buf_span(&b));
    (void)LLVMFuzzerTestOneInput((const uint8_t *)copy.p, copy.n);
    copy_free(copy);
    buf_fini(&b);
}

int main(int argc, char **argv)
{
    struct dirent **names;
    int count = argc == 2 ? scandir(argv[1], &names, is_file, alphasort) : 0;
    HOLDS(count > 0);
    for (int i = 0; i < count; i++) {
        replay(argv[1], names[i]->d_name);
        free(names[i]);
    }
    free(names);
    return EXIT_SUCCESS;
}

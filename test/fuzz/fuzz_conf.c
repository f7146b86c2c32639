/* SPDX-License-Identifier: Apache-2.0
 *
 * Options in ini, in yaml and in the environment: what is said about them is one line, values are
 * what they are printed as, and secrets are told to nobody.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/conf_internal.h"
#include "server/config.h"
#include "server/notify_config.h"
#include "test/fuzz/fuzz.h"

enum { ENV_MAX = 16 };

#define SECRET "3x7qk0vz"

/* A file, which has no name but its content and an ending, and variables. */
struct sources {
    struct span text;
    const char *name; /* as it is called in messages; NULL: the way by config_load */
    char path[32];    /* for config_load */
    char *env[ENV_MAX + 3];
    size_t env_count;
};

static void check_line(const char *text)
{
    HOLDS(text[0] != '\0' && is_one_line(span_of(text)));
}

static void check_fault(enum rc rc, const struct fault *f)
{
    HOLDS(rc == RC_INTERNAL && f->count == 1);
    check_line(f->first->detail);
}

/* Each value again from its own text, into options that are otherwise as they were. */
static void check_values(const struct config *loaded)
{
    struct config again;
    struct conf *conf = conf_new(config_table, config_table_count, &again);
    for (const struct conf_option *o = config_table; o < config_table + config_table_count; o++) {
        struct buf text;
        if (o->type == CONF_MAP || o->type == CONF_LATER || o->type == CONF_REFUSED ||
            conf_same(o, &again, loaded))
            continue;
        buf_init(&text);
        buf_add_str(&text, "");
        conf_add_value(&text, o, loaded);
        HOLDS(conf_set(conf, CONF_FROM_FLAG, "--x", span_of(o->key), buf_span(&text), NULL) ==
              RC_OK);
        HOLDS(conf_same(o, &again, loaded));
        buf_fini(&text);
    }
    conf_free(conf);
}

static void check_warnings(const struct conf *conf)
{
    for (size_t i = 0; conf_warning(conf, i); i++)
        check_line(conf_warning(conf, i));
}

/* By the readers alone, with a name that says what it is. */
static void read_named(const struct sources *s, struct fault *f)
{
    static struct config config, same; /* apart from what conf fills, they stay zero */
    struct conf *a = conf_new(config_table, config_table_count, &config);
    struct conf *b = conf_new(config_table, config_table_count, &same);
    enum rc rc = conf_load_file(a, s->name, s->text, f);
    HOLDS(conf_load_file(b, s->name, s->text, NULL) == rc);
    if (rc == RC_OK) {
        rc = conf_load_env(a, s->env, f);
        HOLDS(conf_load_env(b, s->env, NULL) == rc);
    }
    check_warnings(a);
    if (rc != RC_OK)
        check_fault(rc, f);
    else
        check_values(&config);
    for (const struct conf_option *o = config_table; o < config_table + config_table_count; o++)
        HOLDS(conf_same(o, &config, &same));
    conf_free(a);
    conf_free(b);
}

static enum rc load(const struct sources *s, struct config **out, struct fault *f)
{
    struct config_sources from = {.path = s->path, .env = s->env};
    return config_load(&from, out, f);
}

static void check_effective(struct config *c, bool has_secret)
{
    struct buf b;
    buf_init(&b);
    config_add_effective(&b, c);
    for (struct span line, rest = buf_span(&b); rest.n > 0;) {
        span_cut(rest, '\n', &line, &rest);
        HOLDS(is_one_line(line) && memmem(line.p, line.n, " = ", 3));
    }
    HOLDS(!has_secret || !memmem(b.p, b.n, SECRET, strlen(SECRET)));
    buf_fini(&b);
}

/* All of it, as the server does it. */
static void read_all(const struct sources *s, struct fault *f, bool has_secret)
{
    struct config *config = NULL;
    enum rc rc = load(s, &config, f);
    if (rc == RC_OK) {
        check_values(config);
        check_effective(config, has_secret);
        check_warnings(config->conf);
        rc = notify_config_check(config, f);
        for (size_t i = 0; has_secret && conf_warning(config->conf, i); i++)
            HOLDS(!strstr(conf_warning(config->conf, i), SECRET));
    }
    if (rc != RC_OK)
        check_fault(rc, f);
    HOLDS(rc == RC_OK || !has_secret || !strstr(f->first->detail, SECRET));
    config_free(config);
}

static void open_file(struct sources *s)
{
    int fd = memfd_create("options", MFD_CLOEXEC);
    HOLDS(fd >= 0 && write(fd, s->text.p, s->text.n) == (ssize_t)s->text.n);
    (void)snprintf(s->path, sizeof(s->path), "/proc/self/fd/%d", fd);
}

static void close_file(const struct sources *s)
{
    (void)close(atoi(s->path + strlen("/proc/self/fd/")));
}

static void run(struct sources *s, struct arena *a, bool has_secret)
{
    struct fault f;
    fault_init(&f, a);
    if (s->name)
        read_named(s, &f);
    fault_init(&f, a);
    open_file(s);
    read_all(s, &f, has_secret);
    close_file(s);
}

/* A byte: what the file is called. Then the file, a line with "===", and a line a variable. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {NULL, "f.ini", "f.yml", "f"};
    static const char secrets[] = "REGISTRY_HTTP_SECRET=" SECRET;
    static const char targets[] =
        "REGISTRY_NOTIFICATIONS_ENDPOINTS=[{name: a, url: 'http://u:" SECRET
        "@h', headers: {Authorization: [" SECRET "]}}]";
    struct span in = span_from(data, size);
    bool has_secret = size > 0 && !memmem(data, size, SECRET, strlen(SECRET));
    struct sources s = {.name = names[take_byte(&in) % array_len(names)]};
    struct arena a;
    arena_init(&a);
    s.text = copy_new(take_part(&in));
    while (in.n > 0 && s.env_count < ENV_MAX)
        s.env[s.env_count++] = arena_str(&a, take_line(&in));
    run(&s, &a, false);
    s.env[s.env_count++] = arena_str(&a, span_of(secrets));
    s.env[s.env_count] = arena_str(&a, span_of(targets));
    run(&s, &a, has_secret);
    copy_free(s.text);
    arena_fini(&a);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox: a ruleset of Landlock's, a rule for each place.
 */
#include "server/sandbox.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <openssl/conf.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "lib/arena.h"
#include "storage/storage.h"

/* Of later kernels than the headers may be. */
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif
#ifndef LANDLOCK_ACCESS_FS_IOCTL_DEV
#define LANDLOCK_ACCESS_FS_IOCTL_DEV (1ULL << 15)
#endif

/* The first that lets a file be renamed from one directory into another. */
enum { ABI_LEAST = 2, ABI_TRUNCATE = 3, ABI_IOCTL_DEV = 5 };

#define ON_FILES                                                                                   \
    (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE |   \
     LANDLOCK_ACCESS_FS_TRUNCATE | LANDLOCK_ACCESS_FS_IOCTL_DEV)
#define TO_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define TO_WRITE                                                                                   \
    (TO_READ | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE |                       \
     LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |                              \
     LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |    \
     LANDLOCK_ACCESS_FS_REFER)

/* A socket is made, and removed at the end. */
#define TO_LISTEN (LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_REMOVE_FILE)

/* What the C library, the TLS library and the metrics read at any time, and the loader for libcurl
 * (notify_curl.h). */
static const char *const of_the_system[] = {
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/ld.so.cache",
    "/etc/crypto-policies",
    "/etc/ssl/certs",
    "/etc/pki/tls",
    "/usr/share/ca-certificates",
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/proc/self",
    "/proc/stat",
    "/proc/meminfo",
    "/dev/null",
};

struct sandbox {
    int rules;        /* a descriptor */
    uint64_t handled; /* what is forbidden unless a rule allows it */
    bool broken;      /* a rule could not be made */
    struct arena arena;
};

static long create_ruleset(const struct landlock_ruleset_attr *attr, size_t size, unsigned flags)
{
    return syscall(SYS_landlock_create_ruleset, attr, size, flags);
}

/* What is not there needs no rule. */
static void allow(struct sandbox *s, const char *path, uint64_t rights)
{
    struct stat st;
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return;
    if (fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode))
        rights &= ON_FILES;
    struct landlock_path_beneath_attr rule = {.allowed_access = rights & s->handled,
                                              .parent_fd = fd};
    if (syscall(SYS_landlock_add_rule, s->rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0U) != 0)
        s->broken = true;
    (void)close(fd);
}

/* "." for a name alone; empty for what is in "/". */
static const char *directory_of(struct sandbox *s, const char *path)
{
    struct span directory, name;
    if (!span_cut_last(span_of(path), '/', &directory, &name))
        return ".";
    return arena_str(&s->arena, directory);
}

/* The directory that a file is in; the file itself where that is all there is. */
static void allow_beside(struct sandbox *s, const char *path, uint64_t rights)
{
    const char *directory = directory_of(s, path);
    allow(s, directory[0] ? directory : path, rights);
}

/* The directory of a socket is made if it is not there. */
static void allow_socket(struct sandbox *s, const char *path)
{
    const char *directory = directory_of(s, path);
    if (access(directory, F_OK) == 0)
        allow(s, directory, TO_LISTEN);
    else
        allow_beside(s, directory, TO_LISTEN | LANDLOCK_ACCESS_FS_MAKE_DIR);
}

static void allow_server(struct sandbox *s, const struct config *c)
{
    const char *webhooks = getenv("SSL_CERT_FILE"); /* curl's */
    char *tls = CONF_get1_default_config_file();    /* read when TLS is first used */
    allow(s, c->root_directory, TO_WRITE);
    for (const char *const *place = store_places; *place; place++) /* they may be links */
        allow(s, arena_printf(&s->arena, "%s/%s", c->root_directory, *place), TO_WRITE);
    allow_socket(s, c->admin_socket);
    for (size_t i = 0; i < array_len(of_the_system); i++)
        allow(s, of_the_system[i], TO_READ);
    if (webhooks)
        allow(s, webhooks, TO_READ);
    if (tls)
        allow(s, tls, TO_READ);
    OPENSSL_free(tls);
}

static long abi_version(void)
{
    return create_ruleset(NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

static uint64_t handled_by(long abi)
{
    uint64_t handled = (LANDLOCK_ACCESS_FS_REFER << 1) - 1; /* it, and all that were before it */
    if (abi >= ABI_TRUNCATE)
        handled |= LANDLOCK_ACCESS_FS_TRUNCATE;
    if (abi >= ABI_IOCTL_DEV)
        handled |= LANDLOCK_ACCESS_FS_IOCTL_DEV;
    return handled;
}

/* From there on there is no way back. c NULL: the keeper's. */
static bool enter(const struct config *c)
{
    struct sandbox s = {.handled = handled_by(abi_version())};
    struct landlock_ruleset_attr attr = {.handled_access_fs = s.handled};
    s.rules = (int)create_ruleset(&attr, sizeof(attr.handled_access_fs), 0);
    if (s.rules < 0)
        return false;
    arena_init(&s.arena);
    if (c)
        allow_server(&s, c);
    else
        allow(&s, "/", TO_READ);
    bool entered = !s.broken && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
                   syscall(SYS_landlock_restrict_self, s.rules, 0U) == 0;
    arena_fini(&s.arena);
    (void)close(s.rules);
    return entered;
}

bool sandbox_is_there(void)
{
    return abi_version() >= ABI_LEAST;
}

bool sandbox_enter(const struct config *c)
{
    tzset(); /* reads a file */
    return enter(c);
}

bool sandbox_reader(void)
{
    return enter(NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * cli: the command line, as a value. Pure.
 */
#ifndef SERVER_CLI_H
#define SERVER_CLI_H

#include "lib/buf.h"
#include "lib/rc.h"
#include "server/config.h"

/* The build says which; for `--version`: main.c prints CLI_VERSION_TEXT. */
#ifndef REGISTRY_VERSION
#define REGISTRY_VERSION "dev"
#endif
#define CLI_VERSION_TEXT "registry " REGISTRY_VERSION

enum cli_command {
    CLI_SERVE,
    CLI_COLLECT,
    CLI_VERIFY,
    CLI_CHECK,    /* check-config */
    CLI_HTPASSWD, /* a line for an htpasswd file */
    CLI_HEALTH,   /* healthcheck */
    CLI_VERSION,
    CLI_HELP,
    CLI_REFERENCE /* help options */
};

/* Exit statuses of verify, beside EXIT_SUCCESS. */
enum { CLI_FINDINGS = 1, CLI_NOT_VERIFIED = 2 };

enum { CLI_FLAGS_MAX = 64, CLI_COST_MIN = 4, CLI_COST = 10, CLI_COST_MAX = 17 };

/* A flag that is not given leaves the decision to the configuration. */
enum cli_choice { CLI_UNSAID, CLI_YES, CLI_NO };

struct cli {
    enum cli_command command;
    const char *operand; /* the configuration's file, CLI_HTPASSWD: the user; NULL; argv's memory */
    struct config_flag flags[CLI_FLAGS_MAX]; /* options; not for CLI_HTPASSWD */
    size_t flag_count;
    bool dry_run, quiet; /* CLI_COLLECT, CLI_VERIFY */
    enum cli_choice delete_untagged;
    unsigned cost; /* CLI_HTPASSWD: of bcrypt */
};

/* argv ends in NULL. No command at all is CLI_HELP. RC_UNSUPPORTED for what is not understood: the
 * caller prints the fault and the usage on stderr, and exits with cli_failure. (The registry image
 * exits with 0 there, which scripts cannot rely on.) */
enum rc cli_parse(int argc, char *const *argv, struct cli *out, struct fault *f) MUST_CHECK;
/* The exit status of a command that could not be tried; NULL: of none. */
int cli_failure(const char *command);

/* A few lines: the commands. */
void cli_add_usage(struct buf *b);

#endif

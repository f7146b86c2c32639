/* SPDX-License-Identifier: Apache-2.0
 *
 * main: puts the pieces together: arguments → settings → store → listen → run →
 * ordered shutdown.
 */
#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/log.h"
#include "server/cli.h"
#include "server/collect.h"
#include "server/healthcheck.h"
#include "server/htpasswd.h"
#include "server/keeper.h"
#include "server/listen.h"
#include "server/logs.h"
#include "server/sandbox.h"
#include "server/server.h"
#include "server/settings.h"
#include "server/verify_command.h"

static void print_fault(FILE *to, const char *what, const struct fault *f)
{
    for (const struct fault_item *i = f->first; i; i = i->next)
        (void)fprintf(to, "%s%s\n", what, i->detail ? i->detail : rc_name(i->rc));
}

/* What add makes, printed. */
static void print(FILE *to, void (*add)(struct buf *b))
{
    struct buf b;
    buf_init(&b);
    add(&b);
    (void)fputs(b.p, to);
    buf_fini(&b);
}

static int help(void)
{
    print(stdout, cli_add_usage);
    (void)putchar('\n');
    print(stdout, config_add_help);
    return EXIT_SUCCESS;
}

static struct config_sources sources_of(const struct cli *cli)
{
    return (struct config_sources){
        .path = cli->operand, .env = environ, .flags = cli->flags, .flag_count = cli->flag_count};
}

static enum rc load(const struct cli *cli, struct config **config, struct fault *f)
{
    struct config_sources from = sources_of(cli);
    enum rc rc = config_load(&from, config, f);
    if (rc != RC_OK)
        print_fault(stderr, "configuration error: ", f);
    return rc;
}

static void log_start(const struct config *config, const struct server *s)
{
    log_info("%s: data in %s", CLI_VERSION_TEXT, config->root_directory);
    for (size_t i = 0; conf_warning(config->conf, i); i++)
        log_warn("%s", conf_warning(config->conf, i));
    for (const struct listener *l = listener_next(s, NULL); l; l = listener_next(s, l))
        listener_log(l);
}

/* A connection is a descriptor, and the usual limit of 1024 is meant for select(). */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* A command that works on the store; failure: its exit status if it cannot even be tried. */
static int on_store(int (*command)(const struct cli *cli, const struct config *config),
                    const struct cli *cli, int failure, struct fault *f)
{
    struct config *config = NULL;
    struct config_sources from = sources_of(cli);
    if (!config_file_of(&from)) {
        (void)fputs("configuration error: configuration path unspecified\n", stderr);
        print(stderr, cli_add_usage);
        return failure;
    }
    if (load(cli, &config, f) != RC_OK)
        return failure;
    log_setup(LOG_INFO, (enum log_format)config->log_format, STDERR_FILENO);
    int status = command(cli, config);
    config_free(config);
    return status;
}

/* All that a start would look at, but for addresses and the store. Errors as they are, so that an
 * editor finds the line. */
static int check(const struct cli *cli, struct fault *f)
{
    struct config_sources from = sources_of(cli);
    struct settings *settings = NULL;
    struct buf b;
    if (settings_load(&from, &settings, f) != RC_OK) {
        print_fault(stderr, "", f);
        return EXIT_FAILURE;
    }
    const struct config *config = settings->config;
    buf_init(&b);
    config_add_effective(&b, config);
    (void)fputs(b.p, stdout);
    buf_fini(&b);
    for (size_t i = 0; conf_warning(config->conf, i); i++)
        (void)fprintf(stderr, "warning: %s\n", conf_warning(config->conf, i));
    settings_drop(settings);
    return EXIT_SUCCESS;
}

static int healthcheck(const struct cli *cli, struct fault *f)
{
    struct config *config = NULL;
    if (load(cli, &config, f) != RC_OK)
        return EXIT_FAILURE;
    int status = healthcheck_command(config);
    config_free(config);
    return status;
}

static bool go_into_sandbox(const struct config *config, const struct keeper *keeper)
{
    if (!config->sandbox_enabled)
        return false;
    if (keeper && sandbox_enter(config)) {
        log_info("in a sandbox: nothing but the data is in reach");
        return true;
    }
    if (sandbox_is_there())
        log_warn("not in a sandbox: %s", strerror(errno));
    else
        log_info("not in a sandbox: this kernel has none, or keeps it from this container");
    return false;
}

static int serve(const struct cli *cli, struct fault *f)
{
    struct settings *settings = NULL;
    struct store *store = NULL;
    struct server server;
    struct config_sources from = sources_of(cli);
    struct keeper *keeper = NULL;
    if (settings_load(&from, &settings, f) != RC_OK) {
        print_fault(stderr, "configuration error: ", f);
        return EXIT_FAILURE;
    }
    const struct config *config = settings->config;
    logs_configure(config);
    raise_descriptor_limit();
    (void)signal(SIGHUP, SIG_IGN); /* until the server takes it: a reload is no reason to end */
    if (config->sandbox_enabled && sandbox_is_there())
        keeper = keeper_new(&from); /* before there is anything that it would hold, too */
    enum rc rc = store_open(config->root_directory, &store, f);
    if (rc == RC_NOT_FOUND)
        log_error("%s: the directory above it does not exist", config->root_directory);
    if (rc == RC_OK) {
        from.keeper = go_into_sandbox(config, keeper) ? keeper : NULL;
        rc = server_init(&server, settings, store, f);
    }
    if (rc == RC_OK) {
        log_start(config, &server);
        server_run(&server);
        server_fini(&server);
        log_info("stopped");
    }
    for (const struct fault_item *i = f->first; i; i = i->next)
        log_error("%s%s%s", store ? "" : config->root_directory, store ? "" : ": ",
                  i->detail ? i->detail : rc_name(i->rc));
    store_close(store);
    settings_drop(settings);
    keeper_free(keeper);
    return rc == RC_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int run_command(int argc, char **argv, struct fault *f)
{
    struct cli cli;
    int failure = cli_failure(argc > 1 ? argv[1] : NULL);
    if (cli_parse(argc, argv, &cli, f) != RC_OK) {
        print_fault(stderr, "Error: ", f);
        print(stderr, cli_add_usage);
        return failure;
    }
    switch (cli.command) {
    case CLI_SERVE:
        return serve(&cli, f);
    case CLI_COLLECT:
        return on_store(collect_command, &cli, failure, f);
    case CLI_VERIFY:
        return on_store(verify_command, &cli, failure, f);
    case CLI_CHECK:
        return check(&cli, f);
    case CLI_HTPASSWD:
        return htpasswd_command(&cli);
    case CLI_HEALTH:
        return healthcheck(&cli, f);
    case CLI_VERSION:
        (void)puts(CLI_VERSION_TEXT);
        return EXIT_SUCCESS;
    case CLI_HELP:
        return help();
    case CLI_REFERENCE:
        print(stdout, config_add_reference);
        return EXIT_SUCCESS;
    }
    return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    struct arena a;
    struct fault f;
    arena_init(&a);
    fault_init(&f, &a);
    (void)signal(SIGPIPE, SIG_IGN);
    int status = EXIT_FAILURE;
    if (sodium_init() < 0)
        (void)fputs("no source of randomness\n", stderr);
    else
        status = run_command(argc, argv, &f);
    arena_fini(&a);
    return status;
}

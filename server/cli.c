/* SPDX-License-Identifier: Apache-2.0
 *
 * cli: one table of commands gives parsing and usage.
 */
#include "server/cli.h"

enum { CLI_OPERANDS_MAX = 1 };

struct command {
    const char *names[3]; /* the first is the one shown; ends in NULL if there are fewer */
    const char *operand;  /* as the usage shows it; NULL: it takes none */
    enum cli_command command;
    const char *help;
};

static const struct command commands[] = {
    {{"serve"}, "[CONFIG]", CLI_SERVE, "serve the registry; CONFIG is an ini or yaml file"},
    {{"help", "--help", "-h"}, "[COMMAND]", CLI_HELP, "this text, and the options of CONFIG"},
    {{"--version", "-v"}, NULL, CLI_VERSION, "the version"},
};

static bool is_flag(struct span s)
{
    return s.n > 1 && s.p[0] == '-';
}

static const struct command *find_command(struct span name)
{
    for (size_t i = 0; i < array_len(commands); i++) {
        const struct command *c = &commands[i];
        for (size_t k = 0; k < array_len(c->names) && c->names[k] != NULL; k++) {
            if (span_eq(name, span_of(c->names[k])))
                return c;
        }
    }
    return NULL;
}

static bool asks_for_help(struct span s)
{
    return span_eq(s, SPAN("--help")) || span_eq(s, SPAN("-h"));
}

/* What stands behind the command: at most one operand, and no flag but --help. */
static enum rc parse_rest(int argc, char *const *argv, const struct command *command,
                          struct cli *out, struct fault *f)
{
    struct cli cli = {.command = command->command, .config_path = NULL};
    int most = command->operand != NULL ? CLI_OPERANDS_MAX : 0;
    int operands = 0;

    for (int i = 0; i < argc; i++) {
        struct span s = span_of(argv[i]);
        if (asks_for_help(s)) {
            *out = (struct cli){.command = CLI_HELP};
            return RC_OK;
        }
        if (is_flag(s))
            return fault(f, RC_UNSUPPORTED, "%s: unknown flag: %s", command->names[0], argv[i]);
        if (++operands > most)
            return fault(f, RC_UNSUPPORTED, "%s: one argument too many: %s", command->names[0],
                         argv[i]);
        if (cli.command == CLI_HELP && find_command(s) == NULL)
            return fault(f, RC_UNSUPPORTED, "unknown command: %s", argv[i]);
        if (cli.command == CLI_SERVE)
            cli.config_path = argv[i];
    }
    *out = cli;
    return RC_OK;
}

enum rc cli_parse(int argc, char *const *argv, struct cli *out, struct fault *f)
{
    if (argc < 2) {
        *out = (struct cli){.command = CLI_HELP};
        return RC_OK;
    }
    const struct command *command = find_command(span_of(argv[1]));
    if (command == NULL)
        return fault(f, RC_UNSUPPORTED, "unknown %s: %s",
                     is_flag(span_of(argv[1])) ? "flag" : "command", argv[1]);
    return parse_rest(argc - 2, argv + 2, command, out, f);
}

void cli_add_usage(struct buf *b)
{
    buf_add_str(b, "Usage:\n");
    for (size_t i = 0; i < array_len(commands); i++) {
        const struct command *c = &commands[i];
        const char *operand = c->operand != NULL ? c->operand : "";
        buf_printf(b, "  registry %-9s %-10s %s\n", c->names[0], operand, c->help);
    }
}

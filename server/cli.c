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
    const char *flags; /* lines of help about its flags, or NULL */
};

#define COLLECT_FLAGS                                                                              \
    "      -d, --dry-run          say what would be deleted, and delete nothing\n"                 \
    "      -m, --delete-untagged  manifests that no tag leads to, too; -m=false: whatever "        \
    "CONFIG\n"                                                                                     \
    "                             says, not those\n"                                               \
    "      -q, --quiet            print nothing but what goes wrong\n"                             \
    "      A server that is running does the work, and goes on with it if this command is\n"       \
    "      interrupted; DELETE /admin/gc at its admin socket stops it.\n"

static const struct command commands[] = {
    {{"serve"}, "[CONFIG]", CLI_SERVE, "serve the registry; CONFIG is an ini or yaml file", NULL},
    {{"garbage-collect"}, "[CONFIG]", CLI_COLLECT, "delete what no manifest needs", COLLECT_FLAGS},
    {{"help", "--help", "-h"}, "[COMMAND]", CLI_HELP, "this text, and the options of CONFIG", NULL},
    {{"--version", "-v"}, NULL, CLI_VERSION, "the version", NULL},
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

/* ---- The flags of garbage-collect, as the registry image takes them. -------------------- */

static bool to_bool(struct span s, bool *out)
{
    static const char *const words[][2] = {{"false", "true"}, {"0", "1"},        {"f", "t"},
                                           {"F", "T"},        {"FALSE", "TRUE"}, {"False", "True"}};
    for (size_t i = 0; i < array_len(words); i++) {
        *out = span_eq(s, span_of(words[i][1]));
        if (*out || span_eq(s, span_of(words[i][0])))
            return true;
    }
    return false;
}

/* One flag by its letter. */
static bool set_flag(struct cli *cli, char letter, bool value)
{
    switch (letter) {
    case 'd':
        cli->dry_run = value;
        return true;
    case 'm':
        cli->delete_untagged = value ? CLI_YES : CLI_NO;
        return true;
    case 'q':
        cli->quiet = value;
        return true;
    default:
        return false;
    }
}

static char letter_of(struct span name)
{
    static const struct {
        const char *name;
        char letter;
    } names[] = {{"dry-run", 'd'}, {"delete-untagged", 'm'}, {"quiet", 'q'}};
    for (size_t i = 0; i < array_len(names); i++)
        if (span_eq(name, span_of(names[i].name)))
            return names[i].letter;
    return '\0';
}

/* "--quiet", "-q", "-dm", and with "=false" behind the last one. */
static bool set_flags(struct cli *cli, struct span s)
{
    struct span names, text;
    bool value = true;
    if (span_cut(s, '=', &names, &text) && !to_bool(text, &value))
        return false;
    if (span_starts(names, SPAN("--")))
        return set_flag(cli, letter_of(span_skip(names, 2)), value);
    for (size_t i = 1; i < names.n; i++)
        if (!set_flag(cli, names.p[i], i + 1 < names.n || value))
            return false;
    return names.n > 1;
}

/* ---- Lines. ----------------------------------------------------------------------------- */

/* What stands behind the command: at most one operand, and its flags. */
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
        if (cli.command == CLI_COLLECT && is_flag(s) && set_flags(&cli, s))
            continue;
        if (is_flag(s))
            return fault(f, RC_UNSUPPORTED, "%s: unknown flag: %s", command->names[0], argv[i]);
        if (++operands > most)
            return fault(f, RC_UNSUPPORTED, "%s: one argument too many: %s", command->names[0],
                         argv[i]);
        if (cli.command == CLI_HELP && find_command(s) == NULL)
            return fault(f, RC_UNSUPPORTED, "unknown command: %s", argv[i]);
        if (cli.command == CLI_SERVE || cli.command == CLI_COLLECT)
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
        buf_printf(b, "  registry %-15s %-10s %s\n%s", c->names[0], operand, c->help,
                   c->flags != NULL ? c->flags : "");
    }
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * cli: one table of commands gives parsing and usage.
 */
#include "server/cli.h"

#include <stdlib.h>

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

#define VERIFY_FLAGS                                                                               \
    "      -d, --dry-run          move nothing aside, only say what is damaged\n"                  \
    "      -q, --quiet            print nothing but what is found\n"                               \
    "      The exit status is 0 if all is well, 1 if something was found, 2 if it could not be\n"  \
    "      done. A server that is running does the work, and goes on with it if this command is\n" \
    "      interrupted; DELETE /admin/verify at its admin socket stops it.\n"

#define SERVE_FLAGS                                                                                \
    "      --KEY=VALUE            an option, such as --http.addr=:5000; it wins over CONFIG and\n" \
    "                             the environment. Other commands with CONFIG take it, too\n"

#define HTPASSWD_FLAGS                                                                             \
    "      --cost N               of bcrypt, 4 to 17; 10 without it\n"                             \
    "      The password is asked for on a terminal; else it is the first line of the input.\n"

static const struct command commands[] = {
    {{"serve"},
     "[CONFIG]",
     CLI_SERVE,
     "serve the registry; CONFIG is an ini or yaml file",
     SERVE_FLAGS},
    {{"garbage-collect"}, "[CONFIG]", CLI_COLLECT, "delete what no manifest needs", COLLECT_FLAGS},
    {{"verify"},
     "[CONFIG]",
     CLI_VERIFY,
     "read all data, and move aside what is damaged",
     VERIFY_FLAGS},
    {{"check-config"}, "[CONFIG]", CLI_CHECK, "what is in effect, and where it comes from", NULL},
    {{"htpasswd"}, "USER", CLI_HTPASSWD, "a line for an htpasswd file", HTPASSWD_FLAGS},
    {{"healthcheck"},
     "[CONFIG]",
     CLI_HEALTH,
     "is the server of CONFIG there? exit code 0 or 1",
     NULL},
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

/* ---- The flags of garbage-collect, as the registry image takes them; some are verify's. - */

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
        return cli->command == CLI_COLLECT;
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

/* ---- Flags with a value. ---------------------------------------------------------------- */

/* What stands behind the command, on the way to its end. */
struct words {
    const struct command *command;
    char *const *next; /* ends in NULL */
    struct fault *fault;
};

static enum rc fail(const struct words *w, const char *what, const char *word)
{
    return fault(w->fault, RC_UNSUPPORTED, "%s: %s: %s", w->command->names[0], what, word);
}

/* "--name=value", or "--name" and the next word. */
static enum rc take_value(struct words *w, const char *word, struct span *value)
{
    struct span name;
    if (span_cut(span_of(word), '=', &name, value))
        return RC_OK;
    if (*w->next == NULL)
        return fail(w, "a value is missing behind", word);
    *value = span_of(*w->next++);
    return RC_OK;
}

static struct span name_of(struct span word)
{
    struct span name, value;
    (void)span_cut(word, '=', &name, &value);
    return name;
}

static bool is_option(enum cli_command command, struct span word)
{
    struct span name = name_of(word);
    switch (command) {
    case CLI_SERVE:
    case CLI_COLLECT:
    case CLI_VERIFY:
    case CLI_CHECK:
    case CLI_HEALTH:
        return span_starts(name, SPAN("--")) && config_is_option(span_skip(name, 2));
    case CLI_HTPASSWD:
    case CLI_VERSION:
    case CLI_HELP:
    case CLI_REFERENCE:
        return false;
    }
    return false;
}

static enum rc add_option(struct words *w, struct cli *cli, const char *word)
{
    struct config_flag flag = {.key = span_skip(name_of(span_of(word)), 2)};
    if (cli->flag_count == CLI_FLAGS_MAX)
        return fail(w, "one flag too many", word);
    enum rc rc = take_value(w, word, &flag.value);
    if (rc == RC_OK)
        cli->flags[cli->flag_count++] = flag;
    return rc;
}

static enum rc set_cost(struct words *w, struct cli *cli, const char *word)
{
    struct span value;
    uint64_t cost = 0;
    enum rc rc = take_value(w, word, &value);
    if (rc != RC_OK)
        return rc;
    if (!span_to_u64(value, &cost) || cost < CLI_COST_MIN || cost > CLI_COST_MAX)
        return fail(w, "a number from 4 to 17 is expected", word);
    cli->cost = (unsigned)cost;
    return RC_OK;
}

static enum rc take_flag(struct words *w, struct cli *cli, const char *word)
{
    struct span s = span_of(word);
    if (is_option(cli->command, s))
        return add_option(w, cli, word);
    if (cli->command == CLI_HTPASSWD && span_eq(name_of(s), SPAN("--cost")))
        return set_cost(w, cli, word);
    if ((cli->command == CLI_COLLECT || cli->command == CLI_VERIFY) && set_flags(cli, s))
        return RC_OK;
    return fail(w, "unknown flag", word);
}

/* ---- Lines. ----------------------------------------------------------------------------- */

static enum rc take_operand(const struct words *w, struct cli *cli, const char *word)
{
    if (w->command->operand == NULL || cli->operand != NULL)
        return fail(w, "one argument too many", word);
    cli->operand = word;
    if (cli->command != CLI_HELP || find_command(span_of(word)) != NULL)
        return RC_OK;
    if (!span_eq(span_of(word), SPAN("options")))
        return fault(w->fault, RC_UNSUPPORTED, "unknown command: %s", word);
    cli->command = CLI_REFERENCE;
    return RC_OK;
}

/* What stands behind the command: at most one operand, and its flags. */
static enum rc parse_rest(struct words *w, struct cli *out)
{
    struct cli cli = {.command = w->command->command, .cost = CLI_COST};
    enum rc rc = RC_OK;
    while (*w->next != NULL && rc == RC_OK) {
        const char *word = *w->next++;
        if (asks_for_help(span_of(word))) {
            *out = (struct cli){.command = CLI_HELP};
            return RC_OK;
        }
        rc = is_flag(span_of(word)) ? take_flag(w, &cli, word) : take_operand(w, &cli, word);
    }
    if (rc == RC_OK && cli.command == CLI_HTPASSWD && cli.operand == NULL)
        rc = fault(w->fault, RC_UNSUPPORTED, "htpasswd: the name of a user is missing");
    if (rc == RC_OK)
        *out = cli;
    return rc;
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
    struct words words = {.command = command, .next = argv + 2, .fault = f};
    return parse_rest(&words, out);
}

int cli_failure(const char *command)
{
    const struct command *c = command ? find_command(span_of(command)) : NULL;
    return c && c->command == CLI_VERIFY ? CLI_NOT_VERIFIED : EXIT_FAILURE;
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

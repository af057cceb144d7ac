/*
 * Help from the tables of options and commands: one screen for each command.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "service/commands.h"

/* Of a terminal, less the last one, where some break the line. */
#define HELP_COLUMNS 79

void spd_help_program(FILE *stream)
{
    fprintf(stream, "stampede " SPD_VERSION
                    ": tells what a network does to packets and whether its QoS works\n\n"
                    "usage: stampede COMMAND [OPTION...]\n\n");
    for (size_t i = 0; i < spd_n_commands; i++)
        fprintf(stream, "  %-8s %s\n", spd_commands[i].name, spd_commands[i].summary);
    fprintf(stream, "\n  stampede COMMAND --help   options and examples of a command\n"
                    "  stampede --version\n\n"
                    "exit codes: 0 measured; 1 a threshold was missed; 2 wrong usage; 3 something\n"
                    "here or on the way prevents it\n");
}

static void help_option(FILE *stream, const struct spd_option *o)
{
    char left[40];

    snprintf(left, sizeof(left), "%s%c%s--%s%s%s", o->letter ? "-" : " ",
             o->letter ? o->letter : ' ', o->letter ? ", " : "  ", o->name, o->argument ? " " : "",
             o->argument ? o->argument : "");
    fprintf(stream, "  %-24s %s", left, o->help);
    if (o->initial)
        fprintf(stream, " (%s)", o->initial);
    fputc('\n', stream);
}

/* The names of the options that are not explained. */
static void help_rare(FILE *stream, const struct spd_command *command)
{
    static const char head[] = "more, see --help-all:";
    size_t column = 0;

    for (size_t i = 0; i < spd_n_options; i++) {
        const struct spd_option *o = &spd_options[i];
        size_t width = strlen(o->name) + 3;

        if (!(o->commands & o->rare & command->bit) || strcmp(o->name, "help-all") == 0)
            continue;
        if (column == 0) {
            fputs(head, stream);
            column = sizeof(head) - 1;
        } else if (column + width > HELP_COLUMNS) {
            fputs("\n ", stream);
            column = 1;
        }
        fprintf(stream, " --%s", o->name);
        column += width;
    }
    if (column > 0)
        fputc('\n', stream);
}

void spd_help_command(FILE *stream, const struct spd_command *command, bool all)
{
    fprintf(stream, "usage: stampede %s%s%s [OPTION...]\n%s\n", command->name,
            command->operand ? " " : "", command->operand ? command->operand : "",
            command->summary);
    for (size_t i = 0; i < spd_n_options; i++)
        if ((spd_options[i].commands & command->bit) &&
            (all || !(spd_options[i].rare & command->bit)))
            help_option(stream, &spd_options[i]);
    if (!all)
        help_rare(stream, command);
    fprintf(stream, "examples:\n%s", command->examples);
}

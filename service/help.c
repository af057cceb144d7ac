/*
 * Help from the tables of options and commands: one screen for each command.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "service/commands.h"

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
    fprintf(stream, "  %-27s %s", left, o->help);
    if (o->initial)
        fprintf(stream, " (%s)", o->initial);
    fputc('\n', stream);
}

void spd_help_command(FILE *stream, const struct spd_command *command)
{
    fprintf(stream, "usage: stampede %s%s%s [OPTION...]\n%s\n", command->name,
            command->operand ? " " : "", command->operand ? command->operand : "",
            command->summary);
    for (size_t i = 0; i < spd_n_options; i++)
        if (spd_options[i].commands & command->bit)
            help_option(stream, &spd_options[i]);
    fprintf(stream, "examples:\n%s", command->examples);
}

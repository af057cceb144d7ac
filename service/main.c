/*
 * Finds the command and runs it.
 */
#include <stdio.h>
#include <string.h>

#include "common/sys/console.h"
#include "service/commands.h"

static int run_command(const struct spd_command *command, int argc, char **argv)
{
    struct spd_settings settings;
    struct spd_diag diag = { 0 };

    if (spd_options_parse(command->bit, command->operand, command->operand_optional, argc, argv,
                          &settings, &diag))
        return spd_complain(&diag);
    if (settings.help || settings.help_all) {
        spd_help_command(stdout, command, settings.help_all);
        return SPD_EXIT_OK;
    }
    if (settings.via_service)
        return spd_command_via_service(command, &settings, argc, argv);
    return command->run(&settings);
}

int main(int argc, char **argv)
{
    const struct spd_command *command;
    struct spd_diag diag = { 0 };

    if (spd_console_init(&diag))
        return spd_complain(&diag);
    if (argc < 2) {
        spd_help_program(stderr);
        return SPD_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        command = argc > 2 ? spd_command_find(argv[2]) : NULL;
        if (command)
            spd_help_command(stdout, command, false);
        else
            spd_help_program(stdout);
        return SPD_EXIT_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("stampede " SPD_VERSION);
        return SPD_EXIT_OK;
    }
    command = spd_command_find(argv[1]);
    if (!command) {
        spd_diag_set(&diag, SPD_ERR_INVALID, 0, "%s: no such command; stampede --help lists them",
                     argv[1]);
        return spd_complain(&diag);
    }
    return run_command(command, argc - 2, argv + 2);
}

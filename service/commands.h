/*
 * The commands and what they share.
 */
#ifndef SPD_SERVICE_COMMANDS_H
#define SPD_SERVICE_COMMANDS_H

#include <stdio.h>

#include "common/base/err.h"
#include "service/options.h"

/* Exit codes, also in README and --help. */
enum spd_exit {
    SPD_EXIT_OK = 0,
    SPD_EXIT_THRESHOLD = 1,   /* measured, and a threshold was missed */
    SPD_EXIT_USAGE = 2,       /* the call is wrong */
    SPD_EXIT_ENVIRONMENT = 3, /* something here or on the way prevents it */
};

struct spd_command {
    const char *name;
    unsigned bit;             /* enum spd_command_bit */
    const char *operand;      /* "HOST[:PORT]", or NULL */
    const char *summary;
    const char *examples;     /* lines, each indented by two blanks */
    int (*run)(const struct spd_settings *settings);
    bool operand_optional;
};

extern const struct spd_command spd_commands[];
extern const size_t spd_n_commands;
const struct spd_command *spd_command_find(const char *name); /* or NULL */

int spd_command_burst(const struct spd_settings *settings);
int spd_command_reflect(const struct spd_settings *settings);
int spd_command_stream(const struct spd_settings *settings);
int spd_command_noise(const struct spd_settings *settings);
int spd_command_qos(const struct spd_settings *settings);
int spd_command_compare(const struct spd_settings *settings);
int spd_command_receive(const struct spd_settings *settings);
int spd_command_analyze(const struct spd_settings *settings);
int spd_command_tests(const struct spd_settings *settings);
int spd_command_cancel(const struct spd_settings *settings);
int spd_command_status(const struct spd_settings *settings);
int spd_command_history(const struct spd_settings *settings);
int spd_command_config(const struct spd_settings *settings);
int spd_command_service(const struct spd_settings *settings);

/* The name of the i-th action of stampede service; NULL behind the last one. Static. */
const char *spd_command_service_action(size_t i);

/* Run a command with these arguments in the service (--via-service). */
int spd_command_via_service(const struct spd_command *command, const struct spd_settings *settings,
                            int argc, char **argv);

enum spd_exit spd_exit_code(enum spd_err err);

/* "stampede: TEXT" on standard error; returns the exit code for the error. */
int spd_complain(const struct spd_diag *diag);

void spd_help_program(FILE *stream);
/* 24 lines of 80 columns at most, with the names alone of the options that few
 * need; with all, everything. */
void spd_help_command(FILE *stream, const struct spd_command *command, bool all);

#endif

/*
 * What is generated for people from the tables of commands, options and keys:
 * the pages of the manual, and the completion of bash.
 */
#ifndef SPD_INSTALLER_MANUAL_H
#define SPD_INSTALLER_MANUAL_H

#include <stdio.h>

#include "service/commands.h"

/* stampede(1), one page for each command (stampede-burst(1)), stampede.ini(5); in roff (man(7)).
 * The caller looks at ferror. */
void spd_manual_program(FILE *out);
void spd_manual_command(FILE *out, const struct spd_command *command);
void spd_manual_config(FILE *out);

/* A file for /usr/share/bash-completion/completions. */
void spd_manual_bash(FILE *out);

#endif

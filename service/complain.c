/*
 * What is said of an error, and how the program then ends.
 */
#include <stdio.h>

#include "service/commands.h"

enum spd_exit spd_exit_code(enum spd_err err)
{
    return err == SPD_ERR_OK                                ? SPD_EXIT_OK
           : err == SPD_ERR_INVALID || err == SPD_ERR_RANGE ? SPD_EXIT_USAGE
                                                            : SPD_EXIT_ENVIRONMENT;
}

int spd_complain(const struct spd_diag *diag)
{
    fprintf(stderr, "stampede: %s\n", diag->text[0] ? diag->text : spd_err_text(diag->err));
    return (int)spd_exit_code(diag->err);
}

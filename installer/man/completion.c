/*
 * The completion of bash: commands, their actions and options, and files where
 * an option or operand takes one. One thread; reads nothing but the tables.
 */
#include <string.h>

#include "common/base/dscp.h"
#include "installer/man/manual.h"

/* Words in small letters of an operand are to be typed as they are: "check|show [FILE]...". */
static void put_operand_words(FILE *out, const char *operand)
{
    static const char small[] = "abcdefghijklmnopqrstuvwxyz";

    while (operand != NULL && *operand != '\0') {
        size_t n = strspn(operand, small);

        if (n > 0)
            fprintf(out, " %.*s", (int)n, operand);
        operand += n > 0 ? n : strcspn(operand, small);
    }
}

static bool takes_file(const char *argument)
{
    return argument != NULL &&
           (strstr(argument, "FILE") != NULL || strstr(argument, "LOG") != NULL);
}

static void put_command(FILE *out, const struct spd_command *command)
{
    const char *action;

    fprintf(out, "    %s)\n        words=\"", command->name);
    for (size_t i = 0, n = 0; i < spd_n_options; i++)
        if (spd_options[i].commands & command->bit)
            fprintf(out, "%s--%s", n++ > 0 ? " " : "", spd_options[i].name);
    put_operand_words(out, command->operand);
    for (size_t i = 0;
         command->bit == SPD_COMMAND_SERVICE && (action = spd_command_service_action(i)) != NULL;
         i++)
        fprintf(out, " %s", action);
    fprintf(out, "\"\n%s        ;;\n",
            takes_file(command->operand) ? "        operand=file\n" : "");
}

/* A row of the case over "COMMAND OPTION": what the option before the cursor takes. */
static void put_values(FILE *out, const struct spd_command *command)
{
    for (size_t i = 0; i < spd_n_options; i++) {
        const struct spd_option *o = &spd_options[i];
        const char *kind = takes_file(o->argument)                                     ? "file"
                           : o->argument != NULL && strcmp(o->argument, "FOLDER") == 0 ? "folder"
                           : o->kind == SPD_OPTION_DSCP                                ? "dscp"
                           : o->kind == SPD_OPTION_FLAG                                ? NULL
                                                                                       : "nothing";

        if (!(o->commands & command->bit) || kind == NULL)
            continue;
        fprintf(out, "    \"%s --%s\"", command->name, o->name);
        if (o->letter)
            fprintf(out, " | \"%s -%c\"", command->name, o->letter);
        fprintf(out, ") value=%s ;;\n", kind);
    }
}

void spd_manual_bash(FILE *out)
{
    fputs("# bash completion for stampede(1). Generated from the tables of the program.\n"
          "_stampede()\n{\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]}\n"
          "    local words=\"\" operand=\"\" value=\"\"\n"
          "    COMPREPLY=()\n"
          "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
          "        mapfile -t COMPREPLY < <(compgen -W \"--version --help",
          out);
    for (size_t i = 0; i < spd_n_commands; i++)
        fprintf(out, " %s", spd_commands[i].name);
    fputs("\" -- \"$word\")\n        return\n    fi\n"
          "    case \"$command ${COMP_WORDS[COMP_CWORD - 1]}\" in\n",
          out);
    for (size_t i = 0; i < spd_n_commands; i++)
        put_values(out, &spd_commands[i]);
    fputs("    esac\n    case $command in\n", out);
    for (size_t i = 0; i < spd_n_commands; i++)
        put_command(out, &spd_commands[i]);
    fputs("    esac\n"
          "    case ${value:-words} in\n"
          "    file) compopt -o filenames 2>/dev/null; "
          "mapfile -t COMPREPLY < <(compgen -f -- \"$word\") ;;\n"
          "    folder) compopt -o filenames 2>/dev/null; "
          "mapfile -t COMPREPLY < <(compgen -d -- \"$word\") ;;\n"
          "    dscp) mapfile -t COMPREPLY < <(compgen -W \"",
          out);
    for (int dscp = 0, n = 0; dscp < 64; dscp++)
        if (spd_dscp_name((uint8_t)dscp) != NULL)
            fprintf(out, "%s%s", n++ > 0 ? " " : "", spd_dscp_name((uint8_t)dscp));
    fputs("\" -- \"$word\") ;;\n"
          "    words)\n"
          "        mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
          "        if [ -n \"$operand\" ] && [ \"${word:0:1}\" != - ]; then\n"
          "            compopt -o filenames 2>/dev/null\n"
          "            mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- \"$word\")\n"
          "        fi\n"
          "        ;;\n"
          "    esac\n}\ncomplete -F _stampede stampede\n",
          out);
}

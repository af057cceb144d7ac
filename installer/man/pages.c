/*
 * The pages of the manual, in roff. One thread; reads nothing but the tables.
 */
#include <ctype.h>
#include <string.h>

#include "installer/man/manual.h"
#include "service/config_private.h"

/* roff takes \ for its own, a bare - for a hyphen that nobody can paste into a
 * shell, ' and ` for typographic quotes, and a line that begins with . or ' for
 * a request. */
static void put(FILE *out, const char *text)
{
    bool at_start = true;

    for (; *text != '\0'; text++) {
        if (at_start && (*text == '.' || *text == '\''))
            fputs("\\&", out);
        if (*text == '\\')
            fputs("\\e", out);
        else if (*text == '-')
            fputs("\\-", out);
        else if (*text == '\'')
            fputs("\\(aq", out);
        else if (*text == '`')
            fputs("\\(ga", out);
        else if (*text == '^')
            fputs("\\(ha", out);
        else if (*text == '~')
            fputs("\\(ti", out);
        else
            fputc(*text, out);
        at_start = *text == '\n';
    }
}

/* The head of a page; what is the line for whatis(1). */
static void begin(FILE *out, const char *name, char section, const char *what)
{
    fputs(".\\\" Generated from the tables of the program.\n.TH ", out);
    for (const char *c = name; *c != '\0'; c++)
        fputc(toupper((unsigned char)*c), out);
    fprintf(out, " %c \"\" \"Stampede " SPD_VERSION "\" \"%s\"\n.SH NAME\n", section,
            section == '5' ? "File formats" : "User commands");
    put(out, name);
    fputs(" \\- ", out);
    put(out, what);
    fputc('\n', out);
}

/* In capitals, what stands for something else; the rest as it is. */
static void put_operand(FILE *out, const char *text)
{
    while (*text != '\0') {
        size_t n = strcspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
        char part[80];

        snprintf(part, sizeof(part), "%.*s", (int)n, text);
        put(out, part);
        text += n;
        for (n = 0; isupper((unsigned char)text[n]);)
            n++;
        if (n > 0)
            fprintf(out, "\\fI%.*s\\fR", (int)n, text);
        text += n;
    }
}

static void put_default(FILE *out, const char *initial)
{
    if (initial == NULL || *initial == '\0')
        return;
    fputs(" Default: ", out);
    put(out, initial);
    fputc('.', out);
}

/* A sentence of what the help says in a line. */
static void put_sentence(FILE *out, const char *text)
{
    char first[2] = { (char)toupper((unsigned char)text[0]), '\0' };
    size_t n = strlen(text);
    /* What begins with a name of the program is left as it is. */
    bool is_word = islower((unsigned char)text[0]) && n > 1 && text[strcspn(text, " :")] != ':';

    put(out, is_word ? first : "");
    put(out, is_word ? text + 1 : text);
    if (n > 0 && text[n - 1] != '.')
        fputc('.', out);
}

static void put_exit_codes(FILE *out)
{
    fputs(".SH \"EXIT STATUS\"\n"
          ".TP\n.B 0\nMeasured, or done.\n"
          ".TP\n.B 1\nMeasured, and a threshold was missed.\n"
          ".TP\n.B 2\nThe call, or the configuration, is wrong.\n"
          ".TP\n.B 3\nSomething here or on the way prevents it. The message says what, why and "
          "what to do.\n",
          out);
}

void spd_manual_program(FILE *out)
{
    begin(out, "stampede", '1', "tell what a network does to packets and whether its QoS works");
    fputs(".SH SYNOPSIS\n.B stampede\n.I COMMAND\n.RI [ OPTION... ]\n"
          ".br\n.B stampede\n.I COMMAND\n.B \\-\\-help\n.br\n.B stampede \\-\\-version\n"
          ".SH DESCRIPTION\n"
          "Stampede sends bursts and paced flows of test packets to a reflector, and tells packet "
          "by packet, for each direction, what the network did to them: loss, reordering, "
          "duplicates, delay and its variation, capacity. It tells whether a class of service is "
          "protected against another. It is the reflector too, and a service that measures on "
          "request and on schedule and keeps what it found.\n"
          ".SH COMMANDS\n",
          out);
    for (size_t i = 0; i < spd_n_commands; i++) {
        fprintf(out, ".TP\n.BR stampede\\-%s (1)\n", spd_commands[i].name);
        put_sentence(out, spd_commands[i].summary);
        fputc('\n', out);
    }
    put_exit_codes(out);
    fputs(".SH FILES\n"
          ".TP\n.I /etc/stampede/stampede.ini\nThe configuration of the service, "
          ".BR stampede.ini (5).\n"
          ".TP\n.I /var/lib/stampede\nThe history of the service, and its logs of packets.\n"
          ".TP\n.I /run/stampede/control.sock\nWhere the service takes requests of users.\n"
          ".SH \"SEE ALSO\"\n.BR stampede.ini (5),\n.BR systemctl (1),\n.BR journalctl (1)\n",
          out);
}

static void put_option(FILE *out, const struct spd_option *o)
{
    fputs(".TP\n", out);
    if (o->letter)
        fprintf(out, "\\fB\\-%c\\fR, ", o->letter);
    fputs("\\fB\\-\\-", out);
    put(out, o->name);
    fputs("\\fR", out);
    if (o->argument) {
        fputc(' ', out);
        put_operand(out, o->argument);
    }
    fputc('\n', out);
    put_sentence(out, o->help);
    put_default(out, o->initial);
    if (o->kind == SPD_OPTION_TEXTS && strstr(o->help, "repeatable") == NULL)
        fputs(" May be repeated.", out);
    fputc('\n', out);
}

void spd_manual_command(FILE *out, const struct spd_command *command)
{
    char name[64];

    snprintf(name, sizeof(name), "stampede-%s", command->name);
    begin(out, name, '1', command->summary);
    fprintf(out, ".SH SYNOPSIS\n.B stampede %s\n", command->name);
    if (command->operand) {
        bool brackets = command->operand_optional && command->operand[0] != '[';

        fputs(brackets ? "[" : "", out);
        put_operand(out, command->operand);
        fputs(brackets ? "]\n" : "\n", out);
    }
    fputs(".RI [ OPTION... ]\n.SH OPTIONS\n"
          "Options and operands may be mixed;\n.B \\-\\-\nends the options;\n"
          ".BI \\-\\-name= value\nworks too.\n",
          out);
    for (size_t i = 0; i < spd_n_options; i++)
        if (spd_options[i].commands & command->bit)
            put_option(out, &spd_options[i]);
    fputs(".SH EXAMPLES\n.nf\n", out);
    put(out, command->examples);
    fputs(".fi\n", out);
    put_exit_codes(out);
    fputs(".SH \"SEE ALSO\"\n.BR stampede (1),\n.BR stampede.ini (5)\n", out);
}

static void put_key(FILE *out, const char *name, const char *argument, const char *help,
                    const char *initial)
{
    fputs(".TP\n\\fB", out);
    put(out, name);
    fputs("\\fR = ", out);
    put_operand(out, argument ? argument : "yes|no");
    fputc('\n', out);
    put_sentence(out, help);
    put_default(out, initial);
    fputc('\n', out);
}

/* Options of several commands stand once for each: they say whose they are. */
static void put_option_key(FILE *out, enum spd_config_section section, const struct spd_option *o)
{
    char help[300];
    size_t n = 0;

    help[0] = '\0';
    for (size_t i = 0; section == SPD_CONFIG_TEST && i < spd_n_commands; i++)
        if (spd_commands[i].bit & o->commands & spd_config_sections[section].commands)
            n += (size_t)snprintf(help + n, sizeof(help) - n, "%s%s", n > 0 ? ", " : "",
                                  spd_commands[i].name);
    snprintf(help + n, sizeof(help) - n, "%s%s", n > 0 ? ": " : "", o->help);
    put_key(out, o->name, o->argument, help, o->kind == SPD_OPTION_FLAG ? "no" : o->initial);
}

void spd_manual_config(FILE *out)
{
    begin(out, "stampede.ini", '5', "configuration of the Stampede service");
    fputs(".SH SYNOPSIS\n.I /etc/stampede/stampede.ini\n.SH DESCRIPTION\n"
          "Sections in brackets, lines of\n.IR \"key = value\" ,\n"
          "comments behind # or ; at the start of a line or behind a blank and a ;. The file is "
          "taken as a whole or not at all: a value is in force or an error.\n"
          ".B stampede config check\ntells what is wrong with a file, or what it is about;\n"
          ".B stampede config show\ntells what is in force, defaults too;\n"
          ".B systemctl reload stampede\ntakes a new one.\n.PP\n"
          "Times: a number with ns, us, ms, s, min, h or d. Rates: bit/s, with k, M, G, as in "
          "1.5Mbit. Bytes: with kB, MB, GB, KiB, MiB, GiB. Lists have commas between their "
          "items, and may stand on several lines.\n",
          out);
    for (int section = 0; section < SPD_CONFIG_SECTION_COUNT; section++) {
        const struct spd_config_section_facts *facts = &spd_config_sections[section];

        fputs(".SH \"SECTION [", out);
        put(out, facts->name);
        fputs(facts->is_named ? " NAME]\"\n" : "]\"\n", out);
        put_sentence(out, facts->help);
        fputc('\n', out);
        for (size_t i = 0; i < spd_n_config_keys; i++)
            if (spd_config_keys[i].section == (enum spd_config_section)section)
                put_key(out, spd_config_keys[i].name, spd_config_keys[i].argument,
                        spd_config_keys[i].help, spd_config_initial(&spd_config_keys[i]));
        for (size_t i = 0; i < spd_n_options; i++)
            if (spd_config_takes_option((enum spd_config_section)section, &spd_options[i]))
                put_option_key(out, (enum spd_config_section)section, &spd_options[i]);
    }
    fputs(".SH \"SEE ALSO\"\n.BR stampede (1),\n.BR stampede\\-config (1),\n"
          ".BR stampede\\-service (1)\n",
          out);
}

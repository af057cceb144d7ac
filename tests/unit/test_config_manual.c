/*
 * service/config.md lists every key as the tables have it, and none besides; the
 * configuration that is installed is good, also with everything that stands
 * commented out in it. "test_config_manual write" prints the tables anew.
 */
#include <stdio.h>

#include "service/config_private.h"
#include "tests/unit/config_kit.h"
#include "tests/unit/unit.h"

#define ROW_BYTES 500

/* "|" would end the column. */
static void add_text(char *out, size_t capacity, const char *text)
{
    size_t n = strlen(out);

    for (; *text && n + 3 < capacity; text++) {
        if (*text == '|')
            out[n++] = '\\';
        out[n++] = *text;
    }
    out[n] = '\0';
}

static void key_row(const struct spd_config_key *key, char row[ROW_BYTES])
{
    const char *initial = key->initial;

    snprintf(row, ROW_BYTES, "| `%s` | ", key->name);
    add_text(row, ROW_BYTES, key->argument);
    strcat(row, " | ");
    add_text(row, ROW_BYTES, !initial ? "" : initial[0] == '@' ? "of the system" : initial);
    strcat(row, " | ");
    add_text(row, ROW_BYTES, key->help);
    strcat(row, " |");
}

static void option_row(const struct spd_option *o, enum spd_config_section section,
                       char row[ROW_BYTES])
{
    unsigned commands = o->commands & spd_config_sections[section].commands;
    bool all = commands == spd_config_sections[section].commands;

    snprintf(row, ROW_BYTES, "| `%s` | ", o->name);
    add_text(row, ROW_BYTES, o->argument ? o->argument : "yes|no");
    strcat(row, " | ");
    add_text(row, ROW_BYTES,
             spd_config_option_initial(section, o) ? spd_config_option_initial(section, o) : "");
    strcat(row, " | ");
    for (unsigned bit = 1; bit && !all; bit <<= 1)
        if (commands & bit) {
            strcat(row, spd_test_command_name(bit));
            commands &= ~bit;
            strcat(row, commands ? ", " : ": ");
        }
    add_text(row, ROW_BYTES, o->help);
    strcat(row, " |");
}

typedef void each_row(void *context, const char *row);

static void each(each_row *call, void *context)
{
    char row[ROW_BYTES];

    for (int i = 0; i < SPD_CONFIG_SECTION_COUNT; i++) {
        enum spd_config_section section = (enum spd_config_section)i;

        snprintf(row, sizeof(row), "## [%s%s]: %s", spd_config_sections[i].name,
                 spd_config_sections[i].is_named ? " \"NAME\"" : "", spd_config_sections[i].help);
        call(context, row);
        for (size_t k = 0; k < spd_n_config_keys; k++)
            if (spd_config_keys[k].section == section) {
                key_row(&spd_config_keys[k], row);
                call(context, row);
            }
        for (size_t k = 0; k < spd_n_options; k++)
            if (spd_config_takes_option(section, &spd_options[k])) {
                option_row(&spd_options[k], section, row);
                call(context, row);
            }
    }
}

static void print(void *context, const char *row)
{
    (void)context;
    if (row[0] == '#')
        printf("\n%s\n\n| key | value | default | meaning |\n|---|---|---|---|\n", row);
    else
        puts(row);
}

/* ------------------------------------------------------------------- checks */

static char *read_file(const char *path)
{
    static char text[200000];
    FILE *file = fopen(path, "rb");
    size_t n = 0, to = 0;

    if (!file)
        fail_msg("%s is not there", path);
    n = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    for (size_t i = 0; i < n; i++)
        if (text[i] != '\r')
            text[to++] = text[i];
    text[to] = '\0';
    return text;
}

struct search {
    const char *at; /* rows come in this order */
    size_t n;
};

static void find_row(void *context, const char *row)
{
    struct search *s = context;
    char line[ROW_BYTES + 2];
    const char *found;

    snprintf(line, sizeof(line), "\n%s\n", row);
    found = strstr(s->at, line);
    if (!found)
        fail_msg("config.md lacks, or has elsewhere: %s", row);
    s->at = found + strlen(line) - 1;
    s->n++;
}

static void the_manual_has_every_key_and_no_other(void **state)
{
    const char *text = read_file(SPD_SOURCE "/service/config.md");
    struct search s = { text, 0 };
    size_t n_rows = 0;

    (void)state;
    each(find_row, &s);
    for (const char *p = text; (p = strchr(p, '\n')) != NULL; p++)
        n_rows += strncmp(p, "\n| `", 4) == 0 || strncmp(p, "\n## [", 5) == 0;
    assert_int_equal(n_rows, s.n);
}

static void the_examples_of_the_manual_are_good(void **state)
{
    const char *text = read_file(SPD_SOURCE "/service/config.md");
    size_t n = 0;

    (void)state;
    for (const char *p = text; (p = strstr(p, "```ini\n")) != NULL; n++) {
        const char *end = strstr(p + 7, "```");
        char example[4000];

        assert_non_null(end);
        assert_true((size_t)(end - p) < sizeof(example));
        snprintf(example, sizeof(example), "%.*s", (int)(end - p - 7), p + 7);
        spd_config_free(config_kit_good(example));
        p = end;
    }
    assert_true(n > 0);
}

static void the_installed_file_is_good(void **state)
{
    spd_config_free(config_kit_good(read_file(SPD_SOURCE "/installer/stampede.ini")));
    (void)state;
}

/* Keys behind a ; are examples. Those that are right on one system alone stay
 * out. */
static void so_is_what_is_commented_out_in_it(void **state)
{
    char *text = read_file(SPD_SOURCE "/installer/stampede.ini"), *to = text;
    struct spd_config *config;

    (void)state;
    for (const char *p = text; *p; p++) {
        bool begins = p == text || p[-1] == '\n';

        if (begins && *p == ';' && p[1] > ' ' && strncmp(p, ";data-folder", 12) != 0 &&
            strncmp(p, ";admins", 7) != 0)
            continue;
        *to++ = *p;
    }
    *to = '\0';
    config = config_kit_good(text);
    assert_int_equal(config->n_tests, 2);
    assert_int_equal(config->n_rules, 1);
    assert_true(config->reflector.settings.allow.n == 2);
    spd_config_free(config);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_manual_has_every_key_and_no_other),
        cmocka_unit_test(the_examples_of_the_manual_are_good),
        cmocka_unit_test(the_installed_file_is_good),
        cmocka_unit_test(so_is_what_is_commented_out_in_it),
    };

    if (argc > 1 && strcmp(argv[1], "write") == 0) {
        each(print, NULL);
        return 0;
    }
    return cmocka_run_group_tests(tests, config_kit_set_up, NULL);
}

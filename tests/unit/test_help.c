/* The help of every command: that it fits a screen, and leaves nothing out. */
#include "service/commands.h"

#include "tests/unit/result_kit.h"
#include "tests/unit/unit.h"

#define LINES_MAX   24
#define COLUMNS_MAX 80

static char *help_of(const struct spd_command *command, bool all)
{
    FILE *file = kit_file();

    if (command)
        spd_help_command(file, command, all);
    else
        spd_help_program(file);
    char *text = kit_contents(file, NULL);
    kit_close(file);
    return text;
}

static size_t count_lines(const char *name, const char *text)
{
    size_t n = 0;

    for (const char *end; (end = strchr(text, '\n')) != NULL; text = end + 1, n++)
        if (end - text > COLUMNS_MAX)
            fail_msg("%s: %zu columns: %.*s", name, (size_t)(end - text), (int)(end - text), text);
    assert_string_equal(text, "");
    return n;
}

static void the_help_of_each_command_fits_a_screen(void **state)
{
    (void)state;
    for (size_t i = 0; i < spd_n_commands; i++) {
        char *text = help_of(&spd_commands[i], false);
        size_t n_lines = count_lines(spd_commands[i].name, text);

        if (n_lines > LINES_MAX)
            fail_msg("%s: %zu lines:\n%s", spd_commands[i].name, n_lines, text);
        CHECK_ROW(spd_commands[i].name, strstr(text, "\nexamples:\n  stampede ") != NULL);
        CHECK_ROW(spd_commands[i].name, strstr(text, "--help ") != NULL);
        free(text);
    }
}

static void the_help_of_the_program_fits_a_screen_and_has_each_command(void **state)
{
    char *text = help_of(NULL, false);
    char line[64];

    (void)state;
    assert_true(count_lines("stampede", text) <= LINES_MAX);
    for (size_t i = 0; i < spd_n_commands; i++) {
        snprintf(line, sizeof(line), "\n  %-8s ", spd_commands[i].name);
        CHECK_ROW(spd_commands[i].name, strstr(text, line) != NULL);
        assert_ptr_equal(spd_command_find(spd_commands[i].name), &spd_commands[i]);
    }
    assert_null(spd_command_find("bursts"));
    free(text);
}

/* As a whole word. */
static bool names(const char *text, const char *option)
{
    char word[64];
    size_t n;

    snprintf(word, sizeof(word), "--%s", option);
    n = strlen(word);
    for (const char *at = text; (at = strstr(at, word)) != NULL; at += n)
        if (strchr(" \n", at[n]))
            return true;
    return false;
}

static void no_option_is_left_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < spd_n_commands; i++) {
        char *text = help_of(&spd_commands[i], false), *all = help_of(&spd_commands[i], true);
        bool any_rare = false;

        (void)count_lines(spd_commands[i].name, all);
        for (size_t k = 0; k < spd_n_options; k++) {
            const struct spd_option *o = &spd_options[k];

            CHECK_ROW(o->name, (o->rare & ~o->commands) == 0);
            if (!(o->commands & spd_commands[i].bit))
                continue;
            if (!names(text, o->name) && strcmp(o->name, "help-all") != 0)
                fail_msg("%s: --%s is not named", spd_commands[i].name, o->name);
            if (!names(all, o->name) || !strstr(all, o->help))
                fail_msg("%s: --%s is not explained", spd_commands[i].name, o->name);
            any_rare = any_rare || (o->rare & spd_commands[i].bit);
        }
        CHECK_ROW_INT(spd_commands[i].name, strstr(text, "--help-all") != NULL, any_rare);
        free(text);
        free(all);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_help_of_each_command_fits_a_screen),
        cmocka_unit_test(the_help_of_the_program_fits_a_screen_and_has_each_command),
        cmocka_unit_test(no_option_is_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * The command line: every option of the table, and everything it refuses.
 */
#include "service/options.h"

#include <inttypes.h>
#include <stdio.h>

#include "tests/unit/unit.h"

#define ARGUMENTS_MAX 140

static const unsigned commands[] = { SPD_COMMAND_BURST, SPD_COMMAND_REFLECT };

static const char *operand_of(unsigned command)
{
    return command == SPD_COMMAND_BURST ? "HOST" : NULL;
}

/* Parse a NULL-ended list, with the operand that the command needs in front. */
static enum spd_err parse(unsigned command, const char *const *arguments, struct spd_settings *out,
                          struct spd_diag *diag)
{
    char *argv[ARGUMENTS_MAX];
    int argc = 0;

    if (operand_of(command))
        argv[argc++] = (char *)(uintptr_t) "there.example";
    for (; *arguments; arguments++) {
        assert_true(argc < ARGUMENTS_MAX);
        argv[argc++] = (char *)(uintptr_t)*arguments;
    }
    *diag = (struct spd_diag){ 0 };
    return spd_options_parse(command, operand_of(command), false, argc, argv, out, diag);
}

#define PARSE(command, settings, diag, ...)                                                        \
    parse((command), (const char *const[]){ __VA_ARGS__, NULL }, (settings), (diag))

static const void *field(const struct spd_settings *settings, const struct spd_option *option)
{
    return (const char *)settings + option->offset;
}

static void check_refused(const char *row, enum spd_err got, enum spd_err expected,
                          const struct spd_diag *diag, const char *says)
{
    CHECK_ROW_INT(row, got, expected);
    CHECK_ROW_INT(row, diag->err, expected);
    if (!strstr(diag->text, says))
        fail_msg("row \"%s\": it says \"%s\", not \"%s\"", row, diag->text, says);
}

/* ---- the table itself ---- */

static void table_is_sound(void **state)
{
    (void)state;
    for (size_t i = 0; i < spd_n_options; i++) {
        const struct spd_option *o = &spd_options[i];

        CHECK_ROW(o->name, o->name[0] && o->name[0] != '-' && !strchr(o->name, '='));
        CHECK_ROW(o->name, o->commands != 0 && o->help && o->help[0]);
        CHECK_ROW(o->name, (o->kind == SPD_OPTION_FLAG) == (o->argument == NULL));
        CHECK_ROW(o->name, o->offset < sizeof(struct spd_settings));
        CHECK_ROW(o->name, o->min <= o->max);
        CHECK_ROW(o->name, o->kind != SPD_OPTION_COUNT || o->min >= 0);
        CHECK_ROW(o->name,
                  o->initial || (o->kind != SPD_OPTION_COUNT && o->kind != SPD_OPTION_DURATION &&
                                 o->kind != SPD_OPTION_DSCP));
        for (size_t k = 0; k < i; k++) {
            if (!(spd_options[k].commands & o->commands))
                continue;
            CHECK_ROW(o->name, strcmp(spd_options[k].name, o->name) != 0);
            CHECK_ROW(o->name, !o->letter || spd_options[k].letter != o->letter);
        }
    }
}

static void defaults_are_those_of_the_table(void **state)
{
    struct spd_settings s;
    struct spd_diag diag;

    (void)state;
    assert_int_equal(PARSE(SPD_COMMAND_BURST, &s, &diag, NULL), SPD_ERR_OK);
    assert_string_equal(s.host, "there.example");
    assert_int_equal(s.n_packets, 100);
    assert_int_equal(s.n_bursts, 10);
    assert_int_equal(s.gap_ns, 100 * SPD_NS_PER_MS);
    assert_int_equal(s.timeout_ns, SPD_NS_PER_S);
    assert_int_equal(s.dscp, 0);
    assert_null(s.csv);
    assert_null(s.source);
    assert_int_equal(s.listen.n, 0);
    assert_false(s.json || s.records || s.quiet || s.spin || s.ipv4 || s.ipv6 || s.stateful ||
                 s.user_stamps || s.help);
    assert_int_equal(PARSE(SPD_COMMAND_REFLECT, &s, &diag, NULL), SPD_ERR_OK);
    assert_int_equal(s.reply_dscp, -1);
    assert_int_equal(s.max_sessions, 1024);
    assert_int_equal(s.idle_timeout_ns, 900 * SPD_NS_PER_S);
    assert_null(s.host);
}

/* ---- values by kind ---- */

/* Give an option a value in each of the ways; checks that it arrives. */
static void check_value(unsigned command, const struct spd_option *o, const char *value,
                        int64_t expected)
{
    char joined[128], long_name[64], letter[3] = { '-', o->letter, 0 }, letter_joined[80];
    struct spd_settings s[4];
    struct spd_diag diag;

    snprintf(long_name, sizeof(long_name), "--%s", o->name);
    snprintf(joined, sizeof(joined), "--%s=%s", o->name, value);
    snprintf(letter_joined, sizeof(letter_joined), "-%c%s", o->letter ? o->letter : '?', value);
    CHECK_ROW_INT(joined, PARSE(command, &s[0], &diag, long_name, value), SPD_ERR_OK);
    CHECK_ROW_INT(joined, PARSE(command, &s[1], &diag, joined), SPD_ERR_OK);
    s[2] = s[3] = s[0];
    if (o->letter) {
        CHECK_ROW_INT(joined, PARSE(command, &s[2], &diag, letter, value), SPD_ERR_OK);
        CHECK_ROW_INT(joined, PARSE(command, &s[3], &diag, letter_joined), SPD_ERR_OK);
    }
    for (size_t i = 0; i < N_ROWS(s); i++)
        switch (o->kind) {
        case SPD_OPTION_COUNT:
            CHECK_ROW_INT(joined, *(const uint64_t *)field(&s[i], o), expected);
            break;
        case SPD_OPTION_DURATION:
            CHECK_ROW_INT(joined, *(const spd_ns *)field(&s[i], o), expected);
            break;
        case SPD_OPTION_DSCP:
            CHECK_ROW_INT(joined, *(const int *)field(&s[i], o), expected);
            break;
        case SPD_OPTION_TEXT:
            CHECK_ROW_TEXT(joined, *(const char *const *)field(&s[i], o), value);
            break;
        case SPD_OPTION_TEXTS:
            CHECK_ROW_INT(joined, ((const struct spd_texts *)field(&s[i], o))->n, 1);
            CHECK_ROW_TEXT(joined, ((const struct spd_texts *)field(&s[i], o))->text[0], value);
            break;
        default:
            break;
        }
}

static void check_bad_value(unsigned command, const struct spd_option *o, const char *value,
                            enum spd_err expected)
{
    char joined[128], name[64];
    struct spd_settings s;
    struct spd_diag diag;

    snprintf(joined, sizeof(joined), "--%s=%s", o->name, value);
    snprintf(name, sizeof(name), "--%s", o->name);
    check_refused(joined, PARSE(command, &s, &diag, joined), expected, &diag, name);
}

static void number_text(char text[32], int64_t value)
{
    snprintf(text, 32, "%" PRId64, value);
}

static void check_count(unsigned command, const struct spd_option *o)
{
    static const char *const bad[] = { "", " ", "x", "1x", "0x10", "1.5", "+1", "1 ", "-1", "1e3" };
    char text[32];

    number_text(text, o->min);
    check_value(command, o, text, o->min);
    number_text(text, o->max);
    check_value(command, o, text, o->max);
    number_text(text, o->max + 1);
    check_bad_value(command, o, text, SPD_ERR_RANGE);
    if (o->min > 0) {
        number_text(text, o->min - 1);
        check_bad_value(command, o, text, SPD_ERR_RANGE);
    }
    /* Wraps in no width. */
    check_bad_value(command, o, "4294967297", SPD_ERR_RANGE);
    check_bad_value(command, o, "18446744073709551617", SPD_ERR_RANGE);
    check_bad_value(command, o, "99999999999999999999999999999999", SPD_ERR_RANGE);
    for (size_t i = 0; i < N_ROWS(bad); i++)
        check_bad_value(command, o, bad[i], SPD_ERR_INVALID);
}

static void check_duration(unsigned command, const struct spd_option *o)
{
    static const char *const bad[] = { "", "x", "s", "1h", "1 s", "0x10", "-1ms", "1msx", "nan" };
    char text[40];

    snprintf(text, sizeof(text), "%" PRId64 "ns", o->min);
    check_value(command, o, text, o->min);
    snprintf(text, sizeof(text), "%" PRId64 "s", o->max / SPD_NS_PER_S);
    check_value(command, o, text, o->max);
    snprintf(text, sizeof(text), "%" PRId64 "ms", o->max / SPD_NS_PER_MS + 1);
    check_bad_value(command, o, text, SPD_ERR_RANGE);
    if (o->min > 0) {
        snprintf(text, sizeof(text), "%" PRId64 "ns", o->min - 1);
        check_bad_value(command, o, text, SPD_ERR_RANGE);
    }
    for (size_t i = 0; i < N_ROWS(bad); i++)
        check_bad_value(command, o, bad[i], SPD_ERR_INVALID);
}

static void check_dscp(unsigned command, const struct spd_option *o)
{
    static const char *const bad[] = { "",     "64",  "-1",   "256",  "EFF", "AF44",
                                       "AF14", "CS8", "0x40", "best", "4 6", "46x" };

    check_value(command, o, "EF", 46);
    check_value(command, o, "ef", 46);
    check_value(command, o, "af41", 34);
    check_value(command, o, "CS5", 40);
    check_value(command, o, "BE", 0);
    check_value(command, o, "LE", 1);
    check_value(command, o, "0", 0);
    check_value(command, o, "63", 63);
    check_value(command, o, "0x2E", 46);
    for (size_t i = 0; i < N_ROWS(bad); i++)
        check_bad_value(command, o, bad[i], SPD_ERR_INVALID);
    if (o->min < 0)
        check_value(command, o, "copy", -1);
    else
        check_bad_value(command, o, "copy", SPD_ERR_INVALID);
}

static void check_text(unsigned command, const struct spd_option *o)
{
    check_value(command, o, "something", 0);
    check_value(command, o, "with spaces and = signs", 0);
    check_value(command, o, "-5", 0); /* a number is a value */
    check_bad_value(command, o, "", SPD_ERR_INVALID);
}

static void check_flag(unsigned command, const struct spd_option *o)
{
    char name[64], with_value[80], letter[3] = { '-', o->letter, 0 };
    struct spd_settings s;
    struct spd_diag diag;

    snprintf(name, sizeof(name), "--%s", o->name);
    snprintf(with_value, sizeof(with_value), "--%s=yes", o->name);
    CHECK_ROW_INT(name, PARSE(command, &s, &diag, name), SPD_ERR_OK);
    CHECK_ROW(name, *(const bool *)field(&s, o));
    CHECK_ROW_INT(name, PARSE(command, &s, &diag, name, name), SPD_ERR_OK);
    check_refused(name, PARSE(command, &s, &diag, with_value), SPD_ERR_INVALID, &diag,
                  "takes no value");
    if (!o->letter)
        return;
    CHECK_ROW_INT(name, PARSE(command, &s, &diag, letter), SPD_ERR_OK);
    CHECK_ROW(name, *(const bool *)field(&s, o));
}

static void every_option_takes_its_values_and_refuses_all_others(void **state)
{
    (void)state;
    for (size_t k = 0; k < N_ROWS(commands); k++)
        for (size_t i = 0; i < spd_n_options; i++) {
            const struct spd_option *o = &spd_options[i];

            if (!(o->commands & commands[k]))
                continue;
            switch (o->kind) {
            case SPD_OPTION_FLAG:
                check_flag(commands[k], o);
                break;
            case SPD_OPTION_COUNT:
                check_count(commands[k], o);
                break;
            case SPD_OPTION_DURATION:
                check_duration(commands[k], o);
                break;
            case SPD_OPTION_DSCP:
                check_dscp(commands[k], o);
                break;
            case SPD_OPTION_TEXT:
            case SPD_OPTION_TEXTS:
                check_text(commands[k], o);
                break;
            default:
                fail_msg("--%s: no check for its kind of value", o->name);
            }
        }
}

/* The same name may mean something to one command and nothing to another. */
static bool is_known(unsigned command, const char *name)
{
    for (size_t i = 0; i < spd_n_options; i++)
        if ((spd_options[i].commands & command) && strcmp(spd_options[i].name, name) == 0)
            return true;
    return false;
}

static void option_of_another_command_is_unknown(void **state)
{
    (void)state;
    for (size_t k = 0; k < N_ROWS(commands); k++)
        for (size_t i = 0; i < spd_n_options; i++) {
            const struct spd_option *o = &spd_options[i];
            char name[64];
            struct spd_settings s;
            struct spd_diag diag;

            if (is_known(commands[k], o->name))
                continue;
            snprintf(name, sizeof(name), "--%s", o->name);
            check_refused(name, PARSE(commands[k], &s, &diag, name, "1"), SPD_ERR_INVALID, &diag,
                          "no such option");
        }
}

static void option_at_the_end_that_needs_a_value_is_refused(void **state)
{
    (void)state;
    for (size_t k = 0; k < N_ROWS(commands); k++)
        for (size_t i = 0; i < spd_n_options; i++) {
            const struct spd_option *o = &spd_options[i];
            char name[64];
            struct spd_settings s;
            struct spd_diag diag;

            if (!(o->commands & commands[k]) || o->kind == SPD_OPTION_FLAG)
                continue;
            snprintf(name, sizeof(name), "--%s", o->name);
            check_refused(name, PARSE(commands[k], &s, &diag, name), SPD_ERR_INVALID, &diag,
                          "needs a value");
            check_refused(name, PARSE(commands[k], &s, &diag, name, "--quiet"), SPD_ERR_INVALID,
                          &diag, "needs a value");
        }
}

/* ---- order, operands and the end of options ---- */

struct line_row {
    const char *name;
    unsigned command;
    const char *arguments[6];
    enum spd_err expected;
    const char *says; /* or the operand */
};

static const struct line_row line_rows[] = {
    { "operand only", SPD_COMMAND_BURST, { "a" }, SPD_ERR_OK, "a" },
    { "options before the operand", SPD_COMMAND_BURST, { "-n", "5", "a" }, SPD_ERR_OK, "a" },
    { "options after the operand", SPD_COMMAND_BURST, { "a", "-n", "5" }, SPD_ERR_OK, "a" },
    { "both", SPD_COMMAND_BURST, { "-n5", "a", "--json" }, SPD_ERR_OK, "a" },
    { "the end of options", SPD_COMMAND_BURST, { "--", "a" }, SPD_ERR_OK, "a" },
    { "an operand like an option", SPD_COMMAND_BURST, { "--", "--json" }, SPD_ERR_OK, "--json" },
    { "a single dash is an operand", SPD_COMMAND_BURST, { "-" }, SPD_ERR_OK, "-" },
    { "no operand", SPD_COMMAND_BURST, { NULL }, SPD_ERR_INVALID, "HOST is missing" },
    { "nothing behind the end of options",
      SPD_COMMAND_BURST,
      { "--" },
      SPD_ERR_INVALID,
      "HOST is missing" },
    { "two operands", SPD_COMMAND_BURST, { "a", "b" }, SPD_ERR_INVALID, "b: only one HOST" },
    { "an operand where none is wanted",
      SPD_COMMAND_REFLECT,
      { "a" },
      SPD_ERR_INVALID,
      "a: this command takes no operand" },
    { "none, and none wanted", SPD_COMMAND_REFLECT, { NULL }, SPD_ERR_OK, NULL },
    { "unknown long option",
      SPD_COMMAND_BURST,
      { "a", "--nonsense" },
      SPD_ERR_INVALID,
      "--nonsense: no such option" },
    { "unknown letter", SPD_COMMAND_BURST, { "a", "-Z" }, SPD_ERR_INVALID, "-Z: no such option" },
    { "half a name", SPD_COMMAND_BURST, { "a", "--pack", "5" }, SPD_ERR_INVALID, "--pack" },
    { "a longer name",
      SPD_COMMAND_BURST,
      { "a", "--packets2", "5" },
      SPD_ERR_INVALID,
      "--packets2" },
    { "a name of nothing", SPD_COMMAND_BURST, { "a", "--=5" }, SPD_ERR_INVALID, "--=5" },
    { "the last of two wins", SPD_COMMAND_BURST, { "a", "-n", "5", "-n", "7" }, SPD_ERR_OK, "a" },
    { "IPv4 and IPv6",
      SPD_COMMAND_BURST,
      { "a", "-4", "-6" },
      SPD_ERR_INVALID,
      "exclude each other" },
    { "IPv4 by its letter", SPD_COMMAND_BURST, { "-4", "a" }, SPD_ERR_OK, "a" },
    { "IPv6 by its letter", SPD_COMMAND_BURST, { "a", "-6" }, SPD_ERR_OK, "a" },
    { "a digit that is no option",
      SPD_COMMAND_BURST,
      { "a", "-5" },
      SPD_ERR_INVALID,
      "-5: no such option" },
    { "flags in one word", SPD_COMMAND_BURST, { "a", "-jq" }, SPD_ERR_INVALID, "takes no value" },
    { "help wins over everything behind it",
      SPD_COMMAND_BURST,
      { "--help", "--nonsense" },
      SPD_ERR_OK,
      NULL },
    { "help without the operand", SPD_COMMAND_BURST, { "-h" }, SPD_ERR_OK, NULL },
    { "empty argument", SPD_COMMAND_REFLECT, { "" }, SPD_ERR_INVALID, "takes no operand" },
};

static void arguments_may_stand_in_any_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(line_rows); i++) {
        const struct line_row *row = &line_rows[i];
        struct spd_settings s;
        struct spd_diag diag = { 0 };
        char *argv[6];
        int argc = 0;
        enum spd_err err;

        while (argc < 6 && row->arguments[argc]) {
            argv[argc] = (char *)(uintptr_t)row->arguments[argc];
            argc++;
        }
        err = spd_options_parse(row->command, operand_of(row->command), false, argc, argv, &s, &diag);
        if (row->expected != SPD_ERR_OK)
            check_refused(row->name, err, row->expected, &diag, row->says);
        else
            CHECK_ROW_INT(row->name, err, SPD_ERR_OK);
        if (row->expected == SPD_ERR_OK && row->says)
            CHECK_ROW_TEXT(row->name, s.host, row->says);
    }
}

static void last_of_two_values_wins(void **state)
{
    struct spd_settings s;
    struct spd_diag diag;

    (void)state;
    assert_int_equal(PARSE(SPD_COMMAND_BURST, &s, &diag, "-n", "5", "--packets=7"), SPD_ERR_OK);
    assert_int_equal(s.n_packets, 7);
}

static void repeatable_option_keeps_all_up_to_its_limit(void **state)
{
    const char *arguments[2 * SPD_TEXTS_MAX + 3] = { NULL };
    char addresses[SPD_TEXTS_MAX + 1][16];
    struct spd_settings s;
    struct spd_diag diag;

    (void)state;
    for (size_t i = 0; i < SPD_TEXTS_MAX; i++) {
        snprintf(addresses[i], sizeof(addresses[i]), "[::]:%u", (unsigned)(1000 + i));
        arguments[2 * i] = "--listen";
        arguments[2 * i + 1] = addresses[i];
    }
    assert_int_equal(parse(SPD_COMMAND_REFLECT, arguments, &s, &diag), SPD_ERR_OK);
    assert_int_equal(s.listen.n, SPD_TEXTS_MAX);
    for (size_t i = 0; i < SPD_TEXTS_MAX; i++)
        assert_ptr_equal(s.listen.text[i], addresses[i]);
    arguments[2 * SPD_TEXTS_MAX] = "--listen";
    arguments[2 * SPD_TEXTS_MAX + 1] = "one.more:1";
    check_refused("one too many", parse(SPD_COMMAND_REFLECT, arguments, &s, &diag), SPD_ERR_RANGE,
                  &diag, "at most 64 times");
}

/* ---- durations ---- */

struct duration_row {
    const char *text;
    bool good;
    spd_ns expected;
};

static const struct duration_row duration_rows[] = {
    { "0", true, 0 },
    { "1", true, SPD_NS_PER_MS },
    { "1.5", true, 1500000 },
    { "500us", true, 500000 },
    { "20ms", true, 20 * SPD_NS_PER_MS },
    { "2s", true, 2 * SPD_NS_PER_S },
    { "0.5s", true, SPD_NS_PER_S / 2 },
    { "2min", true, 120 * SPD_NS_PER_S },
    { "7ns", true, 7 },
    { "0.4ns", true, 0 },
    { "0.5ns", true, 1 },
    { "1e3ns", true, 1000 },
    { "1000000s", true, 1000000 * SPD_NS_PER_S },
    { "007ms", true, 7 * SPD_NS_PER_MS },
    { "3.ms", true, 3 * SPD_NS_PER_MS },
    { "1000001s", false, 0 },
    { "1e300s", false, 0 },
    { "1e400", false, 0 },
    { "", false, 0 },
    { " 1ms", false, 0 },
    { "1 ms", false, 0 },
    { "1ms ", false, 0 },
    { "ms", false, 0 },
    { ".5s", false, 0 },
    { "-1ms", false, 0 },
    { "+1ms", false, 0 },
    { "0x10ms", false, 0 },
    { "0X1p4", false, 0 },
    { "1h", false, 0 },
    { "1m", false, 0 },
    { "1MS", false, 0 },
    { "1msec", false, 0 },
    { "inf", false, 0 },
    { "nan", false, 0 },
    { "1,5s", false, 0 },
    { "1e", false, 0 },
};

static void duration_is_a_number_with_its_unit(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(duration_rows); i++) {
        const struct duration_row *row = &duration_rows[i];
        spd_ns value = -77;

        CHECK_ROW_INT(row->text, spd_duration_parse(row->text, &value), row->good);
        CHECK_ROW_INT(row->text, value, row->good ? row->expected : -77);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_is_sound),
        cmocka_unit_test(defaults_are_those_of_the_table),
        cmocka_unit_test(every_option_takes_its_values_and_refuses_all_others),
        cmocka_unit_test(option_of_another_command_is_unknown),
        cmocka_unit_test(option_at_the_end_that_needs_a_value_is_refused),
        cmocka_unit_test(arguments_may_stand_in_any_order),
        cmocka_unit_test(last_of_two_values_wins),
        cmocka_unit_test(repeatable_option_keeps_all_up_to_its_limit),
        cmocka_unit_test(duration_is_a_number_with_its_unit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

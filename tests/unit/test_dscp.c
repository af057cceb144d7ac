/*
 * Names of code points, and what is none.
 */
#include "tests/unit/unit.h"

#include <stdio.h>

#include "common/base/dscp.h"

struct dscp_row {
    const char *text;
    uint8_t dscp;
};

static const struct dscp_row good_rows[] = {
    { "BE", 0 },    { "CS0", 0 },   { "DF", 0 },    { "LE", 1 },    { "CS1", 8 },
    { "CS2", 16 },  { "CS3", 24 },  { "CS4", 32 },  { "CS5", 40 },  { "CS6", 48 },
    { "CS7", 56 },  { "AF11", 10 }, { "AF12", 12 }, { "AF13", 14 }, { "AF21", 18 },
    { "AF22", 20 }, { "AF23", 22 }, { "AF31", 26 }, { "AF32", 28 }, { "AF33", 30 },
    { "AF41", 34 }, { "AF42", 36 }, { "AF43", 38 }, { "VA", 44 },   { "VOICE-ADMIT", 44 },
    { "EF", 46 },   { "ef", 46 },   { "af41", 34 }, { "Cs5", 40 },  { "voice-Admit", 44 },
    { "0", 0 },     { "63", 63 },   { "046", 46 },  { "0x2e", 46 }, { "0X2E", 46 },
    { "0x0", 0 },   { "0x3f", 63 }, { "007", 7 },
};

static void names_and_numbers_are_understood(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(good_rows); i++) {
        uint8_t dscp = 99;
        CHECK_ROW(good_rows[i].text, spd_dscp_parse(good_rows[i].text, &dscp));
        CHECK_ROW_INT(good_rows[i].text, dscp, good_rows[i].dscp);
    }
}

static const char *const bad_texts[] = {
    "",     " ",     "64",  "0x40", "-1",    "+1",         "1.0",
    "1 ",   " 1",    "0x",  "0xg",  "1e1",   "4294967296", "99999999999999999999999999",
    "E",    "EFF",   "EF ", "AF",   "AF1",   "AF10",       "AF14",
    "AF51", "AF411", "CS",  "CS8",  "voice", "nonsense",   "\xC3\xA9",
    "a1",
};

static void nonsense_is_refused_and_nothing_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(bad_texts); i++) {
        uint8_t dscp = 99;
        CHECK_ROW(bad_texts[i], !spd_dscp_parse(bad_texts[i], &dscp));
        CHECK_ROW_INT(bad_texts[i], dscp, 99);
    }
}

static void every_number_is_its_own_text(void **state)
{
    (void)state;
    for (unsigned value = 0; value < 300; value++) {
        char text[8];
        uint8_t dscp = 99;
        snprintf(text, sizeof text, "%u", value);
        CHECK_ROW_INT(text, spd_dscp_parse(text, &dscp), value < 64);
        CHECK_ROW_INT(text, dscp, value < 64 ? value : 99);
    }
}

static void names_lead_back_to_their_number(void **state)
{
    (void)state;
    int n_named = 0;

    for (unsigned value = 0; value < 256; value++) {
        const char *name = spd_dscp_name((uint8_t)value);
        uint8_t dscp;
        if (!name)
            continue;
        n_named++;
        CHECK_ROW(name, spd_dscp_parse(name, &dscp));
        CHECK_ROW_INT(name, dscp, value);
    }
    assert_int_equal(n_named, 23); /* BE, LE, CS1..CS7, 12 AF, VA, EF */
    assert_string_equal(spd_dscp_name(0), "BE");
    assert_string_equal(spd_dscp_name(46), "EF");
    assert_string_equal(spd_dscp_name(44), "VA");
    assert_null(spd_dscp_name(63));
    assert_null(spd_dscp_name(64));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_numbers_are_understood),
        cmocka_unit_test(nonsense_is_refused_and_nothing_written),
        cmocka_unit_test(every_number_is_its_own_text),
        cmocka_unit_test(names_lead_back_to_their_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

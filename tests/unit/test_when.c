/* Times of day as people write and read them. */
#include "common/result/when.h"

#include <stdio.h>
#include <time.h>

#include "tests/unit/unit.h"

/* 2026-11-20 22:40:00 UTC */
static const spd_wall now = { INT64_C(1795214400) * SPD_NS_PER_S };

/* One hour, and two from 2026-03-29 01:00 UTC to 2026-10-25 01:00 UTC. */
static spd_ns berlin(spd_wall at)
{
    int64_t s = at.ns / SPD_NS_PER_S;

    return (s >= INT64_C(1774746000) && s < INT64_C(1792890000) ? 2 : 1) * 3600 * SPD_NS_PER_S;
}

static const struct {
    const char *text;
    bool good;
    int64_t s;
} rows[] = {
    { "2026-11-20 22:40:00Z", true, 1795214400 },
    { "2026-11-20T22:40:00Z", true, 1795214400 },
    { "2026-11-20 22:40 UTC", true, 1795214400 },
    { "2026-11-20 UTC", true, 1795132800 },
    { "2026-11-20", true, 1795132800 - 3600 },
    { "2026-11-20 23:40", true, 1795214400 },
    { "2026-11-20T23:40:30", true, 1795214430 },
    { "2026-07-01 12:00", true, 1782900000 },
    { "2026-03-29 01:59:59", true, 1774745999 },
    { "2026-03-29 03:00", true, 1774746000 },
    { "2026-10-25 03:00", true, 1792893600 },
    { "1970-01-02Z", true, 86400 },
    { "2000-02-29Z", true, 951782400 },
    { "2024-02-29Z", true, 1709164800 },
    { "2261-12-31Z", true, 9214560000 },
    { "90s", true, 1795214400 - 90 },
    { "30min", true, 1795214400 - 1800 },
    { "2h", true, 1795214400 - 7200 },
    { "7d", true, 1795214400 - 7 * 86400 },
    { "4w", true, 1795214400 - 28 * 86400 },
    { "0s", true, 1795214400 },
    { "", false, 0 },
    { "7", false, 0 },
    { "d", false, 0 },
    { "-7d", false, 0 },
    { "7 d", false, 0 },
    { "1.5h", false, 0 },
    { "7days", false, 0 },
    { "999999999w", false, 0 },
    { "9999999999s", false, 0 },
    { "yesterday", false, 0 },
    { "2026", false, 0 },
    { "2026-11", false, 0 },
    { "2026-1-2", false, 0 },
    { "2026-00-10", false, 0 },
    { "2026-13-10", false, 0 },
    { "2026-11-00", false, 0 },
    { "2026-11-31", false, 0 },
    { "2026-02-29", false, 0 },
    { "2100-02-29", false, 0 },
    { "2026-11-20 24:00", false, 0 },
    { "2026-11-20 23:60", false, 0 },
    { "2026-11-20 23:59:60", false, 0 },
    { "2026-11-20 23", false, 0 },
    { "2026-11-20 23:40:", false, 0 },
    { "2026-11-20 23:40 CET", false, 0 },
    { "2026-11-20x", false, 0 },
    { "2026-11-20 ", false, 0 },
    { "1969-12-31", false, 0 },
    { "9999-01-01", false, 0 },
};

static void a_time_is_read_as_it_is_typed(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        spd_wall got = { -77 };

        CHECK_ROW_INT(rows[i].text, spd_when_parse(rows[i].text, now, berlin, &got), rows[i].good);
        CHECK_ROW_INT(rows[i].text, got.ns, rows[i].good ? rows[i].s * SPD_NS_PER_S : -77);
    }
}

static void every_day_is_written_as_the_c_library_does(void **state)
{
    char text[SPD_WHEN_BYTES], expected[SPD_WHEN_BYTES];

    (void)state;
    /* Some 230 years, in steps that are no whole days. */
    for (int64_t s = 0; s < INT64_C(7258118400); s += 86399) {
        time_t at = (time_t)s;

        strftime(expected, sizeof(expected), "%Y-%m-%d %H:%M:%S", gmtime(&at));
        assert_string_equal(spd_when_text((spd_wall){ s * SPD_NS_PER_S + 999 }, 0, text), expected);
    }
    assert_string_equal(spd_when_text(now, berlin(now), text), "2026-11-20 23:40:00");
    assert_string_equal(spd_when_text(now, -8 * 3600 * SPD_NS_PER_S, text), "2026-11-20 14:40:00");
    assert_string_equal(spd_when_utc(now, text), "2026-11-20T22:40:00Z");
    assert_string_equal(spd_when_name(now, text), "20261120T224000Z");
    assert_string_equal(spd_when_utc((spd_wall){ -1 }, text), "1969-12-31T23:59:59Z");
    spd_when_utc((spd_wall){ INT64_MIN }, text);
    spd_when_utc((spd_wall){ INT64_MAX }, text);
    assert_string_equal(text, "2262-04-11T23:47:16Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_is_read_as_it_is_typed),
        cmocka_unit_test(every_day_is_written_as_the_c_library_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * Rates as typed.
 */
#include "service/options.h"
#include "tests/unit/unit.h"

static void rates_are_read(void **state)
{
    static const struct {
        const char *text;
        uint64_t expected; /* 0: refused */
    } rows[] = {
        { "24000", 24000 },
        { "1", 1 },
        { "24kbit", 24000 },
        { "24kbit/s", 24000 },
        { "24k", 24000 },
        { "1.5M", 1500000 },
        { "1.5Mbit", 1500000 },
        { "0.5k", 500 },
        { "1Gbit", 1000000000 },
        { "1000G", UINT64_C(1000000000000) },
        { "1e3", 1000 },
        { "100bit", 100 },
        { "100bit/s", 100 },
        { "", 0 },
        { "0", 0 },
        { "0kbit", 0 },
        { "-1", 0 },
        { "-24kbit", 0 },
        { "+5", 0 },
        { "k", 0 },
        { ".k", 0 },
        { "1001G", 0 },
        { "1000000000001", 0 },
        { "99999999999999999999999", 0 },
        { "0x10", 0 },
        { "nan", 0 },
        { "inf", 0 },
        { "1 M", 0 },
        { " 1M", 0 },
        { "1M ", 0 },
        { "1Mbit/", 0 },
        { "1Mbit/h", 0 },
        { "1MB", 0 },
        { "1T", 0 },
        { "1.2.3k", 0 },
        { "0.0001k", 0 },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        uint64_t got = 77;
        bool ok = spd_rate_parse(rows[i].text, &got);

        if (ok != (rows[i].expected != 0) || got != (rows[i].expected ? rows[i].expected : 77))
            fail_msg("row \"%s\": %s, %llu", rows[i].text, ok ? "read" : "refused",
                     (unsigned long long)got);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(rates_are_read) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

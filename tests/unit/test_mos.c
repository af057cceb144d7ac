/*
 * The E-model against values worked out by hand from ITU-T G.107 and against
 * the points that the standard itself names.
 */
#include "common/analysis/mos.h"

#include <math.h>
#include <string.h>

#include "tests/unit/unit.h"

struct row {
    const char *name;
    const char *codec;
    double delay_ms;
    double loss_percent;
    double burst_ratio;
    double r;
    double mos;
};

/* G.107 defaults give R 93.2, MOS 4.41. Others by its equations with pencil:
 * Ie,eff = Ie + (95 - Ie) Ppl / (Ppl / BurstR + Bpl). */
static const struct row rows[] = {
    { "nothing wrong", "G.711", 0, 0, 1, 93.2, 4.409 },
    { "delay up to 100 ms is free", "G.711", 100, 0, 1, 93.2, 4.409 },
    { "200 ms: x = 1", "G.711", 200, 0, 1, 93.2 - 25 * (1.122462 - 3 * 1.000229 + 2), 4.34 },
    { "400 ms: x = 2", "G.711", 400, 0, 1, 93.2 - 25 * (2.005174 - 3 * 1.014124 + 2), 3.556 },
    { "one per cent, concealed", "G.711", 0, 1, 1, 93.2 - 95.0 / 26.1, 4.33 },
    { "one per cent, not concealed", "G.711-noPLC", 0, 1, 1, 93.2 - 95.0 / 5.3, 3.83 },
    { "bursts of twice the random length", "G.711", 0, 4, 2, 93.2 - 380.0 / 27.1, 3.98 },
    { "G.729A without loss", "G.729A", 0, 0, 1, 82.2, 4.1 },
    { "half lost", "G.729A", 0, 50, 1, 82.2 - 84.0 * 50 / 69, 1.28 },
    { "everything lost", "G.711-noPLC", 0, 100, 1, 93.2 - 9500.0 / 104.3, 1.0 },
    { "negative delay counts as none", "G.711", -50, 0, 1, 93.2, 4.409 },
};

static void rating_follows_the_equations(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];
        const struct spd_codec *codec = spd_codec_find(row->codec);
        struct spd_mos mos;

        assert_non_null(codec);
        spd_mos_compute(codec, (spd_ns)(row->delay_ms * 1e6), row->loss_percent / 100,
                        row->burst_ratio, &mos);
        if (fabs(mos.r - row->r) > 0.01 || fabs(mos.mos - row->mos) > 0.02)
            fail_msg("%s: R %.3f (want %.3f), MOS %.3f (want %.3f)", row->name, mos.r, row->r,
                     mos.mos, row->mos);
    }
}

static void more_delay_or_loss_never_sounds_better(void **state)
{
    (void)state;
    for (size_t c = 0; c < spd_n_codecs; c++) {
        double last = 100;

        for (int step = 0; step <= 200; step++) {
            struct spd_mos by_delay, by_loss;

            spd_mos_compute(&spd_codecs[c], step * 5 * SPD_NS_PER_MS, 0, 1, &by_delay);
            spd_mos_compute(&spd_codecs[c], 0, step / 200.0, 1, &by_loss);
            assert_true(by_delay.r <= last + 1e-9);
            assert_true(by_loss.mos >= 1 && by_loss.mos <= 4.5);
            last = by_delay.r;
        }
    }
}

static void burst_ratio_compares_runs_with_chance(void **state)
{
    (void)state;
    assert_true(spd_mos_burst_ratio(1000, 0, 0) == 1);
    assert_true(spd_mos_burst_ratio(0, 0, 0) == 1);
    assert_true(spd_mos_burst_ratio(10, 10, 1) == 1);
    /* 100 lost singly of 1000: runs of 1, chance gives 1 / 0.9. */
    assert_true(spd_mos_burst_ratio(1000, 100, 100) == 1);
    /* In runs of 5: 5 * 0.9. */
    assert_true(fabs(spd_mos_burst_ratio(1000, 100, 20) - 4.5) < 1e-9);
}

static void codecs_are_found_by_name(void **state)
{
    (void)state;
    assert_ptr_equal(spd_codec_find("g.729a"), &spd_codecs[2]);
    assert_null(spd_codec_find("G.7"));
    assert_null(spd_codec_find(""));
    assert_string_equal(spd_codec_default()->name, "G.711");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rating_follows_the_equations),
        cmocka_unit_test(more_delay_or_loss_never_sounds_better),
        cmocka_unit_test(burst_ratio_compares_runs_with_chance),
        cmocka_unit_test(codecs_are_found_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

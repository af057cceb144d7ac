/* Loss counts, ratios and runs against fates given. */
#include "tests/unit/unit.h"

#include "common/analysis/loss.h"
#include "tests/unit/record_builder.h"

/* One character a packet, as spd_fate_text begins: R received, F lost forward,
 * V lost on the way back, L lost, N not sent, U unreachable, P pending, 2 with
 * two replies, 4 with four; | begins a new burst. */
static void make(struct spd_test_record *record, const char *fates)
{
    size_t n_bursts = 1;
    uint32_t burst = 0;

    for (const char *c = fates; *c; c++)
        n_bursts += *c == '|';
    builder_init(record, n_bursts, strlen(fates), 0);
    record->n_packets = 0;
    for (size_t b = 0; b < n_bursts; b++)
        record->bursts[b].n_packets = 0;
    for (const char *c = fates; *c; c++) {
        if (*c == '|') {
            record->bursts[++burst].first_packet = (uint32_t)record->n_packets;
            continue;
        }
        struct spd_packet_record *packet = &record->packets[record->n_packets++];
        packet->burst = burst;
        packet->n_replies = *c == 'R' ? 1 : *c == '2' ? 2 : *c == '4' ? 4 : 0;
        packet->fate =
            (uint8_t)(packet->n_replies > 0 ? SPD_FATE_RECEIVED
                                            : strchr("PRFVLNU", *c) - "PRFVLNU" + SPD_FATE_PENDING);
        record->bursts[burst].n_packets++;
    }
}

struct row {
    const char *name;
    const char *fates;
    uint32_t sent, received, forward, reverse, unknown;
    double ratio, ratio_forward, ratio_reverse;
    uint32_t n_periods, longest;
};

static const struct row rows[] = {
    { "nothing lost", "RRRR", 4, 4, 0, 0, 0, 0.0, 0.0, 0.0, 0, 0 },
    { "one packet, received", "R", 1, 1, 0, 0, 0, 0.0, 0.0, 0.0, 0, 0 },
    { "all lost forward", "FFFF", 4, 0, 4, 0, 0, 1.0, 1.0, -1.0, 1, 4 },
    { "all replies lost", "VVVV", 4, 0, 0, 4, 0, 1.0, 0.0, 1.0, 1, 4 },
    { "the way back counts only what reached the reflector", "RFVF", 4, 1, 2, 1, 0, 0.75, 0.5, 0.5,
      1, 3 },
    { "two runs", "RLLRRLR", 7, 4, 0, 0, 3, 3.0 / 7.0, 0.0, 0.0, 2, 2 },
    { "a run ends with its burst", "RRL|LRR", 6, 4, 0, 0, 2, 2.0 / 6.0, 0.0, 0.0, 2, 1 },
    { "what was not sent is not lost, nor does it end a run", "RLNLR", 4, 2, 0, 0, 2, 0.5, 0.0, 0.0,
      1, 2 },
    { "unreachable is not lost", "RURU", 4, 2, 0, 0, 0, 0.0, 0.0, 0.0, 0, 0 },
    { "what is still awaited is not lost", "RRFPP", 5, 2, 1, 0, 0, 1.0 / 3.0, 1.0 / 3.0, 0.0, 1,
      1 },
    { "nothing was sent", "NN", 0, 0, 0, 0, 0, -1.0, -1.0, -1.0, 0, 0 },
    { "duplicates are received once", "2R4", 3, 3, 0, 0, 0, 0.0, 0.0, 0.0, 0, 0 },
};

static bool near(double a, double b)
{
    return a - b < 1e-12 && b - a < 1e-12;
}

static void counts_and_ratios_follow_from_fates(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        const struct row *row = &rows[i];
        struct spd_test_record record;
        struct spd_loss loss;

        make(&record, row->fates);
        spd_loss_count(&record, &loss);
        CHECK_ROW_INT(row->name, loss.n_sent, row->sent);
        CHECK_ROW_INT(row->name, loss.n_received, row->received);
        CHECK_ROW_INT(row->name, loss.n_lost_forward, row->forward);
        CHECK_ROW_INT(row->name, loss.n_lost_reverse, row->reverse);
        CHECK_ROW_INT(row->name, loss.n_lost_unknown, row->unknown);
        CHECK_ROW_INT(row->name, loss.n_lost, row->forward + row->reverse + row->unknown);
        CHECK_ROW_INT(row->name, loss.n_sent,
                      loss.n_received + loss.n_lost + loss.n_unreachable + loss.n_unresolved);
        CHECK_ROW(row->name, near(loss.ratio, row->ratio));
        CHECK_ROW(row->name, near(loss.ratio_forward, row->ratio_forward));
        CHECK_ROW(row->name, near(loss.ratio_reverse, row->ratio_reverse));
        CHECK_ROW_INT(row->name, loss.periods.n_periods, row->n_periods);
        CHECK_ROW_INT(row->name, loss.periods.longest_packets, row->longest);
        builder_fini(&record);
    }
}

static void runs_are_told_by_direction(void **state)
{
    struct spd_test_record record;
    struct spd_loss loss;

    (void)state;
    make(&record, "FFVRFVVV");
    spd_loss_count(&record, &loss);
    assert_int_equal(loss.periods.n_periods, 2);
    assert_int_equal(loss.periods.longest_packets, 4);
    assert_int_equal(loss.periods_forward.n_periods, 2);
    assert_int_equal(loss.periods_forward.longest_packets, 2);
    assert_int_equal(loss.periods_reverse.n_periods, 2);
    assert_int_equal(loss.periods_reverse.longest_packets, 3);
    builder_fini(&record);
}

static void superseded_bursts_do_not_count(void **state)
{
    struct spd_test_record record;
    struct spd_loss loss;

    (void)state;
    make(&record, "FFFF|RRVR");
    record.bursts[0].superseded = true;
    record.bursts[0].n_lost_forward_unplaced = 0;
    spd_loss_count(&record, &loss);
    assert_int_equal(loss.n_packets, 4);
    assert_int_equal(loss.n_lost_forward, 0);
    assert_int_equal(loss.n_lost_reverse, 1);
    builder_fini(&record);
}

static void counts_without_a_place_are_no_longer_unknown(void **state)
{
    struct spd_test_record record;
    struct spd_loss loss;

    (void)state;
    make(&record, "RLLLRLR");
    record.bursts[0].n_lost_forward_unplaced = 2;
    record.bursts[0].n_lost_reverse_unplaced = 1;
    spd_loss_count(&record, &loss);
    assert_int_equal(loss.n_lost, 4);
    assert_int_equal(loss.n_lost_forward, 2);
    assert_int_equal(loss.n_lost_reverse, 1);
    assert_int_equal(loss.n_lost_unknown, 1);
    builder_fini(&record);
}

static void duplicates_are_counted_both_ways(void **state)
{
    struct spd_test_record record;
    struct spd_loss loss;

    (void)state;
    make(&record, "2R4L");
    spd_loss_count(&record, &loss);
    assert_int_equal(loss.n_duplicated, 2);
    assert_int_equal(loss.n_duplicate_replies, 4);
    builder_fini(&record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_and_ratios_follow_from_fates),
        cmocka_unit_test(runs_are_told_by_direction),
        cmocka_unit_test(superseded_bursts_do_not_count),
        cmocka_unit_test(counts_without_a_place_are_no_longer_unknown),
        cmocka_unit_test(duplicates_are_counted_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

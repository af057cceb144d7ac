/*
 * Packets lost by the network: exactly those, and in the direction in which
 * they were lost, when the reflector numbers its replies.
 */
#include "tests/sim/sim_burst.h"
#include "tests/unit/unit.h"

struct loss_row {
    const char *name;
    struct sim_list forward; /* positions among what each direction was offered */
    struct sim_list reverse;
    uint32_t n_bursts;
};

/* Bursts of 20. A packet lost on the way there never asks for a reply, so the
 * positions on the way back are fewer. */
static const struct loss_row loss_rows[] = {
    { "none", { NULL, 0 }, { NULL, 0 }, 1 },
    { "the first, forward", SIM_LIST(0), { NULL, 0 }, 1 },
    { "the first, reverse", { NULL, 0 }, SIM_LIST(0), 1 },
    { "one in the middle, forward", SIM_LIST(9), { NULL, 0 }, 1 },
    { "one in the middle, reverse", { NULL, 0 }, SIM_LIST(9), 1 },
    { "a run, forward", SIM_LIST(5, 6, 7, 8), { NULL, 0 }, 1 },
    { "a run, reverse", { NULL, 0 }, SIM_LIST(5, 6, 7, 8), 1 },
    { "every second, forward", SIM_LIST(1, 3, 5, 7, 9, 11, 13, 15, 17), { NULL, 0 }, 1 },
    { "every second, reverse", { NULL, 0 }, SIM_LIST(1, 3, 5, 7, 9, 11, 13, 15, 17), 1 },
    { "both, apart", SIM_LIST(3, 12), SIM_LIST(6, 14), 1 },
    { "the last, forward", SIM_LIST(19), { NULL, 0 }, 1 },
    { "the last, reverse", { NULL, 0 }, SIM_LIST(19), 1 },
    { "a tail, forward", SIM_LIST(15, 16, 17, 18, 19), { NULL, 0 }, 1 },
    { "a tail, reverse", { NULL, 0 }, SIM_LIST(15, 16, 17, 18, 19), 1 },
    { "all but the first, forward",
      SIM_LIST(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19),
      { NULL, 0 },
      1 },
    { "a whole burst, forward",
      SIM_LIST(20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39),
      { NULL, 0 },
      3 },
    { "a whole burst, reverse",
      { NULL, 0 },
      SIM_LIST(20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39),
      3 },
    { "over the border of two bursts, forward", SIM_LIST(18, 19, 20, 21), { NULL, 0 }, 3 },
    { "over the border of two bursts, reverse", { NULL, 0 }, SIM_LIST(18, 19, 20, 21), 3 },
};

static bool is_listed(const struct sim_list *list, uint32_t position)
{
    for (size_t i = 0; i < list->n; i++)
        if (list->indices[i] == position)
            return true;
    return false;
}

static struct sim_burst_scenario scenario_of(const struct loss_row *row)
{
    return (struct sim_burst_scenario){
        .n_bursts = row->n_bursts,
        .forward = { .delay_ns = 30000, .lose = row->forward },
        .reverse = { .delay_ns = 50000, .lose = row->reverse },
        .timeout_ns = 100 * SPD_NS_PER_MS,
    };
}

static void stateful_reflector_shows_which_packets_were_lost_on_which_way(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(loss_rows); i++) {
        const struct loss_row *row = &loss_rows[i];
        struct sim_burst_scenario s = scenario_of(row);
        const struct spd_loss *loss;
        struct sim_burst b;
        uint32_t n_reached = 0;

        sim_burst_run(&b, &s);
        loss = &b.summary.loss;
        for (uint32_t seq = 0; seq < b.record->n_packets; seq++) {
            enum spd_fate expected = SPD_FATE_RECEIVED;

            if (is_listed(&row->forward, seq))
                expected = SPD_FATE_LOST_FORWARD;
            else if (is_listed(&row->reverse, n_reached++))
                expected = SPD_FATE_LOST_REVERSE;
            if (b.record->packets[seq].fate != expected)
                fail_msg("row \"%s\": packet %u is %s, not %s", row->name, seq,
                         spd_fate_text((enum spd_fate)b.record->packets[seq].fate),
                         spd_fate_text(expected));
        }
        CHECK_ROW_INT(row->name, loss->n_lost_forward, row->forward.n);
        CHECK_ROW_INT(row->name, loss->n_lost_reverse, row->reverse.n);
        CHECK_ROW_INT(row->name, loss->n_lost_unknown, 0);
        CHECK_ROW_INT(row->name, loss->n_received + loss->n_lost, loss->n_sent);
        /* What came back is measured as if nothing had been lost. */
        CHECK_ROW_INT(row->name, b.summary.rtt.n, loss->n_received);
        CHECK_ROW_INT(row->name, b.summary.rtt.min_ns, 80000);
        CHECK_ROW_INT(row->name, b.summary.rtt.max_ns, 80000);
        CHECK_ROW_INT(row->name, b.summary.fwd.pdv.max_ns, 0);
        sim_burst_check(row->name, &b, SIM_CHECK_FATES | SIM_CHECK_STAMPS);
        sim_burst_destroy(&b);
    }
}

static void stateless_reflector_leaves_the_direction_open(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(loss_rows); i++) {
        const struct loss_row *row = &loss_rows[i];
        struct sim_burst_scenario s = scenario_of(row);
        struct sim_burst b;

        s.stateless = true;
        sim_burst_run(&b, &s);
        CHECK_ROW_INT(row->name, b.summary.loss.n_lost_forward, 0);
        CHECK_ROW_INT(row->name, b.summary.loss.n_lost_reverse, 0);
        CHECK_ROW_INT(row->name, b.summary.loss.n_lost_unknown, row->forward.n + row->reverse.n);
        CHECK_ROW(row->name, !b.record->environment.items[SPD_ENV_REFLECTOR].fulfilled);
        sim_burst_check(row->name, &b, SIM_CHECK_SOUND | SIM_CHECK_STAMPS);
        sim_burst_destroy(&b);
    }
}

/* Within one gap the numbers tell how many, not which. */
static void losses_on_both_ways_within_one_gap_are_counted_and_not_placed(void **state)
{
    /* Of 8, 9, 10, 11 the first two never arrive there; of the replies to 10
     * and 11 none comes back: they are numbers 8 and 9 of what went back. */
    struct sim_burst_scenario s = { .forward.lose = SIM_LIST(8, 9),
                                    .reverse.lose = SIM_LIST(8, 9),
                                    .timeout_ns = 100 * SPD_NS_PER_MS };
    struct sim_burst b;

    (void)state;
    sim_burst_run(&b, &s);
    for (uint32_t seq = 8; seq < 12; seq++)
        assert_int_equal(b.record->packets[seq].fate, SPD_FATE_LOST);
    assert_int_equal(b.record->bursts[0].n_lost_forward_unplaced, 2);
    assert_int_equal(b.record->bursts[0].n_lost_reverse_unplaced, 2);
    assert_int_equal(b.summary.loss.n_lost_forward, 2);
    assert_int_equal(b.summary.loss.n_lost_reverse, 2);
    assert_int_equal(b.summary.loss.n_lost_unknown, 0);
    sim_burst_check("both in one gap", &b, SIM_CHECK_SOUND);
    sim_burst_destroy(&b);
}

/* Three probes may be sent after the last burst. */
static void closing_probe_is_repeated_when_it_is_lost(void **state)
{
    const struct {
        const char *name;
        struct sim_list forward, reverse;
        bool told;
        enum spd_fate fate;
    } rows[] = {
        { "the first probe gets through", SIM_LIST(19), { NULL, 0 }, true, SPD_FATE_LOST_FORWARD },
        { "the second", SIM_LIST(19, 20), { NULL, 0 }, true, SPD_FATE_LOST_FORWARD },
        { "the third", SIM_LIST(19, 20, 21), { NULL, 0 }, true, SPD_FATE_LOST_FORWARD },
        { "none", SIM_LIST(19, 20, 21, 22), { NULL, 0 }, false, SPD_FATE_LOST },
        { "the reply to the last, and the first probe's",
          { NULL, 0 },
          SIM_LIST(19, 20),
          true,
          SPD_FATE_LOST_REVERSE },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        struct sim_burst_scenario s = { .forward.lose = rows[i].forward,
                                        .reverse.lose = rows[i].reverse,
                                        .timeout_ns = 100 * SPD_NS_PER_MS };
        struct sim_burst b;

        sim_burst_run(&b, &s);
        CHECK_ROW_INT(rows[i].name, b.record->packets[19].fate, rows[i].fate);
        CHECK_ROW_INT(rows[i].name, b.summary.loss.n_lost, 1);
        CHECK_ROW_INT(rows[i].name, b.record->n_replies_unexpected, 0);
        sim_burst_check(rows[i].name, &b, rows[i].told ? SIM_CHECK_FATES : SIM_CHECK_SOUND);
        sim_burst_destroy(&b);
    }
}

/* No probe where the last packet came back, or where it could tell nothing. */
static void closing_probe_is_sent_only_when_it_can_tell_something(void **state)
{
    const struct {
        const char *name;
        struct sim_list forward;
        bool stateless;
        size_t n_probes;
    } rows[] = {
        { "all came back", { NULL, 0 }, false, 0 },
        { "loss in the middle", SIM_LIST(4), false, 0 },
        { "loss at the end", SIM_LIST(19), false, 1 },
        { "loss at the end, stateless", SIM_LIST(19), true, 0 },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        struct sim_burst_scenario s = { .forward.lose = rows[i].forward,
                                        .stateless = rows[i].stateless,
                                        .timeout_ns = 100 * SPD_NS_PER_MS };
        struct sim_burst b;
        size_t n;

        sim_burst_run(&b, &s);
        (void)sim_truth(SIM_BURST_SENDER, SIM_BURST_REFLECTOR, &n);
        CHECK_ROW_INT(rows[i].name, n - b.n_forward_before - 20, rows[i].n_probes);
        sim_burst_destroy(&b);
    }
}

/* 512 bytes at 10 Mbit/s: packet k begins to leave after k * 409.6 us. The link
 * is down from 2 ms to 4 ms, when numbers 5 to 9 begin. */
static void outage_in_the_middle_is_loss_in_its_direction(void **state)
{
    static const struct sim_outage outage = { 2 * SPD_NS_PER_MS, 4 * SPD_NS_PER_MS };

    (void)state;
    for (int reverse = 0; reverse < 2; reverse++) {
        struct sim_link link = { .rate_bps = 10000000, .outages = &outage, .n_outages = 1 };
        struct sim_burst_scenario s = { .timeout_ns = 100 * SPD_NS_PER_MS };
        const char *row = reverse ? "reverse" : "forward";
        const struct spd_loss *loss;
        struct sim_burst b;

        if (reverse)
            s.reverse = link;
        else
            s.forward = link;
        sim_burst_run(&b, &s);
        loss = &b.summary.loss;
        CHECK_ROW_INT(row, loss->n_lost, 5);
        CHECK_ROW_INT(row, loss->n_lost_forward, reverse ? 0 : 5);
        CHECK_ROW_INT(row, loss->n_lost_reverse, reverse ? 5 : 0);
        CHECK_ROW_INT(row, loss->periods.n_periods, 1);
        CHECK_ROW_INT(row, loss->periods.longest_packets, 5);
        for (uint32_t seq = 5; seq < 10; seq++)
            CHECK_ROW_INT(row, b.record->packets[seq].n_replies, 0);
        sim_burst_check(row, &b, SIM_CHECK_FATES | SIM_CHECK_STAMPS);
        sim_burst_destroy(&b);
    }
}

static void discovery_copes_with_loss(void **state)
{
    const struct {
        const char *name;
        struct sim_list forward, reverse;
        bool found;
    } rows[] = {
        { "the first probe", SIM_LIST(0), { NULL, 0 }, true },
        { "the first reply", { NULL, 0 }, SIM_LIST(0), true },
        { "the first two probes", SIM_LIST(0, 1), { NULL, 0 }, true },
        { "a probe between", SIM_LIST(1), { NULL, 0 }, true },
        { "three probes in a row", SIM_LIST(0, 1, 2), { NULL, 0 }, false },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        for (int stateless = 0; stateless < 2; stateless++) {
            struct sim_burst_scenario s = { .from_start = true,
                                            .stateless = stateless != 0,
                                            .forward.lose = rows[i].forward,
                                            .reverse.lose = rows[i].reverse,
                                            .timeout_ns = 100 * SPD_NS_PER_MS };
            struct sim_burst b;

            sim_burst_create(&b, &s);
            while (sim_burst_step(&b, SPD_NS_FOREVER))
                continue;
            CHECK_ROW_INT(rows[i].name, b.record->outcome.err,
                          rows[i].found ? SPD_ERR_OK : SPD_ERR_NO_REPLY);
            if (rows[i].found)
                CHECK_ROW_INT(rows[i].name, b.record->reflector_mode,
                              stateless ? SPD_REFLECTOR_STATELESS : SPD_REFLECTOR_STATEFUL);
            sim_burst_destroy(&b);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stateful_reflector_shows_which_packets_were_lost_on_which_way),
        cmocka_unit_test(stateless_reflector_leaves_the_direction_open),
        cmocka_unit_test(losses_on_both_ways_within_one_gap_are_counted_and_not_placed),
        cmocka_unit_test(closing_probe_is_repeated_when_it_is_lost),
        cmocka_unit_test(closing_probe_is_sent_only_when_it_can_tell_something),
        cmocka_unit_test(outage_in_the_middle_is_loss_in_its_direction),
        cmocka_unit_test(discovery_copes_with_loss),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * Clocks that are wrong: off by years, too fast, too slow, and stepping while a
 * burst is on its way. What the figures rest on must not notice, or say so.
 */
#include "tests/sim/sim_burst.h"
#include "tests/unit/unit.h"

/* What a packet of 512 bytes waits longer than the one before it, at 100 and at
 * 10 Mbit/s: its time on the wire less the time between the two submissions. */
#define FAST_WIRE_NS INT64_C(40960)
#define SLOW_WIRE_NS INT64_C(409600)
#define FAST_STEP_NS (FAST_WIRE_NS - SIM_BURST_SEND_NS)
#define SLOW_STEP_NS (SLOW_WIRE_NS - SIM_BURST_SEND_NS)

#define YEAR_NS (INT64_C(365) * 86400 * SPD_NS_PER_S)

/* ---- offsets ---- */

static const struct {
    const char *name;
    int64_t sender_ns, reflector_ns;
} offset_rows[] = {
    { "none", 0, 0 },
    { "reflector a second ahead", 0, SPD_NS_PER_S },
    { "reflector a microsecond behind", 0, -1000 },
    { "reflector 30 years ahead", 0, 30 * YEAR_NS },
    { "reflector at the start of 1970", 0, -56 * YEAR_NS },
    { "sender 20 years ahead, beyond the end of NTP's first era", 20 * YEAR_NS, 0 },
    { "one on each side of the end of the era", 8 * YEAR_NS, 12 * YEAR_NS },
    { "sender behind", -3 * YEAR_NS, YEAR_NS },
};

static void clocks_that_are_off_change_nothing_but_the_raw_delays(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(offset_rows); i++) {
        const char *row = offset_rows[i].name;
        int64_t ahead_ns = offset_rows[i].reflector_ns - offset_rows[i].sender_ns;
        struct sim_burst_scenario s = {
            .n_packets = 50,
            .sender.wall_offset_ns = offset_rows[i].sender_ns,
            .reflector.wall_offset_ns = offset_rows[i].reflector_ns,
            .forward = { .delay_ns = 40000, .rate_bps = 100000000 },
            .reverse = { .delay_ns = 60000 },
        };
        struct sim_burst b;

        sim_burst_run(&b, &s);
        CHECK_ROW_INT(row, b.summary.loss.n_received, 50);
        CHECK_ROW_INT(row, b.summary.fwd.delay_raw.min_ns, 40000 + FAST_WIRE_NS + ahead_ns);
        CHECK_ROW_INT(row, b.summary.rev.delay_raw.min_ns, 60000 - ahead_ns);
        CHECK_ROW_INT(row, b.summary.rtt.min_ns, 100000 + FAST_WIRE_NS);
        CHECK_ROW_INT(row, b.summary.fwd.pdv.min_ns, 0);
        CHECK_ROW_INT(row, b.summary.fwd.pdv.max_ns, 49 * FAST_STEP_NS);
        CHECK_ROW_INT(row, b.summary.rev.pdv.max_ns, 0);
        CHECK_ROW_INT(row, b.summary.n_packets_stamps_left_out, 0);
        CHECK_ROW_INT(row, b.summary.n_bursts_clock_step, 0);
        CHECK_ROW(row, !b.summary.clocks_synchronised);
        sim_burst_check(row, &b, SIM_CHECK_FATES | SIM_CHECK_STAMPS);
        sim_burst_destroy(&b);
    }
}

static void raw_delays_are_marked_when_both_ends_claim_to_be_synchronised(void **state)
{
    static const struct {
        const char *name;
        int sender, reflector;
        bool expected;
    } rows[] = {
        { "both", 1, 1, true },
        { "sender only", 1, 0, false },
        { "reflector only", 0, 1, false },
        { "neither", 0, 0, false },
        { "not known", -1, -1, false },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        struct sim_burst_scenario s = {
            .sender = { .synchronised = rows[i].sender, .max_error_ns = 1000000 },
            .reflector = { .synchronised = rows[i].reflector, .max_error_ns = 1000000 },
        };
        struct sim_burst b;

        sim_burst_run(&b, &s);
        CHECK_ROW_INT(rows[i].name, b.summary.clocks_synchronised, rows[i].expected);
        sim_burst_destroy(&b);
    }
}

/* ---- skews ---- */

static const int64_t skews_ppb[] = { 0, 1000, -1000, 100000, -100000, 500000, -500000 };

static void check_within(const char *row, const char *what, int64_t got, int64_t expected,
                         int64_t margin)
{
    if (got < expected - margin || got > expected + margin)
        fail_msg("row \"%s\": %s is %lld, expected %lld +- %lld", row, what, (long long)got,
                 (long long)expected, (long long)margin);
}

/* Both oscillators run wrong: every figure errs by that skew of itself, plus,
 * for one-way variation, the drift of the clocks apart within the burst. */
static void skewed_clocks_err_by_their_skew_and_no_more(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(skews_ppb); i++)
        for (size_t k = 0; k < N_ROWS(skews_ppb); k++) {
            struct sim_burst_scenario s = {
                .n_packets = 100,
                .n_bursts = 4,
                .gap_ns = 20 * SPD_NS_PER_MS,
                .sender = { .skew_ppb = skews_ppb[i], .counter_hz = 24000000 },
                .reflector = { .skew_ppb = skews_ppb[k], .wall_offset_ns = -YEAR_NS },
                .forward = { .delay_ns = 3 * SPD_NS_PER_MS, .rate_bps = 100000000 },
                .reverse = { .delay_ns = 5 * SPD_NS_PER_MS },
            };
            int64_t burst_ns = 100 * FAST_WIRE_NS;
            int64_t drift_ns = burst_ns * llabs(skews_ppb[i] - skews_ppb[k]) / 1000000000 + 2;
            int64_t rtt_ns = 8 * SPD_NS_PER_MS + FAST_WIRE_NS;
            struct sim_burst b;
            char row[64];

            snprintf(row, sizeof(row), "sender %lld ppb, reflector %lld ppb",
                     (long long)skews_ppb[i], (long long)skews_ppb[k]);
            sim_burst_run(&b, &s);
            CHECK_ROW_INT(row, b.summary.loss.n_received, 400);
            CHECK_ROW_INT(row, b.summary.n_bursts_clock_step, 0);
            check_within(row, "round trip", b.summary.rtt.min_ns, rtt_ns,
                         (rtt_ns + burst_ns) * llabs(skews_ppb[i]) / 1000000000 + drift_ns + 2);
            check_within(row, "forward variation", b.summary.fwd.pdv.max_ns, 99 * FAST_STEP_NS,
                         99 * FAST_STEP_NS * llabs(skews_ppb[i]) / 1000000000 + drift_ns);
            check_within(row, "reverse variation", b.summary.rev.pdv.max_ns, 0, drift_ns);
            check_within(row, "capacity", (int64_t)b.summary.fwd.capacity.ip_bps, 100000000,
                         100000000 / 1000);
            sim_burst_check(row, &b, SIM_CHECK_FATES | SIM_CHECK_STAMPS);
            sim_burst_destroy(&b);
        }
}

/* ---- steps ---- */

struct step_row {
    const char *name;
    int64_t amount_ns;
    bool noticed; /* more than the burst's own uncertainty */
};

/* Bursts last 8.2 ms on the way there; the second of three steps at 4 ms. */
static const struct step_row step_rows[] = {
    { "forward a second", SPD_NS_PER_S, true },       { "back a second", -SPD_NS_PER_S, true },
    { "forward an hour", 3600 * SPD_NS_PER_S, true }, { "back a year", -YEAR_NS, true },
    { "forward 50 ms", 50 * SPD_NS_PER_MS, true },    { "back 50 ms", -50 * SPD_NS_PER_MS, true },
    { "forward a microsecond", 1000, false },
};

static void sender_step(struct sim_burst *b, uint32_t turn)
{
    const struct step_row *row = b->scenario.context;
    struct sim_step step = { sim_now_ns() + 4 * SPD_NS_PER_MS, row->amount_ns };
    struct sim_host_config host = { .steps = &step, .n_steps = 1 };

    if (turn == 1)
        sim_host_set(SIM_BURST_SENDER, &host);
}

static void reflector_step(struct sim_burst *b, uint32_t turn)
{
    const struct step_row *row = b->scenario.context;
    struct sim_step step = { sim_now_ns() + 4 * SPD_NS_PER_MS, row->amount_ns };
    struct sim_host_config host = { .steps = &step, .n_steps = 1 };

    if (turn == 1)
        sim_host_set(SIM_BURST_REFLECTOR, &host);
}

static struct sim_burst_scenario step_scenario(const struct step_row *row)
{
    return (struct sim_burst_scenario){
        .n_packets = 20,
        .n_bursts = 3,
        .forward = { .delay_ns = 30000, .rate_bps = 10000000 },
        .reverse = { .delay_ns = 40000 },
        .context = (void *)(uintptr_t)row,
    };
}

/* Nothing that the two sound bursts did not say. */
static void check_untouched(const char *row, const struct sim_burst *b, size_t n)
{
    CHECK_ROW_INT(row, b->summary.fwd.pdv.n, n);
    CHECK_ROW_INT(row, b->summary.fwd.pdv.max_ns, 19 * SLOW_STEP_NS);
    CHECK_ROW_INT(row, b->summary.rev.pdv.n, n);
    CHECK_ROW_INT(row, b->summary.rev.pdv.max_ns, 0);
    CHECK_ROW_INT(row, b->summary.fwd.ipdv.max_ns, SLOW_STEP_NS);
    CHECK_ROW_INT(row, b->summary.fwd.ipdv.min_ns, SLOW_STEP_NS);
}

static void step_of_our_clock_is_reported_and_leaves_that_burst_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(step_rows); i++) {
        const struct step_row *row = &step_rows[i];
        struct sim_burst_scenario s = step_scenario(row);
        struct sim_burst b;

        s.on_turn = sender_step;
        sim_burst_run(&b, &s);
        CHECK_ROW_INT(row->name, b.summary.loss.n_received, 60);
        CHECK_ROW_INT(row->name, b.record->bursts[1].clock_step_ns, row->amount_ns);
        CHECK_ROW_INT(row->name, b.record->bursts[0].clock_step_ns, 0);
        CHECK_ROW_INT(row->name, b.record->bursts[2].clock_step_ns, 0);
        CHECK_ROW_INT(row->name, b.summary.n_bursts_clock_step, row->noticed);
        CHECK_ROW_INT(row->name, b.summary.n_packets_stamps_left_out, row->noticed ? 20 : 0);
        if (row->noticed) {
            check_untouched(row->name, &b, 40);
            CHECK_ROW_INT(row->name, b.summary.rtt.n, 40);
            CHECK_ROW_INT(row->name, b.summary.rtt.max_ns,
                          70000 + SLOW_WIRE_NS + 19 * SLOW_STEP_NS);
            CHECK_ROW(row->name, b.summary.bursts[1].stamps_left_out);
        }
        sim_burst_check(row->name, &b, SIM_CHECK_FATES | SIM_CHECK_STAMPS);
        sim_burst_destroy(&b);
    }
}

/* The counter is read before the call, half a send before the packet leaves. */
static void counter_gives_the_round_trip_of_a_burst_with_a_step(void **state)
{
    struct sim_burst_scenario s = step_scenario(&step_rows[0]);
    struct sim_burst b;

    (void)state;
    s.user_stamps = true;
    s.on_turn = sender_step;
    sim_burst_run(&b, &s);
    assert_int_equal(b.summary.n_bursts_clock_step, 1);
    assert_int_equal(b.summary.rtt_counter.n, 20);
    assert_int_equal(b.summary.rtt_counter.min_ns, 70000 + SIM_BURST_SEND_NS / 2 + SLOW_WIRE_NS);
    assert_int_equal(b.summary.rtt_counter.max_ns,
                     70000 + SIM_BURST_SEND_NS / 2 + SLOW_WIRE_NS + 19 * SLOW_STEP_NS);
    sim_burst_destroy(&b);
}

/* The other clock is seen only through its stamps; a step larger than the round
 * trip contradicts every offset that the two clocks could have. */
static void step_of_the_reflectors_clock_is_never_averaged_in(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(step_rows); i++) {
        const struct step_row *row = &step_rows[i];
        struct sim_burst_scenario s = step_scenario(row);
        struct sim_burst b;

        if (!row->noticed)
            continue;
        s.on_turn = reflector_step;
        sim_burst_run(&b, &s);
        CHECK_ROW_INT(row->name, b.summary.loss.n_received, 60);
        /* The round trip needs no difference between the two clocks. */
        CHECK_ROW_INT(row->name, b.summary.rtt.n, 60);
        CHECK_ROW_INT(row->name, b.summary.rtt.min_ns, 70000 + SLOW_WIRE_NS);
        CHECK_ROW_INT(row->name, b.summary.rtt.max_ns, 70000 + SLOW_WIRE_NS + 19 * SLOW_STEP_NS);
        CHECK_ROW_INT(row->name, b.summary.n_bursts_reflector_step, 1);
        CHECK_ROW_INT(row->name, b.summary.n_bursts_clock_step, 0);
        check_untouched(row->name, &b, 40);
        sim_burst_check(row->name, &b, SIM_CHECK_FATES | SIM_CHECK_STAMPS);
        sim_burst_destroy(&b);
    }
}

/* A packet that is in the reflector while its clock steps seems to come back
 * before it left, or to have been there for an hour. */
static void packet_in_the_reflector_during_a_step_is_left_out(void **state)
{
    struct sim_burst_scenario s = {
        .n_packets = 1,
        .costs = { .clock_read_ns = 1000 },
        .forward = { .delay_ns = 30000 },
        .reverse = { .delay_ns = 40000 },
    };
    struct sim_packet_truth *truth;
    struct sim_step step;
    struct sim_burst b;

    (void)state;
    sim_burst_run(&b, &s);
    truth = sim_burst_truth(&b);
    assert_true(truth[0].reply->sent_ns - truth[0].seen->arrived_ns > 2000);
    /* One reading after it came. */
    step.at_ns = truth[0].seen->arrived_ns + 500 - b.first_turn_ns;
    free(truth);
    assert_int_equal(b.summary.rtt.n, 1);
    sim_burst_destroy(&b);

    s.reflector = (struct sim_host_config){ .steps = &step, .n_steps = 1 };
    for (int back = 0; back < 2; back++) {
        const char *row = back ? "back" : "forward";

        step.amount_ns = back ? -3600 * SPD_NS_PER_S : 3600 * SPD_NS_PER_S;
        sim_burst_run(&b, &s);
        CHECK_ROW_INT(row, b.summary.loss.n_received, 1);
        CHECK_ROW_INT(row, b.summary.rtt.n, 0);
        CHECK_ROW_INT(row, b.summary.in_reflector.n, 0);
        CHECK_ROW_INT(row, b.summary.fwd.pdv.n, 0);
        CHECK_ROW_INT(row, b.summary.n_packets_stamps_left_out, 1);
        CHECK_ROW_INT(row, b.summary.n_stamps_implausible, back);
        CHECK_ROW_INT(row, b.summary.n_bursts_reflector_step, !back);
        sim_burst_destroy(&b);
    }
}

/* Between two bursts a step is nobody's business. */
static void step_between_bursts_changes_no_variation(void **state)
{
    static const struct sim_step sender = { 15 * SPD_NS_PER_MS, SPD_NS_PER_S };
    static const struct sim_step reflector = { 16 * SPD_NS_PER_MS, -7 * SPD_NS_PER_S };
    struct sim_burst_scenario s = step_scenario(&step_rows[0]);
    struct sim_burst b;

    (void)state;
    s.gap_ns = 100 * SPD_NS_PER_MS;
    s.sender = (struct sim_host_config){ .steps = &sender, .n_steps = 1 };
    s.reflector = (struct sim_host_config){ .steps = &reflector, .n_steps = 1 };
    sim_burst_run(&b, &s);
    assert_int_equal(b.summary.n_bursts_clock_step, 0);
    assert_int_equal(b.summary.rtt.n, 60);
    assert_int_equal(b.summary.fwd.pdv.n, 60);
    assert_int_equal(b.summary.fwd.pdv.max_ns, 19 * SLOW_STEP_NS);
    assert_int_equal(b.summary.rev.pdv.max_ns, 0);
    assert_int_equal(b.summary.fwd.ipdv.max_ns, SLOW_STEP_NS);
    sim_burst_destroy(&b);
}

/* ---- counters of all frequencies ---- */

static void counter_of_any_frequency_gives_the_same_round_trip(void **state)
{
    static const uint64_t frequencies_hz[] = { 3579545,  10000000,   14318180,
                                               19200000, 1000000000, UINT64_C(1) << 32 };

    (void)state;
    for (size_t i = 0; i < N_ROWS(frequencies_hz); i++) {
        struct sim_burst_scenario s = {
            .user_stamps = true,
            .sender.counter_hz = frequencies_hz[i],
            .forward = { .delay_ns = 3 * SPD_NS_PER_MS },
            .reverse = { .delay_ns = 4 * SPD_NS_PER_MS },
        };
        int64_t tick_ns = SPD_NS_PER_S / (int64_t)frequencies_hz[i] + 1;
        struct sim_burst b;
        char row[32];

        snprintf(row, sizeof(row), "%llu Hz", (unsigned long long)frequencies_hz[i]);
        sim_burst_run(&b, &s);
        CHECK_ROW_INT(row, b.summary.rtt.n, 20);
        check_within(row, "round trip", b.summary.rtt.median_ns,
                     7 * SPD_NS_PER_MS + SIM_BURST_SEND_NS / 2, 2 * tick_ns);
        sim_burst_destroy(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clocks_that_are_off_change_nothing_but_the_raw_delays),
        cmocka_unit_test(raw_delays_are_marked_when_both_ends_claim_to_be_synchronised),
        cmocka_unit_test(skewed_clocks_err_by_their_skew_and_no_more),
        cmocka_unit_test(step_of_our_clock_is_reported_and_leaves_that_burst_out),
        cmocka_unit_test(counter_gives_the_round_trip_of_a_burst_with_a_step),
        cmocka_unit_test(step_between_bursts_changes_no_variation),
        cmocka_unit_test(counter_of_any_frequency_gives_the_same_round_trip),
        cmocka_unit_test(step_of_the_reflectors_clock_is_never_averaged_in),
        cmocka_unit_test(packet_in_the_reflector_during_a_step_is_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

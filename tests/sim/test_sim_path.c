/*
 * Links that lose nothing: what a burst tells of a perfect path, of constant
 * delays and of the way that packets take.
 */
#include "tests/sim/sim_burst.h"
#include "tests/unit/unit.h"

struct path_row {
    const char *name;
    struct sim_burst_scenario scenario;
};

static const struct path_row path_rows[] = {
    { "no delay at all", { .n_packets = 1 } },
    { "one packet", { .n_packets = 1, .forward.delay_ns = 5000, .reverse.delay_ns = 7000 } },
    { "a burst", { .n_packets = 100, .forward.delay_ns = 40000, .reverse.delay_ns = 250000 } },
    { "the longest burst a port takes by default",
      { .n_packets = 2048, .forward.delay_ns = 1000000, .reverse.delay_ns = 1 } },
    { "several bursts", { .n_packets = 10, .n_bursts = 20, .forward.delay_ns = 123456789 } },
    { "bursts of one", { .n_packets = 1, .n_bursts = 50, .forward.delay_ns = 3, .gap_ns = 1 } },
    { "over IPv6", { .ipv6 = true, .forward.delay_ns = 77, .reverse.delay_ns = 78 } },
    { "stateless", { .stateless = true, .forward.delay_ns = 99, .reverse.delay_ns = 1 } },
    { "the smallest packets", { .size_bytes = 72, .forward.delay_ns = 2000 } },
    { "the largest packets", { .size_bytes = 1500, .forward.delay_ns = 2000 } },
    { "polling", { .spin = true, .forward.delay_ns = 20000, .reverse.delay_ns = 20000 } },
    { "delays of a satellite", { .forward.delay_ns = 300000000, .reverse.delay_ns = 310000000 } },
    { "replies one by one", { .reflector_batch = 1, .n_packets = 70, .forward.delay_ns = 10 } },
    { "replies in large batches",
      { .reflector_batch = 64, .n_packets = 200, .forward.delay_ns = 10 } },
};

static void check_constant(const char *row, const struct spd_stats *stats, size_t n, spd_ns value)
{
    CHECK_ROW_INT(row, stats->n, n);
    CHECK_ROW_INT(row, stats->min_ns, value);
    CHECK_ROW_INT(row, stats->median_ns, value);
    CHECK_ROW_INT(row, stats->max_ns, value);
}

static void check_nothing_lost(const char *row, const struct sim_burst *b)
{
    const struct spd_loss *loss = &b->summary.loss;

    CHECK_ROW_INT(row, b->record->outcome.err, SPD_ERR_OK);
    CHECK_ROW_INT(row, loss->n_sent, b->scenario.n_packets * b->scenario.n_bursts);
    CHECK_ROW_INT(row, loss->n_received, loss->n_sent);
    CHECK_ROW_INT(row, loss->n_lost, 0);
    CHECK_ROW_INT(row, loss->n_duplicated, 0);
    CHECK_ROW_INT(row, b->summary.reorder_rtt.n_reordered, 0);
    CHECK_ROW_INT(row, b->summary.n_whole, b->scenario.n_bursts);
    CHECK_ROW_INT(row, b->summary.n_stamps_missing, 0);
    CHECK_ROW_INT(row, b->summary.n_packets_stamps_left_out, 0);
    CHECK_ROW_INT(row, b->record->n_replies_unexpected, 0);
    CHECK_ROW_INT(row, b->record->n_replies_malformed, 0);
    CHECK_ROW_INT(row, b->record->n_replies_late, 0);
}

static void perfect_path_gives_the_exact_round_trip_and_no_variation(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(path_rows); i++) {
        const struct path_row *row = &path_rows[i];
        spd_ns forward_ns = row->scenario.forward.delay_ns;
        spd_ns reverse_ns = row->scenario.reverse.delay_ns;
        struct sim_burst b;
        uint32_t n;

        sim_burst_run(&b, &row->scenario);
        n = b.scenario.n_packets * b.scenario.n_bursts;
        check_nothing_lost(row->name, &b);
        check_constant(row->name, &b.summary.rtt, n, forward_ns + reverse_ns);
        CHECK_ROW_INT(row->name, b.summary.in_reflector.n, n);
        check_constant(row->name, &b.summary.fwd.delay_raw, n, forward_ns);
        check_constant(row->name, &b.summary.rev.delay_raw, n, reverse_ns);
        check_constant(row->name, &b.summary.fwd.pdv, n, 0);
        check_constant(row->name, &b.summary.rev.pdv, n, 0);
        if (n > b.scenario.n_bursts) {
            check_constant(row->name, &b.summary.fwd.ipdv, n - b.scenario.n_bursts, 0);
            check_constant(row->name, &b.summary.rev.ipdv, n - b.scenario.n_bursts, 0);
            CHECK_ROW_INT(row->name, b.summary.fwd.jitter_ns, 0);
            CHECK_ROW_INT(row->name, b.summary.rev.jitter_ns, 0);
        }
        CHECK_ROW_INT(row->name, b.record->reflector_mode,
                      row->scenario.stateless ? SPD_REFLECTOR_STATELESS : SPD_REFLECTOR_STATEFUL);
        sim_burst_check(row->name, &b, SIM_CHECK_FATES | SIM_CHECK_STAMPS);
        sim_burst_destroy(&b);
    }
}

/* Every second packet, from number 1, comes 30 us later: PDV 0 and 30 us, IPDV
 * +30 us and -30 us, and an RFC 3550 jitter that nears 30 us by sixteenths. */
static void constant_jitter_shows_in_its_own_direction(void **state)
{
    (void)state;
    for (int reverse = 0; reverse < 2; reverse++) {
        struct sim_link shaky = { .delay_ns = 100000,
                                  .jitter_constant_ns = 30000,
                                  .jitter_reorders = true };
        /* One at a time, so that every packet is alone on the path. */
        struct sim_burst_scenario s = { .n_packets = 1, .n_bursts = 64, .forward = shaky };
        const char *row = reverse ? "reverse" : "forward";
        const struct spd_direction *with, *without;
        struct sim_burst b;

        if (reverse) {
            s.reverse = shaky;
            s.forward = (struct sim_link){ .delay_ns = 100000 };
        }
        sim_burst_run(&b, &s);
        with = reverse ? &b.summary.rev : &b.summary.fwd;
        without = reverse ? &b.summary.fwd : &b.summary.rev;
        CHECK_ROW_INT(row, b.summary.loss.n_received, 64);
        for (size_t i = 0; i < 64; i++) {
            const struct spd_packet_figures *f = &b.summary.packets[i];

            CHECK_ROW_INT(row, reverse ? f->pdv_rev_ns : f->pdv_fwd_ns, i % 2 ? 30000 : 0);
            CHECK_ROW_INT(row, reverse ? f->pdv_fwd_ns : f->pdv_rev_ns, 0);
            if (i > 0)
                CHECK_ROW_INT(row, reverse ? f->ipdv_rev_ns : f->ipdv_fwd_ns,
                              i % 2 ? 30000 : -30000);
        }
        CHECK_ROW_INT(row, with->pdv.max_ns, 30000);
        CHECK_ROW_INT(row, with->ipdv.min_ns, -30000);
        CHECK_ROW(row, with->jitter_ns > 29000 && with->jitter_ns < 30000);
        CHECK_ROW_INT(row, without->pdv.max_ns, 0);
        CHECK_ROW_INT(row, without->jitter_ns, 0);
        sim_burst_destroy(&b);
    }
}

/* What the reflector takes to answer belongs to neither direction. */
static void time_in_the_reflector_is_not_in_the_round_trip(void **state)
{
    struct sim_burst_scenario s = { .n_packets = 1,
                                    .n_bursts = 30,
                                    .forward.delay_ns = 20000,
                                    .reverse.delay_ns = 30000,
                                    .costs = {
                                        .clock_read_ns = 25, .commit_ns = 700, .send_ns = 300 } };
    struct sim_burst b;

    (void)state;
    sim_burst_run(&b, &s);
    assert_int_equal(b.summary.loss.n_received, 30);
    for (size_t i = 0; i < 30; i++) {
        const struct spd_packet_figures *f = &b.summary.packets[i];

        assert_true(f->in_reflector_ns > 0);
        /* T3 foretells when the reply leaves; it may err by the cost of one send. */
        assert_in_range(f->rtt_ns, 49000, 51100);
    }
    sim_burst_destroy(&b);
}

static void ttl_and_traffic_class_are_those_that_arrived(void **state)
{
    struct sim_burst_scenario s = {
        .dscp = 46,
        .forward = { .hops = 5, .rewrite_tclass = true, .tclass = 10 << 2 | 1 },
        .reverse = { .hops = 9 },
    };
    struct sim_burst b;

    (void)state;
    sim_burst_run(&b, &s);
    for (size_t i = 0; i < b.record->n_packets; i++) {
        const struct spd_packet_record *p = &b.record->packets[i];

        assert_int_equal(p->ttl_forward, 250);
        assert_int_equal(p->ttl_reverse, 246);
        assert_true(p->tclass_reverse_known);
        /* The reflector answers with what arrived there, without the ECN bits. */
        assert_int_equal(p->tclass_reverse, 10 << 2);
    }
    assert_true(b.record->environment.items[SPD_ENV_DSCP].fulfilled);
    assert_string_equal(b.record->environment.items[SPD_ENV_DSCP].obtained_text, "EF");
    sim_burst_destroy(&b);
}

static void details_that_the_systems_do_not_tell_are_unknown(void **state)
{
    struct sim_burst_scenario s = { .dscp = 46,
                                    .sender.deny_receive_details = true,
                                    .reflector.deny_receive_details = true };
    struct sim_burst b;

    (void)state;
    sim_burst_run(&b, &s);
    assert_int_equal(b.summary.loss.n_received, 20);
    for (size_t i = 0; i < b.record->n_packets; i++) {
        assert_int_equal(b.record->packets[i].ttl_forward, 255);
        assert_int_equal(b.record->packets[i].ttl_reverse, 0);
        assert_false(b.record->packets[i].tclass_reverse_known);
    }
    sim_burst_destroy(&b);
}

static void packets_leave_with_the_size_and_the_mark_that_were_asked_for(void **state)
{
    struct sim_burst_scenario s = { .size_bytes = 700, .n_packets = 33 };
    const struct sim_truth *truth;
    struct sim_burst b;
    size_t n;

    (void)state;
    sim_burst_run(&b, &s);
    truth = sim_truth(SIM_BURST_SENDER, SIM_BURST_REFLECTOR, &n);
    assert_int_equal(n - b.n_forward_before, 33);
    for (size_t i = b.n_forward_before; i < n; i++) {
        assert_int_equal(truth[i].n_bytes, 700 - 28);
        assert_int_equal(sim_truth_seq(&truth[i]), i - b.n_forward_before);
        assert_int_equal(sim_truth_ssid(&truth[i]), b.record->ssid);
    }
    truth = sim_truth(SIM_BURST_REFLECTOR, SIM_BURST_SENDER, &n);
    for (size_t i = b.n_reverse_before; i < n; i++)
        assert_int_equal(truth[i].n_bytes, 700 - 28);
    sim_burst_destroy(&b);
}

static void bursts_keep_their_distance(void **state)
{
    struct sim_burst_scenario s = {
        .n_bursts = 5, .instant = true, .gap_ns = 30 * SPD_NS_PER_MS, .forward.delay_ns = 1000
    };
    struct sim_burst b;

    (void)state;
    sim_burst_run(&b, &s);
    assert_int_equal(b.record->n_bursts, 5);
    assert_int_equal(b.n_attempts_reported, 5);
    for (size_t i = 1; i < 5; i++) {
        assert_int_equal(b.record->bursts[i].index, i);
        assert_int_equal(b.record->bursts[i].started_ns - b.record->bursts[i - 1].started_ns,
                         30 * SPD_NS_PER_MS + 1000);
    }
    sim_burst_destroy(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(perfect_path_gives_the_exact_round_trip_and_no_variation),
        cmocka_unit_test(constant_jitter_shows_in_its_own_direction),
        cmocka_unit_test(time_in_the_reflector_is_not_in_the_round_trip),
        cmocka_unit_test(ttl_and_traffic_class_are_those_that_arrived),
        cmocka_unit_test(details_that_the_systems_do_not_tell_are_unknown),
        cmocka_unit_test(packets_leave_with_the_size_and_the_mark_that_were_asked_for),
        cmocka_unit_test(bursts_keep_their_distance),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

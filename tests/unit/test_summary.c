/* The figures of whole tests whose truth is known from how they were built. */
#include "tests/unit/unit.h"

#include "common/analysis/fate.h"
#include "common/analysis/summary.h"
#include "tests/unit/record_builder.h"

#define U SPD_NS_UNKNOWN

static struct spd_summary summarise(struct spd_test_record *record)
{
    struct spd_summary s;

    assert_int_equal(spd_fate_judge(record, NULL, 0), SPD_ERR_OK);
    assert_int_equal(spd_summary_compute(record, &s), SPD_ERR_OK);
    assert_int_equal(s.n_packets, record->n_packets);
    return s;
}

static void done(struct spd_test_record *record, struct spd_summary *s)
{
    spd_summary_fini(s);
    builder_fini(record);
}

static void a_constant_path_has_no_variation(void **state)
{
    struct spd_test_record record;

    (void)state;
    builder_init(&record, 3, 20, 0xFFFFFFF0); /* wraps in the first burst */
    struct spd_summary s = summarise(&record);
    assert_int_equal(s.loss.n_received, 60);
    assert_int_equal(s.rtt.n, 60);
    assert_int_equal(s.rtt.min_ns, BUILDER_FWD_NS + BUILDER_REV_NS);
    assert_int_equal(s.rtt.max_ns, BUILDER_FWD_NS + BUILDER_REV_NS);
    assert_int_equal(s.rtt_counter.n, 0);
    assert_int_equal(s.in_reflector.median_ns, BUILDER_REFLECTOR_NS);
    assert_int_equal(s.fwd.delay_raw.min_ns, BUILDER_FWD_NS + BUILDER_OFFSET_NS);
    assert_true(s.fwd.delay_raw.min_ns < 0);
    assert_int_equal(s.rev.delay_raw.max_ns, BUILDER_REV_NS - BUILDER_OFFSET_NS);
    assert_int_equal(s.fwd.pdv.n, 60);
    assert_int_equal(s.fwd.pdv.max_ns, 0);
    assert_int_equal(s.fwd.ipdv.n, 57); /* no pair across bursts */
    assert_int_equal(s.fwd.ipdv.max_ns, 0);
    assert_int_equal(s.fwd.jitter_ns, 0);
    assert_false(s.pdv_over_test);
    assert_false(s.clocks_synchronised);
    assert_true(s.fwd.reorder_known);
    assert_int_equal(s.reorder_rtt.n_packets, 60);
    assert_int_equal(
        s.reorder_rtt.n_reordered + s.fwd.reorder.n_reordered + s.rev.reorder.n_reordered, 0);
    assert_int_equal(s.n_bursts, 3);
    assert_int_equal(s.n_whole, 3);
    assert_int_equal(s.t1_source, SPD_STAMP_KERNEL);
    assert_true(s.fwd.capacity.lower_bound);
    done(&record, &s);
}

/* Reflector's clock 40 ms a second fast, so that its bursts drift apart: within
 * a burst that is 2 us over 50 packets. */
static void clocks_that_drift_do_not_enter_variation_between_bursts(void **state)
{
    struct spd_test_record record;

    (void)state;
    builder_init(&record, 5, 50, 0);
    for (size_t i = 0; i < record.n_packets; i++) {
        struct spd_packet_record *packet = &record.packets[i];
        spd_ns drift_ns = (packet->t1_ns - BUILDER_START_NS) / 25;
        packet->t2_ns += drift_ns;
        packet->t3_ns += drift_ns;
    }
    struct spd_summary s = summarise(&record);
    assert_true(s.fwd.delay_raw.max_ns - s.fwd.delay_raw.min_ns > 100000000);
    assert_true(s.fwd.pdv.max_ns < 5000);
    assert_true(s.rev.pdv.max_ns < 5000);
    assert_true(s.fwd.jitter_ns < 5000);
    done(&record, &s);
}

static void variation_is_told_in_its_direction(void **state)
{
    struct spd_test_record record;

    (void)state;
    builder_init(&record, 1, 100, 0);
    for (size_t i = 0; i < 100; i++)
        builder_delay(&record.packets[i], BUILDER_FWD_NS + (spd_ns)i * 1000, BUILDER_REV_NS);
    struct spd_summary s = summarise(&record);
    assert_int_equal(s.fwd.pdv.min_ns, 0);
    assert_int_equal(s.fwd.pdv.max_ns, 99000);
    assert_int_equal(s.fwd.pdv.p95_ns, 94000);
    assert_int_equal(s.fwd.ipdv.min_ns, 1000);
    assert_int_equal(s.fwd.ipdv.max_ns, 1000);
    assert_true(s.fwd.jitter_ns > 990 && s.fwd.jitter_ns <= 1000);
    assert_int_equal(s.rev.pdv.max_ns, 0);
    assert_int_equal(s.rev.jitter_ns, 0);
    assert_int_equal(s.packets[10].pdv_fwd_ns, 10000);
    assert_int_equal(s.packets[10].ipdv_fwd_ns, 1000);
    assert_int_equal(s.packets[0].ipdv_fwd_ns, U);
    done(&record, &s);
}

static void single_packets_are_one_sample(void **state)
{
    struct spd_test_record record;

    (void)state;
    builder_init(&record, 10, 1, 0);
    builder_delay(&record.packets[4], BUILDER_FWD_NS + 5000, BUILDER_REV_NS + 700);
    struct spd_summary s = summarise(&record);
    assert_true(s.pdv_over_test);
    assert_int_equal(s.fwd.pdv.max_ns, 5000);
    assert_int_equal(s.rev.pdv.max_ns, 700);
    assert_int_equal(s.fwd.ipdv.n, 9);
    assert_int_equal(s.fwd.ipdv.max_ns, 5000);
    assert_int_equal(s.fwd.ipdv.min_ns, -5000);
    assert_true(s.fwd.jitter_ns > 0);
    assert_int_equal(s.fwd.capacity.n_bursts, 0);
    done(&record, &s);
}

static void one_packet_and_nothing_have_no_variation(void **state)
{
    struct spd_test_record record;

    (void)state;
    builder_init(&record, 1, 1, 0);
    record.bursts[0].gap_max_ns = -1;
    struct spd_summary s = summarise(&record);
    assert_int_equal(s.rtt.n, 1);
    assert_int_equal(s.fwd.ipdv.n, 0);
    assert_int_equal(s.fwd.jitter_ns, U);
    assert_int_equal(s.gap_max_ns, U);
    done(&record, &s);

    builder_init(&record, 0, 0, 0);
    s = summarise(&record);
    assert_int_equal(s.rtt.n, 0);
    assert_int_equal(s.rtt.median_ns, U);
    assert_int_equal(s.fwd.jitter_ns, U);
    assert_int_equal(s.fwd.capacity.dispersion_ns, U);
    assert_true(s.loss.ratio < 0.0);
    assert_int_equal(s.gap_max_ns, U);
    assert_false(s.pdv_over_test);
    done(&record, &s);
}

static void all_lost_leaves_figures_empty(void **state)
{
    struct spd_test_record record;

    (void)state;
    builder_init(&record, 2, 10, 0);
    for (size_t i = 0; i < 20; i++)
        builder_lose(&record.packets[i]);
    struct spd_summary s = summarise(&record);
    assert_int_equal(s.loss.n_lost, 20);
    assert_true(s.loss.ratio == 1.0);
    assert_int_equal(s.rtt.n + s.rtt_counter.n + s.in_reflector.n + s.fwd.pdv.n + s.rev.ipdv.n, 0);
    assert_int_equal(s.fwd.capacity.n_bursts + s.rev.capacity.n_bursts, 0);
    assert_int_equal(s.t1_source, SPD_STAMP_NONE);
    assert_int_equal(s.n_packets_stamps_left_out, 0);
    assert_false(s.clocks_synchronised);
    done(&record, &s);
}

static void all_duplicated_changes_no_delay(void **state)
{
    struct spd_test_record record;

    (void)state;
    builder_init(&record, 1, 10, 0);
    for (size_t i = 0; i < 10; i++) {
        record.packets[i].n_replies = 2;
        record.packets[i].reflector_seq *= 2;
        record.packets[i].arrival *= 2;
    }
    struct spd_summary s = summarise(&record);
    assert_int_equal(s.loss.n_received, 10);
    assert_int_equal(s.loss.n_duplicated, 10);
    assert_int_equal(s.loss.n_duplicate_replies, 10);
    assert_int_equal(s.reorder_rtt.n_reordered, 0);
    assert_int_equal(s.fwd.pdv.max_ns, 0);
    done(&record, &s);
}

static void swap_numbers(struct spd_packet_record *a, struct spd_packet_record *b)
{
    uint32_t number = a->reflector_seq;
    a->reflector_seq = b->reflector_seq;
    b->reflector_seq = number;
}

static void swap_arrivals(struct spd_packet_record *a, struct spd_packet_record *b)
{
    uint32_t arrival = a->arrival;
    a->arrival = b->arrival;
    b->arrival = arrival;
}

static void reordering_is_told_in_its_direction(void **state)
{
    struct spd_test_record record;

    (void)state;
    builder_init(&record, 2, 10, 0xFFFFFFFE);
    swap_numbers(&record.packets[3], &record.packets[4]); /* on the way out... */
    swap_arrivals(&record.packets[3], &record.packets[4]);
    swap_arrivals(&record.packets[12], &record.packets[14]); /* on the way back */
    struct spd_summary s = summarise(&record);
    assert_int_equal(s.fwd.reorder.n_reordered, 1);
    assert_int_equal(s.packets[3].extent_fwd_packets, 1);
    assert_int_equal(s.rev.reorder.n_reordered, 2);
    assert_int_equal(s.rev.reorder.extent_max_packets, 2);
    assert_int_equal(s.packets[12].extent_rev_packets, 2);
    assert_int_equal(s.packets[13].extent_rev_packets, 1);
    assert_int_equal(s.reorder_rtt.n_reordered, 3);
    assert_int_equal(s.packets[3].extent_rtt_packets, 1);
    done(&record, &s);

    builder_init(&record, 1, 10, 0);
    record.reflector_mode = SPD_REFLECTOR_STATELESS;
    swap_arrivals(&record.packets[3], &record.packets[4]);
    s = summarise(&record);
    assert_false(s.fwd.reorder_known);
    assert_int_equal(s.fwd.reorder.n_packets + s.rev.reorder.n_packets, 0);
    assert_int_equal(s.reorder_rtt.n_reordered, 1);
    done(&record, &s);
}

static void a_clock_step_leaves_its_burst_to_the_counter(void **state)
{
    static const spd_ns steps[] = { 1000001, -1000001 };

    (void)state;
    for (size_t k = 0; k < N_ROWS(steps); k++) {
        struct spd_test_record record;

        builder_init(&record, 3, 10, 0);
        record.bursts[1].clock_step_ns = steps[k];
        for (size_t i = 15; i < 20; i++)
            record.packets[i].t1_ns += 3600 * SPD_NS_PER_S;
        struct spd_summary s = summarise(&record);
        assert_int_equal(s.n_bursts_clock_step, 1);
        assert_true(s.bursts[1].stamps_left_out);
        assert_int_equal(s.n_packets_stamps_left_out, 10);
        assert_int_equal(s.rtt.n, 20);
        assert_int_equal(s.rtt_counter.n, 10);
        assert_in_range(s.rtt_counter.median_ns, BUILDER_FWD_NS + BUILDER_REV_NS - 100,
                        BUILDER_FWD_NS + BUILDER_REV_NS + 100);
        assert_int_equal(s.in_reflector.n, 30);
        assert_int_equal(s.fwd.pdv.n, 20);
        assert_int_equal(s.fwd.pdv.max_ns, 0);
        assert_int_equal(s.fwd.capacity.n_bursts, 2);
        done(&record, &s);
    }
}

static void a_step_of_the_reflectors_clock_leaves_out_one_way_figures(void **state)
{
    static const spd_ns steps[] = { 50000000, -50000000 };

    (void)state;
    for (size_t k = 0; k < N_ROWS(steps); k++) {
        struct spd_test_record record;

        builder_init(&record, 2, 10, 0);
        for (size_t i = 4; i < 10; i++) { /* packet 4 was in the reflector then */
            record.packets[i].t2_ns += i > 4 ? steps[k] : 0;
            record.packets[i].t3_ns += steps[k];
        }
        struct spd_summary s = summarise(&record);
        assert_int_equal(s.n_bursts_reflector_step, 1);
        assert_int_equal(s.fwd.pdv.n, 10);
        assert_int_equal(s.fwd.pdv.max_ns, 0);
        assert_int_equal(s.rev.ipdv.n, 9);
        assert_int_equal(s.rtt.n, 19);
        assert_int_equal(s.rtt.max_ns, BUILDER_FWD_NS + BUILDER_REV_NS);
        assert_int_equal(s.fwd.capacity.n_bursts, 1);
        done(&record, &s);
    }
}

static void a_small_clock_step_leaves_nothing_out(void **state)
{
    struct spd_test_record record;

    (void)state;
    builder_init(&record, 2, 10, 0);
    record.bursts[0].clock_step_ns = -1000000;
    record.bursts[1].clock_step_ns = 1000000;
    struct spd_summary s = summarise(&record);
    assert_int_equal(s.n_bursts_clock_step, 0);
    assert_int_equal(s.rtt.n, 20);
    done(&record, &s);
}

static void packets_with_other_stamps_are_left_out_alone(void **state)
{
    struct spd_test_record record;

    (void)state;
    builder_init(&record, 1, 10, 0);
    record.packets[2].t1_source = SPD_STAMP_USER;
    record.packets[2].t1_ns -= 90000;
    record.packets[5].reflector_ptp = true; /* and 37 s of TAI */
    record.packets[5].t2_ns += 37 * SPD_NS_PER_S;
    record.packets[5].t3_ns += 37 * SPD_NS_PER_S;
    struct spd_summary s = summarise(&record);
    assert_int_equal(s.n_packets_stamps_left_out, 2);
    assert_int_equal(s.rtt.n, 8);
    assert_int_equal(s.rtt_counter.n, 2);
    assert_int_equal(s.fwd.pdv.max_ns, 0);
    assert_int_equal(s.fwd.ipdv.n, 5);
    assert_true(s.packets[2].stamps_left_out && s.packets[5].stamps_left_out);
    assert_int_equal(s.packets[5].in_reflector_ns, BUILDER_REFLECTOR_NS);
    done(&record, &s);
}

static void a_reflector_all_in_ptp_is_measured_like_any(void **state)
{
    struct spd_test_record record;

    (void)state;
    builder_init(&record, 1, 10, 0);
    for (size_t i = 0; i < 10; i++) {
        record.packets[i].reflector_ptp = true;
        record.packets[i].t1_error_estimate = 0x8001;
        record.packets[i].t3_error_estimate = 0xC001;
    }
    struct spd_summary s = summarise(&record);
    assert_int_equal(s.rtt.n, 10);
    assert_int_equal(s.fwd.pdv.n, 10);
    assert_false(s.clocks_synchronised); /* UTC or TAI: nobody knows */
    done(&record, &s);
}

static void clocks_are_synchronised_when_both_ends_say_so_always(void **state)
{
    struct spd_test_record record;

    (void)state;
    for (int lacking = 0; lacking < 3; lacking++) {
        builder_init(&record, 1, 10, 0);
        for (size_t i = 0; i < 10; i++) {
            record.packets[i].t1_error_estimate = 0x8001;
            record.packets[i].t3_error_estimate = 0x8001;
        }
        if (lacking == 1)
            record.packets[7].t3_error_estimate = 0x0001;
        if (lacking == 2)
            record.packets[7].t1_error_estimate = 0x0001;
        builder_lose(&record.packets[3]);
        struct spd_summary s = summarise(&record);
        assert_int_equal(s.clocks_synchronised, lacking == 0);
        done(&record, &s);
    }
}

static void implausible_reflector_times_are_counted_and_left_out(void **state)
{
    struct spd_test_record record;

    (void)state;
    builder_init(&record, 1, 10, 0);
    record.packets[4].t3_ns = record.packets[4].t2_ns - 1;
    struct spd_summary s = summarise(&record);
    assert_int_equal(s.n_stamps_implausible, 1);
    assert_int_equal(s.n_packets_stamps_left_out, 1);
    assert_int_equal(s.rtt.n, 9);
    assert_int_equal(s.in_reflector.n, 9);
    assert_int_equal(s.rtt_counter.n, 0);
    done(&record, &s);
}

static void superseded_bursts_have_figures_but_do_not_count(void **state)
{
    struct spd_test_record record;

    (void)state;
    builder_init(&record, 3, 10, 0);
    record.bursts[0].superseded = true;
    record.bursts[0].broken = SPD_BROKEN_SWITCHED;
    record.bursts[1].index = 0;
    record.bursts[1].attempt = 1;
    record.bursts[2].index = 1;
    record.bursts[2].broken = SPD_BROKEN_GAP;
    for (size_t i = 0; i < 10; i++)
        builder_delay(&record.packets[i], BUILDER_FWD_NS + (spd_ns)i * 1000000, BUILDER_REV_NS);
    builder_lose(&record.packets[5]);
    struct spd_summary s = summarise(&record);
    assert_int_equal(s.n_bursts, 2);
    assert_int_equal(s.n_attempts, 3);
    assert_int_equal(s.n_whole, 1);
    assert_int_equal(s.n_broken, 1);
    assert_int_equal(s.n_attempts_by_reason[SPD_BROKEN_SWITCHED], 1);
    assert_int_equal(s.n_attempts_by_reason[SPD_BROKEN_GAP], 1);
    assert_int_equal(s.n_attempts_by_reason[SPD_BROKEN_WHOLE], 1);
    assert_int_equal(s.loss.n_packets, 20);
    assert_int_equal(s.loss.n_lost, 0);
    assert_int_equal(s.rtt.n, 20);
    assert_int_equal(s.fwd.pdv.max_ns, 0);
    assert_int_equal(s.fwd.jitter_ns, 0);
    assert_int_equal(s.reorder_rtt.n_packets, 20);
    assert_int_equal(s.bursts[0].n_lost, 1);
    assert_int_equal(s.bursts[0].n_received, 9);
    assert_int_equal(s.packets[9].pdv_fwd_ns, 9000000);
    assert_true(s.packets[9].superseded);
    done(&record, &s);
}

/* Bursts through a link of 10 Mbit/s; the whole ones say so, the broken one says
 * something else. */
static void capacity_is_the_median_over_whole_bursts(void **state)
{
    struct spd_test_record record;
    const double ip_bps = 10e6 * 512 / 526;

    (void)state;
    builder_init(&record, 4, 100, 0);
    for (size_t i = 0; i < record.n_packets; i++) {
        spd_ns per_packet_ns = i < 100 ? 9000000 : 420800; /* 526 bytes at 10 Mbit/s */
        spd_ns in_burst = (spd_ns)(i % 100);
        builder_delay(&record.packets[i],
                      BUILDER_FWD_NS + in_burst * (per_packet_ns - BUILDER_SPACING_NS),
                      BUILDER_REV_NS);
    }
    record.bursts[0].broken = SPD_BROKEN_GAP;
    struct spd_summary s = summarise(&record);
    assert_int_equal(s.fwd.capacity.n_bursts, 3);
    assert_true(s.fwd.capacity.ip_bps > ip_bps * 0.999 && s.fwd.capacity.ip_bps < ip_bps * 1.001);
    assert_true(s.fwd.capacity.link_bps > 9.99e6 && s.fwd.capacity.link_bps < 10.01e6);
    assert_int_equal(s.fwd.capacity.dispersion_ns, 99 * 420800);
    assert_int_equal(s.fwd.capacity.departure_ns, 99 * BUILDER_SPACING_NS);
    assert_false(s.fwd.capacity.lower_bound);
    assert_false(s.fwd.capacity.from_broken_bursts);
    /* What the forward link spread arrives at the way back as spread. */
    assert_true(s.rev.capacity.lower_bound);

    for (size_t b = 0; b < 4; b++)
        record.bursts[b].broken = SPD_BROKEN_GAP;
    spd_summary_fini(&s);
    s = summarise(&record);
    assert_int_equal(s.fwd.capacity.n_bursts, 4);
    assert_true(s.fwd.capacity.from_broken_bursts);
    done(&record, &s);
}

static void the_direction_of_loss_decides_what_passed(void **state)
{
    struct spd_test_record record;
    bool lost_forward[100] = { false };

    (void)state;
    builder_init(&record, 1, 100, 0);
    for (size_t i = 0; i < 100; i++)
        builder_delay(&record.packets[i], BUILDER_FWD_NS + (spd_ns)i * 100000, BUILDER_REV_NS);
    for (size_t i = 1; i < 99; i += 2)
        builder_lose(&record.packets[i]);
    builder_renumber(&record, lost_forward, 0);
    struct spd_summary s = summarise(&record);
    assert_int_equal(s.loss.n_lost_reverse, 49);
    /* They passed forward unseen, so the rate is that of all. */
    assert_false(s.bursts[0].fwd.across_loss);
    assert_true(s.fwd.capacity.ip_bps > 512 * 8e9 / 102000 * 0.98);
    assert_true(s.fwd.capacity.ip_bps < 512 * 8e9 / 102000 * 1.02);
    assert_true(s.bursts[0].rev.across_loss);
    done(&record, &s);
}

static void hand_over_and_trouble_add_up(void **state)
{
    struct spd_test_record record;

    (void)state;
    builder_init(&record, 3, 10, 0);
    record.bursts[0].gap_max_ns = -1;
    record.bursts[1].gap_max_ns = 77;
    record.bursts[2].gap_max_ns = 12;
    record.bursts[0].submit_ns = 100;
    record.bursts[1].submit_ns = 300;
    record.bursts[2].submit_ns = 200;
    record.bursts[0].n_dropped_local = 3;
    record.bursts[2].n_dropped_local = 4;
    record.bursts[1].n_stamps_missing = 5;
    record.bursts[2].broken = SPD_BROKEN_UNKNOWN;
    record.bursts[2].interrupted = true;
    struct spd_summary s = summarise(&record);
    assert_int_equal(s.gap_max_ns, 77);
    assert_int_equal(s.submit.median_ns, 200);
    assert_int_equal(s.n_dropped_local, 7);
    assert_int_equal(s.n_stamps_missing, 5);
    assert_int_equal(s.n_whole, 2);
    assert_int_equal(s.n_broken_unknown, 1);
    assert_int_equal(s.n_broken, 0);
    assert_int_equal(s.n_interrupted, 1);
    assert_int_equal(s.fwd.capacity.n_bursts, 3);
    done(&record, &s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_constant_path_has_no_variation),
        cmocka_unit_test(clocks_that_drift_do_not_enter_variation_between_bursts),
        cmocka_unit_test(variation_is_told_in_its_direction),
        cmocka_unit_test(single_packets_are_one_sample),
        cmocka_unit_test(one_packet_and_nothing_have_no_variation),
        cmocka_unit_test(all_lost_leaves_figures_empty),
        cmocka_unit_test(all_duplicated_changes_no_delay),
        cmocka_unit_test(reordering_is_told_in_its_direction),
        cmocka_unit_test(a_clock_step_leaves_its_burst_to_the_counter),
        cmocka_unit_test(a_step_of_the_reflectors_clock_leaves_out_one_way_figures),
        cmocka_unit_test(a_small_clock_step_leaves_nothing_out),
        cmocka_unit_test(packets_with_other_stamps_are_left_out_alone),
        cmocka_unit_test(a_reflector_all_in_ptp_is_measured_like_any),
        cmocka_unit_test(clocks_are_synchronised_when_both_ends_say_so_always),
        cmocka_unit_test(implausible_reflector_times_are_counted_and_left_out),
        cmocka_unit_test(superseded_bursts_have_figures_but_do_not_count),
        cmocka_unit_test(capacity_is_the_median_over_whole_bursts),
        cmocka_unit_test(the_direction_of_loss_decides_what_passed),
        cmocka_unit_test(hand_over_and_trouble_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

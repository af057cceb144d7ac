/*
 * Packets that come twice, in another order, or changed.
 */
#include "tests/sim/sim_burst.h"
#include "tests/unit/unit.h"

/* ---- duplicates ---- */

struct duplicate_row {
    const char *name;
    struct sim_list forward, reverse;
    spd_ns after_ns;
    struct sim_list lose_forward, lose_reverse;
    uint32_t n_duplicated, n_lost;
    uint32_t n_further; /* replies beyond the first; 0: one for each of them */
};

static const struct duplicate_row duplicate_rows[] = {
    { .name = "one, forward", .forward = SIM_LIST(4), .n_duplicated = 1 },
    { .name = "one, reverse", .reverse = SIM_LIST(4), .n_duplicated = 1 },
    { .name = "the first and the last, forward", .forward = SIM_LIST(0, 19), .n_duplicated = 2 },
    { .name = "the first and the last, reverse", .reverse = SIM_LIST(0, 19), .n_duplicated = 2 },
    { .name = "a run, forward", .forward = SIM_LIST(5, 6, 7, 8), .n_duplicated = 4 },
    { .name = "a run, reverse", .reverse = SIM_LIST(5, 6, 7, 8), .n_duplicated = 4 },
    { .name = "copies that come much later, forward",
      .forward = SIM_LIST(2, 9),
      .after_ns = 31000,
      .n_duplicated = 2 },
    { .name = "copies that come much later, reverse",
      .reverse = SIM_LIST(2, 9),
      .after_ns = 31000,
      .n_duplicated = 2 },
    /* Replies 0..4 are to 0..4, then 5 and 6 to the two copies of 5. */
    { .name = "both ways at once",
      .forward = SIM_LIST(5),
      .reverse = SIM_LIST(2, 5),
      .n_duplicated = 2,
      .n_further = 3 },
    { .name = "a copy saves a packet that is lost on the way back",
      .forward = SIM_LIST(5),
      .lose_reverse = SIM_LIST(5),
      .n_duplicated = 0 },
    { .name = "copies, and losses forward",
      .forward = SIM_LIST(5, 12),
      .lose_forward = SIM_LIST(8, 9),
      .n_duplicated = 2,
      .n_lost = 2 },
    { .name = "copies on the way back, and losses both ways",
      .reverse = SIM_LIST(3, 10),
      .lose_forward = SIM_LIST(6),
      .lose_reverse = SIM_LIST(13),
      .n_duplicated = 2,
      .n_lost = 2 },
};

static struct sim_burst_scenario duplicate_scenario(const struct duplicate_row *row)
{
    return (struct sim_burst_scenario){
        .forward = { .delay_ns = 100000,
                     .duplicate = row->forward,
                     .duplicate_after_ns = row->after_ns,
                     .lose = row->lose_forward },
        .reverse = { .delay_ns = 100000,
                     .duplicate = row->reverse,
                     .duplicate_after_ns = row->after_ns,
                     .lose = row->lose_reverse },
        .timeout_ns = 50 * SPD_NS_PER_MS,
        .n_bursts = 2,
    };
}

static void duplicates_are_counted_and_confuse_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(duplicate_rows); i++)
        for (int stateless = 0; stateless < 2; stateless++) {
            const struct duplicate_row *row = &duplicate_rows[i];
            struct sim_burst_scenario s = duplicate_scenario(row);
            const struct spd_loss *loss;
            struct sim_burst b;

            s.stateless = stateless != 0;
            sim_burst_run(&b, &s);
            loss = &b.summary.loss;
            CHECK_ROW_INT(row->name, loss->n_duplicated, row->n_duplicated);
            CHECK_ROW_INT(row->name, loss->n_duplicate_replies,
                          row->n_further ? row->n_further : row->n_duplicated);
            CHECK_ROW_INT(row->name, loss->n_lost, row->n_lost);
            CHECK_ROW_INT(row->name, loss->n_received, 40 - row->n_lost);
            CHECK_ROW_INT(row->name, b.summary.rtt.n, loss->n_received);
            CHECK_ROW_INT(row->name, b.record->n_replies_unexpected, 0);
            sim_burst_check(row->name, &b,
                            (stateless ? SIM_CHECK_SOUND : SIM_CHECK_FATES) | SIM_CHECK_STAMPS);
            sim_burst_destroy(&b);
        }
}

/* A copy may come when its burst is long over. */
static void late_duplicate_counts_for_its_packet_and_as_late(void **state)
{
    struct sim_burst_scenario s = {
        .n_bursts = 4,
        .gap_ns = 5 * SPD_NS_PER_MS,
        .reverse = { .duplicate = SIM_LIST(7), .duplicate_after_ns = 12 * SPD_NS_PER_MS },
    };
    struct sim_burst b;

    (void)state;
    sim_burst_run(&b, &s);
    assert_int_equal(b.record->n_replies_late, 1);
    assert_int_equal(b.record->packets[7].n_replies, 2);
    assert_int_equal(b.summary.loss.n_duplicated, 1);
    assert_int_equal(b.summary.rtt.n, 80);
    /* It changed nothing of what the first reply told. */
    sim_burst_check("late", &b, SIM_CHECK_FATES | SIM_CHECK_STAMPS);
    sim_burst_destroy(&b);
}

/* A first reply that comes during the next burst is a reply all the same. */
static void late_reply_is_no_loss(void **state)
{
    struct sim_burst_scenario s = {
        .n_bursts = 3,
        .gap_ns = 5 * SPD_NS_PER_MS,
        .timeout_ns = 2 * SPD_NS_PER_MS,
        .reverse = { .reorder = SIM_LIST(4), .reorder_ns = 8 * SPD_NS_PER_MS },
    };
    struct sim_burst b;

    (void)state;
    sim_burst_run(&b, &s);
    assert_int_equal(b.record->n_replies_late, 1);
    assert_int_equal(b.summary.loss.n_received, 60);
    assert_int_equal(b.record->packets[4].fate, SPD_FATE_RECEIVED);
    sim_burst_check("late", &b, SIM_CHECK_FATES | SIM_CHECK_STAMPS);
    sim_burst_destroy(&b);
}

/* ---- reordering ---- */

struct reorder_row {
    const char *name;
    struct sim_list late;
    uint32_t n_overtaken_by; /* each of them */
    uint32_t n_reordered, extent_max;
};

/* Packets leave 2.5 us apart. */
static const struct reorder_row reorder_rows[] = {
    { "none", { .n = 0 }, 0, 0, 0 },
    { "one by one", SIM_LIST(4), 1, 1, 1 },
    { "one by ten", SIM_LIST(4), 10, 1, 10 },
    { "the first by three", SIM_LIST(0), 3, 1, 3 },
    { "two apart", SIM_LIST(2, 12), 4, 2, 4 },
    { "every fourth by two", SIM_LIST(0, 4, 8, 12, 16), 2, 5, 2 },
    { "the last is late, and overtaken by nobody", SIM_LIST(19), 5, 0, 0 },
};

static void check_order(const char *row, const struct spd_reorder *got, uint32_t n_reordered,
                        uint32_t extent_max)
{
    CHECK_ROW_INT(row, got->n_packets, 20);
    CHECK_ROW_INT(row, got->n_reordered, n_reordered);
    CHECK_ROW_INT(row, got->extent_max_packets, extent_max);
}

static void reordering_shows_on_the_way_where_it_happened(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(reorder_rows); i++)
        for (int reverse = 0; reverse < 2; reverse++)
            for (int stateless = 0; stateless < 2; stateless++) {
                const struct reorder_row *row = &reorder_rows[i];
                struct sim_link link = { .delay_ns = 500000,
                                         .reorder = row->late,
                                         .reorder_ns = row->n_overtaken_by * SIM_BURST_SEND_NS +
                                                       SIM_BURST_SEND_NS / 2 };
                struct sim_burst_scenario s = { .stateless = stateless != 0,
                                                .forward.delay_ns = 500000,
                                                .reverse.delay_ns = 500000 };
                struct sim_burst b;

                *(reverse ? &s.reverse : &s.forward) = link;
                sim_burst_run(&b, &s);
                CHECK_ROW_INT(row->name, b.summary.loss.n_lost, 0);
                check_order(row->name, &b.summary.reorder_rtt, row->n_reordered, row->extent_max);
                CHECK_ROW_INT(row->name, b.summary.fwd.reorder_known, !stateless);
                CHECK_ROW_INT(row->name, b.summary.rev.reorder_known, !stateless);
                if (!stateless) {
                    check_order(row->name, &b.summary.fwd.reorder, reverse ? 0 : row->n_reordered,
                                reverse ? 0 : row->extent_max);
                    check_order(row->name, &b.summary.rev.reorder, reverse ? row->n_reordered : 0,
                                reverse ? row->extent_max : 0);
                }
                sim_burst_check(row->name, &b, SIM_CHECK_FATES | SIM_CHECK_STAMPS);
                sim_burst_destroy(&b);
            }
}

/* Overtaking both ways: what comes home in order had been reordered twice. */
static void reordering_that_the_way_back_undoes_is_still_seen(void **state)
{
    /* Packet 4 is overtaken by 5 on the way out; reply number 4, to packet 5,
     * is overtaken by number 5, to packet 4, on the way back. */
    struct sim_link late_fifth = { .delay_ns = 500000,
                                   .reorder = SIM_LIST(4),
                                   .reorder_ns = SIM_BURST_SEND_NS * 3 / 2 };
    struct sim_burst_scenario s = { .forward = late_fifth, .reverse = late_fifth };
    struct sim_burst b;

    (void)state;
    sim_burst_run(&b, &s);
    check_order("round trip", &b.summary.reorder_rtt, 0, 0);
    check_order("forward", &b.summary.fwd.reorder, 1, 1);
    check_order("reverse", &b.summary.rev.reorder, 1, 1);
    sim_burst_check("undone", &b, SIM_CHECK_FATES | SIM_CHECK_STAMPS);
    sim_burst_destroy(&b);
}

static void reordering_hides_no_loss(void **state)
{
    struct sim_burst_scenario s = {
        .forward = { .delay_ns = 500000,
                     .reorder = SIM_LIST(4),
                     .reorder_ns = 3 * SIM_BURST_SEND_NS + 1000,
                     .lose = SIM_LIST(12) },
        .reverse = { .delay_ns = 500000, .lose = SIM_LIST(15) },
        .timeout_ns = 20 * SPD_NS_PER_MS,
    };
    struct sim_burst b;

    (void)state;
    sim_burst_run(&b, &s);
    assert_int_equal(b.summary.loss.n_lost_forward, 1);
    assert_int_equal(b.summary.loss.n_lost_reverse, 1);
    assert_int_equal(b.summary.fwd.reorder.n_reordered, 1);
    sim_burst_check("loss and reordering", &b, SIM_CHECK_FATES | SIM_CHECK_STAMPS);
    sim_burst_destroy(&b);
}

/* ---- corruption ---- */

/* No checksum guards a simulated packet, so any byte may arrive changed: the
 * numbers may be wrong then, but every reply is counted once, somewhere. */
static void changed_bytes_crash_nothing_and_every_reply_is_counted_once(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct sim_link bad = { .delay_ns = 20000, .corrupt_ppm = 400000 };
        struct sim_burst_scenario s = {
            .seed = seed,
            .n_bursts = 3,
            .stateless = true, /* no closing probe */
            .size_bytes = 72,  /* nothing but fields */
            .forward = bad,
            .reverse = bad,
            .timeout_ns = 20 * SPD_NS_PER_MS,
        };
        struct sim_burst b;
        char row[32];

        snprintf(row, sizeof(row), "seed %llu", (unsigned long long)seed);
        sim_burst_run(&b, &s);
        CHECK_ROW_INT(row, b.record->n_bursts, 3);
        CHECK_ROW(row, sim_truth_count(2, 1, SIM_DELIVERED) > 0);
        sim_burst_check(row, &b, 0);
        sim_burst_destroy(&b);
    }
}

/* The same with a reflector that keeps numbers: a changed number must not make
 * the verdict crash, nor the counts contradict one another. */
static void changed_numbers_of_the_reflector_leave_the_counts_consistent(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct sim_link bad = { .delay_ns = 20000, .corrupt_ppm = 200000, .loss_ppm = 100000 };
        struct sim_burst_scenario s = { .seed = seed,
                                        .n_bursts = 3,
                                        .size_bytes = 72,
                                        .forward = bad,
                                        .reverse = bad,
                                        .timeout_ns = 20 * SPD_NS_PER_MS };
        const struct spd_loss *loss;
        struct sim_burst b;
        char row[32];

        snprintf(row, sizeof(row), "seed %llu", (unsigned long long)seed);
        sim_burst_run(&b, &s);
        loss = &b.summary.loss;
        CHECK_ROW_INT(row, loss->n_sent, 60);
        CHECK_ROW_INT(
            row, loss->n_received + loss->n_lost + loss->n_unreachable + loss->n_unresolved, 60);
        CHECK_ROW_INT(row, loss->n_lost_forward + loss->n_lost_reverse + loss->n_lost_unknown,
                      loss->n_lost);
        sim_burst_destroy(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(duplicates_are_counted_and_confuse_nothing),
        cmocka_unit_test(late_duplicate_counts_for_its_packet_and_as_late),
        cmocka_unit_test(late_reply_is_no_loss),
        cmocka_unit_test(reordering_shows_on_the_way_where_it_happened),
        cmocka_unit_test(reordering_that_the_way_back_undoes_is_still_seen),
        cmocka_unit_test(reordering_hides_no_loss),
        cmocka_unit_test(changed_bytes_crash_nothing_and_every_reply_is_counted_once),
        cmocka_unit_test(changed_numbers_of_the_reflector_leave_the_counts_consistent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Delays of one packet from its stamps, and stamps that must not be used. */
#include "tests/unit/unit.h"

#include "common/analysis/delay.h"

#define U SPD_NS_UNKNOWN
#define S INT64_C(1000000000)

/* Sent at 100 s, 2 ms out, 1 ms there, 3 ms back; the reflector 7 s behind. */
#define T2    (93 * S + 2000000)
#define T3    (93 * S + 3000000)
#define T4    (100 * S + 6000000)
#define TICKS (1000 + 61000)
#define PACKET(source1, source4, t2, t3, t4, ticks)                                                \
    .n_replies = 1, .t1_ns = 100 * S, .t2_ns = (t2), .t3_ns = (t3), .t4_ns = (t4),                 \
    .dispatched_ticks = 1000, .returned_ticks = (ticks), .t1_source = SPD_STAMP_##source1,         \
    .t4_source = SPD_STAMP_##source4
#define STAMPS(t2, t3, t4) PACKET(KERNEL, KERNEL, t2, t3, t4, TICKS)
#define GOOD               STAMPS(T2, T3, T4)
#define HZ                 10000000

struct row {
    const char *name;
    struct spd_packet_record packet;
    spd_ns rtt, rtt_counter, in_reflector, forward, reverse;
    bool stepped, left_out, implausible;
};

static const struct row rows[] = {
    { .name = "all stamps; negative raw delay, clocks apart",
      .packet = { GOOD },
      .rtt = 5000000,
      .rtt_counter = 5100000,
      .in_reflector = 1000000,
      .forward = -7 * S + 2000000,
      .reverse = 7 * S + 3000000 },
    { .name = "no reply",
      .packet = { .t1_ns = 100 * S, .dispatched_ticks = 1000 },
      .rtt = U,
      .rtt_counter = U,
      .in_reflector = U,
      .forward = U,
      .reverse = U },
    { .name = "the clock stepped: the counter stays",
      .packet = { GOOD },
      .stepped = true,
      .rtt = U,
      .rtt_counter = 5100000,
      .in_reflector = 1000000,
      .forward = U,
      .reverse = U,
      .left_out = true },
    { .name = "another source of T1",
      .packet = { PACKET(USER, KERNEL, T2, T3, T4, TICKS) },
      .rtt = U,
      .rtt_counter = 5100000,
      .in_reflector = 1000000,
      .forward = U,
      .reverse = U,
      .left_out = true },
    { .name = "another source of T4",
      .packet = { PACKET(KERNEL, USER, T2, T3, T4, TICKS) },
      .rtt = U,
      .rtt_counter = 5100000,
      .in_reflector = 1000000,
      .forward = U,
      .reverse = U,
      .left_out = true },
    { .name = "PTP among NTP: the time in the reflector is still good",
      .packet = { GOOD, .reflector_ptp = true },
      .rtt = U,
      .rtt_counter = 5100000,
      .in_reflector = 1000000,
      .forward = U,
      .reverse = U,
      .left_out = true },
    { .name = "T4 was not taken",
      .packet = { STAMPS(T2, T3, 0) },
      .rtt = U,
      .rtt_counter = 5100000,
      .in_reflector = 1000000,
      .forward = -7 * S + 2000000,
      .reverse = U,
      .left_out = true },
    { .name = "the reflector gave no T2 and T3",
      .packet = { STAMPS(0, 0, T4) },
      .rtt = U,
      .rtt_counter = U,
      .in_reflector = U,
      .forward = U,
      .reverse = U,
      .left_out = true },
    { .name = "T3 before T2",
      .packet = { STAMPS(T2, 93 * S, T4) },
      .rtt = U,
      .rtt_counter = U,
      .in_reflector = U,
      .forward = U,
      .reverse = U,
      .left_out = true,
      .implausible = true },
    { .name = "no counter",
      .packet = { PACKET(KERNEL, KERNEL, T2, T3, T4, 0) },
      .rtt = 5000000,
      .rtt_counter = U,
      .in_reflector = 1000000,
      .forward = -7 * S + 2000000,
      .reverse = 7 * S + 3000000 },
    { .name = "the reflector claims more time than there was: shown, not clamped",
      .packet = { STAMPS(T2, 93 * S + 50000000, T4) },
      .rtt = -42000000,
      .rtt_counter = -41900000,
      .in_reflector = 48000000,
      .forward = -7 * S + 2000000,
      .reverse = 7 * S - 44000000 },
    { .name = "hostile stamps at the ends of the range",
      .packet = { STAMPS(INT64_MIN + 1, INT64_MAX, T4) },
      .rtt = 6000000 - INT64_MAX,
      .rtt_counter = 6100000 - INT64_MAX,
      .in_reflector = INT64_MAX,
      .forward = INT64_MIN + 1,
      .reverse = 100 * S + 6000000 - INT64_MAX },
};

static void delays_follow_from_the_stamps(void **state)
{
    const struct spd_delay_sources prevailing = { SPD_STAMP_KERNEL, SPD_STAMP_KERNEL, false };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        const struct row *row = &rows[i];
        struct spd_packet_figures f;
        bool plausible = spd_delay_compute(&row->packet, &prevailing, row->stepped, HZ, &f);

        CHECK_ROW_INT(row->name, f.rtt_ns, row->rtt);
        CHECK_ROW_INT(row->name, f.rtt_counter_ns, row->rtt_counter);
        CHECK_ROW_INT(row->name, f.in_reflector_ns, row->in_reflector);
        CHECK_ROW_INT(row->name, f.delay_fwd_raw_ns, row->forward);
        CHECK_ROW_INT(row->name, f.delay_rev_raw_ns, row->reverse);
        CHECK_ROW_INT(row->name, f.stamps_left_out, row->left_out);
        CHECK_ROW_INT(row->name, plausible, !row->implausible);
        CHECK_ROW_INT(row->name, f.pdv_fwd_ns, U);
        CHECK_ROW_INT(row->name, f.ipdv_rev_ns, U);
    }
}

static void most_answered_packets_prevail(void **state)
{
    struct spd_packet_record packets[5] = {
        { .n_replies = 1, .t1_source = SPD_STAMP_KERNEL, .t4_source = SPD_STAMP_KERNEL },
        { .n_replies = 1, .t1_source = SPD_STAMP_USER, .t4_source = SPD_STAMP_KERNEL },
        { .n_replies = 1, .t1_source = SPD_STAMP_KERNEL, .t4_source = SPD_STAMP_KERNEL },
        { .n_replies = 0, .t1_source = SPD_STAMP_USER, .t4_source = SPD_STAMP_NONE },
        { .n_replies = 0, .t1_source = SPD_STAMP_USER, .t4_source = SPD_STAMP_NONE },
    };

    (void)state;
    struct spd_delay_sources sources = spd_delay_prevailing(packets, 5);
    assert_int_equal(sources.t1_source, SPD_STAMP_KERNEL);
    assert_int_equal(sources.t4_source, SPD_STAMP_KERNEL);
    assert_false(sources.reflector_ptp);
    for (size_t i = 0; i < 3; i++)
        packets[i].reflector_ptp = true;
    assert_true(spd_delay_prevailing(packets, 5).reflector_ptp);
    sources = spd_delay_prevailing(packets + 3, 2);
    assert_int_equal(sources.t1_source, SPD_STAMP_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delays_follow_from_the_stamps),
        cmocka_unit_test(most_answered_packets_prevail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

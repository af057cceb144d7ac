/*
 * Links with a rate and a queue: variation, dispersion and capacity follow from
 * the physics, and what a full queue drops is reported, in its direction.
 */
#include "tests/sim/sim_burst.h"
#include "tests/unit/unit.h"

#define HEADER_BYTES 14u

struct rate_row {
    const char *name;
    uint64_t rate_bps;
    uint32_t size_bytes;
    uint32_t n_packets;
    spd_ns send_ns; /* between two submissions */
};

static const struct rate_row rate_rows[] = {
    { "1 Mbit/s", 1000000, 512, 200, 0 },
    { "10 Mbit/s", 10000000, 512, 200, 0 },
    { "100 Mbit/s", 100000000, 512, 200, 0 },
    { "1 Mbit/s, packets submitted 20 us apart", 1000000, 512, 200, 20000 },
    { "10 Mbit/s, packets submitted 20 us apart", 10000000, 512, 200, 20000 },
    { "100 Mbit/s, packets submitted 20 us apart", 100000000, 512, 200, 20000 },
    { "10 Mbit/s, 1500 bytes", 10000000, 1500, 100, 1000 },
    { "100 Mbit/s, 72 bytes", 100000000, 72, 500, 500 },
    { "1 Gbit/s", 1000000000, 1000, 1000, 0 },
    { "a rate that no nanosecond divides", 7654321, 333, 300, 777 },
};

static spd_ns wire_ns(const struct rate_row *row, uint32_t n_packets)
{
    uint64_t bits = (uint64_t)n_packets * (row->size_bytes + HEADER_BYTES) * 8;

    return (spd_ns)(bits * (uint64_t)SPD_NS_PER_S / row->rate_bps);
}

static void check_near(const char *row, const char *what, double got, double expected,
                       double tolerance)
{
    if (!(got >= expected * (1 - tolerance) && got <= expected * (1 + tolerance)))
        fail_msg("row \"%s\": %s is %.0f, expected %.0f within %.1f %%", row, what, got, expected,
                 tolerance * 100);
}

static void check_capacity(const struct rate_row *row, const struct sim_burst *b,
                           const struct spd_capacity *c)
{
    double link_bps = (double)row->rate_bps;
    double ip_bps = link_bps * row->size_bytes / (row->size_bytes + HEADER_BYTES);

    CHECK_ROW_INT(row->name, c->n_bursts, b->scenario.n_bursts);
    CHECK_ROW(row->name, !c->lower_bound);
    check_near(row->name, "capacity at the IP layer", c->ip_bps, ip_bps, 0.02);
    check_near(row->name, "capacity at the link layer", c->link_bps, link_bps, 0.02);
    check_near(row->name, "dispersion", (double)c->dispersion_ns,
               (double)wire_ns(row, row->n_packets - 1), 0.001);
}

static void burst_through_a_slow_link_shows_its_rate(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(rate_rows); i++) {
        const struct rate_row *row = &rate_rows[i];
        struct sim_burst_scenario s = {
            .n_packets = row->n_packets,
            .n_bursts = 3,
            .size_bytes = row->size_bytes,
            .instant = row->send_ns == 0,
            .costs.send_ns = row->send_ns,
            .gap_limit_ns = SPD_NS_PER_S,
            .forward = { .delay_ns = 100000,
                         .rate_bps = row->rate_bps,
                         .link_header_bytes = HEADER_BYTES },
            .reverse = { .delay_ns = 100000 },
        };
        struct sim_packet_truth *truth;
        struct sim_burst b;

        sim_burst_run(&b, &s);
        CHECK_ROW_INT(row->name, b.summary.loss.n_lost, 0);
        truth = sim_burst_truth(&b);
        for (uint32_t k = 0; k < b.record->n_packets; k++) {
            uint32_t in_burst = k % row->n_packets, first = k - in_burst;
            spd_ns submitted_ns = truth[k].request->sent_ns - truth[first].request->sent_ns;
            spd_ns arrived_ns = truth[k].request->arrived_ns - truth[first].request->arrived_ns;
            spd_ns pdv_ns = b.summary.packets[k].pdv_fwd_ns;

            CHECK_ROW_INT(row->name, pdv_ns, arrived_ns - submitted_ns);
            /* The same from the physics: the remainders of 1 ns are carried on. */
            CHECK_ROW(row->name, pdv_ns - (wire_ns(row, in_burst) - submitted_ns) <= 1 &&
                                     pdv_ns - (wire_ns(row, in_burst) - submitted_ns) >= -1);
        }
        check_capacity(row, &b, &b.summary.fwd.capacity);
        free(truth);
        sim_burst_destroy(&b);
    }
}

static void slow_link_on_the_way_back_shows_there_and_only_there(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(rate_rows); i++) {
        const struct rate_row *row = &rate_rows[i];
        struct sim_burst_scenario s = {
            .n_packets = row->n_packets,
            .n_bursts = 3,
            .size_bytes = row->size_bytes,
            .forward = { .delay_ns = 100000, .link_header_bytes = HEADER_BYTES },
            .reverse = { .delay_ns = 100000,
                         .rate_bps = row->rate_bps,
                         .link_header_bytes = HEADER_BYTES },
        };
        struct sim_packet_truth *truth;
        struct sim_burst b;

        sim_burst_run(&b, &s);
        CHECK_ROW_INT(row->name, b.summary.loss.n_lost, 0);
        CHECK_ROW_INT(row->name, b.summary.fwd.pdv.max_ns, 0);
        truth = sim_burst_truth(&b);
        for (uint32_t k = 0; k < b.record->n_packets; k++) {
            uint32_t in_burst = k % row->n_packets, first = k - in_burst;
            spd_ns replied_ns = truth[k].reply->sent_ns - truth[first].reply->sent_ns;
            spd_ns off_ns = b.summary.packets[k].pdv_rev_ns - (wire_ns(row, in_burst) - replied_ns);

            CHECK_ROW(row->name, off_ns >= -1 && off_ns <= 1);
        }
        free(truth);
        check_capacity(row, &b, &b.summary.rev.capacity);
        sim_burst_check(row->name, &b, SIM_CHECK_FATES | SIM_CHECK_STAMPS);
        sim_burst_destroy(&b);
    }
}

/* The narrower one on the way decides each direction for itself. */
static void each_direction_has_a_rate_of_its_own(void **state)
{
    struct sim_burst_scenario s = {
        .n_packets = 200,
        .forward = { .rate_bps = 50000000, .link_header_bytes = HEADER_BYTES },
        .reverse = { .rate_bps = 5000000, .link_header_bytes = HEADER_BYTES },
    };
    struct sim_burst b;

    (void)state;
    sim_burst_run(&b, &s);
    check_near("forward", "capacity", b.summary.fwd.capacity.link_bps, 50e6, 0.02);
    check_near("reverse", "capacity", b.summary.rev.capacity.link_bps, 5e6, 0.02);
    sim_burst_destroy(&b);
}

/* Where nothing slows the burst, its rate is the sender's own. */
static void burst_that_nothing_slows_gives_a_lower_bound(void **state)
{
    struct sim_burst_scenario s = { .n_packets = 100,
                                    .costs.send_ns = 5000,
                                    .forward = { .delay_ns = 1000 } };
    struct sim_burst b;

    (void)state;
    sim_burst_run(&b, &s);
    assert_true(b.summary.fwd.capacity.lower_bound);
    check_near("unshaped", "capacity", b.summary.fwd.capacity.ip_bps, 512 * 8 / 5e-6, 0.02);
    sim_burst_destroy(&b);
}

/* ---- queues that overflow ---- */

struct queue_row {
    const char *name;
    bool reverse;
    bool local;
    bool stateless;
    uint32_t queue_packets;
    spd_ns send_ns;
};

static const struct queue_row queue_rows[] = {
    { "forward, 10 wait", false, false, false, 10, 0 },
    { "forward, 1 waits", false, false, false, 1, 0 },
    { "forward, 50 wait, one leaves now and then", false, false, false, 50, 100000 },
    { "reverse, 10 wait", true, false, false, 10, 0 },
    { "reverse, 1 waits", true, false, false, 1, 0 },
    { "our own queue, 10 wait", false, true, false, 10, 0 },
    { "our own queue, 1 waits", false, true, false, 1, 0 },
    { "our own queue, one leaves now and then", false, true, false, 20, 100000 },
    { "our own queue, stateless reflector", false, true, true, 10, 0 },
    { "the reflector's own queue", true, true, false, 10, 0 },
};

static void check_queue_losses(const struct queue_row *row, const struct sim_burst *b)
{
    const struct spd_loss *loss = &b->summary.loss;
    struct sim_packet_truth *truth = sim_burst_truth(b);
    uint32_t n_dropped = 0;

    for (uint32_t k = 0; k < b->record->n_packets; k++) {
        const struct spd_packet_record *p = &b->record->packets[k];
        bool dropped =
            row->reverse ? truth[k].n_replies == 0 : truth[k].request->fate == SIM_LOST_QUEUE;
        enum spd_fate lost = row->reverse ? SPD_FATE_LOST_REVERSE : SPD_FATE_LOST_FORWARD;

        if (p->fate != (dropped ? lost : SPD_FATE_RECEIVED))
            fail_msg("row \"%s\": packet %u is %s", row->name, k,
                     spd_fate_text((enum spd_fate)p->fate));
        /* Only what was dropped in this host has an error of its own. */
        CHECK_ROW_INT(row->name, p->err,
                      dropped && row->local && !row->reverse ? SPD_ERR_NO_BUFFERS : SPD_ERR_OK);
        n_dropped += dropped;
    }
    CHECK_ROW(row->name, n_dropped > 0 && n_dropped < b->record->n_packets);
    CHECK_ROW_INT(row->name, loss->n_lost_forward, row->reverse ? 0 : n_dropped);
    CHECK_ROW_INT(row->name, loss->n_lost_reverse, row->reverse ? n_dropped : 0);
    CHECK_ROW_INT(row->name, loss->n_lost_unknown, 0);
    CHECK_ROW_INT(row->name, loss->n_not_sent, 0);
    free(truth);
}

static void queue_that_overflows_loses_exactly_what_it_dropped(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(queue_rows); i++) {
        const struct queue_row *row = &queue_rows[i];
        struct sim_link narrow = { .delay_ns = 50000,
                                   .rate_bps = 10000000,
                                   .local_queue = row->local,
                                   .queue_packets = row->queue_packets };
        struct sim_burst_scenario s = {
            .n_packets = 200,
            .stateless = row->stateless,
            .instant = row->send_ns == 0,
            .costs.send_ns = row->send_ns,
            .timeout_ns = 200 * SPD_NS_PER_MS,
        };
        struct sim_burst b;

        if (row->reverse)
            s.reverse = narrow;
        else
            s.forward = narrow;
        sim_burst_run(&b, &s);
        check_queue_losses(row, &b);
        if (row->send_ns == 0)
            CHECK_ROW_INT(row->name, b.summary.loss.n_received, row->queue_packets + 1);
        /* A full queue is no fault of the burst. */
        CHECK_ROW_INT(row->name, b.summary.n_whole, 1);
        CHECK_ROW_INT(row->name, b.summary.n_stamps_missing, 0);
        check_near(row->name, "capacity",
                   row->reverse ? b.summary.rev.capacity.ip_bps : b.summary.fwd.capacity.ip_bps,
                   10e6, 0.02);
        sim_burst_check(row->name, &b, SIM_CHECK_FATES);
        sim_burst_destroy(&b);
    }
}

/* The bytes of a queue count, not only its packets. */
static void queue_is_limited_in_bytes(void **state)
{
    struct sim_burst_scenario s = {
        .n_packets = 60,
        .instant = true,
        .forward = { .rate_bps = 10000000, .queue_bytes = 20 * 512 },
        .timeout_ns = 200 * SPD_NS_PER_MS,
    };
    struct sim_burst b;

    (void)state;
    sim_burst_run(&b, &s);
    assert_int_equal(b.summary.loss.n_received, 21);
    assert_int_equal(b.summary.loss.n_lost_forward, 39);
    sim_burst_check("bytes", &b, SIM_CHECK_FATES | SIM_CHECK_STAMPS);
    sim_burst_destroy(&b);
}

/* The kernel stamps when a packet enters our own queue and when it leaves it. */
static void stamps_on_both_sides_of_our_own_queue_are_kept_apart(void **state)
{
    struct sim_burst_scenario s = {
        .n_packets = 50,
        .instant = true,
        .forward = { .rate_bps = 10000000, .local_queue = true },
    };
    struct sim_packet_truth *truth;
    struct sim_burst b;

    (void)state;
    sim_burst_run(&b, &s);
    truth = sim_burst_truth(&b);
    for (uint32_t k = 0; k < 50; k++) {
        const struct spd_packet_record *p = &b.record->packets[k];

        assert_int_equal(p->t1_ns, sim_wall_at(SIM_BURST_SENDER, truth[k].request->sent_ns));
        assert_int_equal(p->left_host_ns, sim_wall_at(SIM_BURST_SENDER, truth[k].request->wire_ns));
        assert_int_equal(p->left_host_ns - p->t1_ns, k * 512 * 8 * 100);
    }
    free(truth);
    sim_burst_destroy(&b);
}

/* ---- buffers that are too small ---- */

static void replies_that_our_receive_buffer_drops_are_counted(void **state)
{
    /* Nobody asks while time passes in the commit, so replies of the first
     * packets pile up: there is a receive for each of them all the same. */
    struct sim_burst_scenario s = { .n_packets = 300,
                                    .sender.max_buffer_bytes = 4000,
                                    .costs.send_ns = 10000,
                                    .timeout_ns = 100 * SPD_NS_PER_MS,
                                    .gap_limit_ns = SPD_NS_PER_S };
    struct sim_burst b;

    (void)state;
    sim_burst_run(&b, &s);
    assert_int_equal(b.summary.loss.n_received, 300);
    assert_int_equal(b.summary.n_dropped_local, 0);
    sim_burst_check("a receive for each", &b, SIM_CHECK_FATES);
    sim_burst_destroy(&b);
}

static void send_buffer_that_fills_breaks_the_burst_and_loses_nothing(void **state)
{
    struct sim_burst_scenario s = {
        .n_packets = 100,
        .user_stamps = true,
        .sender.max_buffer_bytes = 20000,
        .forward = { .rate_bps = 10000000, .local_queue = true },
    };
    size_t n;
    const struct sim_truth *truth;
    struct sim_burst b;

    (void)state;
    sim_burst_run(&b, &s);
    assert_int_equal(b.summary.loss.n_received, 100);
    assert_int_equal(b.record->bursts[0].broken, SPD_BROKEN_BUFFER_OVERFLOW);
    truth = sim_truth(SIM_BURST_SENDER, SIM_BURST_REFLECTOR, &n);
    for (size_t i = b.n_forward_before; i < n; i++)
        assert_int_equal(sim_truth_seq(&truth[i]), i - b.n_forward_before);
    assert_false(b.record->environment.items[SPD_ENV_SEND_BUFFER].fulfilled);
    sim_burst_check("send buffer", &b, SIM_CHECK_FATES);
    sim_burst_destroy(&b);
}

/* The time-out may pass while packets still wait in this host. */
static void burst_is_not_over_while_its_packets_wait_in_this_host(void **state)
{
    struct sim_burst_scenario s = {
        .n_packets = 40,
        .n_bursts = 3,
        .user_stamps = true,
        .timeout_ns = 5 * SPD_NS_PER_MS, /* one packet takes 41 ms */
        .sender.max_buffer_bytes = 4000,
        .forward = { .rate_bps = 100000, .local_queue = true },
    };
    struct sim_burst b;

    (void)state;
    sim_burst_run(&b, &s);
    assert_int_equal(b.record->outcome.err, SPD_ERR_OK);
    assert_int_equal(b.record->n_bursts, 3);
    sim_burst_check("slow", &b, SIM_CHECK_SOUND);
    sim_burst_destroy(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(burst_through_a_slow_link_shows_its_rate),
        cmocka_unit_test(slow_link_on_the_way_back_shows_there_and_only_there),
        cmocka_unit_test(each_direction_has_a_rate_of_its_own),
        cmocka_unit_test(burst_that_nothing_slows_gives_a_lower_bound),
        cmocka_unit_test(queue_that_overflows_loses_exactly_what_it_dropped),
        cmocka_unit_test(queue_is_limited_in_bytes),
        cmocka_unit_test(stamps_on_both_sides_of_our_own_queue_are_kept_apart),
        cmocka_unit_test(replies_that_our_receive_buffer_drops_are_counted),
        cmocka_unit_test(send_buffer_that_fills_breaks_the_burst_and_loses_nothing),
        cmocka_unit_test(burst_is_not_over_while_its_packets_wait_in_this_host),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

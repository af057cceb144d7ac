/*
 * Simulated links, their truth and ICMP errors, against arithmetic done by
 * hand.
 */
#include "tests/support/sim_pair.h"

/* 100 bytes of payload are 128 in the IP packet and 142 on the link: at 1
 * Mbit/s 1.136 ms each. */
static void packets_are_serialised_at_the_rate(void **state)
{
    (void)state;
    net_send_over(
        &(struct sim_link){ .rate_bps = 1000000, .link_header_bytes = 14, .delay_ns = 5 * MS }, 10);
    for (size_t i = 0; i < 10; i++)
        assert_true(net.came_ns[i] == 5 * MS + (spd_ns)(i + 1) * 1136000);
}

static void serialisation_does_not_drift_at_odd_rates(void **state)
{
    (void)state;
    /* 128 * 8 / 3000000 s = 341333.33 ns each */
    net_send_over(&(struct sim_link){ .rate_bps = 3000000 }, 60);
    assert_true(net.came_ns[59] == 20480000);
}

static void a_queue_of_packets_drops_what_does_not_fit(void **state)
{
    const struct sim_truth *truth;
    size_t n;

    (void)state;
    /* One on the wire, three wait. */
    net_send_over(&(struct sim_link){ .rate_bps = 1000000, .queue_packets = 3 }, 10);
    assert_int_equal(net.n_came, 4);
    truth = sim_truth(1, 2, &n);
    assert_int_equal(n, 10);
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(truth[i].fate, i < 4 ? SIM_DELIVERED : SIM_LOST_QUEUE);
        assert_int_equal(net.send_err[i], SPD_ERR_OK); /* nobody tells the sender */
    }
}

static void a_queue_of_bytes_drops_what_does_not_fit(void **state)
{
    (void)state;
    net_send_over(&(struct sim_link){ .rate_bps = 1000000, .queue_bytes = 2 * 128 + 127 }, 10);
    assert_int_equal(net.n_came, 3);
}

static void a_local_queue_that_overflows_fails_the_send(void **state)
{
    (void)state;
    net_send_over(
        &(struct sim_link){ .rate_bps = 1000000, .queue_packets = 3, .local_queue = true }, 10);
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(net.send_err[i], i < 4 ? SPD_ERR_OK : SPD_ERR_NO_BUFFERS);
}

static void a_full_send_buffer_holds_sends_back_in_order(void **state)
{
    size_t n_handed = 0;

    (void)state;
    sim_link_set(1, 2, &(struct sim_link){ .rate_bps = 1000000, .local_queue = true });
    net_open(&(struct spd_udp_config){ .tclass = -1,
                                       .send_buffer_bytes = 4 * spd_udp_buffer_cost(100) });
    for (size_t i = 0; i < 20; i++) {
        net.sent[i][0] = (unsigned char)i;
        spd_udp_queue_send(net.sender, &net.sends[i], net.sent[i], 100, NULL);
    }
    assert_int_equal(spd_cport_commit(net.port, &n_handed), SPD_ERR_OK);
    assert_int_equal(n_handed, 5); /* one on the wire, four wait */
    net_run(1000 * MS);
    assert_int_equal(net.n_came, 20);
    for (size_t i = 0; i < 20; i++)
        assert_int_equal(net.received[i][0], i);
}

static void listed_packets_are_lost_duplicated_reordered_and_changed(void **state)
{
    static const uint32_t lose[] = { 7, 2 }, twice[] = { 4 }, late[] = { 5 }, changed[] = { 6 };
    static const unsigned char expected[] = { 0, 1, 3, 4, 4, 6, 8, 9, 5 };
    size_t n;
    const struct sim_truth *truth;

    (void)state;
    sim_link_set(1, 2,
                 &(struct sim_link){ .delay_ns = MS,
                                     .lose = { lose, 2 },
                                     .duplicate = { twice, 1 },
                                     .reorder = { late, 1 },
                                     .reorder_ns = MS,
                                     .corrupt = { changed, 1 } });
    net_open(&(struct spd_udp_config){ .tclass = -1 });
    net_send(10, 2);
    net_run(100 * MS);
    assert_int_equal(net.n_came, 9);
    for (size_t i = 0; i < 9; i++) {
        if (expected[i] == 6)
            assert_memory_not_equal(net.received[i], net.sent[6], 2);
        else
            assert_int_equal(net.received[i][0], expected[i]);
    }
    truth = sim_truth(1, 2, &n);
    assert_int_equal(n, 11);
    assert_true(truth[5].is_copy && truth[5].index == 4);
    assert_true(truth[6].reordered && truth[6].arrived_ns == 2 * MS);
    assert_true(truth[7].corrupted);
    assert_int_equal(truth[7].payload[0], 6); /* as sent */
    assert_int_equal(sim_truth_count(1, 2, SIM_LOST), 2);
}

static void chance_follows_its_probability_and_seed(void **state)
{
    size_t n_lost[2];

    (void)state;
    for (int round = 0; round < 2; round++) {
        sim_create(7);
        sim_link_set(1, 2, &(struct sim_link){ .loss_ppm = 250000 });
        net_open(&(struct spd_udp_config){ .tclass = -1 });
        for (int i = 0; i < 20; i++) {
            net_send(50, 10);
            net_run(MS);
        }
        n_lost[round] = sim_truth_count(1, 2, SIM_LOST);
        net_close();
    }
    assert_int_equal(n_lost[0], n_lost[1]);
    assert_in_range(n_lost[0], 200, 300); /* of 1000; 3.6 standard deviations */
}

static void jitter_stays_in_its_bounds_and_keeps_the_order(void **state)
{
    (void)state;
    net_send_over(&(struct sim_link){ .delay_ns = MS, .jitter_random_ns = MS }, 50);
    assert_int_equal(net.n_came, 50);
    for (size_t i = 0; i < 50; i++) {
        assert_true(net.came_ns[i] >= MS && net.came_ns[i] <= 2 * MS);
        assert_int_equal(net.received[i][0], i);
    }
    assert_true(net.came_ns[49] > net.came_ns[0]);
}

static void constant_jitter_delays_every_second_packet(void **state)
{
    const struct sim_truth *truth;
    size_t n;

    (void)state;
    net_send_over(&(struct sim_link){ .jitter_constant_ns = 3 * MS, .jitter_reorders = true }, 6);
    truth = sim_truth(1, 2, &n);
    for (size_t i = 0; i < 6; i++)
        assert_true(truth[i].arrived_ns == (i % 2 ? 3 * MS : 0));
}

static void an_outage_loses_what_leaves_during_it(void **state)
{
    static const struct sim_outage outage = { 2 * MS, 4 * MS };

    (void)state;
    /* Serialisation begins at 0, 1.024, 2.048, 3.072, 4.096 ms. */
    net_send_over(&(struct sim_link){ .rate_bps = 1000000, .outages = &outage, .n_outages = 1 }, 5);
    assert_int_equal(net.n_came, 3);
    assert_int_equal(sim_truth_count(1, 2, SIM_LOST_OUTAGE), 2);
}

static void marks_and_hops_are_changed_on_the_way(void **state)
{
    (void)state;
    sim_link_set(1, 2, &(struct sim_link){ .hops = 3, .rewrite_tclass = true, .tclass = 0x20 });
    net_open(&(struct spd_udp_config){ .tclass = 0xB8, .ttl = 10 });
    net_send(1, 5);
    net_run(MS);
    assert_int_equal(net.meta[0].ttl, 7);
    assert_int_equal(net.meta[0].tclass, 0x20);
}

static void an_icmp_error_comes_back_after_both_delays(void **state)
{
    static struct spd_op receive;
    struct spd_completion out;
    unsigned char buffer[10];
    struct spd_addr offender;
    enum spd_err err;
    size_t n;

    (void)state;
    sim_link_set(1, 2, &(struct sim_link){ .delay_ns = 2 * MS, .icmp = SPD_ERR_HOST_UNREACHABLE });
    sim_link_set(2, 1, &(struct sim_link){ .delay_ns = 3 * MS });
    net_open(&(struct spd_udp_config){ .tclass = -1 });
    spd_udp_queue_receive(net.sender, &receive, buffer, 10, NULL);
    net_send(1, 5);
    assert_int_equal(spd_cport_wait(net.port, &out, 1, &n, 100 * MS), SPD_ERR_OK);
    assert_ptr_equal(out.op, &net.sends[0]);
    assert_int_equal(spd_cport_wait(net.port, &out, 1, &n, 100 * MS), SPD_ERR_OK);
    assert_ptr_equal(out.op, &receive);
    assert_int_equal(out.err, SPD_ERR_HOST_UNREACHABLE);
    assert_true(sim_now_ns() == 5 * MS);
    spd_udp_take_icmp_error(net.sender, &err, buffer, 10, &n, &offender);
    assert_int_equal(err, SPD_ERR_HOST_UNREACHABLE);
    assert_int_equal(n, 5);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        WORLD_TEST(packets_are_serialised_at_the_rate),
        WORLD_TEST(serialisation_does_not_drift_at_odd_rates),
        WORLD_TEST(a_queue_of_packets_drops_what_does_not_fit),
        WORLD_TEST(a_queue_of_bytes_drops_what_does_not_fit),
        WORLD_TEST(a_local_queue_that_overflows_fails_the_send),
        WORLD_TEST(a_full_send_buffer_holds_sends_back_in_order),
        WORLD_TEST(listed_packets_are_lost_duplicated_reordered_and_changed),
        WORLD_TEST(chance_follows_its_probability_and_seed),
        WORLD_TEST(jitter_stays_in_its_bounds_and_keeps_the_order),
        WORLD_TEST(constant_jitter_delays_every_second_packet),
        WORLD_TEST(an_outage_loses_what_leaves_during_it),
        WORLD_TEST(marks_and_hops_are_changed_on_the_way),
        WORLD_TEST(an_icmp_error_comes_back_after_both_delays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

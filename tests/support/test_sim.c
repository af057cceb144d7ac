/*
 * The simulated system itself: its clocks, links, truth and injected trouble,
 * against arithmetic done by hand. What it shares with real systems is held by
 * tests/sys/test_cport.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/sys/clock.h"
#include "common/sys/netif.h"
#include "common/sys/pagemem.h"
#include "common/sys/thread.h"
#include "common/sys/udp.h"
#include "tests/support/sim.h"

#define MS  SPD_NS_PER_MS
#define MAX 64

/* ---- a sender on host 1, a receiver on host 2 ---- */

static struct {
    struct spd_cport *port;
    struct spd_udp *sender, *receiver;
    struct spd_op sends[MAX], receives[MAX];
    unsigned char sent[MAX][100], received[MAX][100];
    struct spd_udp_meta meta[MAX];
    enum spd_err send_err[MAX];
    spd_ns came_ns[MAX]; /* true time at which receive i completed; -1 never */
    size_t n_came;
} net;

static void net_open(const struct spd_udp_config *like)
{
    struct spd_cport_config port_config = { .single_owner = true };
    struct spd_udp_config config = *like;
    struct spd_diag diag;

    memset(&net, 0, sizeof net);
    assert_int_equal(spd_cport_create(&port_config, &net.port, &diag), SPD_ERR_OK);
    config.local = sim_addr4(2, 862);
    config.want_receive_details = true;
    assert_int_equal(spd_udp_open(net.port, 2, &config, &net.receiver, &diag), SPD_ERR_OK);
    config.local = sim_addr4(1, 0);
    config.remote = sim_addr4(2, 862);
    assert_int_equal(spd_udp_open(net.port, 1, &config, &net.sender, &diag), SPD_ERR_OK);
    for (size_t i = 0; i < MAX; i++) {
        net.came_ns[i] = -1;
        assert_int_equal(spd_udp_queue_receive(net.receiver, &net.receives[i], net.received[i], 100,
                                               &net.meta[i]),
                         SPD_ERR_OK);
    }
}

static void net_send(size_t n, size_t n_bytes)
{
    for (size_t i = 0; i < n; i++) {
        net.sent[i][0] = (unsigned char)i;
        assert_int_equal(spd_udp_queue_send(net.sender, &net.sends[i], net.sent[i], n_bytes, NULL),
                         SPD_ERR_OK);
    }
    assert_int_equal(spd_cport_commit(net.port, NULL), SPD_ERR_OK);
}

/* Take everything that completes within a time. */
static void net_run(spd_ns duration_ns)
{
    spd_ns until_ns = sim_now_ns() + duration_ns;
    struct spd_completion out[8];
    size_t n;

    while (spd_cport_wait(net.port, out, 8, &n, until_ns - sim_now_ns()) == SPD_ERR_OK) {
        for (size_t i = 0; i < n; i++) {
            if (out[i].key == 1) {
                net.send_err[out[i].op - net.sends] = out[i].err;
            } else {
                net.came_ns[out[i].op - net.receives] = sim_now_ns();
                net.n_came += out[i].err == SPD_ERR_OK;
            }
        }
    }
}

static void net_close(void)
{
    struct spd_completion out[8];
    size_t n;

    spd_udp_close(net.sender);
    spd_udp_close(net.receiver);
    spd_cport_close(net.port);
    while (spd_cport_wait(net.port, out, 8, &n, 0) == SPD_ERR_OK)
        continue;
    spd_cport_destroy(net.port);
    memset(&net, 0, sizeof net);
}

static int fresh_world(void **state)
{
    (void)state;
    sim_create(42);
    return 0;
}

static int end_world(void **state)
{
    (void)state;
    if (net.port)
        net_close();
    sim_destroy();
    return 0;
}

static void send_over(const struct sim_link *link, size_t n)
{
    sim_link_set(1, 2, link);
    net_open(&(struct spd_udp_config){ .tclass = -1 });
    net_send(n, 100);
    net_run(1000 * MS);
}

/* ---- clocks ---- */

static void clocks_run_at_their_frequency_offset_and_skew(void **state)
{
    static const struct {
        const char *name;
        struct sim_host_config config;
        spd_ns at_ns;
        uint64_t ticks;
        int64_t wall_ns; /* less the true one */
    } rows[] = {
        { "plain", { .counter_start = 5 }, 7, 5 + 7, 0 },
        { "10 MHz", { .counter_hz = 10000000, .counter_start = 1 }, 1050, 1 + 10, 0 },
        { "24 MHz",
          { .counter_hz = 24000000, .counter_start = 1 },
          3600 * SPD_NS_PER_S,
          1 + UINT64_C(86400000000),
          0 },
        { "fast",
          { .counter_start = 1, .skew_ppb = 50000 },
          SPD_NS_PER_S,
          1 + UINT64_C(1000050000),
          50000 },
        { "slow",
          { .counter_start = 1, .skew_ppb = -50000 },
          10 * SPD_NS_PER_S,
          1 + UINT64_C(9999500000),
          -500000 },
        { "slewed",
          { .counter_start = 1, .wall_skew_ppb = 1000 },
          SPD_NS_PER_S,
          1 + UINT64_C(1000000000),
          1000 },
        { "behind",
          { .counter_start = 1, .wall_offset_ns = -7 * MS },
          SPD_NS_PER_S,
          1 + UINT64_C(1000000000),
          -7 * MS },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        sim_host_set(3, &rows[i].config);
        if (sim_ticks_at(3, rows[i].at_ns) != rows[i].ticks ||
            sim_wall_at(3, rows[i].at_ns) != sim_true_wall_ns(rows[i].at_ns) + rows[i].wall_ns)
            fail_msg("%s", rows[i].name);
    }
}

static void the_time_of_day_jumps_both_ways_and_the_counter_does_not(void **state)
{
    static const struct sim_step steps[] = { { 20 * MS, -5 * MS }, { 10 * MS, 3 * MS } };
    struct sim_host_config config = { .steps = steps, .n_steps = 2 };
    int64_t wall_ns;
    uint64_t ticks;

    (void)state;
    sim_host_set(1, &config);
    assert_true(sim_wall_at(1, 10 * MS - 1) == sim_true_wall_ns(10 * MS - 1));
    assert_true(sim_wall_at(1, 10 * MS) == sim_true_wall_ns(13 * MS));
    assert_true(sim_wall_at(1, 20 * MS) == sim_true_wall_ns(18 * MS));
    sim_advance(20 * MS - 1);
    wall_ns = spd_clock_wall().ns;
    ticks = spd_clock_now().ticks;
    sim_advance(1);
    assert_true(spd_clock_wall().ns == wall_ns + 1 - 5 * MS);
    assert_true(spd_clock_now().ticks == ticks + 1);
}

static void clocks_are_read_on_the_current_host(void **state)
{
    (void)state;
    sim_host_set(2, &(struct sim_host_config){ .counter_hz = 10000000, .counter_start = 99 });
    assert_true(spd_clock_frequency_hz() == 1000000000);
    sim_set_current_host(2);
    assert_true(spd_clock_frequency_hz() == 10000000);
    assert_true(spd_clock_now().ticks == 99);
}

static void readings_cost_what_they_are_told_to(void **state)
{
    struct sim_costs costs = { .clock_read_ns = 30 };
    struct spd_clock_pair pair;

    (void)state;
    sim_costs_set(&costs);
    spd_clock_now();
    assert_true(sim_now_ns() == 30);
    spd_clock_correlate(&pair);
    assert_true(pair.uncertainty_ns == 30);
    assert_true(sim_now_ns() == 90);
}

/* ---- links ---- */

/* 100 bytes of payload are 128 in the IP packet and 142 on the link: at 1
 * Mbit/s 1.136 ms each. */
static void packets_are_serialised_at_the_rate(void **state)
{
    (void)state;
    send_over(
        &(struct sim_link){ .rate_bps = 1000000, .link_header_bytes = 14, .delay_ns = 5 * MS }, 10);
    for (size_t i = 0; i < 10; i++)
        assert_true(net.came_ns[i] == 5 * MS + (spd_ns)(i + 1) * 1136000);
}

static void serialisation_does_not_drift_at_odd_rates(void **state)
{
    (void)state;
    /* 128 * 8 / 3000000 s = 341333.33 ns each */
    send_over(&(struct sim_link){ .rate_bps = 3000000 }, 60);
    assert_true(net.came_ns[59] == 20480000);
}

static void a_queue_of_packets_drops_what_does_not_fit(void **state)
{
    const struct sim_truth *truth;
    size_t n;

    (void)state;
    /* One on the wire, three wait. */
    send_over(&(struct sim_link){ .rate_bps = 1000000, .queue_packets = 3 }, 10);
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
    send_over(&(struct sim_link){ .rate_bps = 1000000, .queue_bytes = 2 * 128 + 127 }, 10);
    assert_int_equal(net.n_came, 3);
}

static void a_local_queue_that_overflows_fails_the_send(void **state)
{
    (void)state;
    send_over(&(struct sim_link){ .rate_bps = 1000000, .queue_packets = 3, .local_queue = true },
              10);
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
    send_over(&(struct sim_link){ .delay_ns = MS, .jitter_random_ns = MS }, 50);
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
    send_over(&(struct sim_link){ .jitter_constant_ns = 3 * MS, .jitter_reorders = true }, 6);
    truth = sim_truth(1, 2, &n);
    for (size_t i = 0; i < 6; i++)
        assert_true(truth[i].arrived_ns == (i % 2 ? 3 * MS : 0));
}

static void an_outage_loses_what_leaves_during_it(void **state)
{
    static const struct sim_outage outage = { 2 * MS, 4 * MS };

    (void)state;
    /* Serialisation begins at 0, 1.024, 2.048, 3.072, 4.096 ms. */
    send_over(&(struct sim_link){ .rate_bps = 1000000, .outages = &outage, .n_outages = 1 }, 5);
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

/* ---- time ---- */

static void a_poll_sees_what_is_due_and_time_stands_still(void **state)
{
    struct spd_completion out[4];
    size_t n;

    (void)state;
    sim_link_set(1, 2, &(struct sim_link){ .delay_ns = 5 * MS });
    net_open(&(struct spd_udp_config){ .tclass = -1 });
    net_send(1, 5);
    assert_int_equal(spd_cport_wait(net.port, out, 4, &n, 0), SPD_ERR_OK); /* the send */
    assert_int_equal(spd_cport_wait(net.port, out, 4, &n, 0), SPD_ERR_TIMEOUT);
    sim_advance(5 * MS - 1);
    assert_int_equal(spd_cport_wait(net.port, out, 4, &n, 0), SPD_ERR_TIMEOUT);
    assert_true(sim_now_ns() == 5 * MS - 1);
    assert_true(sim_advance_to_next_event(MS));
    assert_true(sim_now_ns() == 5 * MS);
    assert_int_equal(spd_cport_wait(net.port, out, 4, &n, 0), SPD_ERR_OK);
    assert_false(sim_advance_to_next_event(MS));
    assert_true(sim_now_ns() == 6 * MS);
}

static void count_step(void *argument)
{
    ++*(unsigned *)argument;
    assert_int_equal(sim_current_host(), 2);
}

static void actors_are_stepped_when_something_happens_and_periodically(void **state)
{
    static unsigned n_by_event, n_by_time;

    (void)state;
    n_by_event = n_by_time = 0;
    net_open(&(struct spd_udp_config){ .tclass = -1 });
    sim_add_actor(2, 0, count_step, &n_by_event);
    net_send(1, 5);
    net_run(MS);
    assert_true(n_by_event > 0);
    assert_int_equal(sim_current_host(), 1);
    n_by_event = 0;
    sim_add_actor(2, MS, count_step, &n_by_time);
    sim_advance(10 * MS);
    assert_int_equal(n_by_time, 10);
}

static void note_run(void *argument)
{
    *(spd_ns *)argument = sim_now_ns();
    spd_thread_sleep(MS);
}

static void threads_run_when_their_starter_has_nothing_to_do(void **state)
{
    static spd_ns ran_ns;
    struct spd_thread *thread;

    (void)state;
    ran_ns = -1;
    assert_int_equal(spd_thread_start(&thread, "x", note_run, &ran_ns), SPD_ERR_OK);
    assert_true(ran_ns == -1);
    spd_thread_sleep(3 * MS);
    assert_true(ran_ns == 0);
    assert_true(sim_now_ns() == 3 * MS);
    spd_thread_join(thread);
}

/* ---- stamps ---- */

static void stamps_tell_queueing_apart_and_can_be_lost(void **state)
{
    static const uint32_t lost_sent[] = { 1 }, lost_sched[] = { 2 };
    struct sim_host_config host = { .wall_offset_ns = 77,
                                    .lose_sent_stamps = { lost_sent, 1 },
                                    .lose_sched_stamps = { lost_sched, 1 } };
    int64_t sched_ns[4] = { 0 }, sent_ns[4] = { 0 };
    int64_t start_ns = sim_true_wall_ns(0) + 77;

    (void)state;
    sim_host_set(1, &host);
    sim_link_set(1, 2, &(struct sim_link){ .rate_bps = 1000000, .local_queue = true });
    net_open(&(struct spd_udp_config){ .tclass = -1, .want_send_stamps = true });
    spd_udp_stamps_begin(net.sender);
    net_send(4, 100);
    assert_int_equal(spd_udp_stamps_collect(net.sender, sched_ns, sent_ns, 4), 3 + 1);
    assert_true(sched_ns[0] == start_ns && sched_ns[3] == start_ns && sched_ns[2] == 0);
    assert_true(sent_ns[0] == start_ns && sent_ns[2] == 0); /* still waits */
    net_run(100 * MS);
    assert_int_equal(spd_udp_stamps_collect(net.sender, sched_ns, sent_ns, 4), 2);
    assert_true(sent_ns[1] == 0); /* lost */
    assert_true(sent_ns[2] == start_ns + 2 * 1024000 && sent_ns[3] == start_ns + 3 * 1024000);
    assert_int_equal(spd_udp_stamps_collect(net.sender, sched_ns, sent_ns, 4), 0);
}

static void denied_stamps_are_not_in_the_facts(void **state)
{
    struct spd_udp_facts facts;

    (void)state;
    sim_host_set(1, &(struct sim_host_config){ .deny_sent_stamps = true });
    sim_host_set(2, &(struct sim_host_config){ .deny_receive_stamps = true });
    net_open(&(struct spd_udp_config){
        .tclass = -1, .want_send_stamps = true, .want_receive_stamps = true });
    spd_udp_facts(net.sender, &facts);
    assert_int_equal(facts.send_stamps, 1u << SPD_STAMP_KERNEL_SCHED);
    assert_int_equal(facts.receive_stamp, SPD_STAMP_KERNEL);
    spd_udp_facts(net.receiver, &facts);
    assert_int_equal(facts.receive_stamp, SPD_STAMP_NONE);
}

/* ---- trouble ---- */

static void switches_strike_in_the_commit_they_are_planned_for(void **state)
{
    struct sim_switch plan = {
        .host = 1, .nth = 1, .min_sends = 4, .after_sends = 2, .n_switches = 3, .pause_ns = 10 * MS
    };
    const struct sim_truth *truth;
    size_t n;

    (void)state;
    net_open(&(struct spd_udp_config){ .tclass = -1 });
    sim_inject_switch(&plan);
    net_send(2, 5); /* too few to count */
    net_run(MS);
    net_send(4, 5);
    assert_int_equal(spd_sched_involuntary_switches(), 0);
    net_run(MS);
    net_send(4, 5);
    assert_int_equal(spd_sched_involuntary_switches(), 3);
    truth = sim_truth(1, 2, &n);
    assert_true(truth[7].sent_ns == 2 * MS && truth[8].sent_ns == 12 * MS);
    net_run(MS);
    net_send(4, 5);
    assert_int_equal(spd_sched_involuntary_switches(), 3); /* once */
    net_run(MS);
}

static void planned_sends_and_calls_fail(void **state)
{
    struct spd_cport_config config = { 0 };
    struct spd_cport *port = NULL;
    struct spd_diag diag;
    void *memory;
    size_t locked;

    (void)state;
    net_open(&(struct spd_udp_config){ .tclass = -1 });
    sim_fail_send(1, 3, SPD_ERR_NO_BUFFERS);
    net_send(5, 5);
    net_run(MS);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(net.send_err[i], i == 3 ? SPD_ERR_NO_BUFFERS : SPD_ERR_OK);
    assert_int_equal(net.n_came, 4);
    sim_fail_call(SIM_CALL_CREATE, 0, SPD_ERR_PERM);
    assert_int_equal(spd_cport_create(&config, &port, &diag), SPD_ERR_PERM);
    sim_fail_call(SIM_CALL_ALLOCATION, 1, SPD_ERR_NOMEM);
    assert_int_equal(spd_cport_create(&config, &port, &diag), SPD_ERR_OK);
    assert_int_equal(spd_pagemem_alloc(4096, &memory, &locked, NULL), SPD_ERR_NOMEM);
    assert_int_equal(spd_pagemem_alloc(4096, &memory, &locked, NULL), SPD_ERR_OK);
    assert_int_equal((uintptr_t)memory % 4096, 0);
    assert_int_equal(locked, 4096);
    assert_int_equal(sim_n_alive(), 5); /* two ports, two sockets, memory */
    spd_pagemem_free(memory, 4096);
    spd_cport_close(port);
    spd_cport_destroy(port);
}

static void a_host_may_refuse_priority_and_locking(void **state)
{
    struct spd_priority_grant grant;
    struct spd_diag diag;
    void *memory;
    size_t locked = 1;

    (void)state;
    spd_sched_probe(&grant);
    assert_int_equal(grant.obtained, SPD_PRIORITY_TIME_CRITICAL);
    sim_host_set(1, &(struct sim_host_config){ .refuse_priority = true,
                                               .best_priority = SPD_PRIORITY_NICE,
                                               .switches_unknown = true,
                                               .refuse_lock = true,
                                               .page_bytes = 16384 });
    spd_sched_probe(&grant);
    assert_int_equal(grant.obtained, SPD_PRIORITY_NICE);
    assert_true(grant.note[0] != '\0');
    assert_int_equal(spd_sched_involuntary_switches(), -1);
    assert_int_equal(spd_pagemem_page_bytes(), 16384);
    assert_int_equal(spd_pagemem_alloc(16384, &memory, &locked, &diag), SPD_ERR_OK);
    assert_int_equal(locked, 0);
    assert_int_equal((uintptr_t)memory % 16384, 0);
    spd_pagemem_free(memory, 16384);
}

static void names_and_paths_lead_to_hosts(void **state)
{
    struct spd_addr addr, expected = sim_addr4(7, 862);
    struct spd_netif_path path;
    struct spd_diag diag;

    (void)state;
    assert_int_equal(spd_netif_resolve("host7", 862, SPD_FAMILY_NONE, &addr, &diag), SPD_ERR_OK);
    assert_true(spd_addr_equal(&addr, &expected));
    assert_int_equal(spd_netif_resolve("host999", 862, SPD_FAMILY_NONE, &addr, &diag),
                     SPD_ERR_NOT_FOUND);
    sim_link_set(1, 7, &(struct sim_link){ .mtu_bytes = 1500, .link_header_bytes = 14 });
    assert_int_equal(spd_netif_path(&expected, NULL, NULL, &path, &diag), SPD_ERR_OK);
    assert_int_equal(path.mtu_bytes, 1500);
    assert_int_equal(path.link_header_bytes, 14);
    addr = sim_addr4(1, 0);
    assert_true(spd_addr_equal(&path.source, &addr));
}

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, fresh_world, end_world)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        WORLD_TEST(clocks_run_at_their_frequency_offset_and_skew),
        WORLD_TEST(the_time_of_day_jumps_both_ways_and_the_counter_does_not),
        WORLD_TEST(clocks_are_read_on_the_current_host),
        WORLD_TEST(readings_cost_what_they_are_told_to),
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
        WORLD_TEST(a_poll_sees_what_is_due_and_time_stands_still),
        WORLD_TEST(actors_are_stepped_when_something_happens_and_periodically),
        WORLD_TEST(threads_run_when_their_starter_has_nothing_to_do),
        WORLD_TEST(stamps_tell_queueing_apart_and_can_be_lost),
        WORLD_TEST(denied_stamps_are_not_in_the_facts),
        WORLD_TEST(switches_strike_in_the_commit_they_are_planned_for),
        WORLD_TEST(planned_sends_and_calls_fail),
        WORLD_TEST(a_host_may_refuse_priority_and_locking),
        WORLD_TEST(names_and_paths_lead_to_hosts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

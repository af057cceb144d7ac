/*
 * The simulated system itself: its clocks, time, threads, stamps and injected
 * trouble, against values computed by hand. Its links are in test_sim_links.c;
 * what it shares with real systems is held by tests/sys/test_cport.c.
 */
#include "common/sys/clock.h"
#include "common/sys/netif.h"
#include "common/sys/pagemem.h"
#include "common/sys/thread.h"
#include "tests/support/sim_pair.h"

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

static void a_wait_for_ever_lasts_until_something_comes(void **state)
{
    struct spd_completion out[4];
    size_t n;

    (void)state;
    sim_link_set(1, 2, &(struct sim_link){ .delay_ns = 3600 * SPD_NS_PER_S });
    sim_advance(MS);
    net_open(&(struct spd_udp_config){ .tclass = -1 });
    net_send(1, 5);
    assert_int_equal(spd_cport_wait(net.port, out, 4, &n, SPD_NS_FOREVER), SPD_ERR_OK);
    assert_ptr_equal(out[0].op, &net.sends[0]);
    assert_int_equal(spd_cport_wait(net.port, out, 4, &n, SPD_NS_FOREVER), SPD_ERR_OK);
    assert_ptr_equal(out[0].op, &net.receives[0]);
    assert_true(sim_now_ns() == MS + 3600 * SPD_NS_PER_S);
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

int main(void)
{
    static const struct CMUnitTest tests[] = {
        WORLD_TEST(clocks_run_at_their_frequency_offset_and_skew),
        WORLD_TEST(the_time_of_day_jumps_both_ways_and_the_counter_does_not),
        WORLD_TEST(clocks_are_read_on_the_current_host),
        WORLD_TEST(readings_cost_what_they_are_told_to),
        WORLD_TEST(a_poll_sees_what_is_due_and_time_stands_still),
        WORLD_TEST(a_wait_for_ever_lasts_until_something_comes),
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

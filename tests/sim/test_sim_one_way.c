/*
 * One-way sessions against known truth: every packet that arrives is recorded,
 * with the times of both hosts' own clocks, and whatever ends the session loses
 * none of them (spec L1 to L3).
 */
#include "tests/sim/sim_one_way.h"

#include "common/wire/owamp_test.h"
#include "common/wire/session_mark.h"
#include "common/sys/udp.h"

#define N 100

#define LOSE(...)                                                                                  \
    {                                                                                              \
        .indices = (const uint32_t[]){ __VA_ARGS__ },                                              \
        .n = sizeof((uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t)                                \
    }

static void over(const struct sim_link *link)
{
    one_way_prepare(7);
    sim_link_set(ONE_WAY_SENDER, ONE_WAY_FAR, link);
    one_way_start();
}

/* What the network delivered of the session, in order, must be in the records. */
static void check_records_are_the_truth(void)
{
    size_t n_truth, n = 0;
    const struct sim_truth *truth = sim_truth(ONE_WAY_SENDER, ONE_WAY_FAR, &n_truth);
    bool seen[N] = { false };

    for (size_t i = 0; i < n_truth; i++) {
        struct spd_session_mark mark;
        struct spd_owamp_test test;

        if (truth[i].fate != SIM_DELIVERED || truth[i].arrived_ns > ow.finished_ns ||
            spd_owamp_test_read(truth[i].payload, SIM_TRUTH_PAYLOAD_BYTES, &test) ||
            (spd_session_mark_read(truth[i].payload, truth[i].n_bytes, &mark) && mark.termination))
            continue;
        n++;
        for (size_t k = 0; k < ow.n_received; k++) {
            const struct spd_flow_packet *p = &ow.received[k];

            if (p->seq == test.seq && p->t2_ns == sim_wall_at(ONE_WAY_FAR, truth[i].arrived_ns))
                goto found;
        }
        fail_msg("packet %u arrived at %lld ns and is not recorded", test.seq,
                 (long long)truth[i].arrived_ns);
    found:;
    }
    assert_int_equal(ow.n_received, n);
    for (size_t k = 0; k < n; k++) {
        const struct spd_flow_packet *p = &ow.received[k];

        assert_true(p->flags & SPD_FLOW_ARRIVED);
        assert_int_equal(!!(p->flags & SPD_FLOW_DUPLICATE), seen[p->seq]);
        assert_int_equal(p->size_bytes, 92);
        seen[p->seq] = true;
    }
    assert_int_equal(spd_receiver_record(ow.receiver)->n_records, n);
}

static void check_ending(enum spd_receiver_ending ending)
{
    assert_true(ow.opened);
    assert_true(ow.finished);
    assert_int_equal(spd_receiver_record(ow.receiver)->ending, ending);
    check_records_are_the_truth();
}

static void check_taken(uint32_t n)
{
    assert_true(spd_receiver_record(ow.receiver)->n_taken_known);
    assert_int_equal(spd_receiver_record(ow.receiver)->n_taken, n);
}

/* Their numbers go on where those of the session ended (session_mark.md). */
static void check_termination_goes_on_counting(void)
{
    size_t n;
    const struct sim_truth *truth = sim_truth(ONE_WAY_SENDER, ONE_WAY_FAR, &n);

    assert_int_equal(n, N + 10);
    for (size_t i = 0; i < n; i++) {
        struct spd_owamp_test test;
        struct spd_session_mark mark;

        assert_int_equal(spd_owamp_test_read(truth[i].payload, truth[i].n_bytes, &test), 0);
        assert_true(spd_session_mark_read(truth[i].payload, truth[i].n_bytes, &mark));
        assert_int_equal(test.seq, i);
        assert_int_equal(mark.termination, i >= N);
        assert_int_equal(mark.n_packets, N);
    }
}

static void the_last_packet_ends_a_session_by_count(void **state)
{
    const struct spd_receiver_record *r;

    (void)state;
    over(&(struct sim_link){ .delay_ns = 20 * MS });
    one_way_run(20 * SPD_NS_PER_S);
    check_ending(SPD_RECEIVER_COUNT);
    r = spd_receiver_record(ow.receiver);
    assert_int_equal(r->n_arrived, N);
    assert_int_equal(r->n_duplicates, 0);
    assert_int_equal(r->n_termination, 10); /* within the 100 ms of linger */
    assert_int_equal(r->info.n_packets, N);
    assert_true(r->session == ONE_WAY_SESSION);
    assert_int_equal(r->ssid, spd_flows_ssid(&ow.flows_spec, 0));
    check_taken(N);
    /* The sender's records: all, in order, stamped by the kernel. */
    assert_int_equal(ow.n_sent, N);
    for (uint32_t i = 0; i < N; i++) {
        assert_int_equal(ow.sent[i].seq, i);
        assert_int_equal(ow.sent[i].flags, SPD_FLOW_SENT | SPD_FLOW_T1_KERNEL);
        assert_int_equal(ow.received[i].seq, i);
        assert_int_equal(ow.received[i].t2_ns - ow.sent[i].t1_ns, 20 * MS);
    }
    assert_int_equal(spd_flows_record(ow.flows)->counts[0].n_termination, 10);
    check_termination_goes_on_counting();
}

static void the_first_termination_packet_ends_a_session_with_losses(void **state)
{
    (void)state;
    over(&(struct sim_link){ .delay_ns = 5 * MS, .lose = LOSE(3, 50, 98) });
    one_way_run(20 * SPD_NS_PER_S);
    check_ending(SPD_RECEIVER_TERMINATION);
    assert_int_equal(spd_receiver_record(ow.receiver)->n_arrived, N - 3);
    check_taken(N);
}

static void one_termination_packet_of_ten_is_enough(void **state)
{
    (void)state;
    over(&(struct sim_link){ .delay_ns = 5 * MS,
                             .lose = LOSE(99, 100, 101, 102, 103, 104, 105, 106, 107, 108) });
    one_way_run(20 * SPD_NS_PER_S);
    check_ending(SPD_RECEIVER_TERMINATION);
    assert_int_equal(spd_receiver_record(ow.receiver)->n_arrived, N - 1);
    assert_int_equal(spd_receiver_record(ow.receiver)->n_termination, 1);
    check_taken(N);
}

static const uint32_t end_lost[] = { 99, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109 };

static void done_ends_a_session_whose_termination_packets_are_all_lost(void **state)
{
    (void)state;
    over(&(struct sim_link){ .delay_ns = 5 * MS, .lose = { end_lost, 11 } });
    one_way_run_until(1200 * MS);
    assert_false(ow.finished);
    spd_receiver_stop(ow.receiver, SPD_RECEIVER_DONE, N);
    one_way_run(20 * SPD_NS_PER_S);
    check_ending(SPD_RECEIVER_DONE);
    check_taken(N);
    assert_true(ow.finished_ns < 1400 * MS);
}

static void done_waits_for_packets_that_it_overtook(void **state)
{
    (void)state;
    over(&(struct sim_link){ .delay_ns = 80 * MS, .lose = { end_lost, 11 } });
    one_way_run_until(10 * MS + 990 * MS); /* the last ones are on their way */
    spd_receiver_stop(ow.receiver, SPD_RECEIVER_DONE, N);
    one_way_run(20 * SPD_NS_PER_S);
    check_ending(SPD_RECEIVER_DONE);
    assert_int_equal(spd_receiver_record(ow.receiver)->n_arrived, N - 1);
}

static void silence_ends_a_session_when_nothing_else_does(void **state)
{
    (void)state;
    over(&(struct sim_link){ .delay_ns = 5 * MS, .lose = { end_lost, 11 } });
    one_way_run(20 * SPD_NS_PER_S);
    check_ending(SPD_RECEIVER_TIMEOUT);
    assert_false(spd_receiver_record(ow.receiver)->n_taken_known);
    assert_true(ow.finished_ns > 2900 * MS && ow.finished_ns < 3100 * MS);
}

static void a_receiver_waits_for_ever_for_its_first_packet(void **state)
{
    static const struct sim_outage outage = { 0, 3600 * SPD_NS_PER_S };

    (void)state;
    over(&(struct sim_link){ .outages = &outage, .n_outages = 1 });
    one_way_run(600 * SPD_NS_PER_S);
    assert_false(ow.finished);
    assert_false(ow.began);
}

static void unless_it_is_told_how_long(void **state)
{
    static const struct sim_outage outage = { 0, 3600 * SPD_NS_PER_S };

    (void)state;
    one_way_prepare(7);
    sim_link_set(1, 2, &(struct sim_link){ .outages = &outage, .n_outages = 1 });
    ow.receiver_spec.first_timeout_ns = 5 * SPD_NS_PER_S;
    one_way_start();
    one_way_run(600 * SPD_NS_PER_S);
    check_ending(SPD_RECEIVER_TIMEOUT);
    assert_true(ow.finished_ns >= 5 * SPD_NS_PER_S && ow.finished_ns < 5100 * MS);
}

static void by_hand_at_the_receiver_keeps_what_arrived(void **state)
{
    (void)state;
    over(&(struct sim_link){ .delay_ns = 5 * MS });
    one_way_run_until(506 * MS);
    spd_receiver_stop(ow.receiver, SPD_RECEIVER_BY_HAND, 0);
    one_way_run(20 * SPD_NS_PER_S);
    check_ending(SPD_RECEIVER_BY_HAND);
    assert_int_equal(spd_receiver_record(ow.receiver)->n_arrived, 50);
}

static void by_hand_at_the_sender_still_sends_termination(void **state)
{
    (void)state;
    over(&(struct sim_link){ .delay_ns = 5 * MS });
    one_way_run_until(504 * MS);
    spd_flows_cancel(ow.flows);
    one_way_run(20 * SPD_NS_PER_S);
    check_ending(SPD_RECEIVER_TERMINATION);
    assert_true(spd_flows_record(ow.flows)->interrupted);
    assert_int_equal(ow.n_sent, 50);
    assert_int_equal(spd_receiver_record(ow.receiver)->n_arrived, 50);
    check_taken(50);
}

static void a_session_cancelled_before_its_first_packet_ends_too(void **state)
{
    (void)state;
    one_way_prepare(7);
    ow.flows_spec.start_wall_ns = sim_wall_at(ONE_WAY_SENDER, 0) + SPD_NS_PER_S;
    one_way_start();
    one_way_run_until(500 * MS);
    assert_int_equal(ow.n_sent, 0);
    spd_flows_cancel(ow.flows);
    one_way_run(20 * SPD_NS_PER_S);
    check_ending(SPD_RECEIVER_TERMINATION);
    assert_true(ow.began);
    check_taken(0);
}

static void the_first_packet_leaves_at_the_start_time(void **state)
{
    (void)state;
    one_way_prepare(7);
    ow.flows_spec.start_wall_ns = sim_wall_at(ONE_WAY_SENDER, 0) + 1500 * MS;
    one_way_start();
    one_way_run(20 * SPD_NS_PER_S);
    check_ending(SPD_RECEIVER_COUNT);
    assert_int_equal(ow.sent[0].t1_ns, ow.flows_spec.start_wall_ns);
}

static void duplicates_are_recorded_and_marked(void **state)
{
    static const uint32_t twice[] = { 5, 6, 70 };

    (void)state;
    over(&(struct sim_link){
        .delay_ns = 5 * MS, .duplicate = { twice, 3 }, .duplicate_after_ns = 25 * MS });
    one_way_run(20 * SPD_NS_PER_S);
    check_ending(SPD_RECEIVER_COUNT);
    assert_int_equal(spd_receiver_record(ow.receiver)->n_duplicates, 3);
    assert_int_equal(spd_receiver_record(ow.receiver)->n_arrived, N);
}

static void packets_that_termination_overtook_are_recorded(void **state)
{
    static const uint32_t late[] = { 97, 99 };

    (void)state;
    over(&(struct sim_link){
        .delay_ns = 5 * MS, .lose = LOSE(10), .reorder = { late, 2 }, .reorder_ns = 70 * MS });
    one_way_run(20 * SPD_NS_PER_S);
    check_ending(SPD_RECEIVER_TERMINATION);
    assert_int_equal(spd_receiver_record(ow.receiver)->n_arrived, N - 1);
    assert_int_equal(ow.received[ow.n_received - 1].seq, 99);
}

static void clocks_need_not_agree(void **state)
{
    (void)state;
    one_way_prepare(7);
    sim_host_set(ONE_WAY_FAR, &(struct sim_host_config){ .wall_offset_ns = -3600 * SPD_NS_PER_S,
                                                         .skew_ppb = 50000 });
    sim_link_set(1, 2, &(struct sim_link){ .delay_ns = 5 * MS });
    one_way_start();
    one_way_run(20 * SPD_NS_PER_S);
    check_ending(SPD_RECEIVER_COUNT);
    for (uint32_t i = 0; i < N; i++) {
        int64_t difference_ns = ow.received[i].t2_ns - ow.sent[i].t1_ns;

        assert_true(difference_ns < -3599 * SPD_NS_PER_S);
        /* T1 in the packet is foretold, and as good as that. */
        assert_true(llabs(ow.received[i].t1_ns - ow.sent[i].t1_ns) < MS);
    }
}

/* The ring is full for half of the session: packets wait where they are. */
static void a_writer_that_stalls_loses_nothing(void **state)
{
    (void)state;
    one_way_prepare(7);
    ow.ring_records = 16;
    ow.ring_is_read = false;
    ow.flows_spec.flows[0].info.n_packets = 1000;
    ow.flows_spec.flows[0].schedule.interval_ns = MS;
    one_way_start();
    one_way_run_until(600 * MS);
    assert_int_equal(ow.n_received, 0);
    ow.ring_is_read = true;
    one_way_run(20 * SPD_NS_PER_S);
    assert_int_equal(spd_receiver_record(ow.receiver)->ending, SPD_RECEIVER_COUNT);
    assert_int_equal(ow.n_received, 1000);
    for (uint32_t i = 0; i < 1000; i++) {
        assert_int_equal(ow.received[i].seq, i);
        assert_true(llabs(ow.received[i].t2_ns - ow.sent[i].t1_ns) < MS);
    }
}

static void a_writer_that_never_comes_back_is_waited_for(void **state)
{
    (void)state;
    one_way_prepare(7);
    ow.ring_records = 16;
    ow.ring_is_read = false;
    one_way_start();
    one_way_run(20 * SPD_NS_PER_S);
    assert_false(ow.finished);
    ow.ring_is_read = true;
    one_way_run(40 * SPD_NS_PER_S);
    assert_int_equal(ow.n_received, N);
    assert_true(ow.finished);
}

/* The user has seen enough while the writer stalls: what waits in the socket has
 * arrived before. */
static void by_hand_while_the_writer_stalls_loses_nothing(void **state)
{
    (void)state;
    one_way_prepare(7);
    ow.ring_records = 16;
    ow.ring_is_read = false;
    ow.flows_spec.flows[0].info.n_packets = 1000;
    ow.flows_spec.flows[0].schedule.interval_ns = MS;
    one_way_start();
    one_way_run_until(610 * MS);
    spd_receiver_stop(ow.receiver, SPD_RECEIVER_BY_HAND, 0);
    one_way_run_until(620 * MS);
    assert_false(ow.finished);
    ow.ring_is_read = true;
    one_way_run(20 * SPD_NS_PER_S);
    assert_int_equal(spd_receiver_record(ow.receiver)->ending, SPD_RECEIVER_BY_HAND);
    assert_true(ow.n_received >= 600);
    for (uint32_t i = 0; i < ow.n_received; i++)
        assert_int_equal(ow.received[i].seq, i);
}

static void records_wait_until_there_is_a_ring(void **state)
{
    (void)state;
    one_way_prepare(7);
    ow.receiver_spec.wait_for_ring = true;
    one_way_start();
    one_way_run_until(500 * MS);
    assert_true(ow.began);
    assert_int_equal(ow.n_received, 0);
    spd_receiver_set_ring(ow.receiver, ow.received_ring);
    one_way_run(20 * SPD_NS_PER_S);
    check_ending(SPD_RECEIVER_COUNT);
    assert_int_equal(ow.n_received, N);
}

/* -------------------------------------------------------------- with control */

static void prepare_controlled(void)
{
    one_way_prepare(7);
    ow.flows_spec.flows[0].source_port = 5000;
    ow.receiver_spec.n_packets = N;
    ow.receiver_spec.session = ONE_WAY_SESSION;
    ow.receiver_spec.sender = sim_addr4(ONE_WAY_SENDER, 5000);
    ow.receiver_spec.keep = true;
    ow.receiver_spec.discard_ns = SPD_NS_PER_S;
}

static void small_packets_without_a_mark_end_by_count_or_done(void **state)
{
    const struct spd_flow_packet *kept;

    (void)state;
    prepare_controlled();
    ow.flows_spec.flows[0].n_termination = 0;
    ow.flows_spec.flows[0].schedule.sizes.item[0].min_bytes = 42;
    ow.flows_spec.flows[0].schedule.sizes.item[0].max_bytes = 42;
    one_way_start();
    one_way_run(20 * SPD_NS_PER_S);
    assert_true(ow.finished);
    assert_int_equal(spd_receiver_record(ow.receiver)->ending, SPD_RECEIVER_COUNT);
    assert_int_equal(spd_receiver_record(ow.receiver)->n_marked, 0);
    assert_int_equal(spd_receiver_kept(ow.receiver, &kept), N);
    for (size_t i = 0; i < N; i++) {
        struct spd_flow_packet as_logged = kept[i];

        assert_int_equal(kept[i].reflector_seq & 0xFF, 1); /* Multiplier: error unknown */
        as_logged.reflector_seq = 0;
        assert_memory_equal(&as_logged, &ow.received[i], sizeof(as_logged));
    }
    assert_int_equal(kept[0].size_bytes, 42);
}

static void strangers_and_other_ports_are_left_alone(void **state)
{
    static const struct {
        const char *name;
        unsigned host;
        uint16_t port;
        bool marked;
        bool expected;
    } rows[] = {
        { "as negotiated", ONE_WAY_SENDER, 5000, false, true },
        { "another port without a mark", ONE_WAY_SENDER, 5001, false, false },
        { "another port with the mark, as behind a NAT", ONE_WAY_SENDER, 5001, true, true },
        { "another host", 3, 5000, false, false },
        { "another host with the mark", 3, 5000, true, false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        prepare_controlled();
        ow.receiver_spec.sender = sim_addr4(ONE_WAY_SENDER, 5000);
        ow.flows_spec.source = sim_addr4(rows[i].host, 0);
        ow.flows_spec.flows[0].source_port = rows[i].port;
        if (!rows[i].marked)
            ow.flows_spec.flows[0].session = 0;
        ow.flows_spec.flows[0].n_termination = 0;
        ow.receiver_spec.first_timeout_ns = 2 * SPD_NS_PER_S;
        one_way_start();
        one_way_run(20 * SPD_NS_PER_S);
        if (spd_receiver_record(ow.receiver)->n_arrived != (rows[i].expected ? N : 0) ||
            spd_receiver_record(ow.receiver)->n_unexpected != (rows[i].expected ? 0 : N))
            fail_msg("row \"%s\": %llu arrived", rows[i].name,
                     (unsigned long long)spd_receiver_record(ow.receiver)->n_arrived);
        one_way_end(NULL);
    }
}

static void clocks_too_far_apart_are_the_senders_own_business_when_it_says_so(void **state)
{
    (void)state;
    for (int marked = 0; marked < 2; marked++) {
        prepare_controlled();
        sim_host_set(ONE_WAY_FAR, &(struct sim_host_config){ .wall_offset_ns = 1500 * MS });
        ow.flows_spec.flows[0].n_termination = 0;
        if (!marked)
            ow.flows_spec.flows[0].session = 0;
        one_way_start();
        ow.receiver_spec.first_timeout_ns = SPD_NS_PER_S;
        one_way_run(5 * SPD_NS_PER_S);
        assert_int_equal(spd_receiver_record(ow.receiver)->n_arrived, marked ? N : 0);
        assert_int_equal(spd_receiver_record(ow.receiver)->n_discarded, marked ? 0 : N);
        one_way_end(NULL);
    }
}

/* ------------------------------------------------------------------- hostile */

static void inject(const void *payload, size_t n_bytes)
{
    struct spd_cport_config port_config = { .single_owner = true };
    struct spd_udp_config config = { .local = sim_addr4(3, 0),
                                     .tclass = -1,
                                     .remote = sim_addr4(ONE_WAY_FAR, ONE_WAY_PORT) };
    struct spd_completion out[4];
    struct spd_cport *port;
    struct spd_udp *udp;
    struct spd_op op = { 0 };
    size_t n;

    assert_int_equal(spd_cport_create(&port_config, &port, NULL), SPD_ERR_OK);
    assert_int_equal(spd_udp_open(port, 1, &config, &udp, NULL), SPD_ERR_OK);
    assert_int_equal(spd_udp_queue_send(udp, &op, payload, n_bytes, NULL), SPD_ERR_OK);
    assert_int_equal(spd_cport_wait(port, out, 4, &n, MS), SPD_ERR_OK);
    spd_udp_close(udp);
    spd_cport_close(port);
    spd_cport_destroy(port);
}

static void strange_marks_begin_nothing(void **state)
{
    static const struct {
        const char *name;
        struct spd_session_mark mark;
    } rows[] = {
        { "no packets", { 1, 0, false } },
        { "more packets than a receiver takes", { 1, SPD_RECEIVER_PACKETS_MAX + 1, false } },
        { "as many as there can be", { 1, UINT32_MAX, false } },
        { "no session", { 0, 10, false } },
        { "the session before", { 99, 10, false } },
        { "its termination", { 99, 10, true } },
    };

    (void)state;
    one_way_prepare(7);
    ow.receiver_spec.previous_session = 99;
    one_way_start();
    one_way_run_until(MS);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t packet[SPD_MARKED_PACKET_BYTES] = { [13] = 1 };

        spd_session_mark_write(packet, &rows[i].mark);
        inject(packet, sizeof(packet));
        inject(packet, SPD_MARKED_PACKET_BYTES - 1);
        sim_advance(2 * MS);
        if (ow.began)
            fail_msg("row \"%s\" begins a session", rows[i].name);
    }
    one_way_run(20 * SPD_NS_PER_S);
    assert_int_equal(spd_receiver_record(ow.receiver)->n_arrived, N);
    assert_int_equal(spd_receiver_record(ow.receiver)->n_unexpected, 12);
    assert_int_equal(spd_receiver_record(ow.receiver)->ending, SPD_RECEIVER_COUNT);
}

static void others_cannot_end_or_fill_a_session(void **state)
{
    uint8_t packet[SPD_MARKED_PACKET_BYTES] = { [13] = 1 };
    struct spd_session_mark mark = { ONE_WAY_SESSION + 1, N, true };

    (void)state;
    over(&(struct sim_link){ .delay_ns = MS });
    one_way_run_until(100 * MS);
    spd_session_mark_write(packet, &mark);
    inject(packet, sizeof(packet)); /* another session's end */
    packet[13] = 0;
    inject(packet, sizeof(packet)); /* corrupt */
    inject(packet, 0);
    /* Of this session, with a number that it does not have. */
    mark = (struct spd_session_mark){ ONE_WAY_SESSION, N, false };
    packet[13] = 1;
    packet[3] = N;
    spd_session_mark_write(packet, &mark);
    inject(packet, sizeof(packet));
    one_way_run(20 * SPD_NS_PER_S);
    check_ending(SPD_RECEIVER_COUNT);
    assert_int_equal(spd_receiver_record(ow.receiver)->n_malformed, 2);
    assert_int_equal(spd_receiver_record(ow.receiver)->n_unexpected, 2);
}

static void endless_duplicates_stop_being_recorded(void **state)
{
    uint8_t packet[SPD_MARKED_PACKET_BYTES] = { [13] = 1 };
    struct spd_session_mark mark = { ONE_WAY_SESSION, N, false };

    (void)state;
    one_way_prepare(7);
    ow.flows_spec.start_wall_ns = sim_wall_at(ONE_WAY_SENDER, 0) + SPD_NS_PER_S;
    one_way_start();
    one_way_run_until(MS);
    spd_session_mark_write(packet, &mark);
    for (int i = 0; i < 2000; i++) {
        inject(packet, sizeof(packet));
        sim_advance(100 * SPD_NS_PER_US);
    }
    one_way_run(20 * SPD_NS_PER_S);
    /* But never instead of a packet that is new. */
    assert_int_equal(spd_receiver_record(ow.receiver)->n_arrived, N);
    assert_int_equal(spd_receiver_record(ow.receiver)->n_duplicates, 3 * N + 1024);
    assert_int_equal(spd_receiver_record(ow.receiver)->n_beyond_limit, 2000 - (3 * N + 1024));
    assert_int_equal(ow.n_received, 4 * N + 1024);
}

#define CASE(f) cmocka_unit_test_teardown(f, one_way_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_last_packet_ends_a_session_by_count),
        CASE(the_first_termination_packet_ends_a_session_with_losses),
        CASE(one_termination_packet_of_ten_is_enough),
        CASE(done_ends_a_session_whose_termination_packets_are_all_lost),
        CASE(done_waits_for_packets_that_it_overtook),
        CASE(silence_ends_a_session_when_nothing_else_does),
        CASE(a_receiver_waits_for_ever_for_its_first_packet),
        CASE(unless_it_is_told_how_long),
        CASE(by_hand_at_the_receiver_keeps_what_arrived),
        CASE(by_hand_at_the_sender_still_sends_termination),
        CASE(a_session_cancelled_before_its_first_packet_ends_too),
        CASE(the_first_packet_leaves_at_the_start_time),
        CASE(duplicates_are_recorded_and_marked),
        CASE(packets_that_termination_overtook_are_recorded),
        CASE(clocks_need_not_agree),
        CASE(a_writer_that_stalls_loses_nothing),
        CASE(a_writer_that_never_comes_back_is_waited_for),
        CASE(by_hand_while_the_writer_stalls_loses_nothing),
        CASE(records_wait_until_there_is_a_ring),
        CASE(small_packets_without_a_mark_end_by_count_or_done),
        CASE(strangers_and_other_ports_are_left_alone),
        CASE(clocks_too_far_apart_are_the_senders_own_business_when_it_says_so),
        CASE(strange_marks_begin_nothing),
        CASE(others_cannot_end_or_fill_a_session),
        CASE(endless_duplicates_stop_being_recorded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

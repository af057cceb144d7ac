/*
 * Paced flows against known truth: every packet leaves when it is due, every
 * reply finds its packet, and everything that was sent, lost, doubled or never
 * left is in the records and counts.
 */
#include "tests/sim/sim_flows.h"

#include "common/wire/stamp.h"

/* ------------------------------------------------------------------ truth */

static uint32_t seq_of(const struct sim_truth *t, size_t at)
{
    const uint8_t *p = t->payload + at;

    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint16_t ssid_of(const struct sim_truth *t)
{
    return (uint16_t)(t->payload[14] << 8 | t->payload[15]);
}

/* The packet of a flow as the network saw it first; NULL when it never did. */
static const struct sim_truth *truth_of(size_t flow, uint32_t seq, bool reply)
{
    unsigned from = reply ? SIM_FLOWS_REFLECTOR : SIM_FLOWS_SENDER;
    size_t n;
    const struct sim_truth *t = sim_truth(from, SIM_FLOWS_SENDER + SIM_FLOWS_REFLECTOR - from, &n);

    for (size_t i = 0; i < n; i++)
        if (!t[i].is_copy && ssid_of(&t[i]) == spd_flows_ssid(&sf.spec, flow) &&
            seq_of(&t[i], reply ? 24 : 0) == seq)
            return &t[i];
    return NULL;
}

/* The true time at which the flows started: host 1's clocks are true. */
static spd_ns start_ns(void)
{
    const struct sim_truth *first = truth_of(0, 0, false);

    assert_non_null(first);
    return first->sent_ns - sf.spec.flows[0].starts_ns;
}

/* What follows from the record of a packet and the truth. */
static void check_packet(size_t flow, const struct spd_flow_packet *p)
{
    const struct sim_truth *request = truth_of(flow, p->seq, false);
    const struct sim_truth *reply = truth_of(flow, p->seq, true);
    bool returned = reply && reply->fate == SIM_DELIVERED;

    assert_non_null(request);
    assert_int_equal(p->flow, flow);
    assert_int_equal(p->size_bytes, request->n_bytes + 28);
    assert_int_equal(!!(p->flags & SPD_FLOW_SENT), 1);
    assert_int_equal(!!(p->flags & SPD_FLOW_RETURNED), returned);
    assert_int_equal(p->t1_ns, sim_wall_at(SIM_FLOWS_SENDER, request->sent_ns));
    if (!returned) {
        assert_true(p->t2_ns == 0 && p->t3_ns == 0 && p->t4_ns == 0);
        assert_int_equal(p->tclass_reverse, SPD_FLOW_TCLASS_UNKNOWN);
        return;
    }
    assert_int_equal(p->t4_ns, sim_wall_at(SIM_FLOWS_SENDER, reply->arrived_ns));
    /* By the reflector's stamps, in units of 2^-32 s. */
    assert_in_range(p->t2_ns - sim_wall_at(SIM_FLOWS_REFLECTOR, request->arrived_ns) + 1, 0, 2);
    assert_true(p->t3_ns >= p->t2_ns);
    assert_int_equal(p->tclass_reverse, sf.spec.flows[flow].info.dscp << 2);
    assert_int_equal(p->tclass_forward, SPD_FLOW_TCLASS_UNKNOWN);
}

/* Every packet of the record agrees with the truth and was due when it left. */
static void check_all(void)
{
    for (size_t i = 0; i < sf.spec.n_flows; i++) {
        const struct spd_flow_counts *c = &sf.record->counts[i];
        struct spd_schedule schedule;

        if (sf.spec.flows[i].kind == SPD_FLOW_NOISE)
            continue;
        spd_schedule_init(&schedule, &sf.spec.flows[i].schedule);
        assert_int_equal(sf.record->n_packets[i], sf.spec.flows[i].info.n_packets);
        for (uint32_t k = 0; k < sf.record->n_packets[i]; k++) {
            spd_ns due_ns;
            uint16_t size;

            check_packet(i, &sf.record->packets[i][k]);
            assert_int_equal(sf.record->packets[i][k].seq, k);
            spd_schedule_next(&schedule, &due_ns, &size);
            assert_int_equal(truth_of(i, k, false)->sent_ns,
                             start_ns() + sf.spec.flows[i].starts_ns + due_ns);
            assert_int_equal(sf.record->packets[i][k].size_bytes, size);
        }
        assert_int_equal(c->lateness_max_ns, 0);
        assert_int_equal(c->lateness_sum_ns, 0);
        assert_int_equal(c->n_late, 0);
    }
}

/* How many records the reader got of a flow with these flags among those. */
static size_t n_taken(size_t flow, unsigned flags, unsigned among)
{
    size_t n = 0;

    for (size_t k = 0; k < sf.n_taken; k++)
        n += sf.taken[k].flow == flow && (sf.taken[k].flags & among) == flags;
    return n;
}

/* The reader got every packet of the record once, as it is there. */
static void check_taken(void)
{
    for (size_t i = 0; i < sf.spec.n_flows; i++) {
        bool *seen = calloc(sf.record->n_packets[i] + 1, sizeof(*seen));
        size_t n = 0;

        assert_non_null(seen);
        for (size_t k = 0; k < sf.n_taken; k++) {
            const struct spd_flow_packet *p = &sf.taken[k];

            if (p->flow != i || (p->flags & SPD_FLOW_DUPLICATE))
                continue;
            assert_true(p->seq < sf.record->n_packets[i] && !seen[p->seq]);
            assert_memory_equal(p, &sf.record->packets[i][p->seq], sizeof(*p));
            seen[p->seq] = true;
            n++;
        }
        assert_int_equal(n, sf.record->n_packets[i]);
        free(seen);
    }
}

static void both_ways(const struct sim_link *forward, const struct sim_link *reverse)
{
    sim_link_set(SIM_FLOWS_SENDER, SIM_FLOWS_REFLECTOR, forward);
    sim_link_set(SIM_FLOWS_REFLECTOR, SIM_FLOWS_SENDER, reverse);
}

static const struct sim_link plain = { .delay_ns = 3 * MS };

/* ------------------------------------------------------------------ sending */

static void every_packet_leaves_when_it_is_due(void **state)
{
    static const struct spd_schedule_spec schedules[] = {
        { .pacing = SPD_PACING_INTERVAL, .interval_ns = 20 * MS },
        { .pacing = SPD_PACING_INTERVAL, .interval_ns = 333333 },
        { .pacing = SPD_PACING_RATE, .rate_bps = 24000 },
        { .pacing = SPD_PACING_BUCKET, .rate_bps = 64000, .bucket_bytes = 3000 },
        { .pacing = SPD_PACING_POISSON, .rate_bps = 64000, .seed = 9 },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(schedules); i++) {
        const struct spd_size_mix mix = { .n = 2, .item = { { 92, 92, 3 }, { 72, 1400, 1 } } };

        sim_flows_prepare(i + 1);
        both_ways(&plain, &plain);
        sf.spec.flows[0].schedule = schedules[i];
        sf.spec.flows[0].schedule.sizes = mix;
        sf.spec.timeout_ns = 10 * SPD_NS_PER_S;
        sim_flows_start();
        sim_flows_run();
        check_all();
        check_taken();
        assert_int_equal(sf.record->outcome.err, SPD_ERR_OK);
        assert_false(sf.record->interrupted);
        sim_flows_end(NULL);
    }
}

static void flows_are_merged_by_due_time(void **state)
{
    const struct sim_truth *t;
    unsigned turn = 0;
    size_t n;

    (void)state;
    sim_flows_prepare(1);
    sim_flows_start();
    sim_flows_run();
    t = sim_truth(SIM_FLOWS_SENDER, SIM_FLOWS_REFLECTOR, &n);
    assert_int_equal(n, 100);
    for (size_t k = 0; k < n; k++, turn = 1 - turn) {
        assert_int_equal(ssid_of(&t[k]), spd_flows_ssid(&sf.spec, turn));
        assert_int_equal(t[k].sent_ns, t[0].sent_ns + (spd_ns)k * 10 * MS);
    }
}

/* Each interval has one packet of each flow, at its places; each flow is first
 * about as often as any other, and nobody can tell when. */
static void flows_that_take_turns_share_every_interval(void **state)
{
    enum { N_FLOWS = 3, N = 600 };
    unsigned n_first[N_FLOWS] = { 0 }, n_changes = 0, last = N_FLOWS;

    (void)state;
    sim_flows_prepare(5);
    sf.spec.n_flows = N_FLOWS;
    sf.spec.flows[2] = sf.spec.flows[1];
    for (uint32_t i = 0; i < N_FLOWS; i++) {
        sf.spec.flows[i].starts_ns = 0;
        sf.spec.flows[i].n_turns = N_FLOWS;
        sf.spec.flows[i].turn = i;
        sf.spec.flows[i].turn_seed = 77;
        sf.spec.flows[i].info.n_packets = N;
        sf.spec.flows[i].schedule.interval_ns = 30 * MS;
    }
    sf.ring_records = 4096;
    sim_flows_start();
    sim_flows_run();
    for (uint32_t k = 0; k < N; k++) {
        unsigned places = 0, first = 0;

        for (size_t i = 0; i < N_FLOWS; i++) {
            /* The test starts at 10 ms. */
            spd_ns at_ns = truth_of(i, k, false)->sent_ns - 10 * MS - (spd_ns)k * 30 * MS;

            assert_true(at_ns == 0 || at_ns == 10 * MS || at_ns == 20 * MS);
            places |= 1u << (at_ns / (10 * MS));
            first = at_ns == 0 ? (unsigned)i : first;
        }
        assert_int_equal(places, 7);
        n_first[first]++;
        n_changes += first != last;
        last = first;
    }
    for (size_t i = 0; i < N_FLOWS; i++)
        assert_in_range(n_first[i], N / N_FLOWS - 60, N / N_FLOWS + 60);
    assert_in_range(n_changes, N * 2 / 3 - 60, N * 2 / 3 + 60);
    assert_int_equal(sf.record->counts[0].lateness_max_ns, 0);
}

static void packets_due_together_leave_one_right_after_the_other(void **state)
{
    (void)state;
    sim_flows_prepare(1);
    both_ways(&plain, &plain);
    sf.spec.flows[1].starts_ns = 0;
    sim_costs_set(&(struct sim_costs){ .send_ns = 2000, .commit_ns = 500 });
    sim_flows_start();
    sim_flows_run();
    for (uint32_t k = 0; k < 50; k++) {
        spd_ns apart_ns = truth_of(1, k, false)->sent_ns - truth_of(0, k, false)->sent_ns;

        assert_int_equal(apart_ns, 2500);
    }
    /* What the second one waited for the first is told. */
    assert_int_equal(sf.record->counts[0].lateness_max_ns, 0);
    assert_int_equal(sf.record->counts[1].lateness_max_ns, 2500);
    assert_int_equal(sf.record->counts[1].lateness_sum_ns, 50 * 2500);
}

static void late_packets_are_sent_and_told(void **state)
{
    (void)state;
    sim_flows_prepare(1);
    sf.spec.n_flows = 1;
    /* One commit takes so long that three packets are late behind it. */
    sim_inject_switch(&(struct sim_switch){ .host = 1,
                                            .nth = 10,
                                            .min_sends = 1,
                                            .after_sends = 1,
                                            .n_switches = 1,
                                            .pause_ns = 65 * MS });
    sim_flows_start();
    sim_flows_run();
    assert_int_equal(sf.record->counts[0].n_sent, 50);
    assert_int_equal(sf.record->counts[0].n_late, 3);
    assert_int_equal(sf.record->counts[0].lateness_max_ns, 45 * MS);
    for (uint32_t k = 0; k < 50; k++)
        assert_int_equal(!!(sf.record->packets[0][k].flags & SPD_FLOW_LATE), k > 10 && k < 14);
    check_taken();
}

/* ------------------------------------------------------------------ replies */

static void losses_are_told_packet_by_packet(void **state)
{
    struct sim_link forward = plain, reverse = plain;
    size_t n_lost = 0;

    (void)state;
    forward.lose = SIM_FLOWS_LIST(0, 7, 8, 9, 99);
    reverse.lose = SIM_FLOWS_LIST(3, 50, 51);
    sim_flows_prepare(1);
    both_ways(&forward, &reverse);
    sim_flows_start();
    sim_flows_run();
    check_all();
    check_taken();
    for (size_t i = 0; i < 2; i++)
        n_lost += sf.record->counts[i].n_sent - sf.record->counts[i].n_returned;
    assert_int_equal(n_lost, 8);
    assert_int_equal(n_taken(0, 0, SPD_FLOW_RETURNED) + n_taken(1, 0, SPD_FLOW_RETURNED), 8);
}

static void duplicates_have_records_of_their_own(void **state)
{
    struct sim_link forward = plain, reverse = plain;

    (void)state;
    forward.duplicate = SIM_FLOWS_LIST(2, 99); /* EF 1, BE 49: beyond the end of the test */
    forward.duplicate_after_ns = 2 * MS;
    reverse.duplicate = SIM_FLOWS_LIST(10, 11);
    reverse.duplicate_after_ns = 5 * MS;
    sim_flows_prepare(1);
    both_ways(&forward, &reverse);
    sim_flows_start();
    sim_flows_run();
    check_all();
    check_taken();
    assert_int_equal(sf.record->counts[0].n_duplicates + sf.record->counts[1].n_duplicates, 3);
    assert_int_equal(n_taken(0, SPD_FLOW_DUPLICATE, SPD_FLOW_DUPLICATE) +
                         n_taken(1, SPD_FLOW_DUPLICATE, SPD_FLOW_DUPLICATE),
                     3);
    for (size_t k = 0; k < sf.n_taken; k++) {
        const struct spd_flow_packet *p = &sf.taken[k];

        if (!(p->flags & SPD_FLOW_DUPLICATE))
            continue;
        assert_true(p->flags & SPD_FLOW_RETURNED);
        assert_int_equal(p->t1_ns, sf.record->packets[p->flow][p->seq].t1_ns);
        assert_true(p->t4_ns > sf.record->packets[p->flow][p->seq].t4_ns);
    }
}

/* A host that answers each request with what no honest reflector sends. */
static struct odd {
    struct spd_cport *port;
    struct spd_udp *udp;
    struct spd_op receive, sends[8];
    struct spd_udp_meta meta;
    uint8_t request[200], replies[8][200];
    unsigned n_requests, n_replies;
    uint32_t not_sent; /* 0: everything was */
} odd;

static void odd_send(const struct spd_stamp_reply *reply, size_t n_bytes)
{
    struct spd_udp_send_options options = { .to = &odd.meta.from, .tclass = -1 };
    unsigned i = odd.n_replies++;
    size_t n;

    assert_true(i < N_ROWS(odd.replies));
    assert_int_equal(spd_stamp_write_reply(odd.replies[i], 64, sizeof(odd.replies[i]), reply, &n),
                     SPD_ERR_OK);
    assert_int_equal(spd_udp_queue_send(odd.udp, &odd.sends[i], odd.replies[i], n_bytes, &options),
                     SPD_ERR_OK);
}

static void odd_answer(void)
{
    struct spd_stamp_request request;
    struct spd_stamp_reply reply, bad;

    assert_int_equal(spd_stamp_read_request(odd.request, 64, &request), SPD_ERR_OK);
    odd.n_requests++;
    odd.n_replies = 0;
    reply = (struct spd_stamp_reply){ .seq = request.seq,
                                      .sender_seq = request.seq,
                                      .ssid = request.ssid,
                                      .error_estimate = 1,
                                      .timestamp = request.timestamp,
                                      .receive_timestamp = request.timestamp };
    bad = reply;
    bad.ssid ^= 0x5555; /* of another session */
    odd_send(&bad, 64);
    bad = reply;
    bad.sender_seq = request.seq + 1; /* to what was not sent yet */
    odd_send(&bad, 64);
    bad.sender_seq = UINT32_MAX;
    odd_send(&bad, 64);
    odd_send(&reply, 37); /* too short */
    odd_send(&reply, 64);
    bad = reply;
    bad.ssid = 0; /* the reflector is known to return the SSID */
    odd_send(&bad, 64);
    bad = reply;
    bad.sender_seq = odd.not_sent; /* to what never left */
    if (odd.not_sent > 0 && request.seq == odd.not_sent + 1)
        odd_send(&bad, 64);
    assert_int_equal(spd_cport_commit(odd.port, NULL), SPD_ERR_OK);
}

static void odd_step(void *argument)
{
    struct spd_completion out[8];
    size_t n;

    (void)argument;
    while (odd.port && spd_cport_wait(odd.port, out, 8, &n, 0) == SPD_ERR_OK)
        for (size_t i = 0; i < n; i++)
            if (out[i].op == &odd.receive && out[i].err == SPD_ERR_OK) {
                odd_answer();
                assert_int_equal(spd_udp_queue_receive(odd.udp, &odd.receive, odd.request,
                                                       sizeof(odd.request), &odd.meta),
                                 SPD_ERR_OK);
            }
}

static void odd_start(void)
{
    struct spd_cport_config port = { .single_owner = true };
    struct spd_udp_config config = { .local = sim_addr4(SIM_FLOWS_REFLECTOR, 862), .tclass = -1 };
    struct spd_diag diag = { 0 };

    memset(&odd, 0, sizeof(odd));
    sim_set_current_host(SIM_FLOWS_REFLECTOR);
    assert_int_equal(spd_cport_create(&port, &odd.port, &diag), SPD_ERR_OK);
    assert_int_equal(spd_udp_open(odd.port, 1, &config, &odd.udp, &diag), SPD_ERR_OK);
    assert_int_equal(
        spd_udp_queue_receive(odd.udp, &odd.receive, odd.request, sizeof(odd.request), &odd.meta),
        SPD_ERR_OK);
    sim_add_actor(SIM_FLOWS_REFLECTOR, 0, odd_step, NULL);
    sim_set_current_host(SIM_FLOWS_SENDER);
}

static void odd_end(void)
{
    struct spd_cport *port = odd.port;
    struct spd_completion out[8];
    size_t n;

    odd.port = NULL;
    spd_udp_close(odd.udp);
    spd_cport_close(port);
    while (spd_cport_wait(port, out, 8, &n, 0) == SPD_ERR_OK)
        continue;
    spd_cport_destroy(port);
}

static void replies_that_fit_no_packet_change_nothing(void **state)
{
    (void)state;
    sim_flows_prepare(1);
    sf.no_reflector = true;
    sf.spec.timeout_ns = 100 * MS;
    odd_start();
    sim_flows_start();
    sim_flows_run();
    odd_end();
    assert_int_equal(odd.n_requests, 100);
    for (size_t i = 0; i < 2; i++) {
        const struct spd_flow_counts *c = &sf.record->counts[i];

        assert_int_equal(c->n_sent, 50);
        assert_int_equal(c->n_returned, 50);
        assert_int_equal(c->n_duplicates, 0);
        /* The reply without an SSID to the very last packet comes after the end. */
        assert_in_range(c->n_unexpected, 249, 250);
    }
    check_taken();
}

static void a_reply_to_what_never_left_is_unexpected(void **state)
{
    (void)state;
    sim_flows_prepare(1);
    sf.no_reflector = true;
    sf.spec.n_flows = 1;
    sf.spec.timeout_ns = 100 * MS;
    odd_start();
    odd.not_sent = 7;
    sim_fail_send(SIM_FLOWS_SENDER, 7, SPD_ERR_PERM);
    sim_flows_start();
    sim_flows_run();
    odd_end();
    assert_int_equal(sf.record->counts[0].n_sent, 49);
    assert_int_equal(sf.record->counts[0].n_returned, 49);
    assert_in_range(sf.record->counts[0].n_unexpected, 49 * 5, 49 * 5 + 1);
    assert_int_equal(sf.record->packets[0][7].flags & SPD_FLOW_RETURNED, 0);
    check_taken();
}

static void a_reflector_that_dies_leaves_a_result(void **state)
{
    struct spd_reflector *reflector;

    (void)state;
    sim_flows_prepare(1);
    sim_flows_start();
    while (sim_now_ns() < 500 * MS)
        assert_true(sim_flows_step(500 * MS - sim_now_ns()));
    reflector = sf.reflector;
    sf.reflector = NULL;
    spd_reflector_destroy(reflector);
    spd_cport_close(sf.far_port);
    spd_cport_destroy(sf.far_port);
    sim_flows_run();
    assert_int_equal(sf.record->outcome.err, SPD_ERR_OK);
    assert_in_range(sf.record->counts[0].n_returned, 20, 26);
    assert_in_range(sf.record->counts[0].n_unreachable, 20, 30);
    check_taken();
}

static void nobody_there_is_no_loss_but_a_reason(void **state)
{
    (void)state;
    sim_flows_prepare(1);
    sf.no_reflector = true;
    sim_flows_start();
    sim_flows_run();
    assert_int_equal(sf.record->outcome.err, SPD_ERR_REFUSED);
    assert_non_null(strstr(sf.record->outcome.text, "10.0.0.2:862"));
    assert_non_null(strstr(sf.record->outcome.text, "stampede reflect"));
    assert_int_equal(sf.record->counts[0].n_returned, 0);
    assert_true(sf.record->counts[0].n_unreachable > 0);
    assert_int_equal(sf.record->counts[0].unreachable, SPD_ERR_REFUSED);
    check_taken();
}

/* ------------------------------------------------------------------- stamps */

static void stamps_that_are_denied_are_replaced_by_the_programs_own(void **state)
{
    static const struct sim_host_config hosts[] = {
        { .deny_sched_stamps = true },
        { .deny_receive_stamps = true },
        { .deny_sched_stamps = true, .deny_sent_stamps = true, .deny_receive_stamps = true },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(hosts); i++) {
        unsigned expected = (hosts[i].deny_sched_stamps ? 0 : SPD_FLOW_T1_KERNEL) |
                            (hosts[i].deny_receive_stamps ? 0 : SPD_FLOW_RX_KERNEL);

        sim_flows_prepare(1);
        both_ways(&plain, &plain);
        sim_host_set(SIM_FLOWS_SENDER, &hosts[i]);
        sim_flows_start();
        sim_flows_run();
        for (uint32_t k = 0; k < 50; k++) {
            const struct spd_flow_packet *p = &sf.record->packets[0][k];

            assert_int_equal(p->flags & (SPD_FLOW_T1_KERNEL | SPD_FLOW_RX_KERNEL), expected);
            assert_int_equal(p->t4_ns,
                             sim_wall_at(SIM_FLOWS_SENDER, truth_of(0, k, true)->arrived_ns));
            /* The program foretells what sending costs. */
            assert_in_range(
                p->t1_ns - sim_wall_at(SIM_FLOWS_SENDER, truth_of(0, k, false)->sent_ns), 0, 5000);
        }
        check_taken();
        sim_flows_end(NULL);
    }
}

/* One lost stamp: its packet has the program's own, all others theirs, and no
 * record behind it waits for the end of the test. */
static void a_lost_stamp_holds_nothing_up(void **state)
{
    static const uint32_t lost[] = { 0, 20, 21, 99 }; /* of both flows' sends: EF, EF, BE, BE */
    struct sim_host_config host = { .lose_sched_stamps = { lost, N_ROWS(lost) } };
    size_t n_before_the_end;

    (void)state;
    sim_flows_prepare(1);
    both_ways(&plain, &plain);
    sim_host_set(SIM_FLOWS_SENDER, &host);
    sim_flows_start();
    while (sim_now_ns() < 900 * MS)
        assert_true(sim_flows_step(10 * MS));
    n_before_the_end = sf.n_taken;
    sim_flows_run();
    assert_in_range(n_before_the_end, 80, 90);
    for (size_t i = 0; i < 2; i++)
        for (uint32_t k = 0; k < 50; k++) {
            const struct spd_flow_packet *p = &sf.record->packets[i][k];
            bool is_lost = false;

            for (size_t j = 0; j < N_ROWS(lost); j++)
                is_lost = is_lost || lost[j] == 2 * k + i;
            assert_int_equal(!(p->flags & SPD_FLOW_T1_KERNEL), is_lost);
            if (!is_lost)
                check_packet(i, p);
        }
    check_taken();
}

/* ------------------------------------------------------------- failing sends */

static void sends_that_fail_are_told_and_do_not_shift_stamps(void **state)
{
    static const struct {
        const char *name;
        enum spd_err err;
        bool sent;
    } rows[] = {
        { "refused by the system", SPD_ERR_PERM, false },
        { "larger than the path takes", SPD_ERR_TOO_BIG, false },
        { "dropped by this host's queue", SPD_ERR_NO_BUFFERS, true },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        const struct spd_flow_counts *c;

        sim_flows_prepare(1);
        both_ways(&plain, &plain);
        sf.spec.n_flows = 1;
        sf.spec.timeout_ns = 50 * MS;
        sim_fail_send(SIM_FLOWS_SENDER, 0, rows[i].err);
        sim_fail_send(SIM_FLOWS_SENDER, 17, rows[i].err);
        sim_fail_send(SIM_FLOWS_SENDER, 49, rows[i].err);
        sim_flows_start();
        sim_flows_run();
        c = &sf.record->counts[0];
        CHECK_ROW_INT(rows[i].name, c->n_sent, rows[i].sent ? 50 : 47);
        CHECK_ROW_INT(rows[i].name, c->n_not_sent, rows[i].sent ? 0 : 3);
        CHECK_ROW_INT(rows[i].name, c->n_bytes_sent, 92 * c->n_sent);
        CHECK_ROW_INT(rows[i].name, c->n_returned, 47);
        for (uint32_t k = 0; k < 50; k++) {
            const struct spd_flow_packet *p = &sf.record->packets[0][k];
            bool failed = k == 0 || k == 17 || k == 49;

            CHECK_ROW_INT(rows[i].name, !!(p->flags & SPD_FLOW_NOT_SENT), failed && !rows[i].sent);
            CHECK_ROW_INT(rows[i].name, !!(p->flags & SPD_FLOW_SENT), !failed || rows[i].sent);
            CHECK_ROW_INT(rows[i].name, !!(p->flags & SPD_FLOW_T1_KERNEL), !failed);
            if (!failed)
                check_packet(0, p);
        }
        check_taken();
        sim_flows_end(NULL);
    }
}

/* The test's own link takes less than the flow has: sends wait in the send
 * buffer, and when the test ends each of them has left, or is told not to have.
 * Returns how many were sent. */
static uint32_t send_into_a_slow_link(spd_ns timeout_ns)
{
    struct sim_link slow = { .rate_bps = 100000, .local_queue = true, .queue_bytes = 1000000 };
    struct sim_host_config host = { .max_buffer_bytes = 20000 };
    struct spd_sink_counters taken;
    const struct spd_flow_counts *c;
    uint32_t n_sent;

    sim_flows_prepare(1);
    sf.spec.n_flows = 0;
    sim_flows_add_noise(SPD_PACING_RATE, 1000000)->ends_ns = 3 * SPD_NS_PER_S;
    sf.spec.timeout_ns = timeout_ns;
    sim_link_set(SIM_FLOWS_SENDER, SIM_FLOWS_SINK, &slow);
    sim_host_set(SIM_FLOWS_SENDER, &host);
    sim_flows_start();
    sim_flows_run();
    sim_advance(20 * SPD_NS_PER_S);
    c = &sf.record->counts[0];
    spd_sink_counters(sf.sink, &taken);
    n_sent = c->n_sent;
    assert_true(c->n_not_sent > 100);
    assert_int_equal(n_sent, taken.n_received);
    assert_int_equal(c->n_bytes_sent, taken.n_bytes);
    sim_flows_end(NULL);
    return n_sent;
}

static void sends_that_wait_at_the_end_get_their_time_and_are_not_called_sent(void **state)
{
    (void)state;
    /* All 32 that waited get out, given the time. */
    assert_in_range(send_into_a_slow_link(20 * SPD_NS_PER_S) - send_into_a_slow_link(500 * MS), 10,
                    32);
}

/* -------------------------------------------------------------------- noise */

static void noise_fills_its_place_beside_the_flows(void **state)
{
    static const enum spd_pacing pacings[] = { SPD_PACING_RATE, SPD_PACING_POISSON,
                                               SPD_PACING_INTERVAL };

    (void)state;
    for (size_t i = 0; i < N_ROWS(pacings); i++) {
        struct spd_sink_counters taken;
        const struct spd_flow_counts *c;
        struct spd_schedule schedule;
        const struct sim_truth *t;
        spd_ns due_ns;
        uint16_t size;
        size_t n;

        sim_flows_prepare(i + 1);
        both_ways(&plain, &plain);
        sim_flows_add_noise(pacings[i], 500000);
        sim_flows_start();
        sim_flows_run();
        sim_advance(MS);
        check_all();
        check_taken();
        c = &sf.record->counts[2];
        t = sim_truth(SIM_FLOWS_SENDER, SIM_FLOWS_SINK, &n);
        assert_true(n > 50 && c->n_sent == n && c->n_not_sent == 0 && c->n_unexpected == 0);
        assert_null(sf.record->packets[2]);
        spd_schedule_init(&schedule, &sf.spec.flows[2].schedule);
        for (size_t k = 0; k < n; k++) {
            spd_schedule_next(&schedule, &due_ns, &size);
            assert_int_equal(t[k].sent_ns, start_ns() + due_ns);
            assert_int_equal(t[k].n_bytes + 28, size);
        }
        spd_sink_counters(sf.sink, &taken);
        assert_int_equal(taken.n_received, n);
        assert_int_equal(taken.n_bytes, c->n_bytes_sent);
        assert_int_equal(c->lateness_max_ns, 0);
        sim_flows_end(NULL);
    }
}

static void noise_alone_ends_at_its_time_or_number(void **state)
{
    (void)state;
    sim_flows_prepare(1);
    sf.spec.n_flows = 0;
    sim_flows_add_noise(SPD_PACING_INTERVAL, 0)->ends_ns = 70 * MS; /* 7 ms apart */
    sim_flows_start();
    sim_flows_run();
    assert_int_equal(sf.record->counts[0].n_sent, 10);
    sim_flows_end(NULL);

    sim_flows_prepare(1);
    sf.spec.n_flows = 0;
    sim_flows_add_noise(SPD_PACING_INTERVAL, 0)->info.n_packets = 13;
    sim_flows_start();
    sim_flows_run();
    assert_int_equal(sf.record->counts[0].n_sent, 13);
    sim_flows_end(NULL);
}

static void noise_that_hits_a_reflector_is_not_answered(void **state)
{
    struct spd_reflector_counters counters;

    (void)state;
    sim_flows_prepare(1);
    sf.spec.n_flows = 0;
    sim_flows_add_noise(SPD_PACING_RATE, 500000)->ends_ns = SPD_NS_PER_S;
    sf.spec.flows[0].info.target = sim_addr4(SIM_FLOWS_REFLECTOR, 862);
    sim_flows_start();
    sim_flows_run();
    sim_advance(MS);
    spd_reflector_counters(sf.reflector, &counters);
    assert_true(counters.n_received > 50);
    assert_int_equal(counters.n_reflected, 0);
    assert_int_equal(sim_truth_count(SIM_FLOWS_REFLECTOR, SIM_FLOWS_SENDER, SIM_DELIVERED), 0);
}

/* ------------------------------------------------------------------- endings */

static void a_full_ring_loses_nothing(void **state)
{
    (void)state;
    sim_flows_prepare(1);
    both_ways(&plain, &plain);
    sf.ring_records = 4;
    sf.ring_unread = true;
    sim_flows_start();
    while (sim_now_ns() < 5 * SPD_NS_PER_S)
        assert_true(sim_flows_step(10 * MS)); /* it does not end without its reader */
    assert_int_equal(sf.record->counts[0].n_returned, 50);
    sf.ring_unread = false;
    sim_flows_run();
    check_all();
    check_taken();
}

static void progress_reaches_the_end(void **state)
{
    (void)state;
    sim_flows_prepare(1);
    sim_flows_start();
    sim_flows_run();
    assert_in_range(sf.permille, 970, 1000);
}

/* Cancelled at any moment: what was sent gets its replies, and no more. */
static void cancelled_flows_wait_for_what_is_under_way(void **state)
{
    bool was_over = false;
    unsigned n_some = 0;

    (void)state;
    for (spd_ns at_ns = 0; !was_over; at_ns += 3 * MS) {
        static const struct sim_link far = { .delay_ns = 45 * MS };
        spd_ns cancelled_ns;
        uint32_t n = 0;
        char row[40];

        snprintf(row, sizeof(row), "cancelled after %lld ms", (long long)(at_ns / MS));
        sim_flows_prepare(1);
        both_ways(&far, &far);
        sim_flows_add_noise(SPD_PACING_RATE, 100000);
        sim_flows_start();
        while (sim_now_ns() < at_ns && !was_over)
            was_over = !sim_flows_step(at_ns - sim_now_ns());
        cancelled_ns = sim_now_ns();
        spd_flows_cancel(sf.flows);
        while (sim_flows_step(SPD_NS_FOREVER))
            continue;
        CHECK_ROW_INT(row, sf.record->interrupted, !was_over);
        CHECK_ROW_INT(row, sf.record->outcome.err, SPD_ERR_OK);
        CHECK_ROW(row, sim_now_ns() - cancelled_ns <= 95 * MS);
        for (size_t i = 0; i < 2; i++) {
            CHECK_ROW_INT(row, sf.record->counts[i].n_sent, sf.record->n_packets[i]);
            CHECK_ROW_INT(row, sf.record->counts[i].n_returned, sf.record->n_packets[i]);
            n += sf.record->n_packets[i];
        }
        n_some += n > 0 && n < 100;
        check_taken();
        sim_flows_end(NULL);
    }
    assert_true(n_some > 200);
}

static void cancelled_again_it_ends_at_once(void **state)
{
    static const struct sim_link far = { .delay_ns = 300 * MS };
    spd_ns cancelled_ns;

    (void)state;
    sim_flows_prepare(1);
    both_ways(&far, &far);
    sim_flows_start();
    while (sim_now_ns() < 500 * MS)
        assert_true(sim_flows_step(500 * MS - sim_now_ns()));
    cancelled_ns = sim_now_ns();
    spd_flows_cancel(sf.flows);
    assert_true(sim_flows_step(20 * MS));
    spd_flows_cancel(sf.flows);
    sim_flows_run();
    assert_true(sim_now_ns() - cancelled_ns < 30 * MS);
    assert_true(sf.record->interrupted);
    assert_in_range(sf.record->counts[0].n_sent, 20, 30);
    assert_true(sf.record->counts[0].n_returned == 0);
    check_taken();
}

static void a_test_never_stepped_can_be_destroyed(void **state)
{
    (void)state;
    sim_flows_prepare(1);
    sim_flows_start();
    spd_flows_cancel(sf.flows);
    spd_flows_destroy(sf.flows);
    sf.flows = NULL;
}

/* A step of the time of day in the middle of the test is told. */
static void a_step_of_the_clock_is_told(void **state)
{
    static const struct sim_step step = { 500 * MS, -30 * MS };
    struct sim_host_config host = { .steps = &step, .n_steps = 1 };

    (void)state;
    sim_flows_prepare(1);
    sim_host_set(SIM_FLOWS_SENDER, &host);
    sim_flows_start();
    sim_flows_run();
    assert_int_equal(sf.record->clock_step_ns, -30 * MS);
    assert_int_equal(sf.record->counts[0].lateness_max_ns, 0); /* paced by the counter */
}

/* ------------------------------------------------------------------ refusals */

static void tests_that_cannot_be_are_refused(void **state)
{
    static const struct {
        const char *name;
        struct spd_schedule_spec schedule;
        uint16_t size;
        uint32_t n_packets;
        enum spd_err err;
        const char *says;
    } rows[] = {
        { "no interval", { .pacing = SPD_PACING_INTERVAL }, 92, 10, SPD_ERR_RANGE, "no rate" },
        { "a negative interval",
          { .pacing = SPD_PACING_INTERVAL, .interval_ns = -5 },
          92,
          10,
          SPD_ERR_RANGE,
          "no rate" },
        { "no rate", { .pacing = SPD_PACING_RATE }, 92, 10, SPD_ERR_RANGE, "no rate" },
        { "a bucket too small",
          { .pacing = SPD_PACING_BUCKET, .rate_bps = 1000, .bucket_bytes = 91 },
          92,
          10,
          SPD_ERR_RANGE,
          "91 bytes" },
        { "no packets",
          { .pacing = SPD_PACING_RATE, .rate_bps = 1000 },
          92,
          0,
          SPD_ERR_RANGE,
          "no packets" },
        { "packets too small",
          { .pacing = SPD_PACING_RATE, .rate_bps = 1000 },
          71,
          10,
          SPD_ERR_RANGE,
          "at least 72" },
        { "more packets than fit in memory",
          { .pacing = SPD_PACING_RATE, .rate_bps = 1000 },
          92,
          4000000000u,
          SPD_ERR_NOMEM,
          "fewer" },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        sim_flows_prepare(1);
        sf.spec.flows[1].schedule = rows[i].schedule;
        sf.spec.flows[1].schedule.sizes =
            (struct spd_size_mix){ .n = 1, .item = { { rows[i].size, rows[i].size, 1 } } };
        sf.spec.flows[1].info.n_packets = rows[i].n_packets;
        sim_flows_start();
        CHECK_ROW_INT(rows[i].name, sf.err, rows[i].err);
        CHECK_ROW_INT(rows[i].name, sf.diag.err, rows[i].err);
        if (!strstr(sf.diag.text, rows[i].says))
            fail_msg("row \"%s\": says \"%s\"", rows[i].name, sf.diag.text);
        sim_flows_end(NULL);
    }
    sim_flows_prepare(1);
    sf.spec.n_flows = 0;
    sim_flows_start();
    assert_int_equal(sf.err, SPD_ERR_RANGE);
    sim_flows_end(NULL);
    sim_flows_prepare(1);
    sf.spec.n_flows = SPD_FLOWS_MAX + 1;
    sim_flows_start();
    assert_int_equal(sf.err, SPD_ERR_RANGE);
    sim_flows_end(NULL);
}

#define CASE(f) cmocka_unit_test_teardown(f, end_if_begun)

static int end_if_begun(void **state)
{
    return sf.spec.timeout_ns || sf.sink ? sim_flows_end(state) : 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(every_packet_leaves_when_it_is_due),
        CASE(flows_are_merged_by_due_time),
        CASE(flows_that_take_turns_share_every_interval),
        CASE(packets_due_together_leave_one_right_after_the_other),
        CASE(late_packets_are_sent_and_told),
        CASE(losses_are_told_packet_by_packet),
        CASE(duplicates_have_records_of_their_own),
        CASE(replies_that_fit_no_packet_change_nothing),
        CASE(a_reply_to_what_never_left_is_unexpected),
        CASE(a_reflector_that_dies_leaves_a_result),
        CASE(nobody_there_is_no_loss_but_a_reason),
        CASE(stamps_that_are_denied_are_replaced_by_the_programs_own),
        CASE(a_lost_stamp_holds_nothing_up),
        CASE(sends_that_fail_are_told_and_do_not_shift_stamps),
        CASE(sends_that_wait_at_the_end_get_their_time_and_are_not_called_sent),
        CASE(noise_fills_its_place_beside_the_flows),
        CASE(noise_alone_ends_at_its_time_or_number),
        CASE(noise_that_hits_a_reflector_is_not_answered),
        CASE(a_full_ring_loses_nothing),
        CASE(progress_reaches_the_end),
        CASE(cancelled_flows_wait_for_what_is_under_way),
        CASE(cancelled_again_it_ends_at_once),
        CASE(a_test_never_stepped_can_be_destroyed),
        CASE(a_step_of_the_clock_is_told),
        CASE(tests_that_cannot_be_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

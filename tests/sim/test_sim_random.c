/*
 * Worlds made by chance, with everything mixed: whatever the network and the
 * hosts do, what the result says of each packet is true, and it says as much as
 * can be known. One seed makes one world; SPD_SEED=n starts with that one.
 */
#include "tests/sim/sim_burst.h"
#include "tests/support/random.h"
#include "tests/unit/unit.h"

#define N_WORLDS 300

/* ---- worlds ---- */

struct world {
    struct sim_burst_scenario scenario;
    struct sim_outage outages[2];
    struct sim_step sender_steps[2], reflector_steps[2];
    uint32_t lost_stamps[6];
    struct sim_switch switches[4];
    size_t n_switches;
    uint32_t failing_sends[4];
    size_t n_failing_sends;
    bool may_overtake; /* something duplicates or reorders */
    bool may_step;     /* a clock */
};

static bool one_in(struct spd_random *r, uint64_t n)
{
    return spd_random_below(r, n) == 0;
}

static int64_t between(struct spd_random *r, int64_t low, int64_t high)
{
    return low + (int64_t)spd_random_below(r, (uint64_t)(high - low + 1));
}

static uint32_t some_ppm(struct spd_random *r)
{
    static const uint32_t values[] = { 0, 0, 1000, 20000, 100000, 400000 };

    return values[spd_random_below(r, N_ROWS(values))];
}

static void make_link(struct spd_random *r, struct world *w, bool forward, struct sim_link *link)
{
    static const uint64_t rates_bps[] = { 0, 0, 1000000, 10000000, 100000000, 1000000000 };

    link->delay_ns = one_in(r, 4) ? 0 : between(r, 0, 20 * SPD_NS_PER_MS);
    link->rate_bps = rates_bps[spd_random_below(r, N_ROWS(rates_bps))];
    link->link_header_bytes = one_in(r, 2) ? 14 : 0;
    if (one_in(r, 3))
        link->queue_packets = (uint32_t)between(r, 1, 60);
    link->local_queue = forward && one_in(r, 4);
    link->hops = (uint8_t)spd_random_below(r, 30);
    link->loss_ppm = some_ppm(r);
    if (one_in(r, 3))
        link->jitter_random_ns = between(r, 1, SPD_NS_PER_MS);
    if (one_in(r, 6)) {
        size_t which = forward ? 0 : 1;

        w->outages[which].from_ns = between(r, 0, 50 * SPD_NS_PER_MS);
        w->outages[which].until_ns = w->outages[which].from_ns + between(r, 1, 30 * SPD_NS_PER_MS);
        link->outages = &w->outages[which];
        link->n_outages = 1;
    }
    if (!w->may_overtake)
        return;
    link->jitter_reorders = one_in(r, 2);
    link->duplicate_ppm = some_ppm(r) / 4;
    link->duplicate_after_ns = between(r, 0, 5 * SPD_NS_PER_MS);
    link->reorder_ppm = some_ppm(r) / 4;
    link->reorder_ns = between(r, 0, 3 * SPD_NS_PER_MS);
}

static void make_host(struct spd_random *r, struct world *w, struct sim_host_config *host,
                      struct sim_step *steps)
{
    static const uint64_t frequencies_hz[] = { 0, 0, 0, 3579545, 10000000, 24000000 };

    host->counter_hz = frequencies_hz[spd_random_below(r, N_ROWS(frequencies_hz))];
    host->skew_ppb = one_in(r, 2) ? 0 : between(r, -500000, 500000);
    host->wall_offset_ns = one_in(r, 2) ? 0 : between(r, -(INT64_C(1) << 59), INT64_C(1) << 59);
    if (w->may_step && one_in(r, 2)) {
        host->steps = steps;
        host->n_steps = (size_t)between(r, 1, 2);
        for (size_t i = 0; i < host->n_steps; i++)
            steps[i] = (struct sim_step){ between(r, 0, 60 * SPD_NS_PER_MS),
                                          between(r, -SPD_NS_PER_S, SPD_NS_PER_S) };
    }
    host->refuse_priority = one_in(r, 4);
    host->switches_unknown = one_in(r, 4);
    host->refuse_lock = one_in(r, 4);
    host->deny_sched_stamps = one_in(r, 6);
    host->deny_sent_stamps = one_in(r, 6);
    host->deny_receive_stamps = one_in(r, 6);
    if (one_in(r, 6))
        host->max_buffer_bytes = (size_t)between(r, 4000, 400000);
    if (one_in(r, 4))
        host->lose_sched_stamps = (struct sim_list){ w->lost_stamps, N_ROWS(w->lost_stamps) };
}

static void make_accidents(struct spd_random *r, struct world *w)
{
    uint32_t n = w->scenario.n_packets;

    for (size_t i = 0; i < N_ROWS(w->lost_stamps); i++)
        w->lost_stamps[i] = (uint32_t)spd_random_below(r, 3u * n);
    if (one_in(r, 3))
        w->n_switches = (size_t)between(r, 1, 4);
    for (size_t i = 0; i < w->n_switches; i++)
        w->switches[i] = (struct sim_switch){
            .host = SIM_BURST_SENDER,
            .nth = (uint32_t)spd_random_below(r, 4),
            .min_sends = n,
            .after_sends = (uint32_t)spd_random_below(r, n + 1),
            .n_switches = (int64_t)spd_random_below(r, 2),
            .pause_ns = one_in(r, 2) ? 0 : between(r, 0, 3 * SPD_NS_PER_MS),
        };
    if (one_in(r, 4))
        w->n_failing_sends = (size_t)between(r, 1, 4);
    for (size_t i = 0; i < w->n_failing_sends; i++)
        w->failing_sends[i] = (uint32_t)spd_random_below(r, 3u * n);
}

static void cause_accidents(struct sim_burst *b, uint32_t turn)
{
    const struct world *w = b->scenario.context;

    for (size_t i = 0; turn == 0 && i < w->n_switches; i++)
        sim_inject_switch(&w->switches[i]);
    for (size_t i = 0; turn == 0 && i < w->n_failing_sends; i++)
        sim_fail_send(SIM_BURST_SENDER, w->failing_sends[i],
                      i % 2 ? SPD_ERR_PERM : SPD_ERR_TOO_BIG);
}

static void make_world(uint64_t seed, struct world *w)
{
    struct spd_random random = { seed }, *r = &random;
    struct sim_burst_scenario *s = &w->scenario;

    *w = (struct world){ .may_overtake = one_in(r, 2), .may_step = one_in(r, 4) };
    s->seed = seed;
    s->context = w;
    s->on_turn = cause_accidents;
    s->n_packets = (uint32_t)(one_in(r, 8) ? between(r, 1, 3) : between(r, 4, 120));
    s->n_bursts = (uint32_t)between(r, 1, 5);
    s->size_bytes = (uint32_t)between(r, 92, 1500);
    s->n_retries = (unsigned)spd_random_below(r, 3);
    s->gap_ns = between(r, 1, 20 * SPD_NS_PER_MS);
    s->timeout_ns = between(r, SPD_NS_PER_MS, 100 * SPD_NS_PER_MS);
    s->from_start = one_in(r, 4);
    s->stateless = one_in(r, 4);
    s->ipv6 = one_in(r, 5);
    s->user_stamps = one_in(r, 5);
    s->spin = one_in(r, 12);
    s->instant = one_in(r, 4);
    s->dscp = (uint8_t)spd_random_below(r, 64);
    s->reflector_batch = (unsigned)spd_random_below(r, 65);
    make_accidents(r, w);
    make_link(r, w, true, &s->forward);
    make_link(r, w, false, &s->reverse);
    make_host(r, w, &s->sender, w->sender_steps);
    make_host(r, w, &s->reflector, w->reflector_steps);
}

/* ---- what can be known ---- */

/* Beyond what numbers can tell: an answer that got lost and was not the only
 * one to its packet, or one to a packet that came there out of its order. */
static bool is_ambiguous(const struct sim_burst *b, const struct sim_packet_truth *truth)
{
    spd_ns latest_ns = -1;

    for (size_t i = 0; i < b->record->n_packets; i++) {
        const struct sim_packet_truth *t = &truth[i];

        if (t->n_answers > 1 && t->n_replies < t->n_answers)
            return true;
        if (!t->request || t->request->fate != SIM_DELIVERED)
            continue;
        if (t->n_replies == 0 && t->request->arrived_ns <= latest_ns)
            return true;
        if (t->request->arrived_ns > latest_ns)
            latest_ns = t->request->arrived_ns;
    }
    /* And the other way round: one that did not come back was overtaken. */
    for (size_t i = b->record->n_packets; i-- > 0;) {
        const struct sim_packet_truth *t = &truth[i];

        if (!t->request || t->request->fate != SIM_DELIVERED)
            continue;
        if (t->n_replies == 0 && t->request->arrived_ns >= latest_ns)
            return true;
        if (t->request->arrived_ns < latest_ns)
            latest_ns = t->request->arrived_ns;
    }
    return false;
}

static bool was_probe_answered(const struct sim_burst *b)
{
    for (size_t i = 0; i < b->record->n_extra_replies; i++)
        if (b->record->extra_replies[i].sender_seq >= b->record->n_packets)
            return true;
    return false;
}

/* Probes in front of the answered one are packets of the last gap, too. */
static void count_lost_probes(const struct sim_burst *b, uint32_t *n_forward, uint32_t *n_reverse)
{
    uint32_t answered = UINT32_MAX, n_offered = 0;
    size_t n;
    const struct sim_truth *truth = sim_truth(SIM_BURST_SENDER, SIM_BURST_REFLECTOR, &n);

    for (size_t i = 0; i < b->record->n_extra_replies; i++) {
        uint32_t seq = b->record->extra_replies[i].sender_seq;

        if (seq >= b->record->n_packets && seq < answered)
            answered = seq;
    }
    for (size_t i = b->n_forward_before; i < n; i++) {
        uint32_t seq = sim_truth_seq(&truth[i]);

        if (sim_truth_ssid(&truth[i]) != b->record->ssid || truth[i].is_copy ||
            seq < b->record->n_packets || seq >= answered)
            continue;
        n_offered++;
        *n_forward += truth[i].fate != SIM_DELIVERED;
        *n_reverse += truth[i].fate == SIM_DELIVERED;
    }
    /* One that could not be sent has no record that would tell. */
    *n_forward += answered - (uint32_t)b->record->n_packets - n_offered;
}

/* A packet whose loss only the numbers can place. */
static bool is_open(const struct spd_packet_record *p)
{
    return p->n_replies == 0 && p->fate != SPD_FATE_NOT_SENT && p->err != SPD_ERR_NO_BUFFERS;
}

/* From one answered packet to the next nothing overtook: the direction must be
 * told unless both kinds are mixed there, and then their counts. */
static void check_gap(const char *row, const struct sim_burst *b,
                      const struct sim_packet_truth *truth, size_t from, size_t to, bool anchored,
                      uint32_t *n_unplaced_forward, uint32_t *n_unplaced_reverse)
{
    const struct spd_packet_record *packets = b->record->packets;
    uint32_t n_forward = 0, n_reverse = 0, n_probes;
    /* The answered packets at its ends may belong to other bursts. */
    size_t first = from > 0 ? from - 1 : from, last = to < b->record->n_packets ? to : to - 1;
    bool in_one_burst = packets[first].burst == packets[last].burst;

    if (to == b->record->n_packets && anchored)
        count_lost_probes(b, &n_forward, &n_reverse);
    n_probes = n_forward + n_reverse;
    for (size_t i = from; i < to; i++) {
        if (!is_open(&packets[i]))
            continue;
        n_forward += truth[i].n_answers == 0;
        n_reverse += truth[i].n_answers > 0;
    }
    for (size_t i = from; i < to; i++) {
        enum spd_fate expected =
            truth[i].n_answers == 0 ? SPD_FATE_LOST_FORWARD : SPD_FATE_LOST_REVERSE;

        if (!is_open(&packets[i]))
            continue;
        if (!anchored || (n_forward > 0 && n_reverse > 0))
            expected = SPD_FATE_LOST;
        if (packets[i].fate != expected)
            fail_msg("%s: packet %zu is %s, could be known as %s", row, i,
                     spd_fate_text((enum spd_fate)packets[i].fate), spd_fate_text(expected));
    }
    if (anchored && in_one_burst && n_probes == 0 && n_forward > 0 && n_reverse > 0) {
        n_unplaced_forward[packets[from].burst] += n_forward;
        n_unplaced_reverse[packets[from].burst] += n_reverse;
    }
}

static void check_all_is_told(const char *row, const struct sim_burst *b,
                              const struct sim_packet_truth *truth)
{
    const struct spd_test_record *r = b->record;
    uint32_t *forward = calloc(r->n_bursts + 1, sizeof(*forward));
    uint32_t *reverse = calloc(r->n_bursts + 1, sizeof(*reverse));
    bool any = false, stateful = r->reflector_mode == SPD_REFLECTOR_STATEFUL;
    size_t from = 0;

    assert_true(forward && reverse);
    for (size_t i = 0; i < r->n_packets; i++)
        any = any || r->packets[i].n_replies > 0;
    any = any || was_probe_answered(b);
    for (size_t i = 0; i <= r->n_packets; i++) {
        bool at_end = i == r->n_packets;

        if (!at_end && r->packets[i].n_replies == 0)
            continue;
        if (i > from)
            check_gap(row, b, truth, from, i, stateful && any && (!at_end || was_probe_answered(b)),
                      forward, reverse);
        from = i + 1;
    }
    for (size_t k = 0; k < r->n_bursts; k++) {
        CHECK_ROW_INT(row, r->bursts[k].n_lost_forward_unplaced, forward[k]);
        CHECK_ROW_INT(row, r->bursts[k].n_lost_reverse_unplaced, reverse[k]);
    }
    free(forward);
    free(reverse);
}

/* ---- figures ---- */

static void check_near(const char *row, const char *what, size_t i, spd_ns got, spd_ns expected,
                       spd_ns margin)
{
    if (got < expected - margin || got > expected + margin)
        fail_msg("%s: packet %zu: %s is %lld, truly %lld", row, i, what, (long long)got,
                 (long long)expected);
}

static void check_round_trips(const char *row, const struct sim_burst *b,
                              const struct sim_packet_truth *truth)
{
    spd_ns tick_ns = b->scenario.sender.counter_hz
                         ? SPD_NS_PER_S / (spd_ns)b->scenario.sender.counter_hz + 1
                         : 1;

    for (size_t i = 0; i < b->record->n_packets; i++) {
        const struct spd_packet_record *p = &b->record->packets[i];
        const struct sim_packet_truth *t = &truth[i];
        spd_ns rtt_ns = b->summary.packets[i].rtt_ns, expected, margin;

        /* Not by stamps that were foretold, or taken when we got to it. */
        if (rtt_ns == SPD_NS_UNKNOWN || !t->seen || p->t4_source != SPD_STAMP_KERNEL ||
            (p->t1_source == SPD_STAMP_USER && !p->dispatched_ticks))
            continue;
        expected =
            t->reply->arrived_ns - t->request->sent_ns - t->reply->sent_ns + t->seen->arrived_ns;
        /* Each clock errs by 500 ppm at most of what it measures. */
        margin = (t->reply->arrived_ns - t->request->sent_ns) / 1000 + 2 * tick_ns +
                 sim_burst_t3_margin_ns(b) + SIM_BURST_SEND_NS + 4;
        check_near(row, "round trip", i, rtt_ns, expected, margin);
    }
}

static void check_variation(const char *row, const struct sim_burst *b,
                            const struct sim_packet_truth *truth)
{
    if (b->summary.pdv_over_test) /* over seconds, clocks drift apart */
        return;
    for (size_t k = 0; k < b->record->n_bursts; k++) {
        const struct spd_burst_record *burst = &b->record->bursts[k];
        size_t first = burst->first_packet, end = first + burst->n_packets;
        spd_ns least_ns = SPD_NS_MAX, earliest_ns = SPD_NS_MAX, latest_ns = 0;

        for (size_t i = first; i < end; i++) {
            spd_ns sent_ns, seen_ns;

            if (b->summary.packets[i].pdv_fwd_ns == SPD_NS_UNKNOWN || !truth[i].seen)
                continue;
            sent_ns = truth[i].request->sent_ns;
            seen_ns = truth[i].seen->arrived_ns;
            least_ns = seen_ns - sent_ns < least_ns ? seen_ns - sent_ns : least_ns;
            earliest_ns = sent_ns < earliest_ns ? sent_ns : earliest_ns;
            latest_ns = seen_ns > latest_ns ? seen_ns : latest_ns;
        }
        for (size_t i = first; i < end; i++)
            if (b->summary.packets[i].pdv_fwd_ns != SPD_NS_UNKNOWN && truth[i].seen &&
                b->record->packets[i].t1_source == SPD_STAMP_KERNEL_SCHED)
                check_near(row, "forward variation", i, b->summary.packets[i].pdv_fwd_ns,
                           truth[i].seen->arrived_ns - truth[i].request->sent_ns - least_ns,
                           (latest_ns - earliest_ns) / 500 + 4);
    }
}

static void check_sums(const char *row, const struct sim_burst *b)
{
    const struct spd_summary *s = &b->summary;
    const struct spd_loss *loss = &s->loss;

    CHECK_ROW_INT(row, loss->n_packets, b->scenario.n_packets * b->scenario.n_bursts);
    CHECK_ROW_INT(row, loss->n_packets, loss->n_not_sent + loss->n_sent);
    CHECK_ROW_INT(row, loss->n_sent,
                  loss->n_received + loss->n_lost + loss->n_unreachable + loss->n_unresolved);
    CHECK_ROW_INT(row, loss->n_lost,
                  loss->n_lost_forward + loss->n_lost_reverse + loss->n_lost_unknown);
    CHECK_ROW_INT(row, loss->n_unresolved, 0);
    CHECK_ROW_INT(row, s->n_bursts, b->scenario.n_bursts);
    CHECK_ROW_INT(row, s->n_whole + s->n_broken + s->n_broken_unknown, s->n_bursts);
    CHECK_ROW_INT(row, b->n_attempts_reported, b->record->n_bursts);
}

/* ---- a world ---- */

static void live(uint64_t seed, uint64_t *n_packets, uint64_t *n_lost, uint64_t *n_told)
{
    struct world w;
    struct sim_packet_truth *truth;
    struct sim_burst b;
    unsigned what = SIM_CHECK_SOUND;
    char row[40];

    snprintf(row, sizeof(row), "SPD_SEED=%llu", (unsigned long long)seed);
    make_world(seed, &w);
    sim_burst_create(&b, &w.scenario);
    CHECK_ROW_INT(row, b.err, SPD_ERR_OK);
    while (sim_burst_step(&b, SPD_NS_FOREVER))
        continue;
    sim_burst_judge(&b);
    if (b.record->outcome.err) {
        /* Only the discovery may fail, and only where the network let it. */
        CHECK_ROW_INT(row, b.record->outcome.err, SPD_ERR_NO_REPLY);
        CHECK_ROW(row, w.scenario.from_start && b.record->n_bursts == 0);
        sim_burst_destroy(&b);
        return;
    }
    truth = sim_burst_truth(&b);
    if (is_ambiguous(&b, truth))
        what = 0;
    if (!w.may_step)
        what |= SIM_CHECK_STAMPS;
    sim_burst_check(row, &b, what);
    for (size_t i = 0; i < b.record->n_packets; i++)
        CHECK_ROW_INT(row, b.record->packets[i].n_replies > 0,
                      b.record->packets[i].fate == SPD_FATE_RECEIVED);
    if (!w.may_overtake)
        check_all_is_told(row, &b, truth);
    if (!w.may_step && !w.scenario.reflector.deny_receive_stamps) {
        check_round_trips(row, &b, truth);
        check_variation(row, &b, truth);
    }
    check_sums(row, &b);
    *n_packets += b.record->n_packets;
    *n_lost += b.summary.loss.n_lost;
    *n_told += b.summary.loss.n_lost_forward + b.summary.loss.n_lost_reverse;
    free(truth);
    sim_burst_destroy(&b);
}

static void worlds_made_by_chance_are_seen_as_they_are(void **state)
{
    const char *text = getenv("SPD_SEED");
    uint64_t first = text && *text ? strtoull(text, NULL, 0) : 1;
    uint64_t n_packets = 0, n_lost = 0, n_told = 0;

    (void)state;
    for (uint64_t seed = first; seed < first + N_WORLDS; seed++)
        live(seed, &n_packets, &n_lost, &n_told);
    print_message("%d worlds from SPD_SEED=%llu: %llu packets, %llu lost, %llu with a direction\n",
                  N_WORLDS, (unsigned long long)first, (unsigned long long)n_packets,
                  (unsigned long long)n_lost, (unsigned long long)n_told);
    assert_true(n_lost > 100 && n_told > 50 && n_packets > 10000);
}

/* The same seed makes the same world and the same result, to the last stamp. */
static void world_of_one_seed_is_always_the_same(void **state)
{
    struct spd_packet_record *before = NULL;
    size_t n_before = 0;

    (void)state;
    for (int round = 0; round < 2; round++) {
        struct sim_burst b;
        struct world w;

        make_world(4711, &w);
        sim_burst_run(&b, &w.scenario);
        if (round == 0) {
            n_before = b.record->n_packets;
            before = exact_copy(b.record->packets, n_before * sizeof(*before));
        } else {
            assert_int_equal(b.record->n_packets, n_before);
            assert_memory_equal(before, b.record->packets, n_before * sizeof(*before));
        }
        sim_burst_destroy(&b);
    }
    free(before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(worlds_made_by_chance_are_seen_as_they_are),
        cmocka_unit_test(world_of_one_seed_is_always_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

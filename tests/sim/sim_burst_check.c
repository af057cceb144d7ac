/*
 * Compares what a burst test recorded with what the simulator did.
 */
#include "common/base/cursor.h"
#include "common/wire/stamp.h"
#include "tests/sim/sim_burst.h"
#include "tests/unit/unit.h"

#define COPIES_MAX 8
#define BATCH_MAX  64 /* of the reflector */

static uint32_t number_at(const struct sim_truth *truth, size_t at)
{
    struct spd_reader reader = spd_reader_over(truth->payload, sizeof(truth->payload));

    spd_read_skip(&reader, at);
    return spd_read_u32(&reader);
}

uint32_t sim_truth_seq(const struct sim_truth *truth)
{
    return number_at(truth, 0);
}

uint32_t sim_truth_sender_seq(const struct sim_truth *reply)
{
    return number_at(reply, 24);
}

uint16_t sim_truth_ssid(const struct sim_truth *truth)
{
    return (uint16_t)(truth->payload[14] << 8 | truth->payload[15]);
}

static bool is_of_session(const struct sim_burst *b, const struct sim_truth *truth)
{
    return truth->n_bytes >= SPD_STAMP_BYTES && sim_truth_ssid(truth) == b->record->ssid;
}

/* The requests with this number that arrived, in the order of arrival. */
static size_t arrivals_of(const struct sim_burst *b, uint32_t seq, const struct sim_truth **out)
{
    size_t n_truth, n = 0;
    const struct sim_truth *truth = sim_truth(SIM_BURST_SENDER, SIM_BURST_REFLECTOR, &n_truth);

    for (size_t i = b->n_forward_before; i < n_truth; i++) {
        size_t at = n;

        if (truth[i].fate != SIM_DELIVERED || !is_of_session(b, &truth[i]) ||
            sim_truth_seq(&truth[i]) != seq)
            continue;
        assert_true(n < COPIES_MAX);
        for (; at > 0 && out[at - 1]->arrived_ns > truth[i].arrived_ns; at--)
            out[at] = out[at - 1];
        out[at] = &truth[i];
        n++;
    }
    return n;
}

static void gather_requests(const struct sim_burst *b, struct sim_packet_truth *packets)
{
    size_t n;
    const struct sim_truth *truth = sim_truth(SIM_BURST_SENDER, SIM_BURST_REFLECTOR, &n);

    for (size_t i = b->n_forward_before; i < n; i++) {
        uint32_t seq = sim_truth_seq(&truth[i]);

        if (!is_of_session(b, &truth[i]) || seq >= b->record->n_packets)
            continue;
        if (!truth[i].is_copy)
            packets[seq].request = &truth[i];
        packets[seq].n_requests += truth[i].fate == SIM_DELIVERED;
    }
}

/* The reflector answers requests one by one, so its answer number k to a
 * packet is for the request that arrived as number k. */
static void gather_replies(const struct sim_burst *b, struct sim_packet_truth *packets)
{
    const struct sim_truth *arrived[COPIES_MAX];
    size_t n;
    const struct sim_truth *truth = sim_truth(SIM_BURST_REFLECTOR, SIM_BURST_SENDER, &n);

    for (size_t i = b->n_reverse_before; i < n; i++) {
        uint32_t seq = sim_truth_sender_seq(&truth[i]);
        struct sim_packet_truth *p = &packets[seq];
        uint32_t answer;

        if (!is_of_session(b, &truth[i]) || seq >= b->record->n_packets)
            continue;
        p->n_answers += !truth[i].is_copy;
        answer = p->n_answers - 1;
        if (truth[i].fate != SIM_DELIVERED)
            continue;
        p->n_replies++;
        if (p->reply && p->reply->arrived_ns <= truth[i].arrived_ns)
            continue;
        p->reply = &truth[i];
        p->seen = arrivals_of(b, seq, arrived) > answer ? arrived[answer] : NULL;
    }
}

struct sim_packet_truth *sim_burst_truth(const struct sim_burst *b)
{
    struct sim_packet_truth *packets = calloc(b->record->n_packets + 1, sizeof(*packets));

    assert_non_null(packets);
    gather_requests(b, packets);
    gather_replies(b, packets);
    return packets;
}

/* ---- fates ---- */

static const char *fate_name(enum spd_fate fate)
{
    return spd_fate_text(fate);
}

/* An ICMP error came back for some packets: they are told by that. */
static bool is_told_otherwise(const struct spd_packet_record *p)
{
    return p->fate == SPD_FATE_UNREACHABLE || p->fate == SPD_FATE_PENDING;
}

static enum spd_fate true_fate(const struct sim_packet_truth *truth)
{
    if (truth->n_replies > 0)
        return SPD_FATE_RECEIVED;
    if (!truth->request)
        return SPD_FATE_NOT_SENT;
    return truth->n_answers > 0 ? SPD_FATE_LOST_REVERSE : SPD_FATE_LOST_FORWARD;
}

static void check_fate(const char *row, const struct spd_packet_record *p,
                       const struct sim_packet_truth *truth, bool lost_allowed)
{
    enum spd_fate expected = true_fate(truth);

    if (p->n_replies != truth->n_replies)
        fail_msg("row \"%s\": packet %u got %u replies, recorded are %u", row, p->seq,
                 truth->n_replies, p->n_replies);
    if (p->fate == expected)
        return;
    if (is_told_otherwise(p) && truth->n_replies == 0)
        return;
    if (lost_allowed && p->fate == SPD_FATE_LOST &&
        (expected == SPD_FATE_LOST_FORWARD || expected == SPD_FATE_LOST_REVERSE))
        return;
    fail_msg("row \"%s\": packet %u is %s, recorded as %s", row, p->seq, fate_name(expected),
             fate_name((enum spd_fate)p->fate));
}

/* Packets sent to close the test have no record; numbers below this are theirs. */
static uint32_t end_of_probes(const struct sim_burst *b)
{
    uint32_t end = (uint32_t)b->record->n_packets;
    size_t n;
    const struct sim_truth *truth = sim_truth(SIM_BURST_SENDER, SIM_BURST_REFLECTOR, &n);

    for (size_t i = b->n_forward_before; i < n; i++)
        if (!truth[i].is_copy && is_of_session(b, &truth[i]) && sim_truth_seq(&truth[i]) >= end)
            end = sim_truth_seq(&truth[i]) + 1;
    return end;
}

/* Every reply that arrived from the reflector is counted once. */
static void check_conservation(const char *row, const struct sim_burst *b)
{
    size_t n_truth, n_arrived = 0, n_counted = 0;
    uint32_t end = end_of_probes(b);
    const struct sim_truth *truth = sim_truth(SIM_BURST_REFLECTOR, SIM_BURST_SENDER, &n_truth);

    for (size_t i = b->n_reverse_before; i < n_truth; i++) {
        uint32_t seq = sim_truth_sender_seq(&truth[i]);
        bool is_probe = is_of_session(b, &truth[i]) && seq >= b->record->n_packets && seq < end;

        n_arrived += truth[i].fate == SIM_DELIVERED && !is_probe;
    }
    for (size_t i = 0; i < b->record->n_packets; i++)
        n_counted += b->record->packets[i].n_replies;
    n_counted += b->record->n_replies_unexpected + b->record->n_replies_malformed;
    CHECK_ROW_INT(row, n_counted, n_arrived);
}

/* ---- stamps ---- */

static void check_stamp(const char *row, uint32_t seq, const char *which, int64_t got,
                        int64_t expected, int64_t margin_ns)
{
    if (got < expected - margin_ns || got > expected + margin_ns)
        fail_msg("row \"%s\": packet %u: %s is %lld ns off", row, seq, which,
                 (long long)(got - expected));
}

spd_ns sim_burst_t3_margin_ns(const struct sim_burst *b)
{
    const struct sim_host_config *host = &b->scenario.reflector;
    int64_t skew_ppb = llabs(host->skew_ppb + host->wall_skew_ppb);
    spd_ns batch_ns = BATCH_MAX * SIM_BURST_SEND_NS, margin_ns = 0;

    if (b->scenario.costs.send_ns != SIM_BURST_SEND_NS)
        return batch_ns;
    if (skew_ppb)
        margin_ns += BATCH_MAX + skew_ppb * batch_ns / 1000000000; /* whole ns a send */
    if (host->counter_hz)
        margin_ns += BATCH_MAX * (SPD_NS_PER_S / (spd_ns)host->counter_hz + 1);
    return margin_ns;
}

/* The time of day by the counter: no tick longer than 1 ns, no clock that goes
 * another way than the counter. */
static bool is_counter_exact(const struct sim_host_config *host)
{
    return host->counter_hz == 0 && host->wall_skew_ppb == 0 && host->n_steps == 0;
}

static void check_stamps(const char *row, const struct sim_burst *b,
                         const struct spd_packet_record *p, const struct sim_packet_truth *truth)
{
    spd_ns send_ns = b->scenario.costs.send_ns;

    if (truth->n_replies == 0 || !truth->seen)
        return;
    if (p->t1_source == SPD_STAMP_KERNEL_SCHED)
        check_stamp(row, p->seq, "T1", p->t1_ns,
                    sim_wall_at(SIM_BURST_SENDER, truth->request->sent_ns), 0);
    else if (p->dispatched_ticks && is_counter_exact(&b->scenario.sender))
        /* The counter is read before the call. */
        check_stamp(row, p->seq, "T1", p->t1_ns,
                    sim_wall_at(SIM_BURST_SENDER, truth->request->sent_ns - send_ns / 2), 1);
    if (!b->scenario.reflector.deny_receive_stamps)
        check_stamp(row, p->seq, "T2", p->t2_ns,
                    sim_wall_at(SIM_BURST_REFLECTOR, truth->seen->arrived_ns), 0);
    check_stamp(row, p->seq, "T3", p->t3_ns,
                sim_wall_at(SIM_BURST_REFLECTOR, truth->reply->sent_ns), sim_burst_t3_margin_ns(b));
    if (p->t4_source == SPD_STAMP_KERNEL)
        check_stamp(row, p->seq, "T4", p->t4_ns,
                    sim_wall_at(SIM_BURST_SENDER, truth->reply->arrived_ns), 0);
}

/* What the bursts count is what their packets say. */
static void check_bursts(const char *row, const struct spd_test_record *record)
{
    for (size_t k = 0; k < record->n_bursts; k++) {
        const struct spd_burst_record *burst = &record->bursts[k];
        uint32_t n_not_sent = 0;

        for (uint32_t i = 0; i < burst->n_packets; i++) {
            CHECK_ROW_INT(row, record->packets[burst->first_packet + i].burst, k);
            n_not_sent += record->packets[burst->first_packet + i].fate == SPD_FATE_NOT_SENT;
        }
        CHECK_ROW_INT(row, burst->n_not_sent, n_not_sent);
    }
}

void sim_burst_check(const char *row, const struct sim_burst *b, unsigned what)
{
    struct sim_packet_truth *truth = sim_burst_truth(b);

    CHECK_ROW(row, b->record->n_packets > 0);
    check_conservation(row, b);
    check_bursts(row, b->record);
    for (size_t i = 0; i < b->record->n_packets; i++) {
        CHECK_ROW_INT(row, b->record->packets[i].seq, i);
        if (what & (SIM_CHECK_FATES | SIM_CHECK_SOUND))
            check_fate(row, &b->record->packets[i], &truth[i], (what & SIM_CHECK_SOUND) != 0);
        if (what & SIM_CHECK_STAMPS)
            check_stamps(row, b, &b->record->packets[i], &truth[i]);
    }
    free(truth);
}

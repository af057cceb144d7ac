/*
 * Delays from stamps. Any thread; allocates nothing. T2 and T3 come from the
 * network and may be any number.
 */
#include "common/analysis/delay.h"

#include "common/analysis/variation.h"

/* 0 stands for "not taken" in every stamp. */
static spd_ns diff_taken(int64_t later_ns, int64_t earlier_ns)
{
    if (later_ns == 0 || earlier_ns == 0)
        return SPD_NS_UNKNOWN;
    return spd_variation_diff(later_ns, earlier_ns);
}

struct spd_delay_sources spd_delay_prevailing(const struct spd_packet_record *packets, size_t n)
{
    enum { N_SOURCES = SPD_STAMP_SOURCE_COUNT };
    uint32_t counts[N_SOURCES][N_SOURCES][2] = { 0 };
    struct spd_delay_sources best = { SPD_STAMP_NONE, SPD_STAMP_NONE, false };
    uint32_t most = 0;

    for (size_t i = 0; i < n; i++) {
        const struct spd_packet_record *packet = &packets[i];
        if (packet->n_replies > 0 && packet->t1_source < N_SOURCES && packet->t4_source < N_SOURCES)
            counts[packet->t1_source][packet->t4_source][packet->reflector_ptp]++;
    }
    for (uint8_t t1 = 0; t1 < N_SOURCES; t1++)
        for (uint8_t t4 = 0; t4 < N_SOURCES; t4++)
            for (unsigned ptp = 0; ptp < 2; ptp++)
                if (counts[t1][t4][ptp] > most) {
                    most = counts[t1][t4][ptp];
                    best = (struct spd_delay_sources){ t1, t4, ptp == 1 };
                }
    return best;
}

static bool is_prevailing(const struct spd_packet_record *packet,
                          const struct spd_delay_sources *prevailing)
{
    return packet->t1_source == prevailing->t1_source &&
           packet->t4_source == prevailing->t4_source &&
           packet->reflector_ptp == prevailing->reflector_ptp;
}

static spd_ns by_counter(const struct spd_packet_record *packet, uint64_t counter_hz,
                         spd_ns in_reflector_ns)
{
    if (packet->dispatched_ticks == 0 || packet->returned_ticks == 0 || counter_hz == 0)
        return SPD_NS_UNKNOWN;
    spd_ns outside_ns = spd_ticks_diff_ns((spd_ticks){ packet->returned_ticks },
                                          (spd_ticks){ packet->dispatched_ticks }, counter_hz);
    return spd_variation_diff(outside_ns, in_reflector_ns);
}

bool spd_delay_compute(const struct spd_packet_record *packet,
                       const struct spd_delay_sources *prevailing, bool clock_stepped,
                       uint64_t counter_hz, struct spd_packet_figures *out)
{
    *out = (struct spd_packet_figures){
        .rtt_ns = SPD_NS_UNKNOWN,
        .rtt_counter_ns = SPD_NS_UNKNOWN,
        .in_reflector_ns = SPD_NS_UNKNOWN,
        .delay_fwd_raw_ns = SPD_NS_UNKNOWN,
        .delay_rev_raw_ns = SPD_NS_UNKNOWN,
        .pdv_fwd_ns = SPD_NS_UNKNOWN,
        .pdv_rev_ns = SPD_NS_UNKNOWN,
        .ipdv_fwd_ns = SPD_NS_UNKNOWN,
        .ipdv_rev_ns = SPD_NS_UNKNOWN,
    };
    if (packet->n_replies == 0)
        return true;
    out->stamps_left_out = true;

    spd_ns in_reflector_ns = diff_taken(packet->t3_ns, packet->t2_ns);
    if (in_reflector_ns != SPD_NS_UNKNOWN && in_reflector_ns < 0)
        return false;
    out->in_reflector_ns = in_reflector_ns;
    out->rtt_counter_ns = by_counter(packet, counter_hz, in_reflector_ns);
    if (clock_stepped || !is_prevailing(packet, prevailing))
        return true;
    out->delay_fwd_raw_ns = diff_taken(packet->t2_ns, packet->t1_ns);
    out->delay_rev_raw_ns = diff_taken(packet->t4_ns, packet->t3_ns);
    out->rtt_ns = spd_variation_diff(diff_taken(packet->t4_ns, packet->t1_ns), in_reflector_ns);
    out->stamps_left_out = out->rtt_ns == SPD_NS_UNKNOWN;
    return true;
}

bool spd_delay_reflector_stepped(const struct spd_packet_figures *figures, size_t n,
                                 spd_ns burst_ns)
{
    spd_ns above = INT64_MAX;  /* the offset is not above this */
    spd_ns below = -INT64_MAX; /* nor below this */
    spd_ns margin_ns = SPD_DELAY_CLOCK_STEP_MAX_NS + (burst_ns > 0 ? burst_ns / 1000 : 0);

    for (size_t i = 0; i < n; i++) {
        spd_ns fwd = figures[i].delay_fwd_raw_ns;
        spd_ns rev = figures[i].delay_rev_raw_ns;

        if (fwd == SPD_NS_UNKNOWN || rev == SPD_NS_UNKNOWN)
            continue;
        if (fwd < above)
            above = fwd;
        if (-rev > below)
            below = -rev;
    }
    if (below <= above) /* also when nothing is known */
        return false;
    return spd_variation_diff(below, above) > margin_ns;
}

void spd_delay_leave_out_one_way(struct spd_packet_figures *figures, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct spd_packet_figures *f = &figures[i];

        f->delay_fwd_raw_ns = SPD_NS_UNKNOWN;
        f->delay_rev_raw_ns = SPD_NS_UNKNOWN;
        if (f->rtt_ns != SPD_NS_UNKNOWN && f->rtt_ns < 0) {
            f->rtt_ns = SPD_NS_UNKNOWN;
            f->rtt_counter_ns = SPD_NS_UNKNOWN;
            f->in_reflector_ns = SPD_NS_UNKNOWN;
            f->stamps_left_out = true;
        }
    }
}

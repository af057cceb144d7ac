/*
 * The delays of one packet from its four stamps, and which stamps may be used.
 * Pure; any thread.
 */
#ifndef SPD_ANALYSIS_DELAY_H
#define SPD_ANALYSIS_DELAY_H

#include "common/analysis/summary.h"

/* A clock that stepped further than this during a burst spoils its stamps. */
#define SPD_DELAY_CLOCK_STEP_MAX_NS SPD_NS_PER_MS

/* Where the stamps of a packet come from. Stamps of different sources lie apart
 * by more than what is measured, and T2 and T3 in PTP format may count TAI. */
struct spd_delay_sources {
    uint8_t t1_source;
    uint8_t t4_source;
    bool reflector_ptp;
};

/* The sources of most of the answered packets; NONE when there is no such. */
struct spd_delay_sources spd_delay_prevailing(const struct spd_packet_record *packets, size_t n);

/* Fill the delay members of *out; the others become unknown. clock_stepped
 * leaves out what needs this host's time of day. Sets stamps_left_out when the
 * packet came back and has no round trip by stamps. Returns false when T3 lies
 * before T2. */
bool spd_delay_compute(const struct spd_packet_record *packet,
                       const struct spd_delay_sources *prevailing, bool clock_stepped,
                       uint64_t counter_hz, struct spd_packet_figures *out);

/* Whether the reflector's clock stepped during a burst, as far as its stamps
 * betray it. T2 - T1 is the offset between the two clocks plus a delay, and
 * T3 - T4 is that offset less a delay: an offset that stands still lies below
 * all of the first and above all of the second. Clocks may drift apart by 1000
 * ppm of burst_ns, and stamps err by less than SPD_DELAY_CLOCK_STEP_MAX_NS. */
bool spd_delay_reflector_stepped(const struct spd_packet_figures *figures, size_t n,
                                 spd_ns burst_ns);

/* Leave out what rests on the difference between the two clocks, and the round
 * trips of packets that were in the reflector during the step. */
void spd_delay_leave_out_one_way(struct spd_packet_figures *figures, size_t n);

#endif

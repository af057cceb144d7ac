/*
 * Builds test records with known truth for the tests of analysis and result:
 * bursts on a path with constant delays, to be bent by the test.
 */
#ifndef SPD_TESTS_UNIT_RECORD_BUILDER_H
#define SPD_TESTS_UNIT_RECORD_BUILDER_H

#include "common/base/record.h"

/* Truth of a fresh record; the reflector's clock is OFFSET ahead. */
#define BUILDER_FWD_NS       INT64_C(2000000)
#define BUILDER_REFLECTOR_NS INT64_C(30000)
#define BUILDER_REV_NS       INT64_C(3000000)
#define BUILDER_OFFSET_NS    INT64_C(-7000000000)
#define BUILDER_SPACING_NS   INT64_C(2000)
#define BUILDER_BURST_NS     INT64_C(1000000000)
#define BUILDER_START_NS     INT64_C(1700000000000000000)
#define BUILDER_HZ           UINT64_C(24000000)
#define BUILDER_SIZE_BYTES   512

/* Every packet received once and in order by a stateful reflector, the sender's
 * numbers from first_seq on, the reflector's from 0. Kernel stamps. */
void builder_init(struct spd_test_record *record, size_t n_bursts, size_t n_packets_each,
                  uint32_t first_seq);
void builder_fini(struct spd_test_record *record);

/* The packet gets no reply; arrivals and reflector numbers stay as they are. */
void builder_lose(struct spd_packet_record *packet);

/* Let the stamps follow from one-way delays. */
void builder_delay(struct spd_packet_record *packet, spd_ns forward_ns, spd_ns reverse_ns);

/* Number the replies again as a stateful reflector would, that got the packets
 * whose lost_forward is false in the order of sending, starting at zero, and
 * the arrivals in the same order. */
void builder_renumber(struct spd_test_record *record, const bool *lost_forward, uint32_t zero);

#endif

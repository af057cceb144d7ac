/*
 * What the tests of flows' results share: logs in memory whose every latency is
 * known, and results made from them.
 */
#ifndef SPD_TESTS_UNIT_FLOW_KIT_H
#define SPD_TESTS_UNIT_FLOW_KIT_H

#include "common/result/fields.h"
#include "common/result/flow_result.h"

#define FLOW_KIT_START_NS  INT64_C(1700000000000000000)
#define FLOW_KIT_OFFSET_NS (-7 * SPD_NS_PER_S) /* far end's clock less ours */
#define FLOW_KIT_FWD_NS    INT64_C(5000000)
#define FLOW_KIT_REV_NS    INT64_C(3000000)
#define FLOW_KIT_EVERY_NS  INT64_C(20000000)

/* A log of one flow "EF": n packets from seq 0 on, all of which arrived, and of
 * a two-way one came back, with the variation below above the smallest delay.
 * Whole, ended by count, n_packets known. */
void flow_kit_log(struct spd_log *log, enum spd_log_kind kind, uint32_t n);
spd_ns flow_kit_variation(uint32_t i, bool reverse); /* 0 for i 0; up to 4 ms */

/* Packet i did not arrive; or arrived, and its reply did not: the numbers of
 * the replies that follow are those of a stateful reflector. */
void flow_kit_lose(struct spd_log *log, uint32_t i, bool reverse);
/* One more arrival of packet i at the end of the log. */
void flow_kit_repeat(struct spd_log *log, uint32_t i, spd_ns later_ns);

/* Analyse with points kept; fails the test on an error. */
struct spd_flow_result *flow_kit_result(struct spd_log *log, struct spd_result *out);
void flow_kit_fini(struct spd_log *log, struct spd_flow_result *result);

#endif

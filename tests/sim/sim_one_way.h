/*
 * A one-way session between two simulated hosts: paced flows on host 1, a
 * receiver on host 2, and everything that the receiver hands over.
 */
#ifndef SPD_TESTS_SIM_ONE_WAY_H
#define SPD_TESTS_SIM_ONE_WAY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/engine/flows.h"
#include "common/engine/receiver.h"
#include "tests/support/sim.h"

#define MS              SPD_NS_PER_MS
#define ONE_WAY_SENDER  1
#define ONE_WAY_FAR     2
#define ONE_WAY_PORT    861
#define ONE_WAY_RECORDS 4096
#define ONE_WAY_SESSION UINT64_C(0x1122334455667788)

struct one_way {
    struct spd_flows_spec flows_spec;
    struct spd_receiver_spec receiver_spec;
    size_t ring_records; /* of the receiver's ring */
    struct spd_flows *flows;
    struct spd_receiver *receiver;
    struct spd_ring_buffer *sent_ring, *received_ring;
    bool ring_is_read; /* else the receiver's ring fills up */
    bool receiver_runs;
    bool opened, began, finished;
    struct spd_flow_packet sent[ONE_WAY_RECORDS], received[ONE_WAY_RECORDS];
    size_t n_sent, n_received;
    spd_ns finished_ns; /* true time of the receiver's end */
};
extern struct one_way ow;

/* 100 packets of 92 bytes every 10 ms, ten termination packets; change the
 * specifications, then start. */
void one_way_prepare(uint64_t seed);
void one_way_start(void);
/* Step the sender to its end, and then the receiver to its own or until true
 * time limit_ns. */
void one_way_run(spd_ns limit_ns);
/* Until a true time. */
void one_way_run_until(spd_ns until_ns);
int one_way_end(void **state);

#endif

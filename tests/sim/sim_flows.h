/*
 * Paced flows in the simulator: a test on host 1, a reflector on host 2, a sink
 * for noise on host 3, and a reader of the records that the test hands over.
 */
#ifndef SPD_TESTS_SIM_SIM_FLOWS_H
#define SPD_TESTS_SIM_SIM_FLOWS_H

#include "common/engine/flows.h"
#include "common/engine/reflector.h"
#include "common/engine/sink.h"
#include "common/sys/udp.h"
#include "tests/support/sim.h"
#include "tests/unit/unit.h"

#define MS                  SPD_NS_PER_MS
#define SIM_FLOWS_SENDER    1
#define SIM_FLOWS_REFLECTOR 2
#define SIM_FLOWS_SINK      3
#define SIM_FLOWS_RECORDS   4096

/* A sim_list of these positions. */
#define SIM_FLOWS_LIST(...)                                                                        \
    (struct sim_list)                                                                              \
    {                                                                                              \
        .indices = (const uint32_t[]){ __VA_ARGS__ },                                              \
        .n = sizeof((const uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t)                          \
    }

struct sim_flows {
    struct spd_flows_spec spec;
    size_t ring_records; /* default 1024 */
    bool ring_unread;    /* nobody takes records out until the end */
    bool no_reflector;
    struct spd_flows *flows; /* NULL when it could not be made: see err and diag */
    struct spd_flows_record *record;
    enum spd_err err;
    struct spd_diag diag;
    struct spd_ring_buffer *ring;
    struct spd_cport *far_port, *sink_port;
    struct spd_reflector *reflector;
    struct spd_sink *sink;
    struct spd_flow_packet taken[SIM_FLOWS_RECORDS];
    size_t n_taken;
    unsigned n_finished;
    uint32_t permille;
};
extern struct sim_flows sf;

/* A fresh world and a specification to change: EF and BE, 50 packets each, every
 * 20 ms, half an interval apart. Sends take no time. */
void sim_flows_prepare(uint64_t seed);
/* Noise to the sink, beside what is there. */
struct spd_flow_spec *sim_flows_add_noise(enum spd_pacing pacing, uint64_t rate_bps);
/* The hosts, and the test; or one after the other. */
void sim_flows_start(void);
void sim_flows_start_hosts(void);
void sim_flows_start_test(void);
bool sim_flows_step(spd_ns max_wait_ns);
void sim_flows_run(void);
/* Teardown: everything is given back. */
int sim_flows_end(void **state);

#endif

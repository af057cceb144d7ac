/*
 * The kinds of test that a handler can run, and what each is made from.
 */
#ifndef SPD_SERVICE_TEST_KINDS_H
#define SPD_SERVICE_TEST_KINDS_H

#include "common/engine/flows.h"
#include "common/engine/session.h"
#include "service/test_handler.h"

/* Bursts: the test is a struct spd_session. */
struct spd_test_bursts {
    const struct spd_burst_spec *spec;
    const struct spd_plan *plan;
    const struct spd_cport_config *port;
};
extern const struct spd_test_kind spd_test_kind_bursts;

/* Paced flows: the test is a struct spd_flows. */
struct spd_test_flows {
    const struct spd_flows_spec *spec;
    struct spd_ring_buffer *records; /* or NULL */
};
extern const struct spd_test_kind spd_test_kind_flows;

#endif

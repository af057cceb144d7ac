/*
 * From the settings as typed to the specification of paced flows.
 */
#ifndef SPD_SERVICE_FLOW_SPEC_H
#define SPD_SERVICE_FLOW_SPEC_H

#include "common/engine/flows.h"
#include "service/options.h"

/* A preset of --profile. */
struct spd_profile {
    const char *name;
    const char *dscp;
    spd_ns interval_ns;
    const char *sizes;
    const char *help;
};
extern const struct spd_profile spd_profiles[];
extern const size_t spd_n_profiles;

/* Where a flow goes to and how: the parts that all flows of a test share are
 * set in out, the target and path go to *target. default_port is used where
 * none is given. May block on the name service. Errors: as
 * spd_burst_spec_make. */
struct spd_flow_path {
    struct spd_addr target;
    uint32_t mtu_bytes; /* 0 unknown */
};
enum spd_err spd_flow_path_find(const struct spd_settings *settings, uint16_t default_port,
                                struct spd_flows_spec *out, struct spd_flow_path *path,
                                struct spd_diag *diag);

/* One flow for stampede stream, two-way or one-way. */
enum spd_err spd_stream_spec_make(const struct spd_settings *settings, struct spd_flows_spec *out,
                                  struct spd_diag *diag);

/* One flow of noise; a duration gives the number of packets' limit. */
enum spd_err spd_noise_spec_make(const struct spd_settings *settings, struct spd_flows_spec *out,
                                 struct spd_diag *diag);

#endif

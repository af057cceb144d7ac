/*
 * From the settings as typed to the specification of a burst test: looks the
 * target up and finds the way to it.
 */
#ifndef SPD_SERVICE_BURST_SPEC_H
#define SPD_SERVICE_BURST_SPEC_H

#include "common/engine/plan.h"
#include "service/options.h"

/* May block on the name service. Errors: INVALID, RANGE (what was typed),
 * NOT_FOUND, NET_UNREACHABLE, ... each with a diag. */
enum spd_err spd_burst_spec_make(const struct spd_settings *settings, struct spd_burst_spec *out,
                                 struct spd_diag *diag);

/* Only the target and the way to it: target, target_name, source,
 * interface_name, mtu_bytes, link_header_bytes and seed of *out; the rest is
 * zero. Errors likewise. */
enum spd_err spd_burst_path_find(const struct spd_settings *settings, uint16_t default_port,
                                 struct spd_burst_spec *out, struct spd_diag *diag);

/* The family that --ipv4 or --ipv6 ask for, or NONE. */
enum spd_family spd_settings_family(const struct spd_settings *settings);

#endif

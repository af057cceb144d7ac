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

/* The family that --ipv4 or --ipv6 ask for, or NONE. */
enum spd_family spd_settings_family(const struct spd_settings *settings);

#endif

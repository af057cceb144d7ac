/*
 * From the settings as typed to the flows of a comparison of classes.
 */
#ifndef SPD_SERVICE_QOS_SPEC_H
#define SPD_SERVICE_QOS_SPEC_H

#include "common/engine/flows.h"
#include "common/result/qos_result.h"
#include "service/options.h"

struct spd_qos_spec {
    struct spd_flows_spec flows; /* the classes, then the noise */
    size_t n_classes;
    bool has_noise;
    uint32_t n_calibration; /* packets of each class that meet no noise */
    char pace[400];         /* for people */
    char title[200];
};

/* May block on the name service. Errors: INVALID, RANGE (what was typed),
 * NOT_FOUND, NET_UNREACHABLE, ... each with a diag. */
enum spd_err spd_qos_spec_make(const struct spd_settings *settings, struct spd_qos_spec *out,
                               struct spd_diag *diag);

#endif

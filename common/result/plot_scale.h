/*
 * An axis of durations from 0: a round largest value, round steps, one unit.
 */
#ifndef SPD_RESULT_PLOT_SCALE_H
#define SPD_RESULT_PLOT_SCALE_H

#include "common/base/time.h"

struct spd_scale {
    spd_ns most_ns; /* a multiple of step_ns, at least what was asked */
    spd_ns step_ns; /* 1, 2 or 5 times a power of ten */
};

#define SPD_SCALE_TEXT_BYTES 32

/* Four to ten steps up to at least most_ns (at least 10 ns, at most 126 years). */
void spd_scale_init(struct spd_scale *scale, spd_ns most_ns);

/* 0 to 1; outside of it beyond the axis. */
double spd_scale_at(const struct spd_scale *scale, spd_ns value_ns);

/* A multiple of the step with its unit: "150 ms", "0.5 µs". Returns text. */
const char *spd_scale_text(const struct spd_scale *scale, spd_ns value_ns,
                           char text[SPD_SCALE_TEXT_BYTES]);

#endif

/*
 * Integer steps, so that labels are exact.
 */
#include "common/result/plot_scale.h"

#include <stdio.h>

/* 126 years: whoever goes step by step beyond the end of the axis still stays
 * within 64 bits. */
#define MOST_NS (4000000000 * SPD_NS_PER_S)

void spd_scale_init(struct spd_scale *scale, spd_ns most_ns)
{
    static const spd_ns factors[] = { 1, 2, 5 };
    spd_ns power = 1;

    if (most_ns < 10)
        most_ns = 10;
    if (most_ns > MOST_NS)
        most_ns = MOST_NS;
    for (size_t i = 0;; i++) {
        scale->step_ns = factors[i % 3] * power;
        if (most_ns / scale->step_ns < 8)
            break;
        if (i % 3 == 2)
            power *= 10;
    }
    scale->most_ns = (most_ns + scale->step_ns - 1) / scale->step_ns * scale->step_ns;
}

double spd_scale_at(const struct spd_scale *scale, spd_ns value_ns)
{
    return (double)value_ns / (double)scale->most_ns;
}

const char *spd_scale_text(const struct spd_scale *scale, spd_ns value_ns,
                           char text[SPD_SCALE_TEXT_BYTES])
{
    static const struct {
        spd_ns ns;
        const char *name;
    } units[] = {
        { SPD_NS_PER_S, "s" },
        { SPD_NS_PER_MS, "ms" },
        { SPD_NS_PER_US, "µs" },
        { 1, "ns" },
    };
    size_t u = 0;

    while (units[u].ns > scale->most_ns)
        u++;
    if (scale->step_ns % units[u].ns == 0)
        snprintf(text, SPD_SCALE_TEXT_BYTES, "%lld %s", (long long)(value_ns / units[u].ns),
                 units[u].name);
    else
        snprintf(text, SPD_SCALE_TEXT_BYTES, "%g %s", (double)value_ns / (double)units[u].ns,
                 units[u].name);
    return text;
}

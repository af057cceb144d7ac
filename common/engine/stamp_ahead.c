/*
 * An exponentially weighted mean of the cost of one send. Runs on the thread
 * that sends, within the hot section; integer arithmetic only.
 */
#include "common/engine/stamp_ahead.h"

spd_ns spd_stamp_ahead_offset(const struct spd_stamp_ahead *ahead, size_t position)
{
    return (2 * (spd_ns)position + 1) * ahead->per_send_ns / 2;
}

void spd_stamp_ahead_learn(struct spd_stamp_ahead *ahead, spd_ns elapsed_ns, size_t n)
{
    spd_ns sample;

    if (n == 0 || elapsed_ns < 0)
        return;
    sample = elapsed_ns / (spd_ns)n;
    if (ahead->per_send_ns == 0) {
        ahead->per_send_ns = sample;
        return;
    }
    if (sample > 2 * ahead->per_send_ns)
        sample = 2 * ahead->per_send_ns;
    ahead->per_send_ns += (sample - ahead->per_send_ns) / 8;
}

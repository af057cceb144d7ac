/*
 * Follows a quantile of the cost of one send in small steps. Runs on the thread
 * that sends, within the hot section; integer arithmetic only.
 */
#include "common/engine/stamp_ahead.h"

/* What a send costs on a slow machine of today: only the first batches see it. */
#define FIRST_GUESS_NS 2500
/* Steps of a quarter of the estimate at first, of a sixty-fourth in the end. */
#define FIRST_STEP 3
#define STEADY     61

void spd_stamp_ahead_init(struct spd_stamp_ahead *ahead, spd_ns one_below)
{
    *ahead = (struct spd_stamp_ahead){ .per_send_ns = FIRST_GUESS_NS, .one_below = one_below };
}

spd_ns spd_stamp_ahead_offset(const struct spd_stamp_ahead *ahead, size_t position)
{
    return (2 * (spd_ns)position + 1) * ahead->per_send_ns / 2;
}

void spd_stamp_ahead_learn(struct spd_stamp_ahead *ahead, spd_ns elapsed_ns, size_t n)
{
    spd_ns sample, down, up;

    if (n == 0 || elapsed_ns < 0)
        return;
    sample = elapsed_ns / (spd_ns)n;
    /* With steps down that are n - 1 times as long as steps up, the estimate
     * rests where one sample in n lies below it. Steps are long at first, for
     * the first guess may be far off. */
    if (ahead->n_learned < STEADY)
        ahead->n_learned++;
    up = ahead->per_send_ns / (FIRST_STEP + ahead->n_learned) + 1;
    down = (ahead->one_below - 1) * up;
    if (sample > ahead->per_send_ns)
        ahead->per_send_ns += up < sample - ahead->per_send_ns ? up : sample - ahead->per_send_ns;
    else
        ahead->per_send_ns -=
            down < ahead->per_send_ns - sample ? down : ahead->per_send_ns - sample;
}

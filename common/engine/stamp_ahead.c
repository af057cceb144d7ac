/*
 * Follows the cost of one send in small steps. Runs on the thread
 * that sends, within the hot section; integer arithmetic only.
 */
#include "common/engine/stamp_ahead.h"

/* What a send costs on a slow machine of today: only the first batches see it. */
#define FIRST_GUESS_NS 2500

void spd_stamp_ahead_init(struct spd_stamp_ahead *ahead)
{
    ahead->per_send_ns = FIRST_GUESS_NS;
}

spd_ns spd_stamp_ahead_offset(const struct spd_stamp_ahead *ahead, size_t position)
{
    return (2 * (spd_ns)position + 1) * ahead->per_send_ns / 2;
}

void spd_stamp_ahead_learn(struct spd_stamp_ahead *ahead, spd_ns elapsed_ns, size_t n)
{
    spd_ns sample, step;

    if (n == 0 || elapsed_ns < 0)
        return;
    sample = elapsed_ns / (spd_ns)n;
    /* An interrupted batch takes a thousand times longer than the others: no
     * single sample may move the estimate by more than an eighth. */
    step = ahead->per_send_ns / 8 + 1;
    if (sample > ahead->per_send_ns + step)
        sample = ahead->per_send_ns + step;
    if (sample < ahead->per_send_ns - step)
        sample = ahead->per_send_ns - step;
    ahead->per_send_ns += (sample - ahead->per_send_ns) / 2;
}

/*
 * Follows a low quantile of the cost of one send in small steps. Runs on the thread
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
    spd_ns sample, down, up;

    if (n == 0 || elapsed_ns < 0)
        return;
    sample = elapsed_ns / (spd_ns)n;
    /* Steps down are seven times as long as steps up, so that the estimate rests
     * where one sample in eight lies below it. What takes longer than that went
     * to other things, most of them after the packet had left: waking its
     * receiver, an interrupt. */
    up = ahead->per_send_ns / 64 + 1;
    down = 7 * up;
    if (sample > ahead->per_send_ns)
        ahead->per_send_ns += up < sample - ahead->per_send_ns ? up : sample - ahead->per_send_ns;
    else
        ahead->per_send_ns -=
            down < ahead->per_send_ns - sample ? down : ahead->per_send_ns - sample;
}

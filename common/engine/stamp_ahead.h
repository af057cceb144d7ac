/*
 * Foretells when a packet that is about to be handed over will leave.
 *
 * A packet carries its own send time, so the time is written before the packet
 * goes. In a batch handed over by one system call, packet i leaves about
 * (i + 1/2) times the cost of one send after the call began: the driver takes
 * a packet in the middle of the time that the stack spends on it. The cost is
 * learned from the batches before. What is left of the error is measured in
 * tests/net and tests/bench.
 *
 * Plain value, one thread.
 */
#ifndef SPD_ENGINE_STAMP_AHEAD_H
#define SPD_ENGINE_STAMP_AHEAD_H

#include <stddef.h>

#include "common/base/time.h"

struct spd_stamp_ahead {
    spd_ns per_send_ns; /* learned */
    spd_ns one_below;   /* of so many samples, one lies below the estimate */
    spd_ns n_learned;   /* up to a limit */
};

/* Which cost is looked for. Sends one after another: what most take at least,
 * since what takes longer went to other things, most of them after the packet
 * had left: waking its receiver, an interrupt. A send after a pause, when
 * caches are cold: a higher one, for there the way to the driver itself varies. */
#define SPD_STAMP_AHEAD_IN_A_ROW      8
#define SPD_STAMP_AHEAD_AFTER_A_PAUSE 4

void spd_stamp_ahead_init(struct spd_stamp_ahead *ahead, spd_ns one_below);

/* From the start of the call to the moment when packet `position` leaves. */
spd_ns spd_stamp_ahead_offset(const struct spd_stamp_ahead *ahead, size_t position);

/* A batch of n sends took elapsed_ns. A single batch moves the estimate
 * only a little, for the thread may have been interrupted in it. */
void spd_stamp_ahead_learn(struct spd_stamp_ahead *ahead, spd_ns elapsed_ns, size_t n);

#endif

/*
 * Timer jumps: a clock that leaps by some amount shifts all latencies from
 * there on. They are found and taken out before anything else is made of the
 * latencies.
 *
 * A point is suspect when the difference of its latency to the one before lies
 * more than SPD_JUMP_SUSPECT_SIGMAS standard deviations from the usual one. The
 * usual one is the median and the deviation 1.4826 times the median absolute
 * deviation from it, which congestion in less than half of the packets does not
 * move. A suspect gap counts when
 *   - the gap right before or after it is not as suspect: a single late packet
 *     has an equal gap at its other end, and a queue that drains or fills
 *     evenly has one of the same kind beside it; and
 *   - the latencies stay shifted: the floor on which they lie when the queue is
 *     empty is higher or lower by the amount, until the end or the next jump. A
 *     queue that rose in a step drains below that sooner or later, and so shows
 *     itself.
 * The amount is given, or the one that explains the latencies best.
 *
 * How large an amount must be, in standard deviations as above, with congestion
 * in steps (test_timer_jump prints the table): from SPD_JUMP_SURE_SIGMAS on all
 * jumps were found, in their places, and none invented, in 40,000 flows with up
 * to five jumps; at 20 one in 150 is missed or misplaced; at 12 one in 80 when
 * the amount is given and seven in ten when it is not. Amounts that are too
 * small are not always passed over: several may be taken for one larger amount.
 *
 * What cannot be told apart, and how it is answered:
 *   - a jump within SPD_JUMP_APART packets of another one, of the start or of
 *     the end, or with fewer packets than that that meet an empty queue before
 *     a jump back, may be taken for congestion;
 *   - a queue that fills within one packet interval and then never drains until
 *     the end, and a new path with another delay, look like a jump. Round-trip
 *     times, where known, tell them apart: a jump of a clock does not change
 *     them. Without them, a link of 128 kbit/s loaded to 95 % was taken for a
 *     jump in one of 900 flows;
 *   - where the queue rises by about the same amount (to a third) within two
 *     packets of a jump, or drains by more than an eighth of it between two
 *     packets, the jump may be missed or misplaced;
 *   - a clock that is slewed, not stepped, is skew.
 * Pure; any thread.
 */
#ifndef SPD_ANALYSIS_TIMER_JUMP_H
#define SPD_ANALYSIS_TIMER_JUMP_H

#include <stdbool.h>
#include <stddef.h>

#include "common/analysis/series.h"
#include "common/base/err.h"

#define SPD_JUMP_SUSPECT_SIGMAS 6
#define SPD_JUMP_LEAST_SIGMAS   12 /* smaller ones are not looked for unless given */
#define SPD_JUMP_SURE_SIGMAS    40
#define SPD_JUMP_NEIGHBOURS     8 /* packets whose round trips are looked at */
#define SPD_JUMP_APART          48
#define SPD_JUMPS_MAX           64

enum spd_jump_kind {
    SPD_JUMP_TIMER, /* of the known amount, or of the one amount found most often */
    SPD_JUMP_STEP,  /* of another amount: the time of day was set (NTP, by hand) */
};

/* Whose clock, as far as the times between packets show it (an even schedule,
 * and an amount that stands out against it). */
enum spd_jump_clock { SPD_JUMP_CLOCK_UNKNOWN, SPD_JUMP_CLOCK_SENDER, SPD_JUMP_CLOCK_RECEIVER };

struct spd_jump {
    size_t point;     /* the first one after it */
    spd_ns amount_ns; /* to be subtracted from its latency and all that follow */
    enum spd_jump_kind kind;
    enum spd_jump_clock clock;
};

struct spd_jumps {
    size_t n;         /* in list, in the order of the points */
    size_t n_steps;   /* of these, of kind STEP */
    bool full;        /* there may be more than SPD_JUMPS_MAX */
    spd_ns amount_ns; /* of the timer jumps: as given or found; 0 none */
    spd_ns noise_ns;  /* standard deviation of the differences, as above */
    spd_ns least_ns;  /* amounts from here on are found for certain */
    struct spd_jump list[SPD_JUMPS_MAX];
};

/* points in the order of sending. amount_ns is the known amount of the timer's
 * jumps (its sign does not matter), 0 to find it. rtt, or NULL, gives the round
 * trip of a point by the clocks' differences (SPD_NS_UNKNOWN where there is
 * none); it is asked around suspect gaps only. Errors: NOMEM. Needs 16 bytes a
 * point meanwhile, and up to 4 MiB where much is suspect. */
typedef spd_ns spd_timer_jump_rtt(const void *context, size_t point);
enum spd_err spd_timer_jump_find(const struct spd_point *points, size_t n, spd_ns amount_ns,
                                 spd_timer_jump_rtt *rtt, const void *rtt_context,
                                 struct spd_jumps *out);

/* Take them out, in place: from the latencies, and from the send times where it
 * was the sender's clock. */
void spd_timer_jump_correct(struct spd_point *points, size_t n, const struct spd_jumps *jumps);

#endif

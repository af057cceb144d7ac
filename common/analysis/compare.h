/*
 * Two flows against each other: what does quality of service do for the one
 * that it is meant to protect (spec L11)? Pure; any thread.
 *
 * Delays behind a queue are skewed, and each is much like the one before it, so
 * neither a t-test nor an ordinary bootstrap applies. The intervals come from
 * the stationary bootstrap (Politis and Romano, "The Stationary Bootstrap",
 * JASA 1994): resamples are made of blocks of consecutive packets with random
 * lengths, which keeps the dependence within blocks. Flows that were measured
 * together are resampled with the same blocks, since they met the same queue
 * at the same time; flows of different times with blocks of their own. The mean
 * block is the larger of the cube root of the number of packets and four times the
 * integrated autocorrelation time of the delays (sum of autocorrelations up to
 * the first below 0.05), at most an eighth of the flow. Intervals are the 2.5 %
 * and 97.5 % quantiles of the resampled differences.
 */
#ifndef SPD_ANALYSIS_COMPARE_H
#define SPD_ANALYSIS_COMPARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/analysis/series.h"
#include "common/base/err.h"

/* One side: normalised latencies in the order of sending. */
struct spd_compare_flow {
    const struct spd_point *points; /* latency SPD_NS_UNKNOWN: lost */
    size_t n;
};

struct spd_compare_input {
    struct spd_compare_flow favoured; /* the class that is meant to be protected */
    struct spd_compare_flow other;
    bool together; /* measured in one run, interleaved */
    /* 95th percentile of the variation of both flows in a calibration without
     * other traffic; SPD_NS_UNKNOWN if there was none. */
    spd_ns idle_p95_ns;
    /* What can be resolved at all: differences below it are none. At least the
     * noise of the stamps. */
    spd_ns resolution_ns;
    uint64_t seed;
};

struct spd_compare_difference {
    double value; /* other less favoured: positive is better for the favoured */
    double low;   /* 95 % interval */
    double high;
};

/* What the difference says. */
#define SPD_VERDICT_LIST(X)                                                                        \
    X(NOT_ENOUGH_LOAD, "not enough load to tell")                                                  \
    X(PROTECTS, "QoS protects the class")                                                          \
    X(NO_DIFFERENCE, "QoS makes no difference")                                                    \
    X(WORSE, "QoS makes it worse")
#define SPD_VERDICT_ENUM(name, text) SPD_VERDICT_##name,
enum spd_verdict { SPD_VERDICT_LIST(SPD_VERDICT_ENUM) SPD_VERDICT_COUNT };
#undef SPD_VERDICT_ENUM
const char *spd_verdict_text(enum spd_verdict verdict);

struct spd_comparison {
    struct spd_compare_difference pdv_p50_ns;
    struct spd_compare_difference pdv_p95_ns;
    struct spd_compare_difference pdv_p99_ns;
    struct spd_compare_difference loss_ratio;
    double block_packets; /* mean length of a block */
    unsigned n_resamples;
    spd_ns load_ns;        /* the larger 95th percentile of the two */
    spd_ns load_needed_ns; /* below it nothing can be told */
    enum spd_verdict verdict;
};

/* The verdict:
 *   NOT_ENOUGH_LOAD  neither flow lost packets beyond chance, and the larger
 *                    95th percentile of variation of the two is below
 *                    load_needed_ns: five times that of the idle calibration,
 *                    or, without one, twenty times the resolution. A network
 *                    without queues treats all classes alike, so this says
 *                    nothing of its configuration;
 *   PROTECTS         the interval of the difference at the 95th percentile lies
 *                    above 0, and the difference above the resolution and a
 *                    twentieth of the load (who waits 600 ms instead of 610 is
 *                    not protected); or that of the loss lies clearly above 0
 *                    while the delay is not worse. Clearly: by three quarters of
 *                    half its width, since losses are few and come in runs, for
 *                    which resampling makes intervals too narrow;
 *   WORSE            the same below 0;
 *   NO_DIFFERENCE    otherwise.
 * Flows of fewer than 20 packets give NOT_ENOUGH_LOAD. Errors: NOMEM.
 *
 * How often that is wrong, tests/unit/test_verdicts.c counts, on networks drawn
 * at random that had no part in the choice of these constants: of 1,000 verdicts
 * in each of eight scenarios at most 12. */
enum spd_err spd_compare(const struct spd_compare_input *input, struct spd_comparison *out);

#endif

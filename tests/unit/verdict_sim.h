/*
 * A bottleneck packet by packet, with disciplines of which it is known what
 * they do for a class: for the tests of verdicts. Unlike the queues in flow_sim
 * and test_compare, which compute waits, this one has packets in it that are
 * queued, served and dropped.
 */
#ifndef SPD_TESTS_UNIT_VERDICT_SIM_H
#define SPD_TESTS_UNIT_VERDICT_SIM_H

#include <stddef.h>

#include "common/analysis/series.h"
#include "tests/support/random.h"

enum verdict_queue {
    QUEUE_FIFO,     /* all in one */
    QUEUE_EARLY,    /* all in one that drops at random before it is full */
    QUEUE_BOTH,     /* both classes before the noise, alike */
    QUEUE_FAVOURED, /* the favoured class before all else */
    QUEUE_WEIGHTED, /* the favoured class has half of the link if it wants it */
    QUEUE_OTHER,    /* the other class before all else */
    VERDICT_N_QUEUES
};

enum verdict_noise {
    NOISE_POISSON,  /* of mixed sizes */
    NOISE_PERIODIC, /* of one size, at a rate */
    NOISE_BURSTS,   /* on and off, for times of a heavy tail */
    NOISE_SAWTOOTH, /* faster and faster until something is lost, as TCP */
    NOISE_NONE,
    VERDICT_N_NOISES
};

struct verdict_sim {
    enum verdict_queue queue;
    enum verdict_noise noise;
    double link_bps;
    double load;       /* of the noise, of what the classes leave */
    double limit_s;    /* how much waits at most, in time of the link */
    double interval_s; /* between packets of one class */
    unsigned size_bytes[2];
    size_t n, n_calibration; /* packets of each class; the first of them meet no noise */
};

/* Anything that a network could be, with this queue and noise: a link of 64
 * kbit/s to 10 Mbit/s, of which the classes take up to a third. */
void verdict_sim_draw(struct verdict_sim *sim, enum verdict_queue queue, enum verdict_noise noise,
                      struct spd_random *random);

/* Latencies of both classes, sim->n points each, normalised; lost ones unknown. */
void verdict_sim_run(const struct verdict_sim *sim, struct spd_random *random,
                     struct spd_point *favoured, struct spd_point *other);

#endif

/*
 * What the parts of timer_jump share; nobody else includes it: the suspect
 * gaps, the amounts worth a trial, and the choice for one amount.
 */
#ifndef SPD_ANALYSIS_TIMER_JUMP_PRIVATE_H
#define SPD_ANALYSIS_TIMER_JUMP_PRIVATE_H

#include "common/analysis/timer_jump.h"

/* Latencies lie on their floor up to this many standard deviations of the
 * differences. */
#define SPD_JUMP_FLOOR_SIGMAS 3

/* A suspect gap, and what lies between it and the next one. The first of a list
 * stands for the start of the flow and has no gap. */
struct spd_jump_candidate {
    uint32_t at;         /* among the latencies that are known */
    uint32_t n_touching; /* latencies close to lowest_ns */
    spd_ns gap_ns;
    spd_ns undrained_ns; /* the gap without what a queue seems to have drained */
    spd_ns lowest_ns;
    size_t point;
};

struct spd_jump_search {
    const struct spd_point *points;
    size_t n;
    spd_timer_jump_rtt *rtt; /* or NULL */
    const void *rtt_context;
    spd_ns *latencies; /* the known ones, without drift */
    size_t n_known;
    double drift;    /* that was taken out of them */
    spd_ns usual_ns; /* difference of neighbours */
    spd_ns noise_ns; /* standard deviation of the differences */
    struct spd_jump_candidate *candidates;
    size_t n_candidates;
    int8_t *chosen; /* one for each candidate: -1, 0 or 1 */
    int8_t *trial;
};

/* Fill the known latencies and the noise. Errors: NOMEM. */
enum spd_err spd_jump_read(struct spd_jump_search *s);
/* Find the candidates anew, with nothing chosen. Errors: NOMEM. */
enum spd_err spd_jump_candidates(struct spd_jump_search *s);
void spd_jump_search_fini(struct spd_jump_search *s); /* zeroed is allowed */

/* The lowest of values[from..to - 1] that two neighbours reach, so that a single
 * outlier does not count; from < to. */
spd_ns spd_jump_lowest(const spd_ns *values, size_t from, size_t to);

/* Choose the candidates that are jumps of known_ns, or of the amount that
 * explains most when that is 0. *amount_ns is 0 when nothing was found. Errors:
 * NOMEM. */
enum spd_err spd_jump_amount(struct spd_jump_search *s, spd_ns known_ns, spd_ns *amount_ns);

/* Choose the one candidate that parts the two longest quiet stretches, for steps
 * of different amounts that no one amount explains. *amount_ns is 0 when there
 * is none. */
void spd_jump_between_quiet(struct spd_jump_search *s, spd_ns *amount_ns);

/* Which of the candidates are jumps of +-amount_ns, in s->trial. *gain is how
 * many more latencies lie on their floor than without any jump, less the price
 * of the jumps; not positive: there are none. Errors: NOMEM. */
enum spd_err spd_jump_levels(const struct spd_jump_search *s, spd_ns amount_ns, double *gain);

#endif

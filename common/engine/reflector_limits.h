/*
 * Who may be answered by a reflector, and how often (spec R2): allowed
 * networks, packets a second for each source and in total. Pure, of fixed
 * memory; one thread.
 *
 * A source is an address without its port. The table of sources has a fixed
 * number of places, and a flood from more sources than that must not cost those
 * their answers who were there before it, nor shut out those who come later:
 * - A source whose packets came in three different seconds is established. It
 *   loses its place only to silence (10 s), or to a source that becomes
 *   established where all are and was heard more lately.
 * - Who asks for less than an equal share of the total gets all of it. What all
 *   together may have at once (a second's worth) is kept for them: the more of
 *   its share a source has had, the more it must leave, up to 3/8; one that is
 *   not established 1/8 at first, up to 5/8; one without a place 5/8.
 * - New sources that find no place share the rate of one source, and take the
 *   place of another new one now and then (1,000 times a second at most), which
 *   a persistent one therefore gets in the end, however many addresses a flood
 *   invents.
 * What nobody can tell without authentication: packets that bear the address of
 * an allowed host from those that it sent.
 */
#ifndef SPD_ENGINE_REFLECTOR_LIMITS_H
#define SPD_ENGINE_REFLECTOR_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/network.h"
#include "common/base/time.h"

#define SPD_REFLECTOR_RATE_MAX 10000000u /* packets a second */

struct spd_reflector_limits;

struct spd_reflector_limits_config {
    const struct spd_network *allow; /* copied; n_allow 0 allows all */
    size_t n_allow;
    uint32_t source_rate; /* replies a second to each source; 0: no limit. Each
                             may also come as one burst of a second's worth */
    uint32_t total_rate;  /* the same to all together */
    size_t max_sources;   /* places, rounded up to a power of two from 16 on; 0 means 8192 */
    uint64_t secret;      /* at random: keeps others from choosing who shares a place */
};

enum spd_reflector_verdict {
    SPD_REFLECTOR_ANSWER,
    SPD_REFLECTOR_NOT_ALLOWED, /* by the networks */
    SPD_REFLECTOR_SOURCE_RATE, /* this source has had its part */
    SPD_REFLECTOR_NO_PLACE,    /* no place in the table, nor a share of those without one */
    SPD_REFLECTOR_TOTAL_RATE,  /* all together have had theirs */
};

/* Errors: NOMEM, INVALID (max_sources or a rate beyond what is possible). */
enum spd_err spd_reflector_limits_create(const struct spd_reflector_limits_config *config,
                                         struct spd_reflector_limits **out);
void spd_reflector_limits_destroy(struct spd_reflector_limits *limits);

/* Whether a packet from this address may be answered now; if so, the reply is
 * counted. now_ns is any steady time that does not run backwards and is not
 * negative. *established (may be NULL) says whether the source is: always true
 * where no rate is limited. */
enum spd_reflector_verdict spd_reflector_limits_take(struct spd_reflector_limits *limits,
                                                     const struct spd_addr *from, spd_ns now_ns,
                                                     bool *established);

/* Sources heard during the last full second that packets came in; 0 where no
 * rate is limited. Those without a place are not among them. */
size_t spd_reflector_limits_n_sources(const struct spd_reflector_limits *limits);

#endif

/*
 * Loss per direction as counts and ratios (RFC 7680, RFC 2681) and in runs
 * (loss periods, RFC 3357). Pure; any thread.
 */
#ifndef SPD_ANALYSIS_LOSS_H
#define SPD_ANALYSIS_LOSS_H

#include "common/base/record.h"

/* Runs of consecutively lost packets (RFC 3357 section 5.1.2), in the order of
 * sending, each within one burst. */
struct spd_loss_periods {
    uint32_t n_periods;
    uint32_t longest_packets;
};

/* Over the bursts that are not superseded. n_sent = n_received + n_lost +
 * n_unreachable + n_unresolved. n_lost = n_lost_forward + n_lost_reverse +
 * n_lost_unknown. */
struct spd_loss {
    uint32_t n_packets;  /* asked for */
    uint32_t n_not_sent; /* this host did not send them: not loss */
    uint32_t n_sent;
    uint32_t n_received;
    uint32_t n_unreachable; /* an ICMP error came back: not loss */
    uint32_t n_unresolved;  /* interrupted while their replies were awaited: not loss */
    uint32_t n_lost;
    uint32_t n_lost_forward; /* with those of which only the count is known */
    uint32_t n_lost_reverse;
    uint32_t n_lost_unknown; /* direction unknown */
    /* Ratios to what could have been lost there (0..1; -1 when that is none):
     * all to n_sent less unresolved ones, forward likewise, reverse to what
     * reached the reflector. With n_lost_unknown > 0 the two directions are
     * lower bounds. */
    double ratio;
    double ratio_forward;
    double ratio_reverse;
    struct spd_loss_periods periods;         /* lost in whichever direction */
    struct spd_loss_periods periods_forward; /* of packets known to be lost there */
    struct spd_loss_periods periods_reverse;
    /* Duplicates (RFC 5560). */
    uint32_t n_duplicated;        /* packets with more than one reply */
    uint32_t n_duplicate_replies; /* replies beyond the first */
};

/* record must have been judged by spd_fate_judge. */
void spd_loss_count(const struct spd_test_record *record, struct spd_loss *out);

#endif

/*
 * What the summary works out for one burst, or one interval of packets, at a
 * time. Part of summary; nobody else includes it.
 */
#ifndef SPD_ANALYSIS_SUMMARY_BURSTS_H
#define SPD_ANALYSIS_SUMMARY_BURSTS_H

#include "common/analysis/summary.h"
#include "common/analysis/variation.h"

/* Scratch for up to capacity packets at a time, taken once. */
struct spd_burst_scratch {
    struct spd_ranked *ranked;
    size_t *index;
    uint32_t *seqs;
    uint32_t *extents;
    spd_ns *delays;
    spd_ns *variations;
    struct spd_dispersion_packet *passages;
};

enum spd_err spd_burst_scratch_alloc(struct spd_burst_scratch *scratch, size_t capacity);
void spd_burst_scratch_free(struct spd_burst_scratch *scratch); /* zeroed is allowed */

/* Reordering within one burst, RFC 4737: fills the extents of its packets in
 * figures and adds to the three sums of *out. Errors: NOMEM. */
enum spd_err spd_burst_reorder(const struct spd_test_record *record,
                               const struct spd_burst_record *burst,
                               struct spd_burst_scratch *scratch,
                               struct spd_packet_figures *figures, struct spd_summary *out);

/* Variation over the n packets whose indices stand in scratch->index, in the
 * order of sending, as one interval: fills pdv and ipdv in figures, and goes on
 * with the two smoothed jitters. */
void spd_interval_variation(const struct spd_test_record *record, struct spd_burst_scratch *scratch,
                            size_t n, struct spd_packet_figures *figures, struct spd_jitter *fwd,
                            struct spd_jitter *rev);

/* Dispersion of one burst in both directions. Errors: NOMEM. */
enum spd_err spd_burst_dispersion(const struct spd_test_record *record,
                                  const struct spd_burst_record *burst,
                                  struct spd_burst_scratch *scratch,
                                  const struct spd_packet_figures *figures,
                                  struct spd_burst_figures *out);

/* Capacity of the bottleneck in both directions, from the bursts' figures.
 * Errors: NOMEM. */
enum spd_err spd_summary_capacity(const struct spd_test_record *record, struct spd_summary *s);

#endif

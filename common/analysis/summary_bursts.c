/*
 * The part of the summary that goes burst by burst. Any thread but a measuring
 * one: it allocates and sorts.
 */
#include "common/analysis/summary_bursts.h"

#include <stdlib.h>

#include "common/base/seqnum.h"

/* A packet and its place in some order. */
struct spd_ranked {
    int64_t key;
    int64_t tie;
    size_t index;
};

enum spd_err spd_burst_scratch_alloc(struct spd_burst_scratch *scratch, size_t capacity)
{
    size_t n = capacity > 0 ? capacity : 1;

    *scratch = (struct spd_burst_scratch){
        .ranked = calloc(n, sizeof *scratch->ranked),
        .index = calloc(n, sizeof *scratch->index),
        .seqs = calloc(n, sizeof *scratch->seqs),
        .extents = calloc(n, sizeof *scratch->extents),
        .delays = calloc(n, sizeof *scratch->delays),
        .variations = calloc(n, sizeof *scratch->variations),
        .passages = calloc(n, sizeof *scratch->passages),
    };
    if (scratch->ranked != NULL && scratch->index != NULL && scratch->seqs != NULL &&
        scratch->extents != NULL && scratch->delays != NULL && scratch->variations != NULL &&
        scratch->passages != NULL)
        return SPD_ERR_OK;
    spd_burst_scratch_free(scratch);
    return SPD_ERR_NOMEM;
}

void spd_burst_scratch_free(struct spd_burst_scratch *scratch)
{
    free(scratch->ranked);
    free(scratch->index);
    free(scratch->seqs);
    free(scratch->extents);
    free(scratch->delays);
    free(scratch->variations);
    free(scratch->passages);
    *scratch = (struct spd_burst_scratch){ 0 };
}

static int compare_ranked(const void *left, const void *right)
{
    const struct spd_ranked *a = left;
    const struct spd_ranked *b = right;

    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    if (a->tie != b->tie)
        return a->tie < b->tie ? -1 : 1;
    return (a->index > b->index) - (a->index < b->index);
}

enum order { BY_ARRIVAL, BY_REFLECTOR };

/* The received packets of a burst in the order in which they came back, or in
 * which the reflector numbered them. */
static size_t rank(const struct spd_test_record *record, const struct spd_burst_record *burst,
                   enum order order, struct spd_ranked *ranked)
{
    uint32_t zero = 0;
    size_t n = 0;

    for (size_t i = burst->first_packet; i < (size_t)burst->first_packet + burst->n_packets; i++) {
        const struct spd_packet_record *packet = &record->packets[i];
        if (packet->n_replies == 0)
            continue;
        if (n == 0)
            zero = packet->reflector_seq;
        ranked[n++] = (struct spd_ranked){
            .key = order == BY_ARRIVAL ? (int64_t)packet->arrival
                                       : spd_seqnum_diff(packet->reflector_seq, zero),
            .index = i,
        };
    }
    qsort(ranked, n, sizeof *ranked, compare_ranked);
    return n;
}

/* Which extent of a packet's figures to fill. */
enum leg { LEG_FORWARD, LEG_REVERSE, LEG_ROUND };

static void store_extents(const struct spd_burst_scratch *scratch, size_t n, enum leg leg,
                          struct spd_packet_figures *figures)
{
    for (size_t i = 0; i < n; i++) {
        struct spd_packet_figures *f = &figures[scratch->ranked[i].index];

        if (leg == LEG_FORWARD)
            f->extent_fwd_packets = scratch->extents[i];
        else if (leg == LEG_REVERSE)
            f->extent_rev_packets = scratch->extents[i];
        else
            f->extent_rtt_packets = scratch->extents[i];
    }
}

static enum spd_err reorder_leg(const struct spd_test_record *record,
                                const struct spd_burst_record *burst, enum leg leg,
                                struct spd_burst_scratch *scratch,
                                struct spd_packet_figures *figures, struct spd_reorder *sum)
{
    enum order order = leg == LEG_FORWARD ? BY_REFLECTOR : BY_ARRIVAL;
    size_t n = rank(record, burst, order, scratch->ranked);

    for (size_t i = 0; i < n; i++) {
        const struct spd_packet_record *packet = &record->packets[scratch->ranked[i].index];
        scratch->seqs[i] = leg == LEG_REVERSE ? packet->reflector_seq : packet->seq;
    }
    enum spd_err err = spd_reorder_add(scratch->seqs, n, scratch->extents, sum);
    if (err == SPD_ERR_OK)
        store_extents(scratch, n, leg, figures);
    return err;
}

enum spd_err spd_burst_reorder(const struct spd_test_record *record,
                               const struct spd_burst_record *burst,
                               struct spd_burst_scratch *scratch,
                               struct spd_packet_figures *figures, struct spd_summary *out)
{
    enum spd_err err = reorder_leg(record, burst, LEG_ROUND, scratch, figures, &out->reorder_rtt);

    /* Only a reflector with numbers of its own shows the two ways apart. */
    if (err == SPD_ERR_OK && record->reflector_mode == SPD_REFLECTOR_STATEFUL)
        err = reorder_leg(record, burst, LEG_FORWARD, scratch, figures, &out->fwd.reorder);
    if (err == SPD_ERR_OK && record->reflector_mode == SPD_REFLECTOR_STATEFUL)
        err = reorder_leg(record, burst, LEG_REVERSE, scratch, figures, &out->rev.reorder);
    return err;
}

static void jitter_over(const struct spd_test_record *record, struct spd_burst_scratch *scratch,
                        size_t n, enum leg leg, struct spd_jitter *jitter)
{
    /* RFC 3550 section 6.4.1 pairs packets in the order of arrival: at the
     * reflector by its receive stamp, back here by the order of the replies. */
    for (size_t i = 0; i < n; i++) {
        const struct spd_packet_record *packet = &record->packets[scratch->index[i]];
        scratch->ranked[i] = (struct spd_ranked){
            .key = leg == LEG_FORWARD ? packet->t2_ns : (int64_t)packet->arrival,
            .tie = (int64_t)i,
            .index = i,
        };
    }
    qsort(scratch->ranked, n, sizeof *scratch->ranked, compare_ranked);
    for (size_t i = 0; i < n; i++)
        spd_jitter_add(jitter, scratch->delays[scratch->ranked[i].index]);
    spd_jitter_break(jitter);
}

static void variation_leg(const struct spd_test_record *record, struct spd_burst_scratch *scratch,
                          size_t n, enum leg leg, struct spd_packet_figures *figures,
                          struct spd_jitter *jitter)
{
    bool forward = leg == LEG_FORWARD;

    for (size_t i = 0; i < n; i++) {
        const struct spd_packet_figures *f = &figures[scratch->index[i]];
        scratch->delays[i] = forward ? f->delay_fwd_raw_ns : f->delay_rev_raw_ns;
    }
    spd_variation_ipdv(scratch->delays, n, scratch->variations);
    for (size_t i = 0; i < n; i++) {
        struct spd_packet_figures *f = &figures[scratch->index[i]];
        *(forward ? &f->ipdv_fwd_ns : &f->ipdv_rev_ns) = scratch->variations[i];
    }
    spd_variation_pdv(scratch->delays, n, scratch->variations);
    for (size_t i = 0; i < n; i++) {
        struct spd_packet_figures *f = &figures[scratch->index[i]];
        *(forward ? &f->pdv_fwd_ns : &f->pdv_rev_ns) = scratch->variations[i];
    }
    jitter_over(record, scratch, n, leg, jitter);
}

void spd_interval_variation(const struct spd_test_record *record, struct spd_burst_scratch *scratch,
                            size_t n, struct spd_packet_figures *figures, struct spd_jitter *fwd,
                            struct spd_jitter *rev)
{
    variation_leg(record, scratch, n, LEG_FORWARD, figures, fwd);
    variation_leg(record, scratch, n, LEG_REVERSE, figures, rev);
}

/* Where a packet came to on the way out. */
static enum spd_passage passage_forward(const struct spd_packet_record *packet, bool stamped)
{
    switch ((enum spd_fate)packet->fate) {
    case SPD_FATE_RECEIVED:
        return stamped ? SPD_PASSAGE_ARRIVED : SPD_PASSAGE_UNSEEN;
    case SPD_FATE_LOST_REVERSE:
        return SPD_PASSAGE_UNSEEN;
    case SPD_FATE_NOT_SENT:
    case SPD_FATE_UNREACHABLE:
        return SPD_PASSAGE_NONE;
    default:
        return SPD_PASSAGE_MISSING;
    }
}

/* And its reply on the way back. */
static enum spd_passage passage_reverse(const struct spd_packet_record *packet, bool stamped)
{
    switch ((enum spd_fate)packet->fate) {
    case SPD_FATE_RECEIVED:
        return stamped ? SPD_PASSAGE_ARRIVED : SPD_PASSAGE_UNSEEN;
    case SPD_FATE_LOST_FORWARD:
    case SPD_FATE_NOT_SENT:
    case SPD_FATE_UNREACHABLE:
        return SPD_PASSAGE_NONE;
    default:
        return SPD_PASSAGE_MISSING;
    }
}

static enum spd_err dispersion_leg(const struct spd_test_record *record,
                                   const struct spd_burst_record *burst, enum leg leg,
                                   struct spd_burst_scratch *scratch,
                                   const struct spd_packet_figures *figures,
                                   struct spd_dispersion *out)
{
    for (uint32_t i = 0; i < burst->n_packets; i++) {
        size_t at = (size_t)burst->first_packet + i;
        const struct spd_packet_record *packet = &record->packets[at];
        bool forward = leg == LEG_FORWARD;
        bool stamped = (forward ? figures[at].delay_fwd_raw_ns : figures[at].delay_rev_raw_ns) !=
                       SPD_NS_UNKNOWN;

        scratch->passages[i] = (struct spd_dispersion_packet){
            .departed_ns = forward ? packet->t1_ns : packet->t3_ns,
            .arrived_ns = forward ? packet->t2_ns : packet->t4_ns,
            .size_bytes = packet->size_bytes,
            .passage =
                forward ? passage_forward(packet, stamped) : passage_reverse(packet, stamped),
        };
    }
    return spd_dispersion_measure(scratch->passages, burst->n_packets, out);
}

enum spd_err spd_burst_dispersion(const struct spd_test_record *record,
                                  const struct spd_burst_record *burst,
                                  struct spd_burst_scratch *scratch,
                                  const struct spd_packet_figures *figures,
                                  struct spd_burst_figures *out)
{
    enum spd_err err = dispersion_leg(record, burst, LEG_FORWARD, scratch, figures, &out->fwd);

    if (err == SPD_ERR_OK)
        err = dispersion_leg(record, burst, LEG_REVERSE, scratch, figures, &out->rev);
    return err;
}

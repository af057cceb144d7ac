/*
 * The figures of a whole test. Any thread but a measuring one: it allocates
 * and sorts.
 */
#include "common/analysis/summary.h"

#include <stdlib.h>

#include "common/analysis/delay.h"
#include "common/analysis/summary_bursts.h"
#include "common/base/assert.h"

/* RFC 4656 section 4.1.2: the S bit of an Error Estimate. */
#define ERROR_ESTIMATE_SYNCHRONISED 0x8000u

static void leave_out_reflector_step(const struct spd_burst_record *burst,
                                     const struct spd_packet_record *packets,
                                     struct spd_packet_figures *figures, struct spd_summary *s)
{
    spd_ns burst_ns = 0;

    for (uint32_t i = 0; i < burst->n_packets; i++)
        if (packets[i].n_replies > 0 && packets[i].t4_ns - burst->started_ns > burst_ns)
            burst_ns = packets[i].t4_ns - burst->started_ns;
    if (!spd_delay_reflector_stepped(figures, burst->n_packets, burst_ns))
        return;
    spd_delay_leave_out_one_way(figures, burst->n_packets);
    s->n_bursts_reflector_step += !burst->superseded;
}

static void packet_delays(const struct spd_test_record *record, struct spd_summary *s)
{
    const struct spd_packet_record nothing = { 0 };
    const struct spd_delay_sources none = { 0 };

    /* A packet that no burst claims counts nowhere, but has figures to read. */
    for (size_t i = 0; i < s->n_packets; i++)
        (void)spd_delay_compute(&nothing, &none, false, 0, &s->packets[i]);
    for (size_t b = 0; b < record->n_bursts; b++) {
        const struct spd_burst_record *burst = &record->bursts[b];
        SPD_ASSERT((size_t)burst->first_packet + burst->n_packets <= record->n_packets);
        const struct spd_packet_record *packets = &record->packets[burst->first_packet];
        struct spd_packet_figures *figures = &s->packets[burst->first_packet];
        struct spd_delay_sources prevailing = spd_delay_prevailing(packets, burst->n_packets);
        bool stepped = burst->clock_step_ns > SPD_DELAY_CLOCK_STEP_MAX_NS ||
                       burst->clock_step_ns < -SPD_DELAY_CLOCK_STEP_MAX_NS;

        s->bursts[b].stamps_left_out = stepped;
        s->n_bursts_clock_step += stepped && !burst->superseded;
        for (uint32_t i = 0; i < burst->n_packets; i++) {
            bool plausible = spd_delay_compute(&packets[i], &prevailing, stepped,
                                               record->counter_hz, &figures[i]);
            figures[i].superseded = burst->superseded;
            s->bursts[b].n_received += packets[i].n_replies > 0;
            s->bursts[b].n_lost += packets[i].fate == SPD_FATE_LOST ||
                                   packets[i].fate == SPD_FATE_LOST_FORWARD ||
                                   packets[i].fate == SPD_FATE_LOST_REVERSE;
            s->n_stamps_implausible += !plausible && !burst->superseded;
        }
        leave_out_reflector_step(burst, packets, figures, s);
        for (uint32_t i = 0; i < burst->n_packets && !burst->superseded; i++)
            s->n_packets_stamps_left_out += figures[i].stamps_left_out;
    }
}

/* Several bursts of one packet each are one sample; packets of longer bursts
 * are compared within their burst, where clocks have no time to drift apart. */
static bool is_one_interval(const struct spd_test_record *record)
{
    for (size_t b = 0; b < record->n_bursts; b++)
        if (!record->bursts[b].superseded && record->bursts[b].n_packets != 1)
            return false;
    return record->n_bursts > 0;
}

static spd_ns rounded_jitter(const struct spd_jitter *jitter)
{
    if (jitter->n_pairs == 0)
        return SPD_NS_UNKNOWN;
    /* Hostile stamps can drive it to the end of the range. */
    return jitter->jitter_ns < 9e18 ? (spd_ns)(jitter->jitter_ns + 0.5) : INT64_MAX;
}

static void variation(const struct spd_test_record *record, struct spd_burst_scratch *scratch,
                      struct spd_summary *s)
{
    struct spd_jitter fwd = { 0 };
    struct spd_jitter rev = { 0 };
    size_t n = 0;

    s->pdv_over_test = is_one_interval(record);
    for (size_t b = 0; b < record->n_bursts; b++) {
        const struct spd_burst_record *burst = &record->bursts[b];
        struct spd_jitter aside_fwd = { 0 };
        struct spd_jitter aside_rev = { 0 };

        if (s->pdv_over_test) {
            if (!burst->superseded)
                scratch->index[n++] = burst->first_packet;
            continue;
        }
        for (n = 0; n < burst->n_packets; n++)
            scratch->index[n] = burst->first_packet + n;
        spd_interval_variation(record, scratch, n, s->packets,
                               burst->superseded ? &aside_fwd : &fwd,
                               burst->superseded ? &aside_rev : &rev);
    }
    if (s->pdv_over_test)
        spd_interval_variation(record, scratch, n, s->packets, &fwd, &rev);
    s->fwd.jitter_ns = rounded_jitter(&fwd);
    s->rev.jitter_ns = rounded_jitter(&rev);
}

static enum spd_err burst_figures(const struct spd_test_record *record,
                                  struct spd_burst_scratch *scratch, struct spd_summary *s)
{
    for (size_t b = 0; b < record->n_bursts; b++) {
        const struct spd_burst_record *burst = &record->bursts[b];
        struct spd_summary aside = { 0 };
        enum spd_err err =
            spd_burst_reorder(record, burst, scratch, s->packets, burst->superseded ? &aside : s);

        if (err == SPD_ERR_OK)
            err = spd_burst_dispersion(record, burst, scratch, s->packets, &s->bursts[b]);
        if (err != SPD_ERR_OK)
            return err;
    }
    s->fwd.reorder_known = record->reflector_mode == SPD_REFLECTOR_STATEFUL;
    s->rev.reorder_known = s->fwd.reorder_known;
    return SPD_ERR_OK;
}

/* One member of all packets' figures, unknown ones and repeated bursts aside. */
static void stats_of(const struct spd_summary *s, size_t offset, spd_ns *values,
                     struct spd_stats *out)
{
    size_t n = 0;

    for (size_t i = 0; i < s->n_packets; i++) {
        spd_ns value = *(const spd_ns *)(const void *)((const char *)&s->packets[i] + offset);
        if (value != SPD_NS_UNKNOWN && !s->packets[i].superseded)
            values[n++] = value;
    }
    spd_quantile_stats(values, n, out);
}

#define FIGURE(member) offsetof(struct spd_packet_figures, member)

static void distributions(spd_ns *values, struct spd_summary *s)
{
    size_t n = 0;

    stats_of(s, FIGURE(rtt_ns), values, &s->rtt);
    stats_of(s, FIGURE(in_reflector_ns), values, &s->in_reflector);
    stats_of(s, FIGURE(delay_fwd_raw_ns), values, &s->fwd.delay_raw);
    stats_of(s, FIGURE(delay_rev_raw_ns), values, &s->rev.delay_raw);
    stats_of(s, FIGURE(pdv_fwd_ns), values, &s->fwd.pdv);
    stats_of(s, FIGURE(pdv_rev_ns), values, &s->rev.pdv);
    stats_of(s, FIGURE(ipdv_fwd_ns), values, &s->fwd.ipdv);
    stats_of(s, FIGURE(ipdv_rev_ns), values, &s->rev.ipdv);
    for (size_t i = 0; i < s->n_packets; i++)
        if (s->packets[i].stamps_left_out && !s->packets[i].superseded &&
            s->packets[i].rtt_counter_ns != SPD_NS_UNKNOWN)
            values[n++] = s->packets[i].rtt_counter_ns;
    spd_quantile_stats(values, n, &s->rtt_counter);
}

static void count_bursts(const struct spd_test_record *record, spd_ns *values,
                         struct spd_summary *s)
{
    size_t n = 0;

    s->gap_max_ns = SPD_NS_UNKNOWN;
    s->n_attempts = (uint32_t)record->n_bursts;
    for (size_t b = 0; b < record->n_bursts; b++) {
        const struct spd_burst_record *burst = &record->bursts[b];

        if (burst->broken < SPD_BROKEN_COUNT)
            s->n_attempts_by_reason[burst->broken]++;
        if (burst->superseded)
            continue;
        s->n_bursts++;
        s->n_whole += burst->broken == SPD_BROKEN_WHOLE;
        s->n_broken_unknown += burst->broken == SPD_BROKEN_UNKNOWN;
        s->n_broken += burst->broken != SPD_BROKEN_WHOLE && burst->broken != SPD_BROKEN_UNKNOWN;
        s->n_interrupted += burst->interrupted;
        s->n_dropped_local += burst->n_dropped_local;
        s->n_stamps_missing += burst->n_stamps_missing;
        if (burst->gap_max_ns >= 0 && burst->gap_max_ns > s->gap_max_ns)
            s->gap_max_ns = burst->gap_max_ns;
        if (burst->n_packets > burst->n_not_sent)
            values[n++] = burst->submit_ns;
    }
    spd_quantile_stats(values, n, &s->submit);
}

static bool is_clock_synchronised(const struct spd_test_record *record)
{
    size_t n = 0;

    for (size_t i = 0; i < record->n_packets; i++) {
        const struct spd_packet_record *packet = &record->packets[i];
        if (packet->n_replies == 0)
            continue;
        /* PTP format may count TAI (RFC 8186 does not say), 37 s from UTC. */
        if (!(packet->t1_error_estimate & ERROR_ESTIMATE_SYNCHRONISED) ||
            !(packet->t3_error_estimate & ERROR_ESTIMATE_SYNCHRONISED) || packet->reflector_ptp)
            return false;
        n++;
    }
    return n > 0;
}

enum spd_err spd_summary_compute(const struct spd_test_record *record, struct spd_summary *out)
{
    struct spd_burst_scratch scratch = { 0 };
    struct spd_summary s = { .n_packets = record->n_packets, .n_burst_records = record->n_bursts };
    size_t n_values = record->n_packets > record->n_bursts ? record->n_packets : record->n_bursts;
    spd_ns *values = calloc(n_values + 1, sizeof *values);
    enum spd_err err = spd_burst_scratch_alloc(&scratch, n_values);

    s.packets = calloc(record->n_packets + 1, sizeof *s.packets);
    s.bursts = calloc(record->n_bursts + 1, sizeof *s.bursts);
    if (err != SPD_ERR_OK || values == NULL || s.packets == NULL || s.bursts == NULL) {
        err = SPD_ERR_NOMEM;
        goto fail;
    }
    spd_loss_count(record, &s.loss);
    packet_delays(record, &s);
    variation(record, &scratch, &s);
    err = burst_figures(record, &scratch, &s);
    if (err != SPD_ERR_OK)
        goto fail;
    distributions(values, &s);
    count_bursts(record, values, &s);
    err = spd_summary_capacity(record, &s);
    if (err != SPD_ERR_OK)
        goto fail;
    s.clocks_synchronised = is_clock_synchronised(record);
    struct spd_delay_sources sources = spd_delay_prevailing(record->packets, record->n_packets);
    s.t1_source = sources.t1_source;
    s.t4_source = sources.t4_source;
    *out = s;
    s = (struct spd_summary){ 0 };

fail:
    spd_summary_fini(&s);
    spd_burst_scratch_free(&scratch);
    free(values);
    return err;
}

void spd_summary_fini(struct spd_summary *summary)
{
    free(summary->packets);
    free(summary->bursts);
    summary->packets = NULL;
    summary->bursts = NULL;
}

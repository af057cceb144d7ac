/*
 * The steps of an analysis, in their order. Runs where results are made.
 */
#include "common/analysis/flow_summary.h"

#include <stdlib.h>
#include <string.h>

#include "common/analysis/normalise.h"
#include "common/analysis/sort.h"
#include "common/analysis/variation.h"
#include "common/base/seqnum.h"

#define NO_RECORD   UINT32_MAX
#define SPAN_FREE   (UINT64_C(1) << 20)
#define SPAN_FACTOR UINT64_C(64)

struct work {
    const struct spd_flow_packet *packets;
    size_t n_records;
    const struct spd_flow_options *options;
    struct spd_point *points; /* one a sequence number, then only those sent */
    size_t n_points;
    spd_ns *values; /* n_points of room */
    spd_ns *scratch;
    uint32_t *items;
    uint32_t *item_scratch;
    struct spd_flow_summary *out;
};

struct spd_flow_options spd_flow_options_default(enum spd_flow_direction direction)
{
    return (struct spd_flow_options){ .direction = direction,
                                      .minimum_ns = SPD_NS_UNKNOWN,
                                      .base_delay_ns = SPD_NS_UNKNOWN };
}

static int64_t sent_at(const struct work *w, const struct spd_flow_packet *p)
{
    return w->options->direction == SPD_FLOW_FORWARD ? p->t1_ns : p->t3_ns;
}

static int64_t received_at(const struct work *w, const struct spd_flow_packet *p)
{
    return w->options->direction == SPD_FLOW_FORWARD ? p->t2_ns : p->t4_ns;
}

static spd_ns latency_of(const struct work *w, const struct spd_flow_packet *p)
{
    int64_t sent = sent_at(w, p), received = received_at(w, p);

    return sent && received ? spd_variation_diff(received, sent) : SPD_NS_UNKNOWN;
}

static bool arrived(const struct work *w, const struct spd_flow_packet *p)
{
    return (p->flags & (w->options->direction == SPD_FLOW_FORWARD ? SPD_FLOW_ARRIVED
                                                                  : SPD_FLOW_RETURNED)) != 0;
}

/* ------------------------------------------------------------------- points */

/* The lowest number and the span, by serial arithmetic around the first one. */
static bool find_span(const struct work *w, uint32_t *first, size_t *span)
{
    int64_t low = 0, high = 0;
    uint32_t around = w->packets[0].seq;

    for (size_t i = 1; i < w->n_records; i++) {
        int64_t d = spd_seqnum_diff(w->packets[i].seq, around);

        low = d < low ? d : low;
        high = d > high ? d : high;
    }
    /* A forged number must not cost more memory than the rest of the flow. */
    if (high - low >= INT32_MAX || (uint64_t)(high - low) > SPAN_FREE + SPAN_FACTOR * w->n_records)
        return false;
    *first = around + (uint32_t)(int32_t)low;
    *span = (size_t)(high - low) + 1;
    return true;
}

static void place_records(struct work *w, uint32_t first)
{
    for (size_t i = 0; i < w->n_points; i++)
        w->points[i] = (struct spd_point){ .latency_ns = SPD_NS_UNKNOWN,
                                           .seq = (uint32_t)i,
                                           .index = NO_RECORD };
    for (size_t i = 0; i < w->n_records; i++) {
        const struct spd_flow_packet *p = &w->packets[i];
        struct spd_point *point = &w->points[p->seq - first];

        if (point->index != NO_RECORD) {
            /* A copy; the sender's records mark the first one instead. */
            w->out->n_duplicated++;
            if (!(p->flags & SPD_FLOW_DUPLICATE) &&
                (w->packets[point->index].flags & SPD_FLOW_DUPLICATE))
                point->index = (uint32_t)i;
            continue;
        }
        point->index = (uint32_t)i;
        w->out->n_duplicated +=
            (p->flags & SPD_FLOW_DUPLICATE) != 0 && (p->flags & SPD_FLOW_SENT) != 0;
    }
}

/* Counts, and drops the packets that this host never sent. A lost packet whose
 * time of sending is unknown gets that of the one before it. */
static void settle_points(struct work *w)
{
    struct spd_flow_summary *out = w->out;
    size_t n = 0;
    int64_t last_ns = 0;

    for (size_t i = 0; i < w->n_points; i++) {
        struct spd_point point = w->points[i];
        const struct spd_flow_packet *p =
            point.index == NO_RECORD ? NULL : &w->packets[point.index];

        if (p && (p->flags & SPD_FLOW_NOT_SENT)) {
            out->n_not_sent++;
            continue;
        }
        if (p) {
            point.latency_ns = latency_of(w, p);
            last_ns = sent_at(w, p) ? sent_at(w, p) : last_ns;
            out->n_received += arrived(w, p);
            out->n_late_sent += (p->flags & SPD_FLOW_LATE) != 0;
        }
        point.sent_ns = last_ns;
        w->points[n++] = point;
    }
    out->n_packets = (uint32_t)w->n_points;
    out->n_sent = (uint32_t)n;
    out->n_lost = out->n_sent - out->n_received;
    out->loss_ratio = n ? (double)out->n_lost / (double)n : 0;
    w->n_points = n;
}

static bool point_is_lost(const struct work *w, size_t i)
{
    uint32_t index = w->points[i].index;

    return index == NO_RECORD || !arrived(w, &w->packets[index]);
}

/* RFC 3357: periods, and the mean distance between successive losses. */
static void count_loss_periods(struct work *w)
{
    struct spd_flow_summary *out = w->out;
    size_t first = 0, last = 0, n = 0, run = 0;

    for (size_t i = 0; i < w->n_points; i++) {
        if (!point_is_lost(w, i)) {
            run = 0;
            continue;
        }
        if (run++ == 0)
            out->n_loss_periods++;
        if (run > out->loss_period_max_packets)
            out->loss_period_max_packets = (uint32_t)run;
        if (n++ == 0)
            first = i;
        last = i;
    }
    if (n > 1)
        out->loss_distance_mean_packets = (double)(last - first) / (double)(n - 1);
}

/* -------------------------------------------------------------- corrections */

static enum spd_err correct(struct work *w)
{
    struct spd_flow_summary *out = w->out;
    const struct spd_flow_options *o = w->options;
    const spd_ns *rtt = NULL;
    enum spd_err err;

    for (size_t i = 0; i < w->n_points; i++) {
        uint32_t index = w->points[i].index;
        const struct spd_flow_packet *p = index == NO_RECORD ? NULL : &w->packets[index];

        w->values[i] = SPD_NS_UNKNOWN;
        if (p && p->t1_ns && p->t2_ns && p->t3_ns && p->t4_ns) {
            w->values[i] = spd_variation_diff(spd_variation_diff(p->t4_ns, p->t1_ns),
                                              spd_variation_diff(p->t3_ns, p->t2_ns));
            rtt = w->values;
        }
    }
    err = spd_timer_jump_find(w->points, w->n_points, o->jump_amount_ns, rtt, &out->jumps);
    if (err)
        return err;
    if (!o->keep_jumps && out->jumps.n > 0) {
        spd_timer_jump_correct(w->points, w->n_points, &out->jumps);
        out->jumps_removed = true;
    }
    err = spd_clock_skew_estimate(w->points, w->n_points, o->skew_method, &out->skew);
    if (err)
        return err;
    if (!o->keep_skew && out->skew.known && out->skew.significant) {
        spd_clock_skew_remove(w->points, w->n_points, out->skew.skew_ppb, out->skew.at_sent_ns);
        out->skew_removed = true;
    }
    return SPD_ERR_OK;
}

/* ------------------------------------------------------------------ figures */

static void raw_figures(struct work *w)
{
    size_t n = 0, n_rtt = 0;

    for (size_t i = 0; i < w->n_points; i++)
        if (w->points[i].latency_ns != SPD_NS_UNKNOWN)
            w->values[n++] = w->points[i].latency_ns;
    spd_quantile_stats(w->values, n, &w->out->delay_raw);
    for (size_t i = 0; i < w->n_points; i++) {
        const struct spd_flow_packet *p;

        if (w->points[i].index == NO_RECORD)
            continue;
        p = &w->packets[w->points[i].index];
        if (p->t1_ns && p->t2_ns && p->t3_ns && p->t4_ns)
            w->values[n_rtt++] = spd_variation_diff(spd_variation_diff(p->t4_ns, p->t1_ns),
                                                    spd_variation_diff(p->t3_ns, p->t2_ns));
    }
    spd_quantile_stats(w->values, n_rtt, &w->out->rtt);
}

static void variation_figures(struct work *w)
{
    size_t n = 0;

    for (size_t i = 1; i < w->n_points; i++) {
        spd_ns d = spd_variation_diff(w->points[i].latency_ns, w->points[i - 1].latency_ns);

        if (d != SPD_NS_UNKNOWN)
            w->values[n++] = d;
    }
    spd_quantile_stats(w->values, n, &w->out->ipdv);
    n = 0;
    for (size_t i = 0; i < w->n_points; i++)
        if (w->points[i].latency_ns != SPD_NS_UNKNOWN)
            w->values[n++] = w->points[i].latency_ns;
    spd_quantile_stats(w->values, n, &w->out->pdv);
}

/* What goes by the order of arrival: RFC 3550 jitter and RFC 4737. */
static enum spd_err arrival_figures(struct work *w)
{
    struct spd_jitter jitter = { 0 };
    size_t n = 0;

    for (size_t i = 0; i < w->n_points; i++) {
        if (w->points[i].latency_ns == SPD_NS_UNKNOWN)
            continue;
        w->values[n] = received_at(w, &w->packets[w->points[i].index]);
        w->items[n++] = (uint32_t)i;
    }
    spd_sort_keyed(w->values, w->items, w->scratch, w->item_scratch, n);
    for (size_t k = 0; k < n; k++)
        spd_jitter_add(&jitter, w->points[w->items[k]].latency_ns);
    w->out->jitter_ns = jitter.n_pairs > 0 ? (spd_ns)(jitter.jitter_ns + 0.5) : SPD_NS_UNKNOWN;
    for (size_t k = 0; k < n; k++)
        w->items[k] = w->points[w->items[k]].seq;
    return spd_reorder_add(w->items, n, NULL, &w->out->reorder);
}

static void rate_voice(struct work *w)
{
    struct spd_flow_summary *out = w->out;
    spd_ns base_ns = w->options->base_delay_ns;
    size_t n_late = 0;

    out->codec = w->options->codec ? w->options->codec : spd_codec_default();
    out->buffer_ns = out->pdv.n ? out->pdv.p99_ns : 0;
    for (size_t i = 0; i < w->n_points; i++)
        n_late +=
            w->points[i].latency_ns != SPD_NS_UNKNOWN && w->points[i].latency_ns > out->buffer_ns;
    if (base_ns == SPD_NS_UNKNOWN)
        base_ns = out->rtt.n && out->rtt.min_ns > 0 ? out->rtt.min_ns / 2 : 0;
    out->mouth_to_ear_ns =
        base_ns + out->buffer_ns + out->codec->packet_ns + out->codec->lookahead_ns;
    out->effective_loss_ratio =
        out->n_sent ? (double)(out->n_lost + n_late) / (double)out->n_sent : 0;
    spd_mos_compute(out->codec, out->mouth_to_ear_ns, out->effective_loss_ratio,
                    spd_mos_burst_ratio(out->n_sent, out->n_lost, out->n_loss_periods), &out->mos);
}

static enum spd_err take_memory(struct work *w, size_t n)
{
    w->points = malloc(n * sizeof(*w->points));
    w->values = malloc(n * sizeof(*w->values));
    if (!w->points || !w->values)
        return SPD_ERR_NOMEM;
    return SPD_ERR_OK;
}

/* Only for the last step, after the corrections have given their memory back. */
static enum spd_err take_arrival_memory(struct work *w)
{
    w->scratch = malloc((w->n_points + 1) * sizeof(*w->scratch));
    w->items = malloc((w->n_points + 1) * sizeof(*w->items));
    w->item_scratch = malloc((w->n_points + 1) * sizeof(*w->item_scratch));
    return w->scratch && w->items && w->item_scratch ? SPD_ERR_OK : SPD_ERR_NOMEM;
}

static enum spd_err analyse(struct work *w, uint32_t first)
{
    struct spd_normal_origin origin;
    enum spd_err err;

    place_records(w, first);
    settle_points(w);
    count_loss_periods(w);
    if (w->n_points > 1)
        w->out->duration_s =
            (double)(w->points[w->n_points - 1].sent_ns - w->points[0].sent_ns) / 1e9;
    raw_figures(w);
    err = correct(w);
    if (err)
        return err;
    origin = spd_normalise_origin(w->points, w->n_points);
    if (w->options->minimum_ns != SPD_NS_UNKNOWN && origin.latency_ns != SPD_NS_UNKNOWN)
        origin.latency_ns = w->options->minimum_ns;
    w->out->minimum_ns = origin.latency_ns;
    spd_normalise(w->points, w->n_points, &origin);
    variation_figures(w);
    err = take_arrival_memory(w);
    if (!err)
        err = arrival_figures(w);
    rate_voice(w);
    return err;
}

static void give_nothing(struct spd_flow_summary *out)
{
    out->minimum_ns = SPD_NS_UNKNOWN;
    out->jitter_ns = SPD_NS_UNKNOWN;
    out->codec = spd_codec_default();
    spd_quantile_stats(NULL, 0, &out->pdv);
    spd_quantile_stats(NULL, 0, &out->ipdv);
    spd_quantile_stats(NULL, 0, &out->delay_raw);
    spd_quantile_stats(NULL, 0, &out->rtt);
}

enum spd_err spd_flow_summary_compute(const struct spd_flow_packet *packets, size_t n,
                                      const struct spd_flow_options *options,
                                      struct spd_point **points, size_t *n_points,
                                      struct spd_flow_summary *out)
{
    struct work w = { .packets = packets, .n_records = n, .options = options, .out = out };
    uint32_t first = 0;
    enum spd_err err = SPD_ERR_OK;

    memset(out, 0, sizeof(*out));
    out->direction = options->direction;
    give_nothing(out);
    w.n_points = options->n_packets;
    if (n > 0) {
        size_t span;

        if (n >= NO_RECORD || !find_span(&w, &first, &span))
            return SPD_ERR_INVALID;
        /* Flows begin at 0, so what is missing before the first one was lost. */
        if (first < options->n_packets || (options->n_packets == 0 && first < span)) {
            span += first;
            first = 0;
        }
        if (span > w.n_points)
            w.n_points = span;
    }
    if (w.n_points > 0) {
        err = take_memory(&w, w.n_points);
        if (!err)
            err = analyse(&w, first);
    }
    free(w.values);
    free(w.scratch);
    free(w.items);
    free(w.item_scratch);
    if (!err && points) {
        *points = w.points;
        *n_points = w.n_points;
    } else {
        free(w.points);
    }
    return err;
}

/*
 * The steps of an analysis, in their order. Runs where results are made.
 */
#include <stdlib.h>
#include <string.h>

#include "common/analysis/flow_summary_private.h"
#include "common/analysis/normalise.h"
#include "common/analysis/sort.h"
#include "common/analysis/variation.h"

struct spd_flow_options spd_flow_options_default(enum spd_flow_direction direction)
{
    return (struct spd_flow_options){ .direction = direction,
                                      .minimum_ns = SPD_NS_UNKNOWN,
                                      .base_delay_ns = SPD_NS_UNKNOWN };
}

/* -------------------------------------------------------------------- loss */

static bool point_is_lost(const struct spd_flow_work *w, size_t i)
{
    uint32_t index = w->points[i].index;

    return index == SPD_FLOW_NO_RECORD || !spd_flow_arrived(w, &w->packets[index]);
}

/* RFC 3357: periods, and the mean distance between successive losses. */
static void count_loss_periods(struct spd_flow_work *w)
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

/* The round trip of a point, which no clock's jump changes; UNKNOWN without. */
static spd_ns round_trip_of(const void *context, size_t point)
{
    const struct spd_flow_work *w = context;
    uint32_t index = w->points[point].index;
    const struct spd_flow_packet *p = index == SPD_FLOW_NO_RECORD ? NULL : &w->packets[index];

    if (!p || !p->t1_ns || !p->t2_ns || !p->t3_ns || !p->t4_ns)
        return SPD_NS_UNKNOWN;
    return spd_variation_diff(spd_variation_diff(p->t4_ns, p->t1_ns),
                              spd_variation_diff(p->t3_ns, p->t2_ns));
}

static void remove_jumps(struct spd_flow_work *w, const struct spd_jumps *jumps)
{
    if (w->options->keep_jumps || jumps->n == 0)
        return;
    spd_timer_jump_correct(w->points, w->n_points, jumps);
    w->out->jumps_removed = true;
}

/* Jumps first, and out: they would bend the line of the skew. */
static enum spd_err find_corrections(struct spd_flow_work *w, struct spd_flow_corrections *out)
{
    enum spd_err err = spd_timer_jump_find(w->points, w->n_points, w->options->jump_amount_ns,
                                           round_trip_of, w, &out->jumps);

    if (err)
        return err;
    remove_jumps(w, &out->jumps);
    return spd_clock_skew_estimate(w->points, w->n_points, w->options->skew_method, &out->skew);
}

static void remove_skew(struct spd_flow_work *w)
{
    struct spd_flow_summary *out = w->out;
    const struct spd_flow_options *o = w->options;

    if (o->skew) {
        out->common = *o->skew;
    } else {
        struct spd_skew_estimate own = { &out->skew, o->direction == SPD_FLOW_REVERSE };

        spd_common_skew_settle(&own, 1, &out->common);
    }
    if (o->keep_skew || !spd_common_skew_is_removable(&out->common))
        return;
    out->skew_removed_ppb = spd_common_skew_of(&out->common, o->direction == SPD_FLOW_REVERSE);
    spd_clock_skew_remove(w->points, w->n_points, out->skew_removed_ppb, out->skew.at_sent_ns);
    out->skew_removed = true;
}

static enum spd_err correct(struct spd_flow_work *w)
{
    struct spd_flow_corrections here;
    const struct spd_flow_corrections *found = w->options->found;

    if (found) {
        remove_jumps(w, &found->jumps);
    } else {
        enum spd_err err = find_corrections(w, &here);

        if (err)
            return err;
        found = &here;
    }
    w->out->jumps = found->jumps;
    w->out->skew = found->skew;
    remove_skew(w);
    return SPD_ERR_OK;
}

/* ------------------------------------------------------------------ figures */

static enum spd_err take_values(struct spd_flow_work *w)
{
    w->values = malloc((w->n_points + 1) * sizeof(*w->values));
    return w->values ? SPD_ERR_OK : SPD_ERR_NOMEM;
}

static void drop_values(struct spd_flow_work *w)
{
    free(w->values);
    w->values = NULL;
}

static void raw_figures(struct spd_flow_work *w)
{
    size_t n = 0, n_rtt = 0;

    for (size_t i = 0; i < w->n_points; i++)
        if (w->points[i].latency_ns != SPD_NS_UNKNOWN)
            w->values[n++] = w->points[i].latency_ns;
    spd_quantile_stats(w->values, n, &w->out->delay_raw);
    for (size_t i = 0; i < w->n_points; i++) {
        spd_ns rtt_ns = round_trip_of(w, i);

        if (rtt_ns != SPD_NS_UNKNOWN)
            w->values[n_rtt++] = rtt_ns;
    }
    spd_quantile_stats(w->values, n_rtt, &w->out->rtt);
}

static void variation_figures(struct spd_flow_work *w)
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

/* What goes by the order of arrival: RFC 3550 jitter and RFC 4737. items has
 * room for all points. */
static size_t order_arrivals(struct spd_flow_work *w, uint32_t *items, uint32_t *scratch)
{
    size_t n = 0;

    for (size_t i = 0; i < w->n_points; i++) {
        if (w->points[i].latency_ns == SPD_NS_UNKNOWN)
            continue;
        w->values[i] = spd_flow_received_at(w, &w->packets[w->points[i].index]);
        items[n++] = (uint32_t)i;
    }
    spd_sort_items(w->values, 1, items, scratch, n);
    return n;
}

static enum spd_err arrival_figures(struct spd_flow_work *w)
{
    struct spd_jitter jitter = { 0 };
    uint32_t *items = malloc((w->n_points + 1) * sizeof(*items));
    uint32_t *scratch = malloc((w->n_points + 1) * sizeof(*scratch));
    enum spd_err err = SPD_ERR_NOMEM;
    size_t n = 0;

    if (items && scratch) {
        n = order_arrivals(w, items, scratch);
        err = SPD_ERR_OK;
    }
    free(scratch);
    drop_values(w); /* reordering needs the room */
    for (size_t k = 0; k < n; k++) {
        spd_jitter_add(&jitter, w->points[items[k]].latency_ns);
        items[k] = w->points[items[k]].seq;
    }
    w->out->jitter_ns = jitter.n_pairs > 0 ? (spd_ns)(jitter.jitter_ns + 0.5) : SPD_NS_UNKNOWN;
    if (!err)
        err = spd_reorder_add(items, n, NULL, &w->out->reorder);
    free(items);
    return err;
}

/* Latencies come from logs, too: what no network has must not overflow a sum. */
static spd_ns at_most_an_age(spd_ns value)
{
    const spd_ns age_ns = INT64_C(1) << 60;

    return value < age_ns ? value : age_ns;
}

static void rate_voice(struct spd_flow_work *w)
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
    out->mouth_to_ear_ns = at_most_an_age(base_ns) + at_most_an_age(out->buffer_ns) +
                           out->codec->packet_ns + out->codec->lookahead_ns;
    out->effective_loss_ratio =
        out->n_sent ? (double)(out->n_lost + n_late) / (double)out->n_sent : 0;
    spd_mos_compute(out->codec, out->mouth_to_ear_ns, out->effective_loss_ratio,
                    spd_mos_burst_ratio(out->n_sent, out->n_lost, out->n_loss_periods), &out->mos);
}

static void normalise(struct spd_flow_work *w)
{
    struct spd_normal_origin origin = spd_normalise_origin(w->points, w->n_points);

    if (w->options->minimum_ns != SPD_NS_UNKNOWN && origin.latency_ns != SPD_NS_UNKNOWN)
        origin.latency_ns = w->options->minimum_ns;
    w->out->minimum_ns = origin.latency_ns;
    spd_normalise(w->points, w->n_points, &origin);
}

static enum spd_err analyse(struct spd_flow_work *w)
{
    enum spd_err err;

    count_loss_periods(w);
    if (w->n_points > 1)
        w->out->duration_s =
            (double)(w->points[w->n_points - 1].sent_ns - w->points[0].sent_ns) / 1e9;
    err = take_values(w);
    if (err)
        return err;
    raw_figures(w);
    drop_values(w); /* the corrections need the room */
    err = correct(w);
    if (err)
        return err;
    normalise(w);
    err = take_values(w);
    if (err)
        return err;
    variation_figures(w);
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

enum spd_err spd_flow_summary_find(const struct spd_flow_packet *packets, size_t n,
                                   const struct spd_flow_options *options,
                                   struct spd_flow_corrections *out)
{
    struct spd_flow_summary counts = { 0 };
    struct spd_flow_work w = {
        .packets = packets, .n_records = n, .options = options, .out = &counts
    };
    struct spd_flow_corrections found = { 0 };
    enum spd_err err = spd_flow_points_make(&w);

    if (!err && w.n_points > 0)
        err = find_corrections(&w, &found);
    free(w.points);
    if (!err)
        *out = found;
    return err;
}

enum spd_err spd_flow_summary_compute(const struct spd_flow_packet *packets, size_t n,
                                      const struct spd_flow_options *options,
                                      struct spd_point **points, size_t *n_points,
                                      struct spd_flow_summary *out)
{
    struct spd_flow_work w = { .packets = packets, .n_records = n, .options = options, .out = out };
    enum spd_err err;

    memset(out, 0, sizeof(*out));
    out->direction = options->direction;
    give_nothing(out);
    err = spd_flow_points_make(&w);
    if (!err && w.points)
        err = analyse(&w);
    drop_values(&w);
    if (!err && points) {
        *points = w.points;
        *n_points = w.n_points;
    } else {
        free(w.points);
    }
    return err;
}

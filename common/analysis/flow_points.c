/*
 * From the records of a flow to its points. Runs where results are made.
 */
#include <stdlib.h>

#include "common/analysis/flow_summary_private.h"
#include "common/analysis/variation.h"
#include "common/base/seqnum.h"

#define SPAN_FREE   (UINT64_C(1) << 20)
#define SPAN_FACTOR UINT64_C(64)

int64_t spd_flow_sent_at(const struct spd_flow_work *w, const struct spd_flow_packet *p)
{
    return w->options->direction == SPD_FLOW_FORWARD ? p->t1_ns : p->t3_ns;
}

int64_t spd_flow_received_at(const struct spd_flow_work *w, const struct spd_flow_packet *p)
{
    return w->options->direction == SPD_FLOW_FORWARD ? p->t2_ns : p->t4_ns;
}

static spd_ns latency_of(const struct spd_flow_work *w, const struct spd_flow_packet *p)
{
    int64_t sent = spd_flow_sent_at(w, p), received = spd_flow_received_at(w, p);

    return sent && received ? spd_variation_diff(received, sent) : SPD_NS_UNKNOWN;
}

bool spd_flow_arrived(const struct spd_flow_work *w, const struct spd_flow_packet *p)
{
    return (p->flags & (w->options->direction == SPD_FLOW_FORWARD ? SPD_FLOW_ARRIVED
                                                                  : SPD_FLOW_RETURNED)) != 0;
}

/* The lowest number and the span, by serial arithmetic around the first one. */
static bool find_span(const struct spd_flow_work *w, uint32_t *first, size_t *span)
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

static void place_records(struct spd_flow_work *w, uint32_t first)
{
    for (size_t i = 0; i < w->n_points; i++)
        w->points[i] = (struct spd_point){ .latency_ns = SPD_NS_UNKNOWN,
                                           .seq = (uint32_t)i,
                                           .index = SPD_FLOW_NO_RECORD };
    for (size_t i = 0; i < w->n_records; i++) {
        const struct spd_flow_packet *p = &w->packets[i];
        struct spd_point *point = &w->points[p->seq - first];

        if (point->index != SPD_FLOW_NO_RECORD) {
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
static void settle_points(struct spd_flow_work *w)
{
    struct spd_flow_summary *out = w->out;
    size_t n = 0;
    int64_t last_ns = 0;

    for (size_t i = 0; i < w->n_points; i++) {
        struct spd_point point = w->points[i];
        const struct spd_flow_packet *p =
            point.index == SPD_FLOW_NO_RECORD ? NULL : &w->packets[point.index];

        if (p && (p->flags & SPD_FLOW_NOT_SENT)) {
            out->n_not_sent++;
            continue;
        }
        if (p) {
            point.latency_ns = latency_of(w, p);
            last_ns = spd_flow_sent_at(w, p) ? spd_flow_sent_at(w, p) : last_ns;
            out->n_received += spd_flow_arrived(w, p);
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

enum spd_err spd_flow_points_make(struct spd_flow_work *w)
{
    uint32_t n_packets = w->options->n_packets;
    uint32_t first = 0;

    w->n_points = n_packets;
    if (w->n_records > 0) {
        size_t span;

        if (w->n_records >= SPD_FLOW_NO_RECORD || !find_span(w, &first, &span))
            return SPD_ERR_INVALID;
        /* Flows begin at 0, so what is missing before the first one was lost. */
        if (first < n_packets || (n_packets == 0 && first < span)) {
            span += first;
            first = 0;
        }
        if (span > w->n_points)
            w->n_points = span;
    }
    if (w->n_points == 0)
        return SPD_ERR_OK;
    w->points = malloc(w->n_points * sizeof(*w->points));
    if (!w->points)
        return SPD_ERR_NOMEM;
    place_records(w, first);
    settle_points(w);
    return SPD_ERR_OK;
}

/*
 * Walks records and points side by side. Any thread.
 */
#include "common/result/flow_rows.h"

#include "common/analysis/variation.h"

void spd_flow_rows_begin(struct spd_flow_rows *rows, const struct spd_flow_result *result,
                         size_t flow)
{
    const struct spd_flow_view *view = &result->flows[flow];

    *rows = (struct spd_flow_rows){ .result = result, .view = view };
    for (size_t i = 0; i < view->n_packets; i++)
        if (view->packets[i].flags & SPD_FLOW_RETURNED)
            rows->last_returned = i;
}

/* Places of the sequence numbers in the order of the flow. */
static uint32_t place_of(const struct spd_flow_rows *rows, uint32_t seq)
{
    return seq - rows->view->first_seq;
}

static const struct spd_point *point_at(struct spd_flow_rows *rows, size_t way, uint32_t place)
{
    const struct spd_flow_way *of = &rows->view->ways[way];

    while (rows->point[way] < of->n_points && of->points[rows->point[way]].seq < place)
        rows->point[way]++;
    if (rows->point[way] < of->n_points && of->points[rows->point[way]].seq == place)
        return &of->points[rows->point[way]];
    return NULL;
}

static bool is_lost(const struct spd_flow_packet *packet)
{
    return !(packet->flags & (SPD_FLOW_RETURNED | SPD_FLOW_NOT_SENT | SPD_FLOW_DUPLICATE));
}

/* A run of lost packets between two replies: the way is known of each only if
 * it is that of all. */
static void look_up_gap(struct spd_flow_rows *rows)
{
    size_t n_arrived = 0, n_not = 0, i = rows->record;

    for (; i < rows->view->n_packets; i++) {
        const struct spd_flow_packet *packet = &rows->view->packets[i];

        if (is_lost(packet)) {
            n_arrived += (packet->flags & SPD_FLOW_ARRIVED) != 0;
            n_not += !(packet->flags & SPD_FLOW_ARRIVED);
        } else if (packet->flags & SPD_FLOW_RETURNED && !(packet->flags & SPD_FLOW_DUPLICATE)) {
            break;
        }
    }
    rows->gap_end = i;
    rows->gap_fate = SPD_FATE_LOST;
    if (n_arrived == 0 && rows->record < rows->last_returned)
        rows->gap_fate = SPD_FATE_LOST_FORWARD;
    else if (n_not == 0)
        rows->gap_fate = SPD_FATE_LOST_REVERSE;
}

static uint8_t fate_of(struct spd_flow_rows *rows, const struct spd_flow_packet *packet)
{
    bool two_way = rows->result->input.header->kind == SPD_LOG_TWO_WAY;

    if (packet->flags & SPD_FLOW_NOT_SENT)
        return SPD_FATE_NOT_SENT;
    if (packet->flags & (two_way ? SPD_FLOW_RETURNED : SPD_FLOW_ARRIVED))
        return SPD_FATE_RECEIVED;
    if (!rows->view->loss.known)
        return SPD_FATE_PENDING;
    if (!two_way)
        return SPD_FATE_LOST_FORWARD;
    if (!rows->view->loss.directions_known)
        return SPD_FATE_LOST;
    if (rows->record >= rows->gap_end)
        look_up_gap(rows);
    return rows->gap_fate;
}

static spd_ns between(int64_t later, int64_t earlier)
{
    return later != 0 && earlier != 0 ? spd_variation_diff(later, earlier) : SPD_NS_UNKNOWN;
}

static spd_ns sum(spd_ns a, spd_ns b)
{
    spd_ns total;

    if (a == SPD_NS_UNKNOWN || b == SPD_NS_UNKNOWN || __builtin_add_overflow(a, b, &total))
        return SPD_NS_UNKNOWN;
    return total;
}

static void fill_from_record(struct spd_flow_rows *rows, const struct spd_flow_packet *packet,
                             struct spd_flow_row *row)
{
    row->packet = packet;
    row->seq = packet->seq;
    row->fate = fate_of(rows, packet);
    row->t1_kernel = (packet->flags & SPD_FLOW_T1_KERNEL) != 0;
    row->rx_kernel = (packet->flags & SPD_FLOW_RX_KERNEL) != 0;
    row->latency_forward_raw_ns = between(packet->t2_ns, packet->t1_ns);
    row->latency_reverse_raw_ns = between(packet->t4_ns, packet->t3_ns);
    row->round_trip_ns = spd_variation_diff(between(packet->t4_ns, packet->t1_ns),
                                            between(packet->t3_ns, packet->t2_ns));
}

/* What analysis says of it; of a further arrival it says nothing. */
static void fill_from_points(struct spd_flow_rows *rows, uint32_t place, size_t record,
                             struct spd_flow_row *row)
{
    const struct spd_point *forward = point_at(rows, SPD_FLOW_FORWARD, place);
    const struct spd_point *reverse = point_at(rows, SPD_FLOW_REVERSE, place);

    if (forward != NULL && forward->index == record) {
        row->sent_ns = row->packet->t1_ns != 0 ? forward->sent_ns : SPD_NS_UNKNOWN;
        row->latency_forward_ns = forward->latency_ns;
        row->arrived_ns = sum(row->sent_ns, forward->latency_ns);
    }
    if (reverse != NULL && reverse->index == record)
        row->latency_reverse_ns = reverse->latency_ns;
}

bool spd_flow_rows_next(struct spd_flow_rows *rows, struct spd_flow_row *row)
{
    const struct spd_flow_view *view = rows->view;
    const struct spd_flow_way *forward = &view->ways[SPD_FLOW_FORWARD];
    const struct spd_flow_packet *packet =
        rows->record < view->n_packets ? &view->packets[rows->record] : NULL;

    *row = (struct spd_flow_row){ .flow = &rows->result->input.header->flows[view->index],
                                  .fate = SPD_FATE_PENDING,
                                  .sent_ns = SPD_NS_UNKNOWN,
                                  .arrived_ns = SPD_NS_UNKNOWN,
                                  .latency_forward_raw_ns = SPD_NS_UNKNOWN,
                                  .latency_forward_ns = SPD_NS_UNKNOWN,
                                  .latency_reverse_raw_ns = SPD_NS_UNKNOWN,
                                  .latency_reverse_ns = SPD_NS_UNKNOWN,
                                  .round_trip_ns = SPD_NS_UNKNOWN };
    /* Numbers that only the points have, because nothing was recorded of them. */
    while (rows->point[0] < forward->n_points) {
        const struct spd_point *point = &forward->points[rows->point[0]];

        if (packet != NULL && point->seq >= place_of(rows, packet->seq))
            break;
        rows->point[0]++;
        if (point->index != UINT32_MAX)
            continue;
        row->seq = view->first_seq + point->seq;
        row->fate = rows->result->input.header->kind == SPD_LOG_TWO_WAY ? SPD_FATE_LOST
                                                                        : SPD_FATE_LOST_FORWARD;
        return true;
    }
    if (packet == NULL)
        return false;
    fill_from_record(rows, packet, row);
    fill_from_points(rows, place_of(rows, packet->seq), rows->record, row);
    row->duplicate = (packet->flags & SPD_FLOW_DUPLICATE) != 0;
    rows->record++;
    return true;
}

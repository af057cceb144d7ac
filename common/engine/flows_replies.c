/*
 * What comes back: replies into records, kernel stamps onto them, complete
 * records into the ring. On the thread of the test, between packets; nothing
 * here allocates or waits.
 */
#include <string.h>

#include "common/engine/flows_private.h"
#include "common/wire/ntptime.h"
#include "common/wire/stamp.h"

#define STAMPS_AHEAD 64 /* how far behind a missing one is looked */

/* ------------------------------------------------------------------ replies */

void spd_flow_queue_receive(struct spd_flows *f, struct spd_flow *flow, struct spd_unit *unit)
{
    if (f->stopped)
        return;
    unit->op.kind = SPD_FLOW_OP_RECEIVE;
    if (spd_udp_queue_receive(flow->udp, &unit->op, unit->data, unit->capacity, &unit->meta) ==
        SPD_ERR_OK)
        f->n_in_flight++;
}

static void note_times(struct spd_flow_packet *p, const struct spd_unit *unit,
                       const struct spd_stamp_reply *reply, spd_wall dequeued)
{
    spd_wall t2, t3;

    p->t4_ns = dequeued.ns;
    if (unit->meta.stamp_source != SPD_STAMP_NONE) {
        p->t4_ns = unit->meta.kernel_stamp.ns;
        p->flags |= SPD_FLOW_RX_KERNEL;
    }
    /* Impossible nanoseconds: the reply counts, its times do not. */
    if (spd_stamptime_to_wall(reply->receive_timestamp, reply->error_estimate, dequeued, &t2) ||
        spd_stamptime_to_wall(reply->timestamp, reply->error_estimate, dequeued, &t3))
        return;
    p->t2_ns = t2.ns;
    p->t3_ns = t3.ns;
}

/* A record of its own; the first reply's stays as it is. */
static void on_duplicate(struct spd_flows *f, const struct spd_flow_packet *first,
                         const struct spd_unit *unit, const struct spd_stamp_reply *reply,
                         spd_wall dequeued)
{
    struct spd_flow_packet again = *first;

    if (!f->ring)
        return;
    again.flags = SPD_FLOW_SENT | SPD_FLOW_ARRIVED | SPD_FLOW_RETURNED | SPD_FLOW_DUPLICATE;
    again.flags |= first->flags & (SPD_FLOW_T1_KERNEL | SPD_FLOW_LATE);
    again.reflector_seq = reply->seq;
    note_times(&again, unit, reply, dequeued);
    (void)spd_ring_buffer_push(f->ring, &again);
}

static void on_reply(struct spd_flows *f, struct spd_flow *flow, const struct spd_unit *unit,
                     const struct spd_stamp_reply *reply, spd_wall dequeued)
{
    struct spd_flow_counts *counts = flow->counts;
    struct spd_flow_packet *p;

    /* As in bursts: once the reflector returned the SSID, a reply without one is
     * somebody else's. */
    if ((reply->ssid != flow->ssid && (reply->ssid != 0 || counts->ssid_returned)) ||
        !flow->packets || reply->sender_seq >= flow->next_seq) {
        counts->n_unexpected++;
        return;
    }
    p = &flow->packets[reply->sender_seq];
    if (!(p->flags & SPD_FLOW_SENT)) {
        counts->n_unexpected++; /* to what never left this host */
        return;
    }
    if (p->flags & SPD_FLOW_RETURNED) {
        counts->n_duplicates++;
        on_duplicate(f, p, unit, reply, dequeued);
        return;
    }
    counts->ssid_returned = reply->ssid == flow->ssid;
    p->flags |= SPD_FLOW_RETURNED | SPD_FLOW_ARRIVED;
    p->reflector_seq = reply->seq;
    p->ttl_forward = reply->sender_ttl;
    p->ttl_reverse = unit->meta.ttl > 0 ? (uint8_t)unit->meta.ttl : 0;
    if (unit->meta.tclass >= 0)
        p->tclass_reverse = (uint8_t)unit->meta.tclass;
    note_times(p, unit, reply, dequeued);
    flow->returned[flow->n_returned++] = reply->sender_seq;
    counts->n_returned++;
}

void spd_flow_on_received(struct spd_flows *f, struct spd_flow *flow, struct spd_unit *unit,
                          const struct spd_completion *c, spd_wall dequeued)
{
    struct spd_stamp_reply reply;

    if (c->err == SPD_ERR_CANCELLED)
        return;
    if (spd_err_is_unreachable(c->err)) {
        flow->counts->unreachable = c->err;
        flow->counts->n_unreachable++;
    }
    if (c->err == SPD_ERR_OK || c->err == SPD_ERR_TRUNCATED) {
        if (spd_stamp_read_reply(unit->data, c->n_bytes, &reply) == SPD_ERR_OK)
            on_reply(f, flow, unit, &reply, dequeued);
        else
            flow->counts->n_unexpected++;
    }
    spd_flow_queue_receive(f, flow, unit);
}

/* ------------------------------------------------------------------- stamps */

static void assign_stamp(struct spd_flow *flow)
{
    uint32_t index = flow->index_of[flow->n_stamped];
    struct spd_flow_packet *p = &flow->packets[index];

    if (flow->sched_ns[flow->n_stamped]) {
        p->t1_ns = flow->sched_ns[flow->n_stamped];
        p->flags |= SPD_FLOW_T1_KERNEL;
    }
    flow->states[index] |= SPD_FLOW_PACKET_STAMPED;
    flow->n_stamped++;
}

/* Stamps come in their order: one that is missing while later ones are there
 * is lost, and must not hold up the records behind it. */
static bool is_lost(const struct spd_flow *flow)
{
    uint32_t last = flow->n_stamped + STAMPS_AHEAD;

    if (last >= flow->n_handed)
        last = flow->n_handed - 1;
    for (uint32_t k = flow->n_stamped + 1; k <= last; k++)
        if (flow->sched_ns[k])
            return true;
    return false;
}

static void assign_stamps(struct spd_flow *flow)
{
    while (flow->n_stamped < flow->n_handed && (flow->sched_ns[flow->n_stamped] || is_lost(flow)))
        assign_stamp(flow);
}

/* At the end none will come any more. */
static void assign_all_stamps(struct spd_flow *flow)
{
    while (flow->n_stamped < flow->n_handed)
        assign_stamp(flow);
}

void spd_flows_collect_stamps(struct spd_flows *f)
{
    for (size_t i = 0; i < f->spec.n_flows; i++) {
        struct spd_flow *flow = &f->flow[i];

        if (!flow->stamps || !flow->udp)
            continue;
        while (spd_udp_stamps_collect(flow->udp, flow->sched_ns, flow->sent_ns,
                                      flow->spec->info.n_packets) > 0)
            ;
        assign_stamps(flow);
    }
}

/* ------------------------------------------------------------------ records */

bool spd_flow_hand_over(struct spd_flows *f, struct spd_flow *flow, uint32_t index)
{
    if (flow->states[index] & SPD_FLOW_PACKET_EMITTED)
        return true;
    if (f->ring && !spd_ring_buffer_push(f->ring, &flow->packets[index]))
        return false;
    flow->states[index] |= SPD_FLOW_PACKET_EMITTED;
    return true;
}

/* Replies whose packets have their stamps, in the order in which they came. */
void spd_flows_hand_over(struct spd_flows *f)
{
    for (size_t i = 0; i < f->spec.n_flows; i++) {
        struct spd_flow *flow = &f->flow[i];

        if (flow->spec->kind == SPD_FLOW_ONE_WAY)
            spd_flow_hand_over_sent(f, flow);
        while (flow->packets && flow->n_considered < flow->n_returned) {
            uint32_t index = flow->returned[flow->n_considered];
            bool stamped = !flow->stamps || (flow->states[index] & SPD_FLOW_PACKET_STAMPED);

            if (!stamped || !spd_flow_hand_over(f, flow, index))
                break;
            flow->n_considered++;
        }
    }
}

bool spd_flows_hand_over_rest(struct spd_flows *f)
{
    for (size_t i = 0; i < f->spec.n_flows; i++) {
        struct spd_flow *flow = &f->flow[i];

        if (!flow->packets)
            continue;
        if (flow->stamps)
            assign_all_stamps(flow);
        while (flow->n_rest < flow->next_seq && spd_flow_hand_over(f, flow, flow->n_rest))
            flow->n_rest++;
        if (flow->n_rest < flow->next_seq)
            return false;
    }
    return true;
}

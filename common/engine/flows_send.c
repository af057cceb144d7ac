/*
 * One packet of a paced flow at a time: when it is due, its contents, its
 * hand-over and what became of it. On the thread of the test; nothing here
 * allocates or waits.
 */
#include "common/engine/flows_private.h"
#include "common/sys/clock.h"
#include "common/wire/ntptime.h"
#include "common/wire/padding.h"
#include "common/wire/stamp.h"

/* The place of a packet in its interval: the flows' order, turned by a number
 * that depends on the interval alone. */
static spd_ns turn_ns(const struct spd_flow_spec *spec, uint32_t seq)
{
    uint64_t z = spec->turn_seed + (seq + UINT64_C(1)) * UINT64_C(0x9E3779B97F4A7C15);

    if (spec->n_turns == 0)
        return 0;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9); /* SplitMix64 */
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    z ^= z >> 31;
    return (spd_ns)((spec->turn + (z >> 32)) % spec->n_turns) * spec->schedule.interval_ns /
           spec->n_turns;
}

void spd_flow_schedule_next(struct spd_flow *flow)
{
    uint32_t n = flow->spec->info.n_packets;

    if (n > 0 && flow->next_seq == n) {
        spd_flow_terminate(flow, flow->due_ns);
        return;
    }
    spd_schedule_next(&flow->schedule, &flow->due_ns, &flow->next_size);
    flow->due_ns += flow->spec->starts_ns + turn_ns(flow->spec, flow->next_seq);
    if (flow->spec->ends_ns > 0 && flow->due_ns >= flow->spec->ends_ns)
        flow->over = true;
}

static void note_sent(struct spd_flows *f, struct spd_flow *flow, spd_ns at_ns)
{
    struct spd_flow_counts *c = flow->counts;
    spd_ns late_ns = at_ns - flow->due_ns;

    if (c->n_sent == 0)
        c->first_sent_ns = at_ns;
    c->last_sent_ns = at_ns;
    c->n_sent++;
    c->n_bytes_sent += flow->next_size;
    c->last_bytes = flow->next_size;
    c->lateness_sum_ns += late_ns;
    if (late_ns > c->lateness_max_ns)
        c->lateness_max_ns = late_ns;
    if (late_ns > f->spec.late_limit_ns)
        c->n_late++;
}

static void note_packet(struct spd_flows *f, struct spd_flow *flow, spd_ns at_ns, spd_wall sent)
{
    struct spd_flow_packet *p;

    if (!flow->packets)
        return;
    p = &flow->packets[flow->next_seq];
    *p = (struct spd_flow_packet){
        .seq = flow->next_seq,
        .size_bytes = flow->next_size,
        .flow = (uint8_t)(flow - f->flow),
        .flags = SPD_FLOW_SENT,
        .t1_ns = sent.ns,
        .tclass_forward = SPD_FLOW_TCLASS_UNKNOWN,
        .tclass_reverse = SPD_FLOW_TCLASS_UNKNOWN,
    };
    if (at_ns - flow->due_ns > f->spec.late_limit_ns)
        p->flags |= SPD_FLOW_LATE;
    f->record.n_packets[flow - f->flow] = flow->next_seq + 1;
}

/* Sends complete in any order, but stamps are numbered in the order of their
 * hand-over: a packet gets its number once all before it have completed. */
static void settle(struct spd_flow *flow, uint32_t index, bool handed)
{
    flow->states[index] |= SPD_FLOW_PACKET_SETTLED;
    flow->states[index] |= handed ? SPD_FLOW_PACKET_HANDED : SPD_FLOW_PACKET_STAMPED;
    for (; flow->n_numbered < flow->spec->info.n_packets &&
           (flow->states[flow->n_numbered] & SPD_FLOW_PACKET_SETTLED);
         flow->n_numbered++)
        if (flow->states[flow->n_numbered] & SPD_FLOW_PACKET_HANDED)
            flow->index_of[flow->n_handed++] = flow->n_numbered;
}

static void not_sent(struct spd_flow *flow, uint32_t seq)
{
    flow->counts->n_not_sent++;
    if (flow->packets) {
        flow->packets[seq].flags &= (uint8_t)~SPD_FLOW_SENT;
        flow->packets[seq].flags |= SPD_FLOW_NOT_SENT;
        settle(flow, seq, false);
    }
}

static void write_packet(struct spd_flows *f, struct spd_flow *flow, struct spd_unit *unit,
                         size_t n_bytes, spd_wall leaves)
{
    struct spd_stamp_request request = {
        .seq = flow->next_seq,
        .timestamp = spd_ntptime_from_wall(leaves),
        .error_estimate = f->error_estimate,
        .ssid = flow->ssid,
    };

    if (flow->spec->kind == SPD_FLOW_NOISE)
        return; /* stays as it was filled */
    if (flow->spec->kind == SPD_FLOW_ONE_WAY)
        spd_flow_fill_one_way(f, flow, unit, n_bytes);
    else
        spd_padding_set_length(unit->data, n_bytes);
    (void)spd_stamp_write_request(unit->data, unit->capacity, &request);
}

/* False when it cannot be handed over: so many sends wait in the send buffer
 * that there is no unit left, or the port has no room. */
static bool hand_over_packet(struct spd_flows *f, struct spd_flow *flow, struct spd_unit *unit,
                             spd_wall leaves)
{
    size_t n_bytes = flow->next_size - flow->header_bytes;

    if (unit->op.in_flight)
        return false;
    write_packet(f, flow, unit, n_bytes, leaves);
    unit->tag = flow->next_seq;
    unit->n_bytes = flow->next_size;
    unit->op.kind = SPD_FLOW_OP_SEND;
    if (spd_udp_queue_send(flow->udp, &unit->op, unit->data, n_bytes, NULL) != SPD_ERR_OK)
        return false;
    f->n_in_flight++;
    f->n_sending++;
    (void)spd_cport_commit(f->port, NULL);
    return true;
}

void spd_flow_send_packet(struct spd_flows *f, struct spd_flow *flow)
{
    struct spd_unit *unit = spd_packet_heap_unit(flow->heap, flow->next_unit);
    spd_ticks before = spd_clock_now();
    spd_wall leaves = spd_wall_add(spd_clock_wall(), spd_stamp_ahead_offset(&f->ahead, 0));
    spd_ns at_ns = spd_ticks_diff_ns(before, f->started.ticks, f->counter_hz);

    flow->next_unit = (flow->next_unit + 1) % SPD_FLOW_SEND_UNITS;
    note_packet(f, flow, at_ns, leaves);
    if (hand_over_packet(f, flow, unit, leaves)) {
        note_sent(f, flow, at_ns);
        spd_stamp_ahead_learn(&f->ahead, spd_ticks_diff_ns(spd_clock_now(), before, f->counter_hz),
                              1);
    } else {
        not_sent(flow, flow->next_seq);
    }
    flow->next_seq++;
    f->active_ns = (spd_ns)spd_ticks_to_ns(spd_clock_now().ticks, f->counter_hz);
    spd_flow_schedule_next(flow);
}

void spd_flow_on_sent(struct spd_flow *flow, const struct spd_unit *unit,
                      const struct spd_completion *c)
{
    if (unit->tag == SPD_FLOW_TAG_TERMINATION)
        return;
    /* This host's own queue dropped it behind our stamp: it was sent, and lost. */
    if (c->err == SPD_ERR_OK || c->err == SPD_ERR_NO_BUFFERS) {
        if (flow->packets)
            settle(flow, unit->tag, c->err == SPD_ERR_OK);
        return;
    }
    flow->counts->n_sent--;
    flow->counts->n_bytes_sent -= unit->n_bytes;
    not_sent(flow, unit->tag);
}

/*
 * What is different about one-way flows: the mark in their packets, the packets
 * that end a session, and records that are complete once their packet is sent.
 * On the thread of the test; nothing here allocates or waits.
 */
#include <string.h>

#include "common/engine/flows_private.h"
#include "common/sys/clock.h"
#include "common/wire/ntptime.h"
#include "common/wire/padding.h"
#include "common/wire/session_mark.h"
#include "common/wire/stamp.h"

/* Apart, so that one burst of losses does not take them all. */
#define TERMINATION_GAP_NS (10 * SPD_NS_PER_MS)

static void fill(struct spd_flow *flow, struct spd_unit *unit, size_t n_bytes, bool termination,
                 bool zero_padding)
{
    struct spd_session_mark mark = {
        .session = flow->spec->session,
        .n_packets = termination ? flow->next_seq : flow->spec->info.n_packets,
        .termination = termination,
    };

    /* RFC 4656 section 4.1.2: padding of zeros must be possible. */
    if (zero_padding)
        memset(unit->data, 0, n_bytes);
    if (flow->spec->session == 0 || n_bytes < SPD_MARKED_PACKET_BYTES) {
        if (!zero_padding)
            spd_padding_set_length(unit->data, n_bytes);
        return;
    }
    spd_session_mark_write(unit->data, &mark);
    spd_padding_set_length(unit->data + SPD_SESSION_MARK_BYTES, n_bytes - SPD_SESSION_MARK_BYTES);
}

void spd_flow_fill_one_way(struct spd_flows *f, struct spd_flow *flow, struct spd_unit *unit,
                           size_t n_bytes)
{
    fill(flow, unit, n_bytes, false, f->spec.zero_padding);
}

/* ---------------------------------------------------------------- termination */

void spd_flow_terminate(struct spd_flow *flow, spd_ns now_ns)
{
    uint16_t least = (uint16_t)(flow->header_bytes + SPD_MARKED_PACKET_BYTES);

    if (flow->terminating || flow->over)
        return;
    if (flow->spec->kind != SPD_FLOW_ONE_WAY || flow->spec->n_termination == 0) {
        flow->over = true;
        return;
    }
    flow->terminating = true;
    flow->due_ns = now_ns + TERMINATION_GAP_NS;
    flow->next_size = spd_size_mix_min(&flow->schedule.spec.sizes);
    if (flow->next_size < least)
        flow->next_size = least;
}

/* It is no packet of the session: it has no record, and no place among the
 * stamps, where it comes after all packets. */
void spd_flow_send_termination(struct spd_flows *f, struct spd_flow *flow)
{
    struct spd_unit *unit = spd_packet_heap_unit(flow->heap, flow->next_unit);
    size_t n_bytes = flow->next_size - flow->header_bytes;
    struct spd_stamp_request request = {
        .seq = flow->next_seq + flow->counts->n_termination,
        .timestamp = spd_ntptime_from_wall(spd_clock_wall()),
        .error_estimate = f->error_estimate,
        .ssid = flow->ssid,
    };

    flow->next_unit = (flow->next_unit + 1) % SPD_FLOW_SEND_UNITS;
    if (unit->op.in_flight) {
        flow->due_ns += SPD_NS_PER_MS; /* the send buffer is full: a little later */
        return;
    }
    fill(flow, unit, n_bytes, true, f->spec.zero_padding);
    (void)spd_stamp_write_request(unit->data, unit->capacity, &request);
    unit->tag = SPD_FLOW_TAG_TERMINATION;
    unit->op.kind = SPD_FLOW_OP_SEND;
    if (spd_udp_queue_send(flow->udp, &unit->op, unit->data, n_bytes, NULL) == SPD_ERR_OK) {
        f->n_in_flight++;
        f->n_sending++;
    }
    (void)spd_cport_commit(f->port, NULL);
    flow->counts->n_termination++;
    flow->due_ns += TERMINATION_GAP_NS;
    flow->over = flow->counts->n_termination == flow->spec->n_termination;
}

/* -------------------------------------------------------------------- records */

/* Nothing more will become known of it. */
static bool is_settled(const struct spd_flow *flow, uint32_t index)
{
    uint8_t state = flow->states[index];

    return (state & SPD_FLOW_PACKET_SETTLED) &&
           (!flow->stamps || (state & SPD_FLOW_PACKET_STAMPED));
}

void spd_flow_hand_over_sent(struct spd_flows *f, struct spd_flow *flow)
{
    while (flow->n_rest < flow->next_seq && is_settled(flow, flow->n_rest) &&
           spd_flow_hand_over(f, flow, flow->n_rest))
        flow->n_rest++;
}

bool spd_flow_one_way_is_settled(const struct spd_flow *flow)
{
    for (uint32_t i = flow->n_rest; i < flow->next_seq; i++)
        if (!is_settled(flow, i))
            return false;
    return true;
}

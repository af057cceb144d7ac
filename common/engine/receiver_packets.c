/*
 * What arrives at a receiver: whose it is, what is recorded of it, and whether
 * it ends the session. On the receiver's thread; takes memory only where a
 * session begins, and never waits.
 */
#include <stdlib.h>

#include "common/engine/receiver_private.h"
#include "common/wire/ntptime.h"
#include "common/wire/owamp_test.h"
#include "common/wire/session_mark.h"
#include "common/wire/stamp.h"

/* So many duplicates are recorded for each packet of the session, and some more:
 * endless ones must not fill memory and disk. */
#define DUPLICATES_PER_PACKET 3
#define DUPLICATES_MORE       1024

enum spd_err spd_receiver_begin(struct spd_receiver *r)
{
    size_t n = r->record.info.n_packets;

    r->duplicates_max = (uint64_t)n * DUPLICATES_PER_PACKET + DUPLICATES_MORE;
    r->seen = calloc(n / 8 + 1, 1);
    if (r->spec.keep)
        r->kept = calloc(n + (size_t)r->duplicates_max, sizeof(*r->kept));
    return !r->seen || (r->spec.keep && !r->kept) ? SPD_ERR_NOMEM : SPD_ERR_OK;
}

/* ---------------------------------------------------------------------- whose */

static void learn_session(struct spd_receiver *r, const struct spd_unit *unit,
                          const struct spd_session_mark *mark)
{
    r->began = true;
    r->record.session = mark->session;
    r->record.info.n_packets = mark->n_packets;
    r->record.info.source = unit->meta.from;
    if (spd_receiver_begin(r)) {
        spd_diag_set(&r->record.outcome, SPD_ERR_NOMEM, 0, "no memory for a session of %u packets",
                     mark->n_packets);
        spd_receiver_end(r, SPD_RECEIVER_ERROR);
    }
}

/* Without a control channel: the session is that of the first mark. */
static bool belongs_by_mark(struct spd_receiver *r, const struct spd_unit *unit,
                            const struct spd_session_mark *mark)
{
    if (r->began)
        return mark->session == r->record.session;
    if (mark->session == 0 || mark->session == r->spec.previous_session ||
        mark->n_packets > SPD_RECEIVER_PACKETS_MAX || (mark->n_packets == 0 && !mark->termination))
        return false;
    learn_session(r, unit, mark);
    return true;
}

/* RFC 4656 section 4.1: by the addresses and ports negotiated. A mark stands for
 * the port, which a NAT may have changed. */
static bool belongs_by_control(const struct spd_receiver *r, const struct spd_unit *unit,
                               bool is_marked)
{
    return spd_addr_equal_host(&unit->meta.from, &r->spec.sender) &&
           (is_marked || unit->meta.from.port == r->spec.sender.port);
}

/* RFC 4656 section 4.2: a send time more than Timeout away. Our own senders
 * measure also where clocks are not synchronised, and say so with their mark. */
static bool is_out_of_time(const struct spd_receiver *r, spd_wall sent, spd_wall received)
{
    spd_ns off_ns = spd_wall_diff_ns(received, sent);

    return r->spec.discard_ns > 0 && (off_ns > r->spec.discard_ns || off_ns < -r->spec.discard_ns);
}

/* -------------------------------------------------------------------- records */

static void note_first(struct spd_receiver *r, const struct spd_unit *unit, size_t n_bytes)
{
    struct spd_stamp_request request;

    if (r->announced)
        return;
    r->announced = true;
    r->record.info.source = unit->meta.from;
    if (unit->meta.tclass >= 0)
        r->record.info.dscp = (uint8_t)(unit->meta.tclass >> 2);
    if (r->record.n_marked > 0 && spd_stamp_read_request(unit->data, n_bytes, &request) == 0)
        r->record.ssid = request.ssid;
    r->notify(r->context, SPD_RECEIVER_BEGAN, 0);
}

static bool is_duplicate(const struct spd_receiver *r, uint32_t seq)
{
    return r->seen[seq / 8] & 1u << seq % 8;
}

static void record_packet(struct spd_receiver *r, struct spd_unit *unit, size_t n_bytes,
                          const struct spd_owamp_test *test, spd_wall sent, spd_wall received)
{
    struct spd_flow_packet p = {
        .seq = test->seq,
        .size_bytes = (uint16_t)(n_bytes + r->header_bytes),
        .flags = SPD_FLOW_ARRIVED,
        .t1_ns = sent.ns,
        .t2_ns = received.ns,
        .ttl_forward = unit->meta.ttl > 0 ? (uint8_t)unit->meta.ttl : 0,
        .tclass_forward =
            unit->meta.tclass >= 0 ? (uint8_t)unit->meta.tclass : SPD_FLOW_TCLASS_UNKNOWN,
        .tclass_reverse = SPD_FLOW_TCLASS_UNKNOWN,
    };

    if (unit->meta.stamp_source != SPD_STAMP_NONE)
        p.flags |= SPD_FLOW_RX_KERNEL;
    if (is_duplicate(r, test->seq)) {
        p.flags |= SPD_FLOW_DUPLICATE;
        r->record.n_duplicates++;
    } else {
        r->seen[test->seq / 8] |= (uint8_t)(1u << test->seq % 8);
        r->record.n_arrived++;
        r->record.n_bytes += p.size_bytes;
    }
    r->record.n_records++;
    if (r->kept) {
        size_t n = atomic_load_explicit(&r->n_kept, memory_order_relaxed);

        r->kept[n] = p;
        r->kept[n].reflector_seq = test->error_estimate;
        atomic_store_explicit(&r->n_kept, n + 1, memory_order_release);
    }
    r->held[unit->index] = p;
    r->order[(r->first_held + r->n_held++) % SPD_RECEIVER_UNITS] = unit->index;
}

bool spd_receiver_hand_over(struct spd_receiver *r)
{
    while (r->n_held > 0 && !atomic_load(&r->ring_wanted)) {
        unsigned index = r->order[r->first_held];
        struct spd_ring_buffer *ring = atomic_load(&r->ring);

        if (ring && !spd_ring_buffer_push(ring, &r->held[index]))
            return false;
        r->first_held = (r->first_held + 1) % SPD_RECEIVER_UNITS;
        r->n_held--;
        spd_receiver_queue_receive(r, spd_packet_heap_unit(r->heap, index));
    }
    return r->n_held == 0;
}

/* -------------------------------------------------------------------- arrival */

static void on_termination(struct spd_receiver *r, const struct spd_session_mark *mark)
{
    r->record.n_termination++;
    if (mark->n_packets <= r->record.info.n_packets) {
        r->record.n_taken_known = true;
        r->record.n_taken = mark->n_packets;
    }
    spd_receiver_end(r, SPD_RECEIVER_TERMINATION);
}

/* Whether a record of it waits for the ring now. */
static bool take(struct spd_receiver *r, struct spd_unit *unit, size_t n_bytes, spd_wall dequeued)
{
    bool controlled = r->spec.sender.family != SPD_FAMILY_NONE, is_marked;
    spd_wall received = unit->meta.stamp_source ? unit->meta.kernel_stamp : dequeued, sent;
    struct spd_session_mark mark;
    struct spd_owamp_test test;

    if (spd_owamp_test_read(unit->data, n_bytes, &test)) {
        r->record.n_malformed++;
        return false;
    }
    is_marked = spd_session_mark_read(unit->data, n_bytes, &mark);
    if (controlled)
        is_marked = is_marked && mark.session == r->spec.session;
    if (controlled ? !belongs_by_control(r, unit, is_marked)
                   : !is_marked || !belongs_by_mark(r, unit, &mark)) {
        r->record.n_unexpected++;
        return false;
    }
    if (!r->seen)
        return false; /* no memory for the session: it has ended */
    r->record.n_marked += is_marked;
    note_first(r, unit, n_bytes);
    if (is_marked && mark.termination) {
        on_termination(r, &mark);
        return false;
    }
    sent = spd_ntptime_to_wall(test.timestamp, received);
    if (test.seq >= r->record.info.n_packets)
        r->record.n_unexpected++;
    else if (!is_marked && is_out_of_time(r, sent, received))
        r->record.n_discarded++;
    else if (r->record.n_duplicates == r->duplicates_max && is_duplicate(r, test.seq))
        r->record.n_beyond_limit++;
    else {
        record_packet(r, unit, n_bytes, &test, sent, received);
        return true;
    }
    return false;
}

void spd_receiver_on_packet(struct spd_receiver *r, struct spd_unit *unit, size_t n_bytes,
                            spd_wall dequeued)
{
    uint64_t n_records = r->record.n_records;

    if (!take(r, unit, n_bytes, dequeued))
        spd_receiver_queue_receive(r, unit);
    if (r->record.n_records > n_records && r->record.n_arrived == r->record.info.n_packets)
        spd_receiver_end(r, SPD_RECEIVER_COUNT);
}

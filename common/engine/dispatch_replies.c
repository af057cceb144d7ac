/*
 * What comes back: replies into packet records, ICMP errors onto the packets
 * that caused them. on_received runs within the hot section.
 */
#include <string.h>

#include "common/engine/dispatch_private.h"
#include "common/sys/clock.h"
#include "common/wire/ntptime.h"
#include "common/wire/stamp.h"

void spd_dispatch_queue_receive(struct spd_dispatch *d, struct spd_unit *unit)
{
    if (d->stopped)
        return;
    unit->op.kind = SPD_DISPATCH_OP_RECEIVE;
    if (spd_udp_queue_receive(d->udp, &unit->op, unit->data, unit->capacity, &unit->meta) ==
        SPD_ERR_OK)
        d->n_in_flight++;
}

static void note_times(struct spd_dispatch *d, struct spd_packet_record *p,
                       const struct spd_unit *unit, const struct spd_stamp_reply *reply,
                       spd_ticks dequeued)
{
    spd_wall now = spd_clock_pair_wall(&d->started, dequeued, d->counter_hz);
    spd_wall t2, t3;

    p->returned_ticks = dequeued.ticks;
    if (unit->meta.stamp_source != SPD_STAMP_NONE) {
        p->t4_ns = unit->meta.kernel_stamp.ns;
        p->t4_source = unit->meta.stamp_source;
    } else {
        p->t4_ns = now.ns;
        p->t4_source = SPD_STAMP_USER;
    }
    p->t3_error_estimate = reply->error_estimate;
    p->reflector_ptp = (reply->error_estimate & SPD_ERROR_ESTIMATE_Z) != 0;
    if (spd_stamptime_to_wall(reply->receive_timestamp, reply->error_estimate, now, &t2) ||
        spd_stamptime_to_wall(reply->timestamp, reply->error_estimate, now, &t3))
        return; /* impossible nanoseconds: the reply counts, its times do not */
    p->t2_ns = t2.ns;
    p->t3_ns = t3.ns;
}

static void note_first_reply(struct spd_dispatch *d, struct spd_packet_record *p,
                             const struct spd_unit *unit, const struct spd_stamp_reply *reply,
                             spd_ticks dequeued)
{
    p->fate = SPD_FATE_RECEIVED;
    p->reflector_seq = reply->seq;
    p->arrival = d->n_arrivals++;
    p->ttl_forward = reply->sender_ttl;
    p->ttl_reverse = unit->meta.ttl > 0 ? (uint8_t)unit->meta.ttl : 0;
    p->tclass_reverse_known = unit->meta.tclass >= 0;
    p->tclass_reverse = unit->meta.tclass >= 0 ? (uint8_t)unit->meta.tclass : 0;
    note_times(d, p, unit, reply, dequeued);
}

static void note_extra(struct spd_test_record *record, const struct spd_stamp_reply *reply)
{
    if (record->n_extra_replies < SPD_DISPATCH_EXTRA_REPLIES)
        record->extra_replies[record->n_extra_replies++] =
            (struct spd_extra_reply){ reply->sender_seq, reply->seq };
}

/* A reflector without RFC 8972 returns 0. Once one has returned the SSID, a
 * reply with 0 is somebody else's. */
static bool is_of_session(const struct spd_test_record *record,
                          const struct spd_stamp_reply *reply)
{
    return reply->ssid == record->ssid || (reply->ssid == 0 && !record->ssid_returned);
}

static void on_reply(struct spd_dispatch *d, const struct spd_unit *unit,
                     const struct spd_stamp_reply *reply, spd_ticks dequeued)
{
    struct spd_test_record *record = d->record;
    struct spd_packet_record *p;

    if (!is_of_session(record, reply)) {
        record->n_replies_unexpected++;
        return;
    }
    if (reply->sender_seq >= record->n_packets) {
        if (reply->sender_seq < d->next_seq) {
            d->tail_answered = true;
            note_extra(record, reply);
        } else {
            record->n_replies_unexpected++;
        }
        return;
    }
    p = &record->packets[reply->sender_seq];
    if (p->burst + 1u != record->n_bursts)
        record->n_replies_late++;
    if (p->n_replies++ > 0) {
        note_extra(record, reply);
        return;
    }
    record->ssid_returned |= reply->ssid == record->ssid;
    note_first_reply(d, p, unit, reply, dequeued);
    if (d->burst && p->burst + 1u == record->n_bursts)
        d->n_answered++;
}

void spd_dispatch_on_received(struct spd_dispatch *d, struct spd_unit *unit,
                              const struct spd_completion *c, spd_ticks dequeued)
{
    struct spd_stamp_reply reply;

    if (c->err == SPD_ERR_CANCELLED)
        return;
    d->n_activity++;
    if (spd_err_is_unreachable(c->err))
        d->icmp_seen = true;
    /* A reply that was cut off still has all its fields: RFC 8762 allows no
     * larger reply than the request, but its fields come first. */
    if (c->err == SPD_ERR_OK || c->err == SPD_ERR_TRUNCATED) {
        if (spd_stamp_read_reply(unit->data, c->n_bytes, &reply) == SPD_ERR_OK)
            on_reply(d, unit, &reply, dequeued);
        else
            d->record->n_replies_malformed++;
    }
    spd_dispatch_queue_receive(d, unit);
}

/* The ICMP message quotes the packet that caused it; its first four octets
 * are the sequence number. */
void spd_dispatch_take_icmp_errors(struct spd_dispatch *d)
{
    uint8_t quoted[4];
    struct spd_addr offender;
    enum spd_err err;
    size_t n;

    d->icmp_seen = false;
    while (spd_udp_take_icmp_error(d->udp, &err, quoted, sizeof(quoted), &n, &offender) ==
               SPD_ERR_OK &&
           err != SPD_ERR_OK) {
        uint32_t seq;

        if (n < sizeof(quoted))
            continue;
        seq = (uint32_t)quoted[0] << 24 | (uint32_t)quoted[1] << 16 | (uint32_t)quoted[2] << 8 |
              quoted[3];
        if (seq < d->record->n_packets && d->record->packets[seq].fate == SPD_FATE_PENDING) {
            d->record->packets[seq].fate = SPD_FATE_UNREACHABLE;
            d->record->packets[seq].err = (uint8_t)err;
        }
    }
}

/*
 * The sending side. submit runs time-critical for the few milliseconds of one
 * burst; from its first line until finish nothing is allocated, locked or
 * formatted here.
 */
#include "common/engine/dispatch.h"

#include <string.h>

#include "common/base/hot.h"
#include "common/engine/dispatch_private.h"
#include "common/sys/clock.h"
#include "common/wire/ntptime.h"
#include "common/wire/stamp.h"

static void init_packet(struct spd_packet_record *p, const struct spd_dispatch *d, uint32_t seq,
                        uint32_t burst)
{
    *p = (struct spd_packet_record){
        .seq = seq,
        .burst = burst,
        .size_bytes = d->record->size_bytes,
        .t1_error_estimate = d->error_estimate,
    };
}

static enum spd_err queue_packet(struct spd_dispatch *d, size_t i, uint32_t seq, uint32_t kind)
{
    struct spd_unit *unit = spd_dispatch_send_unit(d, i);
    struct spd_stamp_request request = {
        .seq = seq,
        .error_estimate = d->error_estimate,
        .ssid = d->record->ssid,
    };
    enum spd_err err;

    (void)spd_stamp_write_request(unit->data, unit->capacity, &request);
    unit->tag = seq;
    unit->op.kind = kind;
    err = spd_udp_queue_send(d->udp, &unit->op, unit->data, d->plan.payload_bytes, NULL);
    if (err == SPD_ERR_OK)
        d->n_in_flight++;
    return err;
}

/* Kernel stamps that every packet gets. */
static size_t n_stamps_each(const struct spd_dispatch *d)
{
    return (d->kernel_stamps ? 1u : 0u) + (d->driver_stamps ? 1u : 0u);
}

enum spd_err spd_dispatch_prepare(struct spd_dispatch *d, uint32_t burst_index, uint32_t attempt)
{
    struct spd_test_record *record = d->record;
    uint32_t n = (uint32_t)(d->plan.n_records / d->plan.n_burst_records);
    struct spd_burst_record *burst = &record->bursts[record->n_bursts];

    *burst = (struct spd_burst_record){
        .index = burst_index,
        .attempt = attempt,
        .first_packet = (uint32_t)record->n_packets,
        .n_packets = n,
        .n_involuntary_switches = -1,
        .gap_max_ns = -1,
    };
    for (uint32_t i = 0; i < n; i++) {
        enum spd_err err;

        init_packet(&record->packets[record->n_packets + i], d, d->next_seq + i,
                    (uint32_t)record->n_bursts);
        err = queue_packet(d, i, d->next_seq + i, SPD_DISPATCH_OP_SEND);
        if (err)
            return err;
    }
    memset(d->sched_ns, 0, n * sizeof(*d->sched_ns));
    memset(d->sent_ns, 0, n * sizeof(*d->sent_ns));
    record->n_packets += n;
    record->n_bursts++;
    d->next_seq += n;
    d->burst = burst;
    d->n_send_pending = n;
    d->n_answered = 0;
    d->n_send_failed = 0;
    d->n_handed = 0;
    d->n_stamps_fetched = 0;
    d->n_stamps_wanted = n_stamps_each(d) * (size_t)n;
    if (!spd_udp_receive_drops(d->udp, &d->drops_before))
        d->drops_before = 0;
    spd_udp_stamps_begin(d->udp);
    return SPD_ERR_OK;
}

/* The send time of day that each packet carries. The burst is complete before
 * it is handed over, so the time at which each packet will leave is foretold;
 * what is measured with is the kernel's stamp, or the counter. */
static void write_send_times(struct spd_dispatch *d)
{
    for (uint32_t i = 0; i < d->burst->n_packets; i++) {
        struct spd_packet_record *p = &d->record->packets[d->burst->first_packet + i];
        spd_wall leaves =
            spd_wall_add(d->started.wall, spd_stamp_ahead_offset(&d->ahead, i));

        p->t1_wire_ns = leaves.ns;
        spd_stamp_set_timestamp(spd_dispatch_send_unit(d, i)->data, spd_ntptime_from_wall(leaves));
    }
}

void spd_dispatch_submit(struct spd_dispatch *d)
{
    spd_ticks before, after;

    spd_hot_enter();
    spd_sched_yield(); /* what follows starts a new slice */
    spd_sched_raise(&d->grant);
    d->switches_before = spd_sched_involuntary_switches();
    spd_clock_correlate(&d->started);
    write_send_times(d);
    before = spd_clock_now();
    (void)spd_cport_commit(d->port, &d->n_handed);
    after = spd_clock_now();
    if (d->switches_before >= 0)
        d->burst->n_involuntary_switches =
            spd_sched_involuntary_switches() - d->switches_before;
    spd_sched_restore(&d->grant);
    d->burst->started_ticks = before.ticks;
    d->burst->started_ns = d->started.wall.ns;
    d->burst->submit_ns = spd_ticks_diff_ns(after, before, d->counter_hz);
    if (d->n_handed == d->burst->n_packets)
        spd_stamp_ahead_learn(&d->ahead, d->burst->submit_ns, d->n_handed);
}

static void on_sent(struct spd_dispatch *d, struct spd_unit *unit, const struct spd_completion *c)
{
    struct spd_packet_record *p = &d->record->packets[unit->tag];
    spd_ticks at;

    d->n_send_pending--;
    d->n_activity++;
    p->dispatched_ticks = spd_udp_handed_over_at(&unit->op, &at) ? at.ticks : 0;
    if (c->err == SPD_ERR_OK)
        return;
    p->err = (uint8_t)c->err;
    if (c->err == SPD_ERR_NO_BUFFERS) {
        /* This host's own queue dropped it behind our stamp: that is loss on
         * the way forward, and where it happened is known. */
        p->fate = SPD_FATE_LOST_FORWARD;
    } else {
        p->fate = SPD_FATE_NOT_SENT;
    }
    d->n_stamps_wanted -= n_stamps_each(d);
    d->n_send_failed++;
}

void spd_dispatch_on_completion(struct spd_dispatch *d, const struct spd_completion *c,
                                spd_ticks dequeued)
{
    struct spd_unit *unit = SPD_CONTAINER_OF(c->op, struct spd_unit, op);

    d->n_in_flight--;
    switch (c->op->kind) {
    case SPD_DISPATCH_OP_SEND:
        on_sent(d, unit, c);
        break;
    case SPD_DISPATCH_OP_RECEIVE:
        spd_dispatch_on_received(d, unit, c, dequeued);
        break;
    default: /* a tail probe: its reply tells enough */
        break;
    }
}

bool spd_dispatch_collect_stamps(struct spd_dispatch *d)
{
    if (d->n_stamps_fetched < d->n_stamps_wanted) {
        size_t n = spd_udp_stamps_collect(d->udp, d->sched_ns, d->sent_ns, d->burst->n_packets);

        d->n_stamps_fetched += n;
        d->n_activity += n;
    }
    return d->n_stamps_fetched < d->n_stamps_wanted;
}

bool spd_dispatch_all_answered(const struct spd_dispatch *d)
{
    return d->n_send_pending == 0 && d->n_answered + d->n_send_failed >= d->burst->n_packets;
}

bool spd_dispatch_is_complete(const struct spd_dispatch *d)
{
    return spd_dispatch_all_answered(d) && d->n_stamps_fetched >= d->n_stamps_wanted;
}

uint64_t spd_dispatch_activity(const struct spd_dispatch *d)
{
    return d->n_activity;
}

bool spd_dispatch_cancel_sends(struct spd_dispatch *d)
{
    for (uint32_t i = 0; i < d->burst->n_packets && d->n_send_pending > 0; i++) {
        struct spd_unit *unit = spd_dispatch_send_unit(d, i);

        if (unit->op.in_flight)
            (void)spd_udp_cancel(d->udp, &unit->op);
    }
    return d->n_send_pending > 0;
}

/* Give each packet its send stamps: numbers count only what was handed over. */
static void assign_stamps(struct spd_dispatch *d)
{
    size_t number = 0;

    for (uint32_t i = 0; i < d->burst->n_packets; i++) {
        struct spd_packet_record *p = &d->record->packets[d->burst->first_packet + i];

        if (p->fate == SPD_FATE_NOT_SENT) {
            d->burst->n_not_sent++;
            continue;
        }
        p->t1_ns = p->t1_wire_ns;
        p->t1_source = SPD_STAMP_USER;
        if (p->dispatched_ticks) {
            spd_ticks at = { p->dispatched_ticks };

            p->t1_ns = spd_clock_pair_wall(&d->started, at, d->counter_hz).ns;
        }
        if (!d->kernel_stamps || p->err == SPD_ERR_NO_BUFFERS)
            continue; /* sends that failed have no number */
        p->left_host_ns = d->sent_ns[number];
        if (d->sched_ns[number]) {
            p->t1_ns = d->sched_ns[number];
            p->t1_source = SPD_STAMP_KERNEL_SCHED;
        } else {
            d->burst->n_stamps_missing++;
        }
        number++;
    }
}

/* The largest gap between two submissions, where each one was stamped. */
static spd_ns largest_gap(const struct spd_dispatch *d)
{
    spd_ns largest = -1;
    int64_t previous = 0;

    for (uint32_t i = 0; i < d->burst->n_packets; i++) {
        const struct spd_packet_record *p = &d->record->packets[d->burst->first_packet + i];
        bool stamped = p->t1_source == SPD_STAMP_KERNEL_SCHED || p->dispatched_ticks;

        if (p->fate == SPD_FATE_NOT_SENT || !stamped)
            continue;
        if (previous && p->t1_ns - previous > largest)
            largest = p->t1_ns - previous;
        previous = p->t1_ns;
    }
    return largest;
}

static enum spd_broken judge(const struct spd_dispatch *d)
{
    const struct spd_burst_record *b = d->burst;

    if (b->n_not_sent > 0)
        return SPD_BROKEN_SEND_FAILED;
    if (d->n_handed < b->n_packets)
        return SPD_BROKEN_BUFFER_OVERFLOW;
    if (b->n_involuntary_switches > 0)
        return SPD_BROKEN_SWITCHED;
    if (b->gap_max_ns > d->gap_limit_ns)
        return SPD_BROKEN_GAP;
    if (b->n_involuntary_switches < 0 && b->gap_max_ns < 0 && b->n_packets > 1)
        return SPD_BROKEN_UNKNOWN;
    return SPD_BROKEN_WHOLE;
}

struct spd_burst_record *spd_dispatch_finish(struct spd_dispatch *d)
{
    struct spd_clock_pair ended;
    uint64_t drops;

    spd_hot_leave();
    spd_clock_correlate(&ended);
    d->burst->clock_step_ns =
        spd_wall_diff_ns(ended.wall, d->started.wall) -
        spd_ticks_diff_ns(ended.ticks, d->started.ticks, d->counter_hz);
    if (spd_udp_receive_drops(d->udp, &drops))
        d->burst->n_dropped_local = drops - d->drops_before;
    assign_stamps(d);
    if (d->icmp_seen)
        spd_dispatch_take_icmp_errors(d);
    d->burst->gap_max_ns = largest_gap(d);
    d->burst->broken = (uint8_t)judge(d);
    return d->burst;
}

bool spd_dispatch_tail_probe(struct spd_dispatch *d)
{
    struct spd_unit *unit;

    if (d->n_probes == SPD_DISPATCH_TAIL_PROBES)
        return false;
    unit = spd_dispatch_send_unit(d, 0);
    if (unit->op.in_flight || queue_packet(d, 0, d->next_seq, SPD_DISPATCH_OP_PROBE))
        return false;
    spd_stamp_set_timestamp(unit->data, spd_ntptime_from_wall(spd_clock_wall()));
    d->n_probes++;
    d->next_seq++;
    (void)spd_cport_commit(d->port, NULL);
    return true;
}

bool spd_dispatch_tail_answered(const struct spd_dispatch *d)
{
    return d->tail_answered;
}

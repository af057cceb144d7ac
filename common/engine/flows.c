/*
 * The schedule and the sends, on the thread of the test. Between packets it
 * sleeps in the port, where replies wake it; the last stretch before a packet
 * it spends reading the counter. It never touches a file: complete records go
 * into a ring.
 */
#include "common/engine/flows.h"

#include <stdlib.h>

#include "common/base/assert.h"
#include "common/engine/flows_private.h"
#include "common/sys/clock.h"
#include "common/sys/sched.h"
#include "common/wire/ntptime.h"
#include "common/wire/padding.h"
#include "common/wire/stamp.h"

#define EVENTS_MAX       64
#define START_DELAY_NS   (10 * SPD_NS_PER_MS)
#define START_DELAY_MAX_NS (86400 * SPD_NS_PER_S)
#define COLLECT_EVERY_NS (5 * SPD_NS_PER_MS)

enum state { STATE_START, STATE_RUN, STATE_AWAIT, STATE_CLOSE, STATE_FINISHED };
enum key { KEY_CONTROL = 1, KEY_FLOWS = 16 };

static spd_ns steady_ns(const struct spd_flows *f)
{
    return (spd_ns)spd_ticks_to_ns(spd_clock_now().ticks, f->counter_hz);
}

/* Time since the start of the test. */
static spd_ns elapsed_ns(const struct spd_flows *f)
{
    return spd_ticks_diff_ns(spd_clock_now(), f->started.ticks, f->counter_hz);
}

void spd_flows_cancel(struct spd_flows *f)
{
    atomic_store(&f->cancel_wanted, true);
    (void)spd_cport_post(f->port, KEY_CONTROL, 0, NULL);
}

struct spd_flows_record *spd_flows_record(struct spd_flows *f)
{
    return &f->record;
}

/* ---------------------------------------------------------------- schedule */

static void schedule_next(struct spd_flow *flow)
{
    uint32_t n = flow->spec->info.n_packets;

    if (n > 0 && flow->next_seq == n) {
        spd_flow_terminate(flow, flow->due_ns);
        return;
    }
    spd_schedule_next(&flow->schedule, &flow->due_ns, &flow->next_size);
    flow->due_ns += flow->spec->starts_ns;
    if (flow->spec->ends_ns > 0 && flow->due_ns >= flow->spec->ends_ns)
        flow->over = true;
}

/* Whether everything that has an end is sent: noise goes on for the others, and
 * alone until its own end. */
static bool sending_over(const struct spd_flows *f)
{
    bool only_noise = true;

    for (size_t i = 0; i < f->spec.n_flows; i++) {
        only_noise = only_noise && f->flow[i].spec->kind == SPD_FLOW_NOISE;
        if (!f->flow[i].over && f->flow[i].spec->kind != SPD_FLOW_NOISE)
            return false;
    }
    return !only_noise;
}

static struct spd_flow *earliest(struct spd_flows *f)
{
    struct spd_flow *first = NULL;

    for (size_t i = 0; i < f->spec.n_flows; i++)
        if (!f->flow[i].over && (!first || f->flow[i].due_ns < first->due_ns))
            first = &f->flow[i];
    return first;
}

/* -------------------------------------------------------------------- send */

static void note_sent(struct spd_flows *f, struct spd_flow *flow, spd_ns at_ns)
{
    struct spd_flow_counts *c = flow->counts;
    spd_ns late_ns = at_ns - flow->due_ns;

    if (c->n_sent == 0)
        c->first_sent_ns = at_ns;
    c->last_sent_ns = at_ns;
    c->n_sent++;
    c->n_bytes_sent += flow->next_size;
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

static void not_sent(struct spd_flow *flow, uint32_t seq)
{
    flow->counts->n_not_sent++;
    flow->counts->n_sent--;
    if (flow->packets) {
        flow->packets[seq].flags &= (uint8_t)~SPD_FLOW_SENT;
        flow->packets[seq].flags |= SPD_FLOW_NOT_SENT;
        flow->states[seq] |= SPD_FLOW_PACKET_SETTLED;
    }
}

static void send_packet(struct spd_flows *f, struct spd_flow *flow)
{
    struct spd_unit *unit = spd_packet_heap_unit(flow->heap, flow->next_unit);
    size_t n_bytes = flow->next_size - flow->header_bytes;
    struct spd_stamp_request request = {
        .seq = flow->next_seq,
        .error_estimate = f->error_estimate,
        .ssid = flow->ssid,
    };
    spd_ticks before;
    spd_wall now, leaves;
    spd_ns at_ns;

    flow->next_unit = (flow->next_unit + 1) % SPD_FLOW_SEND_UNITS;
    before = spd_clock_now();
    now = spd_clock_wall();
    at_ns = spd_ticks_diff_ns(before, f->started.ticks, f->counter_hz);
    leaves = spd_wall_add(now, spd_stamp_ahead_offset(&f->ahead, 0));
    note_sent(f, flow, at_ns);
    note_packet(f, flow, at_ns, leaves);
    if (unit->op.in_flight) {
        /* So many sends wait in the send buffer that there is no unit left. */
        not_sent(flow, flow->next_seq);
    } else {
        request.timestamp = spd_ntptime_from_wall(leaves);
        if (flow->spec->kind != SPD_FLOW_NOISE) {
            /* Noise stays as it was filled. */
            if (flow->spec->kind == SPD_FLOW_ONE_WAY)
                spd_flow_fill_one_way(f, flow, unit, n_bytes);
            else
                spd_padding_set_length(unit->data, n_bytes);
            (void)spd_stamp_write_request(unit->data, unit->capacity, &request);
        }
        unit->tag = flow->next_seq;
        unit->op.kind = SPD_FLOW_OP_SEND;
        if (spd_udp_queue_send(flow->udp, &unit->op, unit->data, n_bytes, NULL) == SPD_ERR_OK) {
            f->n_in_flight++;
            (void)spd_cport_commit(f->port, NULL);
            spd_stamp_ahead_learn(&f->ahead,
                                  spd_ticks_diff_ns(spd_clock_now(), before, f->counter_hz), 1);
        } else {
            not_sent(flow, flow->next_seq);
        }
    }
    flow->next_seq++;
    f->active_ns = steady_ns(f);
    schedule_next(flow);
}

static void on_sent(struct spd_flow *flow, const struct spd_unit *unit,
                    const struct spd_completion *c)
{
    if (c->err == SPD_ERR_CANCELLED || unit->tag == SPD_FLOW_TAG_TERMINATION)
        return;
    if (flow->packets)
        flow->states[unit->tag] |= SPD_FLOW_PACKET_SETTLED;
    if (c->err == SPD_ERR_OK) {
        if (flow->stamps)
            flow->index_of[flow->n_handed++] = unit->tag;
        return;
    }
    /* This host's own queue dropped it behind our stamp: it was sent, and lost. */
    if (c->err != SPD_ERR_NO_BUFFERS)
        not_sent(flow, unit->tag);
}

/* ------------------------------------------------------------------- steps */

static void give_out(struct spd_flows *f, const struct spd_completion *events, size_t n)
{
    spd_wall dequeued = spd_clock_wall();

    for (size_t i = 0; i < n; i++) {
        const struct spd_completion *c = &events[i];
        struct spd_flow *flow;
        struct spd_unit *unit;

        if (c->key == KEY_CONTROL)
            continue; /* it has woken us */
        flow = &f->flow[c->key - KEY_FLOWS];
        unit = SPD_CONTAINER_OF(c->op, struct spd_unit, op);
        f->n_in_flight--;
        if (c->op->kind == SPD_FLOW_OP_SEND) {
            on_sent(flow, unit, c);
        } else {
            spd_flow_on_received(f, flow, unit, c, dequeued);
            f->active_ns = steady_ns(f);
        }
    }
}

static void show_progress(struct spd_flows *f)
{
    uint64_t wanted = 0, sent = 0;
    uint32_t permille;

    for (size_t i = 0; i < f->spec.n_flows; i++) {
        const struct spd_flow_spec *spec = f->flow[i].spec;

        wanted += spec->info.n_packets;
        sent += spec->info.n_packets ? f->flow[i].next_seq : 0;
        if (f->spec.n_flows == 1 && spec->ends_ns > 0) {
            wanted = (uint64_t)(spec->ends_ns / SPD_NS_PER_US);
            sent = (uint64_t)(f->flow[i].due_ns / SPD_NS_PER_US);
        }
    }
    permille = wanted ? (uint32_t)(sent * 1000 / wanted) : 0;
    if (permille / 10 == f->progress_permille / 10)
        return;
    f->progress_permille = permille;
    f->notify(f->context, SPD_FLOWS_PROGRESS, permille);
}

/* Fetch what is left in the port; what is posted from now on is refused. */
static void shut_port(struct spd_flows *f)
{
    struct spd_completion events[EVENTS_MAX];
    size_t n;

    spd_cport_close(f->port);
    while (spd_cport_wait(f->port, events, EVENTS_MAX, &n, SPD_NS_PER_S) == SPD_ERR_OK)
        give_out(f, events, n);
}

static void finish(struct spd_flows *f)
{
    f->record.interrupted = f->cancelled;
    shut_port(f);
    f->state = STATE_FINISHED;
    f->notify(f->context, SPD_FLOWS_FINISHED, 1000);
}

/* The system failed: the port can only be closed. What was measured stays. */
static void on_port_failed(struct spd_flows *f, enum spd_err err)
{
    spd_diag_set(&f->record.outcome, err, 0, "the completion port failed: %s", spd_err_text(err));
    spd_flows_close_sockets(f);
    (void)spd_flows_hand_over_rest(f);
    finish(f);
}

/* Replies that are there, their stamps, and records that are complete. */
static void attend(struct spd_flows *f, spd_ns wait_ns)
{
    struct spd_completion events[EVENTS_MAX];
    size_t n = 0;
    spd_ns now_ns;
    enum spd_err err = spd_cport_wait(f->port, events, EVENTS_MAX, &n, wait_ns);

    if (err && err != SPD_ERR_TIMEOUT) {
        on_port_failed(f, err);
        return;
    }
    give_out(f, events, n);
    f->cancelled = atomic_load(&f->cancel_wanted);
    now_ns = steady_ns(f);
    if (now_ns - f->collected_ns >= COLLECT_EVERY_NS) {
        f->collected_ns = now_ns;
        spd_flows_collect_stamps(f);
        spd_flows_hand_over(f);
        show_progress(f);
    }
}

static spd_ns start_delay_ns(const struct spd_flows *f)
{
    spd_ns delay_ns = f->spec.start_wall_ns - f->started.wall.ns;

    if (f->spec.start_wall_ns == 0 || delay_ns < START_DELAY_NS)
        return START_DELAY_NS;
    return delay_ns < START_DELAY_MAX_NS ? delay_ns : START_DELAY_MAX_NS;
}

static void on_start(struct spd_flows *f)
{
    spd_ns delay_ns;

    if (spd_flows_open(f, &f->record.outcome)) {
        f->state = STATE_CLOSE;
        return;
    }
    for (size_t i = 0; i < f->spec.n_flows; i++)
        schedule_next(&f->flow[i]);
    spd_clock_correlate(&f->started);
    delay_ns = start_delay_ns(f);
    f->started.ticks.ticks +=
        (uint64_t)delay_ns / (uint64_t)SPD_NS_PER_S * f->counter_hz +
        (uint64_t)delay_ns % (uint64_t)SPD_NS_PER_S * f->counter_hz / (uint64_t)SPD_NS_PER_S;
    f->started.wall.ns += delay_ns;
    f->active_ns = f->collected_ns = steady_ns(f);
    f->state = STATE_RUN;
}

static void on_run(struct spd_flows *f, spd_ns max_wait_ns)
{
    struct spd_flow *flow;
    spd_ns left_ns;

    for (size_t i = 0; f->cancelled && i < f->spec.n_flows; i++)
        spd_flow_terminate(&f->flow[i], elapsed_ns(f));
    flow = earliest(f);
    if (sending_over(f) || !flow) {
        f->record.duration_ns = elapsed_ns(f);
        f->active_ns = steady_ns(f);
        f->state = STATE_AWAIT;
        return;
    }
    left_ns = flow->due_ns - elapsed_ns(f);
    if (left_ns > f->slack_ns) {
        spd_ns wait_ns = f->spec.spin ? 0 : left_ns - f->slack_ns;

        attend(f, wait_ns < max_wait_ns ? wait_ns : max_wait_ns);
        return;
    }
    while (left_ns > 0)
        left_ns = flow->due_ns - elapsed_ns(f);
    if (flow->terminating)
        spd_flow_send_termination(f, flow);
    else
        send_packet(f, flow);
    attend(f, 0);
}

/* Whether nothing more is to be expected: replies, or stamps of one-way packets. */
static bool all_returned(const struct spd_flows *f)
{
    for (size_t i = 0; i < f->spec.n_flows; i++) {
        const struct spd_flow *flow = &f->flow[i];

        if (flow->spec->kind == SPD_FLOW_ONE_WAY
                ? !spd_flow_one_way_is_settled(flow)
                : flow->packets && !f->cancelled && flow->counts->n_returned < flow->counts->n_sent)
            return false;
    }
    return true;
}

static void on_await(struct spd_flows *f, spd_ns max_wait_ns)
{
    spd_ns left_ns = f->active_ns + f->spec.timeout_ns - steady_ns(f);
    spd_ns wait_ns = left_ns < COLLECT_EVERY_NS ? left_ns : COLLECT_EVERY_NS;

    if (left_ns <= 0 || all_returned(f)) {
        struct spd_clock_pair ended;

        spd_flows_collect_stamps(f);
        spd_clock_correlate(&ended);
        f->record.clock_step_ns = spd_wall_diff_ns(ended.wall, f->started.wall) -
                                  spd_ticks_diff_ns(ended.ticks, f->started.ticks, f->counter_hz);
        f->state = STATE_CLOSE;
        return;
    }
    attend(f, wait_ns < max_wait_ns ? wait_ns : max_wait_ns);
}

static void on_close(struct spd_flows *f, spd_ns max_wait_ns)
{
    spd_flows_close_sockets(f);
    if (f->n_in_flight > 0) {
        attend(f, max_wait_ns);
        return;
    }
    if (!spd_flows_hand_over_rest(f)) {
        attend(f, max_wait_ns < SPD_NS_PER_MS ? max_wait_ns : SPD_NS_PER_MS);
        return;
    }
    finish(f);
}

bool spd_flows_step(struct spd_flows *f, spd_ns max_wait_ns)
{
    switch (f->state) {
    case STATE_START:
        on_start(f);
        break;
    case STATE_RUN:
        on_run(f, max_wait_ns);
        break;
    case STATE_AWAIT:
        on_await(f, max_wait_ns);
        break;
    case STATE_CLOSE:
        on_close(f, max_wait_ns);
        break;
    default:
        return false;
    }
    return f->state != STATE_FINISHED;
}

spd_ns spd_flows_due_in_ns(const struct spd_flows *f)
{
    spd_ns due_ns = SPD_NS_MAX;

    if (f->state == STATE_AWAIT)
        return COLLECT_EVERY_NS;
    if (f->state != STATE_RUN)
        return 0;
    for (size_t i = 0; i < f->spec.n_flows; i++)
        if (!f->flow[i].over && f->flow[i].due_ns < due_ns)
            due_ns = f->flow[i].due_ns;
    due_ns -= elapsed_ns(f);
    return due_ns > 0 ? due_ns : 0;
}

void spd_flows_destroy(struct spd_flows *f)
{
    if (!f)
        return;
    SPD_ASSERT(f->state == STATE_FINISHED || f->state == STATE_START);
    if (f->state == STATE_START)
        shut_port(f);
    spd_flows_release(f);
}

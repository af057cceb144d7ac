/*
 * The steps of a test, on its thread. Between packets it sleeps in the port,
 * where replies wake it; the last stretch before a packet it spends reading the
 * counter. It never touches a file: complete records go into a ring.
 */
#include "common/engine/flows.h"

#include <stdlib.h>

#include "common/base/assert.h"
#include "common/engine/flows_private.h"
#include "common/sys/clock.h"
#include "common/sys/sched.h"
#include "common/sys/thread.h"

#define EVENTS_MAX         64
#define START_DELAY_NS     (10 * SPD_NS_PER_MS)
#define START_DELAY_MAX_NS (86400 * SPD_NS_PER_S)
#define COLLECT_EVERY_NS   (5 * SPD_NS_PER_MS)

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
    atomic_fetch_add(&f->n_cancels, 1);
    (void)spd_cport_post(f->port, KEY_CONTROL, 0, NULL);
}

struct spd_flows_record *spd_flows_record(struct spd_flows *f)
{
    return &f->record;
}

/* ---------------------------------------------------------------- schedule */

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
            f->n_sending--;
            spd_flow_on_sent(flow, unit, c);
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

/* Nothing came back but ICMP errors: that is no loss. */
static void conclude(struct spd_flows *f)
{
    for (size_t i = 0; i < f->spec.n_flows && f->record.outcome.err == SPD_ERR_OK; i++) {
        const struct spd_flow_counts *c = &f->record.counts[i];
        char text[SPD_ADDR_TEXT_BYTES];

        if (f->spec.flows[i].kind != SPD_FLOW_TWO_WAY || c->n_returned > 0 || c->n_unreachable == 0)
            continue;
        spd_addr_format(&f->record.info[i].target, text);
        if (c->unreachable == SPD_ERR_REFUSED)
            spd_diag_set(&f->record.outcome, c->unreachable, 0,
                         "%s: port unreachable: no reflector listens there; start \"stampede "
                         "reflect\" on that host",
                         text);
        else
            spd_diag_set(&f->record.outcome, c->unreachable, 0,
                         "%s: %s; check the link, the route and firewalls", text,
                         spd_err_text(c->unreachable));
    }
}

static void finish(struct spd_flows *f)
{
    f->record.interrupted = f->cancelled;
    shut_port(f);
    conclude(f);
    f->state = STATE_FINISHED;
    f->notify(f->context, SPD_FLOWS_FINISHED, 1000);
}

/* The system failed: the port can only be closed. What was measured stays. */
static void on_port_failed(struct spd_flows *f, enum spd_err err)
{
    spd_diag_set(&f->record.outcome, err, 0, "the completion port failed: %s", spd_err_text(err));
    f->port_failed = true;
    if (f->state == STATE_RUN)
        f->record.duration_ns = elapsed_ns(f);
    f->state = STATE_CLOSE;
}

/* Replies that are there, their stamps, and records that are complete. */
static void attend(struct spd_flows *f, spd_ns wait_ns)
{
    struct spd_completion events[EVENTS_MAX];
    unsigned n_cancels;
    size_t n = 0;
    spd_ns now_ns;
    enum spd_err err = spd_cport_wait(f->port, events, EVENTS_MAX, &n, wait_ns);

    if (err && err != SPD_ERR_TIMEOUT) {
        on_port_failed(f, err);
        return;
    }
    give_out(f, events, n);
    n_cancels = atomic_load(&f->n_cancels);
    f->cancelled = n_cancels > 0;
    f->hurried = n_cancels > 1;
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
        spd_flow_schedule_next(&f->flow[i]);
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
        spd_flow_send_packet(f, flow);
    attend(f, 0);
}

/* Whether nothing more is to be expected: replies, or stamps of one-way packets. */
static bool all_returned(const struct spd_flows *f)
{
    if (f->hurried)
        return true;
    if (f->n_sending > 0)
        return false;
    for (size_t i = 0; i < f->spec.n_flows; i++) {
        const struct spd_flow *flow = &f->flow[i];

        if (flow->spec->kind == SPD_FLOW_ONE_WAY
                ? !spd_flow_one_way_is_settled(flow)
                : flow->packets && flow->counts->n_returned < flow->counts->n_sent)
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
    spd_ns pause_ns = max_wait_ns < SPD_NS_PER_MS ? max_wait_ns : SPD_NS_PER_MS;

    spd_flows_close_sockets(f);
    if (f->n_in_flight > 0 && !f->port_failed) {
        attend(f, max_wait_ns);
        return;
    }
    if (spd_flows_hand_over_rest(f))
        finish(f);
    else if (f->port_failed)
        spd_thread_sleep(pause_ns);
    else
        attend(f, pause_ns);
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

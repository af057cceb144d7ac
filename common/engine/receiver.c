/*
 * The states of a receiver and its resources. create and destroy run on the
 * thread that wants the session, the rest on the receiver's own. It never
 * touches a file: records go into a ring.
 */
#include "common/engine/receiver.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/assert.h"
#include "common/engine/environment.h"
#include "common/engine/receiver_private.h"
#include "common/sys/clock.h"
#include "common/sys/thread.h"

#define EVENTS_MAX           64
#define KEY_CONTROL          1
#define KEY_UDP              2
#define RECEIVE_BUFFER_BYTES (64u << 20)
#define DATAGRAM_BYTES       9216
#define HAND_OVER_NS         SPD_NS_PER_MS
#define DRAIN_MAX            1000000 /* packets taken after the end, should they never cease */

enum state { STATE_START, STATE_RUN, STATE_DRAIN, STATE_CLOSE, STATE_FINISHED };

static spd_ns steady_ns(const struct spd_receiver *r)
{
    return (spd_ns)spd_ticks_to_ns(spd_clock_now().ticks, r->counter_hz);
}

const struct spd_receiver_record *spd_receiver_record(const struct spd_receiver *r)
{
    return &r->record;
}

size_t spd_receiver_kept(struct spd_receiver *r, const struct spd_flow_packet **packets)
{
    *packets = r->kept;
    return atomic_load_explicit(&r->n_kept, memory_order_acquire);
}

void spd_receiver_set_ring(struct spd_receiver *r, struct spd_ring_buffer *ring)
{
    atomic_store(&r->ring, ring);
    atomic_store(&r->ring_wanted, false);
    (void)spd_cport_post(r->port, KEY_CONTROL, 0, NULL);
}

void spd_receiver_stop(struct spd_receiver *r, enum spd_receiver_ending ending, uint32_t n_taken)
{
    unsigned running = SPD_RECEIVER_RUNNING;

    if (ending == SPD_RECEIVER_DONE)
        atomic_store(&r->taken, n_taken);
    (void)atomic_compare_exchange_strong(&r->stop_wanted, &running, (unsigned)ending);
    (void)spd_cport_post(r->port, KEY_CONTROL, 0, NULL);
}

/* The first reason stays. */
void spd_receiver_end(struct spd_receiver *r, enum spd_receiver_ending ending)
{
    if (r->record.ending != SPD_RECEIVER_RUNNING)
        return;
    r->record.ending = ending;
    r->ended_ns = steady_ns(r);
}

static void note_stop(struct spd_receiver *r)
{
    enum spd_receiver_ending wanted = (enum spd_receiver_ending)atomic_load(&r->stop_wanted);
    uint32_t taken = atomic_load(&r->taken);

    if (wanted == SPD_RECEIVER_RUNNING)
        return;
    /* The sender's word counts also where its termination packet was faster. */
    if (wanted == SPD_RECEIVER_DONE && taken <= r->record.info.n_packets) {
        r->record.n_taken_known = true;
        r->record.n_taken = taken;
    }
    spd_receiver_end(r, wanted);
}

/* -------------------------------------------------------------------- create */

enum spd_err spd_receiver_create(const struct spd_receiver_spec *spec, struct spd_ring_buffer *ring,
                                 spd_receiver_notify *notify, void *context,
                                 struct spd_receiver **out, struct spd_diag *diag)
{
    bool controlled = spec->sender.family != SPD_FAMILY_NONE;
    struct spd_cport_config port = { .single_owner = true };
    struct spd_receiver *r;
    enum spd_err err;

    if (spec->n_packets > SPD_RECEIVER_PACKETS_MAX || (controlled && spec->n_packets == 0))
        return spd_diag_set(diag, SPD_ERR_RANGE, 0, "a session has 1 to %u packets, not %u",
                            SPD_RECEIVER_PACKETS_MAX, spec->n_packets);
    r = calloc(1, sizeof(*r));
    if (!r)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for the receiver");
    r->spec = *spec;
    atomic_init(&r->ring, ring);
    atomic_init(&r->ring_wanted, spec->wait_for_ring);
    atomic_init(&r->stop_wanted, SPD_RECEIVER_RUNNING);
    atomic_init(&r->taken, UINT32_MAX);
    atomic_init(&r->n_kept, 0);
    r->notify = notify;
    r->context = context;
    r->counter_hz = spd_clock_frequency_hz();
    r->header_bytes = spd_addr_header_bytes(&spec->listen);
    r->record.info.one_way = true;
    r->record.info.n_packets = spec->n_packets;
    r->record.info.source = spec->sender;
    r->record.session = spec->session;
    err = spd_packet_heap_create(SPD_RECEIVER_UNITS, DATAGRAM_BYTES, &r->heap, diag);
    if (!err && controlled && spd_receiver_begin(r))
        err = spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for a session of %u packets",
                           spec->n_packets);
    if (!err)
        err = spd_cport_create(&port, &r->port, diag);
    if (err) {
        spd_receiver_destroy(r);
        return err;
    }
    *out = r;
    return SPD_ERR_OK;
}

void spd_receiver_destroy(struct spd_receiver *r)
{
    if (!r)
        return;
    SPD_ASSERT(r->state == STATE_START || r->state == STATE_FINISHED);
    if (r->port && r->state == STATE_START)
        spd_cport_close(r->port);
    /* Only a port that failed for good leaves operations behind: the system may
     * still write to their memory, so it is lost rather than used again. */
    if (r->n_in_flight == 0) {
        spd_packet_heap_destroy(r->heap);
        if (r->port)
            spd_cport_destroy(r->port);
    }
    free(r->seen);
    free(r->kept);
    free(r);
}

/* ---------------------------------------------------------------------- open */

void spd_receiver_queue_receive(struct spd_receiver *r, struct spd_unit *unit)
{
    if (r->stopped)
        return;
    if (spd_udp_queue_receive(r->udp, &unit->op, unit->data, DATAGRAM_BYTES, &unit->meta) ==
        SPD_ERR_OK)
        r->n_in_flight++;
    else
        r->record.n_receive_failed++;
}

static enum spd_err open_socket(struct spd_receiver *r)
{
    const struct spd_receiver_spec *s = &r->spec;
    struct spd_udp_config config = {
        .local = s->listen,
        .receive_buffer_bytes = RECEIVE_BUFFER_BYTES,
        .max_datagram_bytes = DATAGRAM_BYTES,
        .max_queued_receives = SPD_RECEIVER_UNITS,
        .tclass = -1,
        .want_receive_stamps = s->kernel_stamps,
        .want_receive_details = true,
        .v6_only = true,
    };
    unsigned port = s->listen.port || !s->port_first ? s->listen.port : s->port_first;
    enum spd_err err;

    memcpy(config.interface_name, s->interface_name, sizeof(config.interface_name));
    do {
        config.local.port = (uint16_t)port;
        err = spd_udp_open(r->port, KEY_UDP, &config, &r->udp, &r->record.outcome);
    } while (err == SPD_ERR_IN_USE && !s->listen.port && s->port_first && port++ < s->port_last);
    if (!err)
        r->record.outcome = (struct spd_diag){ 0 };
    return err;
}

static void note_environment(struct spd_receiver *r, const struct spd_udp_facts *facts)
{
    struct spd_burst_spec spec = { .kernel_stamps = r->spec.kernel_stamps };
    struct spd_plan plan = { .receive_buffer_bytes = RECEIVE_BUFFER_BYTES };
    struct spd_packet_heap_facts heap;
    struct spd_cport_facts port;

    spd_cport_facts(r->port, &port);
    spd_environment_note_port(&r->record.environment, &port);
    spd_packet_heap_facts(r->heap, &heap);
    spd_environment_note_heap(&r->record.environment, &heap);
    spd_environment_note_udp(&r->record.environment, &spec, &plan, facts, false, "");
}

static void on_start(struct spd_receiver *r)
{
    struct spd_udp_facts facts;

    if (open_socket(r)) {
        spd_receiver_end(r, SPD_RECEIVER_ERROR);
        r->state = STATE_CLOSE;
        return;
    }
    spd_udp_facts(r->udp, &facts);
    r->record.info.target = facts.local;
    r->record.receive_stamp = facts.receive_stamp ? facts.receive_stamp : SPD_STAMP_USER;
    note_environment(r, &facts);
    for (unsigned i = 0; i < SPD_RECEIVER_UNITS; i++)
        spd_receiver_queue_receive(r, spd_packet_heap_unit(r->heap, i));
    (void)spd_cport_commit(r->port, NULL);
    spd_clock_correlate(&r->started);
    r->active_ns = steady_ns(r);
    r->state = STATE_RUN;
    r->notify(r->context, SPD_RECEIVER_OPENED, facts.local.port);
}

/* --------------------------------------------------------------------- steps */

static void give_out(struct spd_receiver *r, const struct spd_completion *events, size_t n)
{
    spd_wall dequeued = spd_clock_wall();

    for (size_t i = 0; i < n; i++) {
        const struct spd_completion *c = &events[i];
        struct spd_unit *unit;

        if (c->key == KEY_CONTROL)
            continue; /* it has woken us */
        unit = SPD_CONTAINER_OF(c->op, struct spd_unit, op);
        r->n_in_flight--;
        if (c->err == SPD_ERR_OK || c->err == SPD_ERR_TRUNCATED) {
            r->active_ns = steady_ns(r);
            r->n_drained++;
            spd_receiver_on_packet(r, unit, c->n_bytes, dequeued);
        } else if (c->err != SPD_ERR_CANCELLED) {
            r->record.n_receive_failed++;
            spd_receiver_queue_receive(r, unit);
        }
    }
}

/* Fetch what is left in the port; what is posted from now on is refused. */
static void finish(struct spd_receiver *r)
{
    struct spd_completion events[EVENTS_MAX];
    size_t n;

    spd_cport_close(r->port);
    while (spd_cport_wait(r->port, events, EVENTS_MAX, &n, SPD_NS_PER_S) == SPD_ERR_OK)
        give_out(r, events, n);
    r->state = STATE_FINISHED;
    r->notify(r->context, SPD_RECEIVER_FINISHED, 0);
}

static void close_socket(struct spd_receiver *r)
{
    if (r->stopped)
        return;
    r->stopped = true;
    if (r->udp)
        r->record.n_dropped_known = spd_udp_receive_drops(r->udp, &r->record.n_dropped_local);
    spd_udp_close(r->udp);
    r->udp = NULL;
}

/* Returns how many packets came. */
static size_t attend(struct spd_receiver *r, spd_ns wait_ns)
{
    struct spd_completion events[EVENTS_MAX];
    unsigned n_before = r->n_drained;
    size_t n = 0;
    enum spd_err err;

    /* Records that found the ring full: look again soon. */
    if (!spd_receiver_hand_over(r) && wait_ns > HAND_OVER_NS)
        wait_ns = HAND_OVER_NS;
    err = spd_cport_wait(r->port, events, EVENTS_MAX, &n, wait_ns);
    if (err && err != SPD_ERR_TIMEOUT) {
        /* The system failed: the port can only be closed. What was recorded stays. */
        spd_diag_set(&r->record.outcome, err, 0, "the completion port failed: %s",
                     spd_err_text(err));
        r->record.ending = SPD_RECEIVER_ERROR;
        r->state = STATE_CLOSE;
        close_socket(r);
        return 0;
    }
    give_out(r, events, n);
    note_stop(r);
    (void)spd_receiver_hand_over(r);
    return r->n_drained - n_before;
}

/* How long silence may still last. */
static spd_ns patience_ns(const struct spd_receiver *r)
{
    spd_ns limit_ns = r->record.n_records > 0    ? r->spec.timeout_ns
                      : r->spec.first_timeout_ns ? r->spec.first_timeout_ns
                                                 : SPD_NS_FOREVER;

    return limit_ns == SPD_NS_FOREVER ? SPD_NS_FOREVER : r->active_ns + limit_ns - steady_ns(r);
}

static spd_ns least(spd_ns a, spd_ns b)
{
    return a < b ? a : b;
}

/* An announced end leaves time for packets that were overtaken. */
static spd_ns linger_left_ns(const struct spd_receiver *r)
{
    enum spd_receiver_ending e = r->record.ending;

    if (e != SPD_RECEIVER_COUNT && e != SPD_RECEIVER_TERMINATION && e != SPD_RECEIVER_DONE)
        return 0;
    return r->ended_ns + r->spec.linger_ns - steady_ns(r);
}

static void on_run(struct spd_receiver *r, spd_ns max_wait_ns)
{
    spd_ns left_ns;

    if (r->record.ending == SPD_RECEIVER_RUNNING) {
        left_ns = patience_ns(r);
        if (left_ns > 0) {
            attend(r, least(left_ns, max_wait_ns));
            return;
        }
        spd_receiver_end(r, SPD_RECEIVER_TIMEOUT);
    }
    left_ns = linger_left_ns(r);
    if (left_ns > 0) {
        attend(r, least(left_ns, max_wait_ns));
        return;
    }
    r->n_drained = 0;
    r->state = STATE_DRAIN;
}

/* What waits in the socket's buffer arrived before the end. */
static void on_drain(struct spd_receiver *r, spd_ns max_wait_ns)
{
    struct spd_clock_pair ended;
    size_t n = attend(r, r->n_held > 0 ? least(HAND_OVER_NS, max_wait_ns) : 0);

    if (r->state != STATE_DRAIN || ((n > 0 || r->n_held > 0) && r->n_drained < DRAIN_MAX))
        return;
    spd_clock_correlate(&ended);
    r->record.clock_step_ns = spd_wall_diff_ns(ended.wall, r->started.wall) -
                              spd_ticks_diff_ns(ended.ticks, r->started.ticks, r->counter_hz);
    close_socket(r);
    r->state = STATE_CLOSE;
}

static void on_close(struct spd_receiver *r, spd_ns max_wait_ns)
{
    struct spd_completion events[EVENTS_MAX];
    bool handed_over;
    size_t n = 0;
    enum spd_err err;

    close_socket(r);
    handed_over = spd_receiver_hand_over(r);
    if (handed_over && r->n_in_flight == 0) {
        finish(r);
        return;
    }
    err = spd_cport_wait(r->port, events, EVENTS_MAX, &n,
                         handed_over ? max_wait_ns : least(HAND_OVER_NS, max_wait_ns));
    if (err && err != SPD_ERR_TIMEOUT) {
        if (handed_over)
            finish(r);
        else
            spd_thread_sleep(HAND_OVER_NS); /* the port failed; the ring is full */
        return;
    }
    give_out(r, events, n);
}

bool spd_receiver_step(struct spd_receiver *r, spd_ns max_wait_ns)
{
    switch (r->state) {
    case STATE_START:
        on_start(r);
        break;
    case STATE_RUN:
        on_run(r, max_wait_ns);
        break;
    case STATE_DRAIN:
        on_drain(r, max_wait_ns);
        break;
    case STATE_CLOSE:
        on_close(r, max_wait_ns);
        break;
    default:
        return false;
    }
    return r->state != STATE_FINISHED;
}

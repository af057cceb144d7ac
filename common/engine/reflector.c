/*
 * Runs on the reflector's thread. Per packet: stamp, check, number, answer in
 * place; no allocation, no lock, no text. Each reply is handed over by itself
 * unless asked otherwise: batches save a few per cent of processor time but
 * spread the moments at which their packets leave, and the stamp in the packet
 * has to foretell that moment (stamp_ahead).
 */
#include "common/base/assert.h"
#include "common/engine/reflector_loops.h"
#include "common/engine/reflector_private.h"
#include "common/sys/clock.h"
#include "common/wire/ntptime.h"
#include "common/wire/stamp.h"

#define MEASURE_EVERY   8
#define PAUSE_NS        (200 * SPD_NS_PER_US)
#define HOUSEKEEPING_NS SPD_NS_PER_S

enum op_kind { OP_RECEIVE = 1, OP_SEND = 2 };

static spd_ns steady_ns(const struct spd_reflector *r)
{
    return (spd_ns)spd_ticks_to_ns(spd_clock_now().ticks, r->counter_hz);
}

void spd_reflector_read_clock_quality(struct spd_reflector *r)
{
    spd_ns error_ns = -1;
    int synchronised = spd_clock_is_synchronised(&error_ns);

    r->error_estimate = spd_error_estimate_encode(synchronised == 1, false, error_ns);
}

void spd_reflector_queue_receive(struct spd_reflector *r, struct spd_unit *unit)
{
    struct spd_reflector_listener *l = &r->listeners[unit->tag];

    unit->op.kind = OP_RECEIVE;
    if (spd_udp_queue_receive(l->udp, &unit->op, unit->data, r->config.max_packet_bytes,
                              &unit->meta) == SPD_ERR_OK)
        r->n_in_flight++;
    else
        r->counters.n_receive_failed++;
}

/* The stamps are written last, each for the moment at which its packet will
 * leave. */
static void stamp_batch(struct spd_reflector *r, const struct spd_stamp_ahead *ahead)
{
    spd_wall now = spd_clock_wall();

    r->last_stamp_ns = now.ns;
    for (unsigned i = 0; i < r->n_batch; i++) {
        spd_wall leaves = spd_wall_add(now, spd_stamp_ahead_offset(ahead, i));

        spd_stamp_set_timestamp(r->batch[i]->data, spd_ntptime_from_wall(leaves));
    }
}

/* Whether the caches have had time to go cold since the last send. */
static bool after_pause(const struct spd_reflector *r, spd_wall dequeued)
{
    return dequeued.ns - r->last_stamp_ns > PAUSE_NS || dequeued.ns < r->last_stamp_ns;
}

/* Hand the batch over. What that takes is measured now and then only: reading
 * the counter costs more than all the rest here. */
static void flush(struct spd_reflector *r)
{
    unsigned n = r->n_batch;
    struct spd_stamp_ahead *ahead = r->cold ? &r->ahead_cold : &r->ahead;
    bool measure = r->cold || r->n_flushes++ % MEASURE_EVERY == 0;
    spd_ticks before = { 0 };

    if (n == 0)
        return;
    if (r->cold)
        spd_warmup_run(r->listeners[r->batch[0]->tag].warmup);
    if (measure)
        before = spd_clock_now();
    stamp_batch(r, ahead);
    r->n_batch = 0;
    r->cold = false;
    (void)spd_cport_commit(r->port, NULL);
    if (measure)
        spd_stamp_ahead_learn(ahead, spd_ticks_diff_ns(spd_clock_now(), before, r->counter_hz), n);
}

static int reply_tclass(const struct spd_reflector *r, const struct spd_unit *unit)
{
    if (r->config.reply_dscp >= 0)
        return -1; /* the socket has it */
    /* RFC 7750 section 3: the reply is Not-ECT. */
    return unit->meta.tclass > 3 ? unit->meta.tclass & 0xFC : -1;
}

static enum spd_err queue_reply(struct spd_reflector *r, struct spd_unit *unit, size_t n_bytes)
{
    struct spd_reflector_listener *l = &r->listeners[unit->tag];
    struct spd_udp_send_options options = {
        .to = &unit->meta.from,
        .from = l->wildcard && unit->meta.to.family ? &unit->meta.to : NULL,
        .tclass = reply_tclass(r, unit),
    };
    enum spd_err err;

    unit->op.kind = OP_SEND;
    err = spd_udp_queue_send(l->udp, &unit->op, unit->data, n_bytes, &options);
    if (err == SPD_ERR_FULL) {
        flush(r);
        err = spd_udp_queue_send(l->udp, &unit->op, unit->data, n_bytes, &options);
    }
    return err;
}

/* Count what must never be answered, or not now. */
static bool may_answer(struct spd_reflector *r, const struct spd_unit *unit, spd_ns now_ns,
                       bool *established)
{
    struct spd_reflector_counters *c = &r->counters;

    *established = true;
    if (spd_reflector_loops_is_one(&unit->meta.from, &unit->meta.to, r->ports, r->n_listeners,
                                   unit->data, unit->n_bytes, r->now_seconds)) {
        c->n_loops++;
        return false;
    }
    if (r->config.never_larger && unit->n_bytes < SPD_STAMP_BYTES) {
        c->n_short++;
        return false;
    }
    if (!r->limits)
        return true;
    switch (spd_reflector_limits_take(r->limits, &unit->meta.from, now_ns, established)) {
    case SPD_REFLECTOR_ANSWER:
        return true;
    case SPD_REFLECTOR_NOT_ALLOWED:
        c->n_not_allowed++;
        return false;
    case SPD_REFLECTOR_SOURCE_RATE:
        c->n_over_source_rate++;
        return false;
    case SPD_REFLECTOR_NO_PLACE:
        c->n_without_place++;
        return false;
    case SPD_REFLECTOR_TOTAL_RATE:
        c->n_over_total_rate++;
        return false;
    }
    return false;
}

/* RFC 8762 section 4.3: the Sequence Number of the reply; false, and counted,
 * when the session is one too many. */
static bool reply_seq(struct spd_reflector *r, const struct spd_unit *unit,
                      const struct spd_stamp_request *request, bool established, spd_ns now_ns,
                      uint32_t *seq)
{
    struct spd_reflector_session_key key = { .sender = unit->meta.from, .ssid = request->ssid };
    enum spd_err err;

    if (!r->sessions) {
        *seq = request->seq;
        return true;
    }
    key.reflector = unit->meta.to.family ? unit->meta.to : r->listeners[unit->tag].facts.local;
    key.reflector.port = r->listeners[unit->tag].facts.local.port;
    err = spd_reflector_sessions_next(r->sessions, &key, established, now_ns, seq);
    if (err == SPD_ERR_FULL)
        r->counters.n_source_sessions_refused++;
    else if (err)
        r->counters.n_sessions_refused++;
    return !err;
}

/* Check a received packet and queue its reply; false when it gets none. */
static bool answer(struct spd_reflector *r, struct spd_unit *unit, spd_wall dequeued, spd_ns now_ns)
{
    struct spd_stamp_request request;
    struct spd_stamp_reply reply;
    spd_wall received = unit->meta.stamp_source ? unit->meta.kernel_stamp : dequeued;
    uint32_t seq;
    size_t n_reply;
    bool established;

    if (spd_stamp_read_request(unit->data, unit->n_bytes, &request)) {
        r->counters.n_malformed++;
        return false;
    }
    if (!may_answer(r, unit, now_ns, &established) ||
        !reply_seq(r, unit, &request, established, now_ns, &seq))
        return false;
    reply = (struct spd_stamp_reply){
        .seq = seq,
        .error_estimate = r->error_estimate,
        .ssid = request.ssid,
        .receive_timestamp = spd_ntptime_from_wall(received),
        .sender_seq = request.seq,
        .sender_timestamp = request.timestamp,
        .sender_error_estimate = request.error_estimate,
        /* RFC 5357 section 4.2.1: 255 when the TTL cannot be read. */
        .sender_ttl = unit->meta.ttl >= 0 ? (uint8_t)unit->meta.ttl : 255,
        .sender_ttl_known = true,
    };
    if (spd_stamp_write_reply(unit->data, unit->n_bytes, unit->capacity, &reply, &n_reply))
        return false;
    if (queue_reply(r, unit, n_reply)) {
        r->counters.n_send_failed++;
        return false;
    }
    r->n_in_flight++;
    r->batch[r->n_batch++] = unit;
    if (r->n_batch == r->config.batch)
        flush(r);
    return true;
}

static void on_received(struct spd_reflector *r, struct spd_unit *unit,
                        const struct spd_completion *c, spd_wall dequeued, spd_ns now_ns)
{
    bool answered = false;

    if (c->err == SPD_ERR_OK) {
        r->counters.n_received++;
        unit->n_bytes = c->n_bytes;
        answered = answer(r, unit, dequeued, now_ns);
    } else if (c->err == SPD_ERR_TRUNCATED) {
        /* The reply would have to mirror octets that are gone. */
        r->counters.n_received++;
        r->counters.n_truncated++;
    } else if (c->err != SPD_ERR_CANCELLED) {
        r->counters.n_receive_failed++;
    }
    if (!answered && c->err != SPD_ERR_CANCELLED)
        spd_reflector_queue_receive(r, unit);
}

static void on_sent(struct spd_reflector *r, struct spd_unit *unit, const struct spd_completion *c)
{
    if (c->err == SPD_ERR_OK)
        r->counters.n_reflected++;
    else if (c->err != SPD_ERR_CANCELLED)
        r->counters.n_send_failed++;
    if (c->err != SPD_ERR_CANCELLED)
        spd_reflector_queue_receive(r, unit);
}

static void housekeeping(struct spd_reflector *r, spd_ns now_ns)
{
    if (now_ns - r->housekeeping_ns < HOUSEKEEPING_NS)
        return;
    r->housekeeping_ns = now_ns;
    spd_reflector_read_clock_quality(r);
    if (r->sessions)
        r->counters.n_sessions_expired += spd_reflector_sessions_expire(r->sessions, now_ns);
}

enum spd_err spd_reflector_step(struct spd_reflector *r, spd_ns max_wait_ns,
                                spd_reflector_on_post *on_post, void *context)
{
    struct spd_completion events[SPD_REFLECTOR_EVENTS_MAX];
    spd_wall dequeued;
    spd_ns now_ns;
    size_t n = 0;
    enum spd_err err;

    err = spd_cport_wait(r->port, events, SPD_REFLECTOR_EVENTS_MAX, &n, max_wait_ns);
    if (err && err != SPD_ERR_TIMEOUT)
        return err;
    dequeued = spd_clock_wall();
    r->cold = after_pause(r, dequeued);
    r->now_seconds = spd_reflector_loops_seconds(dequeued);
    now_ns = steady_ns(r);
    for (size_t i = 0; i < n; i++) {
        struct spd_completion *c = &events[i];
        struct spd_unit *unit;

        if (!spd_reflector_owns(r, c)) {
            if (on_post)
                on_post(context, c);
            continue;
        }
        unit = SPD_CONTAINER_OF(c->op, struct spd_unit, op);
        r->n_in_flight--;
        if (c->op->kind == OP_RECEIVE)
            on_received(r, unit, c, dequeued, now_ns);
        else
            on_sent(r, unit, c);
    }
    flush(r);
    housekeeping(r, now_ns);
    return err;
}

void spd_reflector_facts(const struct spd_reflector *r, size_t i, struct spd_udp_facts *out)
{
    SPD_ASSERT(i < r->n_listeners);
    *out = r->listeners[i].facts;
}

void spd_reflector_counters(struct spd_reflector *r, struct spd_reflector_counters *out)
{
    *out = r->counters;
    for (size_t i = 0; i < r->n_listeners; i++) {
        uint64_t n = 0;

        if (r->listeners[i].udp && spd_udp_receive_drops(r->listeners[i].udp, &n))
            out->n_dropped_by_system += n;
    }
    if (r->sessions)
        out->n_sessions = spd_reflector_sessions_count(r->sessions);
    if (r->limits)
        out->n_sources = spd_reflector_limits_n_sources(r->limits);
}

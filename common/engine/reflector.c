/*
 * Runs on the reflector's thread. Per packet: stamp, check, number, answer in
 * place; no allocation, no lock, no text. Each reply is handed over by itself
 * unless asked otherwise: batches save a few per cent of processor time but
 * spread the moments at which their packets leave, and the stamp in the packet
 * has to foretell that moment (stamp_ahead).
 */
#include "common/engine/reflector.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/assert.h"
#include "common/engine/packet_heap.h"
#include "common/engine/reflector_sessions.h"
#include "common/engine/stamp_ahead.h"
#include "common/sys/clock.h"
#include "common/sys/warmup.h"
#include "common/wire/ntptime.h"
#include "common/wire/stamp.h"

#define BATCH_MAX       64
#define EVENTS_MAX      64
#define MEASURE_EVERY   8
#define PAUSE_NS        (200 * SPD_NS_PER_US)
#define HOUSEKEEPING_NS SPD_NS_PER_S
#define DRAIN_ATTEMPTS  3

enum op_kind { OP_RECEIVE = 1, OP_SEND = 2 };

struct listener {
    struct spd_udp *udp;
    struct spd_udp_facts facts;
    bool wildcard;             /* replies must name the address that was asked */
    struct spd_warmup *warmup; /* or NULL */
};

struct spd_reflector {
    struct spd_cport *port;
    uintptr_t first_key;
    struct spd_reflector_config config;
    struct listener listeners[SPD_REFLECTOR_MAX_LISTEN];
    size_t n_listeners;
    struct spd_packet_heap *heap;
    struct spd_reflector_sessions *sessions;
    struct spd_reflector_counters counters;
    struct spd_stamp_ahead ahead;
    struct spd_stamp_ahead ahead_cold; /* for the first send after a pause */
    spd_ns last_stamp_ns;
    bool cold; /* the next send is that */
    struct spd_unit *batch[BATCH_MAX];
    unsigned n_batch;
    unsigned n_flushes;
    unsigned n_in_flight; /* operations that belong to the port */
    uint16_t error_estimate;
    uint64_t counter_hz;
    spd_ns housekeeping_ns;
};

static spd_ns steady_ns(const struct spd_reflector *r)
{
    return (spd_ns)spd_ticks_to_ns(spd_clock_now().ticks, r->counter_hz);
}

static void read_clock_quality(struct spd_reflector *r)
{
    spd_ns error_ns = -1;
    int synchronised = spd_clock_is_synchronised(&error_ns);

    r->error_estimate = spd_error_estimate_encode(synchronised == 1, false, error_ns);
}

static void queue_receive(struct spd_reflector *r, struct spd_unit *unit)
{
    struct listener *l = &r->listeners[unit->tag];

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
    struct listener *l = &r->listeners[unit->tag];
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

/* A reply may never provoke another reply: reflectors listen on the well-known
 * port or on ours, and nobody else sends from there in good faith. Senders
 * that cannot be answered are left alone as well. */
static bool may_answer(const struct spd_reflector *r, const struct spd_unit *unit)
{
    const struct spd_addr *from = &unit->meta.from;

    return from->port != 0 && from->port != SPD_STAMP_DEFAULT_PORT &&
           from->port != r->listeners[unit->tag].facts.local.port && !spd_addr_is_any(from) &&
           !spd_addr_is_multicast(from) && !spd_addr_is_multicast(&unit->meta.to);
}

/* RFC 8762 section 4.3: the Sequence Number of the reply. */
static enum spd_err reply_seq(struct spd_reflector *r, const struct spd_unit *unit,
                              const struct spd_stamp_request *request, spd_ns now_ns, uint32_t *seq)
{
    struct spd_reflector_session_key key = { .sender = unit->meta.from, .ssid = request->ssid };

    if (!r->sessions) {
        *seq = request->seq;
        return SPD_ERR_OK;
    }
    key.reflector = unit->meta.to.family ? unit->meta.to : r->listeners[unit->tag].facts.local;
    key.reflector.port = r->listeners[unit->tag].facts.local.port;
    return spd_reflector_sessions_next(r->sessions, &key, now_ns, seq);
}

/* Check a received packet and queue its reply; false when it gets none. */
static bool answer(struct spd_reflector *r, struct spd_unit *unit, spd_wall dequeued, spd_ns now_ns)
{
    struct spd_stamp_request request;
    struct spd_stamp_reply reply;
    spd_wall received = unit->meta.stamp_source ? unit->meta.kernel_stamp : dequeued;
    uint32_t seq;
    size_t n_reply;

    if (spd_stamp_read_request(unit->data, unit->n_bytes, &request)) {
        r->counters.n_malformed++;
        return false;
    }
    if (!may_answer(r, unit)) {
        r->counters.n_loops++;
        return false;
    }
    if (reply_seq(r, unit, &request, now_ns, &seq)) {
        r->counters.n_sessions_refused++;
        return false;
    }
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
        queue_receive(r, unit);
}

static void on_sent(struct spd_reflector *r, struct spd_unit *unit, const struct spd_completion *c)
{
    if (c->err == SPD_ERR_OK)
        r->counters.n_reflected++;
    else if (c->err != SPD_ERR_CANCELLED)
        r->counters.n_send_failed++;
    if (c->err != SPD_ERR_CANCELLED)
        queue_receive(r, unit);
}

static void housekeeping(struct spd_reflector *r, spd_ns now_ns)
{
    if (now_ns - r->housekeeping_ns < HOUSEKEEPING_NS)
        return;
    r->housekeeping_ns = now_ns;
    read_clock_quality(r);
    if (r->sessions)
        r->counters.n_sessions_expired += spd_reflector_sessions_expire(r->sessions, now_ns);
}

static bool is_ours(const struct spd_reflector *r, const struct spd_completion *c)
{
    return c->op && c->key >= r->first_key && c->key < r->first_key + r->n_listeners;
}

enum spd_err spd_reflector_step(struct spd_reflector *r, spd_ns max_wait_ns,
                                spd_reflector_on_post *on_post, void *context)
{
    struct spd_completion events[EVENTS_MAX];
    spd_wall dequeued;
    spd_ns now_ns;
    size_t n = 0;
    enum spd_err err;

    err = spd_cport_wait(r->port, events, EVENTS_MAX, &n, max_wait_ns);
    if (err && err != SPD_ERR_TIMEOUT)
        return err;
    dequeued = spd_clock_wall();
    r->cold = after_pause(r, dequeued);
    now_ns = steady_ns(r);
    for (size_t i = 0; i < n; i++) {
        struct spd_completion *c = &events[i];
        struct spd_unit *unit;

        if (!is_ours(r, c)) {
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

static enum spd_err open_listener(struct spd_reflector *r, size_t i, const struct spd_addr *address,
                                  struct spd_diag *diag)
{
    struct spd_udp_config config = {
        .local = *address,
        .send_buffer_bytes = 4u << 20,
        .receive_buffer_bytes = 64u << 20,
        .max_datagram_bytes = r->config.max_packet_bytes,
        .max_queued_receives = r->config.n_receives,
        .tclass = r->config.reply_dscp >= 0 ? r->config.reply_dscp << 2 : -1,
        .ttl = 255, /* RFC 5357 section 4.2.1 */
        .want_receive_stamps = true,
        .want_receive_details = true,
        .v6_only = true,
    };
    struct listener *l = &r->listeners[i];
    enum spd_err err;

    if (r->config.interface_name)
        strncpy(config.interface_name, r->config.interface_name, sizeof(config.interface_name) - 1);
    err = spd_udp_open(r->port, r->first_key + i, &config, &l->udp, diag);
    if (err)
        return err;
    r->n_listeners = i + 1;
    l->wildcard = spd_addr_is_any(address);
    spd_udp_facts(l->udp, &l->facts);
    (void)spd_warmup_create((enum spd_family)address->family, &l->warmup);
    for (unsigned k = 0; k < r->config.n_receives; k++) {
        struct spd_unit *unit = spd_packet_heap_unit(r->heap, i * r->config.n_receives + k);

        unit->tag = (uint32_t)i;
        queue_receive(r, unit);
    }
    return SPD_ERR_OK;
}

static void set_defaults(struct spd_reflector_config *c)
{
    if (c->max_sessions == 0)
        c->max_sessions = 1024;
    if (c->idle_timeout_ns == 0)
        c->idle_timeout_ns = 900 * SPD_NS_PER_S;
    if (c->max_packet_bytes == 0)
        c->max_packet_bytes = 9216;
    if (c->max_packet_bytes < SPD_STAMP_BYTES)
        c->max_packet_bytes = SPD_STAMP_BYTES;
    if (c->n_receives == 0)
        c->n_receives = 64;
    if (c->batch == 0)
        c->batch = 1;
    if (c->batch > BATCH_MAX)
        c->batch = BATCH_MAX;
}

enum spd_err spd_reflector_create(struct spd_cport *port, uintptr_t first_key,
                                  const struct spd_reflector_config *config,
                                  struct spd_reflector **out, struct spd_diag *diag)
{
    struct spd_reflector *r;
    enum spd_err err = SPD_ERR_OK;

    SPD_ASSERT(config->n_listen >= 1 && config->n_listen <= SPD_REFLECTOR_MAX_LISTEN);
    r = calloc(1, sizeof(*r));
    if (!r)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for the reflector");
    r->port = port;
    r->first_key = first_key;
    r->config = *config;
    r->counter_hz = spd_clock_frequency_hz();
    set_defaults(&r->config);
    spd_stamp_ahead_init(&r->ahead, SPD_STAMP_AHEAD_IN_A_ROW);
    spd_stamp_ahead_init(&r->ahead_cold, SPD_STAMP_AHEAD_AFTER_A_PAUSE);
    read_clock_quality(r);
    err = spd_packet_heap_create(config->n_listen * r->config.n_receives,
                                 r->config.max_packet_bytes, &r->heap, diag);
    if (err)
        goto fail;
    if (r->config.stateful) {
        err = spd_reflector_sessions_create(r->config.max_sessions, r->config.idle_timeout_ns,
                                            &r->sessions);
        if (err) {
            spd_diag_set(diag, err, 0, "no memory for %zu sessions; set a lower limit",
                         r->config.max_sessions);
            goto fail;
        }
    }
    for (size_t i = 0; i < config->n_listen && !err; i++)
        err = open_listener(r, i, &config->listen[i], diag);
    if (err)
        goto fail;
    (void)spd_cport_commit(port, NULL);
    *out = r;
    return SPD_ERR_OK;
fail:
    spd_reflector_destroy(r);
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
}

void spd_reflector_destroy(struct spd_reflector *r)
{
    struct spd_completion events[EVENTS_MAX];
    unsigned n_failures = 0;

    if (!r)
        return;
    for (size_t i = 0; i < r->n_listeners; i++) {
        spd_udp_close(r->listeners[i].udp);
        spd_warmup_destroy(r->listeners[i].warmup);
    }
    while (r->n_in_flight > 0 && n_failures < DRAIN_ATTEMPTS) {
        size_t n = 0;

        n_failures += spd_cport_wait(r->port, events, EVENTS_MAX, &n, SPD_NS_PER_S) != SPD_ERR_OK;
        for (size_t i = 0; i < n; i++)
            if (is_ours(r, &events[i]))
                r->n_in_flight--;
    }
    /* Only a port that failed for good leaves operations behind: the system may
     * still write to their memory, so it is lost rather than used again. */
    if (r->n_in_flight == 0)
        spd_packet_heap_destroy(r->heap);
    spd_reflector_sessions_destroy(r->sessions);
    free(r);
}

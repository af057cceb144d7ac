/*
 * Runs on the thread that owns the port. Payloads are not looked at, so small
 * buffers do: a datagram that is cut off still has its length counted as what
 * the network carried at least.
 */
#include "common/engine/sink.h"

#include <stdlib.h>
#include <string.h>

#include "common/engine/packet_heap.h"
#include "common/sys/clock.h"

#define N_RECEIVES   128
#define PACKET_BYTES 9216
#define EVENTS_MAX   64

struct spd_sink {
    struct spd_cport *port;
    uintptr_t first_key;
    size_t n_listen;
    struct spd_udp *udp[SPD_SINK_MAX_LISTEN];
    struct spd_udp_facts facts[SPD_SINK_MAX_LISTEN];
    struct spd_packet_heap *heap;
    struct spd_sink_counters counters;
    unsigned n_in_flight;
    uint64_t counter_hz;
};

static void queue_receive(struct spd_sink *s, struct spd_unit *unit)
{
    if (spd_udp_queue_receive(s->udp[unit->tag], &unit->op, unit->data, unit->capacity,
                              &unit->meta) == SPD_ERR_OK)
        s->n_in_flight++;
    else
        s->counters.n_receive_failed++;
}

static enum spd_err open_socket(struct spd_sink *s, size_t i, const struct spd_addr *listen,
                                const char *interface_name, struct spd_diag *diag)
{
    struct spd_udp_config config = {
        .local = *listen,
        .receive_buffer_bytes = 64u << 20,
        .max_datagram_bytes = PACKET_BYTES,
        .max_queued_receives = N_RECEIVES,
        .tclass = -1,
        .v6_only = true,
    };
    enum spd_err err;

    if (interface_name)
        strncpy(config.interface_name, interface_name, sizeof(config.interface_name) - 1);
    err = spd_udp_open(s->port, s->first_key + i, &config, &s->udp[i], diag);
    if (err)
        return err;
    s->n_listen = i + 1;
    spd_udp_facts(s->udp[i], &s->facts[i]);
    for (size_t k = 0; k < N_RECEIVES; k++) {
        struct spd_unit *unit = spd_packet_heap_unit(s->heap, i * N_RECEIVES + k);

        unit->tag = (uint32_t)i;
        queue_receive(s, unit);
    }
    return SPD_ERR_OK;
}

enum spd_err spd_sink_create(struct spd_cport *port, uintptr_t first_key,
                             const struct spd_addr *listen, size_t n_listen,
                             const char *interface_name, struct spd_sink **out,
                             struct spd_diag *diag)
{
    struct spd_sink *s = calloc(1, sizeof(*s));
    enum spd_err err;

    if (!s)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for the sink");
    s->port = port;
    s->first_key = first_key;
    s->counter_hz = spd_clock_frequency_hz();
    err = spd_packet_heap_create(n_listen * N_RECEIVES, PACKET_BYTES, &s->heap, diag);
    for (size_t i = 0; i < n_listen && !err; i++)
        err = open_socket(s, i, &listen[i], interface_name, diag);
    if (err) {
        spd_sink_destroy(s);
        return err;
    }
    *out = s;
    return SPD_ERR_OK;
}

struct spd_addr spd_sink_address(const struct spd_sink *s, size_t i)
{
    return s->facts[i].local;
}

static void on_received(struct spd_sink *s, struct spd_unit *unit, const struct spd_completion *c,
                        spd_ns now_ns)
{
    struct spd_sink_counters *n = &s->counters;

    if (c->err == SPD_ERR_CANCELLED)
        return;
    if (c->err == SPD_ERR_OK || c->err == SPD_ERR_TRUNCATED) {
        if (n->n_received++ == 0)
            n->first_ns = now_ns;
        n->last_ns = now_ns;
        n->last_bytes = c->n_bytes + (uint32_t)spd_addr_header_bytes(&unit->meta.from);
        n->n_bytes += n->last_bytes;
    } else {
        n->n_receive_failed++;
    }
    queue_receive(s, unit);
}

static bool is_ours(const struct spd_sink *s, const struct spd_completion *c)
{
    return c->op && c->key >= s->first_key && c->key < s->first_key + s->n_listen;
}

enum spd_err spd_sink_step(struct spd_sink *s, spd_ns max_wait_ns, spd_sink_on_post *on_post,
                           void *context)
{
    struct spd_completion events[EVENTS_MAX];
    size_t n = 0;
    spd_ns now_ns;
    enum spd_err err = spd_cport_wait(s->port, events, EVENTS_MAX, &n, max_wait_ns);

    if (err)
        return err;
    now_ns = (spd_ns)spd_ticks_to_ns(spd_clock_now().ticks, s->counter_hz);
    for (size_t i = 0; i < n; i++) {
        if (!is_ours(s, &events[i])) {
            if (on_post)
                on_post(context, &events[i]);
            continue;
        }
        s->n_in_flight--;
        on_received(s, SPD_CONTAINER_OF(events[i].op, struct spd_unit, op), &events[i], now_ns);
    }
    return SPD_ERR_OK;
}

void spd_sink_counters(struct spd_sink *s, struct spd_sink_counters *out)
{
    *out = s->counters;
    for (size_t i = 0; i < s->n_listen; i++) {
        uint64_t n = 0;

        if (spd_udp_receive_drops(s->udp[i], &n))
            out->n_dropped_by_system += n;
    }
}

void spd_sink_destroy(struct spd_sink *s)
{
    struct spd_completion events[EVENTS_MAX];
    size_t n;

    if (!s)
        return;
    for (size_t i = 0; i < s->n_listen; i++)
        spd_udp_close(s->udp[i]);
    while (s->n_in_flight > 0 &&
           spd_cport_wait(s->port, events, EVENTS_MAX, &n, SPD_NS_PER_S) == SPD_ERR_OK)
        for (size_t i = 0; i < n; i++)
            if (is_ours(s, &events[i]))
                s->n_in_flight--;
    /* Operations that a failed port keeps may still be written to. */
    if (s->n_in_flight == 0)
        spd_packet_heap_destroy(s->heap);
    free(s);
}

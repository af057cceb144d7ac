/*
 * The resources of a dispatch: heap, socket, stamps, and the note of what was
 * obtained. The test handler's thread, before the first and after the last
 * burst.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/assert.h"
#include "common/engine/dispatch_private.h"
#include "common/engine/environment.h"
#include "common/sys/clock.h"
#include "common/sys/pagemem.h"
#include "common/wire/ntptime.h"
#include "common/wire/padding.h"

#define WORKING_SET_MIN_BYTES (16u << 20)
#define STAMP_BYTES           832u /* of receive buffer, each */

static void fill_heap(struct spd_dispatch *d, uint64_t seed)
{
    uint64_t state = seed | 1;
    uint32_t n = d->plan.n_records / d->plan.n_burst_records;

    for (uint32_t i = 0; i < n; i++) {
        uint8_t *packet = spd_dispatch_send_unit(d, i)->data;

        spd_padding_fill(packet, d->plan.payload_bytes, &state);
        spd_padding_set_length(packet, d->plan.payload_bytes);
    }
    for (size_t i = n; i < d->plan.heap_units; i++)
        spd_dispatch_queue_receive(d, spd_packet_heap_unit(d->heap, i));
}

static void udp_config(const struct spd_dispatch *d, const struct spd_burst_spec *spec,
                       struct spd_udp_config *config)
{
    *config = (struct spd_udp_config){
        .local = { .family = spec->target.family },
        .remote = spec->target,
        .send_buffer_bytes = d->plan.send_buffer_bytes,
        .receive_buffer_bytes = d->plan.receive_buffer_bytes,
        .max_datagram_bytes = d->plan.payload_bytes + 64,
        .max_queued_receives = d->plan.n_receives,
        .tclass = spec->dscp ? spec->dscp << 2 : -1,
        .ttl = 255, /* RFC 5357 section 4.1.2 */
        .dont_fragment = true,
        .want_send_stamps = spec->kernel_stamps,
        .want_receive_stamps = spec->kernel_stamps,
        .want_receive_details = true,
    };
    if (spec->source.family)
        config->local = spec->source;
    memcpy(config->interface_name, spec->interface_name, sizeof(config->interface_name));
}

/* Kernel stamps lie in the receive buffer until they are fetched: a buffer too
 * small for them would lose stamps, and replies too, without a word. */
static bool stamps_fit(const struct spd_dispatch *d)
{
    size_t n = d->plan.n_records / d->plan.n_burst_records;
    size_t needed = n * (2 * STAMP_BYTES + spd_udp_buffer_cost(d->plan.payload_bytes));

    return d->facts.receive_buffer_bytes >= (int64_t)needed;
}

static enum spd_err open_socket(struct spd_dispatch *d, uintptr_t key,
                                const struct spd_burst_spec *spec, struct spd_diag *diag)
{
    struct spd_udp_config config;
    char note[160] = "";
    enum spd_err err;

    udp_config(d, spec, &config);
    err = spd_udp_open(d->port, key, &config, &d->udp, diag);
    if (err)
        return err;
    spd_udp_facts(d->udp, &d->facts);
    d->kernel_stamps = (d->facts.send_stamps & (1u << SPD_STAMP_KERNEL_SCHED)) != 0;
    if (d->kernel_stamps && !stamps_fit(d)) {
        snprintf(note, sizeof(note),
                 "a receive buffer of %lld bytes cannot hold the stamps of a burst; run as root "
                 "or raise net.core.rmem_max",
                 (long long)d->facts.receive_buffer_bytes);
        d->kernel_stamps = false;
    }
    d->driver_stamps =
        d->kernel_stamps && (d->facts.send_stamps & (1u << SPD_STAMP_KERNEL)) != 0;
    if (!d->kernel_stamps && d->facts.send_stamps) {
        /* Stamps that nobody fetches would fill the receive buffer. */
        spd_udp_close(d->udp);
        d->udp = NULL;
        config.want_send_stamps = false;
        err = spd_udp_open(d->port, key, &config, &d->udp, diag);
        if (err)
            return err;
        spd_udp_facts(d->udp, &d->facts);
    }
    if (!d->kernel_stamps)
        spd_udp_stamp_by_counter(d->udp, true);
    d->record->source = d->facts.local;
    spd_environment_note_udp(&d->record->environment, spec, &d->plan, &d->facts,
                             d->kernel_stamps, note);
    return SPD_ERR_OK;
}

static enum spd_err take_memory(struct spd_dispatch *d, struct spd_diag *diag)
{
    size_t n = d->plan.n_records / d->plan.n_burst_records;
    struct spd_packet_heap_facts heap;
    struct spd_working_set ws;
    size_t wanted = WORKING_SET_MIN_BYTES +
                    spd_packet_heap_bytes(d->plan.heap_units, d->plan.payload_bytes + 64);
    enum spd_err err;

    spd_working_set_enlarge(wanted, &ws);
    spd_environment_note_working_set(&d->record->environment, &ws);
    err = spd_packet_heap_create(d->plan.heap_units, d->plan.payload_bytes + 64, &d->heap, diag);
    if (err)
        return err;
    spd_packet_heap_facts(d->heap, &heap);
    spd_environment_note_heap(&d->record->environment, &heap);
    d->sched_ns = calloc(n, sizeof(*d->sched_ns));
    d->sent_ns = calloc(n, sizeof(*d->sent_ns));
    if (!d->sched_ns || !d->sent_ns)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for the stamps of %zu packets", n);
    return SPD_ERR_OK;
}

static void release(struct spd_dispatch *d)
{
    spd_packet_heap_destroy(d->heap);
    free(d->sched_ns);
    free(d->sent_ns);
    free(d);
}

enum spd_err spd_dispatch_create(struct spd_cport *port, uintptr_t key,
                                 const struct spd_burst_spec *spec, const struct spd_plan *plan,
                                 struct spd_test_record *record, struct spd_dispatch **out,
                                 struct spd_diag *diag)
{
    struct spd_dispatch *d = calloc(1, sizeof(*d));
    struct spd_cport_facts port_facts;
    spd_ns error_ns = -1;
    int synchronised;
    enum spd_err err;

    if (!d)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for the test");
    d->port = port;
    d->record = record;
    d->plan = *plan;
    d->gap_limit_ns = spec->gap_limit_ns;
    d->counter_hz = spd_clock_frequency_hz();
    spd_stamp_ahead_init(&d->ahead, SPD_STAMP_AHEAD_IN_A_ROW);
    synchronised = spd_clock_is_synchronised(&error_ns);
    d->error_estimate = spd_error_estimate_encode(synchronised == 1, false, error_ns);
    spd_cport_facts(port, &port_facts);
    spd_environment_note_port(&record->environment, &port_facts);
    spd_sched_probe(&d->grant);
    spd_environment_note_sched(&record->environment, &d->grant);
    err = take_memory(d, diag);
    if (!err)
        err = open_socket(d, key, spec, diag);
    if (err) {
        release(d);
        return err;
    }
    fill_heap(d, spec->seed);
    (void)spd_cport_commit(port, NULL);
    *out = d;
    return SPD_ERR_OK;
}

void spd_dispatch_stop(struct spd_dispatch *d)
{
    if (!d || d->stopped)
        return;
    d->stopped = true;
    spd_udp_close(d->udp);
}

bool spd_dispatch_is_idle(const struct spd_dispatch *d)
{
    return !d || d->n_in_flight == 0;
}

void spd_dispatch_free(struct spd_dispatch *d)
{
    if (!d)
        return;
    SPD_ASSERT(d->stopped && d->n_in_flight == 0);
    release(d);
}

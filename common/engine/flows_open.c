/*
 * The resources of a test with paced flows. create runs on the controller's
 * thread, open and close on that of the test.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/engine/environment.h"
#include "common/engine/flows_private.h"
#include "common/sys/clock.h"
#include "common/sys/pagemem.h"
#include "common/sys/sched.h"
#include "common/wire/ntptime.h"
#include "common/wire/owamp_test.h"
#include "common/wire/padding.h"
#include "common/wire/session_mark.h"
#include "common/wire/stamp.h"

#define RECEIVE_BUFFER_BYTES (8u << 20)
#define SEND_BUFFER_BYTES    (1u << 20)
#define FIRST_KEY            16

static enum spd_err check_flow(const struct spd_flow_spec *flow, struct spd_diag *diag)
{
    const struct spd_schedule_spec *s = &flow->schedule;
    size_t least = spd_addr_header_bytes(&flow->info.target) + (flow->kind == SPD_FLOW_NOISE ? 0
                                                                : flow->kind == SPD_FLOW_ONE_WAY
                                                                    ? SPD_OWAMP_TEST_BYTES
                                                                    : SPD_STAMP_BYTES);

    if (s->sizes.n == 0 || spd_size_mix_min(&s->sizes) < least)
        return spd_diag_set(diag, SPD_ERR_RANGE, 0,
                            "flow %s: its IP packets have at least %zu bytes", flow->info.name,
                            least);
    if (s->pacing == SPD_PACING_INTERVAL ? s->interval_ns < 1 : s->rate_bps < 1)
        return spd_diag_set(diag, SPD_ERR_RANGE, 0, "flow %s: has no rate and no interval",
                            flow->info.name);
    if (s->pacing == SPD_PACING_BUCKET && s->bucket_bytes < spd_size_mix_max(&s->sizes))
        return spd_diag_set(diag, SPD_ERR_RANGE, 0,
                            "flow %s: a bucket of %" PRIu32 " bytes never lets a packet of %u "
                            "bytes pass; make it deeper",
                            flow->info.name, s->bucket_bytes, spd_size_mix_max(&s->sizes));
    if (flow->kind != SPD_FLOW_NOISE && flow->info.n_packets == 0)
        return spd_diag_set(diag, SPD_ERR_RANGE, 0, "flow %s: has no packets", flow->info.name);
    return SPD_ERR_OK;
}

static enum spd_err take_flow_memory(struct spd_flow *flow, struct spd_diag *diag)
{
    size_t n = flow->spec->info.n_packets;
    unsigned n_units = SPD_FLOW_SEND_UNITS + SPD_FLOW_RECEIVES;
    size_t size_max = spd_size_mix_max(&flow->schedule.spec.sizes);
    /* Marks are written also into shorter packets, beyond their end. */
    size_t unit_bytes = size_max > SPD_MARKED_PACKET_BYTES ? size_max : SPD_MARKED_PACKET_BYTES;
    enum spd_err err = spd_packet_heap_create(n_units, unit_bytes, &flow->heap, diag);

    if (err || flow->spec->kind == SPD_FLOW_NOISE)
        return err;
    flow->packets = calloc(n, sizeof(*flow->packets));
    flow->states = calloc(n, sizeof(*flow->states));
    flow->sched_ns = calloc(n, sizeof(*flow->sched_ns));
    flow->sent_ns = calloc(n, sizeof(*flow->sent_ns));
    flow->index_of = calloc(n, sizeof(*flow->index_of));
    flow->returned = calloc(n, sizeof(*flow->returned));
    if (!flow->packets || !flow->states || !flow->sched_ns || !flow->sent_ns || !flow->index_of ||
        !flow->returned)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0,
                            "no memory for %zu packets of flow %s; ask for fewer", n,
                            flow->spec->info.name);
    return SPD_ERR_OK;
}

uint16_t spd_flows_ssid(const struct spd_flows_spec *spec, size_t i)
{
    uint16_t ssid = (uint16_t)(spec->seed + i * 4099);

    return ssid ? ssid : 1;
}

static enum spd_err prepare_flow(struct spd_flows *f, size_t i, struct spd_diag *diag)
{
    struct spd_flow *flow = &f->flow[i];
    enum spd_err err = check_flow(&f->spec.flows[i], diag);

    if (err)
        return err;
    flow->spec = &f->spec.flows[i];
    flow->counts = &f->record.counts[i];
    flow->ssid = spd_flows_ssid(&f->spec, i);
    flow->header_bytes = spd_addr_header_bytes(&flow->spec->info.target);
    spd_schedule_init(&flow->schedule, &flow->spec->schedule);
    err = take_flow_memory(flow, diag);
    f->record.info[i] = flow->spec->info;
    f->record.kind[i] = flow->spec->kind;
    f->record.packets[i] = flow->packets;
    return err;
}

/* A system that promises more memory than it has would end the program later,
 * in the middle of the test. */
static enum spd_err check_room(const struct spd_flows_spec *spec, struct spd_diag *diag)
{
    const struct spd_flow *flow = NULL;
    const uint64_t bytes_each = sizeof(*flow->packets) + sizeof(*flow->states) +
                                sizeof(*flow->sched_ns) + sizeof(*flow->sent_ns) +
                                sizeof(*flow->index_of) + sizeof(*flow->returned);
    uint64_t available = spd_pagemem_available_bytes(), n_packets = 0;

    if (spec->n_flows == 0 || spec->n_flows > SPD_FLOWS_MAX)
        return spd_diag_set(diag, SPD_ERR_RANGE, 0, "a test has 1 to %d flows", SPD_FLOWS_MAX);
    for (size_t i = 0; i < spec->n_flows; i++)
        if (spec->flows[i].kind != SPD_FLOW_NOISE)
            n_packets += spec->flows[i].info.n_packets;
    if (available > 0 && n_packets > available / bytes_each)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0,
                            "%" PRIu64 " packets need %" PRIu64 " MiB of memory, of which there "
                            "are %" PRIu64 "; ask for fewer packets",
                            n_packets, n_packets * bytes_each >> 20, available >> 20);
    return SPD_ERR_OK;
}

enum spd_err spd_flows_create(const struct spd_flows_spec *spec, struct spd_ring_buffer *records,
                              spd_flows_notify *notify, void *context, struct spd_flows **out,
                              struct spd_diag *diag)
{
    struct spd_cport_config port = { .single_owner = true,
                                     .max_queued_sends = SPD_FLOW_SEND_UNITS * SPD_FLOWS_MAX };
    struct spd_flows *f;
    spd_ns error_ns = -1;
    enum spd_err err = SPD_ERR_OK;
    int synchronised;

    err = check_room(spec, diag);
    if (err)
        return err;
    f = calloc(1, sizeof(*f));
    if (!f)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for the test");
    f->spec = *spec;
    f->ring = records;
    f->notify = notify;
    f->context = context;
    f->counter_hz = spd_clock_frequency_hz();
    f->slack_ns = spd_sched_wait_slack_ns();
    f->record.n_flows = spec->n_flows;
    f->record.seed = spec->seed;
    spd_stamp_ahead_init(&f->ahead, SPD_STAMP_AHEAD_AFTER_A_PAUSE);
    synchronised = spd_clock_is_synchronised(&error_ns);
    f->error_estimate = spd_error_estimate_encode(synchronised == 1, false, error_ns);
    for (size_t i = 0; i < spec->n_flows && !err; i++)
        err = prepare_flow(f, i, diag);
    if (!err)
        err = spd_cport_create(&port, &f->port, diag);
    if (err) {
        spd_flows_release(f);
        return err;
    }
    *out = f;
    return SPD_ERR_OK;
}

static enum spd_err open_flow(struct spd_flows *f, size_t i, struct spd_diag *diag)
{
    struct spd_flow *flow = &f->flow[i];
    struct spd_udp_config config = {
        .local = { .family = flow->spec->info.target.family },
        .remote = flow->spec->info.target,
        .send_buffer_bytes = SEND_BUFFER_BYTES,
        .receive_buffer_bytes = RECEIVE_BUFFER_BYTES,
        .max_datagram_bytes = spd_size_mix_max(&flow->schedule.spec.sizes),
        .max_queued_receives = SPD_FLOW_RECEIVES,
        .tclass = flow->spec->info.dscp ? flow->spec->info.dscp << 2 : -1,
        .ttl = 255,
        .dont_fragment = true,
        .want_send_stamps = f->spec.kernel_stamps && flow->packets,
        .want_receive_stamps = f->spec.kernel_stamps,
        .want_receive_details = true,
    };
    enum spd_err err;

    if (f->spec.source.family == config.local.family)
        config.local = f->spec.source;
    config.local.port = flow->spec->source_port;
    memcpy(config.interface_name, f->spec.interface_name, sizeof(config.interface_name));
    err = spd_udp_open(f->port, FIRST_KEY + i, &config, &flow->udp, diag);
    if (err)
        return err;
    spd_udp_facts(flow->udp, &flow->facts);
    flow->stamps = flow->packets && (flow->facts.send_stamps & (1u << SPD_STAMP_KERNEL_SCHED));
    f->record.info[i].source = flow->facts.local;
    spd_udp_stamps_begin(flow->udp);
    return SPD_ERR_OK;
}

static void fill_units(struct spd_flows *f, struct spd_flow *flow)
{
    uint64_t state = f->spec.seed | 1;

    for (unsigned k = 0; k < SPD_FLOW_SEND_UNITS; k++) {
        struct spd_unit *unit = spd_packet_heap_unit(flow->heap, k);

        spd_padding_fill(unit->data, unit->capacity, &state);
        /* An Error Estimate of 0 is corrupt (RFC 4656 section 4.1.2): a reflector
         * that is hit by noise does not answer. */
        if (flow->spec->kind == SPD_FLOW_NOISE)
            unit->data[12] = unit->data[13] = 0;
    }
    for (unsigned k = 0; k < SPD_FLOW_RECEIVES; k++)
        spd_flow_queue_receive(f, flow, spd_packet_heap_unit(flow->heap, SPD_FLOW_SEND_UNITS + k));
}

/* All are opened alike but for their marks: a flow that did not get its own
 * speaks for all. */
static const struct spd_flow *flow_to_tell_of(const struct spd_flows *f)
{
    for (size_t i = 0; i < f->spec.n_flows; i++)
        if (f->flow[i].spec->info.dscp > 0 && !f->flow[i].facts.tclass_set)
            return &f->flow[i];
    return &f->flow[0];
}

static void note_environment(struct spd_flows *f)
{
    const struct spd_flow *first = flow_to_tell_of(f);
    struct spd_burst_spec spec = { .kernel_stamps = f->spec.kernel_stamps,
                                   .dscp = first->spec->info.dscp };
    struct spd_plan plan = { .send_buffer_bytes = SEND_BUFFER_BYTES,
                             .receive_buffer_bytes = RECEIVE_BUFFER_BYTES };
    struct spd_packet_heap_facts heap;
    struct spd_cport_facts port;

    spd_cport_facts(f->port, &port);
    spd_environment_note_port(&f->record.environment, &port);
    spd_packet_heap_facts(first->heap, &heap);
    spd_environment_note_heap(&f->record.environment, &heap);
    spd_environment_note_udp(&f->record.environment, &spec, &plan, &first->facts, first->stamps,
                             "");
}

enum spd_err spd_flows_open(struct spd_flows *f, struct spd_diag *diag)
{
    enum spd_err err = SPD_ERR_OK;

    for (size_t i = 0; i < f->spec.n_flows && !err; i++) {
        err = open_flow(f, i, diag);
        if (!err)
            fill_units(f, &f->flow[i]);
    }
    if (err)
        return err;
    (void)spd_cport_commit(f->port, NULL);
    note_environment(f);
    return SPD_ERR_OK;
}

void spd_flows_close_sockets(struct spd_flows *f)
{
    if (f->stopped)
        return;
    f->stopped = true;
    for (size_t i = 0; i < f->spec.n_flows; i++) {
        struct spd_flow *flow = &f->flow[i];

        if (flow->udp)
            (void)spd_udp_receive_drops(flow->udp, &flow->counts->n_dropped_local);
        spd_udp_close(flow->udp);
        flow->udp = NULL;
    }
}

void spd_flows_release(struct spd_flows *f)
{
    /* Only a port that failed for good leaves operations behind: the system may
     * still write to their memory, so it is lost rather than used again. */
    for (size_t i = 0; i < f->spec.n_flows; i++) {
        struct spd_flow *flow = &f->flow[i];

        if (f->n_in_flight == 0)
            spd_packet_heap_destroy(flow->heap);
        free(flow->packets);
        free(flow->states);
        free(flow->sched_ns);
        free(flow->sent_ns);
        free(flow->index_of);
        free(flow->returned);
    }
    if (f->port && f->n_in_flight == 0)
        spd_cport_destroy(f->port);
    free(f);
}

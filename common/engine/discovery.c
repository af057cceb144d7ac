/*
 * Runs on the test handler's thread, before any burst.
 */
#include "common/engine/discovery.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/assert.h"
#include "common/engine/packet_heap.h"
#include "common/sys/clock.h"
#include "common/wire/ntptime.h"
#include "common/wire/stamp.h"

#define PROBES_MAX    6
#define SAYS_BYTES    (SPD_ADDR_TEXT_BYTES + 32)
#define PROBES_WANTED 2 /* answered probes that settle the mode */
#define N_RECEIVES    4
#define UNIT_SEND     N_RECEIVES

struct spd_discovery {
    struct spd_udp *udp;
    struct spd_cport *port;
    struct spd_packet_heap *heap;
    struct spd_addr target;
    char target_name[256];
    spd_ns timeout_ns;
    spd_ns due_ns;
    size_t payload_bytes;
    uint16_t ssid;
    unsigned n_probes;
    unsigned n_answers;
    unsigned n_in_flight;
    uint32_t answer_seq[PROBES_WANTED];
    uint32_t answer_reflector_seq[PROBES_WANTED];
    bool ssid_returned;
    bool wait_over; /* the last probe is answered or given up */
    bool stopped;
    unsigned n_unreachable;
    enum spd_err unreachable;
    int32_t unreachable_os_code;
    enum spd_err send_error;
    int32_t send_os_code;
};

static void queue_receive(struct spd_discovery *d, struct spd_unit *unit)
{
    if (!d->stopped && spd_udp_queue_receive(d->udp, &unit->op, unit->data, unit->capacity,
                                             &unit->meta) == SPD_ERR_OK)
        d->n_in_flight++;
}

enum spd_err spd_discovery_start(struct spd_cport *port, uintptr_t key,
                                 const struct spd_burst_spec *spec, struct spd_discovery **out,
                                 struct spd_diag *diag)
{
    struct spd_udp_config config = {
        .local = { .family = spec->target.family },
        .remote = spec->target,
        .max_queued_receives = N_RECEIVES,
        .tclass = spec->dscp ? spec->dscp << 2 : -1,
        .ttl = 255,
        .want_receive_details = true,
    };
    struct spd_discovery *d = calloc(1, sizeof(*d));
    enum spd_err err;

    if (!d)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for the test");
    d->port = port;
    d->target = spec->target;
    memcpy(d->target_name, spec->target_name, sizeof(d->target_name));
    d->timeout_ns = spec->timeout_ns;
    d->payload_bytes = SPD_STAMP_BYTES;
    d->ssid = (uint16_t)(spec->seed >> 16) ? (uint16_t)(spec->seed >> 16) : 1;
    d->wait_over = true;
    if (spec->source.family)
        config.local = spec->source;
    config.local.port = 0;
    memcpy(config.interface_name, spec->interface_name, sizeof(config.interface_name));
    err = spd_packet_heap_create(N_RECEIVES + 1, 2048, &d->heap, diag);
    if (!err)
        err = spd_udp_open(port, key, &config, &d->udp, diag);
    if (err) {
        spd_packet_heap_destroy(d->heap);
        free(d);
        return err;
    }
    for (size_t i = 0; i < N_RECEIVES; i++)
        queue_receive(d, spd_packet_heap_unit(d->heap, i));
    *out = d;
    return SPD_ERR_OK;
}

static void send_probe(struct spd_discovery *d)
{
    struct spd_unit *unit = spd_packet_heap_unit(d->heap, UNIT_SEND);
    struct spd_stamp_request request = {
        .seq = 2 * d->n_probes,
        .timestamp = spd_ntptime_from_wall(spd_clock_wall()),
        .error_estimate = SPD_ERROR_ESTIMATE_UNKNOWN,
        .ssid = d->ssid,
    };

    d->n_probes++;
    d->wait_over = false;
    /* The one before is still in the send buffer: this one counts as lost. */
    if (unit->op.in_flight)
        return;
    memset(unit->data, 0, d->payload_bytes);
    (void)spd_stamp_write_request(unit->data, unit->capacity, &request);
    if (spd_udp_queue_send(d->udp, &unit->op, unit->data, d->payload_bytes, NULL) == SPD_ERR_OK)
        d->n_in_flight++;
    (void)spd_cport_commit(d->port, NULL);
}

static void on_reply(struct spd_discovery *d, const struct spd_unit *unit, size_t n_bytes)
{
    struct spd_stamp_reply reply;

    if (spd_stamp_read_reply(unit->data, n_bytes, &reply) ||
        (reply.ssid != d->ssid && reply.ssid != 0) || reply.sender_seq >= 2 * d->n_probes ||
        reply.sender_seq % 2 != 0)
        return;
    for (unsigned i = 0; i < d->n_answers; i++)
        if (d->answer_seq[i] == reply.sender_seq)
            return;
    if (d->n_answers < PROBES_WANTED) {
        d->answer_seq[d->n_answers] = reply.sender_seq;
        d->answer_reflector_seq[d->n_answers] = reply.seq;
        d->n_answers++;
    }
    d->ssid_returned |= reply.ssid == d->ssid;
    d->wait_over = true;
}

void spd_discovery_on_completion(struct spd_discovery *d, const struct spd_completion *c)
{
    struct spd_unit *unit = SPD_CONTAINER_OF(c->op, struct spd_unit, op);

    d->n_in_flight--;
    if (spd_err_is_unreachable(c->err)) {
        d->unreachable = c->err;
        d->unreachable_os_code = c->os_code;
        d->n_unreachable++;
        d->wait_over = true;
    } else if (unit->index == UNIT_SEND && c->err && c->err != SPD_ERR_CANCELLED) {
        d->send_error = c->err;
        d->send_os_code = c->os_code;
        d->wait_over = true;
    }
    if (unit->index == UNIT_SEND)
        return;
    if (c->err == SPD_ERR_OK)
        on_reply(d, unit, c->n_bytes);
    if (c->err != SPD_ERR_CANCELLED)
        queue_receive(d, unit);
}

/* The ICMP message itself, if there was one, tells more than the error that the
 * system made of it: why, and who says so. */
static void ask_icmp(struct spd_discovery *d, char says[SAYS_BYTES])
{
    char address[SPD_ADDR_TEXT_BYTES];
    uint8_t quoted[1];
    struct spd_addr offender;
    enum spd_err err = SPD_ERR_OK;
    size_t n;

    snprintf(says, SAYS_BYTES, "an ICMP message or the local routing table");
    if (spd_udp_take_icmp_error(d->udp, &err, quoted, sizeof(quoted), &n, &offender) ||
        !spd_err_is_unreachable(err))
        return;
    d->unreachable = err;
    if (offender.family != SPD_FAMILY_NONE)
        snprintf(says, SAYS_BYTES, "an ICMP message from %s",
                 spd_addr_format_host(&offender, address));
}

static enum spd_discovery_state fail(struct spd_discovery *d, struct spd_diag *diag)
{
    char address[SPD_ADDR_TEXT_BYTES], says[SAYS_BYTES];

    spd_addr_format(&d->target, address);
    if (d->unreachable)
        ask_icmp(d, says);
    if (d->unreachable == SPD_ERR_REFUSED)
        spd_diag_set(diag, SPD_ERR_REFUSED, d->unreachable_os_code,
                     "%s (%s) answers with ICMP port unreachable: no reflector listens on that "
                     "port; start one there (stampede reflect) or give the right port",
                     d->target_name, address);
    else if (d->unreachable)
        spd_diag_set(diag, d->unreachable, d->unreachable_os_code,
                     "%s (%s): %s, says %s; check the address, the route and firewalls",
                     d->target_name, address, spd_err_text(d->unreachable), says);
    else if (d->send_error)
        spd_diag_set(diag, d->send_error, d->send_os_code,
                     "cannot send to %s (%s): %s; a firewall on this host may forbid it",
                     d->target_name, address, spd_err_text(d->send_error));
    else
        spd_diag_set(diag, SPD_ERR_NO_REPLY, 0,
                     "%s (%s) never answered %u probes: check that a STAMP or TWAMP-Light "
                     "reflector runs there (stampede reflect), and that firewalls let UDP port "
                     "%u through both ways",
                     d->target_name, address, d->n_probes, d->target.port);
    return SPD_DISCOVERY_FAILED;
}

enum spd_discovery_state spd_discovery_advance(struct spd_discovery *d, spd_ns now_ns,
                                               struct spd_diag *diag)
{
    if (d->n_answers == PROBES_WANTED)
        return SPD_DISCOVERY_DONE;
    /* An ICMP error may be spoofed or pass by; two in a row for our probes, with
     * no answer, are believed. */
    if (d->n_answers == 0 && d->n_unreachable >= 2)
        return fail(d, diag);
    if (!d->wait_over && now_ns < d->due_ns)
        return SPD_DISCOVERY_RUNNING;
    if (d->n_probes == PROBES_MAX)
        return d->n_answers > 0 ? SPD_DISCOVERY_DONE : fail(d, diag);
    if (d->n_probes == PROBES_MAX / 2 && d->n_answers == 0)
        return fail(d, diag);
    send_probe(d);
    d->due_ns = now_ns + d->timeout_ns;
    return SPD_DISCOVERY_RUNNING;
}

spd_ns spd_discovery_due_ns(const struct spd_discovery *d)
{
    return d->due_ns;
}

enum spd_reflector_mode spd_discovery_mode(const struct spd_discovery *d)
{
    bool all_equal = true;

    for (unsigned i = 0; i < d->n_answers; i++)
        all_equal = all_equal && d->answer_seq[i] == d->answer_reflector_seq[i];
    if (!all_equal)
        return SPD_REFLECTOR_STATEFUL;
    return d->n_answers == PROBES_WANTED ? SPD_REFLECTOR_STATELESS : SPD_REFLECTOR_UNKNOWN;
}

bool spd_discovery_ssid_returned(const struct spd_discovery *d)
{
    return d->ssid_returned;
}

void spd_discovery_stop(struct spd_discovery *d)
{
    if (!d || d->stopped)
        return;
    d->stopped = true;
    spd_udp_close(d->udp);
}

bool spd_discovery_is_idle(const struct spd_discovery *d)
{
    return !d || d->n_in_flight == 0;
}

void spd_discovery_free(struct spd_discovery *d)
{
    if (!d)
        return;
    SPD_ASSERT(d->stopped && d->n_in_flight == 0);
    spd_packet_heap_destroy(d->heap);
    free(d);
}

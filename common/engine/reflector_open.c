/*
 * Opens and closes a reflector. Runs on its thread, before the first packet and
 * after the last; takes all memory that it will ever need.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/assert.h"
#include "common/engine/reflector_private.h"
#include "common/sys/clock.h"
#include "common/sys/random.h"
#include "common/wire/stamp.h"

#define DRAIN_ATTEMPTS 3

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
    struct spd_reflector_listener *l = &r->listeners[i];
    enum spd_err err;

    if (r->config.interface_name)
        strncpy(config.interface_name, r->config.interface_name, sizeof(config.interface_name) - 1);
    err = spd_udp_open(r->port, r->first_key + i, &config, &l->udp, diag);
    if (err)
        return err;
    r->n_listeners = i + 1;
    l->wildcard = spd_addr_is_any(address);
    spd_udp_facts(l->udp, &l->facts);
    r->ports[i] = l->facts.local.port;
    (void)spd_warmup_create((enum spd_family)address->family, &l->warmup);
    for (unsigned k = 0; k < r->config.n_receives; k++) {
        struct spd_unit *unit = spd_packet_heap_unit(r->heap, i * r->config.n_receives + k);

        unit->tag = (uint32_t)i;
        spd_reflector_queue_receive(r, unit);
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
    if (c->batch > SPD_REFLECTOR_BATCH_MAX)
        c->batch = SPD_REFLECTOR_BATCH_MAX;
}

/* Limits cost nothing where none is set. */
static enum spd_err create_limits(struct spd_reflector *r, struct spd_diag *diag)
{
    const struct spd_reflector_config *c = &r->config;
    struct spd_reflector_limits_config config = { .allow = c->allow,
                                                  .n_allow = c->n_allow,
                                                  .source_rate = c->source_rate,
                                                  .total_rate = c->total_rate };
    enum spd_err err;

    if (c->n_allow == 0 && c->source_rate == 0 && c->total_rate == 0)
        return SPD_ERR_OK;
    err = spd_random_fill(&config.secret, sizeof(config.secret), diag);
    if (err)
        return err;
    err = spd_reflector_limits_create(&config, &r->limits);
    if (err == SPD_ERR_INVALID)
        spd_diag_set(diag, err, 0, "a limit of the reflector is beyond %u packets a second",
                     SPD_REFLECTOR_RATE_MAX);
    else if (err)
        spd_diag_set(diag, err, 0, "no memory for the limits of the reflector");
    return err;
}

static enum spd_err create_sessions(struct spd_reflector *r, struct spd_diag *diag)
{
    const struct spd_reflector_config *c = &r->config;
    enum spd_err err;

    if (!c->stateful)
        return SPD_ERR_OK;
    err = spd_reflector_sessions_create(c->max_sessions, c->source_sessions, c->idle_timeout_ns,
                                        &r->sessions);
    if (err)
        spd_diag_set(diag, err, 0, "no memory for %zu sessions; set a lower limit",
                     c->max_sessions);
    return err;
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
    spd_reflector_read_clock_quality(r);
    err = spd_packet_heap_create(config->n_listen * r->config.n_receives,
                                 r->config.max_packet_bytes, &r->heap, diag);
    if (err)
        goto fail;
    err = create_limits(r, diag);
    if (!err)
        err = create_sessions(r, diag);
    if (err)
        goto fail;
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

void spd_reflector_destroy(struct spd_reflector *r)
{
    struct spd_completion events[SPD_REFLECTOR_EVENTS_MAX];
    unsigned n_failures = 0;

    if (!r)
        return;
    for (size_t i = 0; i < r->n_listeners; i++) {
        spd_udp_close(r->listeners[i].udp);
        spd_warmup_destroy(r->listeners[i].warmup);
    }
    while (r->n_in_flight > 0 && n_failures < DRAIN_ATTEMPTS) {
        size_t n = 0;

        n_failures += spd_cport_wait(r->port, events, SPD_REFLECTOR_EVENTS_MAX, &n, SPD_NS_PER_S) !=
                      SPD_ERR_OK;
        for (size_t i = 0; i < n; i++)
            if (spd_reflector_owns(r, &events[i]))
                r->n_in_flight--;
    }
    /* Only a port that failed for good leaves operations behind: the system may
     * still write to their memory, so it is lost rather than used again. */
    if (r->n_in_flight == 0)
        spd_packet_heap_destroy(r->heap);
    spd_reflector_sessions_destroy(r->sessions);
    spd_reflector_limits_destroy(r->limits);
    free(r);
}

/*
 * Between the files of the reflector: reflector.c answers, reflector_open.c
 * opens and closes.
 */
#ifndef SPD_ENGINE_REFLECTOR_PRIVATE_H
#define SPD_ENGINE_REFLECTOR_PRIVATE_H

#include "common/engine/packet_heap.h"
#include "common/engine/reflector.h"
#include "common/engine/reflector_limits.h"
#include "common/engine/reflector_sessions.h"
#include "common/engine/stamp_ahead.h"
#include "common/sys/warmup.h"

#define SPD_REFLECTOR_BATCH_MAX  64
#define SPD_REFLECTOR_EVENTS_MAX 64

struct spd_reflector_listener {
    struct spd_udp *udp;
    struct spd_udp_facts facts;
    bool wildcard;             /* replies must name the address that was asked */
    struct spd_warmup *warmup; /* or NULL */
};

struct spd_reflector {
    struct spd_cport *port;
    uintptr_t first_key;
    struct spd_reflector_config config;
    struct spd_reflector_listener listeners[SPD_REFLECTOR_MAX_LISTEN];
    uint16_t ports[SPD_REFLECTOR_MAX_LISTEN]; /* of the listeners */
    size_t n_listeners;
    struct spd_packet_heap *heap;
    struct spd_reflector_sessions *sessions;
    struct spd_reflector_limits *limits; /* NULL when there is none */
    struct spd_reflector_counters counters;
    struct spd_stamp_ahead ahead;
    struct spd_stamp_ahead ahead_cold; /* for the first send after a pause */
    spd_ns last_stamp_ns;
    bool cold;            /* the next send is that */
    uint32_t now_seconds; /* of NTP, at this step */
    struct spd_unit *batch[SPD_REFLECTOR_BATCH_MAX];
    unsigned n_batch;
    unsigned n_flushes;
    unsigned n_in_flight; /* operations that belong to the port */
    uint16_t error_estimate;
    uint64_t counter_hz;
    spd_ns housekeeping_ns;
};

/* Put the unit back to receive on its listener (unit->tag). */
void spd_reflector_queue_receive(struct spd_reflector *reflector, struct spd_unit *unit);

void spd_reflector_read_clock_quality(struct spd_reflector *reflector);

static inline bool spd_reflector_owns(const struct spd_reflector *r, const struct spd_completion *c)
{
    return c->op && c->key >= r->first_key && c->key < r->first_key + r->n_listeners;
}

#endif

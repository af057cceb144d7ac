/*
 * Shared by dispatch.c (the sending side), dispatch_replies.c (what comes back)
 * and dispatch_open.c (the resources); nobody else includes it.
 */
#ifndef SPD_ENGINE_DISPATCH_PRIVATE_H
#define SPD_ENGINE_DISPATCH_PRIVATE_H

#include "common/engine/dispatch.h"
#include "common/engine/packet_heap.h"
#include "common/engine/stamp_ahead.h"
#include "common/sys/sched.h"
#include "common/sys/udp.h"

#define SPD_DISPATCH_TAIL_PROBES 3

enum spd_dispatch_op { SPD_DISPATCH_OP_RECEIVE = 1, SPD_DISPATCH_OP_SEND, SPD_DISPATCH_OP_PROBE };

struct spd_dispatch {
    struct spd_cport *port;
    struct spd_udp *udp;
    struct spd_udp_facts facts;
    struct spd_packet_heap *heap;
    struct spd_test_record *record;
    struct spd_plan plan;
    struct spd_priority_grant grant;
    struct spd_stamp_ahead ahead;
    uint64_t counter_hz;
    spd_ns gap_limit_ns;
    uint16_t error_estimate;
    bool kernel_stamps;   /* the socket delivers send stamps */
    bool driver_stamps;   /* also those of the driver, behind any local queue */
    bool stopped;

    /* Kernel send stamps of the burst, by number of hand-over. */
    int64_t *sched_ns;
    int64_t *sent_ns;
    size_t n_stamps_fetched;
    size_t n_stamps_wanted;

    /* The burst in hand. */
    struct spd_burst_record *burst;
    struct spd_clock_pair started; /* counter against time of day at its start */
    int64_t switches_before;
    uint32_t n_send_pending;
    uint32_t n_answered;      /* of this burst's packets */
    uint32_t n_send_failed;   /* never left, or dropped in this host: no reply can come */
    size_t n_handed;
    uint64_t drops_before;

    unsigned n_in_flight;
    uint32_t n_arrivals;
    uint32_t next_seq;        /* = record->n_packets */
    uint64_t n_activity;
    bool icmp_seen;
    unsigned n_probes;
    bool tail_answered;
};

/* dispatch_replies.c */
void spd_dispatch_queue_receive(struct spd_dispatch *d, struct spd_unit *unit);
void spd_dispatch_on_received(struct spd_dispatch *d, struct spd_unit *unit,
                              const struct spd_completion *c, spd_ticks dequeued);
void spd_dispatch_take_icmp_errors(struct spd_dispatch *d);

/* The unit that sends packet i of a burst, and the one for tail probes. */
static inline struct spd_unit *spd_dispatch_send_unit(struct spd_dispatch *d, size_t i)
{
    return spd_packet_heap_unit(d->heap, i);
}

#endif

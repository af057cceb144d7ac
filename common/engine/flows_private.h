/*
 * Shared by flows.c (the steps), flows_send.c (one packet), flows_replies.c (what comes
 * back, stamps, hand-over of records) and flows_open.c (resources); nobody else
 * includes it.
 */
#ifndef SPD_ENGINE_FLOWS_PRIVATE_H
#define SPD_ENGINE_FLOWS_PRIVATE_H

#include <stdatomic.h>

#include "common/engine/flows.h"
#include "common/engine/packet_heap.h"
#include "common/engine/stamp_ahead.h"
#include "common/sys/udp.h"

#define SPD_FLOW_SEND_UNITS 32 /* sends that may be under way at once */
#define SPD_FLOW_RECEIVES   64
#define SPD_FLOW_TAG_TERMINATION UINT32_MAX /* of a unit; else the sequence number */

enum spd_flow_op { SPD_FLOW_OP_SEND = 1, SPD_FLOW_OP_RECEIVE };

/* Of one packet, besides its record. */
enum spd_flow_packet_state {
    SPD_FLOW_PACKET_EMITTED = 1,
    SPD_FLOW_PACKET_SETTLED = 2, /* its send has completed */
    SPD_FLOW_PACKET_HANDED = 4,  /* successfully: it has a number among the stamps */
    SPD_FLOW_PACKET_STAMPED = 8, /* its stamp is in the record, or will never come */
};

struct spd_flow {
    const struct spd_flow_spec *spec;
    struct spd_flow_counts *counts;
    struct spd_udp *udp;
    struct spd_udp_facts facts;
    struct spd_packet_heap *heap;
    struct spd_schedule schedule;
    spd_ns due_ns;          /* of the next packet, from the start of the test */
    uint16_t next_size;
    bool over;              /* no more packets to send */
    bool terminating;       /* one-way: only termination packets are left */
    uint16_t ssid;
    uint32_t next_seq;
    unsigned next_unit;
    size_t header_bytes;    /* IP and UDP */
    bool stamps;            /* the kernel stamps its sends */

    struct spd_flow_packet *packets; /* NULL for noise */
    uint8_t *states;        /* enum spd_flow_packet_state */
    int64_t *sched_ns;      /* by number of hand-over */
    int64_t *sent_ns;
    uint32_t *index_of;     /* number of hand-over -> packet */
    uint32_t n_handed;
    uint32_t n_numbered;    /* packets below have completed, and their numbers */
    uint32_t n_stamped;     /* numbers below have their stamp in the record, or never will */
    uint32_t *returned;     /* packets in the order of their replies */
    uint32_t n_returned;
    uint32_t n_considered;  /* of returned, handed to the ring */
    uint32_t n_rest;        /* at the end: packets below are all handed over */
};

struct spd_flows {
    struct spd_flows_spec spec;
    struct spd_flows_record record;
    struct spd_flow flow[SPD_FLOWS_MAX];
    struct spd_cport *port;
    struct spd_ring_buffer *ring;
    spd_flows_notify *notify;
    void *context;
    struct spd_stamp_ahead ahead;
    struct spd_clock_pair started;
    uint64_t counter_hz;
    spd_ns slack_ns;
    int state;
    atomic_uint n_cancels;  /* by other threads, who then post to wake this one */
    bool cancelled;
    bool hurried;           /* cancelled again: nothing more is waited for */
    bool stopped;
    bool port_failed;
    unsigned n_in_flight;
    unsigned n_sending;     /* of n_in_flight */
    uint16_t error_estimate;
    spd_ns active_ns;       /* steady time when something last came in or went out */
    spd_ns collected_ns;    /* steady time of the last look for stamps */
    uint32_t progress_permille;
};

/* flows_open.c */
enum spd_err spd_flows_open(struct spd_flows *f, struct spd_diag *diag);
void spd_flows_close_sockets(struct spd_flows *f);
void spd_flows_release(struct spd_flows *f);

/* flows_one_way.c */
void spd_flow_fill_one_way(struct spd_flows *f, struct spd_flow *flow, struct spd_unit *unit,
                           size_t n_bytes);
/* No more packets of the flow: only those that end a one-way session, if any. */
void spd_flow_terminate(struct spd_flow *flow, spd_ns now_ns);
void spd_flow_send_termination(struct spd_flows *f, struct spd_flow *flow);
/* Records of packets that are sent and stamped, in order. */
void spd_flow_hand_over_sent(struct spd_flows *f, struct spd_flow *flow);
bool spd_flow_one_way_is_settled(const struct spd_flow *flow);

/* flows_send.c */
void spd_flow_schedule_next(struct spd_flow *flow);
void spd_flow_send_packet(struct spd_flows *f, struct spd_flow *flow); /* now, late or not */
void spd_flow_on_sent(struct spd_flow *flow, const struct spd_unit *unit,
                      const struct spd_completion *c);

/* flows_replies.c */
bool spd_flow_hand_over(struct spd_flows *f, struct spd_flow *flow, uint32_t index);
void spd_flow_queue_receive(struct spd_flows *f, struct spd_flow *flow, struct spd_unit *unit);
void spd_flow_on_received(struct spd_flows *f, struct spd_flow *flow, struct spd_unit *unit,
                          const struct spd_completion *c, spd_wall dequeued);
void spd_flows_collect_stamps(struct spd_flows *f);
void spd_flows_hand_over(struct spd_flows *f);
/* At the end: everything not handed over yet. True when nothing is left. */
bool spd_flows_hand_over_rest(struct spd_flows *f);

#endif

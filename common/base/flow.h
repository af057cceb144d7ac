/*
 * Paced flows: one record a packet, as the engine drops them into a ring, the
 * log keeps them and analysis reads them. The three know nothing of one
 * another but this.
 */
#ifndef SPD_BASE_FLOW_H
#define SPD_BASE_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/addr.h"
#include "common/base/record.h"
#include "common/base/time.h"

#define SPD_FLOWS_MAX 16

enum spd_flow_flag {
    SPD_FLOW_SENT = 1u << 0,        /* t1 is known here (sender's log) */
    SPD_FLOW_ARRIVED = 1u << 1,     /* t2 is known: it reached the far end */
    SPD_FLOW_RETURNED = 1u << 2,    /* t4 is known: its reply came back */
    SPD_FLOW_DUPLICATE = 1u << 3,   /* a further arrival of a sequence number seen before */
    SPD_FLOW_NOT_SENT = 1u << 4,    /* this host did not send it */
    SPD_FLOW_LATE = 1u << 5,        /* sent later than its place in the schedule by more than allowed */
    SPD_FLOW_T1_KERNEL = 1u << 6,   /* else by the counter of the program */
    SPD_FLOW_RX_KERNEL = 1u << 7,   /* t2 (receiver's log) or t4 (sender's log) */
};

#define SPD_FLOW_TCLASS_UNKNOWN 255 /* DSCP 63 with ECN 3: nobody sends that */

/* One packet: 48 bytes, no padding. Times are ns since 1970 UTC by the clock of
 * the host that took them (T1..T4 as in RFC 8762), 0 unknown. */
struct spd_flow_packet {
    uint32_t seq;
    uint16_t size_bytes;    /* IP packet */
    uint8_t flow;           /* index of its flow */
    uint8_t flags;          /* enum spd_flow_flag */
    int64_t t1_ns;
    int64_t t2_ns;
    int64_t t3_ns;
    int64_t t4_ns;
    uint32_t reflector_seq; /* two-way: the reply's own number */
    uint8_t ttl_forward;    /* 0 unknown */
    uint8_t tclass_forward; /* DSCP and ECN as received at the far end; 255 unknown */
    uint8_t tclass_reverse; /* as received here; 255 unknown */
    uint8_t ttl_reverse;
};

_Static_assert(sizeof(struct spd_flow_packet) == 48, "logs and memory budgets count on it");

/* One flow (a class of service, or a single stream). */
struct spd_flow_info {
    char name[24];          /* "EF", "BE", "voice" */
    uint8_t dscp;
    bool one_way;           /* no replies: t3 and t4 never known */
    uint32_t n_packets;     /* asked for, or negotiated; 0 unknown */
    uint64_t rate_bps;      /* asked for at the IP layer; 0: not by rate */
    spd_ns interval_ns;     /* asked for; 0: not by interval */
    struct spd_addr source;
    struct spd_addr target;
};

#endif

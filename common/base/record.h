/*
 * What a test leaves behind: one record a packet, one a burst, and what was
 * asked of the machine against what it gave. The engine fills them, analysis
 * judges them, result keeps and shows them; none of the three knows another.
 */
#ifndef SPD_BASE_RECORD_H
#define SPD_BASE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/addr.h"
#include "common/base/err.h"
#include "common/base/time.h"

/* Where a time stamp was taken, from the wire upwards. */
#define SPD_STAMP_SOURCE_LIST(X) \
    X(NONE,         "none") \
    X(USER,         "user")         /* hardware counter read by this program */ \
    X(KERNEL,       "kernel")       /* receive: driver hands the packet up; send: driver takes it */ \
    X(KERNEL_SCHED, "kernel-sched") /* send: the packet enters the queueing discipline */ \
    X(HARDWARE,     "hardware")     /* the network card */ \
    X(SIMULATED,    "simulated")

#define SPD_STAMP_ENUM(name, text) SPD_STAMP_##name,
enum spd_stamp_source { SPD_STAMP_SOURCE_LIST(SPD_STAMP_ENUM) SPD_STAMP_SOURCE_COUNT };
#undef SPD_STAMP_ENUM
const char *spd_stamp_source_text(enum spd_stamp_source source);

/* What became of a packet. Directions: forward is Session-Sender to
 * Session-Reflector, reverse the way back. */
#define SPD_FATE_LIST(X) \
    X(PENDING,      "pending")      /* not judged yet */ \
    X(RECEIVED,     "received")     /* a reply came back */ \
    X(LOST_FORWARD, "lost-forward") \
    X(LOST_REVERSE, "lost-reverse") \
    X(LOST,         "lost")         /* direction cannot be told */ \
    X(NOT_SENT,     "not-sent")     /* this host did not send it: see err */ \
    X(UNREACHABLE,  "unreachable")  /* an ICMP error came back instead */

#define SPD_FATE_ENUM(name, text) SPD_FATE_##name,
enum spd_fate { SPD_FATE_LIST(SPD_FATE_ENUM) SPD_FATE_COUNT };
#undef SPD_FATE_ENUM
const char *spd_fate_text(enum spd_fate fate);

/* One test packet. All times of day are nanoseconds since 1970 UTC by the
 * clock of the host that took them; 0 means "not taken". T1..T4 are the four
 * stamps of RFC 8762: sent, received by the reflector, sent back, received. */
struct spd_packet_record {
    uint32_t seq;               /* Session-Sender Sequence Number */
    uint32_t burst;             /* index into the burst records */
    uint32_t reflector_seq;     /* Sequence Number of the first reply */
    uint32_t arrival;           /* position of the first reply among all first replies, from 0 */
    uint32_t n_replies;         /* 0, 1, or more when duplicated */
    uint16_t size_bytes;        /* IP packet */
    uint8_t fate;               /* enum spd_fate */
    uint8_t err;                /* enum spd_err, why NOT_SENT or UNREACHABLE */
    int64_t t1_ns;              /* submission: see t1_source */
    int64_t left_host_ns;       /* taken by the driver, behind any local queue */
    int64_t t2_ns;              /* in the reflector's clock, from the reply */
    int64_t t3_ns;              /* likewise */
    int64_t t4_ns;              /* reply received: see t4_source */
    int64_t t1_wire_ns;         /* send time of day carried in the packet itself */
    uint64_t dispatched_ticks;  /* counter when the packet was handed over */
    uint64_t returned_ticks;    /* counter when its reply was dequeued */
    uint16_t t1_error_estimate; /* as sent, RFC 4656 section 4.1.2 */
    uint16_t t3_error_estimate; /* as the reflector states it */
    uint8_t t1_source;          /* enum spd_stamp_source */
    uint8_t t4_source;
    uint8_t ttl_forward;        /* TTL with which the request arrived; 0 unknown */
    uint8_t ttl_reverse;        /* TTL with which the reply arrived; 0 unknown */
    uint8_t tclass_reverse;     /* DSCP and ECN of the reply as it arrived */
    bool tclass_reverse_known;
    bool reflector_ptp;         /* T2 and T3 came in PTPv2 format (RFC 8186) */
};

/* Why a burst did not stay in one time slice. */
#define SPD_BROKEN_LIST(X) \
    X(WHOLE,           "whole") \
    X(SWITCHED,        "involuntary context switch") \
    X(GAP,             "oversized gap between two submissions") \
    X(SEND_FAILED,     "a packet could not be sent") \
    X(BUFFER_OVERFLOW, "the send buffer filled") \
    X(UNKNOWN,         "cannot be told on this system")

#define SPD_BROKEN_ENUM(name, text) SPD_BROKEN_##name,
enum spd_broken { SPD_BROKEN_LIST(SPD_BROKEN_ENUM) SPD_BROKEN_COUNT };
#undef SPD_BROKEN_ENUM
const char *spd_broken_text(enum spd_broken broken);

/* One burst, or one attempt at it: broken ones are repeated, and the records
 * of the broken attempt stay, marked superseded. */
struct spd_burst_record {
    uint32_t index;            /* burst number asked for, from 0 */
    uint32_t attempt;          /* 0 first, 1 first repetition, ... */
    uint32_t first_packet;     /* index of its first packet record */
    uint32_t n_packets;
    uint32_t n_not_sent;
    uint32_t n_stamps_missing; /* send stamps asked of the kernel and not delivered */
    uint8_t broken;            /* enum spd_broken; WHOLE when it stayed whole */
    bool superseded;           /* a later attempt stands for it */
    bool interrupted;          /* ended early by the user */
    int64_t n_involuntary_switches; /* -1 when the system does not tell */
    spd_ns submit_ns;          /* from before the first hand-over to after the last */
    spd_ns gap_max_ns;         /* largest gap between two submissions; -1 unknown */
    spd_ns clock_step_ns;      /* wall clock against counter during the burst */
    uint64_t started_ticks;    /* counter before the first hand-over */
    int64_t started_ns;        /* time of day then */
    uint64_t n_dropped_local;  /* replies that this host's receive buffer dropped */
    /* Of its LOST packets, so many were lost on each way; which ones is not
     * known. Filled by spd_fate_judge. */
    uint32_t n_lost_forward_unplaced;
    uint32_t n_lost_reverse_unplaced;
};

/* Requested against obtained. Keys are the names in JSON. */
#define SPD_ENV_LIST(X) \
    X(CLOCK,           "clock",           "") \
    X(PORT,            "completion_port", "") \
    X(PRIORITY,        "priority",        "") \
    X(TIME_SLICE,      "time_slice",      "") \
    X(HEAP,            "heap_bytes",      "bytes") \
    X(UNIT,            "heap_unit_bytes", "bytes") \
    X(LOCKED,          "locked_bytes",    "bytes") \
    X(WORKING_SET,     "working_set_bytes", "bytes") \
    X(SEND_BUFFER,     "send_buffer_bytes", "bytes") \
    X(RECEIVE_BUFFER,  "receive_buffer_bytes", "bytes") \
    X(SEND_STAMP,      "send_stamp",      "") \
    X(RECEIVE_STAMP,   "receive_stamp",   "") \
    X(RECEIVE_PATH,    "receive_path",    "") \
    X(DSCP,            "dscp",            "") \
    X(REFLECTOR,       "reflector_mode",  "")

#define SPD_ENV_ENUM(name, key, unit) SPD_ENV_##name,
enum spd_env_key { SPD_ENV_LIST(SPD_ENV_ENUM) SPD_ENV_COUNT };
#undef SPD_ENV_ENUM
const char *spd_env_key_name(enum spd_env_key key); /* "heap_bytes" */
const char *spd_env_key_unit(enum spd_env_key key); /* "bytes" or "" */

/* Numbers are used where the unit is not empty, texts elsewhere. */
struct spd_env_item {
    bool present;
    bool fulfilled;             /* what was obtained is at least what was asked */
    int64_t requested;
    int64_t obtained;           /* -1 when the system does not tell */
    char requested_text[48];
    char obtained_text[80];
    char note[160];             /* why less was obtained, and what to do; may be empty */
};

struct spd_environment {
    struct spd_env_item items[SPD_ENV_COUNT];
};

/* Set one item. Truncates long texts at a character boundary. */
void spd_env_set_number(struct spd_environment *env, enum spd_env_key key, int64_t requested,
                        int64_t obtained, const char *note);
void spd_env_set_text(struct spd_environment *env, enum spd_env_key key, const char *requested,
                      const char *obtained, bool fulfilled, const char *note);

/* A reply without a packet record of its own: to the probe that ends a test, or
 * a duplicate. Its numbers help to tell where packets were lost. */
struct spd_extra_reply {
    uint32_t sender_seq;
    uint32_t reflector_seq;
};

enum spd_reflector_mode { SPD_REFLECTOR_UNKNOWN, SPD_REFLECTOR_STATELESS, SPD_REFLECTOR_STATEFUL };

/* All that a burst test found out. Owned by the test handler that ran it until
 * it is handed to the caller; see engine/session.h for how it is freed. */
struct spd_test_record {
    struct spd_addr target;
    struct spd_addr source;
    char target_name[256];       /* as the user gave it */
    uint8_t dscp;
    uint16_t size_bytes;         /* IP packet */
    uint16_t ssid;               /* RFC 8972 section 3 */
    uint8_t reflector_mode;      /* enum spd_reflector_mode */
    bool ssid_returned;          /* the reflector knows RFC 8972 */
    bool interrupted;            /* Ctrl-C: the records are what there was so far */
    uint64_t counter_hz;         /* of every *_ticks */
    size_t link_header_bytes;    /* per packet below IP, for the link-layer capacity */
    struct spd_packet_record *packets;
    size_t n_packets;
    struct spd_burst_record *bursts;
    size_t n_bursts;
    struct spd_extra_reply *extra_replies; /* the first ones, while room lasts */
    size_t n_extra_replies;
    uint64_t n_replies_unexpected; /* came from the target and match no packet sent */
    uint64_t n_replies_malformed;
    uint64_t n_replies_late;       /* for a burst that was already over; counted in n_replies too */
    struct spd_environment environment;
    struct spd_diag outcome;     /* SPD_ERR_OK, or why the test ended early */
};

#endif

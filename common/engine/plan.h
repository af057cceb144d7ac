/*
 * From what the user asked for to what the test will take: sizes, buffers,
 * memory. Pure; refuses what cannot be measured before anything is opened.
 */
#ifndef SPD_ENGINE_PLAN_H
#define SPD_ENGINE_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/addr.h"
#include "common/base/err.h"
#include "common/base/time.h"

/* A burst test as asked for. Zero is no default: the caller fills all. */
struct spd_burst_spec {
    struct spd_addr target;
    char target_name[256];      /* as the user gave it, for messages */
    struct spd_addr source;     /* family NONE: the system chooses */
    char interface_name[64];    /* empty: the system chooses */
    uint32_t n_packets;         /* in one burst, 1.. */
    uint32_t n_bursts;          /* 1.. */
    spd_ns gap_ns;              /* between the end of a burst and the next */
    uint32_t size_bytes;        /* IP packet */
    uint8_t dscp;
    unsigned n_retries;         /* for each burst that did not stay whole */
    spd_ns timeout_ns;          /* a burst ends when nothing came for this long */
    spd_ns gap_limit_ns;        /* a larger gap between two submissions breaks a burst */
    bool spin;                  /* poll for replies instead of sleeping */
    bool kernel_stamps;         /* ask for them */
    uint32_t mtu_bytes;         /* towards the target; 0 unknown */
    uint32_t link_header_bytes; /* in front of each IP packet */
    uint64_t seed;              /* for padding octets and the SSID */
};

struct spd_plan {
    size_t payload_bytes;       /* of each packet's UDP datagram */
    uint32_t n_records;         /* packet records for all bursts and repetitions */
    uint32_t n_burst_records;
    uint32_t n_receives;        /* kept queued */
    size_t heap_units;
    size_t send_buffer_bytes;   /* so that a whole burst fits */
    size_t receive_buffer_bytes; /* replies and kernel stamps of a whole burst */
    size_t total_bytes;         /* of memory the test takes in all */
};

/* Smallest IP packet that carries a STAMP request to this target: 72 bytes
 * over IPv4, 92 over IPv6. */
uint32_t spd_plan_size_min(const struct spd_addr *target);

/* available_bytes: memory that may be taken, 0 unknown. buffer_cost: kernel
 * memory for one queued datagram of the given payload (spd_udp_buffer_cost).
 * Errors: RANGE with a diag that names the setting and its limits; NOMEM. */
enum spd_err spd_plan_make(const struct spd_burst_spec *spec, size_t available_bytes,
                           size_t (*buffer_cost)(size_t n_bytes), struct spd_plan *out,
                           struct spd_diag *diag);

#endif

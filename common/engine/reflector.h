/*
 * The Session-Reflector (RFC 8762 section 4.3): receives, stamps, numbers and
 * sends back, on any number of sockets of one completion port.
 *
 * One thread creates nothing but calls step; it is the owner of the port. All
 * memory is taken at create.
 */
#ifndef SPD_ENGINE_REFLECTOR_H
#define SPD_ENGINE_REFLECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/addr.h"
#include "common/base/err.h"
#include "common/base/network.h"
#include "common/sys/cport.h"
#include "common/sys/udp.h"

#define SPD_REFLECTOR_MAX_LISTEN 64
#define SPD_REFLECTOR_REPLY_DSCP_COPY (-1)

struct spd_reflector;

struct spd_reflector_config {
    const struct spd_addr *listen;  /* n_listen addresses with ports */
    size_t n_listen;                /* 1 .. SPD_REFLECTOR_MAX_LISTEN */
    const char *interface_name;     /* bind to it; NULL or "" for any */
    bool stateful;
    size_t max_sessions;            /* stateful; 0 means 1024 */
    spd_ns idle_timeout_ns;         /* stateful; 0 means 900 s */
    int reply_dscp;                 /* 0..63, or SPD_REFLECTOR_REPLY_DSCP_COPY: as received,
                                       with ECN cleared (RFC 7750 section 3) */
    size_t max_packet_bytes;        /* longest payload reflected; 0 means 9216 */
    unsigned n_receives;            /* receives kept queued on each socket; 0 means 64 */
    unsigned batch;                 /* replies handed over together; 0 means 1 */
    /* Limits; see reflector_limits.h. Where none is set, nothing is looked up. */
    const struct spd_network *allow; /* who is answered; copied; n_allow 0: everybody */
    size_t n_allow;
    uint32_t source_rate;           /* replies a second to each address; 0: no limit */
    uint32_t total_rate;            /* the same to all together */
    uint32_t source_sessions;       /* stateful: sessions at once of each address; 0: no limit */
    bool never_larger;              /* packets under 44 octets get no reply, where
                                       RFC 8762 section 4.6 has a reply of 44 */
};

/* Everything counted since create. */
struct spd_reflector_counters {
    uint64_t n_received;
    uint64_t n_reflected;
    uint64_t n_malformed;        /* under 14 octets, or a zero Multiplier */
    uint64_t n_truncated;        /* longer than max_packet_bytes: not reflected */
    uint64_t n_loops;            /* from a reflector, or from nobody: never answered */
    uint64_t n_short;            /* never_larger: under 44 octets */
    uint64_t n_not_allowed;      /* from none of the allowed networks */
    uint64_t n_over_source_rate; /* beyond what this source may have */
    uint64_t n_without_place;    /* more new sources at once than can be told apart */
    uint64_t n_over_total_rate;  /* beyond what all may have together */
    uint64_t n_sessions_refused; /* packets of sessions beyond the limit */
    uint64_t n_source_sessions_refused; /* beyond the limit of their source */
    uint64_t n_send_failed;
    uint64_t n_receive_failed;   /* ICMP errors and the like */
    uint64_t n_dropped_by_system; /* receive buffers full; what the system tells */
    uint64_t n_sessions;         /* now */
    uint64_t n_sessions_expired;
    uint64_t n_sources;          /* heard in the last second; 0 when no rate is limited */
};

/* Opens the sockets. keys first_key .. first_key + n_listen - 1 of the port
 * are the reflector's. Errors as spd_udp_open, NOMEM, INVALID (a rate beyond
 * SPD_REFLECTOR_RATE_MAX), and NOTSUP where limits need random numbers and the
 * system has none. */
enum spd_err spd_reflector_create(struct spd_cport *port, uintptr_t first_key,
                                  const struct spd_reflector_config *config,
                                  struct spd_reflector **out, struct spd_diag *diag);

/* The socket number i as bound, and what the system gave it. */
void spd_reflector_facts(const struct spd_reflector *reflector, size_t i,
                         struct spd_udp_facts *out);

/* A completion of the port that is not the reflector's: a post. */
typedef void spd_reflector_on_post(void *context, const struct spd_completion *completion);

/* Wait at most max_wait_ns for packets and answer them. Returns OK, TIMEOUT
 * (nothing came), CLOSED (the port was closed), or what spd_cport_wait failed
 * with. */
enum spd_err spd_reflector_step(struct spd_reflector *reflector, spd_ns max_wait_ns,
                                spd_reflector_on_post *on_post, void *context);

void spd_reflector_counters(struct spd_reflector *reflector, struct spd_reflector_counters *out);

/* Closes the sockets, drains the port of their operations and frees. Posts
 * that come meanwhile are dropped. By the owner of the port. */
void spd_reflector_destroy(struct spd_reflector *reflector);

#endif

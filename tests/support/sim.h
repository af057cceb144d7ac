/*
 * The simulated system: a third implementation of common/sys, on one thread,
 * with its own time, its own network and a truth to compare results with. Link
 * spd_sys_sim instead of spd_sys.
 *
 * The world
 * - Time stands still while code runs. It advances in spd_cport_wait (to the
 *   next event of the network, at most by the time-out), in spd_thread_sleep,
 *   in sim_advance*, and by the costs of sim_costs_set. A wait with time-out 0
 *   sees what is due now. "True time" is nanoseconds since the world began.
 * - A host is a number from 1 to 254. Host x owns 10.0.0.x, 2001:db8::x and
 *   its loopback addresses. A socket bound to 10.0.0.x or 2001:db8::x belongs
 *   to host x; bound to the wildcard or to loopback, to the current host.
 *   Everything else (clock, scheduling, memory, interfaces) is asked of the
 *   current host: tests set it before they step a host. It is 1 at first.
 * - Packets for any other address vanish. IPv4 and IPv6 never mix on a socket.
 * - A wait for ever that nothing can end panics: it is a deadlock.
 *
 * Threads
 * - spd_thread_start only notes the function. It runs to its end, on the stack
 *   of the one thread there is, when somebody finds nothing to do in
 *   spd_cport_wait, sleeps, or joins it. So threads that end by themselves
 *   work, and threads that wait for each other do not.
 *
 * A world is made at first use, with seed 1. All pointers given here are read
 * during the call only.
 */
#ifndef SPD_SIM_H
#define SPD_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/addr.h"
#include "common/base/err.h"
#include "common/base/time.h"
#include "common/sys/console.h"
#include "common/sys/sched.h"

#define SIM_HOST_MAX 254

/* A fresh world: true time 0, no links set, no failures planned. Asserts that
 * the old one has no port, socket, thread or page memory left. */
void sim_create(uint64_t seed);
/* The same, and frees what the old world held. */
void sim_destroy(void);
/* The next number of the world's generator (for tests that want to follow the
 * same seed). */
uint64_t sim_random(void);

/* ---- time ---- */

spd_ns sim_now_ns(void); /* true time */
void sim_advance(spd_ns duration_ns);
/* To the next event, at most limit_ns further. False when there was none: time
 * then stands limit_ns later. */
bool sim_advance_to_next_event(spd_ns limit_ns);

void sim_set_current_host(unsigned host);
unsigned sim_current_host(void);

/* Called whenever something happened (a packet arrived, an operation
 * completed) and every period_ns (0: not), with its host as the current one:
 * a reflector that answers while the test sits in spd_cport_wait. Never called
 * from within itself or another actor. */
void sim_add_actor(unsigned host, spd_ns period_ns, void (*step)(void *argument), void *argument);

/* How long things take; all 0 at first. */
struct sim_costs {
    spd_ns clock_read_ns; /* each reading of counter or time of day */
    spd_ns send_ns;       /* each datagram handed over in a commit; it leaves halfway through */
    spd_ns commit_ns;     /* each commit that hands anything over */
};
void sim_costs_set(const struct sim_costs *costs);

/* ---- hosts ---- */

/* Positions, from 0. Order does not matter. */
struct sim_list {
    const uint32_t *indices;
    size_t n;
};

struct sim_step {
    spd_ns at_ns;     /* true time */
    spd_ns amount_ns; /* what the time of day jumps by; negative goes back */
};

/* Zero means the default everywhere. */
struct sim_host_config {
    uint64_t counter_hz;    /* default 1 GHz */
    uint64_t counter_start; /* reading at true time 0; default 10^12 */
    int64_t skew_ppb;       /* of the oscillator: counter and time of day run fast by it */
    int64_t wall_skew_ppb;  /* of the time of day only, on top of it */
    int64_t wall_offset_ns; /* time of day less the true one, at true time 0 */
    const struct sim_step *steps;
    size_t n_steps;
    int synchronised; /* what spd_clock_is_synchronised says */
    spd_ns max_error_ns;

    /* Scheduling. */
    enum spd_priority best_priority; /* NORMAL (0) refuses all others */
    bool refuse_priority;            /* best_priority counts only with this set */
    bool switches_unknown;           /* involuntary switches are not counted */

    /* Memory. */
    size_t page_bytes;        /* default 4096 */
    bool refuse_lock;         /* page memory is not locked */
    size_t working_set_bytes; /* most that is granted; 0: all */
    size_t available_bytes;   /* default 1 GiB */

    /* Kernel stamps, named KERNEL and KERNEL_SCHED as real ones are, so that the
     * engine takes the same paths. Lists count sends and receives of this host from the
     * moment of sim_host_set. */
    bool deny_sched_stamps;
    bool deny_sent_stamps;
    bool deny_receive_stamps;
    bool deny_receive_details; /* TTL, traffic class and destination of what arrives */
    struct sim_list lose_sched_stamps;
    struct sim_list lose_sent_stamps;
    struct sim_list lose_receive_stamps;

    size_t max_buffer_bytes; /* sockets get at most this; 0: what they ask for */
};
void sim_host_set(unsigned host, const struct sim_host_config *config);

/* The clocks of a host at a true time. */
int64_t sim_wall_at(unsigned host, spd_ns true_ns);
uint64_t sim_ticks_at(unsigned host, spd_ns true_ns);
/* The true time of day at a true time. */
int64_t sim_true_wall_ns(spd_ns true_ns);

/* The addresses of a host. */
struct spd_addr sim_addr4(unsigned host, uint16_t port);
struct spd_addr sim_addr6(unsigned host, uint16_t port);

/* ---- links ---- */

struct sim_outage {
    spd_ns from_ns; /* true time */
    spd_ns until_ns;
};

/* One direction between two hosts (or a host and itself). Zero is a perfect
 * link. Lists hold positions among the packets offered to this direction,
 * counted from the moment of the first sim_link_set. */
struct sim_link {
    spd_ns delay_ns;
    uint64_t rate_bps;          /* serialisation; 0: none */
    uint32_t link_header_bytes; /* in front of the IP packet, counted for the rate */
    uint64_t queue_bytes;       /* link bytes that may wait (not the one on the wire); 0: any */
    uint32_t queue_packets;     /* packets that may wait; 0: any */
    bool local_queue;    /* it is the sender's own: overflow fails the send with NO_BUFFERS, what
                            waits fills the send buffer, SENT stamps come when a packet leaves it */
    uint32_t mtu_bytes;  /* default 65535 */
    uint8_t hops;        /* off the TTL */
    bool rewrite_tclass; /* to tclass */
    uint8_t tclass;

    spd_ns jitter_constant_ns; /* every second packet, from 1, is this much later */
    spd_ns jitter_random_ns;   /* each is later by 0 .. this, uniformly */
    bool jitter_reorders;      /* else a packet waits for the one before it */

    uint32_t loss_ppm; /* behind the queue: a lost packet has used the rate */
    struct sim_list lose;
    uint32_t duplicate_ppm;
    struct sim_list duplicate;
    spd_ns duplicate_after_ns;
    uint32_t reorder_ppm; /* later by reorder_ns, and others may overtake */
    struct sim_list reorder;
    spd_ns reorder_ns;
    uint32_t corrupt_ppm; /* one byte of the payload is changed */
    struct sim_list corrupt;
    const struct sim_outage *outages; /* what leaves the queue then is lost */
    size_t n_outages;
    enum spd_err icmp; /* each packet is lost, and the sender gets this ICMP error */
};
void sim_link_set(unsigned from, unsigned to, const struct sim_link *link);
/* Both directions. */
void sim_path_set(unsigned a, unsigned b, const struct sim_link *link);

enum sim_fate {
    SIM_IN_FLIGHT,
    SIM_DELIVERED,  /* into a socket's buffer or a waiting operation */
    SIM_LOST,       /* by the link */
    SIM_LOST_QUEUE, /* the queue was full */
    SIM_LOST_OUTAGE,
    SIM_LOST_SOCKET, /* the receiving socket's buffer was full */
    SIM_REFUSED,     /* nobody had bound the port; an ICMP error went back */
    SIM_NOWHERE,     /* no such host */
};

#define SIM_TRUTH_PAYLOAD_BYTES 64

/* What really happened to a packet. True times. */
struct sim_truth {
    uint32_t index; /* position among the packets offered to this direction */
    bool is_copy;   /* made by duplication; its original has the same index */
    bool corrupted;
    bool reordered; /* got reorder_ns */
    enum sim_fate fate;
    struct spd_addr from;
    struct spd_addr to;
    spd_ns sent_ns;                           /* handed over by the sender */
    spd_ns wire_ns;                           /* left the queue: serialisation began */
    spd_ns arrived_ns;                        /* -1 if it did not */
    size_t n_bytes;                           /* UDP payload */
    uint8_t payload[SIM_TRUTH_PAYLOAD_BYTES]; /* as sent */
};
/* All packets of a direction so far, in the order in which they were offered
 * (a copy follows its original). Valid until time advances or somebody sends. */
const struct sim_truth *sim_truth(unsigned from, unsigned to, size_t *n);
size_t sim_truth_count(unsigned from, unsigned to, enum sim_fate fate);

/* ---- injected trouble ---- */

/* Every connection (common/sys/tcp.h) with an end at this host breaks. */
void sim_tcp_break(unsigned host);

/* In the nth commit (from 0, counted from this call) of this host that hands
 * over at least min_sends, n_switches involuntary switches and a pause happen
 * after after_sends of them. */
struct sim_switch {
    unsigned host;
    uint32_t nth;
    uint32_t min_sends;
    uint32_t after_sends;
    int64_t n_switches;
    spd_ns pause_ns;
};
void sim_inject_switch(const struct sim_switch *plan);

/* The nth datagram (from 0, counted from this call) that this host hands over
 * fails with err instead of leaving. */
void sim_fail_send(unsigned host, uint32_t nth, enum spd_err err);

/* The nth call (from 0, counted from this call) fails with err. ALLOCATION is
 * every allocation behind the contract and fails what needed it with NOMEM. */
enum sim_call {
    SIM_CALL_ALLOCATION,
    SIM_CALL_CREATE,
    SIM_CALL_OPEN,
    SIM_CALL_COMMIT,
    SIM_CALL_WAIT,
    SIM_CALL_POST,
    SIM_CALL_PAGEMEM,
    SIM_CALL_THREAD,
    SIM_CALL_RESOLVE,
    SIM_CALL_PATH,
    SIM_CALL_COUNT
};
void sim_fail_call(enum sim_call call, uint32_t nth, enum spd_err err);
uint64_t sim_calls(enum sim_call call); /* made since the world began */

/* Pages and port objects still alive: 0 when everything was given back. */
size_t sim_n_alive(void);

/* ---- console ---- */

void sim_console_set(bool terminal, unsigned width);
/* Post as if the user had pressed it; false when nobody watches. */
bool sim_console_event(enum spd_console_event event);

#endif

/*
 * The receiver of a one-way session: logs every packet as it arrives,
 * duplicates included, and says what ended the session (spec L2).
 *
 * With a control channel the session is known beforehand. Without one it is the
 * first whose marked packets arrive (wire/session_mark.h); packets of others are
 * counted and left alone until it is over.
 *
 * One thread steps it. Packets that find the ring full wait in the socket's
 * buffer, with their stamps, so nothing that arrived is lost while that lasts.
 */
#ifndef SPD_ENGINE_RECEIVER_H
#define SPD_ENGINE_RECEIVER_H

#include "common/base/flow.h"
#include "common/base/ring.h"
#include "common/sys/cport.h"

/* Most packets of a session that a receiver takes. */
#define SPD_RECEIVER_PACKETS_MAX 100000000u

enum spd_receiver_ending {
    SPD_RECEIVER_RUNNING,
    SPD_RECEIVER_COUNT,       /* every sequence number has arrived */
    SPD_RECEIVER_TERMINATION, /* a termination packet */
    SPD_RECEIVER_DONE,        /* told over the control channel */
    SPD_RECEIVER_TIMEOUT,     /* silence */
    SPD_RECEIVER_BY_HAND,
    SPD_RECEIVER_ERROR, /* see outcome */
};

struct spd_receiver_spec {
    struct spd_addr listen; /* port 0: from the range, or by the system */
    uint16_t port_first;    /* the range, tried in turn; 0: none */
    uint16_t port_last;
    char interface_name[64];
    bool kernel_stamps;
    spd_ns timeout_ns;       /* silence that ends a session, from its first packet on */
    spd_ns first_timeout_ns; /* silence from the opening on, before any packet; 0: for ever */
    spd_ns linger_ns;        /* after an announced end: for packets that were overtaken */
    bool wait_for_ring;      /* hold records back until spd_receiver_set_ring */

    /* Known over a control channel; all zero without one. */
    uint32_t n_packets;
    uint64_t session;       /* of marks, where packets carry any */
    struct spd_addr sender; /* packets from elsewhere count as unexpected; unmarked ones from
                               another port, too */
    spd_ns discard_ns;      /* unmarked: drop packets whose send time is further from now (RFC
                               4656 section 4.2); 0: never */
    bool keep;              /* keep the records in memory, too: see spd_receiver_kept */

    uint64_t previous_session; /* without control: late packets of it begin nothing */
};

struct spd_receiver_record {
    enum spd_receiver_ending ending;
    struct spd_flow_info info; /* target: this socket; source: of the first packet */
    uint64_t session;
    uint16_t ssid;
    bool n_taken_known;
    uint32_t n_taken;   /* packets that the sender took in hand, by its own word */
    uint64_t n_records; /* duplicates included */
    uint64_t n_arrived; /* without duplicates */
    uint64_t n_duplicates;
    uint64_t n_unexpected; /* of no session, or of another */
    uint64_t n_malformed;
    uint64_t n_discarded;    /* by discard_ns */
    uint64_t n_beyond_limit; /* duplicates beyond what a session may leave */
    uint64_t n_termination;
    uint64_t n_marked; /* packets with the mark of the session */
    uint64_t n_bytes;  /* IP bytes of n_arrived */
    uint64_t n_receive_failed;
    uint64_t n_dropped_local; /* by this host's receive buffer */
    bool n_dropped_known;
    enum spd_stamp_source receive_stamp;
    struct spd_environment environment;
    struct spd_diag outcome;
    spd_ns clock_step_ns; /* time of day against counter over the session */
};

enum spd_receiver_event {
    SPD_RECEIVER_OPENED, /* listens; number: the port */
    SPD_RECEIVER_BEGAN,  /* the session is known: info, session and ssid of the record are set */
    SPD_RECEIVER_FINISHED,
};
/* On the thread that steps. */
typedef void spd_receiver_notify(void *context, enum spd_receiver_event event, uint32_t number);

struct spd_receiver;

/* Errors: RANGE with a diag (number of packets), NOMEM, as spd_cport_create. */
enum spd_err spd_receiver_create(const struct spd_receiver_spec *spec, struct spd_ring_buffer *ring,
                                 spd_receiver_notify *notify, void *context,
                                 struct spd_receiver **out, struct spd_diag *diag);

/* Returns false once finished. The first call opens the socket and becomes the
 * owner of the port; what fails there is the record's outcome. */
bool spd_receiver_step(struct spd_receiver *receiver, spd_ns max_wait_ns);

/* Any thread. Where the records go from now on; NULL: nowhere (but kept ones
 * are kept). */
void spd_receiver_set_ring(struct spd_receiver *receiver, struct spd_ring_buffer *ring);

/* Any thread: end for this reason, unless it has ended already. n_taken (DONE):
 * how many packets the sender took in hand. */
void spd_receiver_stop(struct spd_receiver *receiver, enum spd_receiver_ending ending,
                       uint32_t n_taken);

/* Any thread: the records kept so far; they stay where they are. Their
 * reflector_seq, of no other use in one direction, is the Error Estimate of the
 * send time. */
size_t spd_receiver_kept(struct spd_receiver *receiver, const struct spd_flow_packet **packets);

/* Complete once finished; the session's own fields from BEGAN on. Valid until
 * destroy. */
const struct spd_receiver_record *spd_receiver_record(const struct spd_receiver *receiver);

/* Only when finished, or never stepped. NULL is allowed. */
void spd_receiver_destroy(struct spd_receiver *receiver);

#endif

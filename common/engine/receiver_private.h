/*
 * Shared by receiver.c (states, resources) and receiver_packets.c (what
 * arrives); nobody else includes it.
 */
#ifndef SPD_ENGINE_RECEIVER_PRIVATE_H
#define SPD_ENGINE_RECEIVER_PRIVATE_H

#include <stdatomic.h>

#include "common/engine/packet_heap.h"
#include "common/engine/receiver.h"

#define SPD_RECEIVER_UNITS 256

struct spd_receiver {
    struct spd_receiver_spec spec;
    struct spd_receiver_record record;
    struct spd_cport *port;
    struct spd_udp *udp;
    struct spd_packet_heap *heap;
    _Atomic(struct spd_ring_buffer *) ring;
    atomic_bool ring_wanted;     /* records wait for spd_receiver_set_ring */
    atomic_uint stop_wanted;     /* enum spd_receiver_ending */
    atomic_uint_least32_t taken; /* with DONE */
    spd_receiver_notify *notify;
    void *context;
    int state;
    bool began;     /* the session is known by its mark */
    bool announced; /* BEGAN was told */
    bool stopped;
    unsigned n_in_flight;
    unsigned n_drained;
    uint64_t counter_hz;
    size_t header_bytes;
    spd_ns active_ns; /* steady time of the opening, or of the last packet */
    spd_ns ended_ns;  /* steady time at which the ending was known */
    struct spd_clock_pair started;

    uint8_t *seen; /* a bit for each sequence number */
    uint64_t duplicates_max;
    struct spd_flow_packet *kept;
    atomic_size_t n_kept;

    /* Units whose records are not in the ring yet, oldest first. */
    struct spd_flow_packet held[SPD_RECEIVER_UNITS]; /* by index of the unit */
    unsigned order[SPD_RECEIVER_UNITS];              /* a ring of indices */
    unsigned first_held;
    unsigned n_held;
};

/* receiver_packets.c */

/* The session is known: take the memory for it. Errors: NOMEM. */
enum spd_err spd_receiver_begin(struct spd_receiver *r);
/* What arrived in a unit; the unit is queued again now or once its record is in
 * the ring. */
void spd_receiver_on_packet(struct spd_receiver *r, struct spd_unit *unit, size_t n_bytes,
                            spd_wall dequeued);
/* Move held records into the ring; true when none is left. */
bool spd_receiver_hand_over(struct spd_receiver *r);

/* receiver.c */
void spd_receiver_queue_receive(struct spd_receiver *r, struct spd_unit *unit);
void spd_receiver_end(struct spd_receiver *r, enum spd_receiver_ending ending);

#endif

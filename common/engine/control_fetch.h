/*
 * The answer to a Fetch-Session (RFC 4656 section 3.9): the records of a
 * receiver, and those of lost packets, as octets, piece by piece. Pure; the
 * thread that serves the control connections.
 */
#ifndef SPD_ENGINE_CONTROL_FETCH_H
#define SPD_ENGINE_CONTROL_FETCH_H

#include "common/base/flow.h"
#include "common/wire/owamp_control.h"

/* What there is of a session; all pointers are the caller's and last as long as
 * the fetch. */
struct spd_control_fetch_source {
    const struct spd_owamp_request *request; /* with the ports in use and the SID */
    const struct spd_owamp_slot *slots;
    bool finished;
    bool normal;       /* stopped by Stop-Sessions of the client, Accept 0 */
    uint32_t next_seq; /* when finished */
    const struct spd_owamp_skip *skips;
    uint32_t n_skips;
    const struct spd_flow_packet *packets;
    size_t n_packets;
    uint16_t error_estimate;  /* of this host's clock */
    bool marked;              /* packets had our marks: their sender wants all of them */
    int64_t discard_after_ns; /* not marked: leave out packets sent (by the schedule) later than
                                 this (section 3.8: Stop-Sessions less Timeout); 0: none */
};

struct spd_control_fetch {
    struct spd_control_fetch_source source;
    uint32_t begin, end;
    struct spd_owamp_fetch_ack ack;
    uint8_t *arrived; /* a bit for each number; NULL where nothing is known to be lost */
    int stage;
    size_t at;        /* within the stage */
    uint64_t n_block; /* octets since the last block began */
    struct spd_owamp_schedule schedule;
    uint64_t send_time; /* of the number at */
    uint32_t n_skips_passed;
};

/* Errors: NOMEM. Otherwise fetch->ack says what is answered; a request that
 * section 3.9 denies has an ack that is not OK and nothing after it. */
enum spd_err spd_control_fetch_begin(struct spd_control_fetch *fetch,
                                     const struct spd_control_fetch_source *source,
                                     const struct spd_owamp_fetch *request);

#define SPD_CONTROL_FETCH_PIECE 256
/* The next octets of the answer, the ack first: at least SPD_CONTROL_FETCH_PIECE
 * must have room. 0 at the end. */
size_t spd_control_fetch_next(struct spd_control_fetch *fetch, uint8_t *out, size_t capacity);

void spd_control_fetch_end(struct spd_control_fetch *fetch); /* a zeroed one is allowed */

#endif

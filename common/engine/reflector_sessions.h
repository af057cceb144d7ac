/*
 * The sessions of a stateful Session-Reflector: a sequence number each, found
 * by the addresses and ports of both ends and the SSID (RFC 8972 section 3).
 *
 * A fixed number of sessions, taken at create. One that saw no packet for the
 * idle time-out gives its place to a new one (RFC 8762 names no time-out; the
 * default is TWAMP's REFWAIT, 900 s). One thread.
 */
#ifndef SPD_ENGINE_REFLECTOR_SESSIONS_H
#define SPD_ENGINE_REFLECTOR_SESSIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/addr.h"
#include "common/base/err.h"
#include "common/base/time.h"

/* When all places are taken, a session that was silent for so long gives up
 * its place, whatever the idle time-out. */
#define SPD_REFLECTOR_SPARE_NS (30 * SPD_NS_PER_S)

struct spd_reflector_sessions;

struct spd_reflector_session_key {
    struct spd_addr sender;
    struct spd_addr reflector;
    uint16_t ssid;
};

/* max_per_host sessions at once from one address; 0 for no such limit. Errors:
 * NOMEM, INVALID (n_max 0). */
enum spd_err spd_reflector_sessions_create(size_t n_max, uint32_t max_per_host,
                                           spd_ns idle_timeout_ns,
                                           struct spd_reflector_sessions **out);
void spd_reflector_sessions_destroy(struct spd_reflector_sessions *sessions);

/* The sequence number for the next reply of this session: 0 for a new one,
 * then one more each time (it wraps at 2^32). now_ns is any steady time.
 * Sessions of senders that are not established (reflector_limits.h) leave a
 * quarter of the places to those that are. Errors: LIMIT when all places are
 * taken by sessions that cannot be spared; FULL when the host has its number. */
enum spd_err spd_reflector_sessions_next(struct spd_reflector_sessions *sessions,
                                         const struct spd_reflector_session_key *key,
                                         bool established, spd_ns now_ns, uint32_t *seq);

/* End the sessions that have been idle for too long; returns how many. */
size_t spd_reflector_sessions_expire(struct spd_reflector_sessions *sessions, spd_ns now_ns);

size_t spd_reflector_sessions_count(const struct spd_reflector_sessions *sessions);

#endif

/*
 * What a reflector must never answer: packets by which it would talk to
 * another reflector, or to itself, without end, and senders that are no host.
 * Pure; any thread.
 */
#ifndef SPD_ENGINE_REFLECTOR_LOOPS_H
#define SPD_ENGINE_REFLECTOR_LOOPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/addr.h"
#include "common/base/time.h"

/* The seconds of an NTP stamp taken now, for the function below. */
uint32_t spd_reflector_loops_seconds(spd_wall now);

/* Whether a packet has come from a reflector, or from nobody who could be
 * answered. from and to are its addresses (to may be unknown: family 0); ports
 * are those on which this reflector listens, to any number of sockets. A
 * reflector on some other port is known by what it sends: its stamp of arrival
 * and the stamp of ours that it echoes stand where senders have padding. */
bool spd_reflector_loops_is_one(const struct spd_addr *from, const struct spd_addr *to,
                                const uint16_t *ports, size_t n_ports, const void *packet,
                                size_t n_bytes, uint32_t now_seconds);

#endif

/*
 * Runs on the reflector's thread for each packet.
 */
#include "common/engine/reflector_loops.h"

#include "common/wire/ntptime.h"
#include "common/wire/stamp.h"

/* A reply comes back within the life of a packet; clocks of strangers do not
 * matter, since one of the stamps is ours. */
#define NEAR_SECONDS 4

/* Octets of a reply (RFC 8762 section 4.3.1). */
#define RECEIVE_STAMP_OFFSET 16
#define SENDER_STAMP_OFFSET  28

uint32_t spd_reflector_loops_seconds(spd_wall now)
{
    return (uint32_t)(spd_ntptime_from_wall(now) >> 32);
}

static bool is_near(const uint8_t *octets, uint32_t now_seconds)
{
    uint32_t seconds = (uint32_t)octets[0] << 24 | (uint32_t)octets[1] << 16 |
                       (uint32_t)octets[2] << 8 | octets[3];

    return seconds - now_seconds + NEAR_SECONDS <= 2 * NEAR_SECONDS;
}

/* The reply of a reflector to a reply of ours echoes our stamp; our own reply,
 * sent back as it is by an echo service, has our stamp of arrival. Both have
 * zero in the MBZ octets before the TTL (behind it, TWAMP reflectors have
 * padding). Padding at random is taken for one once in 2^43. */
static bool looks_reflected(const uint8_t *p, size_t n_bytes, uint32_t now_seconds)
{
    return n_bytes >= SPD_STAMP_BYTES && (p[38] | p[39]) == 0 &&
           (is_near(p + SENDER_STAMP_OFFSET, now_seconds) ||
            is_near(p + RECEIVE_STAMP_OFFSET, now_seconds));
}

bool spd_reflector_loops_is_one(const struct spd_addr *from, const struct spd_addr *to,
                                const uint16_t *ports, size_t n_ports, const void *packet,
                                size_t n_bytes, uint32_t now_seconds)
{
    /* Reflectors listen on the well-known port or on ours, and nobody else
     * sends from there in good faith. */
    if (from->port == 0 || from->port == SPD_STAMP_DEFAULT_PORT)
        return true;
    for (size_t i = 0; i < n_ports; i++)
        if (from->port == ports[i])
            return true;
    return spd_addr_is_any(from) || spd_addr_is_multicast(from) || spd_addr_is_multicast(to) ||
           looks_reflected(packet, n_bytes, now_seconds);
}

/*
 * A hash of addresses under a secret, for tables whose keys come from the
 * network: who does not know the secret cannot choose addresses that meet in
 * one place. Pure; any thread.
 */
#ifndef SPD_ENGINE_KEYED_HASH_H
#define SPD_ENGINE_KEYED_HASH_H

#include <stdint.h>
#include <string.h>

#include "common/base/addr.h"

static inline uint64_t spd_keyed_mix(uint64_t h, uint64_t v)
{
    h ^= v;
    h *= UINT64_C(0xFF51AFD7ED558CCD);
    h ^= h >> 33;
    h *= UINT64_C(0xC4CEB9FE1A85EC53);
    return h ^ (h >> 29);
}

/* Begin with the secret. The port counts when with_port is 1, not when 0. */
static inline uint64_t spd_keyed_mix_addr(uint64_t h, const struct spd_addr *a, unsigned with_port)
{
    uint64_t half[2];

    memcpy(half, a->bytes, sizeof(half));
    h = spd_keyed_mix(h, half[0]);
    h = spd_keyed_mix(h, half[1]);
    return spd_keyed_mix(h, ((uint64_t)a->scope_id << 32) | ((uint64_t)a->family << 16) |
                                (with_port ? a->port : 0u));
}

#endif

/*
 * How many sessions each host has at a reflector: a count by address, without
 * port. Fixed memory, taken at create; one thread.
 */
#ifndef SPD_ENGINE_REFLECTOR_HOSTS_H
#define SPD_ENGINE_REFLECTOR_HOSTS_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/addr.h"
#include "common/base/err.h"

struct spd_reflector_hosts;

/* For at most n_max hosts at a time; secret as in keyed_hash.h. Errors: NOMEM,
 * INVALID (n_max 0 or too large). */
enum spd_err spd_reflector_hosts_create(size_t n_max, uint64_t secret,
                                        struct spd_reflector_hosts **out);
void spd_reflector_hosts_destroy(struct spd_reflector_hosts *hosts);

uint32_t spd_reflector_hosts_count(const struct spd_reflector_hosts *hosts,
                                   const struct spd_addr *host);

/* One session more (the caller sees to n_max), and one less of a host that has
 * one; both asserted. */
void spd_reflector_hosts_add(struct spd_reflector_hosts *hosts, const struct spd_addr *host);
void spd_reflector_hosts_remove(struct spd_reflector_hosts *hosts, const struct spd_addr *host);

#endif

/*
 * Send schedules of OWAMP (RFC 4656 sections 3.6 and 5): both ends compute the
 * same time for each packet from the slots and the SID. Times and intervals are
 * in the NTP format, units of 2^-32 s. Pure; any thread.
 */
#ifndef SPD_WIRE_OWAMP_SCHEDULE_H
#define SPD_WIRE_OWAMP_SCHEDULE_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/time.h"
#include "common/wire/aes128.h"

enum spd_owamp_slot_type { SPD_OWAMP_SLOT_EXPONENTIAL = 0, SPD_OWAMP_SLOT_FIXED = 1 };

struct spd_owamp_slot {
    uint8_t type;      /* enum spd_owamp_slot_type */
    uint64_t interval; /* the delay itself, or its mean */
};

/* Exponentially distributed pseudo-random numbers with mean 1, in units of
 * 2^-32 (section 5). */
struct spd_owamp_random {
    struct spd_aes128 aes;
    uint8_t counter[16];
    uint8_t block[16];
};
void spd_owamp_random_init(struct spd_owamp_random *random, const uint8_t sid[16]);
uint64_t spd_owamp_random_exponential(struct spd_owamp_random *random);

struct spd_owamp_schedule {
    struct spd_owamp_random random;
    const struct spd_owamp_slot *slots; /* the caller's; must last as long */
    size_t n_slots;
    size_t at;
};
/* n_slots of at least 1, each of a known type. */
void spd_owamp_schedule_init(struct spd_owamp_schedule *schedule,
                             const struct spd_owamp_slot *slots, size_t n_slots,
                             const uint8_t sid[16]);
/* From one packet (or the start) to the next one; saturates at UINT64_MAX. */
uint64_t spd_owamp_schedule_next(struct spd_owamp_schedule *schedule);

/* Intervals; not negative. Rounded to nearest; saturates at SPD_NS_MAX. */
uint64_t spd_owamp_interval_from_ns(spd_ns duration_ns);
spd_ns spd_owamp_interval_to_ns(uint64_t interval);

#endif

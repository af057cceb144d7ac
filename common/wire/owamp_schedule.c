/*
 * RFC 4656 section 5, step by step; every implementation must compute the same
 * numbers, so nothing here is to be improved. Appendix B has the test vectors.
 */
#include "common/wire/owamp_schedule.h"

#include <string.h>

#include "common/base/assert.h"

#define N_Q   11
#define BIT31 UINT32_C(0x80000000)

/* Section 5.2: Q[k] = ln2/1! + .. + ln2^k/k!, times 2^32; Q[0] is not used. */
static const uint32_t q[N_Q + 1] = {
    0,          0xB17217F8, 0xEEF193F7, 0xFD271862, 0xFF9D6DD0, 0xFFF4CFD0,
    0xFFFEE819, 0xFFFFE7FF, 0xFFFFFE2B, 0xFFFFFFE0, 0xFFFFFFFE, 0xFFFFFFFF,
};
#define LN2 q[1]

/* Section 5.2: (u * v) >> 32, of the exact product. */
static uint64_t multiply(uint64_t u, uint64_t v)
{
    return (uint64_t)((unsigned __int128)u * v >> 32);
}

void spd_owamp_random_init(struct spd_owamp_random *random, const uint8_t sid[16])
{
    memset(random, 0, sizeof(*random));
    spd_aes128_init(&random->aes, sid);
}

/* Section 5.3, algorithm Unif. */
static uint32_t uniform(struct spd_owamp_random *random)
{
    const uint8_t *four = random->block + (random->counter[15] & 3) * 4;

    if ((random->counter[15] & 3) == 0)
        spd_aes128_encrypt(&random->aes, random->counter, random->block);
    for (int i = 15; i >= 0 && ++random->counter[i] == 0; i--)
        ;
    return (uint32_t)four[0] << 24 | (uint32_t)four[1] << 16 | (uint32_t)four[2] << 8 | four[3];
}

/* Section 5.1, algorithm S. */
uint64_t spd_owamp_random_exponential(struct spd_owamp_random *random)
{
    uint32_t u = uniform(random), v;
    uint64_t j = 0;
    int k = 2;

    /* S1: shift off the ones up to the first zero, and that zero. */
    for (; (u & BIT31) && j < 32; j++)
        u <<= 1;
    u <<= 1;
    j <<= 32;
    if (u < LN2) /* S2 */
        return multiply(j, LN2) + u;
    while (k < N_Q && u >= q[k]) /* S3 */
        k++;
    v = uniform(random);
    for (int i = 2; i <= k; i++) {
        uint32_t other = uniform(random);

        if (other < v)
            v = other;
    }
    return multiply(j + v, LN2); /* S4 */
}

void spd_owamp_schedule_init(struct spd_owamp_schedule *schedule,
                             const struct spd_owamp_slot *slots, size_t n_slots,
                             const uint8_t sid[16])
{
    SPD_ASSERT(n_slots > 0);
    spd_owamp_random_init(&schedule->random, sid);
    schedule->slots = slots;
    schedule->n_slots = n_slots;
    schedule->at = 0;
}

uint64_t spd_owamp_schedule_next(struct spd_owamp_schedule *schedule)
{
    const struct spd_owamp_slot *slot = &schedule->slots[schedule->at];
    unsigned __int128 product;

    schedule->at = (schedule->at + 1) % schedule->n_slots;
    if (slot->type == SPD_OWAMP_SLOT_FIXED)
        return slot->interval;
    product = (unsigned __int128)spd_owamp_random_exponential(&schedule->random) * slot->interval;
    return product >> 96 ? UINT64_MAX : (uint64_t)(product >> 32);
}

uint64_t spd_owamp_interval_from_ns(spd_ns duration_ns)
{
    uint64_t ns = duration_ns > 0 ? (uint64_t)duration_ns : 0, per_s = (uint64_t)SPD_NS_PER_S;
    uint64_t fraction = ((ns % per_s << 32) + per_s / 2) / per_s;
    uint64_t seconds = ns / per_s;

    return seconds > UINT32_MAX ? UINT64_MAX : (seconds << 32) + fraction;
}

spd_ns spd_owamp_interval_to_ns(uint64_t interval)
{
    uint64_t per_s = (uint64_t)SPD_NS_PER_S;
    uint64_t fraction_ns = ((interval & UINT32_MAX) * per_s + (UINT64_C(1) << 31)) >> 32;

    return (spd_ns)((interval >> 32) * per_s + fraction_ns);
}

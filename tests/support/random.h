/*
 * Pseudo-random numbers for tests: the seed comes from SPD_SEED, or from the
 * clock, and is printed, so that a failure can be had again.
 */
#ifndef SPD_TESTS_SUPPORT_RANDOM_H
#define SPD_TESTS_SUPPORT_RANDOM_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct spd_random {
    uint64_t state;
};

/* SplitMix64: any seed is a good one. */
static inline uint64_t spd_random_u64(struct spd_random *random)
{
    uint64_t z = random->state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

/* 0..limit - 1. The bias is below limit / 2^64. */
static inline uint64_t spd_random_below(struct spd_random *random, uint64_t limit)
{
    return spd_random_u64(random) % limit;
}

static inline void spd_random_bytes(struct spd_random *random, void *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)bytes)[i] = (uint8_t)(spd_random_u64(random) >> 56);
}

/* who: the name of the test, for the printed line. This one begins at the seed
 * given, unless SPD_SEED says otherwise: for rates, which some seed always
 * misses. */
static inline struct spd_random spd_random_start_at(const char *who, uint64_t seed)
{
    const char *text = getenv("SPD_SEED");
    struct spd_random random = { text && *text ? strtoull(text, NULL, 0) : seed };

    printf("%s: SPD_SEED=%llu\n", who, (unsigned long long)random.state);
    return random;
}

static inline struct spd_random spd_random_start(const char *who)
{
    return spd_random_start_at(who, (uint64_t)time(NULL));
}

#endif

/*
 * When each packet of a paced flow is due, and how long it is. Pure: a schedule
 * is a sequence that depends on its specification and seed alone.
 */
#ifndef SPD_ENGINE_SCHEDULE_H
#define SPD_ENGINE_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/time.h"

enum spd_pacing {
    SPD_PACING_INTERVAL, /* every interval_ns */
    SPD_PACING_RATE,     /* each packet follows the one before after that one's bits / rate */
    SPD_PACING_BUCKET,   /* as soon as a token bucket (rate, depth) that starts full lets it */
    SPD_PACING_POISSON,  /* exponential gaps whose mean is the packet's bits / rate (RFC 2330 11.1.1) */
};

#define SPD_SIZE_MIX_MAX 16

/* Sizes are chosen at random by weight, each item uniformly from min to max. */
struct spd_size_mix {
    size_t n; /* 1.. */
    struct {
        uint16_t min_bytes; /* IP packet */
        uint16_t max_bytes;
        uint32_t weight;
    } item[SPD_SIZE_MIX_MAX];
};

struct spd_schedule_spec {
    enum spd_pacing pacing;
    spd_ns interval_ns;    /* INTERVAL: 1.. */
    uint64_t rate_bps;     /* the others: bit/s of IP packets, 1.. */
    uint32_t bucket_bytes; /* BUCKET: at least the largest packet */
    struct spd_size_mix sizes;
    uint64_t seed;
};

struct spd_schedule {
    struct spd_schedule_spec spec;
    uint64_t random;
    spd_ns next_ns;       /* INTERVAL, RATE, POISSON: when the next packet is due */
    uint64_t remainder;   /* RATE: of the division, so that no error adds up */
    spd_ns bucket_ns;     /* BUCKET: the time at which the bucket held bucket_level */
    uint64_t bucket_level; /* in 1e-9 bits, i.e. rate_bps * ns */
};

void spd_schedule_init(struct spd_schedule *schedule, const struct spd_schedule_spec *spec);

/* The next packet: when it is due, from the start of the flow, and its size.
 * Due times never fall. */
void spd_schedule_next(struct spd_schedule *schedule, spd_ns *due_ns, uint16_t *size_bytes);

uint16_t spd_size_mix_min(const struct spd_size_mix *sizes);
uint16_t spd_size_mix_max(const struct spd_size_mix *sizes);
/* The mean size, in thousandths of a byte. */
uint64_t spd_size_mix_mean_milli(const struct spd_size_mix *sizes);

#endif

/*
 * Integer arithmetic, but for the logarithm of exponential gaps. Runs on the
 * measuring thread between packets.
 */
#include "common/engine/schedule.h"

#include <math.h>

static uint64_t next_random(struct spd_schedule *s)
{
    /* SplitMix64 (Steele, Lea, Flood 2014): good enough for sizes and gaps. */
    uint64_t z = s->random += UINT64_C(0x9E3779B97F4A7C15);

    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static uint32_t random_below(struct spd_schedule *s, uint32_t n)
{
    return (uint32_t)(((next_random(s) >> 32) * n) >> 32);
}

static uint16_t choose_size(struct spd_schedule *s)
{
    const struct spd_size_mix *mix = &s->spec.sizes;
    uint32_t total = 0, at;
    size_t i = 0;

    for (size_t k = 0; k < mix->n; k++)
        total += mix->item[k].weight;
    if (mix->n > 1) {
        at = random_below(s, total);
        while (at >= mix->item[i].weight)
            at -= mix->item[i++].weight;
    }
    if (mix->item[i].min_bytes == mix->item[i].max_bytes)
        return mix->item[i].min_bytes;
    return (uint16_t)(mix->item[i].min_bytes +
                      random_below(s, (uint32_t)(mix->item[i].max_bytes -
                                                 mix->item[i].min_bytes + 1)));
}

void spd_schedule_init(struct spd_schedule *s, const struct spd_schedule_spec *spec)
{
    *s = (struct spd_schedule){ .spec = *spec, .random = spec->seed };
    s->bucket_level = (uint64_t)spec->bucket_bytes * 8 * SPD_NS_PER_S;
}

/* Time for the bits of a packet at the rate, in ns, carrying the remainder. */
static spd_ns bits_time(struct spd_schedule *s, uint16_t size_bytes)
{
    uint64_t numerator = (uint64_t)size_bytes * 8 * SPD_NS_PER_S + s->remainder;

    s->remainder = numerator % s->spec.rate_bps;
    return (spd_ns)(numerator / s->spec.rate_bps);
}

static spd_ns exponential_gap(struct spd_schedule *s, uint16_t size_bytes)
{
    double mean_ns = (double)size_bytes * 8e9 / (double)s->spec.rate_bps;
    double u = ((double)(next_random(s) >> 11) + 1) / 9007199254740993.0; /* 0 < u < 1 */

    return (spd_ns)(-log(u) * mean_ns);
}

/* Levels are kept in 1e-9 bits, so that a nanosecond adds rate_bps of them and
 * nothing is rounded but the due time, up. */
static spd_ns bucket_time(struct spd_schedule *s, uint16_t size_bytes)
{
    uint64_t need = (uint64_t)size_bytes * 8 * SPD_NS_PER_S;

    if (s->bucket_level < need) {
        uint64_t missing = need - s->bucket_level;
        uint64_t wait = (missing + s->spec.rate_bps - 1) / s->spec.rate_bps;

        s->bucket_ns += (spd_ns)wait;
        s->bucket_level += wait * s->spec.rate_bps;
    }
    s->bucket_level -= need;
    return s->bucket_ns;
}

void spd_schedule_next(struct spd_schedule *s, spd_ns *due_ns, uint16_t *size_bytes)
{
    *size_bytes = choose_size(s);
    *due_ns = s->next_ns;
    switch (s->spec.pacing) {
    case SPD_PACING_INTERVAL:
        s->next_ns += s->spec.interval_ns;
        break;
    case SPD_PACING_RATE:
        s->next_ns += bits_time(s, *size_bytes);
        break;
    case SPD_PACING_POISSON:
        s->next_ns += exponential_gap(s, *size_bytes);
        break;
    case SPD_PACING_BUCKET:
        *due_ns = bucket_time(s, *size_bytes);
        break;
    }
}

uint16_t spd_size_mix_min(const struct spd_size_mix *sizes)
{
    uint16_t least = UINT16_MAX;

    for (size_t i = 0; i < sizes->n; i++)
        if (sizes->item[i].min_bytes < least)
            least = sizes->item[i].min_bytes;
    return least;
}

uint16_t spd_size_mix_max(const struct spd_size_mix *sizes)
{
    uint16_t most = 0;

    for (size_t i = 0; i < sizes->n; i++)
        if (sizes->item[i].max_bytes > most)
            most = sizes->item[i].max_bytes;
    return most;
}

uint64_t spd_size_mix_mean_milli(const struct spd_size_mix *sizes)
{
    uint64_t sum = 0, weight = 0;

    for (size_t i = 0; i < sizes->n; i++) {
        sum += (uint64_t)sizes->item[i].weight *
               ((uint64_t)sizes->item[i].min_bytes + sizes->item[i].max_bytes) * 500;
        weight += sizes->item[i].weight;
    }
    return weight ? sum / weight : 0;
}

/* See flow_sim.h. */
#include "tests/unit/flow_sim.h"

#include <math.h>

/* Sizes of other traffic at the IP layer, bytes: the simple IMIX, 7:4:1. */
static double random_size(struct spd_random *random)
{
    uint64_t of_12 = spd_random_below(random, 12);

    return of_12 < 7 ? 40.0 : of_12 < 11 ? 576.0 : 1500.0;
}
#define MEAN_SIZE_BYTES ((7.0 * 40.0 + 4.0 * 576.0 + 1500.0) / 12.0)

const char *flow_load_name(enum flow_load load)
{
    static const char *const names[FLOW_N_LOADS] = {
        "empty",
        "half loaded",
        "congested (95 %)",
        "90 % busy, free at both ends",
        "90 % busy, free at the end",
        "90 % busy, free at the start",
        "90 % busy, free in the centre",
    };

    return names[load];
}

struct flow_sim flow_sim_default(void)
{
    return (struct flow_sim){
        .n = 2048,
        .interval_ns = INT64_C(60000000000) / 2048,
        .load = FLOW_EMPTY,
        .link_bps = 2e6,
        .noise_ns = 10000,
        .path_ns = 2 * SPD_NS_PER_MS,
        .started_ns = INT64_C(1700000000000000000),
    };
}

double flow_random_unit(struct spd_random *random)
{
    return (double)(spd_random_u64(random) >> 11) / 9007199254740992.0;
}

double flow_random_exponential(struct spd_random *random)
{
    return -log(1.0 - flow_random_unit(random));
}

/* The part of the link that others fill, and whether a standing queue is below
 * the random one, at this part of the session. */
static double load_at(enum flow_load load, double part, bool *standing)
{
    *standing = false;
    switch (load) {
    case FLOW_HALF:
        return 0.5;
    case FLOW_CONGESTED:
        return 0.95;
    case FLOW_BUSY_MIDDLE:
        *standing = part >= 0.05 && part < 0.95;
        break;
    case FLOW_BUSY_AT_START:
        *standing = part < 0.9;
        break;
    case FLOW_BUSY_AT_END:
        *standing = part >= 0.1;
        break;
    case FLOW_BUSY_AROUND:
        *standing = part < 0.45 || part >= 0.55;
        break;
    default:
        break;
    }
    return *standing ? 0.9 : 0.0;
}

void flow_sim_run(const struct flow_sim *sim, struct spd_random *random, struct spd_point *points,
                  spd_ns *delays_ns)
{
    double queue_ns = 0.0;
    double next_ns = 0.0; /* the next arrival of others, from now */

    for (size_t i = 0; i < sim->n; i++) {
        bool standing;
        double load = load_at(sim->load, (double)i / (double)sim->n, &standing);
        double left_ns = (double)sim->interval_ns;

        if (sim->load_part > 0.0)
            load = sim->load_part;
        while (load > 0.0 && next_ns <= left_ns) {
            double packet_ns = random_size(random) * 8e9 / sim->link_bps;

            queue_ns = fmax(queue_ns - next_ns, 0.0);
            if (sim->full_ns == 0 || queue_ns + packet_ns <= (double)sim->full_ns)
                queue_ns += packet_ns; /* else dropped */
            left_ns -= next_ns;
            next_ns =
                flow_random_exponential(random) * MEAN_SIZE_BYTES * 8e9 / (sim->link_bps * load);
        }
        queue_ns = fmax(queue_ns - left_ns, 0.0);
        next_ns -= left_ns;
        if (load <= 0.0)
            next_ns = 0.0;
        double delay_ns = (double)sim->path_ns + queue_ns + (standing ? 20e6 : 0.0) +
                          flow_random_exponential(random) * (double)sim->noise_ns;
        int64_t since_ns = (int64_t)i * sim->interval_ns;

        delay_ns += (double)since_ns * sim->growth_ppb * 1e-9;
        double drift_ns = ((double)since_ns + delay_ns) * sim->skew_ppb * 1e-9;

        points[i] = (struct spd_point){
            .sent_ns = sim->started_ns + since_ns,
            .latency_ns = sim->offset_ns + (spd_ns)llrint(delay_ns + drift_ns),
            .seq = (uint32_t)i,
            .index = (uint32_t)i,
        };
        if (delays_ns != NULL)
            delays_ns[i] = (spd_ns)llrint(delay_ns);
    }
}

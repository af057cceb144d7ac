/* See verdict_sim.h. */
#include "tests/unit/verdict_sim.h"

#include <math.h>
#include <string.h>

#include "common/analysis/quantile.h"
#include "common/base/assert.h"
#include "tests/unit/flow_sim.h"

enum { WAITING_MAX = 65536, N_LINES = 2, NOISE = 2 };

#define HOST_NOISE_S 15e-6

struct packet {
    double at_s;
    int whose; /* 0, 1: a class; NOISE */
    size_t index;
    double bytes;
};

/* A ring. */
struct line {
    struct packet packets[WAITING_MAX];
    size_t first, n;
    double bytes;
    double deficit;
};

struct bottleneck {
    const struct verdict_sim *sim;
    struct spd_random *random;
    struct spd_point *points[2];
    struct line lines[N_LINES]; /* the first goes first */
    double average_bytes;       /* of early drops */
    size_t next_class;          /* of both, counted together */
    double next_noise_s;
    double noise_bytes;
    double burst_ends_s;
    double rate_part; /* of the sawtooth */
    int turn;         /* of the weighted ones */
};

static double unit(struct spd_random *random)
{
    return flow_random_unit(random);
}

static double between(struct spd_random *random, double least, double most)
{
    return least + unit(random) * (most - least);
}

void verdict_sim_draw(struct verdict_sim *sim, enum verdict_queue queue, enum verdict_noise noise,
                      struct spd_random *random)
{
    double share = between(random, 0.05, 0.33), bits;

    *sim = (struct verdict_sim){ .queue = queue, .noise = noise };
    sim->link_bps = 64e3 * pow(10e6 / 64e3, unit(random));
    sim->load = between(random, noise == NOISE_PERIODIC ? 1.02 : 0.8, 1.3);
    sim->limit_s = between(random, 0.1, 1.0);
    sim->size_bytes[0] = sim->size_bytes[1] = (unsigned)between(random, 86, 400);
    bits = 8.0 * (sim->size_bytes[0] + sim->size_bytes[1]);
    /* Nobody sends a packet of voice more often than every 5 ms. */
    sim->interval_s = fmax(bits / (share * sim->link_bps), 5e-3);
    sim->n_calibration = 60;
    sim->n = sim->n_calibration + 200 + (size_t)(unit(random) * 400);
}

/* ------------------------------------------------------------------ arrivals */

static double class_at_s(const struct verdict_sim *sim, size_t k)
{
    return (double)k * sim->interval_s / 2;
}

static double noise_starts_s(const struct verdict_sim *sim)
{
    return (double)sim->n_calibration * sim->interval_s;
}

static double noise_size(struct bottleneck *b)
{
    double u = unit(b->random);

    switch (b->sim->noise) {
    case NOISE_PERIODIC:
        return 1000;
    case NOISE_BURSTS:
        return u < 0.3 ? 90 : 1514;
    case NOISE_SAWTOOTH:
        return 1514;
    default:
        return u < 7.0 / 12 ? 64 : u < 11.0 / 12 ? 590 : 1514; /* the simple IMIX */
    }
}

/* When the next packet of noise comes after one of so many bytes. */
static double next_noise_s(struct bottleneck *b, double bytes)
{
    const struct verdict_sim *sim = b->sim;
    double classes_bps = 8.0 * (sim->size_bytes[0] + sim->size_bytes[1]) / sim->interval_s;
    double free_bps = sim->link_bps - classes_bps, gap_s = 8 * bytes / (sim->load * free_bps);

    switch (sim->noise) {
    case NOISE_POISSON:
        return gap_s * flow_random_exponential(b->random);
    case NOISE_BURSTS:
        /* Within a burst twice as fast as the link, then silence: both of a Pareto
         * distribution (shape 1.5), which makes load of all scales. */
        if (b->next_noise_s < b->burst_ends_s)
            return 8 * bytes / (2 * sim->link_bps);
        {
            double burst_s = 0.05 * (pow(1 - unit(b->random), -1 / 1.5));
            double on = sim->load * free_bps / (2 * sim->link_bps), silence_s;

            burst_s = fmin(burst_s, 2);
            silence_s = burst_s * (1 - on) / on;
            b->burst_ends_s = b->next_noise_s + silence_s + burst_s;
            return silence_s;
        }
    case NOISE_SAWTOOTH:
        b->rate_part += 0.4 / 200;
        return 8 * bytes / (b->rate_part * free_bps) * between(b->random, 0.8, 1.2);
    default:
        return gap_s;
    }
}

/* Which class has this place of an interval is drawn anew for each. */
static struct packet class_packet(struct bottleneck *b)
{
    size_t k = b->next_class++, interval = k / 2;
    struct spd_random draw = { interval * 7919 + (size_t)b->sim->link_bps };
    int first = (int)(spd_random_u64(&draw) & 1), whose = k % 2 ? 1 - first : first;

    return (struct packet){ .at_s = class_at_s(b->sim, k),
                            .whose = whose,
                            .index = interval,
                            .bytes = b->sim->size_bytes[whose] };
}

/* The next packet that comes not later than until_s. */
static bool take_arrival(struct bottleneck *b, double until_s, struct packet *out)
{
    double class_s = b->next_class < 2 * b->sim->n ? class_at_s(b->sim, b->next_class) : INFINITY;

    /* The noise lasts as long as there is something for it to meet. */
    if (class_s == INFINITY || (class_s <= b->next_noise_s && class_s > until_s))
        return false;
    if (class_s <= b->next_noise_s) {
        *out = class_packet(b);
        return true;
    }
    if (b->next_noise_s > until_s)
        return false;
    *out = (struct packet){ .at_s = b->next_noise_s, .whose = NOISE, .bytes = b->noise_bytes };
    b->next_noise_s += next_noise_s(b, b->noise_bytes);
    b->noise_bytes = noise_size(b);
    return true;
}

/* --------------------------------------------------------------------- queue */

static size_t line_of(const struct bottleneck *b, const struct packet *p)
{
    switch (b->sim->queue) {
    case QUEUE_BOTH:
        return p->whose == NOISE;
    case QUEUE_FAVOURED:
    case QUEUE_WEIGHTED:
        return p->whose != 0;
    case QUEUE_OTHER:
        return p->whose != 1;
    default:
        return 0;
    }
}

static bool is_dropped(struct bottleneck *b, const struct line *line, const struct packet *p)
{
    double limit = b->sim->limit_s * b->sim->link_bps / 8, part;

    limit = fmax(limit, 4 * 1514);
    if (line->bytes + p->bytes > limit || line->n == WAITING_MAX)
        return true;
    if (b->sim->queue != QUEUE_EARLY)
        return false;
    /* RED (Floyd and Jacobson 1993): by the mean length, from a quarter on. */
    b->average_bytes += 0.02 * (line->bytes - b->average_bytes);
    part = (b->average_bytes / limit - 0.25) / 0.5;
    return part > 0 && unit(b->random) < 0.1 * part;
}

static void arrive(struct bottleneck *b, const struct packet *p)
{
    struct line *line = &b->lines[line_of(b, p)];

    if (is_dropped(b, line, p)) {
        if (p->whose == NOISE)
            b->rate_part *= 0.6;
        return; /* of a class: its point says lost */
    }
    line->packets[(line->first + line->n++) % WAITING_MAX] = *p;
    line->bytes += p->bytes;
}

/* Whose turn it is: strictly the first line's, or by deficit round robin (Shreedhar
 * and Varghese 1995) with equal quanta. */
static struct line *choose(struct bottleneck *b)
{
    struct line *lines = b->lines;

    if (b->sim->queue != QUEUE_WEIGHTED || lines[0].n == 0 || lines[1].n == 0) {
        lines[0].deficit = lines[1].deficit = 0;
        return lines[0].n > 0 ? &lines[0] : &lines[1];
    }
    for (;;) {
        struct line *line = &lines[b->turn];

        if (line->packets[line->first].bytes <= line->deficit) {
            line->deficit -= line->packets[line->first].bytes;
            return line;
        }
        b->turn = 1 - b->turn;
        lines[b->turn].deficit += 1514;
    }
}

static void depart(struct bottleneck *b, const struct packet *p, double left_s)
{
    double latency_s = left_s - p->at_s + HOST_NOISE_S * flow_random_exponential(b->random);

    if (p->whose != NOISE)
        b->points[p->whose][p->index].latency_ns = (spd_ns)(latency_s * 1e9);
}

static void serve(struct bottleneck *b)
{
    double now_s = 0;
    struct packet p;

    for (;;) {
        struct line *line;

        while (take_arrival(b, now_s, &p))
            arrive(b, &p);
        if (b->lines[0].n + b->lines[1].n == 0) {
            if (!take_arrival(b, INFINITY, &p))
                return;
            now_s = p.at_s;
            arrive(b, &p);
            continue;
        }
        line = choose(b);
        p = line->packets[line->first];
        line->first = (line->first + 1) % WAITING_MAX;
        line->n--;
        line->bytes -= p.bytes;
        now_s += 8 * p.bytes / b->sim->link_bps;
        depart(b, &p, now_s);
    }
}

static void normalise(struct spd_point *points, size_t n)
{
    spd_ns least = INT64_MAX;

    for (size_t i = 0; i < n; i++)
        if (points[i].latency_ns != SPD_NS_UNKNOWN && points[i].latency_ns < least)
            least = points[i].latency_ns;
    for (size_t i = 0; i < n; i++)
        if (points[i].latency_ns != SPD_NS_UNKNOWN)
            points[i].latency_ns -= least;
}

void verdict_sim_run(const struct verdict_sim *sim, struct spd_random *random,
                     struct spd_point *favoured, struct spd_point *other)
{
    static struct bottleneck b; /* large */

    memset(&b, 0, sizeof(b));
    b.sim = sim;
    b.random = random;
    b.points[0] = favoured;
    b.points[1] = other;
    b.rate_part = 1;
    b.next_noise_s = sim->noise == NOISE_NONE ? INFINITY : noise_starts_s(sim);
    b.noise_bytes = noise_size(&b);
    for (int c = 0; c < 2; c++)
        for (size_t i = 0; i < sim->n; i++)
            b.points[c][i] = (struct spd_point){ .sent_ns = (int64_t)(class_at_s(sim, 2 * i) * 1e9),
                                                 .latency_ns = SPD_NS_UNKNOWN,
                                                 .seq = (uint32_t)i };
    serve(&b);
    normalise(favoured, sim->n);
    normalise(other, sim->n);
}

/*
 * Simulated hosts and their clocks (common/sys/clock.h): a counter of any
 * frequency with an oscillator that runs fast or slow, and a time of day that
 * is off, drifts and jumps. Arithmetic is exact; no floating point.
 */
#include "common/sys/clock.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/sim_world.h"

#define DEFAULT_HZ            UINT64_C(1000000000)
#define DEFAULT_COUNTER_START UINT64_C(1000000000000)
#define FIRST_EPHEMERAL_PORT  49152
#define PPB                   INT64_C(1000000000)

__extension__ typedef __int128 wide;

static void host_defaults(struct sim_host_config *config)
{
    if (config->counter_hz == 0)
        config->counter_hz = DEFAULT_HZ;
    if (config->counter_start == 0)
        config->counter_start = DEFAULT_COUNTER_START;
    if (config->page_bytes == 0)
        config->page_bytes = 4096;
    if (config->available_bytes == 0)
        config->available_bytes = (size_t)1 << 30;
    if (!config->refuse_priority)
        config->best_priority = SPD_PRIORITY_TIME_CRITICAL;
}

struct sim_host *sim_host(unsigned number)
{
    struct sim_world *world = sim_world();

    SPD_ASSERT(number >= 1 && number <= SIM_HOST_MAX);
    if (world->hosts[number] == NULL) {
        struct sim_host *host = sim_alloc(sizeof *host);

        host_defaults(&host->config);
        host->next_port = FIRST_EPHEMERAL_PORT;
        world->hosts[number] = host;
    }
    return world->hosts[number];
}

void sim_host_set(unsigned number, const struct sim_host_config *config)
{
    struct sim_host *host = sim_host(number);

    free(host->steps);
    host->steps = NULL;
    host->config = *config;
    host_defaults(&host->config);
    if (config->n_steps) {
        host->steps = sim_alloc(config->n_steps * sizeof host->steps[0]);
        memcpy(host->steps, config->steps, config->n_steps * sizeof host->steps[0]);
    }
    sim_set_copy(&host->lose_sched, &config->lose_sched_stamps);
    sim_set_copy(&host->lose_sent, &config->lose_sent_stamps);
    sim_set_copy(&host->lose_receive, &config->lose_receive_stamps);
    host->n_sends = host->n_receives = 0;
}

uint64_t sim_ticks_at(unsigned number, spd_ns true_ns)
{
    const struct sim_host_config *config = &sim_host(number)->config;
    wide scaled = (wide)true_ns * (PPB + config->skew_ppb) / PPB; /* ns by this oscillator */

    return config->counter_start + (uint64_t)(scaled * (wide)config->counter_hz / SPD_NS_PER_S);
}

int64_t sim_wall_at(unsigned number, spd_ns true_ns)
{
    const struct sim_host *host = sim_host(number);
    int64_t skew_ppb = host->config.skew_ppb + host->config.wall_skew_ppb;
    int64_t wall_ns = sim_true_wall_ns(true_ns) + host->config.wall_offset_ns +
                      (int64_t)((wide)true_ns * skew_ppb / PPB);

    for (size_t i = 0; i < host->config.n_steps; i++) {
        if (host->steps[i].at_ns <= true_ns)
            wall_ns += host->steps[i].amount_ns;
    }
    return wall_ns;
}

static void charge_reading(void)
{
    struct sim_world *world = sim_world();

    world->now_ns += world->costs.clock_read_ns;
}

spd_ticks spd_clock_now(void)
{
    charge_reading();
    return (spd_ticks){ sim_ticks_at(sim_current_host(), sim_now_ns()) };
}

uint64_t spd_clock_frequency_hz(void)
{
    return sim_host(sim_current_host())->config.counter_hz;
}

spd_wall spd_clock_wall(void)
{
    charge_reading();
    return (spd_wall){ sim_wall_at(sim_current_host(), sim_now_ns()) };
}

void spd_clock_correlate(struct spd_clock_pair *out)
{
    struct sim_world *world = sim_world();
    spd_ticks ticks = spd_clock_now();

    charge_reading();
    *out = (struct spd_clock_pair){
        .ticks = ticks,
        .wall = { sim_wall_at(sim_current_host(), sim_now_ns()) },
        .uncertainty_ns = world->costs.clock_read_ns,
    };
}

int spd_clock_is_synchronised(spd_ns *max_error_ns)
{
    const struct sim_host_config *config = &sim_host(sim_current_host())->config;

    *max_error_ns = config->synchronised == 1 ? config->max_error_ns : -1;
    return config->synchronised;
}

const char *spd_clock_source(void)
{
    return "simulated";
}

/* ---- addresses of hosts ---- */

static const uint8_t net4[3] = { 10, 0, 0 };
static const uint8_t net6[15] = { 0x20, 0x01, 0x0d, 0xb8 };

struct spd_addr sim_addr4(unsigned host, uint16_t port)
{
    struct spd_addr addr = { .family = SPD_FAMILY_IPV4, .port = port };

    memcpy(addr.bytes, net4, sizeof net4);
    addr.bytes[3] = (uint8_t)host;
    return addr;
}

struct spd_addr sim_addr6(unsigned host, uint16_t port)
{
    struct spd_addr addr = { .family = SPD_FAMILY_IPV6, .port = port };

    memcpy(addr.bytes, net6, sizeof net6);
    addr.bytes[15] = (uint8_t)host;
    return addr;
}

unsigned sim_host_of(const struct spd_addr *addr)
{
    unsigned last = addr->bytes[addr->family == SPD_FAMILY_IPV4 ? 3 : 15];

    if (spd_addr_is_loopback(addr))
        return sim_current_host();
    if (last == 0 || last > SIM_HOST_MAX)
        return 0;
    if (addr->family == SPD_FAMILY_IPV4)
        return memcmp(addr->bytes, net4, sizeof net4) == 0 ? last : 0;
    return memcmp(addr->bytes, net6, sizeof net6) == 0 ? last : 0;
}

/*
 * Simulated priority and time slices (common/sys/sched.h) of the current host:
 * what it grants is in sim_host_config, switches come from sim_inject_switch.
 */
#include "common/sys/sched.h"

#include <stdio.h>

#include "tests/support/sim_world.h"

void spd_sched_probe(struct spd_priority_grant *grant)
{
    static const char *const names[] = {
        [SPD_PRIORITY_NORMAL] = "normal",
        [SPD_PRIORITY_NICE] = "nice",
        [SPD_PRIORITY_MMCSS] = "MMCSS",
        [SPD_PRIORITY_TIME_CRITICAL] = "time-critical",
    };
    enum spd_priority best = sim_host(sim_current_host())->config.best_priority;

    *grant = (struct spd_priority_grant){ .obtained = best };
    snprintf(grant->text, sizeof grant->text, "simulated %s", names[best]);
    if (best != SPD_PRIORITY_TIME_CRITICAL)
        snprintf(grant->note, sizeof grant->note, "the simulated host refuses more");
}

void spd_sched_raise(const struct spd_priority_grant *grant)
{
    (void)grant; /* one thread: nobody to be preferred to */
}

void spd_sched_restore(const struct spd_priority_grant *grant)
{
    (void)grant;
}

void spd_sched_yield(void)
{
}

spd_ns spd_sched_wait_slack_ns(void)
{
    return 0; /* simulated time stands still while code runs: nobody may spin */
}

const char *spd_sched_yield_name(void)
{
    return "simulated";
}

int64_t spd_sched_involuntary_switches(void)
{
    const struct sim_host *host = sim_host(sim_current_host());

    return host->config.switches_unknown ? -1 : host->n_switches;
}

/*
 * Injected trouble: calls, sends and allocations that fail when told to, and
 * bursts that are interrupted.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/support/sim_world.h"

#define MOST_PLANS 64

struct call_plan {
    bool is_set;
    uint64_t at; /* number of the call since the world began */
    enum spd_err err;
};

struct send_plan {
    unsigned host;
    uint64_t at;
    enum spd_err err;
};

struct switch_plan {
    struct sim_switch what;
    uint32_t n_seen; /* commits that counted */
    bool armed;      /* in the commit that runs now */
};

static uint64_t n_calls[SIM_CALL_COUNT];
static struct call_plan call_plans[SIM_CALL_COUNT];
static uint64_t n_sends[SIM_HOST_MAX + 1];
static struct send_plan send_plans[MOST_PLANS];
static size_t n_send_plans;
static struct switch_plan switch_plans[MOST_PLANS];
static size_t n_switch_plans;

void sim_trouble_clear(void)
{
    memset(n_calls, 0, sizeof n_calls);
    memset(call_plans, 0, sizeof call_plans);
    memset(n_sends, 0, sizeof n_sends);
    n_send_plans = n_switch_plans = 0;
}

void sim_fail_call(enum sim_call call, uint32_t nth, enum spd_err err)
{
    sim_world();
    call_plans[call] = (struct call_plan){ true, n_calls[call] + nth, err };
}

uint64_t sim_calls(enum sim_call call)
{
    return n_calls[call];
}

enum spd_err sim_call_begins(enum sim_call call)
{
    struct call_plan *plan = &call_plans[call];
    uint64_t number = n_calls[call]++;

    if (!plan->is_set || plan->at != number)
        return SPD_ERR_OK;
    plan->is_set = false;
    return plan->err;
}

void sim_fail_send(unsigned host, uint32_t nth, enum spd_err err)
{
    sim_world();
    SPD_ASSERT(n_send_plans < MOST_PLANS);
    send_plans[n_send_plans++] = (struct send_plan){ host, n_sends[host] + nth, err };
}

enum spd_err sim_trouble_send(unsigned host)
{
    uint64_t number = n_sends[host]++;

    for (size_t i = 0; i < n_send_plans; i++) {
        if (send_plans[i].host == host && send_plans[i].at == number)
            return send_plans[i].err;
    }
    return SPD_ERR_OK;
}

void sim_inject_switch(const struct sim_switch *plan)
{
    sim_world();
    SPD_ASSERT(n_switch_plans < MOST_PLANS);
    switch_plans[n_switch_plans++] = (struct switch_plan){ .what = *plan };
}

static void switch_happens(struct switch_plan *plan)
{
    sim_host(plan->what.host)->n_switches += plan->what.n_switches;
    sim_world()->now_ns += plan->what.pause_ns;
    plan->armed = false;
}

void sim_sched_commit_begins(unsigned host, size_t n_to_send)
{
    for (size_t i = 0; i < n_switch_plans; i++) {
        struct switch_plan *plan = &switch_plans[i];

        plan->armed = false;
        if (plan->what.host != host || n_to_send < plan->what.min_sends)
            continue;
        if (plan->n_seen++ != plan->what.nth)
            continue;
        plan->armed = true;
        if (plan->what.after_sends == 0)
            switch_happens(plan);
    }
}

void sim_sched_sent(unsigned host, size_t n_so_far)
{
    for (size_t i = 0; i < n_switch_plans; i++) {
        struct switch_plan *plan = &switch_plans[i];

        if (plan->armed && plan->what.host == host && plan->what.after_sends == n_so_far)
            switch_happens(plan);
    }
}

/*
 * Sets the stage for a burst test in the simulator and steps it. The truth is
 * compared in sim_burst_check.c.
 */
#include "tests/sim/sim_burst.h"

#include "common/analysis/fate.h"
#include "common/base/hot.h"
#include "common/sys/pagemem.h"
#include "tests/unit/unit.h"

#define LONGEST_TEST_NS (3600 * SPD_NS_PER_S)
#define STEPS_MAX       20000000u
#define POLL_NS         100

static void set_defaults(struct sim_burst_scenario *s)
{
    s->seed = s->seed ? s->seed : 1;
    s->n_packets = s->n_packets ? s->n_packets : 20;
    s->n_bursts = s->n_bursts ? s->n_bursts : 1;
    s->size_bytes = s->size_bytes ? s->size_bytes : 512;
    s->gap_ns = s->gap_ns ? s->gap_ns : 10 * SPD_NS_PER_MS;
    s->timeout_ns = s->timeout_ns ? s->timeout_ns : SPD_NS_PER_S;
    s->gap_limit_ns = s->gap_limit_ns ? s->gap_limit_ns : SPD_NS_PER_MS;
    if (!s->instant && s->costs.send_ns == 0)
        s->costs.send_ns = SIM_BURST_SEND_NS;
    if (!s->reply_dscp_set)
        s->reply_dscp = SPD_REFLECTOR_REPLY_DSCP_COPY;
}

/* Times in the scenario begin now. */
static void set_host(unsigned host, struct sim_host_config config)
{
    struct sim_step steps[16];

    assert_true(config.n_steps <= N_ROWS(steps));
    for (size_t i = 0; i < config.n_steps; i++)
        steps[i] =
            (struct sim_step){ config.steps[i].at_ns + sim_now_ns(), config.steps[i].amount_ns };
    config.steps = steps;
    sim_host_set(host, &config);
}

static void set_link(unsigned from, unsigned to, struct sim_link link)
{
    struct sim_outage outages[16];

    assert_true(link.n_outages <= N_ROWS(outages));
    for (size_t i = 0; i < link.n_outages; i++)
        outages[i] = (struct sim_outage){ link.outages[i].from_ns + sim_now_ns(),
                                          link.outages[i].until_ns + sim_now_ns() };
    link.outages = outages;
    sim_link_set(from, to, &link);
}

static void set_network(const struct sim_burst_scenario *s)
{
    set_host(SIM_BURST_SENDER, s->sender);
    set_host(SIM_BURST_REFLECTOR, s->reflector);
    set_link(SIM_BURST_SENDER, SIM_BURST_REFLECTOR, s->forward);
    set_link(SIM_BURST_REFLECTOR, SIM_BURST_SENDER, s->reverse);
}

/* What a host is stays as it was opened; what happens to it begins later. */
static void set_hosts_before(const struct sim_burst_scenario *s)
{
    struct sim_host_config sender = s->sender, reflector = s->reflector;

    sender.n_steps = reflector.n_steps = 0;
    sim_host_set(SIM_BURST_SENDER, &sender);
    sim_host_set(SIM_BURST_REFLECTOR, &reflector);
}

static void step_reflector(void *argument)
{
    struct sim_burst *b = argument;

    while (b->reflector && spd_reflector_step(b->reflector, 0, NULL, NULL) == SPD_ERR_OK)
        continue;
}

static void start_reflector(struct sim_burst *b)
{
    const struct spd_cport_config port = { .single_owner = true };
    struct spd_addr listen = b->scenario.ipv6 ? sim_addr6(SIM_BURST_REFLECTOR, SIM_BURST_PORT)
                                              : sim_addr4(SIM_BURST_REFLECTOR, SIM_BURST_PORT);
    struct spd_reflector_config config = {
        .listen = &listen,
        .n_listen = 1,
        .stateful = !b->scenario.stateless,
        .reply_dscp = b->scenario.reply_dscp,
        .n_receives = 64,
        .batch = b->scenario.reflector_batch,
    };
    struct spd_diag diag = { 0 };

    sim_set_current_host(SIM_BURST_REFLECTOR);
    assert_int_equal(spd_cport_create(&port, &b->reflector_port, &diag), SPD_ERR_OK);
    if (spd_reflector_create(b->reflector_port, 1, &config, &b->reflector, &diag))
        fail_msg("no reflector: %s", diag.text);
    sim_add_actor(SIM_BURST_REFLECTOR, 0, step_reflector, b);
    sim_set_current_host(SIM_BURST_SENDER);
}

static void first_turn(struct sim_burst *b)
{
    b->first_turn_ns = sim_now_ns();
    (void)sim_truth(SIM_BURST_SENDER, SIM_BURST_REFLECTOR, &b->n_forward_before);
    (void)sim_truth(SIM_BURST_REFLECTOR, SIM_BURST_SENDER, &b->n_reverse_before);
    if (!b->scenario.from_start)
        set_network(&b->scenario);
}

static void on_event(void *context, enum spd_session_event event, uint32_t number)
{
    struct sim_burst *b = context;

    switch (event) {
    case SPD_SESSION_TURN_WANTED:
        if (b->n_turns == 0)
            first_turn(b);
        if (b->scenario.on_turn)
            b->scenario.on_turn(b, b->n_turns);
        b->n_turns++;
        if (!b->scenario.withhold_turns)
            spd_session_grant(b->session);
        break;
    case SPD_SESSION_TURN_OVER:
        b->n_turns_over++;
        break;
    case SPD_SESSION_PROGRESS:
        b->n_attempts_reported = number;
        break;
    case SPD_SESSION_FINISHED:
        assert_false(b->finished);
        b->finished = true;
        break;
    }
}

static struct spd_burst_spec make_spec(const struct sim_burst_scenario *s)
{
    struct spd_burst_spec spec = {
        .target = s->ipv6 ? sim_addr6(SIM_BURST_REFLECTOR, SIM_BURST_PORT)
                          : sim_addr4(SIM_BURST_REFLECTOR, SIM_BURST_PORT),
        .target_name = "host2.example",
        .n_packets = s->n_packets,
        .n_bursts = s->n_bursts,
        .gap_ns = s->gap_ns,
        .size_bytes = s->size_bytes,
        .dscp = s->dscp,
        .n_retries = s->n_retries,
        .timeout_ns = s->timeout_ns,
        .gap_limit_ns = s->gap_limit_ns,
        .spin = s->spin,
        .kernel_stamps = !s->user_stamps,
        .link_header_bytes = s->forward.link_header_bytes,
        .seed = (s->seed + 7) * UINT64_C(0x9E3779B97F4A7C15),
    };

    return spec;
}

void sim_burst_create(struct sim_burst *b, const struct sim_burst_scenario *scenario)
{
    struct spd_cport_config port = { .single_owner = true };

    *b = (struct sim_burst){ .scenario = *scenario, .first_turn_ns = -1 };
    set_defaults(&b->scenario);
    port.max_queued_sends = b->scenario.n_packets + 8;
    sim_create(b->scenario.seed);
    sim_costs_set(&b->scenario.costs);
    if (b->scenario.from_start)
        set_network(&b->scenario);
    else
        set_hosts_before(&b->scenario);
    if (!b->scenario.no_reflector)
        start_reflector(b);
    if (b->scenario.on_world)
        b->scenario.on_world(b);
    b->spec = make_spec(&b->scenario);
    b->err = spd_plan_make(&b->spec, spd_pagemem_available_bytes(), spd_udp_buffer_cost, &b->plan,
                           &b->diag);
    if (b->err == SPD_ERR_OK)
        b->err = spd_session_create(&b->spec, &b->plan, &port, on_event, b, &b->session, &b->diag);
    if (b->err == SPD_ERR_OK)
        b->record = spd_session_record(b->session);
}

bool sim_burst_step(struct sim_burst *b, spd_ns max_wait_ns)
{
    if (sim_now_ns() > LONGEST_TEST_NS)
        fail_msg("the session does not end");
    if (b->scenario.spin) /* polling takes time in the real world */
        sim_advance(POLL_NS);
    return spd_session_step(b->session, max_wait_ns);
}

void sim_burst_judge(struct sim_burst *b)
{
    size_t n = b->record->n_extra_replies;
    struct spd_loss_hint *hints = calloc(n + 1, sizeof(*hints));

    assert_non_null(hints);
    for (size_t i = 0; i < n; i++)
        hints[i] = (struct spd_loss_hint){ b->record->extra_replies[i].sender_seq,
                                           b->record->extra_replies[i].reflector_seq };
    assert_int_equal(spd_fate_judge(b->record, hints, n), SPD_ERR_OK);
    free(hints);
    assert_int_equal(spd_summary_compute(b->record, &b->summary), SPD_ERR_OK);
}

void sim_burst_run(struct sim_burst *b, const struct sim_burst_scenario *scenario)
{
    unsigned n_steps = 0;

    sim_burst_create(b, scenario);
    if (b->err)
        fail_msg("no session: %s", b->diag.text);
    while (sim_burst_step(b, SPD_NS_FOREVER))
        if (++n_steps > STEPS_MAX)
            fail_msg("the session steps for ever");
    assert_true(b->finished);
    assert_int_equal(b->n_turns, b->n_turns_over);
    sim_burst_judge(b);
}

void sim_burst_kill_reflector(struct sim_burst *b)
{
    struct spd_reflector *reflector = b->reflector;
    unsigned host = sim_current_host();

    if (!reflector)
        return;
    sim_set_current_host(SIM_BURST_REFLECTOR);
    b->reflector = NULL; /* the actor leaves it alone from here on */
    spd_reflector_destroy(reflector);
    spd_cport_close(b->reflector_port);
    spd_cport_destroy(b->reflector_port);
    b->reflector_port = NULL;
    sim_set_current_host(host);
}

void sim_burst_destroy(struct sim_burst *b)
{
    spd_summary_fini(&b->summary);
    spd_session_destroy(b->session);
    sim_burst_kill_reflector(b);
    assert_int_equal(sim_n_alive(), 0);
    assert_false(spd_hot_now());
    sim_destroy();
}

/*
 * See sim_flows.h.
 */
#include "tests/sim/sim_flows.h"

#define STEPS_MAX 1000000u

struct sim_flows sf;

static struct spd_flow_spec flow_like(const char *name, uint8_t dscp, spd_ns starts_ns)
{
    struct spd_flow_spec flow = {
        .kind = SPD_FLOW_TWO_WAY,
        .info = { .dscp = dscp, .n_packets = 50, .target = sim_addr4(SIM_FLOWS_REFLECTOR, 862) },
        .schedule = { .pacing = SPD_PACING_INTERVAL,
                      .interval_ns = 20 * MS,
                      .sizes = { .n = 1, .item = { { 92, 92, 1 } } } },
        .starts_ns = starts_ns,
    };

    memcpy(flow.info.name, name, strlen(name));
    return flow;
}

void sim_flows_prepare(uint64_t seed)
{
    sim_create(seed);
    memset(&sf, 0, sizeof(sf));
    sf.ring_records = 1024;
    sf.spec = (struct spd_flows_spec){ .n_flows = 2,
                                       .timeout_ns = SPD_NS_PER_S,
                                       .late_limit_ns = MS,
                                       .kernel_stamps = true,
                                       .seed = seed };
    sf.spec.flows[0] = flow_like("EF", 46, 0);
    sf.spec.flows[1] = flow_like("BE", 0, 10 * MS);
}

struct spd_flow_spec *sim_flows_add_noise(enum spd_pacing pacing, uint64_t rate_bps)
{
    struct spd_flow_spec *flow = &sf.spec.flows[sf.spec.n_flows++];

    *flow = (struct spd_flow_spec){
        .kind = SPD_FLOW_NOISE,
        .info = { .name = "noise", .target = sim_addr4(SIM_FLOWS_SINK, 8862) },
        .schedule = { .pacing = pacing,
                      .rate_bps = rate_bps,
                      .interval_ns = 7 * MS,
                      .sizes = { .n = 1, .item = { { 64, 1400, 1 } } },
                      .seed = sf.spec.seed },
    };
    return flow;
}

static void step_reflector(void *argument)
{
    (void)argument;
    while (sf.reflector && spd_reflector_step(sf.reflector, 0, NULL, NULL) == SPD_ERR_OK)
        continue;
}

static void step_sink(void *argument)
{
    (void)argument;
    while (sf.sink && spd_sink_step(sf.sink, 0, NULL, NULL) == SPD_ERR_OK)
        continue;
}

static void take(void)
{
    if (sf.ring && !sf.ring_unread)
        sf.n_taken +=
            spd_ring_buffer_pop(sf.ring, sf.taken + sf.n_taken, SIM_FLOWS_RECORDS - sf.n_taken);
}

static void notify(void *context, enum spd_flows_event event, uint32_t number)
{
    (void)context;
    if (event == SPD_FLOWS_FINISHED)
        sf.n_finished++;
    else
        sf.permille = number;
}

void sim_flows_start_hosts(void)
{
    const struct spd_cport_config port = { .single_owner = true };
    struct spd_addr sink = sim_addr4(SIM_FLOWS_SINK, 8862);
    struct spd_addr listen = sim_addr4(SIM_FLOWS_REFLECTOR, 862);
    struct spd_reflector_config config = { .listen = &listen,
                                           .n_listen = 1,
                                           .stateful = true,
                                           .reply_dscp = SPD_REFLECTOR_REPLY_DSCP_COPY };
    struct spd_diag diag = { 0 };

    if (!sf.no_reflector) {
        sim_set_current_host(SIM_FLOWS_REFLECTOR);
        assert_int_equal(spd_cport_create(&port, &sf.far_port, &diag), SPD_ERR_OK);
        if (spd_reflector_create(sf.far_port, 1, &config, &sf.reflector, &diag))
            fail_msg("%s", diag.text);
        sim_add_actor(SIM_FLOWS_REFLECTOR, 0, step_reflector, NULL);
    }
    sim_set_current_host(SIM_FLOWS_SINK);
    assert_int_equal(spd_cport_create(&port, &sf.sink_port, &diag), SPD_ERR_OK);
    if (spd_sink_create(sf.sink_port, 1, &sink, 1, NULL, &sf.sink, &diag))
        fail_msg("%s", diag.text);
    sim_add_actor(SIM_FLOWS_SINK, 0, step_sink, NULL);
    sim_set_current_host(SIM_FLOWS_SENDER);
}

void sim_flows_start(void)
{
    sim_flows_start_hosts();
    sim_flows_start_test();
}

void sim_flows_start_test(void)
{
    sf.err = spd_ring_buffer_create(sf.ring_records, sizeof(struct spd_flow_packet), &sf.ring);
    if (sf.err) {
        spd_diag_set(&sf.diag, sf.err, 0, "no ring");
        return;
    }
    sf.err = spd_flows_create(&sf.spec, sf.ring, notify, NULL, &sf.flows, &sf.diag);
    if (sf.err == SPD_ERR_OK)
        sf.record = spd_flows_record(sf.flows);
}

bool sim_flows_step(spd_ns max_wait_ns)
{
    bool more = spd_flows_step(sf.flows, max_wait_ns);

    take();
    return more;
}

void sim_flows_run(void)
{
    unsigned n_steps = 0;

    if (sf.err)
        fail_msg("no test: %s", sf.diag.text);
    while (sim_flows_step(SPD_NS_FOREVER))
        if (++n_steps > STEPS_MAX)
            fail_msg("it steps for ever");
    assert_int_equal(sf.n_finished, 1);
}

int sim_flows_end(void **state)
{
    struct spd_reflector *reflector = sf.reflector;
    struct spd_sink *sink = sf.sink;
    unsigned n_steps = 0;

    (void)state;
    sf.ring_unread = false;
    if (sf.flows) {
        if (!sf.n_finished) { /* a case that failed */
            spd_flows_cancel(sf.flows);
            spd_flows_cancel(sf.flows);
            while (sim_flows_step(MS) && n_steps++ < STEPS_MAX)
                continue;
        }
        spd_flows_destroy(sf.flows);
    }
    spd_ring_buffer_destroy(sf.ring);
    sf.reflector = NULL; /* the actors leave them alone from here on */
    sf.sink = NULL;
    if (reflector) {
        spd_reflector_destroy(reflector);
        spd_cport_close(sf.far_port);
        spd_cport_destroy(sf.far_port);
    }
    if (sink) {
        spd_sink_destroy(sink);
        spd_cport_close(sf.sink_port);
        spd_cport_destroy(sf.sink_port);
    }
    memset(&sf, 0, sizeof(sf));
    if (sim_n_alive() != 0)
        fail_msg("%zu pages and ports are left", sim_n_alive());
    sim_destroy();
    return 0;
}

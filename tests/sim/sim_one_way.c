/*
 * See sim_one_way.h.
 */
#include "tests/sim/sim_one_way.h"

struct one_way ow;

static void notify_flows(void *context, enum spd_flows_event event, uint32_t number)
{
    (void)context;
    (void)event;
    (void)number;
}

static void notify_receiver(void *context, enum spd_receiver_event event, uint32_t number)
{
    (void)context;
    (void)number;
    ow.opened = ow.opened || event == SPD_RECEIVER_OPENED;
    ow.began = ow.began || event == SPD_RECEIVER_BEGAN;
    if (event == SPD_RECEIVER_FINISHED) {
        ow.finished = true;
        ow.finished_ns = sim_now_ns();
    }
}

static void take(void)
{
    ow.n_sent +=
        spd_ring_buffer_pop(ow.sent_ring, ow.sent + ow.n_sent, ONE_WAY_RECORDS - ow.n_sent);
    if (ow.ring_is_read)
        ow.n_received += spd_ring_buffer_pop(ow.received_ring, ow.received + ow.n_received,
                                             ONE_WAY_RECORDS - ow.n_received);
}

static void step_receiver(void *argument)
{
    (void)argument;
    for (int i = 0; ow.receiver_runs && i < 4; i++)
        ow.receiver_runs = spd_receiver_step(ow.receiver, 0);
    take();
}

void one_way_prepare(uint64_t seed)
{
    struct spd_flow_spec *flow = &ow.flows_spec.flows[0];

    sim_create(seed);
    memset(&ow, 0, sizeof(ow));
    ow.ring_records = 1024;
    ow.ring_is_read = true;
    ow.flows_spec.n_flows = 1;
    ow.flows_spec.timeout_ns = SPD_NS_PER_S;
    ow.flows_spec.late_limit_ns = MS;
    ow.flows_spec.kernel_stamps = true;
    ow.flows_spec.seed = seed;
    flow->kind = SPD_FLOW_ONE_WAY;
    flow->info.n_packets = 100;
    flow->info.target = sim_addr4(ONE_WAY_FAR, ONE_WAY_PORT);
    flow->info.one_way = true;
    flow->session = ONE_WAY_SESSION;
    flow->n_termination = 10;
    flow->schedule = (struct spd_schedule_spec){
        .pacing = SPD_PACING_INTERVAL,
        .interval_ns = 10 * MS,
        .sizes = { .n = 1, .item = { { 92, 92, 1 } } },
        .seed = seed,
    };
    ow.receiver_spec = (struct spd_receiver_spec){
        .listen = sim_addr4(ONE_WAY_FAR, ONE_WAY_PORT),
        .kernel_stamps = true,
        .timeout_ns = 2 * SPD_NS_PER_S,
        .linger_ns = 100 * MS,
    };
}

void one_way_start(void)
{
    struct spd_diag diag = { 0 };

    assert_int_equal(spd_ring_buffer_create(4096, sizeof(struct spd_flow_packet), &ow.sent_ring),
                     SPD_ERR_OK);
    assert_int_equal(
        spd_ring_buffer_create(ow.ring_records, sizeof(struct spd_flow_packet), &ow.received_ring),
        SPD_ERR_OK);
    sim_set_current_host(ONE_WAY_FAR);
    if (spd_receiver_create(&ow.receiver_spec, ow.received_ring, notify_receiver, NULL,
                            &ow.receiver, &diag))
        fail_msg("%s", diag.text);
    ow.receiver_runs = true;
    sim_add_actor(ONE_WAY_FAR, MS, step_receiver, NULL);
    sim_set_current_host(ONE_WAY_SENDER);
    if (spd_flows_create(&ow.flows_spec, ow.sent_ring, notify_flows, NULL, &ow.flows, &diag))
        fail_msg("%s", diag.text);
}

void one_way_run_until(spd_ns until_ns)
{
    while (sim_now_ns() < until_ns) {
        spd_ns left_ns = until_ns - sim_now_ns();

        if (!spd_flows_step(ow.flows, left_ns < MS ? left_ns : MS))
            sim_advance(left_ns < MS ? left_ns : MS);
        take();
    }
}

void one_way_run(spd_ns limit_ns)
{
    while (spd_flows_step(ow.flows, MS))
        take();
    take();
    while (ow.receiver_runs && sim_now_ns() < limit_ns)
        sim_advance(MS);
    take();
}

int one_way_end(void **state)
{
    (void)state;
    if (ow.flows) {
        spd_flows_cancel(ow.flows);
        while (spd_flows_step(ow.flows, MS))
            take();
        spd_flows_destroy(ow.flows);
    }
    if (ow.receiver) {
        ow.ring_is_read = true;
        spd_receiver_stop(ow.receiver, SPD_RECEIVER_BY_HAND, 0);
        spd_receiver_set_ring(ow.receiver, NULL);
        while (ow.receiver_runs)
            step_receiver(NULL);
        spd_receiver_destroy(ow.receiver);
    }
    spd_ring_buffer_destroy(ow.sent_ring);
    spd_ring_buffer_destroy(ow.received_ring);
    memset(&ow, 0, sizeof(ow));
    sim_destroy();
    return 0;
}

/*
 * The same on the simulated system: there only the engine's own code is on the
 * stage, whatever the system below it does. The simulator allocates for every
 * datagram, so its calls are left out at the border, common/sys.
 */
#include "common/sys/udp.h"
#include "tests/sim/hot_guard.h"
#include "tests/sim/sim_burst.h"
#include "tests/unit/unit.h"

/* ---- the border ---- */

#define BORDER(type, name, parameters, arguments)                                                  \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        type result;                                                                               \
                                                                                                   \
        hot_guard_pause();                                                                         \
        result = __real_##name arguments;                                                          \
        hot_guard_go_on();                                                                         \
        return result;                                                                             \
    }

BORDER(enum spd_err, spd_cport_commit, (struct spd_cport * port, size_t *n), (port, n))
BORDER(enum spd_err, spd_cport_wait,
       (struct spd_cport * port, struct spd_completion *out, size_t capacity, size_t *n,
        spd_ns timeout_ns),
       (port, out, capacity, n, timeout_ns))
BORDER(enum spd_err, spd_udp_queue_receive,
       (struct spd_udp * udp, struct spd_op *op, void *buffer, size_t capacity,
        struct spd_udp_meta *meta),
       (udp, op, buffer, capacity, meta))
BORDER(size_t, spd_udp_stamps_collect,
       (struct spd_udp * udp, int64_t *sched_ns, int64_t *sent_ns, size_t n),
       (udp, sched_ns, sent_ns, n))
BORDER(enum spd_err, spd_udp_cancel, (struct spd_udp * udp, struct spd_op *op), (udp, op))

/* ---- bursts ---- */

static const struct sim_list lost = SIM_LIST(3, 19, 24);
static const struct sim_list twice = SIM_LIST(5, 6, 30);

struct hot_row {
    const char *name;
    struct sim_burst_scenario scenario;
};

static const struct hot_row hot_rows[] = {
    { "as usual", { .n_packets = 100, .forward.delay_ns = 20000 } },
    { "polling", { .spin = true, .forward.delay_ns = 20000 } },
    { "stamps by the counter", { .user_stamps = true, .forward.delay_ns = 20000 } },
    { "everything goes wrong",
      { .n_retries = 2,
        .timeout_ns = 3 * SPD_NS_PER_MS,
        .sender = { .max_buffer_bytes = 9000 },
        .forward = { .rate_bps = 1000000, .local_queue = true, .lose = lost, .duplicate = twice },
        .reverse = { .delay_ns = 20000,
                     .lose = lost,
                     .duplicate = twice,
                     .corrupt_ppm = 50000 } } },
    { "queue of our own too short",
      { .forward = { .rate_bps = 1000000, .local_queue = true, .queue_packets = 5 } } },
    { "ICMP errors",
      { .forward.icmp = SPD_ERR_HOST_UNREACHABLE, .timeout_ns = 3 * SPD_NS_PER_MS } },
};

static void engine_allocates_locks_and_formats_nothing_within_a_burst(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(hot_rows); i++) {
        const struct hot_row *row = &hot_rows[i];
        struct sim_burst_scenario s = row->scenario;
        struct sim_burst b;

        s.n_bursts = 3;
        hot_guard_begin();
        sim_burst_run(&b, &s);
        if (hot_guard_count() > 0)
            fail_msg("row \"%s\": %u forbidden calls within the hot section, the first is %s",
                     row->name, hot_guard_count(), hot_guard_first());
        CHECK_ROW_INT(row->name, hot_guard_sections(), b.record->n_bursts);
        CHECK_ROW(row->name, hot_guard_sections() >= 3);
        sim_burst_destroy(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(engine_allocates_locks_and_formats_nothing_within_a_burst),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

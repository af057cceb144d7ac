/*
 * From the first submission of a burst to its last stamp the measuring thread
 * allocates nothing, takes no lock, touches no file and formats nothing. On
 * the real system, over loopback: a session in this thread, a reflector in
 * another.
 */
#include <stdatomic.h>
#include <stdio.h>

#include "common/base/hot.h"
#include "common/engine/reflector.h"
#include "common/engine/session.h"
#include "common/sys/console.h"
#include "common/sys/pagemem.h"
#include "common/sys/thread.h"
#include "common/sys/udp.h"
#include "tests/sim/hot_guard.h"
#include "tests/unit/unit.h"

#define N_PACKETS 200
#define N_BURSTS  3

/* ---- the reflector ---- */

struct other_side {
    struct spd_thread *thread;
    struct spd_cport *port;
    atomic_uint state; /* 0 starting, 1 there, 2 it could not */
    uint16_t udp_port;
    struct spd_diag diag;
};

static bool open_reflector(struct other_side *side, struct spd_reflector **reflector)
{
    struct spd_addr listen = { .family = SPD_FAMILY_IPV4, .bytes = { 127, 0, 0, 1 } };
    struct spd_reflector_config config = { .listen = &listen,
                                           .n_listen = 1,
                                           .stateful = true,
                                           .n_receives = N_PACKETS + 16,
                                           .reply_dscp = SPD_REFLECTOR_REPLY_DSCP_COPY };
    struct spd_cport_config port = { .single_owner = true };
    struct spd_udp_facts facts;

    if (spd_cport_create(&port, &side->port, &side->diag))
        return false;
    if (spd_reflector_create(side->port, 1, &config, reflector, &side->diag)) {
        spd_cport_close(side->port);
        spd_cport_destroy(side->port);
        return false;
    }
    spd_reflector_facts(*reflector, 0, &facts);
    side->udp_port = facts.local.port;
    return true;
}

static void reflect(void *argument)
{
    struct other_side *side = argument;
    struct spd_reflector *reflector = NULL;
    enum spd_err err;

    if (!open_reflector(side, &reflector)) {
        atomic_store(&side->state, 2);
        return;
    }
    atomic_store(&side->state, 1);
    do
        err = spd_reflector_step(reflector, SPD_NS_FOREVER, NULL, NULL);
    while (err == SPD_ERR_OK || err == SPD_ERR_TIMEOUT);
    spd_reflector_destroy(reflector);
}

/* Skips the test when this system has no completion port for us. */
static void start_reflector(struct other_side *side)
{
    memset(side, 0, sizeof(*side));
    assert_int_equal(spd_thread_start(&side->thread, "reflector", reflect, side), SPD_ERR_OK);
    while (atomic_load(&side->state) == 0)
        spd_thread_sleep(SPD_NS_PER_MS);
    if (atomic_load(&side->state) == 1)
        return;
    spd_thread_join(side->thread);
    print_message("skipped: %s\n", side->diag.text);
    skip();
}

static void end_reflector(struct other_side *side)
{
    spd_cport_close(side->port);
    spd_thread_join(side->thread);
    spd_cport_destroy(side->port);
}

/* ---- the session ---- */

struct hot_row {
    const char *name;
    bool kernel_stamps;
    bool spin;
    unsigned denied_features;
};

static const struct hot_row hot_rows[] = {
    { "with kernel stamps", true, false, 0 },
    { "with stamps by the counter", false, false, 0 },
    { "polling", true, true, 0 },
    { "by the fall-backs", true, false,
      SPD_CPORT_MULTISHOT | SPD_CPORT_TX_STAMP | SPD_CPORT_DEFER | SPD_CPORT_RIO },
};

static struct spd_session *session;
static void (*before_grant)(void);

static void on_event(void *context, enum spd_session_event event, uint32_t number)
{
    (void)context;
    (void)number;
    /* Nothing is told to anybody from within the section. */
    assert_false(spd_hot_now());
    if (event != SPD_SESSION_TURN_WANTED)
        return;
    if (before_grant)
        before_grant();
    spd_session_grant(session);
}

static struct spd_burst_spec spec_of(const struct hot_row *row, uint16_t udp_port)
{
    return (struct spd_burst_spec){
        .target = { .family = SPD_FAMILY_IPV4, .bytes = { 127, 0, 0, 1 }, .port = udp_port },
        .target_name = "loopback",
        .n_packets = N_PACKETS,
        .n_bursts = N_BURSTS,
        .gap_ns = 5 * SPD_NS_PER_MS,
        .size_bytes = 256,
        .timeout_ns = 300 * SPD_NS_PER_MS,
        .gap_limit_ns = SPD_NS_PER_S,
        .spin = row->spin,
        .kernel_stamps = row->kernel_stamps,
        .seed = 1234567,
    };
}

/* Runs a test; the guard has seen all of it afterwards. */
static void run(const struct hot_row *row)
{
    struct spd_cport_config port = { .single_owner = true,
                                     .max_queued_sends = N_PACKETS + 8,
                                     .denied_features = row->denied_features };
    struct spd_test_record *record;
    struct spd_burst_spec spec;
    struct other_side side;
    struct spd_plan plan;
    struct spd_diag diag;
    uint64_t n_received = 0;

    start_reflector(&side);
    spec = spec_of(row, side.udp_port);
    CHECK_ROW_INT(row->name, spd_plan_make(&spec, 0, spd_udp_buffer_cost, &plan, &diag),
                  SPD_ERR_OK);
    if (spd_session_create(&spec, &plan, &port, on_event, NULL, &session, &diag))
        fail_msg("row \"%s\": %s", row->name, diag.text);
    hot_guard_begin();
    while (spd_session_step(session, SPD_NS_FOREVER))
        continue;
    record = spd_session_record(session);
    if (record->outcome.err)
        fail_msg("row \"%s\": %s", row->name, record->outcome.text);
    CHECK_ROW_INT(row->name, record->n_bursts, N_BURSTS);
    for (size_t i = 0; i < record->n_packets; i++)
        n_received += record->packets[i].n_replies > 0;
    /* Most of it came back, so the way back was walked, too. */
    CHECK_ROW(row->name, n_received > N_PACKETS);
    spd_session_destroy(session);
    end_reflector(&side);
}

static void burst_allocates_locks_and_formats_nothing(void **state)
{
    (void)state;
    before_grant = NULL;
    for (size_t i = 0; i < N_ROWS(hot_rows); i++) {
        run(&hot_rows[i]);
        if (hot_guard_count() > 0)
            fail_msg("row \"%s\": %u forbidden calls within the hot section, the first is %s",
                     hot_rows[i].name, hot_guard_count(), hot_guard_first());
        CHECK_ROW_INT(hot_rows[i].name, hot_guard_sections(), N_BURSTS);
        CHECK_ROW(hot_rows[i].name, !spd_hot_now());
    }
}

/* ---- the guard itself ---- */

static void *volatile planted;

static void plant_malloc(void)
{
    spd_hot_enter();
    planted = malloc(1);
    spd_hot_leave();
    free(planted);
}

static void guard_sees_a_malloc_planted_in_a_hot_section(void **state)
{
    (void)state;
    before_grant = plant_malloc;
    run(&hot_rows[0]);
    before_grant = NULL;
    assert_int_equal(hot_guard_count(), N_BURSTS);
    assert_string_equal(hot_guard_first(), "malloc");
}

static void guard_sees_locks_and_text_and_nothing_outside_of_sections(void **state)
{
    (void)state;
    hot_guard_begin();
    hot_guard_offend();
    free(malloc(1));
    assert_int_equal(hot_guard_count(), 0);
    spd_hot_enter();
    hot_guard_offend();
    spd_hot_leave();
    assert_int_equal(hot_guard_count(), 2);
    spd_hot_enter();
    free(planted = malloc(2));
    planted = realloc(NULL, 3);
    free(planted);
    planted = calloc(1, 1);
    spd_hot_leave();
    free(planted);
    assert_int_equal(hot_guard_count(), 2 + 5);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guard_sees_locks_and_text_and_nothing_outside_of_sections),
        cmocka_unit_test(guard_sees_a_malloc_planted_in_a_hot_section),
        cmocka_unit_test(burst_allocates_locks_and_formats_nothing),
    };
    const struct CMUnitTest alone[] = { cmocka_unit_test(
        burst_allocates_locks_and_formats_nothing) };
    struct spd_diag diag;

    if (spd_console_init(&diag))
        return 1;
    /* For a tracer: the bursts only. */
    if (argc > 1 && strcmp(argv[1], "bursts") == 0) {
        hot_guard_mark_sections();
        return cmocka_run_group_tests(alone, NULL, NULL);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}

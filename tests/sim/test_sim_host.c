/*
 * What this host does to a burst: switches, gaps, failing sends, and rights,
 * memory, buffers and stamps that the system refuses. The figures stay right,
 * and the result names what was obtained.
 */
#include "tests/sim/sim_burst.h"
#include "tests/unit/unit.h"

/* ---- bursts that do not stay whole ---- */

struct broken_row {
    const char *name;
    uint32_t after_sends;
    int64_t n_switches;
    spd_ns pause_ns;
    bool switches_unknown;
    bool user_stamps;
    enum spd_broken expected;
};

static const struct broken_row broken_rows[] = {
    { "nothing happens", 0, 0, 0, false, false, SPD_BROKEN_WHOLE },
    { "a switch before the first packet", 0, 1, 0, false, false, SPD_BROKEN_SWITCHED },
    { "a switch in the middle", 10, 1, 3 * SPD_NS_PER_MS, false, false, SPD_BROKEN_SWITCHED },
    { "a switch that took no time", 10, 1, 0, false, false, SPD_BROKEN_SWITCHED },
    { "a switch after the last packet", 20, 1, 0, false, false, SPD_BROKEN_SWITCHED },
    { "many switches", 10, 7, 1000, false, false, SPD_BROKEN_SWITCHED },
    { "a pause of 2 ms", 10, 0, 2 * SPD_NS_PER_MS, false, false, SPD_BROKEN_GAP },
    { "a pause below the limit", 10, 0, 900000, false, false, SPD_BROKEN_WHOLE },
    { "a pause before the first packet", 0, 0, 2 * SPD_NS_PER_MS, false, false, SPD_BROKEN_WHOLE },
    { "a pause, stamps by the counter", 10, 0, 2 * SPD_NS_PER_MS, false, true, SPD_BROKEN_GAP },
    { "no counts of switches, no gap", 0, 0, 0, true, false, SPD_BROKEN_WHOLE },
    { "no counts of switches, a gap", 10, 1, 2 * SPD_NS_PER_MS, true, false, SPD_BROKEN_GAP },
};

static void burst_that_was_interrupted_is_reported_with_the_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(broken_rows); i++) {
        const struct broken_row *row = &broken_rows[i];
        const struct sim_switch plan = { SIM_BURST_SENDER, 0, 20, row->after_sends, row->n_switches,
                                         row->pause_ns };
        struct sim_burst_scenario s = { .user_stamps = row->user_stamps,
                                        .sender.switches_unknown = row->switches_unknown };
        const struct spd_burst_record *burst;
        struct sim_burst b;

        sim_burst_create(&b, &s);
        sim_inject_switch(&plan);
        while (sim_burst_step(&b, SPD_NS_FOREVER))
            continue;
        sim_burst_judge(&b);
        burst = &b.record->bursts[0];
        if (burst->broken != row->expected)
            fail_msg("row \"%s\": the burst is \"%s\"", row->name,
                     spd_broken_text((enum spd_broken)burst->broken));
        CHECK_ROW_INT(row->name, burst->n_involuntary_switches,
                      row->switches_unknown ? -1 : row->n_switches);
        if (row->after_sends > 0 && row->after_sends < 20)
            CHECK_ROW_INT(row->name, burst->gap_max_ns, SIM_BURST_SEND_NS + row->pause_ns);
        CHECK_ROW_INT(row->name, burst->superseded, 0);
        CHECK_ROW_INT(row->name, b.summary.n_whole, row->expected == SPD_BROKEN_WHOLE);
        CHECK_ROW_INT(row->name, b.summary.n_attempts_by_reason[row->expected], 1);
        CHECK_ROW_INT(row->name, b.summary.loss.n_received, 20);
        sim_burst_check(row->name, &b, SIM_CHECK_FATES | SIM_CHECK_STAMPS);
        sim_burst_destroy(&b);
    }
}

/* No count of switches, and no stamp that would show a gap. */
static void wholeness_that_cannot_be_told_is_not_claimed(void **state)
{
    static const uint32_t all[] = { 0, 1, 2, 3, 4 };
    struct sim_burst_scenario s = { .n_packets = 5,
                                    .n_retries = 3,
                                    .sender = { .switches_unknown = true,
                                                .lose_sched_stamps = { all, 5 } } };
    struct sim_burst b;

    (void)state;
    sim_burst_run(&b, &s);
    assert_int_equal(b.record->n_bursts, 1);
    assert_int_equal(b.record->bursts[0].broken, SPD_BROKEN_UNKNOWN);
    assert_int_equal(b.record->bursts[0].gap_max_ns, -1);
    assert_int_equal(b.summary.n_broken_unknown, 1);
    assert_int_equal(b.summary.n_stamps_missing, 5);
    sim_burst_destroy(&b);
}

struct retry_row {
    const char *name;
    unsigned n_retries;
    unsigned n_broken; /* commits of bursts that are interrupted, from the first */
    uint32_t n_attempts, n_whole, n_sum_broken;
};

static const struct retry_row retry_rows[] = {
    { "no repetition wanted", 0, 1, 3, 2, 1 },
    { "the first repetition is whole", 2, 1, 4, 3, 0 },
    { "the last repetition is whole", 2, 2, 5, 3, 0 },
    { "all repetitions of the first burst used up", 2, 3, 5, 2, 1 },
    { "and one of the second needed", 2, 4, 6, 2, 1 },
    { "nothing ever stays whole", 1, 6, 6, 0, 3 },
};

static void broken_bursts_are_repeated_as_often_as_asked(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(retry_rows); i++) {
        const struct retry_row *row = &retry_rows[i];
        struct sim_burst_scenario s = { .n_bursts = 3,
                                        .n_retries = row->n_retries,
                                        .gap_ns = SPD_NS_PER_MS };
        uint32_t index = 0, attempt = 0, n_counted = 0;
        struct sim_burst b;

        sim_burst_create(&b, &s);
        for (unsigned n = 0; n < row->n_broken; n++)
            sim_inject_switch(&(struct sim_switch){ SIM_BURST_SENDER, n, 20, 3, 1, 0 });
        while (sim_burst_step(&b, SPD_NS_FOREVER))
            continue;
        sim_burst_judge(&b);
        CHECK_ROW_INT(row->name, b.record->n_bursts, row->n_attempts);
        CHECK_ROW_INT(row->name, b.n_attempts_reported, row->n_attempts);
        CHECK_ROW_INT(row->name, b.n_turns, row->n_attempts);
        for (uint32_t k = 0; k < b.record->n_bursts; k++) {
            const struct spd_burst_record *burst = &b.record->bursts[k];
            bool is_broken = k < row->n_broken;
            bool is_repeated = is_broken && attempt < row->n_retries;

            CHECK_ROW_INT(row->name, burst->index, index);
            CHECK_ROW_INT(row->name, burst->attempt, attempt);
            CHECK_ROW_INT(row->name, burst->broken,
                          is_broken ? SPD_BROKEN_SWITCHED : SPD_BROKEN_WHOLE);
            CHECK_ROW_INT(row->name, burst->superseded, is_repeated);
            CHECK_ROW_INT(row->name, burst->first_packet, 20 * k);
            attempt = is_repeated ? attempt + 1 : 0;
            index += !is_repeated;
            n_counted += !is_repeated;
        }
        CHECK_ROW_INT(row->name, n_counted, 3);
        CHECK_ROW_INT(row->name, b.summary.n_bursts, 3);
        CHECK_ROW_INT(row->name, b.summary.n_attempts, row->n_attempts);
        CHECK_ROW_INT(row->name, b.summary.n_whole, row->n_whole);
        CHECK_ROW_INT(row->name, b.summary.n_broken, row->n_sum_broken);
        /* Only what stands for a burst is counted. */
        CHECK_ROW_INT(row->name, b.summary.loss.n_sent, 60);
        CHECK_ROW_INT(row->name, b.summary.rtt.n, 60);
        sim_burst_check(row->name, &b, SIM_CHECK_FATES | SIM_CHECK_STAMPS);
        sim_burst_destroy(&b);
    }
}

/* ---- sends that fail ---- */

static void fail_three(struct sim_burst *b, uint32_t turn)
{
    const enum spd_err *err = b->scenario.context;

    if (turn != 0)
        return;
    sim_fail_send(SIM_BURST_SENDER, 0, *err);
    sim_fail_send(SIM_BURST_SENDER, 7, *err);
    sim_fail_send(SIM_BURST_SENDER, 19, *err);
}

static void packets_that_could_not_be_sent_are_no_loss(void **state)
{
    static const enum spd_err errors[] = { SPD_ERR_TOO_BIG, SPD_ERR_PERM, SPD_ERR_IO,
                                           SPD_ERR_NET_UNREACHABLE };

    (void)state;
    for (size_t i = 0; i < N_ROWS(errors); i++)
        for (int user_stamps = 0; user_stamps < 2; user_stamps++) {
            enum spd_err err = errors[i];
            struct sim_burst_scenario s = { .n_retries = 1,
                                            .user_stamps = user_stamps != 0,
                                            .context = &err,
                                            .on_turn = fail_three };
            const char *row = spd_err_name(errors[i]);
            struct sim_burst b;

            sim_burst_run(&b, &s);
            CHECK_ROW_INT(row, b.record->n_bursts, 2);
            CHECK_ROW_INT(row, b.record->bursts[0].broken, SPD_BROKEN_SEND_FAILED);
            CHECK_ROW_INT(row, b.record->bursts[0].n_not_sent, 3);
            CHECK_ROW(row, b.record->bursts[0].superseded);
            for (uint32_t k = 0; k < 20; k++) {
                bool failed = k == 0 || k == 7 || k == 19;

                CHECK_ROW_INT(row, b.record->packets[k].fate,
                              failed ? SPD_FATE_NOT_SENT : SPD_FATE_RECEIVED);
                CHECK_ROW_INT(row, b.record->packets[k].err, failed ? errors[i] : SPD_ERR_OK);
            }
            CHECK_ROW_INT(row, b.summary.n_whole, 1);
            CHECK_ROW_INT(row, b.summary.loss.n_not_sent, 0);
            CHECK_ROW_INT(row, b.summary.loss.n_lost, 0);
            /* Stamps are numbered by what was handed over: none may slip. */
            sim_burst_check(row, &b, SIM_CHECK_FATES | SIM_CHECK_STAMPS);
            sim_burst_destroy(&b);
        }
}

static void fail_two(struct sim_burst *b, uint32_t turn)
{
    (void)b;
    if (turn != 0)
        return;
    sim_fail_send(SIM_BURST_SENDER, 8, SPD_ERR_PERM);
    sim_fail_send(SIM_BURST_SENDER, 14, SPD_ERR_PERM);
}

/* What never left took no number of the reflector's. */
static void failed_sends_next_to_losses_are_told_apart(void **state)
{
    struct sim_burst_scenario s = { .timeout_ns = 20 * SPD_NS_PER_MS,
                                    .forward.lose = SIM_LIST(7),
                                    .reverse.lose = SIM_LIST(12),
                                    .on_turn = fail_two };
    struct sim_burst b;

    (void)state;
    sim_burst_run(&b, &s);
    assert_int_equal(b.summary.loss.n_not_sent, 2);
    assert_int_equal(b.summary.loss.n_sent, 18);
    assert_int_equal(b.summary.loss.n_lost_forward, 1);
    assert_int_equal(b.summary.loss.n_lost_reverse, 1);
    sim_burst_check("failed and lost", &b, SIM_CHECK_FATES | SIM_CHECK_STAMPS);
    sim_burst_destroy(&b);
}

/* ---- what the system refuses ---- */

struct refusal_row {
    const char *name;
    struct sim_host_config sender;
    enum spd_env_key key;
    const char *obtained; /* part of the text, or NULL for numbers */
    uint8_t t1_source, t4_source;
};

static const struct refusal_row refusal_rows[] = {
    { "priority: only nice",
      { .refuse_priority = true, .best_priority = SPD_PRIORITY_NICE },
      SPD_ENV_PRIORITY,
      "nice",
      SPD_STAMP_KERNEL_SCHED,
      SPD_STAMP_KERNEL },
    { "priority: nothing",
      { .refuse_priority = true },
      SPD_ENV_PRIORITY,
      "normal",
      SPD_STAMP_KERNEL_SCHED,
      SPD_STAMP_KERNEL },
    { "locked memory",
      { .refuse_lock = true },
      SPD_ENV_LOCKED,
      NULL,
      SPD_STAMP_KERNEL_SCHED,
      SPD_STAMP_KERNEL },
    { "working set",
      { .working_set_bytes = 9u << 20 },
      SPD_ENV_WORKING_SET,
      NULL,
      SPD_STAMP_KERNEL_SCHED,
      SPD_STAMP_KERNEL },
    { "send buffer",
      { .max_buffer_bytes = 10000 },
      SPD_ENV_SEND_BUFFER,
      NULL,
      SPD_STAMP_USER,
      SPD_STAMP_KERNEL },
    { "receive buffer, and with it the send stamps",
      { .max_buffer_bytes = 50000 },
      SPD_ENV_SEND_STAMP,
      "user",
      SPD_STAMP_USER,
      SPD_STAMP_KERNEL },
    { "stamps of the queueing discipline",
      { .deny_sched_stamps = true },
      SPD_ENV_SEND_STAMP,
      "user",
      SPD_STAMP_USER,
      SPD_STAMP_KERNEL },
    { "all send stamps",
      { .deny_sched_stamps = true, .deny_sent_stamps = true },
      SPD_ENV_SEND_STAMP,
      "user",
      SPD_STAMP_USER,
      SPD_STAMP_KERNEL },
    { "receive stamps",
      { .deny_receive_stamps = true },
      SPD_ENV_RECEIVE_STAMP,
      "user",
      SPD_STAMP_KERNEL_SCHED,
      SPD_STAMP_USER },
};

static void refusals_are_named_and_the_figures_stay_right(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(refusal_rows); i++) {
        const struct refusal_row *row = &refusal_rows[i];
        struct sim_burst_scenario s = { .sender = row->sender,
                                        .forward = { .delay_ns = 300000, .lose = SIM_LIST(5) },
                                        .reverse = { .delay_ns = 300000, .lose = SIM_LIST(9) },
                                        .timeout_ns = 20 * SPD_NS_PER_MS };
        const struct spd_env_item *item;
        struct sim_burst b;

        sim_burst_run(&b, &s);
        item = &b.record->environment.items[row->key];
        CHECK_ROW(row->name, item->present && !item->fulfilled);
        CHECK_ROW(row->name, item->note[0] != 0 || row->key == SPD_ENV_SEND_BUFFER ||
                                 row->key == SPD_ENV_SEND_STAMP ||
                                 row->key == SPD_ENV_RECEIVE_STAMP);
        if (row->obtained)
            CHECK_ROW(row->name, strstr(item->obtained_text, row->obtained) != NULL);
        else
            CHECK_ROW(row->name, item->obtained < item->requested);
        CHECK_ROW_INT(row->name, b.summary.t1_source, row->t1_source);
        CHECK_ROW_INT(row->name, b.summary.t4_source, row->t4_source);
        CHECK_ROW_INT(row->name, b.summary.loss.n_lost_forward, 1);
        CHECK_ROW_INT(row->name, b.summary.loss.n_lost_reverse, 1);
        CHECK_ROW_INT(row->name, b.summary.rtt.n, 18);
        CHECK_ROW_INT(row->name, b.summary.n_packets_stamps_left_out, 0);
        CHECK_ROW_INT(row->name, b.summary.fwd.pdv.max_ns, 0);
        CHECK_ROW(row->name, b.summary.rtt.median_ns >= 600000 &&
                                 b.summary.rtt.median_ns <= 600000 + SIM_BURST_SEND_NS);
        sim_burst_check(row->name, &b, SIM_CHECK_FATES);
        sim_burst_destroy(&b);
    }
}

static void everything_granted_is_reported_as_fulfilled(void **state)
{
    struct sim_burst_scenario s = { .dscp = 46 };
    struct sim_burst b;

    (void)state;
    sim_burst_run(&b, &s);
    for (int key = 0; key < SPD_ENV_COUNT; key++) {
        const struct spd_env_item *item = &b.record->environment.items[key];

        if (!item->present || !item->fulfilled || item->note[0])
            fail_msg("%s: present %d, fulfilled %d, note \"%s\"",
                     spd_env_key_name((enum spd_env_key)key), item->present, item->fulfilled,
                     item->note);
    }
    assert_true(b.record->environment.items[SPD_ENV_WORKING_SET].obtained > 8 << 20);
    sim_burst_destroy(&b);
}

/* ---- stamps that are lost one by one ---- */

static void packets_whose_stamp_was_lost_are_left_out_and_counted(void **state)
{
    struct sim_burst_scenario s = { .n_bursts = 2,
                                    .sender = { .lose_sched_stamps = SIM_LIST(3, 4, 27),
                                                .lose_receive_stamps = SIM_LIST(11, 30) },
                                    .forward.delay_ns = 100000,
                                    .reverse.delay_ns = 100000 };
    struct sim_burst b;

    (void)state;
    sim_burst_run(&b, &s);
    assert_int_equal(b.summary.n_stamps_missing, 3);
    assert_int_equal(b.summary.n_packets_stamps_left_out, 5);
    assert_int_equal(b.summary.rtt.n, 35);
    assert_int_equal(b.summary.rtt.min_ns, 200000);
    assert_int_equal(b.summary.rtt.max_ns, 200000);
    assert_int_equal(b.summary.fwd.pdv.max_ns, 0);
    assert_int_equal(b.summary.rev.pdv.max_ns, 0);
    assert_int_equal(b.summary.loss.n_received, 40);
    assert_int_equal(b.summary.t1_source, SPD_STAMP_KERNEL_SCHED);
    for (uint32_t k = 0; k < 40; k++) {
        bool lost = k == 3 || k == 4 || k == 27;

        assert_int_equal(b.record->packets[k].t1_source,
                         lost ? SPD_STAMP_USER : SPD_STAMP_KERNEL_SCHED);
        assert_int_equal(b.record->packets[k].t4_source,
                         k == 11 || k == 30 ? SPD_STAMP_USER : SPD_STAMP_KERNEL);
    }
    sim_burst_destroy(&b);
}

/* Stamps that will never come must not keep a burst waiting. */
static void burst_does_not_wait_for_stamps_that_nobody_promised(void **state)
{
    struct sim_burst_scenario s = { .sender.deny_sent_stamps = true };
    struct sim_burst b;

    (void)state;
    sim_burst_run(&b, &s);
    assert_int_equal(b.summary.t1_source, SPD_STAMP_KERNEL_SCHED);
    assert_int_equal(b.summary.n_stamps_missing, 0);
    assert_true(sim_now_ns() - b.first_turn_ns < 10 * SPD_NS_PER_MS);
    sim_burst_check("no stamps of the driver", &b, SIM_CHECK_FATES | SIM_CHECK_STAMPS);
    sim_burst_destroy(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(burst_that_was_interrupted_is_reported_with_the_reason),
        cmocka_unit_test(wholeness_that_cannot_be_told_is_not_claimed),
        cmocka_unit_test(broken_bursts_are_repeated_as_often_as_asked),
        cmocka_unit_test(packets_that_could_not_be_sent_are_no_loss),
        cmocka_unit_test(failed_sends_next_to_losses_are_told_apart),
        cmocka_unit_test(refusals_are_named_and_the_figures_stay_right),
        cmocka_unit_test(everything_granted_is_reported_as_fulfilled),
        cmocka_unit_test(packets_whose_stamp_was_lost_are_left_out_and_counted),
        cmocka_unit_test(burst_does_not_wait_for_stamps_that_nobody_promised),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

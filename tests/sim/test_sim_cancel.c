/*
 * Ctrl-C at every moment of a test: it ends at once, with what there was so
 * far, and nothing is left behind.
 */
#include "tests/sim/sim_burst.h"
#include "tests/unit/unit.h"

#define STEP_NS 100000 /* cancelled at every multiple of it */

static const struct sim_list lost_forward = SIM_LIST(21, 41, 57, 61);
static const struct sim_list lost_reverse = SIM_LIST(14);

static struct sim_burst_scenario scenario(void)
{
    return (struct sim_burst_scenario){
        .from_start = true,
        .n_bursts = 3,
        .n_retries = 1,
        .gap_ns = 2 * SPD_NS_PER_MS,
        .timeout_ns = 3 * SPD_NS_PER_MS,
        .forward = { .delay_ns = 700000, .lose = lost_forward },
        .reverse = { .delay_ns = 700000, .rate_bps = 50000000, .lose = lost_reverse },
    };
}

static void check_consistent(const char *row, struct sim_burst *b)
{
    const struct spd_test_record *r = b->record;
    const struct spd_loss *loss = &b->summary.loss;

    CHECK_ROW(row, b->finished);
    CHECK_ROW_INT(row, b->n_turns, b->n_turns_over);
    CHECK_ROW_INT(row, r->n_packets, 20 * r->n_bursts);
    for (size_t k = 0; k < r->n_bursts; k++) {
        CHECK_ROW_INT(row, r->bursts[k].first_packet, 20 * k);
        CHECK_ROW(row, !r->bursts[k].interrupted || k == r->n_bursts - 1);
    }
    CHECK_ROW_INT(row, loss->n_sent,
                  loss->n_received + loss->n_lost + loss->n_unreachable + loss->n_unresolved);
    if (r->n_packets > 0)
        sim_burst_check(row, b, SIM_CHECK_SOUND);
}

static void cancelled_test_ends_soon_with_what_it_has(void **state)
{
    spd_ns at_ns = 0, longest_ns = 0;
    bool was_over = false;
    unsigned n_interrupted_bursts = 0, n_between = 0, n_without = 0;

    (void)state;
    for (unsigned n_steps = 0; !was_over; n_steps++, at_ns = n_steps * (spd_ns)STEP_NS) {
        struct sim_burst_scenario s = scenario();
        spd_ns cancelled_ns;
        struct sim_burst b;
        char row[40];

        snprintf(row, sizeof(row), "cancelled after %lld us", (long long)at_ns / 1000);
        sim_burst_create(&b, &s);
        for (unsigned n = 0; n < n_steps && !was_over; n++) {
            spd_ns until_ns = (n + 1) * (spd_ns)STEP_NS;

            while (sim_now_ns() < until_ns && !was_over)
                was_over = !sim_burst_step(&b, until_ns - sim_now_ns());
        }
        cancelled_ns = sim_now_ns();
        spd_session_cancel(b.session);
        while (!was_over && sim_burst_step(&b, SPD_NS_FOREVER))
            continue;
        longest_ns =
            sim_now_ns() - cancelled_ns > longest_ns ? sim_now_ns() - cancelled_ns : longest_ns;
        sim_burst_judge(&b);
        check_consistent(row, &b);
        if (!was_over) {
            CHECK_ROW(row, b.record->interrupted);
            CHECK_ROW_INT(row, b.record->outcome.err, SPD_ERR_OK);
            n_without += b.record->n_bursts == 0;
            if (b.record->n_bursts > 0 && b.record->bursts[b.record->n_bursts - 1].interrupted)
                n_interrupted_bursts++;
            else
                n_between += b.record->n_bursts > 0;
        }
        sim_burst_destroy(&b);
        assert_true(n_steps < 2000);
    }
    /* All kinds of moments were there. */
    assert_true(n_interrupted_bursts > 10 && n_between > 10 && n_without > 1);
    if (longest_ns > 0)
        fail_msg("it went on for %lld us", (long long)longest_ns / 1000);
}

/* Before anything was done at all, and in the very step that does something. */
static void test_cancelled_before_each_step_leaves_nothing_behind(void **state)
{
    bool was_over = false;

    (void)state;
    for (unsigned n_steps = 0; !was_over; n_steps++) {
        struct sim_burst_scenario s = scenario();
        struct sim_burst b;
        char row[40];

        snprintf(row, sizeof(row), "cancelled before step %u", n_steps);
        sim_burst_create(&b, &s);
        for (unsigned n = 0; n < n_steps && !was_over; n++)
            was_over = !sim_burst_step(&b, SPD_NS_FOREVER);
        spd_session_cancel(b.session);
        while (!was_over && sim_burst_step(&b, SPD_NS_FOREVER))
            continue;
        sim_burst_judge(&b);
        check_consistent(row, &b);
        sim_burst_destroy(&b);
        assert_true(n_steps < 2000);
    }
}

/* The port gives 64 completions at a time: with 128 receives to close, a cancel
 * that comes then is the one that is left over. */
static void cancel_that_comes_while_the_test_closes_is_not_left_in_the_port(void **state)
{
    bool was_over = false;

    (void)state;
    for (unsigned n_steps = 0; !was_over; n_steps++) {
        struct sim_burst_scenario s = { .n_packets = 106, .forward.delay_ns = 700000 };
        struct sim_burst b;

        sim_burst_create(&b, &s);
        assert_int_equal(b.plan.n_receives, 128);
        for (unsigned n = 0; n < n_steps && !was_over; n++)
            was_over = !sim_burst_step(&b, SPD_NS_FOREVER);
        spd_session_cancel(b.session);
        while (!was_over && sim_burst_step(&b, SPD_NS_FOREVER))
            continue;
        assert_true(b.finished);
        sim_burst_destroy(&b);
        assert_true(n_steps < 2000);
    }
}

/* The controller does not give the turn: another test has it. */
static void test_cancelled_while_it_waits_for_its_turn_sends_nothing(void **state)
{
    struct sim_burst_scenario s = { .withhold_turns = true };
    struct sim_burst b;

    (void)state;
    sim_burst_create(&b, &s);
    while (b.n_turns == 0)
        (void)sim_burst_step(&b, SPD_NS_FOREVER);
    spd_session_cancel(b.session);
    while (sim_burst_step(&b, SPD_NS_FOREVER))
        continue;
    assert_int_equal(b.n_turns_over, 1);
    assert_int_equal(b.record->n_bursts, 0);
    assert_int_equal(b.record->n_packets, 0);
    assert_true(b.record->interrupted);
    sim_burst_destroy(&b);
}

/* The grant and the cancel may be on their way together. */
static void turn_granted_and_cancelled_at_once_is_given_back(void **state)
{
    (void)state;
    for (int cancel_first = 0; cancel_first < 2; cancel_first++) {
        struct sim_burst_scenario s = { .withhold_turns = true };
        struct sim_burst b;

        sim_burst_create(&b, &s);
        while (b.n_turns == 0)
            (void)sim_burst_step(&b, SPD_NS_FOREVER);
        if (cancel_first)
            spd_session_cancel(b.session);
        spd_session_grant(b.session);
        spd_session_cancel(b.session);
        spd_session_cancel(b.session);
        while (sim_burst_step(&b, SPD_NS_FOREVER))
            continue;
        assert_int_equal(b.n_turns_over, b.n_turns);
        assert_true(b.record->interrupted);
        sim_burst_destroy(&b);
    }
}

static void turn_is_asked_for_again_after_each_burst(void **state)
{
    struct sim_burst_scenario s = { .withhold_turns = true, .n_bursts = 4 };
    struct sim_burst b;

    (void)state;
    sim_burst_create(&b, &s);
    for (uint32_t turn = 0; turn < 4; turn++) {
        size_t n_before, n_after;

        while (b.n_turns == turn)
            assert_true(sim_burst_step(&b, SPD_NS_FOREVER));
        assert_int_equal(b.n_turns_over, turn);
        (void)sim_truth(SIM_BURST_SENDER, SIM_BURST_REFLECTOR, &n_before);
        /* However long it takes. */
        for (int n = 0; n < 20; n++)
            (void)sim_burst_step(&b, SPD_NS_PER_S);
        (void)sim_truth(SIM_BURST_SENDER, SIM_BURST_REFLECTOR, &n_after);
        assert_int_equal(n_before, n_after);
        assert_int_equal(b.n_turns, turn + 1);
        spd_session_grant(b.session);
    }
    while (sim_burst_step(&b, SPD_NS_FOREVER))
        continue;
    assert_int_equal(b.record->n_bursts, 4);
    assert_int_equal(b.n_turns_over, 4);
    sim_burst_destroy(&b);
}

/* A turn granted too early, or twice, is not kept for later. */
static void turn_that_was_not_asked_for_is_not_taken(void **state)
{
    struct sim_burst_scenario s = { .withhold_turns = true };
    struct sim_burst b;
    size_t n;

    (void)state;
    sim_burst_create(&b, &s);
    spd_session_grant(b.session);
    while (b.n_turns == 0)
        (void)sim_burst_step(&b, SPD_NS_FOREVER);
    (void)sim_burst_step(&b, SPD_NS_PER_S);
    (void)sim_truth(SIM_BURST_SENDER, SIM_BURST_REFLECTOR, &n);
    assert_int_equal(n, b.n_forward_before);
    spd_session_grant(b.session);
    while (sim_burst_step(&b, SPD_NS_FOREVER))
        continue;
    assert_int_equal(b.record->n_bursts, 1);
    sim_burst_destroy(&b);
}

static void session_that_was_never_stepped_can_be_destroyed(void **state)
{
    struct sim_burst_scenario s = { 0 };
    struct sim_burst b;

    (void)state;
    sim_burst_create(&b, &s);
    assert_int_equal(b.err, SPD_ERR_OK);
    sim_burst_destroy(&b);
    /* And with a cancel on its way to it. */
    sim_burst_create(&b, &s);
    spd_session_cancel(b.session);
    sim_burst_destroy(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cancelled_while_it_waits_for_its_turn_sends_nothing),
        cmocka_unit_test(turn_granted_and_cancelled_at_once_is_given_back),
        cmocka_unit_test(turn_is_asked_for_again_after_each_burst),
        cmocka_unit_test(turn_that_was_not_asked_for_is_not_taken),
        cmocka_unit_test(test_cancelled_before_each_step_leaves_nothing_behind),
        cmocka_unit_test(cancelled_test_ends_soon_with_what_it_has),
        cmocka_unit_test(cancel_that_comes_while_the_test_closes_is_not_left_in_the_port),
        cmocka_unit_test(session_that_was_never_stepped_can_be_destroyed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

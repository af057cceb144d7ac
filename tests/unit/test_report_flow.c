/* The report of flows: that it fits a screen and says what there is to say. */
#include "tests/unit/unit.h"

#include <stdio.h>

#include "common/result/report_flow.h"
#include "common/result/report_text.h"
#include "tests/unit/flow_kit.h"
#include "tests/unit/result_kit.h"

static char *report_of(const struct spd_result *result)
{
    struct spd_diag diag = { 0 };
    FILE *file = kit_file();

    if (spd_report_flow_write(file, "a file", result, &diag))
        fail_msg("%s", diag.text);
    char *text = kit_contents(file, NULL);
    kit_close(file);
    return text;
}

static void expect_fits(const char *text, size_t n_lines_max)
{
    char line[512];
    size_t n = 0;

    for (const char *end; (end = strchr(text, '\n')) != NULL; text = end + 1, n++) {
        assert_true((size_t)(end - text) < sizeof line);
        memcpy(line, text, (size_t)(end - text));
        line[end - text] = '\0';
        if (spd_text_columns(line) > 80)
            fail_msg("%zu columns: %s", spd_text_columns(line), line);
    }
    assert_string_equal(text, "");
    assert_in_range(n, 1, n_lines_max);
}

static void expect_says(const char *text, const char *what)
{
    if (strstr(text, what) == NULL)
        fail_msg("it does not say \"%s\" but:\n%s", what, text);
}

static void a_two_way_flow_fits_a_screen_with_both_directions(void **state)
{
    struct spd_result result;
    struct spd_log log;

    (void)state;
    flow_kit_log(&log, SPD_LOG_TWO_WAY, 200);
    flow_kit_lose(&log, 20, false);
    flow_kit_lose(&log, 30, true);
    flow_kit_lose(&log, 31, true);
    struct spd_flow_result *flow = flow_kit_result(&log, &result);
    char *text = report_of(&result);
    expect_fits(text, 23);
    expect_says(text, "reflector.example  two-way  flow EF  DSCP EF  92 to 192 bytes\n");
    expect_says(text, "Packets           sent 200   received 197   lost 3 (1.5 %)\n");
    expect_says(text, "Lost              forward 1   reverse 2   runs 1, longest 1\n");
    expect_says(text, "\nRound trip            8.00 ms ");
    expect_says(text, "\nVariation forward        0 ns ");
    expect_says(text, "\nVariation reverse        0 ns ");
    expect_says(text, "\nIPDV forward ");
    expect_says(text, "\nClocks reverse    skew ");
    expect_says(text, "\nMOS (G.107)       forward ");
    expect_says(text, "ended by count\n");
    expect_says(text, "\nStamps            sent: kernel   received: user\n");
    if (strstr(text, "..."))
        fail_msg("cut:\n%s", text);
    free(text);
    flow_kit_fini(&log, flow);
}

static void the_worst_that_can_be_said_of_one_flow_fits_too(void **state)
{
    struct spd_result result;
    struct spd_log log;

    (void)state;
    flow_kit_log(&log, SPD_LOG_TWO_WAY, 1000);
    flow_kit_lose(&log, 20, false);
    flow_kit_lose(&log, 30, true);
    flow_kit_lose(&log, 999, true);
    flow_kit_repeat(&log, 5, 1000);
    for (uint32_t i = 300; i < 1000; i++) {
        log.packets[i].t2_ns += log.packets[i].t2_ns != 0 ? SPD_NS_PER_S : 0;
        log.packets[i].t3_ns += log.packets[i].t3_ns != 0 ? SPD_NS_PER_S : 0;
    }
    memset(log.header.target_name, 'x', sizeof log.header.target_name - 1);
    strcpy(log.header.flows[0].info.name, "a name of twenty-three.");
    log.header.flows[0].info.rate_bps = 99900000000;
    log.facts.end.outcome = (struct spd_diag){ .err = SPD_ERR_NET_UNREACHABLE };
    memset(log.facts.end.outcome.text, 'y', 300);
    log.facts.end.clock_step_ns = -5 * SPD_NS_PER_S;
    log.facts.end.n_records_lost = 12345678;
    log.facts.end.flows[0].n_late = 999999;
    log.facts.end.flows[0].n_not_sent = 999999;
    log.facts.end.flows[0].n_dropped_local = 999999;
    log.facts.end.flows[0].lateness_max_ns = 99 * SPD_NS_PER_S;
    log.facts.condition.state = SPD_LOG_DAMAGED;
    memset(log.facts.condition.text, 'z', sizeof log.facts.condition.text - 1);
    log.facts.has_environment = true;
    for (unsigned i = 0; i < SPD_ENV_COUNT; i++)
        if (spd_env_key_unit((enum spd_env_key)i)[0] == '\0')
            spd_env_set_text(&log.facts.environment, (enum spd_env_key)i, "much", "little", false,
                             "the system does not want to, and says so at some length");
        else
            spd_env_set_number(&log.facts.environment, (enum spd_env_key)i, 2, 1, "it refused");
    struct spd_flow_result *flow = flow_kit_result(&log, &result);
    char *text = report_of(&result);
    expect_fits(text, 30);
    expect_says(text, "12345678 packets found the disk full");
    expect_says(text, "clock stepped by -5.00 s");
    expect_says(text, "timer jumps of ");
    expect_says(text, ": 1   removed\n");
    expect_says(text, "\nEnded early       yyy");
    expect_says(text, "\nLog               zzz");
    free(text);
    flow_kit_fini(&log, flow);
}

static void a_one_way_flow_has_one_direction(void **state)
{
    struct spd_result result;
    struct spd_log log;

    (void)state;
    flow_kit_log(&log, SPD_LOG_ONE_WAY_RECEIVER, 100);
    log.facts.end.flows[0].ending = SPD_LOG_ENDING_TERMINATION;
    struct spd_flow_result *flow = flow_kit_result(&log, &result);
    char *text = report_of(&result);
    expect_fits(text, 20);
    expect_says(text, "one-way-receiver");
    expect_says(text, "\nVariation                0 ns");
    expect_says(text, "\nIPDV ");
    expect_says(text, "ended by termination-packet\n");
    assert_null(strstr(text, "Round trip"));
    assert_null(strstr(text, "reverse"));
    free(text);
    flow_kit_fini(&log, flow);
}

static void directions_that_cannot_be_told_are_not_made_up(void **state)
{
    struct spd_result result;
    struct spd_log log;

    (void)state;
    flow_kit_log(&log, SPD_LOG_TWO_WAY, 20);
    flow_kit_lose(&log, 5, true); /* the numbers stay those of a stateless reflector */
    struct spd_flow_result *flow = flow_kit_result(&log, &result);
    char *text = report_of(&result);
    expect_says(text, "Lost              direction unknown   runs 1, longest 1\n");
    free(text);
    flow_kit_fini(&log, flow);
}

static void nothing_that_arrived_is_said_plainly(void **state)
{
    struct spd_result result;
    struct spd_log log;

    (void)state;
    flow_kit_log(&log, SPD_LOG_ONE_WAY, 3);
    for (uint32_t i = 0; i < 3; i++)
        flow_kit_lose(&log, i, false);
    struct spd_flow_result *flow = flow_kit_result(&log, &result);
    char *text = report_of(&result);
    expect_says(text, "sent 3   received 0   lost 3 (100 %)");
    expect_says(text, "none: no packet arrived");
    free(text);
    flow_kit_fini(&log, flow);
}

static void of_a_sender_alone_the_receivers_log_is_asked_for(void **state)
{
    struct spd_result result;
    struct spd_log log;

    (void)state;
    flow_kit_log(&log, SPD_LOG_ONE_WAY_SENDER, 3);
    struct spd_flow_result *flow = flow_kit_result(&log, &result);
    char *text = report_of(&result);
    expect_says(text, "sent 3   arrivals unknown: give the log of the receiver, too\n");
    free(text);
    flow_kit_fini(&log, flow);
}

static void every_flow_has_its_own_lines(void **state)
{
    struct spd_result result;
    struct spd_log log;

    (void)state;
    flow_kit_log(&log, SPD_LOG_TWO_WAY, 30);
    log.header.n_flows = log.facts.end.n_flows = 2;
    strcpy(log.header.flows[1].info.name, "bulk");
    for (uint32_t i = 0; i < 30; i++) {
        log.packets[i].flow = i % 2;
        log.packets[i].seq = log.packets[i].reflector_seq = i / 2;
    }
    log.facts.end.flows[0].n_packets = 15;
    struct spd_flow_result *flow = flow_kit_result(&log, &result);
    char *text = report_of(&result);
    expect_fits(text, 48);
    expect_says(text, "flow EF");
    expect_says(text, "\n\nreflector.example  two-way  flow bulk");
    free(text);
    flow_kit_fini(&log, flow);
}

static void a_stream_that_refuses_is_named(void **state)
{
    struct spd_diag diag = { 0 };
    struct spd_result result;
    struct spd_log log;

    (void)state;
    flow_kit_log(&log, SPD_LOG_TWO_WAY, 3);
    struct spd_flow_result *flow = flow_kit_result(&log, &result);
    FILE *file = kit_unwritable();
    assert_int_equal(spd_report_flow_write(file, "C:\\out", &result, &diag), SPD_ERR_IO);
    assert_non_null(strstr(diag.text, "C:\\out"));
    kit_close(file);
    flow_kit_fini(&log, flow);
}

/* A flow without noise: rising[0] and rising[1] ppm are added to the latencies. */
static void make_rising(struct spd_log *log, const double rising_ppm[2])
{
    flow_kit_log(log, SPD_LOG_TWO_WAY, 200);
    for (uint32_t i = 0; i < 200; i++) {
        struct spd_flow_packet *p = &log->packets[i];
        double since_us = (double)i * (double)FLOW_KIT_EVERY_NS * 1e-6;

        p->t2_ns = p->t1_ns + FLOW_KIT_FWD_NS + (spd_ns)(since_us * rising_ppm[0]);
        p->t3_ns = p->t2_ns;
        p->t4_ns = p->t3_ns + FLOW_KIT_REV_NS + (spd_ns)(since_us * rising_ppm[1]);
    }
}

static void what_became_of_the_skew_is_said(void **state)
{
    static const struct {
        const char *name;
        double rising_ppm[2];
        const char *says;
    } rows[] = {
        { "none", { 0, 0 }, "not significant, by hull\n" },
        { "removed", { 100, -100 }, "Clocks reverse    skew -99.99 ppm" },
        { "removed, too", { 100, -100 }, " removed, by hull\n" },
        { "disputed", { 217, 0 }, " not removed: the two\n" },
        { "disputed, why",
          { 217, 0 },
          "directions disagree, so a queue grew or drained, by hull\n" },
        { "at least", { 217, -100 }, "; +99.99 ppm removed, the\n" },
        { "at least, back", { 100, -217 }, "; -99.99 ppm removed, the\n" },
        { "implausible", { 800, -800 }, "clocks drift apart so fast" },
        { "unknown", { 5000, 0 }, "Clocks forward    skew unknown\n" },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        struct spd_result result;
        struct spd_log log;

        make_rising(&log, rows[i].rising_ppm);
        struct spd_flow_result *flow = flow_kit_result(&log, &result);
        char *text = report_of(&result);
        expect_fits(text, 23);
        if (strstr(text, rows[i].says) == NULL)
            fail_msg("row \"%s\": does not say \"%s\" but:\n%s", rows[i].name, rows[i].says, text);
        free(text);
        flow_kit_fini(&log, flow);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_two_way_flow_fits_a_screen_with_both_directions),
        cmocka_unit_test(the_worst_that_can_be_said_of_one_flow_fits_too),
        cmocka_unit_test(a_one_way_flow_has_one_direction),
        cmocka_unit_test(directions_that_cannot_be_told_are_not_made_up),
        cmocka_unit_test(nothing_that_arrived_is_said_plainly),
        cmocka_unit_test(of_a_sender_alone_the_receivers_log_is_asked_for),
        cmocka_unit_test(every_flow_has_its_own_lines),
        cmocka_unit_test(what_became_of_the_skew_is_said),
        cmocka_unit_test(a_stream_that_refuses_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The text report: what it says, and that it fits a screen whatever happens. */
#include "tests/unit/unit.h"

#include <stdio.h>

#include "common/result/report.h"
#include "common/result/report_text.h"
#include "tests/support/random.h"
#include "tests/unit/result_kit.h"

static char *report_of(struct kit *kit)
{
    struct spd_diag diag = { 0 };
    FILE *file = kit_file();

    assert_int_equal(spd_report_write(file, "a file", &kit->result, &diag), SPD_ERR_OK);
    char *text = kit_contents(file, NULL);
    kit_close(file);
    return text;
}

static void check_fits(const char *text)
{
    size_t n_lines = 0;
    char line[1024];

    while (*text != '\0') {
        size_t n = strcspn(text, "\n");

        assert_int_equal(text[n], '\n');
        assert_true(n < sizeof line);
        memcpy(line, text, n);
        line[n] = '\0';
        if (spd_text_columns(line) > 80)
            fail_msg("%zu columns: %s", spd_text_columns(line), line);
        assert_true(n == 0 || line[n - 1] != ' ');
        n_lines++;
        text += n + 1;
    }
    assert_in_range(n_lines, 1, 23);
}

#define LINE "\n"

/* 3 bursts of 50 through 10 Mbit/s; two losses, one each way. */
static const char golden[] =
    "reflector.example (192.0.2.1:862)  512 bytes  DSCP EF  3 x 50 packets" LINE "" LINE
    "Packets           sent 150   received 148   lost 2 (1.3 %)" LINE
    "Lost              forward 1 (0.667 %)   reverse 1 (0.671 %)" LINE
    "Reordered         forward 0   reverse 0   duplicated 0   longest loss 1" LINE "" LINE
    "                          min     median        p95        p99        max" LINE
    "Round trip            5.00 ms    15.5 ms    24.7 ms    25.5 ms    25.5 ms" LINE
    "In the reflector      30.0 \u00b5s    30.0 \u00b5s    30.0 \u00b5s    30.0 \u00b5s    30.0 "
    "\u00b5s" LINE "Variation forward        0 ns    10.5 ms    19.7 ms    20.5 ms    20.5 ms" LINE
    "Variation reverse        0 ns       0 ns       0 ns       0 ns       0 ns" LINE
    "Jitter (RFC 3550) forward 419 \u00b5s   reverse 0 ns   (variation is RFC 5481 PDV)" LINE
    "" LINE "Bottleneck            left in    came in       IP capacity +14 B link header" LINE
    "  forward             98.0 \u00b5s    20.6 ms       9.73 Mbit/s       10.0 Mbit/s" LINE
    "  reverse             20.6 ms    20.6 ms    >= 9.73 Mbit/s    >= 10.0 Mbit/s" LINE "" LINE
    "Bursts            3 of 3 whole   handed over in 100 \u00b5s" LINE
    "Stamps            sent: kernel   received: kernel" LINE
    "Obtained          2 of 3 as asked   io_uring   16.0 MiB working set" LINE
    "  priority        nice -20, asked for SCHED_FIFO 50: run as root or give" LINE
    "                  CAP_SYS_NICE to the program file" LINE;

static void make(struct kit *kit)
{
    bool lost_forward[150] = { false };

    memset(kit, 0, sizeof *kit);
    builder_init(&kit->record, 3, 50, 0);
    for (size_t i = 0; i < 150; i++)
        builder_delay(&kit->record.packets[i],
                      BUILDER_FWD_NS + (spd_ns)(i % 50) * (420800 - BUILDER_SPACING_NS),
                      BUILDER_REV_NS);
    lost_forward[20] = true;
    builder_lose(&kit->record.packets[20]);
    builder_lose(&kit->record.packets[70]);
    builder_renumber(&kit->record, lost_forward, 0);
    spd_env_set_text(&kit->record.environment, SPD_ENV_PORT, "io_uring", "io_uring", true, "");
    spd_env_set_text(&kit->record.environment, SPD_ENV_PRIORITY, "SCHED_FIFO 50", "nice -20", false,
                     "run as root or give CAP_SYS_NICE to the program file");
    spd_env_set_number(&kit->record.environment, SPD_ENV_WORKING_SET, 9 << 20, 16 << 20, "");
    kit_compute(kit);
}

static void a_result_reads_like_this(void **state)
{
    struct kit kit;

    (void)state;
    make(&kit);
    char *text = report_of(&kit);
    if (strcmp(text, golden) != 0)
        fail_msg("it reads:\n%s", text);
    check_fits(text);
    free(text);
    kit_fini(&kit);
}

static void check_says(struct kit *kit, const char *what)
{
    char *text = report_of(kit);

    check_fits(text);
    if (strstr(text, what) == NULL)
        fail_msg("\"%s\" is missing:\n%s", what, text);
    free(text);
}

static void what_is_unusual_is_said(void **state)
{
    struct kit kit;

    (void)state;
    make(&kit);
    kit.record.packets[3].fate = SPD_FATE_UNREACHABLE;
    builder_lose(&kit.record.packets[3]);
    kit.record.packets[4].fate = SPD_FATE_NOT_SENT;
    builder_lose(&kit.record.packets[4]);
    kit.record.bursts[2].clock_step_ns = 5000000;
    kit.record.bursts[1].broken = SPD_BROKEN_GAP;
    kit.record.bursts[2].interrupted = true;
    kit.record.interrupted = true;
    builder_lose(&kit.record.packets[149]);
    kit.record.n_replies_late = 4;
    kit.record.n_replies_malformed = 6;
    kit_compute(&kit);
    check_says(&kit, "INTERRUPTED");
    check_says(&kit,
               "                  not sent 1   unreachable (ICMP) 1   awaited at the end 1\n");
    check_says(&kit, "Replies           late 4   malformed 6\n");
    check_says(&kit, "2 of 3 whole");
    check_says(&kit, "broken: gap 1");
    check_says(&kit, "                  left out: replies 49   clock steps 1\n");
    check_says(&kit, "  by the counter");
    kit_fini(&kit);
}

static void a_numeric_target_is_named_once(void **state)
{
    static const char *const names[] = { "192.0.2.1", "192.0.2.1:862", "" };

    (void)state;
    for (size_t i = 0; i < N_ROWS(names); i++) {
        struct kit kit;

        make(&kit);
        strcpy(kit.record.target_name, names[i]);
        char *text = report_of(&kit);
        if (strncmp(text, "192.0.2.1:862  512 bytes", 24) != 0)
            fail_msg("row \"%s\": %.80s", names[i], text);
        free(text);
        kit_fini(&kit);
    }
}

static void unknown_directions_are_said(void **state)
{
    struct kit kit;

    (void)state;
    make(&kit);
    kit.record.reflector_mode = SPD_REFLECTOR_STATELESS;
    kit_compute(&kit);
    check_says(&kit, "Lost              direction unknown 2\n");
    check_says(&kit, "Reordered         there and back 0   duplicated 0   longest loss 1\n");
    kit_fini(&kit);
}

static void all_lost_is_a_report_too(void **state)
{
    struct kit kit;

    (void)state;
    make(&kit);
    for (size_t i = 0; i < 150; i++)
        builder_lose(&kit.record.packets[i]);
    kit_compute(&kit);
    check_says(&kit, "lost 150 (100 %)");
    check_says(&kit, "Round trip                  -          -");
    kit_fini(&kit);
}

static void an_empty_test_is_a_report_too(void **state)
{
    struct kit kit = { 0 };

    (void)state;
    builder_init(&kit.record, 0, 0, 0);
    kit_compute(&kit);
    check_says(&kit, "0 x 0 packets");
    check_says(&kit, "sent: none   received: none");
    kit_fini(&kit);
}

/* The longest everything: all refused with long reasons, synchronised clocks,
 * some stamps missing, huge counts, a name of 255 characters. */
static void the_worst_case_fits_a_screen(void **state)
{
    struct kit kit;
    char reason[160];

    (void)state;
    make(&kit);
    memset(kit.record.target_name, 'w', sizeof kit.record.target_name - 1);
    kit.record.target = (struct spd_addr){ .family = SPD_FAMILY_IPV6, .port = 65535 };
    memset(kit.record.target.bytes, 0xDD, 16);
    memset(reason, 'r', sizeof reason - 1);
    for (size_t i = 6; i < sizeof reason; i += 7)
        reason[i] = ' ';
    reason[sizeof reason - 1] = '\0';
    for (int i = 0; i < SPD_ENV_COUNT; i++) {
        if (spd_env_key_unit((enum spd_env_key)i)[0] != '\0')
            spd_env_set_number(&kit.record.environment, (enum spd_env_key)i, INT64_MAX, -1, reason);
        else
            spd_env_set_text(&kit.record.environment, (enum spd_env_key)i, reason, reason, false,
                             reason);
    }
    for (size_t i = 0; i < 150; i++) {
        kit.record.packets[i].t1_error_estimate |= 0x8000;
        kit.record.packets[i].t3_error_estimate |= 0x8000;
    }
    kit.record.packets[100].t1_source = SPD_STAMP_USER;
    kit.record.packets[101].t3_ns = 0;
    kit.record.packets[3].fate = SPD_FATE_UNREACHABLE;
    builder_lose(&kit.record.packets[3]);
    kit.record.n_replies_late = kit.record.n_replies_malformed = UINT64_MAX;
    kit.record.n_replies_unexpected = UINT64_MAX;
    kit.record.bursts[0].n_dropped_local = UINT64_MAX;
    kit.record.link_header_bytes = 4000000000u;
    kit_compute(&kit);
    check_says(&kit, "more were not: see --json");
    check_says(&kit, "Delay forward");
    kit_fini(&kit);
}

static void hostile_stamps_fit_a_screen(void **state)
{
    struct spd_random random = spd_random_start("hostile_stamps_fit_a_screen");

    (void)state;
    for (int round = 0; round < 50; round++) {
        struct kit kit;

        make(&kit);
        for (size_t i = 0; i < 150; i++) {
            struct spd_packet_record *packet = &kit.record.packets[i];
            packet->t2_ns = (int64_t)spd_random_u64(&random);
            packet->t3_ns = (int64_t)spd_random_u64(&random);
            packet->reflector_seq = (uint32_t)spd_random_u64(&random);
        }
        kit_compute(&kit);
        check_says(&kit, "Round trip");
        kit_fini(&kit);
    }
}

static const struct {
    spd_ns duration_ns;
    const char *expected;
} durations[] = {
    { SPD_NS_UNKNOWN, "-" },
    { 0, "0 ns" },
    { 1, "1 ns" },
    { -1, "-1 ns" },
    { 999, "999 ns" },
    { 1000, "1.00 \u00b5s" },
    { 9994, "9.99 \u00b5s" },
    { 9996, "10.0 \u00b5s" },
    { 12340, "12.3 \u00b5s" },
    { 99960, "100 \u00b5s" },
    { 999499, "999 \u00b5s" },
    { 999500, "1.00 ms" },
    { -1250000, "-1.25 ms" },
    { 999499999, "999 ms" },
    { 999500000, "1.00 s" },
    { 86400000000000, "86400 s" },
    { 4300000000000000000, "4.3e+09 s" },
    { INT64_MIN + 1, "-9.2e+09 s" },
};

static void durations_have_three_digits_and_a_unit(void **state)
{
    char text[SPD_REPORT_TEXT_BYTES];

    (void)state;
    for (size_t i = 0; i < N_ROWS(durations); i++) {
        CHECK_ROW_TEXT(durations[i].expected, spd_report_duration(durations[i].duration_ns, text),
                       durations[i].expected);
        CHECK_ROW(durations[i].expected, spd_text_columns(text) <= 10);
    }
}

static void rates_have_three_digits_and_a_unit(void **state)
{
    char text[SPD_REPORT_TEXT_BYTES];

    (void)state;
    assert_string_equal(spd_report_rate(0.0, text), "-");
    assert_string_equal(spd_report_rate(-1.0, text), "-");
    assert_string_equal(spd_report_rate(999.0, text), "999 bit/s");
    assert_string_equal(spd_report_rate(64000.0, text), "64.0 kbit/s");
    assert_string_equal(spd_report_rate(9.728e6, text), "9.73 Mbit/s");
    assert_string_equal(spd_report_rate(99.96e6, text), "100 Mbit/s");
    assert_string_equal(spd_report_rate(999.6e6, text), "1.00 Gbit/s");
}

static const struct {
    double ratio;
    const char *expected;
} percents[] = {
    { -1.0, "-" },          { 0.0, "0 %" },         { 1e-7, "<0.001 %" },
    { 0.00245, "0.245 %" }, { 0.0123, "1.2 %" },    { 0.5, "50.0 %" },
    { 0.99, "99.0 %" },     { 0.99999, ">99.9 %" }, { 1.0, "100 %" },
};

static void percents_never_round_to_none_or_all(void **state)
{
    char text[SPD_REPORT_TEXT_BYTES];

    (void)state;
    for (size_t i = 0; i < N_ROWS(percents); i++)
        CHECK_ROW_TEXT(percents[i].expected, spd_report_percent(percents[i].ratio, text),
                       percents[i].expected);
}

static void a_stream_that_refuses_is_named(void **state)
{
    struct spd_diag diag = { 0 };
    struct kit kit;
    FILE *file = kit_unwritable();

    (void)state;
    make(&kit);
    assert_int_equal(spd_report_write(file, "standard output", &kit.result, &diag), SPD_ERR_IO);
    assert_non_null(strstr(diag.text, "standard output"));
    kit_close(file);
    kit_fini(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_result_reads_like_this),
        cmocka_unit_test(what_is_unusual_is_said),
        cmocka_unit_test(a_numeric_target_is_named_once),
        cmocka_unit_test(unknown_directions_are_said),
        cmocka_unit_test(all_lost_is_a_report_too),
        cmocka_unit_test(an_empty_test_is_a_report_too),
        cmocka_unit_test(the_worst_case_fits_a_screen),
        cmocka_unit_test(hostile_stamps_fit_a_screen),
        cmocka_unit_test(durations_have_three_digits_and_a_unit),
        cmocka_unit_test(rates_have_three_digits_and_a_unit),
        cmocka_unit_test(percents_never_round_to_none_or_all),
        cmocka_unit_test(a_stream_that_refuses_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

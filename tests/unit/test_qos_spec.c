/*
 * From what is typed after stampede qos to the flows of a test: classes, their
 * ports and sizes, how they take turns, noise and calibration; and a clear word
 * for all that cannot be.
 */
#include "service/qos_spec.h"

#include <stdio.h>

#include "common/sys/console.h"
#include "tests/unit/unit.h"

#define HERE "127.0.0.1"

enum { ARGUMENTS_MAX = 20 };

static struct spd_qos_spec spec; /* large */
static struct spd_diag diag;

static enum spd_err make(const char *row, const char *const *arguments)
{
    struct spd_settings settings;
    char *argv[ARGUMENTS_MAX];
    int argc = 0;

    for (; arguments[argc]; argc++)
        argv[argc] = (char *)(uintptr_t)arguments[argc];
    diag = (struct spd_diag){ 0 };
    if (spd_options_parse(SPD_COMMAND_QOS, "HOST", false, argc, argv, &settings, &diag))
        fail_msg("row \"%s\": not even an option: %s", row, diag.text);
    memset(&spec, 0xEE, sizeof(spec)); /* what make leaves alone is seen */
    return spd_qos_spec_make(&settings, &spec, &diag);
}

#define MAKE(...) make(__func__, (const char *const[]){ HERE, __VA_ARGS__, NULL })

static const struct spd_flow_spec *flow(size_t i)
{
    return &spec.flows.flows[i];
}

/* ------------------------------------------------------------------- classes */

static void a_class_is_a_code_point_with_a_port_and_sizes_if_wanted(void **state)
{
    static const struct {
        const char *text;
        const char *name;
        uint8_t dscp;
        uint16_t port, least, most;
    } rows[] = {
        { "EF", "EF", 46, 862, 92, 92 },
        { "ef", "ef", 46, 862, 92, 92 },
        { "46", "46", 46, 862, 92, 92 },
        { "0x2e", "0x2e", 46, 862, 92, 92 },
        { "AF41:8620", "AF41:8620", 34, 8620, 92, 92 },
        { "EF:1", "EF:1", 46, 1, 92, 92 },
        { "EF:65535", "EF:65535", 46, 65535, 92, 92 },
        { "EF:", "EF", 46, 862, 92, 92 },
        { "EF::", "EF", 46, 862, 92, 92 },
        { "EF::200", "EF", 46, 862, 200, 200 },
        { "EF:8620:200", "EF:8620", 46, 8620, 200, 200 },
        { "EF:8620:72", "EF:8620", 46, 8620, 72, 72 },
        { "EF::100-1500", "EF", 46, 862, 100, 1500 },
        { "EF::72:7,576:4,1500:1", "EF", 46, 862, 72, 1500 },
        { "CS7::imix", "CS7", 56, 862, 72, 1500 },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        if (MAKE("--class", rows[i].text, "--class", "LE:9"))
            fail_msg("row \"%s\": %s", rows[i].text, diag.text);
        CHECK_ROW_INT(rows[i].text, spec.n_classes, 2);
        CHECK_ROW_INT(rows[i].text, spec.flows.n_flows, 2);
        CHECK_ROW_TEXT(rows[i].text, flow(0)->info.name, rows[i].name);
        CHECK_ROW_INT(rows[i].text, flow(0)->info.dscp, rows[i].dscp);
        CHECK_ROW_INT(rows[i].text, flow(0)->info.target.port, rows[i].port);
        CHECK_ROW_INT(rows[i].text, spd_size_mix_min(&flow(0)->schedule.sizes), rows[i].least);
        CHECK_ROW_INT(rows[i].text, spd_size_mix_max(&flow(0)->schedule.sizes), rows[i].most);
        CHECK_ROW_INT(rows[i].text, flow(0)->kind, SPD_FLOW_TWO_WAY);
        CHECK_ROW_INT(rows[i].text, flow(1)->info.target.port, 9);
    }
}

static void without_any_it_is_expedited_against_best_effort(void **state)
{
    (void)state;
    assert_int_equal(make(__func__, (const char *const[]){ HERE ":7000", NULL }), SPD_ERR_OK);
    assert_int_equal(spec.n_classes, 2);
    assert_int_equal(flow(0)->info.dscp, 46);
    assert_int_equal(flow(1)->info.dscp, 0);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(flow(i)->info.target.port, 7000);
        assert_int_equal(flow(i)->info.n_packets, 2048);
        assert_int_equal(flow(i)->schedule.pacing, SPD_PACING_INTERVAL);
        assert_int_equal(flow(i)->schedule.interval_ns, 20 * SPD_NS_PER_MS);
        assert_int_equal(flow(i)->info.interval_ns, 20 * SPD_NS_PER_MS);
    }
    assert_false(spec.has_noise);
    assert_int_equal(spec.n_calibration, 0);
    assert_string_equal(spec.title, "EF against BE to " HERE ":7000");
    assert_string_equal(spec.pace, "a packet of each every 20.000 ms, IP packets of 92 bytes");
}

static void an_ipv6_target_takes_the_longer_header(void **state)
{
    (void)state;
    if (make(__func__, (const char *const[]){ "[::1]:7000", "--class", "EF::92", "--class", "BE",
                                              "--noise", "1M:48", NULL })) {
        printf("skipped: this host has no IPv6: %s\n", diag.text);
        skip();
    }
    assert_int_equal(flow(0)->info.target.family, SPD_FAMILY_IPV6);
    assert_int_equal(flow(0)->info.target.port, 7000);
    assert_int_equal(flow(2)->info.target.family, SPD_FAMILY_IPV6);
    assert_int_equal(make(__func__, (const char *const[]){ "[::1]", "--class", "EF::91", "--class",
                                                           "BE", NULL }),
                     SPD_ERR_RANGE);
    assert_non_null(strstr(diag.text, "92 to"));
}

/* -------------------------------------------------------------------- pacing */

static void classes_that_share_an_interval_take_turns(void **state)
{
    (void)state;
    assert_int_equal(MAKE("-c", "EF", "-c", "AF41", "-c", "BE", "--interval", "30ms"), SPD_ERR_OK);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(flow(i)->n_turns, 3);
        assert_int_equal(flow(i)->turn, i);
        assert_int_equal(flow(i)->turn_seed, flow(0)->turn_seed);
        assert_int_equal(flow(i)->starts_ns, 0);
    }
    assert_true(flow(0)->schedule.seed != flow(1)->schedule.seed);
}

/* One size at a rate is an interval: 92 bytes at 24 kbit/s one of 30.666 ms. */
static void a_rate_of_equal_packets_is_an_interval(void **state)
{
    (void)state;
    assert_int_equal(MAKE("--rate", "24kbit"), SPD_ERR_OK);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(flow(i)->schedule.pacing, SPD_PACING_INTERVAL);
        assert_int_equal(flow(i)->schedule.interval_ns, 30666666);
        assert_int_equal(flow(i)->info.rate_bps, 24000);
        assert_int_equal(flow(i)->n_turns, 2);
    }
    assert_string_equal(spec.pace, "24000 bit/s of each class, a packet of each every 30.667 ms, "
                                   "IP packets of 92 bytes");
}

/* Elsewhere each class begins at its part of its own mean interval. */
static void classes_of_other_intervals_begin_one_after_the_other(void **state)
{
    (void)state;
    assert_int_equal(MAKE("-c", "EF::200", "-c", "BE::1000", "--rate", "80kbit"), SPD_ERR_OK);
    assert_int_equal(flow(0)->schedule.interval_ns, 20 * SPD_NS_PER_MS);
    assert_int_equal(flow(1)->schedule.interval_ns, 100 * SPD_NS_PER_MS);
    assert_int_equal(flow(0)->n_turns, 0);
    assert_int_equal(flow(0)->starts_ns, 0);
    assert_int_equal(flow(1)->starts_ns, 50 * SPD_NS_PER_MS);
    assert_string_equal(spec.pace,
                        "EF: 80000 bit/s, a packet every 20.000 ms, IP packets of 200 bytes; BE: "
                        "80000 bit/s, a packet every 100.000 ms, IP packets of 1000 bytes");
    assert_int_equal(MAKE("--size", "100-300", "--rate", "80kbit"), SPD_ERR_OK);
    assert_int_equal(flow(0)->schedule.pacing, SPD_PACING_RATE);
    assert_int_equal(flow(0)->schedule.rate_bps, 80000);
    assert_int_equal(flow(1)->starts_ns, 10 * SPD_NS_PER_MS); /* half of 200 bytes' time */
    assert_string_equal(spec.pace, "80000 bit/s of each class, IP packets of 100 to 300 bytes");
    /* Sizes of one class apart, the interval is common: turns. */
    assert_int_equal(MAKE("-c", "EF::200", "-c", "BE::1000"), SPD_ERR_OK);
    assert_int_equal(flow(1)->n_turns, 2);
    assert_non_null(strstr(spec.pace, "BE: a packet every 20.000 ms, IP packets of 1000 bytes"));
}

/* Too fast for an interval of whole nanoseconds: still by its rate. */
static void the_fastest_rate_is_kept(void **state)
{
    (void)state;
    assert_int_equal(MAKE("--rate", "1000G"), SPD_ERR_OK);
    assert_int_equal(flow(0)->schedule.pacing, SPD_PACING_RATE);
    assert_int_equal(flow(0)->schedule.rate_bps, UINT64_C(1000000000000));
}

/* -------------------------------------------------------- noise, calibration */

static void noise_comes_after_the_calibration(void **state)
{
    static const struct {
        const char *noise, *calibration;
        uint64_t bps;
        uint16_t least, most;
        enum spd_pacing pacing;
        spd_ns starts_ns;
    } rows[] = {
        { "100kbit", "200", 100000, 40, 1500, SPD_PACING_RATE, 4 * SPD_NS_PER_S },
        { "100kbit:64-1400", "50", 100000, 64, 1400, SPD_PACING_RATE, SPD_NS_PER_S },
        { "1.5M:imix", "1", 1500000, 40, 1500, SPD_PACING_RATE, 20 * SPD_NS_PER_MS },
        { "9000", "0", 9000, 40, 1500, SPD_PACING_RATE, 0 },
        /* One size could march in step with a class. */
        { "1M:1000", "200", 1000000, 1000, 1000, SPD_PACING_POISSON, 4 * SPD_NS_PER_S },
        { "1M:28", "200", 1000000, 28, 28, SPD_PACING_POISSON, 4 * SPD_NS_PER_S },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        uint32_t n_calibration = (uint32_t)atoi(rows[i].calibration);

        if (MAKE("--noise", rows[i].noise, "--calibration", rows[i].calibration, "--packets",
                 "1000"))
            fail_msg("row \"%s\": %s", rows[i].noise, diag.text);
        CHECK_ROW(rows[i].noise, spec.has_noise);
        CHECK_ROW_INT(rows[i].noise, spec.n_classes, 2);
        CHECK_ROW_INT(rows[i].noise, spec.flows.n_flows, 3);
        CHECK_ROW_INT(rows[i].noise, spec.n_calibration, n_calibration);
        for (size_t k = 0; k < 2; k++)
            CHECK_ROW_INT(rows[i].noise, flow(k)->info.n_packets, 1000 + n_calibration);
        CHECK_ROW_INT(rows[i].noise, flow(2)->kind, SPD_FLOW_NOISE);
        CHECK_ROW_INT(rows[i].noise, flow(2)->info.rate_bps, rows[i].bps);
        CHECK_ROW_INT(rows[i].noise, flow(2)->schedule.pacing, rows[i].pacing);
        CHECK_ROW_INT(rows[i].noise, spd_size_mix_min(&flow(2)->schedule.sizes), rows[i].least);
        CHECK_ROW_INT(rows[i].noise, spd_size_mix_max(&flow(2)->schedule.sizes), rows[i].most);
        CHECK_ROW_INT(rows[i].noise, flow(2)->starts_ns, rows[i].starts_ns);
        CHECK_ROW_INT(rows[i].noise, flow(2)->info.target.port, 8862);
        CHECK_ROW_INT(rows[i].noise, flow(2)->info.dscp, 0);
    }
}

/* All of the calibration's packets are sent by then, of the slowest class too. */
static void noise_waits_for_the_slowest_class(void **state)
{
    (void)state;
    assert_int_equal(MAKE("-c", "EF::200", "-c", "BE::1000", "--rate", "80kbit", "--noise", "1M",
                          "--calibration", "10"),
                     SPD_ERR_OK);
    assert_int_equal(flow(2)->starts_ns, 1050 * SPD_NS_PER_MS); /* 10 of 100 ms, 50 ms late */
}

static void noise_goes_where_it_is_sent(void **state)
{
    (void)state;
    assert_int_equal(MAKE("--noise", "1M", "--noise-host", "127.0.0.2:99"), SPD_ERR_OK);
    assert_int_equal(flow(2)->info.target.port, 99);
    assert_int_equal(flow(2)->info.target.bytes[3], 2);
    assert_int_equal(flow(0)->info.target.bytes[3], 1);
    assert_int_equal(MAKE("--noise", "1M", "--noise-host", "127.0.0.2"), SPD_ERR_OK);
    assert_int_equal(flow(2)->info.target.port, 8862);
}

/* Without noise there is nothing to calibrate for. */
static void without_noise_there_is_no_calibration(void **state)
{
    (void)state;
    assert_int_equal(MAKE("--calibration", "500", "-n", "100"), SPD_ERR_OK);
    assert_int_equal(spec.n_calibration, 0);
    assert_int_equal(flow(0)->info.n_packets, 100);
}

/* -------------------------------------------------------------------- limits */

static void the_most_of_everything_fits(void **state)
{
    (void)state;
    assert_int_equal(MAKE("-n", "100000000", "--calibration", "1000000", "--noise", "1M", "-c",
                          "EF:10001:100-65535", "-c", "AF41:10002:200", "-c", "AF31:10003:300",
                          "-c", "BE:10004:400"),
                     SPD_ERR_OK);
    assert_int_equal(spec.n_classes, SPD_QOS_CLASSES_MAX);
    assert_int_equal(flow(3)->info.n_packets, 101000000);
    assert_non_null(strstr(spec.title, "EF:10001 against AF41:10002 against AF31:10003"));
    /* Whole, to the last class. */
    assert_non_null(strstr(spec.pace, "BE:10004: a packet every 20.000 ms, IP packets of 400 byt"));
}

static void what_cannot_be_is_told_with_a_way_out(void **state)
{
    static const struct {
        const char *name;
        const char *arguments[ARGUMENTS_MAX];
        enum spd_err err;
        const char *what, *advice;
    } rows[] = {
        { "one class",
          { "-c", "EF" },
          SPD_ERR_INVALID,
          "--class EF: one",
          "--class EF --class BE" },
        { "five classes",
          { "-c", "EF", "-c", "BE", "-c", "LE", "-c", "CS1", "-c", "CS2" },
          SPD_ERR_RANGE,
          "--class CS2",
          "at most 4 classes" },
        { "no code point", { "-c", "EFF", "-c", "BE" }, SPD_ERR_INVALID, "--class EFF", "EF:8620" },
        { "a code point too far", { "-c", "64", "-c", "BE" }, SPD_ERR_INVALID, "64", "0..63" },
        { "no name", { "-c", ":862", "-c", "BE" }, SPD_ERR_INVALID, "--class :862", "0..63" },
        { "a long name",
          { "-c", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "-c", "BE" },
          SPD_ERR_INVALID,
          "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
          "0..63" },
        { "port 0", { "-c", "EF:0", "-c", "BE" }, SPD_ERR_INVALID, "0 is no port", "1 to 65535" },
        { "port 65536", { "-c", "EF:65536", "-c", "BE" }, SPD_ERR_INVALID, "65536 is no", "65535" },
        { "a long port",
          { "-c", "EF:123456789", "-c", "BE" },
          SPD_ERR_INVALID,
          "123456789 is no port",
          "65535" },
        { "port with a sign",
          { "-c", "EF:+86", "-c", "BE" },
          SPD_ERR_INVALID,
          "+86 is no port",
          "" },
        { "port with a blank", { "-c", "EF: 86", "-c", "BE" }, SPD_ERR_INVALID, "is no port", "" },
        { "port that goes on", { "-c", "EF:86x", "-c", "BE" }, SPD_ERR_INVALID, "86x is no", "" },
        { "port of letters", { "-c", "EF:http", "-c", "BE" }, SPD_ERR_INVALID, "http is no", "" },
        { "too small",
          { "-c", "EF::71", "-c", "BE" },
          SPD_ERR_RANGE,
          "--class EF::71: sizes 71",
          "have 72 to" },
        { "too large",
          { "-c", "BE", "-c", "EF:9:65536" },
          SPD_ERR_RANGE,
          "--class EF:9:65536: sizes 65536",
          "to 65535 bytes" },
        { "sizes upside down", { "-c", "EF::200-100", "-c", "BE" }, SPD_ERR_RANGE, "200-100", "" },
        { "no size",
          { "-c", "EF::big", "-c", "BE" },
          SPD_ERR_INVALID,
          "--class EF::big",
          "64-1400" },
        { "no such file",
          { "-c", "EF::@/no/such/file", "-c", "BE" },
          SPD_ERR_NOT_FOUND,
          "--class EF::@/no/such/file",
          "cannot read" },
        { "the same class", { "-c", "EF", "-c", "EF" }, SPD_ERR_INVALID, "is the same", "ports" },
        { "the same in other words",
          { "-c", "EF", "-c", "BE", "-c", "46:862" },
          SPD_ERR_INVALID,
          "--class 46:862: is the same as --class EF (DSCP 46, port 862)",
          "different ports" },
        { "the same but for sizes",
          { "-c", "EF::100", "-c", "ef::200" },
          SPD_ERR_INVALID,
          "is the same as --class EF",
          "different ports" },
        { "common sizes", { "--size", "71" }, SPD_ERR_RANGE, "sizes 71", "have 72 to" },
        { "noise of nothing", { "--noise", "lots" }, SPD_ERR_INVALID, "--noise lots", "100kbit" },
        { "noise without a rate", { "--noise", ":64" }, SPD_ERR_INVALID, "--noise :64", "100kbit" },
        { "noise at 0", { "--noise", "0" }, SPD_ERR_INVALID, "--noise 0", "100kbit:64-1400" },
        { "noise below 0", { "--noise=-5M" }, SPD_ERR_INVALID, "--noise -5M", "100kbit" },
        { "noise beyond all rates", { "--noise", "1001G" }, SPD_ERR_INVALID, "1001G", "100kbit" },
        { "noise in too many digits",
          { "--noise", "100000000000000000000000000000000000000kbit" },
          SPD_ERR_INVALID,
          "--noise 1000000",
          "100kbit" },
        { "noise without room for a header",
          { "--noise", "1M:27" },
          SPD_ERR_RANGE,
          "--noise 1M:27: sizes 27",
          "have 28 to" },
        { "noise of no size", { "--noise", "1M:" }, SPD_ERR_INVALID, "--noise 1M:", "imix" },
        { "noise to nowhere",
          { "--noise", "1M", "--noise-host", "nohost:0" },
          SPD_ERR_INVALID,
          "nohost:0",
          "1 to 65535" },
        { "where, but no noise",
          { "--noise-host", HERE },
          SPD_ERR_INVALID,
          HERE,
          "--noise 100kbit" },
        { "a source of another family",
          { "--source", "::1" },
          SPD_ERR_INVALID,
          "--source ::1",
          "IPv4" },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        const char *arguments[ARGUMENTS_MAX + 1] = { HERE };

        memcpy(arguments + 1, rows[i].arguments, sizeof(rows[i].arguments));
        CHECK_ROW_INT(rows[i].name, make(rows[i].name, arguments), rows[i].err);
        CHECK_ROW_INT(rows[i].name, diag.err, rows[i].err);
        if (!strstr(diag.text, rows[i].what) || !strstr(diag.text, rows[i].advice))
            fail_msg("row \"%s\": it says \"%s\"", rows[i].name, diag.text);
    }
}

static void whatever_is_typed_is_taken_or_refused(void **state)
{
    static const char letters[] = "EFABCS0123456789:::--,,@ximkM. ";
    uint32_t random = 1;
    unsigned n_taken = 0;

    (void)state;
    for (int round = 0; round < 20000; round++) {
        char class_[24], noise[24], *texts[] = { class_, noise };

        for (size_t t = 0; t < 2; t++) {
            size_t n = 1 + (random = random * 1664525 + 1013904223) / 65536 % 22;

            for (size_t k = 0; k < n; k++)
                texts[t][k] = letters[(random = random * 1664525 + 1013904223) / 65536 %
                                      (sizeof(letters) - 1)];
            texts[t][n] = '\0';
        }
        memcpy(class_, round % 2 ? "EF:" : "BE:", 3);
        memcpy(noise, round % 3 ? "9M:" : "1k:", 3);
        char class_is[40], noise_is[40];
        snprintf(class_is, sizeof(class_is), "--class=%s", class_);
        snprintf(noise_is, sizeof(noise_is), "--noise=%s", noise);
        enum spd_err err = MAKE("-c", "LE", class_is, noise_is);

        n_taken += err == SPD_ERR_OK;
        assert_true(err == SPD_ERR_OK || (diag.err == err && strlen(diag.text) > 10));
    }
    assert_true(n_taken > 0);
}

/* Sockets of Windows, for names of hosts. */
static int set_up(void **state)
{
    (void)state;
    return spd_console_init(&diag) == SPD_ERR_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_class_is_a_code_point_with_a_port_and_sizes_if_wanted),
        cmocka_unit_test(without_any_it_is_expedited_against_best_effort),
        cmocka_unit_test(an_ipv6_target_takes_the_longer_header),
        cmocka_unit_test(classes_that_share_an_interval_take_turns),
        cmocka_unit_test(a_rate_of_equal_packets_is_an_interval),
        cmocka_unit_test(classes_of_other_intervals_begin_one_after_the_other),
        cmocka_unit_test(the_fastest_rate_is_kept),
        cmocka_unit_test(noise_comes_after_the_calibration),
        cmocka_unit_test(noise_waits_for_the_slowest_class),
        cmocka_unit_test(noise_goes_where_it_is_sent),
        cmocka_unit_test(without_noise_there_is_no_calibration),
        cmocka_unit_test(the_most_of_everything_fits),
        cmocka_unit_test(what_cannot_be_is_told_with_a_way_out),
        cmocka_unit_test(whatever_is_typed_is_taken_or_refused),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}

/*
 * What tests take, from their settings alone; and the settings that cannot be.
 */
#include "service/test_demand.h"

#include <stdio.h>

#include "common/sys/console.h"
#include "tests/unit/unit.h"

#define ARGUMENTS_MAX 20
#define NOWHERE       "nobody.invalid" /* RFC 6761: no name server knows it */

static struct spd_diag diag;

static enum spd_err find(unsigned command, bool reads, struct spd_test_demand *out,
                         const char *const *arguments)
{
    struct spd_settings settings;
    char *argv[ARGUMENTS_MAX];
    int argc = 0;

    for (; arguments[argc]; argc++)
        argv[argc] = (char *)(uintptr_t)arguments[argc];
    diag = (struct spd_diag){ 0 };
    if (spd_options_parse(command, "HOST", true, argc, argv, &settings, &diag))
        fail_msg("%s: not even an option: %s", arguments[0], diag.text);
    memset(out, 0xEE, sizeof(*out)); /* what is left alone is seen */
    return reads ? spd_test_demand_read(command, &settings, out, &diag)
                 : spd_test_demand_find(command, &settings, out, &diag);
}

#define FIND(command, out, ...)                                                                    \
    find((command), false, (out), (const char *const[]){ __VA_ARGS__, NULL })

#define BURST  SPD_COMMAND_BURST
#define STREAM SPD_COMMAND_STREAM
#define QOS    SPD_COMMAND_QOS

static void packets_and_rate_are_those_of_the_test(void **state)
{
    static const struct {
        const char *row;
        unsigned command;
        const char *arguments[10];
        uint64_t n_packets, rate_bps;
    } rows[] = {
        { "burst", BURST, { "h" }, 3000, 100 * 512 * 8 * 10 },
        { "burst of few",
          BURST,
          { "h", "-n", "10", "-b", "3", "--retries", "0" },
          30,
          10 * 512 * 8 * 10 },
        { "burst without pause", BURST, { "h", "--gap", "0" }, 3000, 100 * 512 * 8 * 1000 },
        { "stream", STREAM, { "h" }, 2048, 92 * 8 * 50 },
        { "stream by rate", STREAM, { "h", "-r", "24kbit", "-n", "10" }, 10, 24000 },
        { "stream by profile", STREAM, { "h", "--profile", "voice" }, 2048, 80000 },
        { "stream of sizes",
          STREAM,
          { "h", "-s", "100-1000", "--interval", "1ms" },
          2048,
          8000000 },
        { "stream by bucket", STREAM, { "h", "--bucket", "1Mbit:15000" }, 2048, 1000000 },
        { "qos", QOS, { "h" }, 4096, 2 * 92 * 8 * 50 },
        { "qos of three",
          QOS,
          { "h", "-c", "EF", "-c", "AF41", "-c", "BE", "-n", "100" },
          300,
          3 * 92 * 8 * 50 },
        /* 200 packets each without noise, then 2,048 every 20 ms: 5,120 of 100 bytes in 40.96 s */
        { "qos with noise",
          QOS,
          { "h", "--noise", "100kbit:100" },
          2 * 2248 + 5120,
          2 * 92 * 8 * 50 + 100000 },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        struct spd_test_demand demand;

        if (find(rows[i].command, false, &demand, rows[i].arguments))
            fail_msg("row \"%s\": %s", rows[i].row, diag.text);
        CHECK_ROW_INT(rows[i].row, demand.command, rows[i].command);
        CHECK_ROW_INT(rows[i].row, demand.n_packets, rows[i].n_packets);
        CHECK_ROW_INT(rows[i].row, demand.rate_bps, rows[i].rate_bps);
        CHECK_ROW_INT(rows[i].row, demand.n_targets, 1);
        CHECK_ROW_TEXT(rows[i].row, demand.target[0], "h");
        CHECK_ROW(rows[i].row, !demand.reads_file && !demand.spins);
        CHECK_ROW(rows[i].row, demand.memory_bytes > 100000 && demand.memory_bytes < 64 << 20);
    }
}

static void memory_grows_with_the_packets(void **state)
{
    struct spd_test_demand few, many;

    (void)state;
    assert_int_equal(FIND(STREAM, &few, "h", "-n", "1000"), SPD_ERR_OK);
    assert_int_equal(FIND(STREAM, &many, "h", "-n", "100000000"), SPD_ERR_OK);
    assert_true(many.memory_bytes - few.memory_bytes > UINT64_C(100) * 99000000);
    assert_int_equal(FIND(BURST, &few, "h", "-n", "10"), SPD_ERR_OK);
    assert_int_equal(FIND(BURST, &many, "h", "-n", "10000"), SPD_ERR_OK);
    assert_true(many.memory_bytes - few.memory_bytes > 9990 * 4096);
}

static void classes_are_told_once_each(void **state)
{
    struct spd_test_demand demand;

    (void)state;
    assert_int_equal(FIND(BURST, &demand, "h", "--dscp", "EF"), SPD_ERR_OK);
    assert_int_equal(demand.n_classes, 1);
    assert_int_equal(demand.dscp[0], 46);
    assert_int_equal(FIND(STREAM, &demand, "h", "--profile", "video"), SPD_ERR_OK);
    assert_int_equal(demand.dscp[0], 34);
    assert_int_equal(FIND(QOS, &demand, "h", "-c", "EF:1000", "-c", "EF:1001", "--noise", "1Mbit"),
                     SPD_ERR_OK);
    assert_int_equal(demand.n_classes, 2);
    assert_int_equal(demand.dscp[0], 46);
    assert_int_equal(demand.dscp[1], 0);
}

static void no_name_is_looked_up(void **state)
{
    struct spd_test_demand demand;

    (void)state;
    assert_int_equal(FIND(BURST, &demand, NOWHERE ":8620"), SPD_ERR_OK);
    assert_string_equal(demand.target[0], NOWHERE);
    assert_int_equal(FIND(STREAM, &demand, "[2001:db8::7]:8620", "-6"), SPD_ERR_OK);
    assert_string_equal(demand.target[0], "2001:db8::7");
    assert_int_equal(FIND(QOS, &demand, NOWHERE, "--noise", "1Mbit", "--noise-host",
                          "sink.invalid:9000", "--source", "192.0.2.1", "-i", "eth77"),
                     SPD_ERR_OK);
    assert_int_equal(demand.n_targets, 2);
    assert_string_equal(demand.target[1], "sink.invalid");
}

static void a_file_is_read_only_for_who_may(void **state)
{
    static const struct {
        const char *row;
        unsigned command;
        const char *arguments[6];
    } rows[] = {
        { "stream", STREAM, { "h", "-s", "@/no/such/file" } },
        { "classes", QOS, { "h", "-c", "EF::@/no/such/file", "-c", "BE" } },
        { "noise", QOS, { "h", "--noise", "1Mbit:@/no/such/file" } },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        struct spd_test_demand demand;

        CHECK_ROW_INT(rows[i].row, find(rows[i].command, false, &demand, rows[i].arguments),
                      SPD_ERR_OK);
        CHECK_ROW(rows[i].row, demand.reads_file);
        CHECK_ROW(rows[i].row, find(rows[i].command, true, &demand, rows[i].arguments));
        CHECK_ROW(rows[i].row, strstr(diag.text, "/no/such/file"));
    }
}

static void what_cannot_be_is_refused(void **state)
{
    static const struct {
        unsigned command;
        const char *arguments[8];
        const char *says;
    } rows[] = {
        { BURST, { "h:0" }, "h:0" },
        { BURST, { "h:65536" }, "h:65536" },
        { BURST, { "" }, "not a target" },
        { BURST, { "224.0.0.1" }, "224.0.0.1" },
        { BURST, { "[::]:862" }, "[::]:862" },
        { BURST, { "0.0.0.0" }, "0.0.0.0" },
        { BURST, { "h", "-s", "71" }, "72" },
        { BURST, { "h", "--source", "eth0" }, "--source eth0" },
        { BURST, { "2001:db8::7", "-s", "91" }, "92" },
        { BURST, { "h", "-6", "-s", "91" }, "92" },
        { STREAM, { "h", "--profile", "fax" }, "fax" },
        { STREAM, { "h", "-s", "tiny" }, "tiny" },
        { STREAM, { "h", "-s", "20" }, "20" },
        { STREAM, { "h", "--bucket", "1Mbit" }, "--bucket 1Mbit" },
        { STREAM, { "h", "--codec", "G.999" }, "G.999" },
        { STREAM, { "h", "--skew", "yes" }, "yes" },
        { STREAM, { "h", "--jump", "x" }, "x" },
        { QOS, { "h", "-c", "EF" }, "one class" },
        { QOS, { "h", "-c", "EF", "-c", "XX" }, "XX" },
        { QOS, { "h", "--noise", "much" }, "much" },
        { QOS, { "h", "--noise-host", "h" }, "--noise-host" },
        { QOS, { "h", "--noise", "1Mbit", "--noise-host", "h:x" }, "--noise-host h:x" },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        struct spd_test_demand demand;
        enum spd_err err = find(rows[i].command, false, &demand, rows[i].arguments);
        const char *row = rows[i].says;

        CHECK_ROW(row, err == SPD_ERR_INVALID || err == SPD_ERR_RANGE);
        if (!strstr(diag.text, rows[i].says))
            fail_msg("row \"%s\": it says \"%s\"", row, diag.text);
        CHECK_ROW_INT(row, demand.n_targets == 0xEE || demand.n_targets > 9, true);
    }
}

static void only_tests_of_the_service_are_known(void **state)
{
    struct spd_settings settings = { .host = "h" };
    struct spd_test_demand demand;
    unsigned command = 0;

    (void)state;
    assert_int_equal(spd_test_demand_find(SPD_COMMAND_REFLECT, &settings, &demand, &diag),
                     SPD_ERR_NOTSUP);
    assert_true(spd_test_command_parse("qos", &command));
    assert_int_equal(command, QOS);
    assert_false(spd_test_command_parse("reflect", &command));
    assert_false(spd_test_command_parse("QOS", &command));
    assert_string_equal(spd_test_command_name(STREAM), "stream");
    assert_null(spd_test_command_name(SPD_COMMAND_REFLECT));
}

/* The sockets of Windows must be up before a way is asked for. */
static int set_up(void **state)
{
    (void)state;
    return spd_console_init(&diag) == SPD_ERR_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_and_rate_are_those_of_the_test),
        cmocka_unit_test(memory_grows_with_the_packets),
        cmocka_unit_test(classes_are_told_once_each),
        cmocka_unit_test(no_name_is_looked_up),
        cmocka_unit_test(a_file_is_read_only_for_who_may),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(only_tests_of_the_service_are_known),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}

/* Flows as JSON, CSV and JSON lines, read back by readers that know the formats
 * and no more. */
#include "tests/unit/unit.h"

#include <jansson.h>
#include <stdio.h>

#include "common/result/export_flow.h"
#include "tests/unit/flow_kit.h"
#include "tests/unit/result_kit.h"

/* Everything that a row can show, in one log: losses both ways, a duplicate, one
 * not sent, one late. */
static struct spd_flow_result *make(struct spd_log *log, struct spd_result *result)
{
    flow_kit_log(log, SPD_LOG_TWO_WAY, 50);
    flow_kit_lose(log, 2, false);
    flow_kit_lose(log, 4, true);
    flow_kit_lose(log, 6, false);
    log->packets[6].flags = SPD_FLOW_NOT_SENT;
    log->packets[6].t1_ns = 0;
    log->packets[7].flags |= SPD_FLOW_LATE;
    flow_kit_repeat(log, 9, 1000);
    strcpy(log->header.flows[0].info.name, "E,F");
    return flow_kit_result(log, result);
}

typedef enum spd_err export_rows(FILE *, const char *, const struct spd_result *,
                                 struct spd_diag *);

static char *text_of(export_rows *export, const struct spd_result *result)
{
    struct spd_diag diag = { 0 };
    FILE *file = kit_file();

    if (export(file, "a file", result, &diag))
        fail_msg("%s", diag.text);
    char *text = kit_contents(file, NULL);
    kit_close(file);
    return text;
}

static enum spd_err export_json(FILE *file, const char *name, const struct spd_result *result,
                                struct spd_diag *diag)
{
    return spd_export_flow_json(file, name, result, false, diag);
}

static enum spd_err export_json_with_packets(FILE *file, const char *name,
                                             const struct spd_result *result, struct spd_diag *diag)
{
    return spd_export_flow_json(file, name, result, true, diag);
}

static json_t *json_of(export_rows *export, const struct spd_result *result)
{
    json_error_t error;
    char *text = text_of(export, result);
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &error);

    if (root == NULL)
        fail_msg("line %d: %s", error.line, error.text);
    free(text);
    return root;
}

static json_t *at(json_t *root, const char *path)
{
    char name[64];

    for (const char *dot; (dot = strchr(path, '.')) != NULL; path = dot + 1) {
        snprintf(name, sizeof name, "%.*s", (int)(dot - path), path);
        root = json_object_get(root, name);
    }
    root = json_object_get(root, path);
    if (root == NULL)
        fail_msg("no %s", path);
    return root;
}

static void every_field_stands_in_the_object(void **state)
{
    struct spd_result result;
    struct spd_log log;

    (void)state;
    struct spd_flow_result *flow = make(&log, &result);
    json_t *root = json_of(export_json, &result);
    for (size_t i = 0; i < spd_field_count(SPD_FIELD_FLOW_TEST); i++)
        (void)at(root, spd_field_path(spd_field_at(SPD_FIELD_FLOW_TEST, i)));
    json_t *flows = json_object_get(root, "flows");
    assert_int_equal(json_array_size(flows), 1);
    for (size_t i = 0; i < spd_field_count(SPD_FIELD_FLOW); i++)
        (void)at(json_array_get(flows, 0), spd_field_path(spd_field_at(SPD_FIELD_FLOW, i)));
    assert_int_equal(json_array_size(json_object_get(root, "timer_jumps")), 0);
    assert_null(json_object_get(root, "packets"));
    json_decref(root);
    flow_kit_fini(&log, flow);
}

static const struct {
    const char *path;
    const char *expected; /* as JSON */
} test_values[] = {
    { "schema", "\"stampede.flow/1\"" },
    { "version", "\"9.8.7\"" },
    { "outcome.error", "null" },
    { "target.name", "\"reflector.example\"" },
    { "test.kind", "\"two-way\"" },
    { "test.started_ns", "1699999999999000000" },
    { "test.clock_step_ns", "-17" },
    { "test.clock_synchronised", "true" },
    { "test.clock_max_error_ns", "2500000" },
    { "stamps.send_source", "\"kernel\"" },
    { "log.name", "\"kit.log\"" },
    { "log.program", "\"stampede 9.8.7\"" },
    { "log.state", "\"whole\"" },
    { "log.condition", "null" },
    { "log.n_records", "50" },
    { "log.n_records_lost", "0" },
    { "log.n_matched", "null" },
    { "host.system", "\"Testix 1.0\"" },
}, flow_values[] = {
    { "name", "\"E,F\"" },
    { "dscp", "46" },
    { "dscp_name", "\"EF\"" },
    { "source.address", "\"192.0.2.9:50000\"" },
    { "ssid", "4711" },
    { "sid", "\"0102030405060708090a0b0c0d0e0f10\"" },
    { "schedule.rate_bps", "24000" },
    { "schedule.interval_ns", "20000000" },
    { "ended_by", "\"count\"" },
    { "sending.n_sent", "50" },
    { "sending.size_min_bytes", "92" },
    { "sending.size_max_bytes", "192" },
    { "loss.n_lost", "2" },
    { "loss.n_lost_forward", "1" },
    { "loss.n_lost_reverse", "1" },
    { "loss.n_lost_unknown", "0" },
    { "round_trip.n", "47" },
    { "forward.n_sent", "49" },
    { "forward.n_lost", "1" },
    { "forward.n_duplicated", "1" },
    { "forward.pdv.n", "47" },
    { "forward.pdv.min_ns", "0" },
    { "forward.minimum_ns", "-6995000000" },
    { "forward.delay_raw.min_ns", "-6995000000" },
    { "forward.jumps.n", "0" },
    { "forward.voice.codec", "\"G.711\"" },
    { "reverse.n_sent", "48" },
    { "reverse.n_lost", "1" },
    { "reverse.minimum_ns", "7003000000" },
};

static void check_value(json_t *root, const char *path, const char *expected)
{
    char *got = json_dumps(at(root, path), JSON_ENCODE_ANY | JSON_COMPACT);

    CHECK_ROW_TEXT(path, got, expected);
    free(got);
}

static void fields_read_what_they_name(void **state)
{
    struct spd_result result;
    struct spd_log log;

    (void)state;
    struct spd_flow_result *flow = make(&log, &result);
    json_t *root = json_of(export_json, &result);
    for (size_t i = 0; i < N_ROWS(test_values); i++)
        check_value(root, test_values[i].path, test_values[i].expected);
    for (size_t i = 0; i < N_ROWS(flow_values); i++)
        check_value(json_array_get(json_object_get(root, "flows"), 0), flow_values[i].path,
                    flow_values[i].expected);
    json_decref(root);
    flow_kit_fini(&log, flow);
}

static void what_is_not_known_is_null(void **state)
{
    static const char *const unknown[] = {
        "ended_by",       "sending.n_sent",      "loss.n_lost",       "loss.n_lost_forward",
        "round_trip.n",   "forward.n_sent",      "forward.pdv.n",     "forward.skew.skew_ppb",
        "reverse.n_lost", "reverse.voice.codec", "forward.voice.mos", "forward.jumps.n",
    };
    struct spd_result result;
    struct spd_log log;

    (void)state;
    flow_kit_log(&log, SPD_LOG_ONE_WAY_SENDER, 5);
    log.facts.ended = false;
    log.facts.condition.state = SPD_LOG_TORN;
    strcpy(log.facts.condition.text, "torn");
    struct spd_flow_result *flow = flow_kit_result(&log, &result);
    json_t *root = json_of(export_json, &result);
    for (size_t i = 0; i < N_ROWS(unknown); i++)
        check_value(json_array_get(json_object_get(root, "flows"), 0), unknown[i], "null");
    check_value(root, "test.ended_ns", "null");
    check_value(root, "log.state", "\"torn\"");
    check_value(root, "log.condition", "\"torn\"");
    json_decref(root);
    flow_kit_fini(&log, flow);
}

/* The rows in question of the log above: those named, and one that came back. */
static const struct {
    size_t row;
    const char *name;
    const char *expected; /* as JSON */
} cells[] = {
    { 0, "flow", "\"E,F\"" },
    { 0, "seq", "0" },
    { 0, "fate", "\"received\"" },
    { 0, "t1_ns", "1700000000000000000" },
    { 0, "t2_ns", "1699999993005000000" },
    { 0, "t3_ns", "1699999993005030000" },
    { 0, "t4_ns", "1700000000008030000" },
    { 0, "t1_source", "\"kernel\"" },
    { 0, "rx_source", "\"kernel\"" },
    { 0, "sent_ns", "0" },
    { 0, "arrived_ns", "0" },
    { 0, "latency_forward_raw_ns", "-6995000000" },
    { 0, "latency_forward_ns", "0" },
    { 0, "latency_reverse_raw_ns", "7003000000" },
    { 0, "latency_reverse_ns", "0" },
    { 0, "round_trip_ns", "8000000" },
    { 0, "reflector_seq", "0" },
    { 0, "ttl_forward", "61" },
    { 0, "ttl_reverse", "60" },
    { 0, "dscp_forward", "46" },
    { 0, "ecn_forward", "1" },
    { 0, "dscp_reverse", "0" },
    { 0, "ecn_reverse", "0" },
    { 0, "late", "false" },
    { 0, "duplicate", "false" },
    { 0, "size_bytes", "92" },
    { 2, "fate", "\"lost-forward\"" },
    { 2, "t1_ns", "1700000000040000000" },
    { 2, "t2_ns", "null" },
    { 2, "rx_source", "null" },
    { 2, "sent_ns", "40000000" },
    { 2, "arrived_ns", "null" },
    { 2, "latency_forward_ns", "null" },
    { 2, "reflector_seq", "null" },
    { 2, "dscp_forward", "null" },
    { 4, "fate", "\"lost-reverse\"" },
    { 6, "fate", "\"not-sent\"" },
    { 6, "t1_source", "null" },
    { 7, "late", "true" },
    { 10, "seq", "9" },
    { 10, "duplicate", "true" },
    { 10, "latency_forward_ns", "null" },
    { 50, "seq", "49" },
};

static void each_line_is_an_object_of_its_own(void **state)
{
    struct spd_result result;
    struct spd_log log;
    size_t n = 0;

    (void)state;
    struct spd_flow_result *flow = make(&log, &result);
    char *text = text_of(spd_export_flow_json_lines, &result);
    for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1, n++) {
        json_error_t error;
        *end = '\0';
        json_t *row = json_loads(line, JSON_REJECT_DUPLICATES, &error);
        if (row == NULL)
            fail_msg("line %zu: %s", n, error.text);
        assert_int_equal(json_object_size(row), spd_field_count(SPD_FIELD_FLOW_PACKET));
        for (size_t i = 0; i < N_ROWS(cells); i++)
            if (cells[i].row == n)
                check_value(row, cells[i].name, cells[i].expected);
        json_decref(row);
    }
    assert_int_equal(n, 51);
    free(text);
    flow_kit_fini(&log, flow);
}

static void the_object_can_hold_the_packets(void **state)
{
    struct spd_result result;
    struct spd_log log;

    (void)state;
    struct spd_flow_result *flow = make(&log, &result);
    json_t *root = json_of(export_json_with_packets, &result);
    json_t *packets = json_object_get(root, "packets");
    assert_int_equal(json_array_size(packets), 51);
    for (size_t i = 0; i < N_ROWS(cells); i++)
        check_value(json_array_get(packets, cells[i].row), cells[i].name, cells[i].expected);
    json_decref(root);
    flow_kit_fini(&log, flow);
}

/* The n-th cell of a line, unquoted (RFC 4180). */
static void cell_of(const char *line, size_t n, char *out)
{
    for (; n > 0; line++) {
        if (*line == '"')
            for (line++; *line != '"'; line++)
                ;
        n -= *line == ',';
        assert_true(*line != '\0');
    }
    if (*line == '"')
        for (line++; *line != '"';)
            *out++ = *line++;
    else
        while (*line != ',' && *line != '\0')
            *out++ = *line++;
    *out = '\0';
}

static void the_csv_has_the_same_rows(void **state)
{
    struct spd_result result;
    struct spd_log log;
    char *lines[64] = { 0 }, text_of_cell[80];
    size_t n = 0;

    (void)state;
    struct spd_flow_result *flow = make(&log, &result);
    char *text = text_of(spd_export_flow_csv, &result);
    for (char *line = text, *end; (end = strstr(line, "\r\n")) != NULL; line = end + 2) {
        *end = '\0';
        lines[n++] = line;
    }
    assert_int_equal(n, 52);
    for (size_t f = 0; f < spd_field_count(SPD_FIELD_FLOW_PACKET); f++) {
        const char *name = spd_field_path(spd_field_at(SPD_FIELD_FLOW_PACKET, f));

        cell_of(lines[0], f, text_of_cell);
        assert_string_equal(text_of_cell, name);
        for (size_t i = 0; i < N_ROWS(cells); i++) {
            char expected[80];

            if (strcmp(cells[i].name, name) != 0)
                continue;
            /* Texts without quotes, null as an empty cell. */
            snprintf(expected, sizeof expected, "%s", cells[i].expected);
            if (expected[0] == '"') {
                memmove(expected, expected + 1, strlen(expected));
                expected[strlen(expected) - 1] = '\0';
            }
            cell_of(lines[cells[i].row + 1], f, text_of_cell);
            CHECK_ROW_TEXT(name, text_of_cell, strcmp(expected, "null") == 0 ? "" : expected);
        }
    }
    free(text);
    flow_kit_fini(&log, flow);
}

static void jumps_stand_in_an_array(void **state)
{
    struct spd_result result;
    struct spd_log log;

    (void)state;
    flow_kit_log(&log, SPD_LOG_ONE_WAY_RECEIVER, 1000);
    for (uint32_t i = 400; i < 1000; i++)
        log.packets[i].t2_ns += SPD_NS_PER_S;
    struct spd_flow_result *flow = flow_kit_result(&log, &result);
    json_t *root = json_of(export_json, &result);
    json_t *jumps = json_object_get(root, "timer_jumps");
    assert_int_equal(json_array_size(jumps), 1);
    for (size_t i = 0; i < spd_field_count(SPD_FIELD_FLOW_JUMP); i++)
        (void)at(json_array_get(jumps, 0), spd_field_path(spd_field_at(SPD_FIELD_FLOW_JUMP, i)));
    check_value(json_array_get(jumps, 0), "flow", "\"EF\"");
    check_value(json_array_get(jumps, 0), "direction", "\"forward\"");
    check_value(json_array_get(jumps, 0), "seq", "400");
    json_decref(root);
    root = json_of(export_json_with_packets, &result);
    json_t *packet = json_array_get(json_object_get(root, "packets"), 0);
    check_value(packet, "rx_source", "\"kernel\""); /* one-way: of t2 */
    check_value(packet, "t1_source", "\"user\"");
    json_decref(root);
    flow_kit_fini(&log, flow);
}

static void a_stream_that_refuses_is_named(void **state)
{
    static export_rows *const exports[] = { export_json, export_json_with_packets,
                                            spd_export_flow_csv, spd_export_flow_json_lines };
    struct spd_result result;
    struct spd_log log;

    (void)state;
    struct spd_flow_result *flow = make(&log, &result);
    for (size_t i = 0; i < N_ROWS(exports); i++) {
        struct spd_diag diag = { 0 };
        FILE *file = kit_unwritable();

        assert_int_equal(exports[i](file, "C:\\out", &result, &diag), SPD_ERR_IO);
        assert_non_null(strstr(diag.text, "C:\\out"));
        kit_close(file);
    }
    flow_kit_fini(&log, flow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_stands_in_the_object),
        cmocka_unit_test(fields_read_what_they_name),
        cmocka_unit_test(what_is_not_known_is_null),
        cmocka_unit_test(each_line_is_an_object_of_its_own),
        cmocka_unit_test(the_object_can_hold_the_packets),
        cmocka_unit_test(the_csv_has_the_same_rows),
        cmocka_unit_test(jumps_stand_in_an_array),
        cmocka_unit_test(a_stream_that_refuses_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The table of output fields: that it is complete, and that it reads true. */
#include "tests/unit/unit.h"

#include <stdio.h>

#include "tests/unit/result_kit.h"

static const enum spd_field_group groups[] = { SPD_FIELD_TEST, SPD_FIELD_BURST, SPD_FIELD_PACKET,
                                               SPD_FIELD_ENVIRONMENT };

/* With those of paced flows, whose values test_export_flow reads. */
static const enum spd_field_group all_groups[] = {
    SPD_FIELD_TEST,      SPD_FIELD_BURST, SPD_FIELD_PACKET,    SPD_FIELD_ENVIRONMENT,
    SPD_FIELD_FLOW_TEST, SPD_FIELD_FLOW,  SPD_FIELD_FLOW_JUMP, SPD_FIELD_FLOW_PACKET,
};

static const char *leaf_of(const char *path)
{
    const char *dot = strrchr(path, '.');

    return dot != NULL ? dot + 1 : path;
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text);

    return n >= strlen(end) && strcmp(text + n - strlen(end), end) == 0;
}

/* Units of measure and the ends of names that stand for them. */
static const struct {
    const char *unit;
    const char *end;
} ends[] = {
    { "ns", "_ns" }, { "bytes", "_bytes" }, { "bit/s", "_bps" },
    { "Hz", "_hz" }, { "ticks", "_ticks" },
};

static void check_documented(const struct spd_field *field)
{
    const char *path = spd_field_path(field);
    const char *unit = spd_field_unit(field);
    const char *leaf = leaf_of(path);
    bool is_count =
        strncmp(leaf, "n_", 2) == 0 || strcmp(leaf, "n") == 0 || ends_with(leaf, "_packets");

    CHECK_ROW(path, path[0] != '\0');
    CHECK_ROW(path, strspn(path, "abcdefghijklmnopqrstuvwxyz0123456789_.") == strlen(path));
    CHECK_ROW(path, strlen(spd_field_help(field)) >= 2);
    CHECK_ROW(path, spd_field_range(field)[0] != '\0');
    for (size_t i = 0; i < N_ROWS(ends); i++)
        CHECK_ROW_INT(path, ends_with(leaf, ends[i].end), strcmp(unit, ends[i].unit) == 0);
    if (is_count)
        CHECK_ROW(path, unit[0] != '\0');
    else if (unit[0] != '\0')
        CHECK_ROW(path, strlen(unit) <= 5);
}

static void every_field_is_documented_and_names_its_unit(void **state)
{
    (void)state;
    for (size_t g = 0; g < N_ROWS(all_groups); g++)
        for (size_t i = 0; i < spd_field_count(all_groups[g]); i++)
            check_documented(spd_field_at(all_groups[g], i));
}

static void no_path_stands_twice(void **state)
{
    (void)state;
    for (size_t g = 0; g < N_ROWS(all_groups); g++)
        for (size_t i = 0; i < spd_field_count(all_groups[g]); i++) {
            const struct spd_field *field = spd_field_at(all_groups[g], i);
            assert_ptr_equal(spd_field_find(all_groups[g], spd_field_path(field)), field);
        }
    assert_null(spd_field_find(SPD_FIELD_TEST, "no.such"));
}

static void csv_columns_are_flat(void **state)
{
    (void)state;
    for (size_t i = 0; i < spd_field_count(SPD_FIELD_PACKET); i++)
        assert_null(strchr(spd_field_path(spd_field_at(SPD_FIELD_PACKET, i)), '.'));
    for (size_t i = 0; i < spd_field_count(SPD_FIELD_FLOW_PACKET); i++)
        assert_null(strchr(spd_field_path(spd_field_at(SPD_FIELD_FLOW_PACKET, i)), '.'));
}

/* A record in which every figure differs from every other that it could be
 * taken for. */
static void make(struct kit *kit)
{
    memset(kit, 0, sizeof *kit);
    builder_init(&kit->record, 2, 10, 100);
    struct spd_packet_record *packet = &kit->record.packets[12];
    builder_delay(packet, BUILDER_FWD_NS + 41000, BUILDER_REV_NS + 23000);
    kit->record.packets[2].n_replies = 3;
    packet->t1_error_estimate = 0x8123;
    packet->t3_error_estimate = 0x4321;
    builder_lose(&kit->record.packets[15]);
    kit->record.bursts[1].attempt = 4;
    kit->record.bursts[1].n_involuntary_switches = -1;
    kit->record.bursts[1].clock_step_ns = -17;
    kit->record.bursts[1].broken = SPD_BROKEN_GAP;
    kit->record.n_replies_late = 3;
    kit->record.n_replies_malformed = 5;
    kit->record.n_replies_unexpected = 7;
    spd_env_set_number(&kit->record.environment, SPD_ENV_HEAP, 100, 99, "short of one");
    spd_env_set_number(&kit->record.environment, SPD_ENV_LOCKED, 100, -1, "");
    spd_env_set_text(&kit->record.environment, SPD_ENV_PRIORITY, "high", "low", false, "not root");
    kit_compute(kit);
}

static const struct {
    enum spd_field_group group;
    size_t index;
    const char *path;
    const char *expected; /* "" for null */
} values[] = {
    { SPD_FIELD_TEST, 0, "schema", "stampede.burst/1" },
    { SPD_FIELD_TEST, 0, "version", "9.8.7" },
    { SPD_FIELD_TEST, 0, "outcome.error", "" },
    { SPD_FIELD_TEST, 0, "target.name", "reflector.example" },
    { SPD_FIELD_TEST, 0, "target.address", "192.0.2.1:862" },
    { SPD_FIELD_TEST, 0, "source.address", "192.0.2.9:50000" },
    { SPD_FIELD_TEST, 0, "test.started_ns", "1700000000000000000" },
    { SPD_FIELD_TEST, 0, "test.size_bytes", "512" },
    { SPD_FIELD_TEST, 0, "test.link_header_bytes", "14" },
    { SPD_FIELD_TEST, 0, "test.dscp", "46" },
    { SPD_FIELD_TEST, 0, "test.dscp_name", "EF" },
    { SPD_FIELD_TEST, 0, "test.ssid", "4711" },
    { SPD_FIELD_TEST, 0, "test.reflector_mode", "stateful" },
    { SPD_FIELD_TEST, 0, "test.counter_hz", "24000000" },
    { SPD_FIELD_TEST, 0, "host.system", "Testix 1.0" },
    { SPD_FIELD_TEST, 0, "host.n_processors", "2" },
    { SPD_FIELD_TEST, 0, "host.hypervisor", "" },
    { SPD_FIELD_TEST, 0, "packet_counts.n_sent", "20" },
    { SPD_FIELD_TEST, 0, "packet_counts.n_received", "19" },
    { SPD_FIELD_TEST, 0, "loss.n_lost_reverse", "1" },
    { SPD_FIELD_TEST, 0, "loss.n_lost_forward", "0" },
    { SPD_FIELD_TEST, 0, "loss.ratio", "0.05" },
    { SPD_FIELD_TEST, 0, "loss.runs.longest_packets", "1" },
    { SPD_FIELD_TEST, 0, "loss.runs_reverse.n_periods", "1" },
    { SPD_FIELD_TEST, 0, "loss.runs_forward.n_periods", "0" },
    { SPD_FIELD_TEST, 0, "duplicates.n_duplicated", "1" },
    { SPD_FIELD_TEST, 0, "duplicates.n_replies", "2" },
    { SPD_FIELD_TEST, 0, "replies.n_late", "3" },
    { SPD_FIELD_TEST, 0, "replies.n_malformed", "5" },
    { SPD_FIELD_TEST, 0, "replies.n_unexpected", "7" },
    { SPD_FIELD_TEST, 0, "reordering.forward.n_packets", "19" },
    { SPD_FIELD_TEST, 0, "round_trip.n", "19" },
    { SPD_FIELD_TEST, 0, "round_trip.min_ns", "5000000" },
    { SPD_FIELD_TEST, 0, "round_trip.max_ns", "5064000" },
    { SPD_FIELD_TEST, 0, "round_trip_by_counter.n", "0" },
    { SPD_FIELD_TEST, 0, "round_trip_by_counter.min_ns", "" },
    { SPD_FIELD_TEST, 0, "in_reflector.median_ns", "30000" },
    { SPD_FIELD_TEST, 0, "clocks_synchronised", "false" },
    { SPD_FIELD_TEST, 0, "delay_forward.min_ns", "" },
    { SPD_FIELD_TEST, 0, "pdv_interval", "burst" },
    { SPD_FIELD_TEST, 0, "pdv_forward.max_ns", "41000" },
    { SPD_FIELD_TEST, 0, "pdv_reverse.max_ns", "23000" },
    { SPD_FIELD_TEST, 0, "ipdv_forward.min_ns", "-41000" },
    { SPD_FIELD_TEST, 0, "ipdv_reverse.max_ns", "23000" },
    { SPD_FIELD_TEST, 0, "capacity_forward.n_bursts", "1" },
    { SPD_FIELD_TEST, 0, "capacity_forward.lower_bound", "true" },
    { SPD_FIELD_TEST, 0, "capacity_forward.dispersion_ns", "18000" },
    { SPD_FIELD_TEST, 0, "burst_counts.n_asked", "2" },
    { SPD_FIELD_TEST, 0, "burst_counts.n_whole", "1" },
    { SPD_FIELD_TEST, 0, "burst_counts.n_attempts_gap", "1" },
    { SPD_FIELD_TEST, 0, "submission.median_ns", "20000" },
    { SPD_FIELD_TEST, 0, "submission.gap_max_ns", "2000" },
    { SPD_FIELD_TEST, 0, "stamps.t1_source", "kernel" },
    { SPD_FIELD_BURST, 1, "index", "1" },
    { SPD_FIELD_BURST, 1, "attempt", "4" },
    { SPD_FIELD_BURST, 1, "broken", "oversized gap between two submissions" },
    { SPD_FIELD_BURST, 0, "broken", "whole" },
    { SPD_FIELD_BURST, 1, "n_involuntary_switches", "" },
    { SPD_FIELD_BURST, 0, "n_involuntary_switches", "0" },
    { SPD_FIELD_BURST, 1, "clock_step_ns", "-17" },
    { SPD_FIELD_BURST, 1, "n_received", "9" },
    { SPD_FIELD_BURST, 1, "n_lost", "1" },
    { SPD_FIELD_BURST, 0, "forward.dispersion_ns", "18000" },
    { SPD_FIELD_BURST, 0, "reverse.n_arrived", "10" },
    { SPD_FIELD_PACKET, 12, "burst", "1" },
    { SPD_FIELD_PACKET, 12, "attempt", "4" },
    { SPD_FIELD_PACKET, 12, "seq", "112" },
    { SPD_FIELD_PACKET, 12, "reflector_seq", "12" },
    { SPD_FIELD_PACKET, 12, "arrival", "12" },
    { SPD_FIELD_PACKET, 12, "fate", "received" },
    { SPD_FIELD_PACKET, 12, "error", "" },
    { SPD_FIELD_PACKET, 2, "n_replies", "3" },
    { SPD_FIELD_PACKET, 12, "t1_ns", "1700000001000004000" },
    { SPD_FIELD_PACKET, 12, "t2_ns", "1699999994002045000" },
    { SPD_FIELD_PACKET, 12, "t4_source", "kernel" },
    { SPD_FIELD_PACKET, 12, "round_trip_ns", "5064000" },
    { SPD_FIELD_PACKET, 12, "delay_forward_raw_ns", "-6997959000" },
    { SPD_FIELD_PACKET, 12, "delay_reverse_raw_ns", "7003023000" },
    { SPD_FIELD_PACKET, 12, "pdv_forward_ns", "41000" },
    { SPD_FIELD_PACKET, 12, "ipdv_reverse_ns", "23000" },
    { SPD_FIELD_PACKET, 12, "t1_error_estimate", "33059" },
    { SPD_FIELD_PACKET, 12, "t3_error_estimate", "17185" },
    { SPD_FIELD_PACKET, 12, "dscp_reverse", "46" },
    { SPD_FIELD_PACKET, 12, "ecn_reverse", "0" },
    { SPD_FIELD_PACKET, 12, "ttl_forward", "255" },
    { SPD_FIELD_PACKET, 12, "ttl_reverse", "64" },
    { SPD_FIELD_PACKET, 15, "fate", "lost-reverse" },
    { SPD_FIELD_PACKET, 15, "reflector_seq", "" },
    { SPD_FIELD_PACKET, 15, "t4_ns", "" },
    { SPD_FIELD_PACKET, 15, "returned_ticks", "" },
    { SPD_FIELD_PACKET, 15, "round_trip_ns", "" },
    { SPD_FIELD_PACKET, 15, "dscp_reverse", "" },
    { SPD_FIELD_PACKET, 15, "extent_forward_packets", "" },
    { SPD_FIELD_PACKET, 16, "extent_forward_packets", "0" },
    { SPD_FIELD_ENVIRONMENT, SPD_ENV_HEAP, "requested", "100" },
    { SPD_FIELD_ENVIRONMENT, SPD_ENV_HEAP, "obtained", "99" },
    { SPD_FIELD_ENVIRONMENT, SPD_ENV_HEAP, "fulfilled", "false" },
    { SPD_FIELD_ENVIRONMENT, SPD_ENV_HEAP, "note", "short of one" },
    { SPD_FIELD_ENVIRONMENT, SPD_ENV_LOCKED, "obtained", "" },
    { SPD_FIELD_ENVIRONMENT, SPD_ENV_PRIORITY, "requested", "high" },
    { SPD_FIELD_ENVIRONMENT, SPD_ENV_PRIORITY, "obtained", "low" },
};

static void show(const struct spd_field_value *value, char *text, size_t capacity)
{
    text[0] = '\0';
    if (value->kind == SPD_FIELD_BOOL)
        snprintf(text, capacity, "%s", value->as.boolean ? "true" : "false");
    else if (value->kind == SPD_FIELD_INTEGER)
        snprintf(text, capacity, "%lld", (long long)value->as.integer);
    else if (value->kind == SPD_FIELD_UNSIGNED)
        snprintf(text, capacity, "%llu", (unsigned long long)value->as.number);
    else if (value->kind == SPD_FIELD_REAL)
        snprintf(text, capacity, "%.6g", value->as.real);
    else if (value->kind == SPD_FIELD_TEXT)
        snprintf(text, capacity, "%s", value->as.text);
}

static void fields_read_what_they_name(void **state)
{
    struct kit kit;

    (void)state;
    make(&kit);
    for (size_t i = 0; i < N_ROWS(values); i++) {
        const struct spd_field *field = spd_field_find(values[i].group, values[i].path);
        struct spd_field_value value;
        char text[256];

        CHECK_ROW(values[i].path, field != NULL);
        spd_field_get(field, &kit.result, values[i].index, &value);
        show(&value, text, sizeof text);
        CHECK_ROW_TEXT(values[i].path, text, values[i].expected);
    }
    kit_fini(&kit);
}

static void every_field_can_be_read_of_any_record(void **state)
{
    struct kit kit;
    struct spd_field_value value;

    (void)state;
    make(&kit);
    kit.result.host = NULL;
    for (size_t g = 0; g < N_ROWS(groups); g++) {
        size_t n = groups[g] == SPD_FIELD_TEST     ? 1
                   : groups[g] == SPD_FIELD_BURST  ? kit.record.n_bursts
                   : groups[g] == SPD_FIELD_PACKET ? kit.record.n_packets
                                                   : SPD_ENV_COUNT;
        for (size_t i = 0; i < spd_field_count(groups[g]); i++)
            for (size_t index = 0; index < n; index++) {
                memset(&value, 0x5A, sizeof value);
                spd_field_get(spd_field_at(groups[g], i), &kit.result, index, &value);
                assert_in_range(value.kind, SPD_FIELD_NULL, SPD_FIELD_TEXT);
                if (value.kind == SPD_FIELD_TEXT)
                    assert_true(value.as.text[0] != '\0');
                if (value.kind == SPD_FIELD_REAL)
                    assert_true(value.as.real - value.as.real == 0.0); /* finite */
            }
    }
    kit_fini(&kit);
}

static void delays_show_when_clocks_are_synchronised(void **state)
{
    struct kit kit = { 0 };
    struct spd_field_value value;

    (void)state;
    builder_init(&kit.record, 1, 4, 0);
    for (size_t i = 0; i < 4; i++) {
        kit.record.packets[i].t1_error_estimate |= 0x8000;
        kit.record.packets[i].t3_error_estimate |= 0x8000;
    }
    kit_compute(&kit);
    spd_field_get(spd_field_find(SPD_FIELD_TEST, "delay_forward.min_ns"), &kit.result, 0, &value);
    assert_int_equal(value.kind, SPD_FIELD_INTEGER);
    assert_int_equal(value.as.integer, BUILDER_FWD_NS + BUILDER_OFFSET_NS);
    kit_fini(&kit);
}

static void reordering_by_direction_needs_a_stateful_reflector(void **state)
{
    struct kit kit = { 0 };
    struct spd_field_value value;

    (void)state;
    builder_init(&kit.record, 1, 4, 0);
    kit.record.reflector_mode = SPD_REFLECTOR_STATELESS;
    kit_compute(&kit);
    spd_field_get(spd_field_find(SPD_FIELD_TEST, "reordering.forward.n_reordered"), &kit.result, 0,
                  &value);
    assert_int_equal(value.kind, SPD_FIELD_NULL);
    spd_field_get(spd_field_find(SPD_FIELD_PACKET, "extent_reverse_packets"), &kit.result, 0,
                  &value);
    assert_int_equal(value.kind, SPD_FIELD_NULL);
    spd_field_get(spd_field_find(SPD_FIELD_TEST, "test.reflector_mode"), &kit.result, 0, &value);
    assert_string_equal(value.as.text, "stateless");
    kit_fini(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_is_documented_and_names_its_unit),
        cmocka_unit_test(no_path_stands_twice),
        cmocka_unit_test(csv_columns_are_flat),
        cmocka_unit_test(fields_read_what_they_name),
        cmocka_unit_test(every_field_can_be_read_of_any_record),
        cmocka_unit_test(delays_show_when_clocks_are_synchronised),
        cmocka_unit_test(reordering_by_direction_needs_a_stateful_reflector),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

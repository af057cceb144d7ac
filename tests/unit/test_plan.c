/*
 * From what was asked for to what the test takes: all limits and refusals.
 */
#include "common/engine/plan.h"

#include "common/base/record.h"
#include "common/engine/packet_heap.h"
#include "tests/support/sim.h"
#include "tests/unit/unit.h"

#define COST 1280u

static size_t fixed_cost(size_t n_bytes)
{
    (void)n_bytes;
    return COST;
}

static struct spd_burst_spec good_spec(void)
{
    return (struct spd_burst_spec){
        .target = { .family = SPD_FAMILY_IPV4, .bytes = { 192, 0, 2, 7 }, .port = 862 },
        .target_name = "there.example",
        .n_packets = 100,
        .n_bursts = 10,
        .size_bytes = 512,
        .n_retries = 2,
        .timeout_ns = SPD_NS_PER_S,
    };
}

struct plan_row {
    const char *name;
    uint32_t n_packets, n_bursts;
    unsigned n_retries;
    uint32_t size_bytes, mtu_bytes;
    bool ipv6;
    size_t available_bytes;
    enum spd_err expected;
    const char *says;
};

static const struct plan_row plan_rows[] = {
    { "as usual", 100, 10, 2, 512, 1500, false, 0, SPD_ERR_OK, NULL },
    { "one of each", 1, 1, 0, 72, 0, false, 0, SPD_ERR_OK, NULL },
    { "the longest burst", 32768, 1, 0, 512, 1500, false, 0, SPD_ERR_OK, NULL },
    { "no packet", 0, 1, 0, 512, 0, false, 0, SPD_ERR_RANGE, "--packets 0" },
    { "one packet too many", 32769, 1, 0, 512, 0, false, 0, SPD_ERR_RANGE, "--packets 32769" },
    { "far too many", UINT32_MAX, 1, 0, 512, 0, false, 0, SPD_ERR_RANGE, "--packets 4294967295" },
    { "no burst", 10, 0, 0, 512, 0, false, 0, SPD_ERR_RANGE, "--bursts 0" },
    { "more packets than one test counts", 32768, 65536, 0, 512, 0, false, 0, SPD_ERR_RANGE,
      "2147483647" },
    { "the same by repetitions", 32768, 1000, 1000, 512, 0, false, 0, SPD_ERR_RANGE, "1000 times" },
    { "too many repetitions", 1, 1, 1001, 512, 0, false, 0, SPD_ERR_RANGE, "1001 times" },
    { "all products at their limit", UINT32_MAX, UINT32_MAX, UINT32_MAX, 512, 0, false, 0,
      SPD_ERR_RANGE, "--packets" },
    { "the smallest over IPv4", 10, 1, 0, 72, 0, false, 0, SPD_ERR_OK, NULL },
    { "one byte less", 10, 1, 0, 71, 0, false, 0, SPD_ERR_RANGE, "at least 72 bytes" },
    { "no byte", 10, 1, 0, 0, 0, false, 0, SPD_ERR_RANGE, "--size 0" },
    { "the smallest over IPv6", 10, 1, 0, 92, 0, true, 0, SPD_ERR_OK, NULL },
    { "one byte less over IPv6", 10, 1, 0, 91, 0, true, 0, SPD_ERR_RANGE, "at least 92 bytes" },
    { "as large as the path takes", 10, 1, 0, 1500, 1500, false, 0, SPD_ERR_OK, NULL },
    { "one byte more", 10, 1, 0, 1501, 1500, false, 0, SPD_ERR_RANGE, "1500 bytes (its MTU)" },
    { "a path of unknown MTU", 10, 1, 0, 9000, 0, false, 0, SPD_ERR_OK, NULL },
    { "the largest IP packet", 10, 1, 0, 65535, 0, false, 0, SPD_ERR_OK, NULL },
    { "larger than an IP packet", 10, 1, 0, 65536, 0, false, 0, SPD_ERR_RANGE, "65535 bytes" },
    { "larger than memory", 32768, 1, 0, 512, 0, false, 64 << 20, SPD_ERR_NOMEM,
      "64 MiB are free" },
    { "records larger than memory", 1000, 10000, 9, 512, 0, false, (size_t)1 << 30, SPD_ERR_NOMEM,
      "fewer --packets, --bursts or --retries" },
};

static struct spd_burst_spec spec_of(const struct plan_row *row)
{
    struct spd_burst_spec spec = good_spec();

    spec.n_packets = row->n_packets;
    spec.n_bursts = row->n_bursts;
    spec.n_retries = row->n_retries;
    spec.size_bytes = row->size_bytes;
    spec.mtu_bytes = row->mtu_bytes;
    if (row->ipv6)
        spec.target.family = SPD_FAMILY_IPV6;
    return spec;
}

static void what_cannot_be_measured_is_refused_with_the_setting_and_its_limits(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(plan_rows); i++) {
        const struct plan_row *row = &plan_rows[i];
        struct spd_burst_spec spec = spec_of(row);
        struct spd_plan plan, untouched;
        struct spd_diag diag = { 0 };

        memset(&plan, 0xA5, sizeof(plan));
        untouched = plan;
        CHECK_ROW_INT(row->name,
                      spd_plan_make(&spec, row->available_bytes, fixed_cost, &plan, &diag),
                      row->expected);
        if (row->expected == SPD_ERR_OK)
            continue;
        CHECK_ROW_INT(row->name, diag.err, row->expected);
        if (!strstr(diag.text, row->says))
            fail_msg("row \"%s\": it says \"%s\"", row->name, diag.text);
        CHECK_ROW(row->name, memcmp(&plan, &untouched, sizeof(plan)) == 0);
    }
}

static void plan_has_room_for_all_that_can_come(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(plan_rows); i++) {
        const struct plan_row *row = &plan_rows[i];
        struct spd_burst_spec spec = spec_of(row);
        struct spd_diag diag;
        struct spd_plan plan;

        if (row->expected != SPD_ERR_OK)
            continue;
        CHECK_ROW_INT(row->name, spd_plan_make(&spec, 0, fixed_cost, &plan, &diag), SPD_ERR_OK);
        CHECK_ROW_INT(row->name, plan.payload_bytes, row->size_bytes - (row->ipv6 ? 48 : 28));
        CHECK_ROW_INT(row->name, plan.n_burst_records, row->n_bursts * (1 + row->n_retries));
        CHECK_ROW_INT(row->name, plan.n_records, row->n_packets * plan.n_burst_records);
        /* A receive for each reply before the first packet leaves (spec B8). */
        CHECK_ROW(row->name, plan.n_receives > row->n_packets);
        CHECK_ROW_INT(row->name, plan.heap_units, row->n_packets + plan.n_receives);
        CHECK_ROW(row->name, plan.send_buffer_bytes >= (size_t)row->n_packets * COST);
        CHECK_ROW(row->name, plan.receive_buffer_bytes >= (size_t)row->n_packets * (COST + 1664));
        CHECK_ROW(row->name,
                  plan.total_bytes >= spd_packet_heap_bytes(plan.heap_units, plan.payload_bytes) +
                                          plan.n_records * sizeof(struct spd_packet_record) +
                                          plan.n_burst_records * sizeof(struct spd_burst_record));
    }
}

/* Exactly what it takes is enough; one byte less is not. */
static void memory_is_counted_to_the_byte(void **state)
{
    struct spd_burst_spec spec = good_spec();
    struct spd_plan plan, again;
    struct spd_diag diag;

    (void)state;
    assert_int_equal(spd_plan_make(&spec, 0, fixed_cost, &plan, &diag), SPD_ERR_OK);
    assert_int_equal(spd_plan_make(&spec, plan.total_bytes, fixed_cost, &again, &diag), SPD_ERR_OK);
    assert_int_equal(again.total_bytes, plan.total_bytes);
    assert_int_equal(spd_plan_make(&spec, plan.total_bytes - 1, fixed_cost, &again, &diag),
                     SPD_ERR_NOMEM);
}

static void smallest_size_is_that_of_the_probe_and_its_headers(void **state)
{
    struct spd_addr v4 = { .family = SPD_FAMILY_IPV4 }, v6 = { .family = SPD_FAMILY_IPV6 };

    (void)state;
    assert_int_equal(spd_plan_size_min(&v4), 20 + 8 + 44);
    assert_int_equal(spd_plan_size_min(&v6), 40 + 8 + 44);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cannot_be_measured_is_refused_with_the_setting_and_its_limits),
        cmocka_unit_test(plan_has_room_for_all_that_can_come),
        cmocka_unit_test(memory_is_counted_to_the_byte),
        cmocka_unit_test(smallest_size_is_that_of_the_probe_and_its_headers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

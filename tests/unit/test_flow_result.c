/* Results of flows: directions, losses and rows, against logs whose truth is known. */
#include "tests/unit/unit.h"

#include <stdio.h>

#include "common/result/flow_place.h"
#include "common/result/flow_rows.h"
#include "tests/unit/flow_kit.h"

/* ---- rows ---- */

/* The example of the specification, L5: sent, received, latency. */
static void the_example_is_normalised_as_specified(void **state)
{
    static const int64_t sent[] = { 10, 11, 12 }, received[] = { 13, 19, 18 };
    static const int64_t expected[3][3] = { { 0, 0, 0 }, { 1, 6, 5 }, { 2, 5, 3 } };
    struct spd_flow_rows rows;
    struct spd_flow_row row;
    struct spd_log log;

    (void)state;
    flow_kit_log(&log, SPD_LOG_ONE_WAY_RECEIVER, 3);
    for (size_t i = 0; i < 3; i++) {
        log.packets[i].t1_ns = sent[i];
        log.packets[i].t2_ns = received[i];
    }
    struct spd_flow_result *result = flow_kit_result(&log, NULL);
    spd_flow_rows_begin(&rows, result, 0);
    for (size_t i = 0; i < 3; i++) {
        assert_true(spd_flow_rows_next(&rows, &row));
        assert_int_equal(row.latency_forward_raw_ns, received[i] - sent[i]);
        assert_int_equal(row.sent_ns, expected[i][0]);
        assert_int_equal(row.arrived_ns, expected[i][1]);
        assert_int_equal(row.latency_forward_ns, expected[i][2]);
    }
    assert_false(spd_flow_rows_next(&rows, &row));
    flow_kit_fini(&log, result);
}

static void a_clock_that_is_behind_gives_negative_raw_latencies_and_works(void **state)
{
    struct spd_flow_rows rows;
    struct spd_flow_row row;
    struct spd_log log;

    (void)state;
    flow_kit_log(&log, SPD_LOG_TWO_WAY, 200);
    struct spd_flow_result *result = flow_kit_result(&log, NULL);
    spd_flow_rows_begin(&rows, result, 0);
    for (uint32_t i = 0; i < 200; i++) {
        assert_true(spd_flow_rows_next(&rows, &row));
        assert_int_equal(row.seq, i);
        assert_int_equal(row.fate, SPD_FATE_RECEIVED);
        assert_int_equal(row.latency_forward_raw_ns,
                         FLOW_KIT_FWD_NS + FLOW_KIT_OFFSET_NS + flow_kit_variation(i, false));
        assert_int_equal(row.latency_reverse_raw_ns,
                         FLOW_KIT_REV_NS - FLOW_KIT_OFFSET_NS + flow_kit_variation(i, true));
        assert_int_equal(row.latency_forward_ns, flow_kit_variation(i, false));
        assert_int_equal(row.latency_reverse_ns, flow_kit_variation(i, true));
        assert_int_equal(row.round_trip_ns, FLOW_KIT_FWD_NS + FLOW_KIT_REV_NS +
                                                flow_kit_variation(i, false) +
                                                flow_kit_variation(i, true));
        assert_int_equal(row.sent_ns, i * FLOW_KIT_EVERY_NS);
        assert_true(row.t1_kernel && row.rx_kernel && !row.duplicate);
    }
    assert_false(spd_flow_rows_next(&rows, &row));
    flow_kit_fini(&log, result);
}

/* Rows as "seq fate", with + for a further arrival. */
static void expect_rows(const struct spd_flow_result *result, const char *expected)
{
    struct spd_flow_rows rows;
    struct spd_flow_row row;
    char got[400] = "";
    size_t n = 0;

    spd_flow_rows_begin(&rows, result, 0);
    while (spd_flow_rows_next(&rows, &row))
        n += (size_t)snprintf(got + n, sizeof got - n, "%s%u%s%s", n > 0 ? ", " : "", row.seq,
                              row.duplicate ? "+ " : " ", spd_fate_text((enum spd_fate)row.fate));
    assert_string_equal(got, expected);
}

static void lost_duplicated_and_unsent_packets_have_rows(void **state)
{
    struct spd_log log;

    (void)state;
    flow_kit_log(&log, SPD_LOG_TWO_WAY, 10);
    flow_kit_lose(&log, 1, false);
    log.packets[1].flags = SPD_FLOW_NOT_SENT;
    flow_kit_lose(&log, 2, false);
    flow_kit_lose(&log, 4, true);
    flow_kit_lose(&log, 6, false); /* a gap in which both happened: */
    flow_kit_lose(&log, 7, true);  /* which one it was nobody knows */
    flow_kit_lose(&log, 9, false); /* behind the last reply */
    flow_kit_repeat(&log, 3, 1000);
    struct spd_flow_result *result = flow_kit_result(&log, NULL);
    expect_rows(result, "0 received, 1 not-sent, 2 lost-forward, 3 received, 3+ received, "
                        "4 lost-reverse, 5 received, 6 lost, 7 lost, 8 received, 9 lost");
    flow_kit_fini(&log, result);
}

static void numbers_without_a_record_have_rows(void **state)
{
    struct spd_log log;

    (void)state;
    flow_kit_log(&log, SPD_LOG_ONE_WAY_RECEIVER, 6);
    memmove(&log.packets[2], &log.packets[4], 2 * sizeof log.packets[0]);
    log.n_packets = 4;
    log.facts.end.flows[0].n_packets = 8; /* by the sender's word */
    struct spd_flow_result *result = flow_kit_result(&log, NULL);
    expect_rows(result, "0 received, 1 received, 2 lost-forward, 3 lost-forward, 4 received, "
                        "5 received, 6 lost-forward, 7 lost-forward");
    assert_int_equal(result->flows[0].loss.n_lost, 4);
    assert_int_equal(result->flows[0].loss.n_forward, 4);
    flow_kit_fini(&log, result);
}

static void of_a_sender_alone_nothing_is_called_lost(void **state)
{
    struct spd_log log;

    (void)state;
    flow_kit_log(&log, SPD_LOG_ONE_WAY_SENDER, 3);
    struct spd_flow_result *result = flow_kit_result(&log, NULL);
    expect_rows(result, "0 pending, 1 pending, 2 pending");
    assert_false(result->flows[0].loss.known);
    assert_false(result->flows[0].ways[SPD_FLOW_FORWARD].known);
    /* 92 and 192 bytes in 40 ms. */
    assert_true(result->flows[0].rate_bps > 56799.9 && result->flows[0].rate_bps < 56800.1);
    flow_kit_fini(&log, result);
}

static void rows_go_on_across_the_wrap(void **state)
{
    struct spd_log log;

    (void)state;
    flow_kit_log(&log, SPD_LOG_ONE_WAY_RECEIVER, 6);
    for (size_t i = 0; i < 6; i++)
        log.packets[i].seq += UINT32_MAX - 2;
    log.packets[3].flags = SPD_FLOW_NOT_SENT;
    log.facts.end.flows[0].n_packets_known = false;
    struct spd_flow_result *result = flow_kit_result(&log, NULL);
    expect_rows(result, "4294967293 received, 4294967294 received, 4294967295 received, "
                        "0 not-sent, 1 received, 2 received");
    flow_kit_fini(&log, result);
}

static void a_packet_without_its_time_of_sending_has_none_in_its_row(void **state)
{
    struct spd_flow_rows rows;
    struct spd_flow_row row;
    struct spd_log log;

    (void)state;
    flow_kit_log(&log, SPD_LOG_ONE_WAY_RECEIVER, 3);
    log.packets[1].t1_ns = 0;
    struct spd_flow_result *result = flow_kit_result(&log, NULL);
    spd_flow_rows_begin(&rows, result, 0);
    assert_true(spd_flow_rows_next(&rows, &row) && spd_flow_rows_next(&rows, &row));
    assert_int_equal(row.fate, SPD_FATE_RECEIVED);
    assert_int_equal(row.sent_ns, SPD_NS_UNKNOWN);
    assert_int_equal(row.arrived_ns, SPD_NS_UNKNOWN);
    assert_int_equal(row.latency_forward_ns, SPD_NS_UNKNOWN);
    flow_kit_fini(&log, result);
}

static void further_arrivals_have_raw_figures_only(void **state)
{
    struct spd_flow_rows rows;
    struct spd_flow_row row;
    struct spd_log log;

    (void)state;
    flow_kit_log(&log, SPD_LOG_TWO_WAY, 2);
    flow_kit_repeat(&log, 1, 777);
    struct spd_flow_result *result = flow_kit_result(&log, NULL);
    spd_flow_rows_begin(&rows, result, 0);
    for (int i = 0; i < 3; i++)
        assert_true(spd_flow_rows_next(&rows, &row));
    assert_true(row.duplicate);
    assert_int_equal(row.latency_forward_raw_ns,
                     FLOW_KIT_FWD_NS + FLOW_KIT_OFFSET_NS + flow_kit_variation(1, false) + 777);
    assert_int_equal(row.latency_forward_ns, SPD_NS_UNKNOWN);
    assert_int_equal(row.sent_ns, SPD_NS_UNKNOWN);
    flow_kit_fini(&log, result);
}

/* ---- directions of losses ---- */

/* Each letter a packet: . came back, f lost forward, r lost on the way back, x
 * not sent, w arrived after the one behind it. */
static const struct {
    const char *name;
    const char *packets;
    bool stateless;
    bool known;
    unsigned n_forward, n_reverse, n_unknown;
} places[] = {
    { "nothing lost", "....", false, false, 0, 0, 0 },
    { "forward", ".f..ff.", false, true, 3, 0, 0 },
    { "reverse only looks like stateless", ".r..rr.", false, false, 0, 0, 3 },
    { "both, apart", ".f.r.", false, true, 1, 1, 0 },
    { "both, in one gap", ".ffrfr.", false, true, 3, 2, 0 },
    { "at the start", "ffr.f.", false, true, 3, 1, 0 },
    { "at the end", ".f.frf", false, true, 1, 0, 3 },
    { "stateless", ".f.r.f.", true, false, 0, 0, 3 },
    { "all lost", "ffff", false, false, 0, 0, 4 },
    { "not sent is not lost", ".xfx.", false, true, 1, 0, 0 },
    { "overtaken by its neighbour", ".f.w.f.r..", false, true, 2, 1, 0 },
    { "overtaken behind a loss", ".fw..", false, true, 1, 0, 0 },
    { "overtaken behind a loss on the way back", ".rw.f.", false, true, 1, 1, 0 },
};

static void losses_find_their_direction(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(places); i++) {
        struct spd_flow_packet packets[16] = { 0 };
        size_t n = strlen(places[i].packets);
        struct spd_flow_loss loss;
        uint32_t number = 0;

        for (size_t k = 0; k < n; k++) {
            char what = places[i].packets[k];

            packets[k].seq = (uint32_t)k;
            packets[k].flags = what == 'x' ? SPD_FLOW_NOT_SENT : SPD_FLOW_SENT;
            if (what == '.' || what == 'w')
                packets[k].flags |= SPD_FLOW_ARRIVED | SPD_FLOW_RETURNED;
            packets[k].reflector_seq = places[i].stateless ? (uint32_t)k : number;
            number += what == '.' || what == 'r' || what == 'w';
        }
        for (size_t k = 0; k < n; k++)
            if (places[i].packets[k] == 'w') {
                packets[k].reflector_seq++;
                packets[k + 1].reflector_seq--;
            }
        CHECK_ROW_INT(places[i].name, spd_flow_place_losses(packets, n, &loss), SPD_ERR_OK);
        CHECK_ROW_INT(places[i].name, loss.directions_known, places[i].known);
        CHECK_ROW_INT(places[i].name, loss.n_forward, places[i].n_forward);
        CHECK_ROW_INT(places[i].name, loss.n_reverse, places[i].n_reverse);
        CHECK_ROW_INT(places[i].name, loss.n_unknown, places[i].n_unknown);
        CHECK_ROW_INT(places[i].name, loss.n_lost,
                      places[i].n_forward + places[i].n_reverse + places[i].n_unknown);
    }
}

/* Whatever a hostile reflector writes into its replies. */
static void numbers_that_make_no_sense_tell_nothing(void **state)
{
    static const uint32_t numbers[][4] = {
        { 0, 4000000000, 2, 3 },
        { UINT32_MAX, 0, 1, 2 },
        { 7, 7, 7, 4000 },
        { 0, 0, 0, 0 },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(numbers); i++) {
        struct spd_flow_packet packets[5] = { 0 };
        struct spd_flow_loss loss;

        for (uint32_t k = 0; k < 5; k++) {
            packets[k].seq = k;
            packets[k].flags = SPD_FLOW_SENT;
            if (k == 2)
                continue;
            packets[k].flags |= SPD_FLOW_ARRIVED | SPD_FLOW_RETURNED;
            packets[k].reflector_seq = numbers[i][k < 2 ? k : k - 1];
        }
        assert_int_equal(spd_flow_place_losses(packets, 5, &loss), SPD_ERR_OK);
        assert_int_equal(loss.n_lost, 1);
        assert_int_equal(loss.directions_known, i == 3); /* all the same: counted as it stands */
    }
}

/* A reflector that was in use before. */
static void a_count_that_began_elsewhere_tells_nothing_of_the_start(void **state)
{
    struct spd_flow_packet packets[6] = { 0 };
    struct spd_flow_loss loss;

    (void)state;
    for (uint32_t k = 0; k < 6; k++) {
        packets[k].seq = k;
        packets[k].flags = SPD_FLOW_SENT;
        if (k == 0 || k == 3)
            continue;
        packets[k].flags |= SPD_FLOW_ARRIVED | SPD_FLOW_RETURNED;
        packets[k].reflector_seq = 5000 + k - (k > 3);
    }
    assert_int_equal(spd_flow_place_losses(packets, 6, &loss), SPD_ERR_OK);
    assert_true(loss.directions_known);
    assert_int_equal(loss.n_forward, 1);
    assert_int_equal(loss.n_unknown, 1);
}

static void each_direction_counts_its_own_losses(void **state)
{
    struct spd_flow_packet before[40];
    struct spd_log log;

    (void)state;
    flow_kit_log(&log, SPD_LOG_TWO_WAY, 40);
    flow_kit_lose(&log, 3, false);
    flow_kit_lose(&log, 4, false);
    flow_kit_lose(&log, 10, true);
    flow_kit_lose(&log, 39, false); /* nobody can tell */
    memcpy(before, log.packets, sizeof before);
    struct spd_flow_result *result = flow_kit_result(&log, NULL);
    const struct spd_flow_summary *forward = &result->flows[0].ways[SPD_FLOW_FORWARD].summary;
    const struct spd_flow_summary *reverse = &result->flows[0].ways[SPD_FLOW_REVERSE].summary;
    assert_int_equal(result->flows[0].loss.n_lost, 4);
    assert_int_equal(result->flows[0].loss.n_forward, 2);
    assert_int_equal(result->flows[0].loss.n_reverse, 1);
    assert_int_equal(result->flows[0].loss.n_unknown, 1);
    assert_int_equal(forward->n_sent, 40);
    assert_int_equal(forward->n_lost, 3); /* with the unknown one */
    assert_int_equal(reverse->n_sent, 38);
    assert_int_equal(reverse->n_lost, 2);
    assert_int_equal(reverse->pdv.n, 36);
    /* The records are as they were, but for what is now known to have arrived. */
    before[10].flags |= SPD_FLOW_ARRIVED;
    assert_memory_equal(log.packets, before, sizeof before);
    flow_kit_fini(&log, result);
}

/* ---- wishes and refusals ---- */

static enum spd_err make(struct spd_log *log, const struct spd_flow_wishes *wishes,
                         struct spd_diag *diag)
{
    struct spd_flow_result *result = calloc(1, sizeof *result);
    struct spd_flow_input input;

    spd_flow_input_of_log(log, NULL, &input);
    enum spd_err err = spd_flow_result_make(&input, wishes, result, diag);
    spd_flow_result_fini(result);
    free(result);
    return err;
}

static void a_flow_that_is_not_there_is_named_with_those_that_are(void **state)
{
    struct spd_flow_wishes wishes = { .minimum_ns = SPD_NS_UNKNOWN, .flow = "AF41" };
    struct spd_diag diag = { 0 };
    struct spd_log log;

    (void)state;
    flow_kit_log(&log, SPD_LOG_TWO_WAY, 3);
    assert_int_equal(make(&log, &wishes, &diag), SPD_ERR_NOT_FOUND);
    assert_non_null(strstr(diag.text, "AF41"));
    assert_non_null(strstr(diag.text, "EF"));
    wishes.flow = "EF";
    assert_int_equal(make(&log, &wishes, &diag), SPD_ERR_OK);
    spd_log_fini(&log);
}

/* What a few bytes could claim must not cost all memory. */
static void numbers_that_leap_are_refused(void **state)
{
    static const struct {
        const char *name;
        uint32_t last_seq, n_packets;
        enum spd_err err;
    } rows[] = {
        { "as sent", 9, 10, SPD_ERR_OK },
        { "a leap that fits", 90000, 10, SPD_ERR_OK },
        { "a leap too far", 2000000000, 10, SPD_ERR_RANGE },
        { "beyond the half of all numbers", 0x7FFFFFFF, 0, SPD_ERR_RANGE },
        { "packets that nobody sent", 9, 4000000000, SPD_ERR_RANGE },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        struct spd_flow_wishes wishes = { .minimum_ns = SPD_NS_UNKNOWN,
                                          .memory_bytes = 48 * 100000 };
        struct spd_diag diag = { 0 };
        struct spd_log log;

        flow_kit_log(&log, SPD_LOG_ONE_WAY_RECEIVER, 10);
        log.packets[9].seq = rows[i].last_seq;
        log.facts.end.flows[0].n_packets = rows[i].n_packets;
        CHECK_ROW_INT(rows[i].name, make(&log, &wishes, &diag), rows[i].err);
        if (rows[i].err)
            CHECK_ROW(rows[i].name, strstr(diag.text, "EF"));
        spd_log_fini(&log);
    }
}

/* Flows begin at 0, so a first number below the span means as many lost. */
static void a_late_start_counts_from_the_first_number_sent(void **state)
{
    struct spd_flow_wishes wishes = { .minimum_ns = SPD_NS_UNKNOWN, .memory_bytes = 48 * 100000 };
    struct spd_diag diag = { 0 };
    struct spd_log log;

    (void)state;
    flow_kit_log(&log, SPD_LOG_ONE_WAY_RECEIVER, 2);
    log.facts.end.flows[0].n_packets_known = false;
    log.packets[0].seq = 60000;
    log.packets[1].seq = 125000;
    assert_int_equal(make(&log, &wishes, &diag), SPD_ERR_RANGE);
    log.packets[1].seq = 99000;
    assert_int_equal(make(&log, &wishes, &diag), SPD_ERR_OK);
    spd_log_fini(&log);
}

static void a_wrapped_flow_is_no_leap(void **state)
{
    struct spd_flow_wishes wishes = { .minimum_ns = SPD_NS_UNKNOWN, .memory_bytes = 48 * 1000 };
    struct spd_diag diag = { 0 };
    struct spd_log log;

    (void)state;
    flow_kit_log(&log, SPD_LOG_ONE_WAY_RECEIVER, 10);
    for (size_t i = 0; i < 10; i++)
        log.packets[i].seq += UINT32_MAX - 4;
    assert_int_equal(make(&log, &wishes, &diag), SPD_ERR_OK);
    spd_log_fini(&log);
}

static void the_minimum_of_a_calibration_counts(void **state)
{
    struct spd_flow_wishes wishes = { .minimum_ns = FLOW_KIT_OFFSET_NS, .keep_points = true };
    struct spd_flow_result *result = calloc(1, sizeof *result);
    struct spd_flow_input input;
    struct spd_log log;

    (void)state;
    flow_kit_log(&log, SPD_LOG_TWO_WAY, 30);
    spd_flow_input_of_log(&log, NULL, &input);
    assert_int_equal(spd_flow_result_make(&input, &wishes, result, NULL), SPD_ERR_OK);
    assert_int_equal(result->flows[0].ways[0].summary.pdv.min_ns, FLOW_KIT_FWD_NS);
    assert_int_equal(result->flows[0].ways[1].summary.pdv.min_ns, 0); /* it is for forward alone */
    flow_kit_fini(&log, result);
}

static void a_log_of_several_flows_is_split(void **state)
{
    struct spd_log log;

    (void)state;
    flow_kit_log(&log, SPD_LOG_TWO_WAY, 30);
    log.header.n_flows = log.facts.end.n_flows = 3;
    log.facts.end.flows[0].n_packets = 15;
    strcpy(log.header.flows[1].info.name, "BE");
    strcpy(log.header.flows[2].info.name, "none");
    for (uint32_t i = 0; i < 30; i++) {
        log.packets[i].flow = i % 2;
        log.packets[i].seq = log.packets[i].reflector_seq = i / 2;
    }
    struct spd_flow_result *result = flow_kit_result(&log, NULL);
    assert_int_equal(result->n_flows, 3);
    for (size_t i = 0; i < 3; i++) {
        const struct spd_flow_view *view = &result->flows[i];
        assert_int_equal(view->n_packets, i < 2 ? 15 : 0);
        assert_int_equal(view->ways[0].summary.n_received, view->n_packets);
        for (size_t k = 0; k < view->n_packets; k++)
            assert_true(view->packets[k].flow == i && view->packets[k].seq == k);
    }
    flow_kit_fini(&log, result);
}

static void jumps_name_their_packet(void **state)
{
    struct spd_log log;

    (void)state;
    flow_kit_log(&log, SPD_LOG_TWO_WAY, 1000);
    for (uint32_t i = 600; i < 1000; i++) {
        log.packets[i].t2_ns += 250 * SPD_NS_PER_MS;
        log.packets[i].t3_ns += 250 * SPD_NS_PER_MS;
    }
    struct spd_flow_result *result = flow_kit_result(&log, NULL);
    assert_int_equal(result->n_jumps, 2); /* seen in both directions */
    for (size_t i = 0; i < 2; i++) {
        spd_ns amount_ns = result->jumps[i].jump.amount_ns * (i == 0 ? 1 : -1);
        assert_int_equal(result->jumps[i].seq, 600);
        assert_in_range(amount_ns, 246 * SPD_NS_PER_MS, 254 * SPD_NS_PER_MS);
        assert_string_equal(result->jumps[i].flow, "EF");
        assert_string_equal(result->jumps[i].direction, i == 0 ? "forward" : "reverse");
    }
    assert_int_equal(result->jumps[0].sent_ns, log.packets[600].t1_ns);
    assert_int_equal(result->jumps[1].sent_ns, log.packets[600].t3_ns);
    flow_kit_fini(&log, result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_is_normalised_as_specified),
        cmocka_unit_test(a_clock_that_is_behind_gives_negative_raw_latencies_and_works),
        cmocka_unit_test(lost_duplicated_and_unsent_packets_have_rows),
        cmocka_unit_test(numbers_without_a_record_have_rows),
        cmocka_unit_test(of_a_sender_alone_nothing_is_called_lost),
        cmocka_unit_test(rows_go_on_across_the_wrap),
        cmocka_unit_test(a_packet_without_its_time_of_sending_has_none_in_its_row),
        cmocka_unit_test(further_arrivals_have_raw_figures_only),
        cmocka_unit_test(losses_find_their_direction),
        cmocka_unit_test(numbers_that_make_no_sense_tell_nothing),
        cmocka_unit_test(a_count_that_began_elsewhere_tells_nothing_of_the_start),
        cmocka_unit_test(each_direction_counts_its_own_losses),
        cmocka_unit_test(a_flow_that_is_not_there_is_named_with_those_that_are),
        cmocka_unit_test(numbers_that_leap_are_refused),
        cmocka_unit_test(a_late_start_counts_from_the_first_number_sent),
        cmocka_unit_test(a_wrapped_flow_is_no_leap),
        cmocka_unit_test(the_minimum_of_a_calibration_counts),
        cmocka_unit_test(a_log_of_several_flows_is_split),
        cmocka_unit_test(jumps_name_their_packet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * Whole bursts across a veth pair: everything arrives, in order, with every
 * stamp; and what a user without rights gets is said.
 */
#include "tests/net/net.h"

static const struct net_how in_far = { .host = NET_FAR };
static const struct net_how in_near = { .host = NET_NEAR };

static void check_clean(const json_t *r, int64_t n_packets)
{
    assert_int_equal(net_int(r, "packet_counts.n_asked"), n_packets);
    assert_int_equal(net_int(r, "packet_counts.n_sent"), n_packets);
    assert_int_equal(net_int(r, "packet_counts.n_received"), n_packets);
    assert_int_equal(net_int(r, "loss.n_lost"), 0);
    assert_int_equal(net_int(r, "duplicates.n_replies"), 0);
    assert_int_equal(net_int(r, "reordering.round_trip.n_packets"), n_packets);
    assert_int_equal(net_int(r, "reordering.round_trip.n_reordered"), 0);
    assert_int_equal(net_int(r, "replies.n_unexpected"), 0);
    assert_int_equal(net_int(r, "replies.n_malformed"), 0);
}

/* How many of them stayed whole. */
static int64_t hundred_bursts(void)
{
    json_t *r;

    net_build(NET_DIRECT);
    net_reflector(&in_far, NET_FAR_ADDR, 862, "--stateful");
    r = net_result(net_start(&in_near, "burst " NET_FAR_ADDR " --bursts 100 --packets 2048 "
                                       "--size 512 --gap 10ms --retries 0 --json"),
                   120);
    print_message("whole %lld of %lld bursts; hand-over median %.2f ms, largest gap %.0f us\n",
                  (long long)net_int(r, "burst_counts.n_whole"),
                  (long long)net_int(r, "burst_counts.n_asked"),
                  net_real(r, "submission.median_ns") / 1e6,
                  net_real(r, "submission.gap_max_ns") / 1e3);
    check_clean(r, 100 * 2048);
    assert_int_equal(net_int(r, "reordering.forward.n_reordered"), 0);
    assert_int_equal(net_int(r, "reordering.reverse.n_reordered"), 0);
    assert_string_equal(net_text(r, "stamps.t1_source"), "kernel-sched");
    assert_string_equal(net_text(r, "stamps.t4_source"), "kernel");
    assert_int_equal(net_int(r, "stamps.n_missing"), 0);
    /* Those with stamps from another source than most would be left out. */
    assert_int_equal(net_int(r, "stamps.n_packets_left_out"), 0);
    assert_int_equal(net_int(r, "burst_counts.n_asked"), 100);
    assert_int_equal(net_int(r, "burst_counts.n_attempts"), 100);
    return net_int(r, "burst_counts.n_whole");
}

/* Nothing may be lost or out of order, ever. Whether a burst stays whole is up
 * to the computer too, which may be busy: three times are allowed. */
static void hundred_bursts_of_2048_arrive_whole_in_order_with_every_stamp(void **state)
{
    int64_t n_whole = 0;

    (void)state;
    for (int i = 0; i < 3 && n_whole < 98; i++) {
        n_whole = hundred_bursts();
        net_end(NULL);
    }
    net_hold_unless_busy(n_whole >= 98);
}

/* What is asked of the system is there in full for root. */
static void root_is_told_that_it_got_what_it_asked_for(void **state)
{
    static const char *const items[] = {
        "priority",     "time_slice",        "heap_bytes",
        "locked_bytes", "working_set_bytes", "send_buffer_bytes",
        "send_stamp",   "receive_stamp",     "receive_buffer_bytes"
    };
    char path[100];
    json_t *r;

    (void)state;
    net_build(NET_DIRECT);
    net_reflector(&in_far, NET_FAR_ADDR, 862, "--stateful");
    r = net_result(net_start(&in_near, "burst " NET_FAR_ADDR " --json"), 60);
    check_clean(r, 1000);
    for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
        snprintf(path, sizeof(path), "environment.%s.fulfilled", items[i]);
        if (!net_bool(r, path))
            fail_msg("%s: asked for more than was obtained", items[i]);
    }
    assert_true(net_int(r, "environment.working_set_bytes.obtained") > 8 << 20);
    assert_true(net_int(r, "environment.locked_bytes.obtained") >=
                net_int(r, "environment.heap_bytes.obtained"));
    assert_non_null(strstr(net_text(r, "environment.priority.obtained"), "SCHED_FIFO"));
}

/* An item that was not granted in full says what to do about it. */
static void check_refused(const json_t *r, const char *item)
{
    char path[100];

    snprintf(path, sizeof(path), "environment.%s.fulfilled", item);
    if (net_bool(r, path))
        fail_msg("%s: a user without rights cannot have got that", item);
    snprintf(path, sizeof(path), "environment.%s.note", item);
    print_message("%s: %s\n", item, net_text(r, path));
    assert_true(strlen(net_text(r, path)) > 20);
}

static void without_rights_it_works_and_says_what_it_got(void **state)
{
    const struct net_how far = { .host = NET_FAR, .nobody = true };
    const struct net_how near = { .host = NET_NEAR, .nobody = true };
    json_t *r;

    (void)state;
    net_build(NET_DIRECT);
    net_reflector(&far, NET_FAR_ADDR, 8620, "--stateful");
    r = net_result(net_start(&near, "burst " NET_FAR_ADDR ":8620 --bursts 10 --packets 1500 "
                                    "--json"),
                   60);
    check_clean(r, 10 * 1500);
    check_refused(r, "priority");
    check_refused(r, "locked_bytes");
    assert_true(net_int(r, "environment.locked_bytes.obtained") <
                net_int(r, "environment.locked_bytes.requested"));
    assert_null(strstr(net_text(r, "environment.priority.obtained"), "SCHED_FIFO"));
    /* It is told per burst whether it stayed whole, and of each stamp where it
     * was taken, whatever that is. */
    assert_int_equal(net_int(r, "burst_counts.n_asked"), 10);
    assert_int_equal(net_int(r, "burst_counts.n_whole") + net_int(r, "burst_counts.n_broken") +
                         net_int(r, "burst_counts.n_unknown"),
                     10);
    assert_string_not_equal(net_text(r, "stamps.t1_source"), "none");
    assert_string_not_equal(net_text(r, "stamps.t4_source"), "none");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(hundred_bursts_of_2048_arrive_whole_in_order_with_every_stamp,
                                  net_end),
        cmocka_unit_test_teardown(root_is_told_that_it_got_what_it_asked_for, net_end),
        cmocka_unit_test_teardown(without_rights_it_works_and_says_what_it_got, net_end),
    };

    net_use(argc - 1, argv + 1);
    net_require_hosts();
    return cmocka_run_group_tests(tests, NULL, NULL);
}

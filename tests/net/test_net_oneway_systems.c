/*
 * One-way sessions between both systems: the Windows program under Wine and the
 * native one send to each other over loopback, with control and without, and
 * analyse each other's logs with the same numbers.
 *
 * usage: test_net_oneway_systems NATIVE -- COMMAND... (what runs the Windows program)
 */
#include "tests/net/systems.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

enum { N = 100, PATIENCE_S = 90 };

static char folder[64];

/* What both programs must find in the same logs. */
static void check_same_numbers(const char *logs, json_t *results[N_SIDES])
{
    const json_t *flows[N_SIDES];

    for (int side = 0; side < N_SIDES; side++) {
        flows[side] = json_array_get(json_object_get(results[side], "flows"), 0);
        assert_int_equal(net_int(flows[side], "loss.n_lost"), 0);
        assert_int_equal(net_int(flows[side], "sending.n_sent"), N);
    }
    systems_check_same(logs, flows[NATIVE], flows[WINDOWS]);
}

static void session(enum side sender, enum side receiver, bool control)
{
    uint16_t port = net_free_port(NET_HERE);
    char near[200], far[200], logs[500];
    json_t *results[N_SIDES], *r;
    struct net_program *p, *q;

    snprintf(near, sizeof(near), "%s/near.log", folder);
    snprintf(far, sizeof(far), "%s/far.log", folder);
    remove(near);
    remove(far);
    p = side_start(receiver, "receive --listen 127.0.0.1:%u --json --log %s %s", port, far,
                   control ? "" : "--no-control");
    net_await(p, "receiving on ");
    q = side_start(
        sender,
        "stream --one-way 127.0.0.1:%u --packets %d --interval 10ms --json --quiet --log %s "
        "%s",
        port, N, near, control ? "" : "--no-control");
    r = net_result(q, PATIENCE_S);
    assert_int_equal(net_int(r, "n_sent"), N);
    if (control)
        assert_int_equal(net_int(r, "receiver.n_arrived"), N);
    r = net_result(p, PATIENCE_S);
    assert_int_equal(net_int(r, "n_arrived"), N);
    assert_string_equal(net_text(r, "ending"), "count");
    snprintf(logs, sizeof(logs), control ? "%s" : "%s %s", near, far);
    for (int side = 0; side < N_SIDES; side++)
        results[side] =
            net_result(side_start((enum side)side, "analyze %s --json", logs), PATIENCE_S);
    check_same_numbers(logs, results);
    print_message("  %s to %s, %s control\n", side_names[sender], side_names[receiver],
                  control ? "with" : "without");
    net_end(NULL);
}

static void both_systems_send_to_each_other_with_control(void **state)
{
    (void)state;
    session(WINDOWS, NATIVE, true);
    session(NATIVE, WINDOWS, true);
    session(WINDOWS, WINDOWS, true);
}

static void both_systems_send_to_each_other_without_control(void **state)
{
    (void)state;
    session(WINDOWS, NATIVE, false);
    session(NATIVE, WINDOWS, false);
}

/* As Ctrl-C ends it: the log is whole, and the sender still gets its records. */
static void the_windows_receiver_ends_by_hand(void **state)
{
    uint16_t port = net_free_port(NET_HERE);
    char far[200];
    struct net_program *p, *q;
    int64_t n_arrived;
    json_t *r;

    (void)state;
    snprintf(far, sizeof(far), "%s/hand.log", folder);
    p = side_start(WINDOWS, "receive --listen 127.0.0.1:%u --json --log %s", port, far);
    net_await(p, "receiving on ");
    q = side_start(
        NATIVE, "stream --one-way 127.0.0.1:%u --packets 500 --interval 10ms --json --quiet", port);
    sleep(2);
    net_signal(p, SIGINT);
    r = net_result(p, PATIENCE_S);
    assert_string_equal(net_text(r, "ending"), "by-hand");
    n_arrived = net_int(r, "n_arrived");
    assert_true(n_arrived > 0 && n_arrived < 500);
    r = net_result(q, PATIENCE_S);
    assert_true(net_bool(r, "interrupted"));
    assert_int_equal(net_int(r, "receiver.n_arrived"), n_arrived);
    r = net_result(side_start(NATIVE, "analyze %s --json", far), PATIENCE_S);
    assert_int_equal(net_int(r, "log.n_records"), n_arrived);
    assert_string_equal(net_text(r, "log.state"), "whole");
}

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/spd-oneway-systems-%d", (int)getpid());
    return mkdir(folder, 0700);
}

static int remove_folder(void **state)
{
    (void)state;
    net_sh(NET_HERE, "rm -rf %s", folder);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(both_systems_send_to_each_other_with_control, net_end),
        cmocka_unit_test_teardown(both_systems_send_to_each_other_without_control, net_end),
        cmocka_unit_test_teardown(the_windows_receiver_ends_by_hand, net_end),
    };

    systems_use(argc, argv);
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

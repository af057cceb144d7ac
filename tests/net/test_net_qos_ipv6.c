/*
 * Classes over IPv6: the same verdicts, keys and figures as over IPv4, on a
 * link of 128 kbit/s with noise, and from the log again.
 */
#include "tests/net/net.h"

#include <sys/stat.h>
#include <unistd.h>

enum { N_PACKETS = 200, N_CALIBRATION = 50, PATIENCE_S = 90 };

#define NEAR6 "fd77:1::1"
#define FAR6  "fd77:2::2"

static const struct net_how in_far = { .host = NET_FAR };
static const struct net_how in_near = { .host = NET_NEAR };
static char log_path[64];

/* Neighbours are known, as they are over IPv4. */
static void add_ipv6(enum net_host host, const char *device, const char *address,
                     const char *neighbour, int mac)
{
    net_sh(host,
           "echo 0 >/proc/sys/net/ipv6/conf/%s/disable_ipv6 && ip -6 addr add %s/64 dev %s nodad &&"
           "ip -6 neigh replace %s lladdr 02:00:00:00:00:%02x dev %s nud permanent",
           device, address, device, neighbour, mac, device);
}

/* As in test_net_qos: one bucket, two queues below it, of which one goes first. */
static void build(bool priority)
{
    net_build(NET_ROUTED);
    add_ipv6(NET_NEAR, "n0", NEAR6, "fd77:1::fe", 4);
    add_ipv6(NET_ROUTER, "r1", "fd77:1::fe", NEAR6, 1);
    add_ipv6(NET_ROUTER, "r2", "fd77:2::fe", FAR6, 6);
    add_ipv6(NET_FAR, "f0", FAR6, "fd77:2::fe", 3);
    net_sh(NET_ROUTER, "echo 1 >/proc/sys/net/ipv6/conf/all/forwarding");
    net_sh(NET_NEAR, "ip -6 route add default via fd77:1::fe");
    net_sh(NET_FAR, "ip -6 route add default via fd77:2::fe");
    net_sh(NET_ROUTER,
           "tc qdisc replace dev r2 root handle 1: tbf rate 128kbit burst 1600 limit 1000000 &&"
           "tc qdisc add dev r2 parent 1:1 handle 2: htb default 20 &&"
           "tc class add dev r2 parent 2: classid 2:10 htb rate 10mbit prio 0 quantum 1514 &&"
           "tc class add dev r2 parent 2: classid 2:20 htb rate 10mbit prio 1 quantum 1514 &&"
           "tc qdisc add dev r2 parent 2:10 handle 10: bfifo limit 10000 &&"
           "tc qdisc add dev r2 parent 2:20 handle 20: bfifo limit 10000");
    if (priority)
        net_sh(NET_ROUTER, "tc filter add dev r2 parent 2: protocol ipv6 prio 1 u32 match ip6 "
                           "priority 0xb8 0xfc flowid 2:10");
}

static json_t *qos(const char *host, const char *noise)
{
    return net_result(net_start(&in_near,
                                "qos %s --packets %d --calibration %d --interval 25ms --json "
                                "--quiet --log %s %s",
                                host, N_PACKETS, N_CALIBRATION, log_path, noise),
                      PATIENCE_S);
}

static void check_verdict(const json_t *r, const char *verdict)
{
    const json_t *pair = json_array_get(json_object_get(r, "pairs"), 0);

    print_message("  %s; p95 of the other less the first: %.2f .. %.2f ms\n",
                  net_text(r, "verdict_text"), net_real(pair, "forward.pdv_p95_ns.low") / 1e6,
                  net_real(pair, "forward.pdv_p95_ns.high") / 1e6);
    assert_string_equal(net_text(r, "verdict"), verdict);
    assert_string_equal(net_text(r, "verdict_forward"), verdict);
    assert_string_equal(net_text(pair, "forward.verdict"), verdict);
    assert_string_equal(net_text(r, "verdict_reverse"), "not-enough-load");
}

static void check_same_keys(const json_t *a, const json_t *b)
{
    const char *key;
    json_t *value;

    assert_int_equal(json_object_size(a), json_object_size(b));
    json_object_foreach((json_t *)(uintptr_t)a, key, value)
    {
        const json_t *other = json_object_get(b, key);

        if (!other)
            fail_msg("over IPv6 there is no \"%s\"", key);
        if (json_is_object(value) && json_is_object(other))
            check_same_keys(value, other);
        if (json_is_array(value))
            check_same_keys(json_array_get(value, 0), json_array_get(other, 0));
    }
}

static void verdicts_over_ipv6_are_those_of_the_link(void **state)
{
    static const struct {
        bool priority;
        const char *noise, *verdict;
    } rows[] = {
        { true, "--noise 100kbit:92-1428", "protects" },
        { false, "--noise 100kbit:92-1428", "no-difference" },
        { true, "", "not-enough-load" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const json_t *ef;
        json_t *r;

        build(rows[i].priority);
        net_reflector(&in_far, FAR6, 862, "--stateful");
        net_await(net_start(&in_far, "noise --sink --listen [::]"), "taking noise");
        r = qos("[" FAR6 "]", rows[i].noise);
        check_verdict(r, rows[i].verdict);
        ef = json_array_get(json_object_get(r, "classes"), 0);
        assert_int_equal(net_int(ef, "marks.n_replies_known"), net_int(ef, "marks.n_replies_kept"));
        assert_true(net_int(ef, "marks.n_replies_known") > 0);
        r = net_result(
            net_start(&in_near, "compare %s#EF %s#BE --json --quiet", log_path, log_path),
            PATIENCE_S);
        check_verdict(r, rows[i].verdict);
        net_end(NULL);
    }
}

static void the_keys_are_those_of_ipv4(void **state)
{
    json_t *over_4, *over_6;

    (void)state;
    build(true);
    net_reflector(&in_far, NET_FAR_ADDR, 862, "--stateful");
    net_reflector(&in_far, FAR6, 862, "--stateful");
    net_await(net_start(&in_far, "noise --sink --listen 0.0.0.0 --listen [::]"), "taking noise");
    over_4 = qos(NET_FAR_ADDR, "--noise 20kbit");
    over_6 = qos("[" FAR6 "]", "--noise 20kbit");
    check_same_keys(over_4, over_6);
}

static int remove_log(void **state)
{
    (void)state;
    remove(log_path);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(verdicts_over_ipv6_are_those_of_the_link, net_end),
        cmocka_unit_test_teardown(the_keys_are_those_of_ipv4, net_end),
    };

    net_use(argc - 1, argv + 1);
    net_require_hosts();
    if (access("/proc/sys/net/ipv6", F_OK) != 0)
        net_skip_all("this host has no IPv6");
    snprintf(log_path, sizeof(log_path), "/tmp/spd-qos-ipv6-%d.log", (int)getpid());
    return cmocka_run_group_tests(tests, NULL, remove_log);
}

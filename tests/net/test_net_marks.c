/*
 * Marks on the way: a router that changes code points in one direction or both,
 * over IPv4 and IPv6, and what the program can tell of it.
 */
#include "tests/net/net.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATIENCE_S = 60, N = 100, EF = 46, CS1 = 8, AF11 = 10, BE = 0, FRAME_MAX = 2048 };

static const struct net_how in_far = { .host = NET_FAR };
static const struct net_how in_near = { .host = NET_NEAR };
static char folder[64];

/* ---------------------------------------------------------------- the router */

/* What becomes of EF in each direction. */
struct remarking {
    uint8_t there, back;
};

static int tap(const char *interface)
{
    struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));

    at.sll_ifindex = (int)if_nametoindex(interface);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0)
        _exit(1);
    return fd;
}

/* RFC 1071. */
static uint32_t add_octets(uint32_t sum, const uint8_t *octets, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sum += (uint32_t)octets[i] << (i % 2 ? 0 : 8);
    return sum;
}

static void put_sum(uint8_t *at, uint32_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xFFFF) + (sum >> 16);
    sum ^= 0xFFFF;
    if (sum == 0)
        sum = 0xFFFF;
    at[0] = (uint8_t)(sum >> 8);
    at[1] = (uint8_t)sum;
}

/* The sender left it to a network card that does not exist. */
static void sum_up_udp(uint8_t *udp, const uint8_t *addresses, size_t n_addresses)
{
    size_t n = (size_t)(udp[4] << 8 | udp[5]);

    udp[6] = udp[7] = 0;
    put_sum(udp + 6,
            add_octets(add_octets((uint32_t)(n + IPPROTO_UDP), addresses, n_addresses), udp, n));
}

/* The same for TCP, which control speaks: the length is the rest of the packet. */
static void sum_up_tcp(uint8_t *tcp, size_t n, const uint8_t *addresses, size_t n_addresses)
{
    tcp[16] = tcp[17] = 0;
    put_sum(tcp + 16,
            add_octets(add_octets((uint32_t)(n + IPPROTO_TCP), addresses, n_addresses), tcp, n));
}

static void sum_up(uint8_t *next, uint8_t protocol, size_t n, const uint8_t *addresses,
                   size_t n_addresses)
{
    if (protocol == IPPROTO_UDP)
        sum_up_udp(next, addresses, n_addresses);
    else if (protocol == IPPROTO_TCP)
        sum_up_tcp(next, n, addresses, n_addresses);
}

/* False for what is none of ours to pass on. */
static bool remark(uint8_t *frame, uint8_t becomes)
{
    uint8_t *ip = frame + 14;

    if (frame[12] == 0x08 && frame[13] == 0x00) {
        if (ip[1] >> 2 == EF)
            ip[1] = (uint8_t)(becomes << 2 | (ip[1] & 3));
        ip[10] = ip[11] = 0;
        put_sum(ip + 10, add_octets(0, ip, 20));
        sum_up(ip + 20, ip[9], (size_t)(ip[2] << 8 | ip[3]) - 20, ip + 12, 8);
        return true;
    }
    if (frame[12] != 0x86 || frame[13] != 0xDD)
        return false;
    /* Version, traffic class and flow label, RFC 8200 section 3. */
    if (((ip[0] & 15) << 2 | ip[1] >> 6) == EF) {
        ip[0] = (uint8_t)(0x60 | becomes >> 2);
        ip[1] = (uint8_t)((becomes & 3) << 6 | (ip[1] & 0x3F));
    }
    sum_up(ip + 40, ip[6], (size_t)(ip[4] << 8 | ip[5]), ip + 8, 32);
    return true;
}

static void pass_on(int from, int to, uint8_t mac, uint8_t becomes)
{
    uint8_t frame[FRAME_MAX];
    struct sockaddr_ll origin;
    socklen_t size = sizeof(origin);
    ssize_t n = recvfrom(from, frame, sizeof(frame), 0, (struct sockaddr *)&origin, &size);

    if (n < 14 + 20 || origin.sll_pkttype == PACKET_OUTGOING || !remark(frame, becomes))
        return;
    memcpy(frame, "\2\0\0\0\0", 5); /* the hosts' addresses differ in the last octet */
    frame[5] = mac;
    (void)!write(to, frame, (size_t)n);
}

/* A child: a router whose own kernel forwards nothing. */
static void route(void *argument)
{
    const struct remarking *r = argument;
    struct pollfd fds[] = { { .fd = tap("r1"), .events = POLLIN },
                            { .fd = tap("r2"), .events = POLLIN } };

    for (;;) {
        if (poll(fds, 2, -1) < 0)
            _exit(1);
        if (fds[0].revents)
            pass_on(fds[0].fd, fds[1].fd, 6, r->there); /* to f0 */
        if (fds[1].revents)
            pass_on(fds[1].fd, fds[0].fd, 1, r->back); /* to n0 */
    }
}

/* IPv6 besides: addresses, the router's too, and who they belong to. */
static void add_ipv6(enum net_host host, const char *device, const char *address, const char *gate,
                     int mac)
{
    net_sh(host,
           "echo 0 >/proc/sys/net/ipv6/conf/%s/disable_ipv6 && "
           "ip -6 addr add %s/64 dev %s nodad && "
           "ip -6 neigh replace %s lladdr 02:00:00:00:00:%02x dev %s nud permanent && "
           "ip -6 route add default via %s && "
           "ip link set %s gso_max_segs 1", /* the router takes what fits a link */
           device, address, device, gate, mac, device, gate, device);
}

static void build(const struct remarking *remarking)
{
    net_build(NET_ROUTED);
    net_sh(NET_ROUTER, "echo 0 >/proc/sys/net/ipv4/ip_forward");
    add_ipv6(NET_NEAR, "n0", "fd77:1::1", "fd77:1::fe", 4);
    add_ipv6(NET_FAR, "f0", "fd77:2::2", "fd77:2::fe", 3);
    net_start_body(NET_ROUTER, route, (void *)(uintptr_t)remarking);
    usleep(200000); /* its sockets */
}

/* --------------------------------------------------------------------- rows */

static const struct {
    const char *name;
    struct remarking remarking;
    int returned_as; /* what is copied comes back, changed again */
    const char *says;
} rows[] = {
    { "nothing changed", { EF, EF }, EF, "all 100 replies came back as EF" },
    { "bleached on the way there", { BE, EF }, BE, "0 of 100 replies came back as EF, 100 as BE" },
    { "changed on the way there",
      { CS1, EF },
      CS1,
      "0 of 100 replies came back as EF, 100 as CS1" },
    { "bleached on the way back", { EF, BE }, BE, "0 of 100 replies came back as EF, 100 as BE" },
    { "changed on the way back", { EF, AF11 }, AF11, "came back as EF, 100 as AF11" },
    { "changed on both", { CS1, BE }, CS1, "100 as CS1" },
};

static const struct {
    const char *address, *host, *port;
} families[] = {
    { NET_FAR_ADDR, NET_FAR_ADDR, NET_FAR_ADDR ":8610" },
    { "fd77:2::2", "[fd77:2::2]", "[fd77:2::2]:8610" },
};

/* Both classes of one run; only EF is touched. */
static void check_two_way(size_t i, size_t family)
{
    json_t *classes, *ef, *be;
    int64_t n_kept = rows[i].returned_as == EF ? N : 0;

    build(&rows[i].remarking);
    net_reflector(&in_far, families[family].address, 862, "--stateful");
    classes = json_object_get(
        net_result(net_start(&in_near, "qos %s --packets %d --interval 5ms --json --quiet",
                             families[family].host, N),
                   PATIENCE_S),
        "classes");
    ef = json_array_get(classes, 0);
    be = json_array_get(classes, 1);
    assert_int_equal(net_int(ef, "forward.n_lost"), 0);
    assert_int_equal(net_int(ef, "marks.n_replies_known"), N);
    assert_int_equal(net_int(ef, "marks.n_replies_kept"), n_kept);
    if (rows[i].returned_as == EF)
        assert_true(net_is_null(ef, "marks.other_dscp"));
    else
        assert_int_equal(net_int(ef, "marks.other_dscp"), rows[i].returned_as);
    assert_true(net_is_null(ef, "marks.refused"));
    if (!strstr(net_text(ef, "marks.text"), rows[i].says))
        fail_msg("%s: it says \"%s\"", rows[i].name, net_text(ef, "marks.text"));
    assert_int_equal(net_int(be, "marks.n_replies_kept"), N);
    net_end(NULL);
}

/* Only what is sent there arrives: which way, and to what, is known. */
static void check_one_way(size_t i, size_t family, bool control)
{
    const char *options = control ? "" : "--no-control";
    json_t *r, *rows_told;

    build(&rows[i].remarking);
    net_sh(NET_HERE, "rm -f %s/*", folder);
    net_await(net_start(&in_far, "receive --listen %s --log %s/far.log %s", families[family].port,
                        folder, options),
              "receiving on ");
    net_result(net_start(&in_near,
                         "stream --one-way %s --dscp EF --packets %d --interval 5ms --json --quiet "
                         "--log %s/near.log %s",
                         families[family].port, N, folder, options),
               PATIENCE_S);
    usleep(500000); /* the receiver lingers */
    r = net_result(
        net_start(&in_near, "analyze %s/near.log %s/far.log --json --records", folder, folder),
        PATIENCE_S);
    assert_int_equal(net_int(json_array_get(json_object_get(r, "flows"), 0), "dscp"), EF);
    rows_told = json_object_get(r, "packets");
    assert_int_equal(json_array_size(rows_told), N);
    for (size_t k = 0; k < N; k++)
        assert_int_equal(net_int(json_array_get(rows_told, k), "dscp_forward"),
                         rows[i].remarking.there);
    net_end(NULL);
}

static void changed_marks_are_told(size_t family)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        check_two_way(i, family);
        check_one_way(i, family, i % 2 == 1);
        print_message("  %s\n", rows[i].name);
    }
}

static void changed_marks_are_told_over_ipv4(void **state)
{
    (void)state;
    changed_marks_are_told(0);
}

static void changed_marks_are_told_over_ipv6(void **state)
{
    (void)state;
    if (access("/proc/sys/net/ipv6", F_OK) != 0) {
        printf("skipped: this host has no IPv6\n");
        skip();
    }
    changed_marks_are_told(1);
}

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/spd-marks-%d", (int)getpid());
    net_sh(NET_HERE, "mkdir -m 700 %s", folder);
    return 0;
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
        cmocka_unit_test_teardown(changed_marks_are_told_over_ipv4, net_end),
        cmocka_unit_test_teardown(changed_marks_are_told_over_ipv6, net_end),
    };

    net_use(argc - 1, argv + 1);
    net_require_hosts();
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

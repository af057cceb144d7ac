/*
 * Paths in a network namespace of the test's own: kinds of links, MTU, routes
 * that are not there, and a name server out of reach.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <net/if.h>
#include <linux/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/sys/netif.h"
#include "posix/route.h"
#include "tests/sys/posix_child.h"

static struct spd_addr address(const char *text)
{
    struct spd_addr result = { 0 };

    CHILD_CHECK_SHOW(spd_addr_parse_host(text, &result), text);
    return result;
}

/* Every command must succeed; the first tells whether `ip` is there at all. */
static void ip(const char *arguments)
{
    char command[256];

    snprintf(command, sizeof command, "PATH=$PATH:/usr/sbin:/sbin ip %s", arguments);
    CHILD_CHECK_SHOW(system(command) == 0, command);
}

static bool can(const char *arguments)
{
    char command[256];

    snprintf(command, sizeof command, "PATH=$PATH:/usr/sbin:/sbin ip %s 2>/dev/null", arguments);
    return system(command) == 0;
}

static void own_network(void)
{
    child_own_network();
    if (!can("link show lo >/dev/null")) {
        child_skip("needs the program ip (package iproute2)");
    }
}

static void pair_of_links(void)
{
    own_network();
    ip("link add west mtu 1400 type veth peer name east");
    ip("address add 192.0.2.1/24 dev west");
    ip("address add 2001:db8::1/64 dev west nodad");
    ip("link set west up");
    ip("link set east up");
}

static struct spd_netif_path path_to(const char *target_text, const char *source_text,
                                     const char *interface_name)
{
    struct spd_addr target = address(target_text);
    struct spd_addr source = { 0 };
    struct spd_netif_path path;
    struct spd_diag diag = { 0 };

    if (source_text != NULL) {
        source = address(source_text);
    }
    CHILD_CHECK_SHOW(spd_netif_path(&target, source_text != NULL ? &source : NULL, interface_name,
                                    &path, &diag) == SPD_ERR_OK,
                     diag.text);
    return path;
}

static void expect_error(enum spd_err expected, const char *target_text, const char *source_text,
                         const char *interface_name, const char *named)
{
    struct spd_addr target = address(target_text);
    struct spd_addr source = { 0 };
    struct spd_netif_path path;
    struct spd_diag diag = { 0 };
    enum spd_err err;

    if (source_text != NULL) {
        source = address(source_text);
    }
    err =
        spd_netif_path(&target, source_text != NULL ? &source : NULL, interface_name, &path, &diag);
    CHILD_CHECK_SHOW(err == expected, spd_err_name(err));
    CHILD_CHECK_SHOW(diag.err == expected && strstr(diag.text, named) != NULL, diag.text);
}

static bool has_source(const struct spd_netif_path *path, const char *text)
{
    struct spd_addr source = address(text);

    return spd_addr_equal_host(&path->source, &source);
}

static void across_ethernet(void)
{
    static const struct {
        const char *target;
        const char *source;
    } rows[] = { { "192.0.2.9", "192.0.2.1" }, { "2001:db8::9", "2001:db8::1" } };

    pair_of_links();
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        struct spd_netif_path path = path_to(rows[row].target, NULL, NULL);

        CHILD_CHECK(has_source(&path, rows[row].source));
        CHILD_CHECK(path.source.port == 0);
        CHILD_CHECK(path.mtu_bytes == 1400);
        CHILD_CHECK(path.link_header_bytes == 14);
        CHILD_CHECK_SHOW(strcmp(path.interface_name, "west") == 0, path.interface_name);
        CHILD_CHECK(!path.is_loopback);
    }
}

static void a_neighbour_is_reached_through_ethernet(void **state)
{
    (void)state;
    child_run(across_ethernet);
}

static void to_own_address(void)
{
    struct spd_netif_path path;

    pair_of_links();
    path = path_to("192.0.2.1", NULL, NULL);
    CHILD_CHECK(path.is_loopback);
    CHILD_CHECK(has_source(&path, "192.0.2.1"));
    CHILD_CHECK(strcmp(path.interface_name, "lo") == 0);
    CHILD_CHECK(path.link_header_bytes == 0);
    CHILD_CHECK(path.mtu_bytes > 60000);
}

static void ones_own_address_is_reached_through_loopback(void **state)
{
    (void)state;
    child_run(to_own_address);
}

static void across_vlan(void)
{
    struct spd_netif_path path;

    pair_of_links();
    if (!can("link add link west name west.7 type vlan id 7")) {
        child_skip("this kernel has no VLAN interfaces");
    }
    ip("address add 198.51.100.1/24 dev west.7");
    ip("link set west.7 up");
    path = path_to("198.51.100.9", NULL, NULL);
    CHILD_CHECK_SHOW(strcmp(path.interface_name, "west.7") == 0, path.interface_name);
    CHILD_CHECK(path.link_header_bytes == 18);
}

static void a_vlan_adds_its_tag_to_the_link_header(void **state)
{
    (void)state;
    child_run(across_vlan);
}

static void link_headers_are_those_of_the_kind_of_link(void **state)
{
    static const struct {
        struct spd_link link;
        uint32_t n_bytes;
    } rows[] = {
        { { .type = ARPHRD_ETHER, .kind = "" }, 14 },
        { { .type = ARPHRD_ETHER, .kind = "veth" }, 14 },
        { { .type = ARPHRD_ETHER, .kind = "vlan" }, 18 },
        { { .type = ARPHRD_LOOPBACK }, 0 },
        { { .type = ARPHRD_NONE, .kind = "tun" }, 0 },
        { { .type = ARPHRD_PPP }, 4 },
        { { .type = ARPHRD_TUNNEL, .kind = "ipip" }, 20 },
        { { .type = ARPHRD_IPGRE, .kind = "gre" }, 24 },
        { { .type = ARPHRD_TUNNEL6, .kind = "ip6tnl" }, 40 },
    };

    (void)state;
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        uint32_t n_bytes = spd_route_link_header_bytes(&rows[row].link);

        if (n_bytes != rows[row].n_bytes) {
            fail_msg("type %u \"%s\": %u, expected %u", rows[row].link.type, rows[row].link.kind,
                     (unsigned)n_bytes, (unsigned)rows[row].n_bytes);
        }
    }
}

static void look_at_links(void)
{
    struct spd_link link;

    pair_of_links();
    CHILD_CHECK(spd_route_link((int)if_nametoindex("west"), &link));
    CHILD_CHECK_SHOW(strcmp(link.name, "west") == 0, link.name);
    CHILD_CHECK_SHOW(strcmp(link.kind, "veth") == 0, link.kind);
    CHILD_CHECK(link.type == ARPHRD_ETHER);
    CHILD_CHECK(link.mtu_bytes == 1400);
    CHILD_CHECK(spd_route_link((int)if_nametoindex("lo"), &link));
    CHILD_CHECK(link.type == ARPHRD_LOOPBACK);
    CHILD_CHECK(link.kind[0] == '\0');
    CHILD_CHECK(!spd_route_link(4711, &link));
}

static void a_link_tells_its_name_kind_and_mtu(void **state)
{
    (void)state;
    child_run(look_at_links);
}

static void across_tun(void)
{
    struct spd_netif_path path;

    own_network();
    if (!can("tuntap add dev pipe mode tun")) {
        child_skip("this kernel has no tun interfaces");
    }
    ip("address add 198.51.100.1/24 dev pipe");
    ip("link set pipe up mtu 1280");
    path = path_to("198.51.100.9", NULL, "pipe");
    CHILD_CHECK(path.link_header_bytes == 0);
    CHILD_CHECK(path.mtu_bytes == 1280);
    CHILD_CHECK(!path.is_loopback);
}

static void a_tunnel_has_no_link_header(void **state)
{
    (void)state;
    child_run(across_tun);
}

static void two_ways(void)
{
    struct spd_netif_path path;

    pair_of_links();
    ip("link add north mtu 1300 type veth peer name south");
    ip("address add 203.0.113.1/24 dev north");
    ip("link set north up");
    ip("link set south up");
    ip("route add 198.51.100.0/24 via 192.0.2.254");
    ip("route add 198.51.100.0/24 via 203.0.113.254 metric 100");
    path = path_to("198.51.100.9", NULL, NULL);
    CHILD_CHECK(strcmp(path.interface_name, "west") == 0);
    CHILD_CHECK(path.mtu_bytes == 1400);
    path = path_to("198.51.100.9", NULL, "north");
    CHILD_CHECK_SHOW(strcmp(path.interface_name, "north") == 0, path.interface_name);
    CHILD_CHECK(path.mtu_bytes == 1300);
    CHILD_CHECK(has_source(&path, "203.0.113.1"));
    path = path_to("198.51.100.9", "203.0.113.1", NULL);
    CHILD_CHECK(has_source(&path, "203.0.113.1"));
}

static void the_interface_asked_for_decides(void **state)
{
    (void)state;
    child_run(two_ways);
}

static void known_path_mtu(void)
{
    pair_of_links();
    ip("route add 198.51.100.0/24 via 192.0.2.254 mtu 1200");
    CHILD_CHECK(path_to("198.51.100.9", NULL, NULL).mtu_bytes == 1200);
}

static void the_mtu_of_the_path_wins_where_it_is_known(void **state)
{
    (void)state;
    child_run(known_path_mtu);
}

static void no_way(void)
{
    pair_of_links();
    expect_error(SPD_ERR_NET_UNREACHABLE, "198.51.100.9", NULL, NULL, "198.51.100.9");
    expect_error(SPD_ERR_NET_UNREACHABLE, "2001:db8:1::9", NULL, NULL, "2001:db8:1::9");
    ip("route add unreachable 198.51.100.1");
    ip("route add prohibit 198.51.100.2");
    ip("route add blackhole 198.51.100.3");
    expect_error(SPD_ERR_NET_UNREACHABLE, "198.51.100.1", NULL, NULL, "198.51.100.1");
    expect_error(SPD_ERR_NET_UNREACHABLE, "198.51.100.2", NULL, NULL, "198.51.100.2");
    expect_error(SPD_ERR_NET_UNREACHABLE, "198.51.100.3", NULL, NULL, "198.51.100.3");
    expect_error(SPD_ERR_NET_UNREACHABLE, "192.0.2.9", "127.0.0.1", NULL, "127.0.0.1");
    expect_error(SPD_ERR_NOT_FOUND, "192.0.2.9", "203.0.113.1", "west", "west");
}

static void no_route_is_net_unreachable_and_names_the_target(void **state)
{
    (void)state;
    child_run(no_way);
}

static void without_ipv6(void)
{
    FILE *file;

    own_network();
    file = fopen("/proc/sys/net/ipv6/conf/all/disable_ipv6", "w");
    if (file == NULL || fputs("1\n", file) < 0 || fclose(file) != 0) {
        child_skip("the switch net.ipv6.conf.all.disable_ipv6 cannot be written");
    }
    expect_error(SPD_ERR_NET_UNREACHABLE, "::1", NULL, NULL, "::1");
    CHILD_CHECK(path_to("127.0.0.1", NULL, NULL).is_loopback);
}

static void ipv6_switched_off_is_net_unreachable(void **state)
{
    (void)state;
    child_run(without_ipv6);
}

static void look_up_without_network(void)
{
    struct spd_addr found;
    struct spd_diag diag = { 0 };
    enum spd_err err;

    own_network();
    err = spd_netif_resolve("reflector.example.net", 862, SPD_FAMILY_NONE, &found, &diag);
    CHILD_CHECK_SHOW(err == SPD_ERR_NOT_FOUND, diag.text);
    CHILD_CHECK_SHOW(strstr(diag.text, "reflector.example.net") != NULL, diag.text);
    CHILD_CHECK_SHOW(strstr(diag.text, "name server") != NULL, diag.text);
    memset(&diag, 0, sizeof diag);
    err = spd_netif_resolve("no such host", 862, SPD_FAMILY_NONE, &found, &diag);
    CHILD_CHECK(err == SPD_ERR_NOT_FOUND);
    CHILD_CHECK_SHOW(strstr(diag.text, "name server") == NULL, diag.text);
}

static void a_failing_name_server_is_told_from_an_unknown_name(void **state)
{
    (void)state;
    child_run(look_up_without_network);
}

static void link_local(void)
{
    struct spd_addr target = { 0 };
    struct spd_diag diag = { 0 };
    struct spd_netif_path path;

    pair_of_links();
    ip("address add fe80::77/64 dev west nodad");
    CHILD_CHECK(spd_netif_resolve("fe80::99%west", 862, SPD_FAMILY_NONE, &target, &diag) ==
                SPD_ERR_OK);
    CHILD_CHECK(target.scope_id != 0);
    CHILD_CHECK_SHOW(spd_netif_path(&target, NULL, NULL, &path, &diag) == SPD_ERR_OK, diag.text);
    CHILD_CHECK(strcmp(path.interface_name, "west") == 0);
    CHILD_CHECK(path.link_header_bytes == 14);
    CHILD_CHECK(path.source.scope_id == target.scope_id);
}

static void a_link_local_target_goes_out_where_its_scope_says(void **state)
{
    (void)state;
    child_run(link_local);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_neighbour_is_reached_through_ethernet),
        cmocka_unit_test(ones_own_address_is_reached_through_loopback),
        cmocka_unit_test(a_vlan_adds_its_tag_to_the_link_header),
        cmocka_unit_test(a_link_tells_its_name_kind_and_mtu),
        cmocka_unit_test(link_headers_are_those_of_the_kind_of_link),
        cmocka_unit_test(a_tunnel_has_no_link_header),
        cmocka_unit_test(the_interface_asked_for_decides),
        cmocka_unit_test(the_mtu_of_the_path_wins_where_it_is_known),
        cmocka_unit_test(no_route_is_net_unreachable_and_names_the_target),
        cmocka_unit_test(ipv6_switched_off_is_net_unreachable),
        cmocka_unit_test(a_failing_name_server_is_told_from_an_unknown_name),
        cmocka_unit_test(a_link_local_target_goes_out_where_its_scope_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

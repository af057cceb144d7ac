/*
 * Networks as prefixes: what is one, what is in one.
 */
#include "common/base/network.h"

#include <stdio.h>

#include "tests/unit/unit.h"

static void networks_are_read_and_written(void **state)
{
    static const struct {
        const char *text, *canonical;
    } rows[] = {
        { "192.0.2.0/24", "192.0.2.0/24" },
        { "192.0.2.7", "192.0.2.7/32" },
        { "192.0.2.7/32", "192.0.2.7/32" },
        { "192.0.2.128/25", "192.0.2.128/25" },
        { "0.0.0.0/0", "0.0.0.0/0" },
        { "2001:DB8::/32", "2001:db8::/32" },
        { "2001:db8::1", "2001:db8::1/128" },
        { "::/0", "::/0" },
        { "fe80::/10", "fe80::/10" },
        { "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
          "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128" },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        struct spd_network network;
        char text[SPD_NETWORK_TEXT_BYTES];

        CHECK_ROW(rows[i].text, spd_network_parse(rows[i].text, &network));
        CHECK_ROW_TEXT(rows[i].text, spd_network_format(&network, text), rows[i].canonical);
    }
}

static void what_is_no_network_is_refused(void **state)
{
    static const char *const rows[] = {
        "",
        "/",
        "192.0.2.0/33",
        "192.0.2.0/",
        "192.0.2.0/024",
        "192.0.2.0/-1",
        "192.0.2.0/ 24",
        "192.0.2.7/24",
        "192.0.2.1/31",
        "2001:db8::/129",
        "2001:db8::1/32",
        "::1/0",
        "fe80::%2/64",
        "host/24",
        "192.0.2/24",
        "192.0.2.0/24/24",
        "192.0.2.0/24 ",
        "::/1000",
        "10.0.0.0/+8",
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        struct spd_network network, before;

        memset(&network, 0xEE, sizeof(network));
        before = network;
        CHECK_ROW(rows[i], !spd_network_parse(rows[i], &network));
        CHECK_ROW(rows[i], memcmp(&network, &before, sizeof(network)) == 0);
    }
}

static void an_address_is_in_its_networks(void **state)
{
    static const struct {
        const char *network, *address;
        bool in;
    } rows[] = {
        { "192.0.2.0/24", "192.0.2.0", true },
        { "192.0.2.0/24", "192.0.2.255", true },
        { "192.0.2.0/24", "192.0.3.0", false },
        { "192.0.2.128/25", "192.0.2.128", true },
        { "192.0.2.128/25", "192.0.2.127", false },
        { "192.0.2.4/30", "192.0.2.7", true },
        { "192.0.2.4/30", "192.0.2.8", false },
        { "192.0.2.7", "192.0.2.7", true },
        { "192.0.2.7", "192.0.2.6", false },
        { "0.0.0.0/0", "255.255.255.255", true },
        { "0.0.0.0/0", "::", false },
        { "::/0", "2001:db8::1", true },
        { "::/0", "192.0.2.1", false },
        { "0.0.0.0/0", "::ffff:192.0.2.1", true },
        { "192.0.2.0/24", "::ffff:192.0.2.1", true },
        { "192.0.2.0/24", "::ffff:192.0.3.1", false },
        { "2001:db8::/33", "2001:db8:7fff::", true },
        { "2001:db8::/33", "2001:db8:8000::", false },
        { "fe80::/10", "fe80::1%3", true },
        { "2001:db8::1", "2001:db8::1", true },
        { "2001:db8::1", "2001:db8::2", false },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        struct spd_network networks[2];
        struct spd_addr address;
        char row[100];

        snprintf(row, sizeof(row), "%s in %s", rows[i].address, rows[i].network);
        CHECK_ROW(row, spd_network_parse("198.51.100.0/24", &networks[0]));
        CHECK_ROW(row, spd_network_parse(rows[i].network, &networks[1]));
        CHECK_ROW(row, spd_addr_parse_host(rows[i].address, &address));
        CHECK_ROW_INT(row, spd_network_contains(&networks[1], &address), rows[i].in);
        CHECK_ROW_INT(row, spd_networks_contain(networks, 2, &address), rows[i].in);
        CHECK_ROW_INT(row, spd_networks_contain(networks, 1, &address), false);
    }
}

static void no_address_is_in_no_network(void **state)
{
    struct spd_network all;
    struct spd_addr none = { 0 };

    (void)state;
    assert_true(spd_network_parse("0.0.0.0/0", &all));
    assert_false(spd_network_contains(&all, &none));
    all.base.family = SPD_FAMILY_NONE;
    assert_false(spd_network_contains(&all, &none));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks_are_read_and_written),
        cmocka_unit_test(what_is_no_network_is_refused),
        cmocka_unit_test(an_address_is_in_its_networks),
        cmocka_unit_test(no_address_is_in_no_network),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
